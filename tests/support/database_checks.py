"""The contents of a database and of its files, the statements that it executes, and those that scan a whole table.

Tables count as large unless `SMALL_TABLES` lists them, so a new table needs an index or a reason. On SQLite, plans
don't depend on the number of rows as long as ANALYZE hasn't run. On PostgreSQL, the checks disable sequential scans
where an index exists.
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
    """Return all rows by table, to check that a refused change has left them as they were."""
    with database.read() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
            for table in Base.metadata.sorted_tables
        }


def count_rows(database: Database) -> dict[str, int]:
    """Return the number of rows by table."""
    with database.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def get_one(database: Database, model: type[T], **values: object) -> T:
    """Return the one row of a model with these values."""
    with database.read() as session:
        return session.scalars(select(model).filter_by(**values)).unique().one()


def get_states(database: Database) -> tuple[str | None, str | None, str | None]:
    """Return the states of the only question, assignment and answer, None where there is none."""
    with database.read() as session:
        return tuple(session.scalar(select(model.state)) for model in (Question, Assignment, Answer))


@contextmanager
def record_statements(database: Database, writes: bool = False) -> Iterator[list[str]]:
    """Record the statements of the engine for reading until the block ends, or of that for writing."""
    engine = database.writer if writes else database.reader
    statements: list[str] = []

    def record(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", record)


def count_queries(database: Database, fn: Callable[[], object]) -> int:
    """Return the number of statements that a function executes with the engine for reading."""
    with record_statements(database) as statements:
        fn()
    return len(statements)


def read_database_files(database: Database) -> bytes:
    """Return the contents of the files of a database, without vacuuming them first."""
    if database.is_sqlite:
        path = Path(database.url.removeprefix("sqlite:///"))
        return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))  # write the pages that PostgreSQL has changed in memory
        rows = connection.execute(
            text(
                "SELECT pg_read_binary_file(pg_relation_filepath(oid)) FROM pg_class "
                "WHERE relkind IN ('r', 'i', 't') AND pg_relation_filepath(oid) IS NOT NULL"
            )
        )
        return b"".join(bytes(row[0]) for row in rows)


def find_in_files(database: Database, *texts: str | bytes) -> list[str | bytes]:
    """Return the texts that occur in the files of a database."""
    contents = read_database_files(database)
    return [text for text in texts if (text.encode() if isinstance(text, str) else text) in contents]


def find_unerased(database: Database, *texts: str | bytes) -> list[str | bytes]:
    """Return the deleted texts that still occur in the files after secure deletion.

    On PostgreSQL the worker rewrites the tables. It finds changed ones by the server's statistics, which are about a
    second late.
    """
    if not database.is_sqlite:
        rewriter = Rewriter()

        def is_erased() -> bool:
            rewriter.rewrite(database)
            return not find_in_files(database, *texts)

        wait_until(is_erased, "the erased texts to leave the files of PostgreSQL")
    return find_in_files(database, *texts)


SMALL_TABLES = frozenset((
    "newsletters", "newsletter_texts", "former_names", "topics", "memberships", "counted_weeks", "public_versions",
    "sending_tools", "programs", "api_tokens", "sealing_keys", "sightings", "sweeps", "mail_sign_ins", "experts", "expert_pages",
    "people", "sessions", "sign_ins", "form_drafts", "uploads", "spent", "press_keys", "drafts",
))  # fmt: skip
"""Tables of which an old newsroom has some thousands of rows at most, or whose rows are deleted within hours."""

_IN_ORDER = "it reads the rows that it shows in the order of the index, and stops"
_OF_FEW = "a partial index of the few rows that wait"
_HOURLY = "once an hour, in batches"
_LEAVING = "the page of what is erased next, which is rarely opened: counts stop at 1,001"
# Steps that scan a large table or all rows of a newsletter, by endpoint or duty on SQLite, with the reason.
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
    ("keep the list of erasures", "SCAN chain_links"): _IN_ORDER,
    ("place mail", "SEARCH editions USING INDEX ix_editions_newsletter_id_runs_at_id (newsletter_id=?)"): _IN_ORDER,
    ("reader.home", "SEARCH questions USING INDEX ix_questions_shown (newsletter_id=?)"): _IN_ORDER,
    ("reader.corrections", "SEARCH corrections USING INDEX ix_corrections_newest (newsletter_id=?)"): _IN_ORDER,
    ("editor.home", "SCAN inbound USING INDEX ix_inbound_unplaced"): _OF_FEW,
    ("editor.home", "SCAN translators USING INDEX ix_translators_open"): _OF_FEW,
    ("editor.letters", "SEARCH letters USING COVERING INDEX ix_letters_like_many (newsletter_id=?)"): _OF_FEW,
    ("index", "SCAN letters USING INDEX ix_letters_unindexed"): _OF_FEW,
    ("index", "SCAN questions USING INDEX ix_questions_unindexed"): _OF_FEW,
    ("look for look-alikes", "SCAN letters USING INDEX ix_letters_unlooked"): _OF_FEW,
    ("sort waiting letters", "SCAN letters USING COVERING INDEX ix_letters_unplaced"): _OF_FEW,
    ("sort waiting letters", "SCAN letters USING COVERING INDEX ix_letters_unsorted"): _OF_FEW,
    ("extend the chain", "SCAN audit USING COVERING INDEX ix_audit_newsletter_id_at_id"): "once a day, along one index",
    ("place mail", "SCAN editions"): "for a mail to an unknown address; some thousands of rows in ten years",
    ("destroy old mail", "SEARCH inbound USING INDEX ix_inbound_newsletter_id_state_id (newsletter_id=?)"): _HOURLY,
    ("forget old words", "SCAN assignments"): _HOURLY,
    ("forget old words", "SCAN questions"): _HOURLY,
    ("forget old words", "SEARCH answers USING INDEX ix_answers_newsletter_id_state_id (newsletter_id=?)"): _HOURLY,
    ("forget old words", "SEARCH assignments USING INDEX ix_assignments_newsletter_id_id (newsletter_id=?)"): _HOURLY,
    ("forget old words", "SEARCH outbox USING INDEX ix_outbox_newsletter_id_state_id (newsletter_id=?)"): _HOURLY,
    ("tidy up", "SCAN translators"): _HOURLY,
    ("editor.leaving", "SCAN assignments"): _LEAVING,
    ("editor.leaving", "SEARCH answers USING INDEX ix_answers_newsletter_id_state_id (newsletter_id=?)"): _LEAVING,
    ("editor.leaving", "SEARCH assignments USING COVERING INDEX ix_assignments_newsletter_id_expert_id_id (newsletter_id=?)"): _LEAVING,
    ("editor.leaving", "SEARCH assignments USING INDEX ix_assignments_newsletter_id_id (newsletter_id=?)"): _LEAVING,
}  # fmt: skip
# The morning mail also lists what is erased next and the state of the chain, once a day.
ALLOWED_SCANS |= {
    ("morning mails", step): reason
    for (source, step), reason in ALLOWED_SCANS.items()
    if source in ("editor.leaving", "extend the chain")
}
QUERY_GOAL = 12  # times that a page of the desk may ask the database
# The lists, which ask less often, and the pages that may ask more often: docs/adr/0006-performance.md says why.
QUERY_CEILINGS = {
    "editor.letters": 13, "editor.questions": 11, "editor.shelf": 9, "editor.experts": 8, "editor.outbox": 11, "editor.pen": 7,
    "editor.insights": 7, "editor.waiting": 8,
    "editor.home": 21, "editor.question": 39, "editor.edition": 26, "editor.letter": 30, "editor.ask": 16,
    "editor.leaving": 24, "editor.take_trail": 16, "editor.trail": 16, "editor.mail_texts": 16, "editor.expert": 18,
    "editor.archive": 15, "editor.answer_edit": 14, "editor.export": 14, "editor.pen_mail": 13, "editor.assignment": 15, "editor.mail": 13,
    "editor.translations": 13,
}  # fmt: skip
ROW_STATEMENTS = ("SELECT", "WITH", "UPDATE", "DELETE")
_SQLITE_STEP = re.compile(r"(SCAN|SEARCH) (?:TABLE )?(\w+)(.*)")
_SEQUENTIAL_SCAN = re.compile(r"Seq Scan on (\w+)")
_ALIAS = re.compile(r"(?:FROM|JOIN|,)\s+(\w+) AS (\w+)")
_WHOLE_NEWSLETTER = re.compile(r"\(newsletter_id=\?\)$")  # uses only the newsletter of an index


def get_query_ceiling(endpoint: str) -> int:
    """Return how many times a page of the desk may ask the database."""
    return QUERY_CEILINGS.get(endpoint, QUERY_GOAL)


@dataclass
class StatementLog:
    """The statements that pages and the worker's duties execute, each with the values and the source of its first use.

    The source is an endpoint or a duty; the statements that a test executes itself are not recorded.
    """

    first_uses: dict[str, tuple[Any, str]] = field(default_factory=dict)
    duty: str = ""  # the one that the worker is doing

    def record(self, statement: str, values: Any) -> None:
        source = request.endpoint if has_request_context() else self.duty
        if source and statement not in self.first_uses and statement.lstrip("( ").startswith(ROW_STATEMENTS):
            self.first_uses[statement] = (values, source)

    def run_worker_duties(self, app: Flask) -> None:
        """Let the worker do each of its duties once."""
        for duty in worker.DUTIES:
            self.duty = duty.name
            assert worker._run_duty(duty, app, app.extensions["database"]), duty.name
        self.duty = ""


@contextmanager
def log_statements(database: Database) -> Iterator[StatementLog]:
    """Log the statements for reading and for writing until the block ends."""
    log = StatementLog()

    def record(
        _connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, is_executemany: bool
    ) -> None:
        log.record(statement, values[0] if is_executemany and isinstance(values, list) else values)

    for engine in (database.reader, database.writer):
        event.listen(engine, "before_cursor_execute", record)
    yield log
    for engine in (database.reader, database.writer):
        event.remove(engine, "before_cursor_execute", record)


def find_full_scans(database: Database, log: StatementLog) -> set[tuple[str, str]]:
    """Return the steps that scan a large table or all rows of a newsletter, each with the source of its statement."""
    scans = set()
    with database.read() as session:
        if not database.is_sqlite:
            session.execute(text("SET enable_seqscan = off"))
        cursor: Any = session.connection().connection.dbapi_connection.cursor()  # type: ignore[union-attr]
        explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
        for statement, (values, source) in log.first_uses.items():
            tables_by_alias = {alias: table for table, alias in _ALIAS.findall(statement)}
            for row in cursor.execute(f"{explain} {statement}", values).fetchall():
                step = str(row[-1]).strip()
                if database.is_sqlite:
                    match, name = _SQLITE_STEP.match(step), step
                else:
                    match = _SEQUENTIAL_SCAN.search(step)
                    name = match[0] if match else ""
                if match and _is_full_scan(match, tables_by_alias):
                    scans.add((source, name))
    return scans


def _is_full_scan(match: re.Match[str], tables_by_alias: dict[str, str]) -> bool:
    is_sequential = match.re is _SEQUENTIAL_SCAN
    alias = match[1] if is_sequential else match[2]
    table = tables_by_alias.get(alias, re.sub(r"_\d+$", "", alias))
    is_large = table in Base.metadata.tables and table not in SMALL_TABLES
    return is_large and (is_sequential or match[1] == "SCAN" or bool(_WHOLE_NEWSLETTER.search(match[3])))
