"""A thief has the database, and wants to know when in its day a letter with "just a number" was sent.

Each way to learn it is tried twice: on letters that keep their minute, on the day itself, where it has to work, and on
those that don't, the night after, where it must be as good as throwing dice. What lies beside the letters is known to the
minute: whoever writes to the desk again and again knows when they did.
"""

import bisect
import random
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, event, inspect, make_url, select, text
from sqlalchemy.orm import Session

from app.audit import chain
from app.audit.models import ChainLink, Event
from app.core.actors import Reader
from app.core.clock import utc_now
from app.core.listing import HIGHEST_KEY
from app.db.engine import Database
from app.db.fault_kinds import Busy
from app.letters import queries, receipts, receive
from app.letters.models import Addition, Letter
from app.newsletters.models import Newsletter
from app.workflows.indexing import index_due
from app.workflows.retention.forget_order import forget_order
from tests.support.letters import open_question
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom

DAY = datetime(utc_now().year + 1, 3, 4, tzinfo=UTC)  # to come at any clock
NIGHT = timedelta(days=1, minutes=5)
LETTERS = 60  # without a minute; as many with one lie between them
STEP = timedelta(minutes=11, seconds=50)
CHANCE = 0.65  # of a rank correlation of 60 that are shuffled, one in a million is higher
NEAR = timedelta(hours=6)  # on each side
MOST_NEAR = 0.8  # of all letters; half of them lie within twelve hours of a guess
PAGE = 4096  # bytes of SQLite's
Places = Mapping[int, Any]  # of letters, by their keys: something that may sort as they came


@dataclass
class Lived:
    """A day of a newsroom: when each letter came, and a word that stands in it alone."""

    database: Database
    came: dict[int, datetime] = field(default_factory=dict)
    kept: dict[int, datetime] = field(default_factory=dict)
    words: dict[int, str] = field(default_factory=dict)


def a_word(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=12))


@pytest.fixture
def whole_log(database: Database) -> Iterator[None]:
    """SQLite begins its log anew after 1,000 pages, which is every ten letters or so: here all of the day lies in it."""

    def keep(raw: Any, _record: object) -> None:
        raw.execute("PRAGMA wal_autocheckpoint=0")

    if not database.is_sqlite:
        yield
        return
    database.close()  # what is open already
    event.listen(database.writer, "connect", keep)
    yield
    event.remove(database.writer, "connect", keep)
    database.close()


@pytest.fixture
def lived(database: Database, newsroom: Newsroom) -> Lived:
    """The day before was put away; then somebody writes every twelve minutes, in turn without an address and with one."""
    forget_order(database, DAY - timedelta(days=1) + NIGHT)
    rng, day = random.Random(), Lived(database)
    for number in range(2 * LETTERS):
        kept, moment = number % 2 == 1, DAY + timedelta(minutes=4) + number * STEP
        key, word = _write(day, newsroom, moment, kept, rng)
        (day.kept if kept else day.came)[key] = moment
        day.words[key] = word
        index_due(database)
        chain.extend(database, moment)
    return day


def _write(day: Lived, newsroom: Newsroom, time: datetime, is_kept: bool, rng: random.Random) -> tuple[int, str]:
    word = a_word(rng)
    more = [word, *(a_word(rng) for _ in range(250 if rng.random() < 0.5 else 2))]  # some lie beside their rows
    ask = receive.Submission(
        f"Who weighs the {word}?", " ".join(more), **({"hear_back": "while", "email": "a@b.example"} if is_kept else {})
    )

    def work(session: Session) -> int:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        named = {"credit": "first", "name": "Timur", "place": "Osh", "consent": "Print it."}
        whole = receive.Submission(**{**ask.__dict__, **named})
        letter = receive.send(session, Reader(), newsletter, whole, form=receive.FormToken(word, 1))
        receipts.add(session, Reader(letter_id=letter.id), letter, "And who weighs it at home?")
        return letter.id

    return day.database.write(work, at=time), word


# --- What a thief learns from places, and how good it is ---


def guess_times(places: Places, known: Mapping[int, datetime]) -> dict[int, datetime]:
    """When each letter came, by the known one that lies next to it."""
    beside = sorted((places[key], key) for key in known if key in places)
    return {
        key: known[beside[min(bisect.bisect(beside, (place, key)), len(beside) - 1)][1]]
        for key, place in places.items()
        if key not in known
    }


def correlate_order(places: Places, came: Mapping[int, datetime]) -> float:
    """Return how far the order of places is that in which they came: Spearman's rank correlation, without its sign."""
    keys = [key for key in came if key in places]
    if len(keys) < 2:
        return 0.0
    theirs = {key: at for at, key in enumerate(sorted(keys, key=lambda key: (places[key], key)))}
    true = {key: at for at, key in enumerate(sorted(keys, key=came.__getitem__))}
    apart = sum((theirs[key] - true[key]) ** 2 for key in keys)
    return abs(1 - 6 * apart / (len(keys) * (len(keys) ** 2 - 1)))


def get_share_near(places: Places, came: Mapping[int, datetime], known: Mapping[int, datetime]) -> float:
    """Return the share of letters that are placed within twelve hours."""
    found = guess_times({key: place for key, place in places.items() if key in came or key in known}, known)
    return sum(abs(found[key] - came[key]) < NEAR for key in found) / len(came) if found else 0.0


# --- The ways ---


def the_columns(connection: Connection) -> Iterator[tuple[str, Places]]:
    """Each number and time, named or hidden, in each row that is about a letter."""
    is_sqlite = connection.dialect.name == "sqlite"
    look = inspect(connection)
    tables = [name for name in look.get_table_names() if not name.startswith(("desk_fts", "public_fts", "sqlite_"))]
    for table in tables:
        columns = [column["name"] for column in look.get_columns(table)]
        about = "letter_id" if "letter_id" in columns else "noun_id" if "noun_id" in columns else None
        about = "id" if table == "letters" else about
        if about is None:
            continue
        rule = " WHERE noun = 'letter'" if "noun" in columns else ""
        hidden = ["rowid"] if is_sqlite else ["xmin::text::bigint AS xmin", "ctid::text AS ctid"]
        for column in (*columns, *hidden):
            found = connection.execute(text(f"SELECT {about}, {column} FROM {table}{rule} ORDER BY 1")).all()
            rows = [(key, value) for key, value in found if isinstance(value, int | datetime | str) and key is not None]
            for which, some in (
                ("", rows),
                (", another", rows[::-1]),
            ):  # where there are several, the last and the first
                if some:
                    yield f"{table}.{column.partition('::')[0]}{which}", _sortable(dict(some))


def _sortable(values: dict[int, Any]) -> Places:
    """Places in a heap sort by page and line; all else as it is, where all are of a kind."""
    if all(isinstance(value, str) and value.startswith("(") for value in values.values()):
        return {key: tuple(map(int, value.strip("()").split(","))) for key, value in values.items()}
    return {key: str(value) if isinstance(value, str) else value for key, value in values.items()}


def the_index(connection: Connection, words: Mapping[int, str]) -> Iterator[tuple[str, Places]]:
    """Where a letter's own word stands in the full-text index and its counts."""
    if connection.dialect.name == "sqlite":
        pieces = connection.exec_driver_sql("SELECT id, block FROM desk_fts_data WHERE id > 10 ORDER BY id").all()
        yield (
            "desk_fts_data",
            {
                # The number of the piece: later ones are higher on the day itself.
                key: next((number >> 37 for number, block in pieces if word[3:].encode() in block), 0)
                for key, word in words.items()
            },
        )
        numbered = "rowid" if _has_rowid(connection) else "0"
        terms = connection.exec_driver_sql(f"SELECT term, {numbered} FROM desk_terms").all()
        lies = {term.rpartition("·")[2]: number for term, number in terms}
        yield "desk_terms", {key: lies.get(word, 0) for key, word in words.items()}
        return
    for table, column in (("desk_terms", "term"), ("desk_fts", "terms::text")):
        for hidden in ("xmin::text::bigint", "ctid::text"):
            rows = connection.exec_driver_sql(f"SELECT {column}, {hidden} FROM {table}").all()
            found = {key: place for key, word in words.items() for whole, place in rows if word in whole}
            yield f"{table}.{hidden[:4]}", _sortable(found)


def _has_rowid(connection: Connection) -> bool:
    made = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'desk_terms'").scalar() or ""
    return "WITHOUT ROWID" not in made


def the_chain(connection: Connection) -> Iterator[tuple[str, Places]]:
    """Where the events of each letter stand in the chain over the trail: first and last, by link and by the place in it, and
    what is hidden of the link."""
    about = dict(connection.execute(text("SELECT id, noun_id FROM audit WHERE noun = 'letter'")).all())
    number, hidden = ChainLink.number, ("rowid",) if connection.dialect.name == "sqlite" else ("xmin", "ctid")
    cast = ", ".join(name if name == "rowid" else f"{name}::text" for name in hidden)
    lies = {row[0]: row[1:] for row in connection.execute(text(f"SELECT number, {cast} FROM chain_links"))}
    places: dict[int, list[tuple[int, int]]] = {}
    for link in connection.execute(select(number, ChainLink.digests).order_by(number)):
        size = chain.ENTRY.size
        for at in range(0, len(link.digests), size):
            key = chain.ENTRY.unpack(link.digests[at : at + size])[0]
            if key in about:
                places.setdefault(about[key], []).append((link.number, at))
    yield "the chain", {key: some[0] for key, some in places.items()}
    yield "the chain, last", {key: some[-1] for key, some in places.items()}
    for column, name in enumerate(hidden):
        found = {key: lies[some[0][0]][column] for key, some in places.items()}
        yield f"the chain, {name}", _sortable(found if name == "ctid" else {key: int(it) for key, it in found.items()})


def the_bytes(database: Database, words: Mapping[int, str]) -> Iterator[tuple[str, Places]]:
    """Where a letter's own words lie in the file and its write-ahead log, first and last: in pages that are in use, and
    in those that are free. In a page, SQLite puts what comes later further in front; a log that begins anew says so.
    """
    with database.writer.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")  # the log stays, and the file has all of it
    file = Path(str(make_url(database.url).database))
    log = file.with_name(f"{file.name}-wal")
    for name, path, place in (("the file", file, _in_file), ("the log", log, _in_log)):
        kept = path.read_bytes() if path.exists() else b""
        lie = {
            key: sorted(place(kept, found.start()) for found in re.finditer(f"weighs the {word}".encode(), kept))
            for key, word in words.items()
        }
        yield f"{name}, first", {key: some[0] for key, some in lie.items() if some and all(one[0] for one in some)}
        yield f"{name}, last", {key: some[-1] for key, some in lie.items() if some}


def _in_file(_kept: bytes, at: int) -> tuple[int, ...]:
    return at // PAGE, -(at % PAGE)


def _in_log(data: bytes, at: int) -> tuple[int, ...]:
    """A frame has a header of 24 bytes, behind the log's own of 32; both tell the number of its beginning, by which one
    that was left from before is known: these say little.
    """
    frame = (at - 32) // (PAGE + 24)
    header = 32 + frame * (PAGE + 24)
    return data[header + 8 : header + 12] == data[16:20], frame, -at


def the_long(connection: Connection, words: Mapping[int, str]) -> Iterator[tuple[str, Places]]:
    """The numbers of long values, which PostgreSQL keeps beside their rows. What is random isn't packed."""
    for table in ("letters", "desk_docs"):
        where = f"SELECT reltoastrelid::regclass::text FROM pg_class WHERE oid = '{table}'::regclass"
        beside = connection.exec_driver_sql(where).scalar()
        pieces = connection.exec_driver_sql(f"SELECT chunk_id::text::bigint, chunk_data FROM {beside}").all()
        yield (
            f"{table}, long",
            {key: number for key, word in words.items() for number, piece in pieces if word.encode() in bytes(piece)},
        )


def ways(day: Lived) -> dict[str, Places]:
    """All places that a thief finds, by the way in which they were found."""
    found: dict[str, Places] = {}
    if day.database.is_sqlite:
        found |= dict(the_bytes(day.database, day.words))
    with day.database.reader.connect() as connection:
        found |= dict(the_columns(connection)) | dict(the_index(connection, day.words)) | dict(the_chain(connection))
        found |= {} if day.database.is_sqlite else dict(the_long(connection, day.words))
    return found


# Ways that work on the day itself, on letters that keep their minute.
WORK = {
    True: (
        "letters.id", "letters.received_at", "letters.rowid", "audit.id", "desk_docs.id", "contacts.id", "desk_fts_data", "the chain", "the chain, rowid",
        "the log, first", "the file, first",
    ),
    False: (
        "letters.id", "letters.received_at", "letters.xmin", "letters.ctid", "audit.id", "audit.xmin", "audit.ctid",
        "desk_docs.id", "desk_docs.xmin", "desk_docs.ctid", "contacts.ctid", "credits.xmin", "additions.xmin",
        "desk_terms.xmin", "desk_fts.xmin", "letters, long", "desk_docs, long",
        "the chain", "the chain, xmin", "the chain, ctid",
    ),
}  # fmt: skip


MUDDLED = {"the file, first": 0.5}  # pages that were freed are used again


@pytest.mark.threat("stolen database")
@pytest.mark.usefixtures("whole_log")
def test_every_way_to_the_minute_works_where_the_minute_is_kept(lived: Lived) -> None:
    found = ways(lived)
    sure = {name: round(correlate_order(found[name], lived.kept), 2) for name in WORK[lived.database.is_sqlite]}
    assert {name: value for name, value in sure.items() if value < MUDDLED.get(name, 0.8)} == {}


@pytest.mark.threat("stolen database", "stolen database and keys")
def test_once_the_day_is_over_no_way_tells_when_a_letter_with_just_a_number_came(lived: Lived) -> None:
    assert forget_order(lived.database, DAY + NIGHT) is True
    assert chain.extend(lived.database, DAY + NIGHT + chain.DAY_CLOSES) > LETTERS  # now these are in the chain as well
    found = ways(lived)
    assert set(WORK[lived.database.is_sqlite]) - set(found) <= {"the log, first"}  # the log is empty
    ordered = {name: round(correlate_order(places, lived.came), 2) for name, places in found.items()}
    close = {name: round(get_share_near(places, lived.came, lived.kept), 2) for name, places in found.items()}
    assert {name: value for name, value in ordered.items() if value > CHANCE} == {}
    assert {name: value for name, value in close.items() if value > MOST_NEAR} == {}


@pytest.mark.threat("stolen database")
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_planner_s_statistics_do_not_tell_which_letters_came_before_they_were_made(
    database: Database, newsroom: Newsroom
) -> None:
    """PostgreSQL's autovacuum makes them during the day, of all keys that a table has, if these are few."""

    def sampled_ids() -> set[int]:
        with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            bounds = "SELECT histogram_bounds::text FROM pg_stats WHERE tablename = 'letters' AND attname = 'id'"
            return {int(number) for number in connection.scalar(text(bounds)).strip("{}").split(",")}

    def write(count: int) -> set[int]:
        rng = random.Random()
        return {_write(Lived(database), newsroom, DAY, False, rng)[0] for _ in range(count)}

    forget_order(database, DAY - timedelta(days=1) + NIGHT)
    morning = write(4)
    with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    evening = write(4)
    assert sampled_ids() == morning
    forget_order(database, DAY + NIGHT)
    assert sampled_ids() == morning | evening


@pytest.mark.threat("stolen database")
@pytest.mark.both_databases
@pytest.mark.parametrize("index", range(3))
def test_the_index_does_not_tell_between_which_questions_the_only_letter_of_a_day_came(
    database: Database, newsroom: Newsroom, index: int
) -> None:
    """The trail has the minute in which the desk opened each question."""
    open_question(database, newsroom, "The Silos")
    index_due(database)
    forget_order(database, DAY - timedelta(days=1) + NIGHT)
    acts = [lambda headline=headline: open_question(database, newsroom, headline) for headline in ("Salt", "Wind")]
    acts.insert(index, lambda: _write(Lived(database), newsroom, DAY, False, random.Random())[1])
    for act in acts:
        act()
        index_due(database)
    forget_order(database, DAY + NIGHT)
    with database.read() as session:
        docs = session.execute(text("SELECT noun, id FROM desk_docs ORDER BY id")).all()
    first = docs[0].id
    assert [(row.noun, row.id - first) for row in docs] == [
        ("question", 0),
        ("letter", 4),
        ("question", 5),
        ("question", 6),
    ]


def test_today_the_desk_still_reads_letters_in_the_order_in_which_they_came(lived: Lived, newsroom: Newsroom) -> None:
    def list_received() -> list[int]:
        with lived.database.read() as session:
            rows = queries.listing(newsroom.newsletter_id, ("received",)).page(session, None, 1_000)
            return [row.id for row in rows if row.id in lived.came]

    assert list_received() == list(lived.came)[::-1]
    forget_order(lived.database, DAY + NIGHT)
    assert (list_received() != list(lived.came)[::-1], sorted(list_received())) == (True, sorted(lived.came))


def test_a_key_that_is_taken_is_drawn_again(
    database: Database, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(nonce: str) -> int:
        ask = receive.Submission("Who weighs the salt in the orchards by the sea?")

        def work(session: Session) -> int:
            newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
            return receive.send(session, Reader(), newsletter, ask, form=receive.FormToken(nonce, 1)).id

        return database.write(work)

    first = send("a nonce")
    drawn = iter((first, first, -7))  # and then, for the event, a number that is still free in the trail
    monkeypatch.setattr("app.db.drawn_keys.secrets.randbelow", lambda _room: next(drawn, -8) + HIGHEST_KEY)
    assert send("another nonce") == -7
    with database.read() as session:
        assert {*session.scalars(select(Letter.id))} == {first, -7}
        assert {*session.scalars(select(Event.noun_id).filter_by(action="letter.send"))} == {first, -7}


def test_what_a_reader_adds_stays_in_its_order(lived: Lived) -> None:
    key = next(iter(lived.came))
    more = [f"And the {number}." for number in range(receipts.MOST_ADDITIONS - 1)]

    def add(session: Session) -> None:
        for body in more:
            receipts.add(session, Reader(letter_id=key), session.get_one(Letter, key), body)

    lived.database.write(add, at=DAY + timedelta(hours=20))
    with lived.database.read() as session:
        bodies = session.scalars(select(Addition.body).filter_by(letter_id=key).order_by(Addition.id)).all()
    assert bodies == ["And who weighs it at home?", *more]


@pytest.mark.threat("stolen database")
def test_whoever_looks_at_the_old_rows_all_the_time_only_puts_it_off(lived: Lived) -> None:
    """A backup that runs, for example: what it might still see is kept, so it is done again once it is over."""
    with lived.database.reader.connect() as connection:
        if not lived.database.is_sqlite:
            connection.execution_options(isolation_level="REPEATABLE READ")
        connection.execute(text("SELECT count(*) FROM letters"))
        with pytest.raises(Busy):
            forget_order(lived.database, DAY + NIGHT)
    assert forget_order(lived.database, DAY + NIGHT) is True
    assert forget_order(lived.database, DAY + NIGHT) is False


@pytest.mark.parametrize(
    ("tongue", "message"),
    [
        ("en", "That night (UTC) we shuffle the order."),
        ("fa", "شبِ پس از آن (به وقت جهانی UTC) همهٔ این‌ها را به ترتیبی دیگر درمی‌آوریم."),
    ],
)
def test_the_page_says_what_holds_until_the_day_is_over(
    client: FlaskClient, newsroom: Newsroom, tongue: str, message: str
) -> None:
    assert Page(client.get(f"/steppe/protection?lang={tongue}").text).main_text.count(message) == 1
