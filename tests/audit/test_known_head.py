"""Somebody who can write to the database, but has no keys, deletes the chain or its end: the list of erasures knows better."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import Event, chain, chain_check
from app.audit.known_head import ChainBroken, KnownHead
from app.backup import erasure_list
from app.backup.erasure_list import ErasureListWriter, Erasures, read_head
from app.core.clock import utc_now
from app.db.engine import Database
from app.doctor.checks import examine
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.questions import actions
from app.workflows.overview import digest
from tests.support.app import SECRETS
from tests.support.commands import Installation, open_installation
from tests.support.databases import DatabasePool, postgres_copy, postgres_url
from tests.support.rewritten_trail import keys_of, unguarded
from tests.support.sample_newsroom import Newsroom

LINKS = 50
WHOLE = f"The list of erasures knows link {LINKS}, which is in the chain."


def act(database: Database, newsroom: Newsroom, number: int) -> None:
    def open_question(session: Session) -> None:
        actions.open_question(session, newsroom.nora, [], headline=f"Well {number}", body="Whose is it?", language="en")

    database.write(open_question)


def work(desk: Installation) -> None:
    """What the worker does to trail and list every ten seconds."""
    desk.run_ok("worker", "--once")


def count_links(database: Database) -> int:
    with database.read() as session:
        return chain_check.count_links(session)


@pytest.fixture
def desk(app: Flask, database: Database, tmp_path: Path) -> Iterator[Installation]:
    with open_installation(app, database.url, tmp_path / "erasures") as machine:
        yield machine


@pytest.fixture
def noted_chain(
    desk: Installation,
    database: Database,
    database_pool: DatabasePool,
    newsroom: Newsroom,
    monkeypatch: pytest.MonkeyPatch,
) -> Installation:
    """A newsroom with a chain of fifty links, of which the worker has noted the newest."""
    monkeypatch.setattr(chain, "EVENTS_PER_LINK", 1)

    def build() -> None:
        work(desk)
        for number in range(LINKS - count_links(database)):
            act(database, newsroom, number)
        chain.extend(database)
        _cut(database, LINKS)
        desk.database.close()

    database_pool.fill(database, "noted chain", build)
    desk.write_erasure_list()
    assert read_head(desk.erasures, database.keyring).number == LINKS
    return desk


def _cut(database: Database, last_number: int) -> None:
    """Remove all links after the one with `last_number`, and their events."""
    with database.read() as session:
        line = chain.get_position(session, last_number).last_sequential_id if last_number else -1
    unguarded(database, f"DELETE FROM chain_links WHERE number > {last_number}", f"DELETE FROM audit WHERE id > {line}")


def trail_findings(desk: Installation) -> list[str]:
    """What doctor says of the trail."""
    desk.app.config["ERASURES"], before = str(desk.erasures), desk.app.config["ERASURES"]
    try:
        with desk.app.app_context():
            results = examine(desk.database, desk.app.config)
    finally:
        desk.app.config["ERASURES"] = before
    return [finding.message for result in results if result.check.name == "trail" for finding in result.findings]


# --- What an attacker with the database does ---


@pytest.mark.threat("rewritten trail")
def test_a_deleted_chain_is_never_built_anew_and_is_reported(noted_chain: Installation, database: Database) -> None:
    """Every third event is gone too; nothing in the database says any more that there was a chain."""
    every_third = ",".join(map(str, keys_of(database, ">=")[::3]))
    unguarded(database, "DELETE FROM chain_links", f"DELETE FROM audit WHERE id IN ({every_third})")
    for _ in range(3):
        work(noted_chain)
    assert count_links(database) == 0
    said = noted_chain.run_refused("audit", "verify")
    assert f"The chain was shortened: link {LINKS} was noted, and the chain ends at link 0. If you restored" in said
    assert any("the chain was shortened" in message for message in trail_findings(noted_chain))


@pytest.mark.threat("rewritten trail")
def test_a_chain_that_lost_its_newest_forty_links_is_reported_and_not_extended(
    noted_chain: Installation, database: Database, newsroom: Newsroom
) -> None:
    _cut(database, LINKS - 40)
    act(database, newsroom, 99)
    work(noted_chain)
    assert count_links(database) == LINKS - 40
    assert f"ends at link {LINKS - 40}. If you" in noted_chain.run_refused("audit", "verify")
    assert any("the chain was shortened" in message for message in trail_findings(noted_chain))


@pytest.mark.threat("rewritten trail")
def test_a_chain_that_a_worker_without_the_list_built_anew_is_reported(
    noted_chain: Installation, database: Database, newsroom: Newsroom, app: Flask, tmp_path: Path
) -> None:
    """A new machine trusts the first chain that it sees; the old one's list doesn't, and keeps its head."""
    known_head = read_head(noted_chain.erasures, database.keyring)
    unguarded(database, "DELETE FROM chain_links", f"DELETE FROM audit WHERE id = {keys_of(database, '>=')[3]}")
    with open_installation(app, database.url, tmp_path / "elsewhere") as other:
        for number in range(LINKS + 10 - len(keys_of(database, ">="))):
            act(database, newsroom, number)
        for _ in range(3):
            work(other)
        assert count_links(database) > LINKS
    work(noted_chain)
    assert read_head(noted_chain.erasures, database.keyring) == known_head
    said = noted_chain.run_refused("audit", "verify")
    assert f"The chain was rebuilt: link {LINKS} has another head than the one that was noted." in said
    assert any("the chain was rebuilt" in message for message in trail_findings(noted_chain))


@pytest.mark.threat("rewritten trail")
def test_links_before_the_noted_one_cannot_be_left_out(noted_chain: Installation, database: Database) -> None:
    unguarded(database, f"DELETE FROM chain_links WHERE number < {LINKS - 30}")
    assert "link 1 is missing" in noted_chain.run_refused("audit", "verify")
    assert f"{LINKS - 31} links of the chain are missing" in trail_findings(noted_chain)


@pytest.mark.threat("rewritten trail")
def test_a_copy_of_old_rows_put_back_is_reported(
    noted_chain: Installation, database: Database, newsroom: Newsroom
) -> None:
    """The attacker copied chain and trail early, and puts that copy back: each row of it is genuine."""
    for number in range(5):
        act(database, newsroom, number)
    work(noted_chain)
    newest = count_links(database)
    assert read_head(noted_chain.erasures, database.keyring).number == newest > LINKS
    _cut(database, LINKS)
    act(database, newsroom, 99)
    work(noted_chain)
    assert count_links(database) == LINKS
    assert f"link {newest} was noted, and the chain ends at link {LINKS}" in noted_chain.run_refused("audit", "verify")


@pytest.mark.threat("rewritten trail")
def test_a_forged_link_is_never_noted(noted_chain: Installation, database: Database) -> None:
    columns = "key_no, line, day, drawn, digests, head"
    unguarded(
        database,
        f"INSERT INTO chain_links (number, {columns}) SELECT {LINKS + 1}, {columns} FROM chain_links "
        f"WHERE number = {LINKS}",
    )
    noted_chain.write_erasure_list()
    assert read_head(noted_chain.erasures, database.keyring).number == LINKS
    assert f"link {LINKS + 1} was changed" in noted_chain.run_refused("audit", "verify")


@pytest.mark.threat("rewritten trail")
def test_no_head_can_be_written_into_the_list_without_the_keys(noted_chain: Installation, database: Database) -> None:
    content = noted_chain.erasures.read_bytes()
    for former, forged in ((b"trail 00000 00000000", b"trail 00001 00000000"), (b"00050 ", b"00000 ")):
        assert former in content
        noted_chain.erasures.write_bytes(content.replace(former, forged, 1))
        assert "is not a list of erasures of this newsroom" in noted_chain.run_refused("audit", "verify")
        assert any("can't be read" in message for message in trail_findings(noted_chain))


@pytest.mark.threat("rewritten trail")
def test_the_morning_mail_tells_of_it_and_shows_no_head_of_such_a_chain(
    noted_chain: Installation, database: Database, newsroom: Newsroom
) -> None:
    known_head = read_head(noted_chain.erasures, database.keyring)
    _cut(database, 10)
    with database.read() as session:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        morning = digest.get_digest_time(newsletter, utc_now() + timedelta(days=1))
    assert digest.send_digests(database, morning, known_head) == 1
    with database.read() as session:
        digests = select(OutboxMail).where(OutboxMail.kind == "desk.digest").order_by(OutboxMail.id)
        mail = outbox.read(session, session.scalars(digests).all()[-1])  # today's may have been sent before
    assert "The trail was rewritten or shortened, or an older backup was restored." in mail.text
    assert "Head of the trail" not in mail.text


@pytest.mark.threat("rewritten trail")
def test_the_guard_holds_for_each_link_that_is_added(
    noted_chain: Installation, database: Database, newsroom: Newsroom
) -> None:
    act(database, newsroom, 99)
    with pytest.raises(ChainBroken, match="another head"):
        chain.extend(database, known_head=KnownHead(0, LINKS, bytes(32)))
    assert count_links(database) == LINKS


@pytest.mark.threat("stolen database")
def test_the_list_does_not_tell_between_which_links_something_was_erased(
    noted_chain: Installation, database: Database, newsroom: Newsroom
) -> None:
    """The head has no line of its own among those of erasures: its links have times."""
    size = noted_chain.erasures.stat().st_size
    for number in range(3):
        act(database, newsroom, number)
        work(noted_chain)
    assert noted_chain.erasures.stat().st_size == size


# --- What honest people do ---


def test_a_new_installation_has_no_head_and_nothing_to_report(desk: Installation, newsroom: Newsroom) -> None:
    assert "The list of erasures knows no head yet" in desk.run_ok("audit", "verify")
    assert "there is nothing to accept" in desk.run_refused("audit", "acknowledge", "--yes")


def test_a_list_of_the_version_before_goes_on_with_its_lines(noted_chain: Installation, database: Database) -> None:
    proof = database.keyring.mac(erasure_list.PURPOSE, "the list").hex()
    line = f"1 {'ab' * 32}\n"
    noted_chain.erasures.write_text(
        f"readers-asked erasures 1, complete to 2026-03-01T00:00:00.000000Z, of {proof}\n{line}"
    )
    os.chmod(noted_chain.erasures, 0o600)
    assert read_head(noted_chain.erasures, database.keyring) == KnownHead()
    noted_chain.write_erasure_list()
    found = erasure_list.read_list(noted_chain.erasures, database.keyring)
    assert found is not None and (1, bytes.fromhex("ab" * 32)) in found.lines
    assert found.newest_head.number == LINKS
    assert WHOLE in noted_chain.run_ok("audit", "verify")


@pytest.mark.threat("rewritten trail")
def test_an_older_backup_is_reported_until_the_operator_accepts_it(
    noted_chain: Installation, database: Database, newsroom: Newsroom, app: Flask, tmp_path: Path
) -> None:
    noted_chain.run_ok("backup", tmp_path / "monday")
    for number in range(5):
        act(database, newsroom, number)
    work(noted_chain)
    newest = count_links(database)
    with open_installation(app, f"sqlite:///{tmp_path / 'new.db'}", noted_chain.erasures) as new:
        assert f"link {newest} was noted" in new.run_ok("restore", tmp_path / "monday", "--without-erasures")
        work(new)
        assert count_links(new.database) == LINKS
        assert "run `readers-asked audit acknowledge`" in new.run_refused("audit", "verify")
        assert "Accepted." in new.run_ok("audit", "acknowledge", "--yes")
        work(new)
        assert "The trail is unchanged." in new.run_ok("audit", "verify")
        assert trail_findings(new) == []
        assert count_links(new.database) > LINKS
        with new.database.read() as session:
            event = session.scalars(select(Event).where(Event.action == "newsletter.accept_trail")).one()
        assert event.facts == {"known": newest, "found": LINKS}
        # The accepted chain is guarded in its turn.
        _cut(new.database, 20)
        assert "was shortened" in new.run_refused("audit", "verify")


def test_a_copy_on_another_machine_and_in_the_other_database_takes_the_head_along(
    noted_chain: Installation, database: Database, newsroom: Newsroom, app: Flask, tmp_path: Path
) -> None:
    """From SQLite to PostgreSQL, and back: the chain is the same there."""
    noted_chain.run_ok("backup", tmp_path / "monday")
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'new.db'}"
        if database.is_sqlite:
            url = postgres_url(stack.enter_context(postgres_copy("template0")))
        new = stack.enter_context(open_installation(app, url, tmp_path / "new-erasures"))
        assert "WARNING: the trail" not in new.run_ok("restore", tmp_path / "monday", "--without-erasures")
        assert read_head(new.erasures, database.keyring).number == LINKS
        assert WHOLE in new.run_ok("audit", "verify")
        work(new)
        assert new.run_ok("audit", "verify").endswith("The trail is unchanged.\n")
        _cut(new.database, 20)
        work(new)
        assert "was shortened" in new.run_refused("audit", "verify")


def test_of_two_lists_the_one_counts_that_was_accepted_last() -> None:
    before, after = (
        Erasures(utc_now() - timedelta(days=1), frozenset(), frozenset({KnownHead(0, 90, b"a")})),
        Erasures(utc_now(), frozenset(), frozenset({KnownHead(1, 30, b"b")})),
    )
    assert (before | after).newest_head == KnownHead(1, 30, b"b")


def test_two_workers_with_one_list_note_the_newest_head(
    noted_chain: Installation, database: Database, newsroom: Newsroom
) -> None:
    one, other = ErasureListWriter(noted_chain.erasures), ErasureListWriter(noted_chain.erasures)
    for number, writer in enumerate((one, other, one, other)):
        act(database, newsroom, number)
        chain.extend(database)
        writer.update(database)
        assert read_head(noted_chain.erasures, database.keyring).number == count_links(database)
    assert set(SECRETS) == {1} and noted_chain.erasures.stat().st_mode & 0o777 == 0o600
