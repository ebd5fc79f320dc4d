"""Somebody with the whole database, and at last with the keys too, rewrites the trail: the chain names what they did."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Signal
from threading import Thread

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import Event, chain, chain_check
from app.audit.models import ChainLink
from app.core.actors import Reader
from app.core.clock import utc_now
from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.fault_kinds import Busy
from app.letters import receipts, receive
from app.letters.models import Letter
from app.newsletters.models import Newsletter
from app.questions import actions
from app.workflows.indexing import index_due
from app.workflows.key_rotation import rotate
from app.workflows.letters import withdrawal
from app.workflows.retention import erase_letters
from tests.support.app import BASE_URL, SECRETS
from tests.support.commands import Installation, open_installation
from tests.support.databases import ON_SQLITE
from tests.support.processes import start_process_runner
from tests.support.rewritten_trail import keys_of, unguarded
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import WAIT_TIMEOUT

NIGHT = datetime(2026, 3, 5, 0, 30, tzinfo=UTC)


@pytest.fixture
def desk(app: Flask, database: Database, tmp_path: Path) -> Iterator[Installation]:
    """Where `readers-asked audit verify` is typed."""
    with open_installation(app, database.url, tmp_path / "erasures") as machine:
        yield machine


@pytest.fixture
def lived(database: Database, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A day on which six readers wrote with "just a number" while Nora opened six questions, and the night after it.

    A link holds four events here, so that the day's have several. Returns the letters.
    """
    monkeypatch.setattr(chain, "EVENTS_PER_LINK", 4)
    monkeypatch.setattr(chain_check, "EVENTS_PER_BATCH", 6)
    letters = []
    for number in range(6):
        moment = datetime(2026, 3, 4, 8 + number, 17, tzinfo=UTC)
        letters.append(database.write(lambda session, number=number: _ask(session, newsroom, number), moment))  # type: ignore[misc]
        database.write(lambda session, number=number: _open(session, newsroom, number), moment)  # type: ignore[misc]
        chain.extend(database, moment)
    chain.extend(database, NIGHT)
    return letters


def _ask(session: Session, newsroom: Newsroom, number: int) -> int:
    newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
    ask = receive.Submission(f"Why is well {number} salt?", "It was sweet.")
    return receive.send(session, Reader(), newsletter, ask, form=receive.FormToken(f"well {number}", 1)).id


def _open(session: Session, newsroom: Newsroom, number: int) -> None:
    actions.open_question(session, newsroom.nora, [], headline=f"Well {number}", body="Whose is it?", language="en")


def faults_of(database: Database) -> list[str]:
    """What the check tells, without what an event says of itself."""
    found: list[chain_check.ChainFault] = []
    chain_check.check(database, found.append)
    return [f"{fault.noun} {fault.key} {fault.what}" for fault in found]


def head(database: Database) -> str:
    with database.read() as session:
        return chain.get_position(session).short_head


def number_of_events(database: Database) -> int:
    return len(keys_of(database, "<")) + len(keys_of(database, ">="))


# --- What was written holds ---


def test_each_event_is_in_the_chain_once_its_day_is_over_and_it_all_holds(
    lived: list[int], database: Database, desk: Installation
) -> None:
    drawn, line = keys_of(database, "<"), keys_of(database, ">=")
    with database.read() as session:
        links = session.scalars(select(ChainLink).order_by(ChainLink.number)).all()
        assert chain.get_backlog(session)[0] == 0
    taken = [key for link in links for key, _digest in chain.unpack_digests(link)]
    assert ([key for key in taken if key >= 0], [key for key in taken if key < 0]) == (line, drawn)
    assert [link.number for link in links] == list(range(1, len(links) + 1))
    said = desk.run_ok("audit", "verify")
    assert f"{len(taken)} events in {len(links)} links; 0 not in the chain yet.\n" in said
    assert f"\nHead: {head(database)}\n" in said and said.endswith("The trail is unchanged.\n")


def test_todays_letters_without_an_address_wait_until_their_day_is_over(database: Database, newsroom: Newsroom) -> None:
    noon = datetime(2026, 3, 4, 12, tzinfo=UTC)
    database.write(lambda session: _ask(session, newsroom, 1), noon)
    chain.extend(database, noon)
    (drawn,) = keys_of(database, "<")

    def list_linked_events() -> list[int]:
        with database.read() as session:
            return [
                key for link in session.scalars(select(ChainLink)) for key, _ in chain.unpack_digests(link) if key < 0
            ]

    assert list_linked_events() == []
    chain.extend(database, NIGHT - timedelta(minutes=25))
    assert list_linked_events() == []  # who began before midnight may still be writing
    chain.extend(database, NIGHT)
    assert list_linked_events() == [drawn]


@pytest.mark.threat("rewritten trail")
def test_what_readers_take_back_and_what_has_had_its_time_leaves_the_trail_as_it_was(
    lived: list[int], database: Database, newsroom: Newsroom, desk: Installation
) -> None:
    """No erasure changes or removes an event: it adds one."""

    def take_back(session: Session) -> None:
        letter = session.get_one(Letter, lived[0])
        withdrawal.withdraw(session, receipts.reader_of(letter), letter)

    index_due(database)
    database.write(take_back, NIGHT)
    years = NIGHT + timedelta(days=900)
    while database.write(erase_letters.erase_due, years):
        pass
    with database.read() as session:
        assert session.scalars(select(Letter.id).where(Letter.erased_at.is_(None), Letter.id.in_(lived))).all() == []
    assert chain.extend(database, years) == len(lived)
    assert faults_of(database) == []
    assert desk.run_ok("audit", "verify").endswith("The trail is unchanged.\n")


def test_after_a_change_of_keys_old_links_hold_and_new_ones_have_the_new_key(
    lived: list[int], database: Database, newsroom: Newsroom
) -> None:
    both = Database(database.url, Keys({**SECRETS, 2: bytes(range(32, 64))}), BASE_URL)
    assert sum(rotate(both)) > 0
    both.close()
    new = Database(database.url, Keys({2: bytes(range(32, 64))}), BASE_URL)
    try:
        new.write(lambda session: _open(session, newsroom, 99))
        chain.extend(new, NIGHT)
        assert faults_of(new) == []
        with new.read() as session:
            assert set(session.scalars(select(ChainLink.key_no))) == {1, 2}
    finally:
        new.close()
    strange = Database(database.url, Keys({3: bytes(range(64, 96))}), BASE_URL)
    try:
        links = set(faults_of(strange))
    finally:
        strange.close()
    assert {re.sub(r"^link \d+ ", "", line) for line in links} == {
        "can't be checked: key 1 is not held",
        "can't be checked: key 2 is not held",
    }


def test_a_restored_backup_holds_and_goes_on(
    lived: list[int], database: Database, newsroom: Newsroom, desk: Installation, app: Flask, tmp_path: Path
) -> None:
    desk.run_ok("backup", tmp_path / "monday")
    before = head(database)
    with open_installation(app, f"sqlite:///{tmp_path / 'new.db'}", tmp_path / "erasures") as new:
        new.run_ok("restore", tmp_path / "monday", "--without-erasures")
        new.database.write(lambda session: _open(session, newsroom, 99))
        assert chain.extend(new.database, NIGHT) > 0
        said = new.run_ok("audit", "verify", "--head", before)
    assert said.endswith("The trail is unchanged.\n")
    database.write(lambda session: _open(session, newsroom, 100))
    chain.extend(database, NIGHT)
    with open_installation(app, f"sqlite:///{tmp_path / 'new.db'}", tmp_path / "erasures") as new:
        assert "or an older backup was restored." in new.run_refused("audit", "verify", "--head", head(database))


# --- What whoever has the database does to it ---


@pytest.mark.threat("rewritten trail")
@pytest.mark.parametrize("selection", ["<", ">="])
def test_an_event_that_was_changed_is_named(
    lived: list[int], database: Database, desk: Installation, selection: str
) -> None:
    key = keys_of(database, selection)[5]
    unguarded(database, f"UPDATE audit SET noun_id = noun_id + 1 WHERE id = {key}")
    assert faults_of(database) == [f"event {key} was changed"]
    said = desk.run_refused("audit", "verify")
    assert f"\nevent {key} was changed (" in said and f"1 differ; the first: event {key} was changed (" in said


COLUMNS = (
    "at = '2026-03-02 08:00:00'", "actor = 'staff:999'", "action = 'letter.join'", "noun = 'word'", "noun_id = 77",
    "newsletter_id = NULL", "question_id = NULL", "old = 'x'", "new = 'y'", """facts = '{"a":1}'""",
)  # fmt: skip


@pytest.mark.threat("rewritten trail")
def test_no_column_of_an_event_can_be_changed_unseen(
    lived: list[int], database: Database, attempts: Callable[[int], None]
) -> None:
    assert {change.split(" = ")[0] for change in COLUMNS} == {column.name for column in Event.__table__.c} - {"id"}
    changes = dict(zip(keys_of(database, ">=")[-len(COLUMNS) :], COLUMNS, strict=True))
    unguarded(database, *(f"UPDATE audit SET {change} WHERE id = {key}" for key, change in changes.items()))
    assert faults_of(database) == [f"event {key} was changed" for key in changes]
    attempts(len(changes))


@pytest.mark.threat("rewritten trail")
@pytest.mark.parametrize("selection", ["<", ">="])
def test_an_event_that_was_removed_is_named(lived: list[int], database: Database, selection: str) -> None:
    key = keys_of(database, selection)[4]
    unguarded(database, f"DELETE FROM audit WHERE id = {key}")
    assert faults_of(database) == [f"event {key} was removed"]


@pytest.mark.threat("rewritten trail")
def test_an_event_that_was_put_in_is_named(lived: list[int], database: Database) -> None:
    drawn, line = keys_of(database, "<")[0] + 1, keys_of(database, ">=")[-3]
    columns = "at, actor, action, noun, noun_id, newsletter_id"
    unguarded(
        database,
        f"DELETE FROM audit WHERE id = {line}",  # a gap, as a transaction leaves it that was undone
        f"INSERT INTO audit (id, {columns}) SELECT {line - 10_000}, {columns} FROM audit WHERE id = {line + 1}",
        f"INSERT INTO audit (id, {columns}) SELECT {drawn}, {columns} FROM audit WHERE id = {line + 1}",
        f"INSERT INTO audit (id, {columns}) SELECT 0, {columns} FROM audit WHERE id = {line + 1}",
    )
    found = faults_of(database)
    assert sorted(found) == sorted(
        [
            f"event {line - 10_000} was put in",
            f"event {drawn} was put in",
            "event 0 was put in",
            f"event {line} was removed",
        ]
    )


@pytest.mark.threat("rewritten trail")
def test_events_that_changed_places_are_named(lived: list[int], database: Database) -> None:
    one, other = keys_of(database, ">=")[3:5]
    spare = 2_000_000_000
    unguarded(
        database,
        f"UPDATE audit SET id = {spare} WHERE id = {one}",
        f"UPDATE audit SET id = {one} WHERE id = {other}",
        f"UPDATE audit SET id = {other} WHERE id = {spare}",
    )
    assert faults_of(database) == [
        f"event {one} was put in its place from where event {other} stood",
        f"event {other} was put in its place from where event {one} stood",
    ]


@pytest.mark.threat("rewritten trail")
def test_a_link_that_was_changed_or_removed_is_named(lived: list[int], database: Database) -> None:
    unguarded(database, "UPDATE chain_links SET line = line + 1 WHERE number = 3")
    assert "link 3 was changed, or what stands before it" in faults_of(database)
    unguarded(database, "UPDATE chain_links SET line = line - 1 WHERE number = 3")
    assert faults_of(database) == []
    unguarded(database, "DELETE FROM chain_links WHERE number = 4")
    assert {"link 4 is missing", "link 5 was changed, or what stands before it"} <= set(faults_of(database))


@ON_SQLITE
def test_what_no_column_can_hold_is_named_too(lived: list[int], database: Database) -> None:
    """SQLite takes anything into any column; PostgreSQL refuses it."""
    key = keys_of(database, ">=")[5]
    unguarded(database, f"UPDATE audit SET facts = 'not JSON', at = 'yesterday' WHERE id = {key}")
    assert faults_of(database) == [f"event {key} was changed"]
    unguarded(database, "UPDATE chain_links SET day = 'yesterday' WHERE number = 2")
    assert any("can't be read" in line for line in faults_of(database))


@pytest.mark.threat("rewritten trail")
def test_a_tail_that_was_cut_off_with_its_links_is_found_by_the_head_of_a_mail(
    lived: list[int], database: Database, desk: Installation
) -> None:
    mailed = head(database)
    assert desk.run_ok("audit", "verify", "--head", mailed)
    with database.read() as session:
        links = session.scalars(select(ChainLink).order_by(ChainLink.number)).all()
    cut = next(link for link in links if link.day)
    unguarded(
        database,
        f"DELETE FROM chain_links WHERE number >= {cut.number}",
        f"DELETE FROM audit WHERE id < 0 OR id > {cut.line}",
    )
    assert faults_of(database) == []
    assert f"Head {mailed.replace(' ', '')} is not in the chain" in desk.run_refused(
        "audit", "verify", "--head", mailed
    )


@pytest.mark.threat("rewritten trail")
def test_a_tail_that_was_cut_off_without_its_links_is_named(lived: list[int], database: Database) -> None:
    last = keys_of(database, ">=")[-2:]
    unguarded(database, f"DELETE FROM audit WHERE id >= {last[0]}")
    assert faults_of(database) == [f"event {key} was removed" for key in last]


@pytest.mark.threat("rewritten trail")
def test_a_chain_that_was_made_anew_is_found_by_the_head_of_a_mail(
    lived: list[int], database: Database, desk: Installation
) -> None:
    """Who has the database lets the worker do it, and who has the keys does it alone: it holds, and has other heads."""
    early, late = _head_of_link(database, 3), head(database)
    key = keys_of(database, ">=")[2]
    unguarded(database, "DELETE FROM chain_links", f"UPDATE audit SET actor = 'staff:999' WHERE id = {key}")
    while chain.extend(database, NIGHT):
        pass
    assert faults_of(database) == []
    assert "The trail is unchanged." in desk.run_ok("audit", "verify")
    refused = desk.run_refused("audit", "verify", "--head", late, "--head", early.upper())
    assert refused.count("is not in the chain: since that mail, the trail was rewritten or truncated") == 2


def _head_of_link(database: Database, number: int) -> str:
    with database.read() as session:
        return chain.get_position(session, number).short_head


@pytest.mark.threat("stolen database")
def test_the_digests_of_the_chain_confirm_no_guess_without_the_keys(lived: list[int], database: Database) -> None:
    with database.read() as session:
        link = session.scalars(select(ChainLink).where(ChainLink.drawn < 0)).first()
        assert link is not None
        key, kept = chain.unpack_digests(link)[0]
        row = session.execute(select(*chain.COLUMNS).where(Event.id == key)).one()
    assert chain.compute_digest(Keys(SECRETS), 1, row) == kept
    assert chain.compute_digest(Keys({1: bytes(range(100, 132))}), 1, row) != kept


def test_a_head_that_is_none_is_refused_in_a_sentence(desk: Installation, newsroom: Newsroom) -> None:
    for typed in ("7c1e", "not a head at all", "0" * 65):
        assert "a head is 16 to 64 hexadecimal digits" in desk.run_refused("audit", "verify", "--head", typed)


@pytest.mark.threat("rewritten trail")
def test_events_that_nobody_chains_are_told_of(desk: Installation, newsroom: Newsroom, database: Database) -> None:
    database.write(lambda session: _open(session, newsroom, 1), utc_now() - timedelta(hours=2))
    assert "No event was added to the chain for an hour" in desk.run_refused("audit", "verify")
    chain.extend(database)
    assert "The trail is unchanged." in desk.run_ok("audit", "verify")


# --- How it grows ---


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_nobody_who_writes_waits_and_what_they_write_late_is_in_its_place(
    database: Database, newsroom: Newsroom
) -> None:
    """On PostgreSQL a key is given before it is committed: one that comes late was waited for. SQLite has one writer."""
    chain.extend(database)
    wrote, goes_on = Signal(), Signal()

    def slow(session: Session) -> None:
        _open(session, newsroom, 1)
        wrote.set()
        assert goes_on.wait(WAIT_TIMEOUT)

    thread = Thread(target=database.write, args=(slow,))
    thread.start()
    assert wrote.wait(WAIT_TIMEOUT)
    database.write(lambda session: _open(session, newsroom, 2))  # nobody holds this one up
    before = head(database)
    with pytest.raises(Busy):
        chain.extend(database)
    assert head(database) == before
    goes_on.set()
    thread.join(WAIT_TIMEOUT)
    chain.extend(database)
    assert faults_of(database) == []
    with database.read() as session:
        assert chain.get_backlog(session) == (0, False)


def test_two_workers_at_once_make_one_chain(database: Database, newsroom: Newsroom) -> None:
    for number in range(12):
        database.write(lambda session, number=number: _open(session, newsroom, number))  # type: ignore[misc]
    faults: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(6):
                chain.extend(database)
        except Busy:
            pass
        except BaseException as error:  # a thread's own faults are nobody's else
            faults.append(error)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_TIMEOUT)
    chain.extend(database)
    assert (faults, faults_of(database)) == ([], [])
    with database.read() as session:
        taken = [key for link in session.scalars(select(ChainLink)) for key, _ in chain.unpack_digests(link)]
    assert sorted(taken) == keys_of(database, "<") + keys_of(database, ">=")


def test_a_worker_that_is_killed_while_it_extends_goes_on_from_there(lived: list[int], database: Database) -> None:
    unguarded(database, "DELETE FROM chain_links")
    reach = chain.ChainPosition()
    with start_process_runner("killed_worker", "chain", database.url, "words") as process:
        for statement in (12, 16, 20):
            assert process.run(statement) == "killed"
            assert faults_of(database) == []
            with database.read() as session:
                before, reach = reach, chain.get_position(session)
            assert reach.number > before.number
    chain.extend(database, NIGHT)
    assert faults_of(database) == []
    with database.read() as session:
        assert chain.get_backlog(session)[0] == 0
        assert chain.get_position(session).number > reach.number
