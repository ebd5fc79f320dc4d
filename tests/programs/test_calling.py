"""Programs that fail: what waits for them is told later, in its order and under its id, and who never answers is paused."""

import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.audit import Event
from app.core.clock import utc_now
from app.db.engine import Database
from app.editions.models import Edition
from app.programs import calling, registering
from app.programs.models import Delivery, Program
from app.programs.program_events import queue_deliveries as note
from app.workflows import program_messages
from app.workflows.overview import alarms
from tests.support.desk_people import get_newest_mail_text
from tests.support.fake_servers import (
    ALLOWED_HOSTS,
    CannedResponse,
    WebhookReceiver,
    add_program,
    deliver_messages,
    get_program,
    make_admin,
    webhook_receiver,
)
from tests.support.letters import create_letter
from tests.support.processes import reserve_port
from tests.support.reader_pages import answer_letters, lock_edition
from tests.support.sample_newsroom import Newsroom
from tests.support.smtp_servers import create_self_signed_certificate

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def site() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as server:
        yield server


def happens(database: Database, newsroom: Newsroom, time: datetime | None = None) -> None:
    """An edition was locked, says somebody; which one is known already."""

    def fn(session: Any) -> None:
        key = session.scalar(select(Edition.id).filter_by(state="locked"))
        note(session, newsroom.newsletter_id, "edition.locked", edition_id=key)

    database.write(fn, at=time)


@pytest.fixture
def locked_newsroom(database: Database, newsroom: Newsroom) -> None:
    answer_letters(database, newsroom, [create_letter(database, newsroom, "Who built the silos?")])
    lock_edition(database, newsroom)


def log(database: Database) -> list[tuple[Any, ...]]:
    with database.read() as session:
        return [
            (one.status, one.said, one.attempts, one.ended_at is not None)
            for one in session.scalars(select(Delivery).order_by(Delivery.id))
        ]


def trouble(database: Database, time: datetime) -> list[str]:
    with database.read(time) as session:
        return [one.name for one in registering.list_failing(session)]


def lives_through(database: Database, began: datetime, **time: float) -> tuple[datetime, int]:
    """The worker looks every quarter of an hour. Gives the time at the end, and how often it called."""
    at, calls = began, 0
    while at < began + timedelta(**time):
        at += timedelta(minutes=15)
        calls += sum(deliver_messages(database, at).values())
    return at, calls


@on_sqlite
@pytest.mark.usefixtures("locked_newsroom")
def test_a_program_that_fails_for_a_day_is_told_all_of_it_later_in_its_order(
    database: Database, newsroom: Newsroom, site: WebhookReceiver
) -> None:
    key, began = add_program(database, newsroom, site.address), utc_now()
    site.response = CannedResponse(b"<b hit>", 500)
    happens(database, newsroom, began)
    happens(database, newsroom, began)
    at, calls = lives_through(database, began, hours=23)
    assert trouble(database, at) == []
    assert 18 < calls < 26, "the pauses grow up to 67 minutes"
    at, more = lives_through(database, at, hours=2)
    assert (trouble(database, at), more > 0) == (["The site"], True)
    assert (len(set(site.ids)), get_program(database, key).attempts) == (1, calls + more)
    assert log(database) == [(500, "", calls + more, False), (None, "", 0, False)]
    site.response = CannedResponse(b"", 200)
    at, _calls = lives_through(database, at, hours=2)
    first, second = dict.fromkeys(site.ids)
    assert site.ids == [first] * (calls + more + 1) + [second]
    assert (trouble(database, at), get_program(database, key).failing_since) == ([], None)


@on_sqlite
@pytest.mark.usefixtures("locked_newsroom")
def test_after_five_days_it_is_paused_and_the_desk_is_told(
    database: Database, newsroom: Newsroom, site: WebhookReceiver
) -> None:
    key, began = add_program(database, newsroom, site.address), utc_now()
    site.response = CannedResponse(b"", 503)
    happens(database, newsroom, began)
    deliver_messages(database, began)
    happens(database, newsroom, began + timedelta(days=4))
    end = began + timedelta(days=5, hours=1)
    deliver_messages(database, end)
    program = get_program(database, key)
    assert (program.paused_by, program.paused_at, program.leased_until) == ("failed", end, None)
    assert log(database) == [(503, "", 1, True), (503, "", 1, True)], "the first was too late by then"
    happens(database, newsroom, end)
    assert (deliver_messages(database, end + timedelta(days=1)), len(log(database))) == ({}, 2)
    alarms.raise_alarms(database, end)
    assert "Another program no longer gets events: The site" not in get_newest_mail_text(database, "nora@desk.example")
    assert "“The site” has accepted nothing for five days" in get_newest_mail_text(
        database, "nora@desk.example"
    ).replace("\n", " ")
    assert alarms.raise_alarms(database, end + timedelta(hours=1)) == 0
    database.write(lambda s: registering.resume(s, make_admin(newsroom), s.get_one(Program, key)))
    site.response = CannedResponse(b"", 200)
    happens(database, newsroom)
    assert deliver_messages(database) == {"arrived": 1}


def status(code: int, **head: str) -> CannedResponse:
    return CannedResponse(b"", code, head)


@on_sqlite
@pytest.mark.threat("inward requests")
@pytest.mark.usefixtures("locked_newsroom")
@pytest.mark.parametrize(
    ("answer", "said", "paused"),
    [
        (status(410), (410, ""), "gone"),
        (status(302, Location="/elsewhere"), (302, ""), ""),
        (CannedResponse(b"x" * 100, byte_delay=0.02), (None, "it took too long to answer"), ""),
        (CannedResponse(b"x" * 70_000), (None, "its answer is too large"), ""),
    ],
    ids=["gone", "redirect", "slow", "too much"],
)
def test_what_else_a_program_can_answer(
    database: Database, newsroom: Newsroom, site: WebhookReceiver, monkeypatch: pytest.MonkeyPatch,
    answer: CannedResponse, said: tuple[int | None, str], paused: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(calling, "call", partial(calling.call, timeout=0.3))
    key = add_program(database, newsroom, site.address)
    site.response = answer
    happens(database, newsroom)
    assert (deliver_messages(database), len(site.requests)) == ({"failed": 1}, 1)
    assert (log(database), get_program(database, key).paused_by) == ([(*said, 1, bool(paused))], paused)
    with database.read() as session:
        who = session.scalars(select(Event.actor).filter_by(action="program.pause")).all()
    assert who == (["clock"] if paused else [])


@on_sqlite
@pytest.mark.usefixtures("locked_newsroom")
def test_a_program_that_is_away_or_shows_a_certificate_of_its_own(
    database: Database, newsroom: Newsroom, site: WebhookReceiver, tmp_path: Path
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(create_self_signed_certificate(tmp_path))
    site.socket = context.wrap_socket(site.socket, server_side=True)
    add_program(database, newsroom, f"https://127.0.0.1:{site.server_address[1]}/")
    add_program(database, newsroom, f"http://127.0.0.1:{reserve_port()}/")
    happens(database, newsroom)
    assert deliver_messages(database) == {"failed": 2}
    assert [said for _status, said, *_ in log(database)] == [
        "it can't be reached (SSLCertVerificationError)", "it can't be reached (ConnectionRefusedError)",
    ]  # fmt: skip
    assert site.requests == []


@on_sqlite
@pytest.mark.threat("inward requests")
@pytest.mark.usefixtures("locked_newsroom")
def test_a_name_that_led_outward_when_it_was_typed_leads_nowhere_inward_later(
    database: Database, newsroom: Newsroom, site: WebhookReceiver
) -> None:
    add_program(database, newsroom, site.address.replace("http://", "https://"))
    happens(database, newsroom)
    assert calling.deliver_due(database, program_messages.build_message, ()) == {"failed": 1}
    assert (log(database), site.requests) == ([(None, "it leads into a network that is not public", 1, False)], [])


@pytest.mark.usefixtures("locked_newsroom")
def test_two_workers_call_a_program_once_and_one_that_is_killed_leaves_it_to_the_other(
    database: Database, newsroom: Newsroom, site: WebhookReceiver
) -> None:
    add_program(database, newsroom, site.address)
    happens(database, newsroom)
    claimed = database.write(partial(calling.claim, build_payload=program_messages.build_message))
    assert claimed is not None
    assert deliver_messages(database) == {}
    calling.call(claimed, ALLOWED_HOSTS)  # and then it is killed
    assert deliver_messages(database, utc_now() + calling.LEASE + timedelta(seconds=1)) == {"arrived": 1}
    assert (len(site.ids), len(set(site.ids))) == (2, 1)


@on_sqlite
@pytest.mark.usefixtures("locked_newsroom")
def test_what_was_told_is_forgotten_after_a_month_and_all_of_it_with_the_program(
    database: Database, newsroom: Newsroom, site: WebhookReceiver
) -> None:
    key = add_program(database, newsroom, site.address)
    happens(database, newsroom)
    deliver_messages(database)
    days = (29, 31)
    left = []
    for day in days:
        database.write(calling.delete_expired, at=utc_now() + timedelta(days=day))
        left.append(len(log(database)))
    assert left == [1, 0]
    happens(database, newsroom)
    database.write(lambda s: registering.remove(s, make_admin(newsroom), s.get_one(Program, key)))
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Delivery)) == 0
    assert deliver_messages(database) == {}


@on_sqlite
def test_what_waits_for_a_program_whose_key_is_missing_is_told_once_it_is_back(
    database: Database, newsroom: Newsroom, site: WebhookReceiver, locked_newsroom: None
) -> None:
    """Whoever looks after the machine has set other keys by mistake: the desk hears of it, and nothing is lost."""
    began = utc_now()
    key = add_program(database, newsroom, site.address)
    happens(database, newsroom, began)
    with database.read() as session:
        sealed = session.get_one(Program, key).address_sealed
    database.write(lambda s: setattr(s.get_one(Program, key), "address_sealed", b"of another key" + sealed))
    end, calls = lives_through(database, began, hours=26)
    assert (calls, site.requests, log(database)) == (0, [], [(None, "", 0, False)])
    assert trouble(database, end) == ["The site"]
    database.write(lambda s: registering.renew(s, make_admin(newsroom), s.get_one(Program, key)))
    database.write(lambda s: setattr(s.get_one(Program, key), "address_sealed", sealed))
    assert lives_through(database, end, hours=26)[1] == 1
    assert log(database) == [(204, "", 1, True)]
