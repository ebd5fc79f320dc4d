"""What stands in a database and in its files, which statements it is asked, and which of them read a whole table.

A table is large unless it stands in `SMALL_TABLES`, so that a new one needs an index until somebody says why not. On
SQLite a plan doesn't depend on how many rows there are, unless ANALYZE has counted them; PostgreSQL is told to avoid
sequential scans where it can.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask, has_request_context, request
from sqlalchemy import event, func, select, text

from app.answers.models import Answer, Assignment
from app.db.engine import Database
from app.db.secure_delete import Rewriter
from app.models import Base
from app.questions.models import Question
from app.server import worker
from tests.support.waiting import wait_until

T = TypeVar("T")


def dump_tables(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table: what a refused change must leave as it is."""
    with database.read() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
            for table in Base.metadata.sorted_tables
        }


def count_rows(database: Database) -> dict[str, int]:
    """How many rows every table has."""
    with database.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def get_one(database: Database, model: type[T], **by: object) -> T:
    with database.read() as session:
        return session.scalars(select(model).filter_by(**by)).unique().one()


def get_states(database: Database) -> tuple[str | None, str | None, str | None]:
    """Where the only question, assignment and answer stand."""
    with database.read() as session:
        found = [session.scalar(select(model.state)) for model in (Question, Assignment, Answer)]
    return tuple(found)


@contextmanager
def record_statements(database: Database, writes: bool = False) -> Iterator[list[str]]:
    """The statements that reading runs meanwhile, or writing."""
    engine = database.writer if writes else database.reader
    statements: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", count)


def count_queries(database: Database, fn: Callable[[], object]) -> int:
    """How many queries reading a page takes."""
    with record_statements(database) as statements:
        fn()
    return len(statements)


def read_database_files(database: Database) -> bytes:
    """All that stands in the files of a database. Nothing is tidied up first."""
    if database.is_sqlite:
        path = Path(database.url.removeprefix("sqlite:///"))
        return b"".join(one.read_bytes() for one in path.parent.glob(f"{path.name}*"))
    with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(
            text("CHECKPOINT")
        )  # what PostgreSQL holds in memory has to stand in its files to be seen there
        rows = connection.execute(
            text(
                "SELECT pg_read_binary_file(pg_relation_filepath(oid)) FROM pg_class "
                "WHERE relkind IN ('r', 'i', 't') AND pg_relation_filepath(oid) IS NOT NULL"
            )
        )
        return b"".join(bytes(row[0]) for row in rows)


def find_in_files(database: Database, *words: str | bytes) -> list[str | bytes]:
    """Those of some words that stand in the files."""
    written = read_database_files(database)
    return [word for word in words if (word.encode() if isinstance(word, str) else word) in written]


def find_unerased(database: Database, *words: str | bytes) -> list[str | bytes]:
    """Those that stand there still when the erasure is over: on PostgreSQL the worker has a part in it.

    It learns of changed rows from the server's statistics, which come a second later.
    """
    if not database.is_sqlite:
        rewriter = Rewriter()

        def gone() -> bool:
            rewriter.rewrite(database)
            return not find_in_files(database, *words)

        wait_until(gone, "what was erased to leave the files of PostgreSQL")
    return find_in_files(database, *words)


SMALL_TABLES = frozenset((
    "newsletters", "newsletter_texts", "former_names", "topics", "memberships", "counted_weeks", "public_versions",
    "sending_tools", "programs", "sealing_keys", "sightings", "sweeps", "mail_sign_ins", "experts", "expert_pages",
    "people", "sessions", "sign_ins", "form_drafts", "uploads", "spent", "press_keys", "drafts",
))  # fmt: skip
"""What a house has a few of, or some thousands when it is old, or what is kept for hours."""

_IN_ORDER = "as many rows as it shows, in the order of the index, and then it stops"
_OF_FEW = "an index of the few rows that wait"
_HOURLY = "once an hour, in batches"
_LEAVING = "the page of what leaves next, which nobody opens often: counts stop at 1,001"
# What begins at the head of a large table or of a newsletter's rows, by page or duty on SQLite, and why it may.
ALLOWED_SCANS = {
    ("count for insights", "SEARCH letters USING COVERING INDEX ix_letters_newsletter_id_received_at (newsletter_id=?)"): _IN_ORDER,
    ("editor.ask", "SEARCH assignments USING INDEX ix_assignments_newsletter_id_id (newsletter_id=?)"): _IN_ORDER,
    ("editor.question", "SEARCH assignments USING INDEX ix_assignments_newsletter_id_id (newsletter_id=?)"): _IN_ORDER,
    ("editor.questions", "SEARCH editions USING COVERING INDEX ix_editions_newsletter_id_runs_at_id (newsletter_id=?)"): _IN_ORDER,
    ("editor.letters", "SEARCH letters USING INDEX ix_letters_crowds (newsletter_id=?)"): _IN_ORDER,
    ("editor.letter", "SEARCH letters USING INDEX ix_letters_crowds (newsletter_id=?)"): _IN_ORDER,
    ("editor.letters", "SEARCH letters USING COVERING INDEX ix_letters_crowds (newsletter_id=?)"): _IN_ORDER,
    ("editor.letter", "SEARCH letters USING COVERING INDEX ix_letters_crowds (newsletter_id=?)"): _IN_ORDER,
    ("editor.take_trail", "SEARCH audit USING INDEX ix_audit_newsletter_id_at_id (newsletter_id=?)"): _IN_ORDER,
    ("editor.trail", "SEARCH audit USING INDEX ix_audit_newsletter_id_at_id (newsletter_id=?)"): _IN_ORDER,
    ("extend the chain", "SCAN chain_links"): _IN_ORDER,
    ("place mail", "SEARCH editions USING INDEX ix_editions_newsletter_id_runs_at_id (newsletter_id=?)"): _IN_ORDER,
    ("reader.home", "SEARCH questions USING INDEX ix_questions_shown (newsletter_id=?)"): _IN_ORDER,
    ("reader.corrections", "SEARCH corrections USING INDEX ix_corrections_newest (newsletter_id=?)"): _IN_ORDER,
    ("editor.home", "SCAN inbound USING INDEX ix_inbound_unplaced"): _OF_FEW,
    ("editor.letters", "SEARCH letters USING COVERING INDEX ix_letters_like_many (newsletter_id=?)"): _OF_FEW,
    ("index", "SCAN letters USING INDEX ix_letters_unindexed"): _OF_FEW,
    ("index", "SCAN questions USING INDEX ix_questions_unindexed"): _OF_FEW,
    ("look for look-alikes", "SCAN letters USING INDEX ix_letters_unlooked"): _OF_FEW,
    ("sort waiting letters", "SCAN letters USING COVERING INDEX ix_letters_unplaced"): _OF_FEW,
    ("sort waiting letters", "SCAN letters USING COVERING INDEX ix_letters_unsorted"): _OF_FEW,
    ("extend the chain", "SCAN audit USING COVERING INDEX ix_audit_newsletter_id_at_id"): "once a day, along one index",
    ("place mail", "SCAN editions"): "for a mail to an address that nobody knows: some thousands in ten years",
    ("destroy old mail", "SEARCH inbound USING INDEX ix_inbound_newsletter_id_state_id (newsletter_id=?)"): _HOURLY,
    ("forget old words", "SCAN assignments"): _HOURLY,
    ("forget old words", "SCAN questions"): _HOURLY,
    ("forget old words", "SEARCH answers USING INDEX ix_answers_newsletter_id_state_state_at_id (newsletter_id=?)"): _HOURLY,
    ("forget old words", "SEARCH assignments USING INDEX ix_assignments_newsletter_id_id (newsletter_id=?)"): _HOURLY,
    ("forget old words", "SEARCH outbox USING INDEX ix_outbox_newsletter_id_state_id (newsletter_id=?)"): _HOURLY,
    ("tidy up", "SCAN translators"): _HOURLY,
    ("editor.leaving", "SCAN assignments"): _LEAVING,
    ("editor.leaving", "SEARCH answers USING INDEX ix_answers_newsletter_id_state_state_at_id (newsletter_id=?)"): _LEAVING,
    ("editor.leaving", "SEARCH assignments USING COVERING INDEX ix_assignments_newsletter_id_expert_id_id (newsletter_id=?)"): _LEAVING,
    ("editor.leaving", "SEARCH assignments USING INDEX ix_assignments_newsletter_id_id (newsletter_id=?)"): _LEAVING,
}  # fmt: skip
# The mail of the morning says what leaves next, too, and whether the chain is whole: once a day, if it is due just now.
ALLOWED_SCANS |= {
    ("morning mails", step): why
    for (place, step), why in ALLOWED_SCANS.items()
    if place in ("editor.leaving", "extend the chain")
}
ROW_STATEMENTS = ("SELECT", "WITH", "UPDATE", "DELETE")
_SQLITE_STEP = re.compile(r"(SCAN|SEARCH) (?:TABLE )?(\w+)(.*)")
_SEQUENTIAL_SCAN = re.compile(r"Seq Scan on (\w+)")
_ALIAS = re.compile(r"(?:FROM|JOIN|,)\s+(\w+) AS (\w+)")
_WHOLE_NEWSLETTER = re.compile(r"\(newsletter_id=\?\)$")  # no more of an index than whose rows they are


@dataclass
class StatementLog:
    """What was asked meanwhile: each statement once, with the values of its first time, and the page or the duty of the
    worker. What a test asks by itself is not noted."""

    first: dict[str, tuple[Any, str]] = field(default_factory=dict)
    duty: str = ""  # of the worker, which is doing it

    def record(self, statement: str, values: Any) -> None:
        place = request.endpoint if has_request_context() else self.duty
        if place and statement not in self.first_values and statement.lstrip("( ").startswith(ROW_STATEMENTS):
            self.first_values[statement] = (values, place)

    def run_worker_duties(self, app: Flask) -> None:
        """Have the worker do each of its duties once."""
        for duty in worker.DUTIES:
            self.duty = duty.name
            assert worker._run_duty(duty, app, app.extensions["database"]), duty.name
        self.duty = ""


@contextmanager
def log_statements(database: Database) -> Iterator[StatementLog]:
    """What is asked of a database meanwhile, by those who read and those who write."""
    asked = StatementLog()

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        asked.record(statement, values[0] if many and isinstance(values, list) else values)

    for engine in (database.reader, database.writer):
        event.listen(engine, "before_cursor_execute", note)
    yield asked
    for engine in (database.reader, database.writer):
        event.remove(engine, "before_cursor_execute", note)


def find_full_scans(database: Database, asked: StatementLog) -> set[tuple[str, str]]:
    """Return the steps in which all rows of a large table are read, or all of a newsletter, with the page."""
    found = set()
    with database.read() as session:
        if not database.is_sqlite:
            session.execute(text("SET enable_seqscan = off"))
        cursor: Any = session.connection().connection.dbapi_connection.cursor()  # type: ignore[union-attr]
        how = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
        for statement, (values, page) in asked.first_values.items():
            names = {alias: name for name, alias in _ALIAS.findall(statement)}
            for row in cursor.execute(f"{how} {statement}", values).fetchall():
                step = str(row[-1]).strip()
                match = _SQLITE_STEP.match(step) if database.is_sqlite else _SEQUENTIAL_SCAN.search(step)
                if match and _is_full_scan(match, names):
                    found.add((page, match[0] if not database.is_sqlite else step))
    return found


def _is_full_scan(match: re.Match[str], names: dict[str, str]) -> bool:
    sequential = match.re is _SEQUENTIAL_SCAN
    alias = match[1] if sequential else match[2]
    table = names.get(alias, re.sub(r"_\d+$", "", alias))
    is_large = table in Base.metadata.tables and table not in SMALL_TABLES
    return is_large and (sequential or match[1] == "SCAN" or bool(_WHOLE_NEWSLETTER.search(match[3])))
