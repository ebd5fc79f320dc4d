"""Anybody can ask for a way in in Nora's name. Whatever strangers do, she gets in, and her mailbox isn't filled."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.core.actors import Visitor
from app.db.engine import Database
from app.mail import outbox
from app.mail.models import OutboxMail
from app.people import sign_in
from app.people.sign_in import MAIL_WAITS, RequestingBrowser
from tests.support.desk_people import NORA, get_person_public_id
from tests.support.sample_newsroom import Newsroom

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
BOUND = 10  # mails to one address in any hour, whatever strangers do


def asks(database: Database, browser: str, time: datetime, known: str = "") -> None:
    database.write(
        lambda session: sign_in.request_sign_in(
            session, Visitor(), NORA, "desk", RequestingBrowser(browser, "en", known)
        ),
        time,
    )


def mails(database: Database) -> list[tuple[datetime, str, str]]:
    """When each mail with a way in leaves, its link and its code, in that order."""
    with database.read() as session:
        rows = session.scalars(select(OutboxMail).filter_by(kind="sign_in").order_by(OutboxMail.due_at, OutboxMail.id))
        texts = [(mail.due_at, outbox.read(session, mail).text) for mail in rows]
    link, code = re.compile(r"/sign-in/(\S+)"), re.compile(r"^\d{4}(?: \d{4})+$", re.MULTILINE)
    return [(due, link.search(text)[1], code.search(text)[0]) for due, text in texts]  # type: ignore[index]


@pytest.mark.threat("stranger at the door")
def test_a_flood_of_three_hours_sends_few_mails_in_any_hour(database: Database, newsroom: Newsroom) -> None:
    for number in range(3 * 60 * 2):  # one every half minute, each from another browser
        asks(database, f"stranger {number}", START + timedelta(seconds=30 * number))
    due = [at for at, _, _ in mails(database)]
    busiest = max(sum(timedelta() <= other - at < timedelta(hours=1) for other in due) for at in due)
    assert (busiest, len(due)) == (BOUND, 23)


@pytest.mark.threat("stranger at the door")
def test_on_a_new_device_nora_waits_ten_minutes_at_most_and_no_stranger_is_let_in_before_her(
    database: Database, newsroom: Newsroom
) -> None:
    for number in range(2 * 60 * 2):
        asks(database, f"stranger {number}", START + timedelta(seconds=30 * number))
    at = START + timedelta(hours=2, seconds=1)
    asks(database, "nora's new phone", at)
    due, link, code = mails(database)[-1]
    assert timedelta() < due - at <= MAIL_WAITS[-1] == timedelta(minutes=10)
    for stranger in range(50):  # who ask in the same minutes, again and again
        asks(database, f"stranger {stranger}", at + timedelta(seconds=stranger))
    assert mails(database)[-1] == (due, link, code)

    def goes_in(action: str) -> str | None:
        by = sign_in.use_link if action == "link" else sign_in.use_code
        first, second = (link, "nora's new phone") if action == "link" else ("nora's new phone", code)
        return database.write(lambda session: by(session, Visitor(), first, second), due + timedelta(minutes=9))

    assert goes_in("code") is not None
    assert (goes_in("code"), goes_in("link")) == (None, None), "it works once"


@pytest.mark.parametrize("minutes", [9, 11])
def test_a_mail_that_left_late_opens_for_ten_minutes_from_then(
    database: Database, newsroom: Newsroom, minutes: int
) -> None:
    for number in range(8):
        asks(database, f"stranger {number}", START)
    due, link, _ = mails(database)[-1]
    assert due - START == MAIL_WAITS[3]
    opened = database.write(
        lambda session: sign_in.use_link(session, Visitor(), link, "stranger 7"), due + timedelta(minutes=minutes)
    )
    assert (opened is not None) == (minutes < 10)


@pytest.mark.threat("stranger at the door")
def test_the_link_opens_in_no_browser_that_did_not_ask(database: Database, newsroom: Newsroom) -> None:
    for number in range(5):
        asks(database, f"stranger {number}", START)
    due, link, code = mails(database)[-1]
    at = due + timedelta(minutes=1)
    elsewhere = database.write(lambda session: sign_in.use_link(session, Visitor(), link, "another"), at)
    typed = database.write(lambda session: sign_in.use_code(session, Visitor(), "another", code), at)
    assert (elsewhere, typed, len(code.replace(" ", ""))) == (None, None, 12)


@pytest.mark.threat("stranger at the door")
def test_an_older_link_dies_with_a_newer_one_of_the_same_browser_and_with_no_strangers(
    database: Database, newsroom: Newsroom
) -> None:
    known = get_person_public_id(database, newsroom.nora)
    asks(database, "nora's laptop", START, known)
    asks(database, "nora's laptop", START + timedelta(minutes=1), known)
    asks(database, "a stranger", START + timedelta(minutes=2))
    (_, old, _), (_, new, _), _ = mails(database)

    def opens(link: str) -> bool:
        at = START + timedelta(minutes=3)
        return bool(database.write(lambda s: sign_in.use_link(s, Visitor(), link, "nora's laptop"), at))

    assert (opens(old), opens(new)) == (False, True)


@pytest.mark.threat("stranger at the door")
def test_asking_again_and_again_in_one_browser_brings_no_more_mails_than_many_browsers_do(
    database: Database, newsroom: Newsroom
) -> None:
    for minute in range(60):
        asks(database, "a stranger", START + timedelta(minutes=minute))
    assert len([at for at, _, _ in mails(database) if at < START + timedelta(hours=1)]) <= BOUND
