"""An edition on its way into the tool that sends: what the worker does of a press, whatever the tool answers and whoever is faster."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import Event
from app.core.domain_errors import InvalidTransition, MissingPrecondition
from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.session import get_keyring, now
from app.editions import handoff, locking, slots
from app.editions.models import Edition, HandedDraft
from app.editions.queries import list_editions_to_run
from app.newsletters import sending_tool
from app.newsletters.models import Newsletter
from app.newsletters.sending_tool import SendingTool, ToolForm
from app.sending_tools.known_tools import TOOLS
from app.workflows.key_rotation import rotate
from app.workflows.publishing import publication
from tests.support.app import BASE_URL, SECRETS
from tests.support.fake_servers import CannedResponse
from tests.support.sample_newsroom import Newsroom, create_answered_question
from tests.support.sending_tools import ADDRESSES, AUDIENCES, KEYS, ToolServer, run_tool_server

HERE = frozenset({"127.0.0.1"})
SALT = "Who measures the salt?"
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def ghost() -> Iterator[ToolServer]:
    with run_tool_server("ghost") as server:
        yield server
        assert server.sending_paths == []


class Handing:
    """The coming edition with a question in it, and the tool to which Nora hands it."""

    def __init__(self, database: Database, newsroom: Newsroom, server: ToolServer) -> None:
        self.database, self.newsroom, self.server = database, newsroom, server
        database.write(self._begin)

    def _begin(self, session: Session) -> None:
        question = create_answered_question(session, self.newsroom, SALT)
        slots.pick(session, self.newsroom.nora, question, self.edition(session))
        keep(session, self.newsroom, self.server)

    def edition(self, session: Session) -> Edition:
        return list_editions_to_run(session, self.newsroom.newsletter_id, 1)[0]

    def press(self) -> None:
        self.database.write(lambda s: handoff.queue_handoff(s, self.newsroom.nora, self.edition(s)))

    def work(self, after: timedelta = timedelta(0)) -> dict[str, int]:
        with self.database.read() as session:
            at = now(session) + after
        return dict(handoff.process_due_handoffs(self.database, HERE, at))

    def row(self) -> HandedDraft:
        with self.database.read() as session:
            return session.scalars(select(HandedDraft)).one()

    def said(self) -> str:
        return self.row().said


def keep(session: Session, newsroom: Newsroom, server: ToolServer, **typed: str) -> None:
    """Nora's settings; those with one address for everybody are turned to this machine behind the form."""
    newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
    usual = {
        "tool": server.name,
        "address": server.origin,
        "key": KEYS[server.name],
        "audience": AUDIENCES.get(server.name, ""),
    }
    sending_tool.save_tool(session, newsroom.nora, newsletter, ToolForm(**usual | typed), HERE)
    session.scalars(select(SendingTool)).one().address = server.api_url


@pytest.fixture
def steppe(database: Database, newsroom: Newsroom, ghost: ToolServer) -> Handing:
    return Handing(database, newsroom, ghost)


def actions(database: Database) -> list[str]:
    with database.read() as session:
        events = session.scalars(select(Event).order_by(Event.id))
        return [event.action for event in events if "hand" in event.action]


def test_a_press_becomes_a_draft_and_a_second_one_changes_it(steppe: Handing) -> None:
    assert steppe.work() == {}
    steppe.press()
    assert steppe.server.requests == [], "nobody waits for it at the page"
    assert (steppe.work(), steppe.work()) == ({"made": 1}, {})
    row = steppe.row()
    assert (row.said, row.due_at, row.link) == (
        "made",
        None,
        f"{steppe.server.origin}/ghost/#/editor/post/{row.their_id}",
    )
    assert (SALT in steppe.server.only_draft.html, steppe.server.only_draft.status) == (True, "draft")
    steppe.press()
    assert (steppe.work(), steppe.said(), len(steppe.server.drafts)) == ({"made": 1}, "brought", 1)
    assert actions(steppe.database) == ["edition.hand_over", "edition.handed_over"] * 2


@on_sqlite
@pytest.mark.parametrize("name", TOOLS)
def test_each_tool_gets_the_words_of_the_edition(database: Database, newsroom: Newsroom, name: str) -> None:
    with run_tool_server(name) as server:
        handing = Handing(database, newsroom, server)
        handing.press()
        assert (handing.work(), handing.said()) == ({"made": 1}, "made")
        is_whole = TOOLS[name].export == "mail"
        assert (SALT in server.only_draft.html, "<!doctype html>" in server.only_draft.html.lower()) == (True, is_whole)
        with database.read() as session:
            desk = session.scalars(select(SendingTool.desk)).one()
        assert handing.row().link.startswith(f"{desk}/")
        assert desk == (ADDRESSES[name][1] if TOOLS[name].get_api_url else server.origin)


@on_sqlite
def test_a_tool_that_is_away_is_asked_again_for_a_day(steppe: Handing) -> None:
    steppe.press()
    steppe.server.responses = [CannedResponse(b"", 503)] * 3
    waited = timedelta(0)
    for wait in (30, 60, 120):
        assert (steppe.work(waited), steppe.said()) == ({"waits": 1}, "away")
        assert steppe.work(waited + timedelta(seconds=wait - 5)) == {}
        waited += timedelta(seconds=wait + 5)
    assert (steppe.work(waited), steppe.said()) == ({"made": 1}, "made")
    steppe.press()
    steppe.server.responses = [CannedResponse(b"", 503)]
    assert steppe.work(timedelta(days=1)) == {"failed": 1}
    assert (steppe.row().due_at, steppe.said()) == (None, "away")


@on_sqlite
def test_a_tool_that_wants_us_to_wait_is_let_wait(steppe: Handing) -> None:
    steppe.press()
    steppe.server.responses = [CannedResponse({}, 429, {"Retry-After": "600"})]
    assert (steppe.work(), steppe.said()) == ({"waits": 1}, "quota")
    assert steppe.work(timedelta(seconds=590)) == {}
    assert steppe.work(timedelta(seconds=610)) == {"made": 1}


@on_sqlite
def test_what_a_person_has_to_mend_is_not_tried_again(steppe: Handing) -> None:
    steppe.press()
    steppe.server.responses = [CannedResponse({}, 401)]
    assert (steppe.work(), steppe.said()) == ({"failed": 1}, "key")
    assert steppe.work(timedelta(hours=5)) == {}
    assert actions(steppe.database) == ["edition.hand_over", "edition.not_handed_over"]


@on_sqlite
def test_a_draft_that_was_deleted_or_sent_there(steppe: Handing) -> None:
    steppe.press()
    steppe.work()
    steppe.server.drafts.clear()
    steppe.press()
    assert (steppe.work(), steppe.said()) == ({"made": 1}, "anew")
    steppe.server.only_draft.status, before = "published", steppe.server.only_draft.html
    steppe.press()
    assert (steppe.work(), steppe.said(), steppe.server.only_draft.html) == ({"failed": 1}, "sent", before)


@on_sqlite
@pytest.mark.threat("erased words")
def test_what_is_taken_back_after_the_press_does_not_leave_the_house(steppe: Handing) -> None:
    steppe.press()
    steppe.database.write(_empty_slots(steppe))
    assert (steppe.work(), steppe.said(), steppe.server.requests) == ({"failed": 1}, "unready", [])


def _empty_slots(steppe: Handing) -> Any:
    def work(session: Session) -> None:
        for question in slots.list_picked_questions(session, steppe.edition(session)):
            slots.drop(session, steppe.newsroom.nora, question)

    return work


@on_sqlite
def test_what_may_not_leave_is_refused_at_the_press(steppe: Handing, database: Database, newsroom: Newsroom) -> None:
    database.write(_empty_slots(steppe))
    with pytest.raises(MissingPrecondition, match="no_question_picked"):
        steppe.press()
    database.write(lambda s: sending_tool.forget(s, newsroom.nora, s.get_one(Newsletter, newsroom.newsletter_id)))
    with pytest.raises(MissingPrecondition, match="no_sending_tool"):
        steppe.press()


@on_sqlite
def test_a_sent_edition_is_handed_to_nobody(steppe: Handing, database: Database, newsroom: Newsroom) -> None:
    def send(session: Session) -> int:
        edition = steppe.edition(session)
        locking.lock_edition(session, newsroom.nora, edition)
        publication.send(session, newsroom.nora, edition)
        return edition.id

    steppe.press()
    sent = database.write(send)
    assert (steppe.work(), steppe.said(), steppe.server.drafts) == ({"failed": 1}, "unready", {})
    with pytest.raises(InvalidTransition):
        database.write(lambda s: handoff.queue_handoff(s, newsroom.nora, s.get_one(Edition, sent)))


def test_a_worker_that_dies_leaves_it_to_the_next_and_no_second_draft(steppe: Handing) -> None:
    steppe.press()
    key = steppe.row().id
    job = steppe.database.write(partial(handoff.lease_handoff, row_id=key, own_hosts=HERE))
    assert isinstance(job, handoff.Job)
    assert steppe.database.write(partial(handoff.lease_handoff, row_id=key, own_hosts=HERE)) == "lost"
    outcome = handoff._request_draft(job)  # and is killed before it could write that down
    assert steppe.work(timedelta(minutes=1)) == {}
    assert steppe.work(handoff.LEASE + timedelta(seconds=1)) == {"made": 1}
    assert (len(steppe.server.drafts), steppe.said()) == (1, "made")
    assert steppe.database.write(partial(handoff.settle, job=job, outcome=outcome)) == "lost"


def test_a_press_while_the_tool_is_asked_is_done_after_it(steppe: Handing) -> None:
    steppe.press()
    job = steppe.database.write(partial(handoff.lease_handoff, row_id=steppe.row().id, own_hosts=HERE))
    assert isinstance(job, handoff.Job)
    steppe.press()
    outcome = handoff._request_draft(job)
    assert steppe.database.write(partial(handoff.settle, job=job, outcome=outcome)) == "waits"
    assert (steppe.work(), steppe.said(), len(steppe.server.drafts)) == ({"made": 1}, "brought", 1)


@on_sqlite
def test_another_tool_gets_a_draft_of_its_own(steppe: Handing, database: Database, newsroom: Newsroom) -> None:
    steppe.press()
    steppe.work()
    with run_tool_server("listmonk") as listmonk:
        database.write(lambda s: keep(s, newsroom, listmonk))
        steppe.press()
        assert steppe.row().link == "", "the one in Ghost is none of its drafts"
        assert (steppe.work(), steppe.said(), len(listmonk.drafts)) == ({"made": 1}, "made", 1)
        database.write(lambda s: sending_tool.forget(s, newsroom.nora, s.get_one(Newsletter, newsroom.newsletter_id)))
        database.write(lambda s: setattr(s.scalars(select(HandedDraft)).one(), "due_at", now(s)))
        assert (steppe.work(), steppe.said()) == ({"failed": 1}, "no tool")


@on_sqlite
@pytest.mark.threat("inward requests")
def test_no_key_goes_inward_unless_the_settings_say_so(steppe: Handing) -> None:
    steppe.press()
    assert dict(handoff.process_due_handoffs(steppe.database, frozenset())) == {"failed": 1}
    assert (steppe.said(), steppe.server.requests) == ("inward", [])


@on_sqlite
@pytest.mark.threat("stolen database")
def test_the_key_is_sealed_and_sealed_again_with_a_newer_key(steppe: Handing, database: Database) -> None:
    with database.read() as session:
        kept = session.scalars(select(SendingTool)).one()
        assert KEYS["ghost"].encode() not in kept.secret_sealed
        assert sending_tool.account_of(session, kept, HERE).key == KEYS["ghost"]
    newer = Database(database.url, Keys({**SECRETS, 9: bytes(range(40, 72))}), BASE_URL)
    try:
        list(rotate(newer))
        with newer.read() as session:
            kept = session.scalars(select(SendingTool)).one()
            assert (kept.key_no, sending_tool.account_of(session, kept, HERE).key) == (
                get_keyring(session).newest,
                KEYS["ghost"],
            )
    finally:
        newer.close()
