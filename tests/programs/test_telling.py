"""What other programs and the desk's chat are told: nothing but what docs/webhooks.md says, signed, and nothing that isn't public."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.db.engine import Database
from app.editions.models import Edition
from app.letters.models import Letter
from app.newsletters.models import Newsletter
from app.programs import registering
from app.programs.chats import CHATS
from app.programs.models import Delivery, Program
from app.programs.program_events import EVENTS, NOTICES, TEST
from app.programs.program_events import queue_deliveries as note
from app.programs.signed_calls import new_secret, signature
from app.workflows import program_messages
from app.workflows.publishing import publication
from app.workflows.publishing import recall as recalling
from app.workflows.publishing.publication import GRACE
from config import webhook_key
from tests.support.app import BASE_URL
from tests.support.docs import list_code_blocks
from tests.support.fake_servers import WebhookReceiver, add_program, deliver_messages, make_admin, webhook_receiver
from tests.support.letters import create_letter
from tests.support.reader_pages import answer_letters, get_question, lock_edition, publish_answer, send_edition
from tests.support.required_rows import compare_names
from tests.support.sample_newsroom import Newsroom, create_submitted_answer
from tests.support.source import ROOT

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
DESK = f"{BASE_URL}/desk/steppe/"
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00")
NUMBER = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{12}\b")


@pytest.fixture
def site() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as server:
        yield server


def get_future_time(**time: float) -> datetime:
    return utc_now() + timedelta(**time)


AFTER = {"minutes": GRACE.total_seconds() / 60 + 1}


def without_numbers(message: dict[str, Any]) -> dict[str, Any]:
    """The same with each time and each id as if all were one."""
    made: dict[str, Any] = json.loads(NUMBER.sub("ID", TIME.sub("TIME", json.dumps(message))))
    return made


def examples() -> dict[str, dict[str, Any]]:
    found = [json.loads(block) for block in list_code_blocks("docs/webhooks.md", "Examples", "json")]
    return {one["type"]: without_numbers(one) for one in found}


def is_from_the_desk(secret: str, call: tuple[dict[str, str], bytes]) -> bool:
    """As the docs say it."""
    [block] = list_code_blocks("docs/webhooks.md", "Is it really us?", "python")
    known: dict[str, Any] = {}
    exec(block, known)  # noqa: S102 - it is of our own docs
    return bool(known["is_from_the_desk"](secret, *call))


def retract(database: Database, newsroom: Newsroom, public_id: str, reason: str = "For somebody's safety.") -> None:
    database.write(lambda s: publication.retract(s, newsroom.nora, get_question(s, public_id), reason))


def test_a_program_is_told_what_the_docs_say_signed_and_in_its_order(
    database: Database, newsroom: Newsroom, site: WebhookReceiver
) -> None:
    key = add_program(database, newsroom, site.address)
    with database.read() as session:
        secret = registering.secrets_of(session, session.get_one(Program, key))[0]
    question = answer_letters(database, newsroom, [create_letter(database, newsroom, "Who built the silos?")])
    assert deliver_messages(database) == {}
    lock_edition(database, newsroom)
    assert (deliver_messages(database), site.types) == ({"arrived": 1}, ["edition.locked"])
    assert is_from_the_desk(secret, site.requests[0])
    assert not is_from_the_desk(new_secret(), site.requests[0])
    send_edition(database, newsroom)
    assert deliver_messages(database) == {}, "until then it can be recalled"
    assert deliver_messages(database, get_future_time(**AFTER)) == {"arrived": 2}
    database.write(
        lambda s: note(s, newsroom.newsletter_id, "answer.corrected", question_id=get_question(s, question).id)
    )
    deliver_messages(database)
    retract(database, newsroom, question)
    deliver_messages(database)
    database.write(lambda s: publication.restore(s, newsroom.nora, get_question(s, question)))
    deliver_messages(database)
    order = [
        "edition.locked",
        "answer.published",
        "edition.sent",
        "answer.corrected",
        "answer.withdrawn",
        "answer.published",
    ]
    assert site.types == order
    example = examples()
    assert [without_numbers(one) for one in site.bodies] == [example[kind] for kind in order]
    with database.read() as session:
        log = list(session.scalars(select(Delivery).order_by(Delivery.id)))
        assert [(one.has_arrived, one.status, one.attempts, one.said) for one in log] == [(True, 204, 1, "")] * 6
        assert [f"msg_{one.public_id}" for one in log] == site.ids


def test_each_event_has_what_is_told_of_it_and_a_row_and_an_example_in_the_docs() -> None:
    found = compare_names(
        EVENTS,
        program_messages.BUILDERS,
        missing="A program would hear nothing of {name}: say what it is told in BUILDERS of "
        "app/workflows/program_messages.py.",
        surplus="BUILDERS of app/workflows/program_messages.py has {name}, which is no event of app/programs/program_events.py.",
    )
    page = (ROOT / "docs" / "webhooks.md").read_text("utf-8")
    found += compare_names(
        [*EVENTS, TEST],
        re.findall(r"^\| `([a-z.]+)` \|", page, re.MULTILINE),
        missing="The table of docs/webhooks.md has no row for {name}: say there when it is told.",
        surplus="The table of docs/webhooks.md has a row for {name}, which is no event of app/programs/program_events.py.",
    )
    found += compare_names(
        [*EVENTS, TEST],
        examples(),
        missing="docs/webhooks.md has no example of {name}: show its body under “Examples”.",
        surplus="docs/webhooks.md has an example of {name}, which is no event of app/programs/program_events.py.",
    )
    found += compare_names(
        CHATS,
        CHAT_NOTICES,
        missing="Say in CHAT_NOTICES of tests/programs/test_telling.py what the chat {name} is told.",
        surplus="CHAT_NOTICES of tests/programs/test_telling.py has {name}, which is no chat of app/programs/chats.py.",
    )
    assert not found, "\n".join(found)


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of the libraries of Standard Webhooks."""
    key = webhook_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@on_sqlite
@pytest.mark.threat("erased words")
def test_what_was_withdrawn_or_recalled_before_its_turn_is_told_to_nobody(
    database: Database, newsroom: Newsroom, site: WebhookReceiver
) -> None:
    add_program(database, newsroom, site.address)
    question = publish_answer(database, newsroom, [create_letter(database, newsroom, "Who built the silos?")])
    retract(database, newsroom, question)
    deliver_messages(database, get_future_time(**AFTER))
    assert site.types == ["edition.locked", "answer.withdrawn", "edition.sent"]
    assert [body for _head, body in site.requests if "silos" in body.decode().casefold()] == []


@on_sqlite
def test_a_recalled_edition_takes_back_what_was_told_of_it(
    database: Database, newsroom: Newsroom, site: WebhookReceiver
) -> None:
    add_program(database, newsroom, site.address)
    publish_answer(database, newsroom, [create_letter(database, newsroom, "Who built the silos?")])

    def recall(session: Session) -> None:
        edition = session.scalars(select(Edition).filter_by(state="sent")).one()
        recalling.recall(session, newsroom.nora, edition)

    database.write(recall)
    deliver_messages(database, get_future_time(**AFTER))
    assert site.types == ["edition.locked", "answer.withdrawn"]


# The chat's notice of each kind, as its documentation wants it.
CHAT_NOTICES = {
    "slack": {"text": f"The Steppe Letter: An answer is here. <{DESK}|To the desk>", "unfurl_links": False, "unfurl_media": False},
    "mattermost": {"text": f"The Steppe Letter: An answer is here. [To the desk]({DESK})"},
    "matrix": {
        "text": f"The Steppe Letter: An answer is here. {DESK}",
        "html": f'The Steppe Letter: An answer is here. <a href="{DESK}">To the desk</a>',
    },
    "teams": {
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": None,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [{"type": "TextBlock", "text": "The Steppe Letter: An answer is here.", "wrap": True}],
                "actions": [{"type": "Action.OpenUrl", "title": "To the desk", "url": DESK}],
            },
        }],
    },
}  # fmt: skip


@on_sqlite
def test_the_chat_hears_that_something_is_here_and_nothing_more(
    database: Database, newsroom: Newsroom, site: WebhookReceiver
) -> None:
    for kind in CHAT_NOTICES:
        add_program(database, newsroom, site.address, kind)
    for words in ("Who measures the salt?", "Where does the wind come from?"):
        database.write(lambda s, words=words: create_submitted_answer(s, newsroom, words) and None)
    assert deliver_messages(database) == {"arrived": len(CHAT_NOTICES)}, "two answers, and one notice while it waits"
    assert site.bodies == list(CHAT_NOTICES.values())
    assert {name for head, _body in site.requests for name in head if name.startswith("webhook-")} == set()


@on_sqlite
def test_the_chat_hears_of_letters_in_the_morning_and_once(
    database: Database, newsroom: Newsroom, site: WebhookReceiver
) -> None:
    """Not when somebody writes: whoever runs the chat would learn the minute."""
    add_program(database, newsroom, site.address, "matrix")
    database.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "digest_at", ""))
    nine = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)  # in Prague
    assert program_messages.notify_waiting_letters(database, nine) == 0, "nothing waits"
    create_letter(database, newsroom, "Who built the silos?", given_at=nine - timedelta(days=1))
    with database.read() as session:
        assert session.scalars(select(Letter)).one().waits
        assert session.scalars(select(Delivery)).all() == []
    minutes = (-1, 0, 1, 119, 121, 24 * 60)
    assert [program_messages.notify_waiting_letters(database, nine + timedelta(minutes=one)) for one in minutes] == [
        0,
        1,
        0,
        0,
        0,
        1,
    ]
    assert deliver_messages(database, nine) == {"arrived": 1}
    assert site.bodies[0]["text"] == f"The Steppe Letter: Letters are waiting. {DESK}"


@pytest.mark.threat("stolen database")
def test_a_letter_that_is_sent_in_the_hours_of_the_notice_causes_none_that_day(
    database: Database, newsroom: Newsroom, site: WebhookReceiver
) -> None:
    """Whoever runs the chat would learn the minute, and so would a thief of the database, from the row of the message."""
    add_program(database, newsroom, site.address, "matrix")
    database.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "digest_at", ""))
    nine = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)  # in Prague
    for hours in (-3, 1):
        create_letter(database, newsroom, f"Who built the silos ({hours})?", given_at=nine + timedelta(hours=hours))
        asked_at = (nine + timedelta(minutes=minutes) for minutes in (0, 61, 119))
        assert [program_messages.notify_waiting_letters(database, at) for at in asked_at] == [0, 0, 0]
    assert program_messages.notify_waiting_letters(database, nine + timedelta(days=1)) == 1


@on_sqlite
def test_each_notice_of_the_chat_has_words_and_no_webhook_hears_it(
    database: Database, newsroom: Newsroom, site: WebhookReceiver
) -> None:
    add_program(database, newsroom, site.address)
    add_program(database, newsroom, site.address, "slack")
    for event in NOTICES:
        database.write(lambda s, event=event: note(s, newsroom.newsletter_id, event))
    assert deliver_messages(database) == {"arrived": len(NOTICES)}
    assert [one["text"].partition(" <")[0] for one in site.bodies] == [
        f"The Steppe Letter: {words}."
        for words in (
            "Letters are waiting", "An answer is here", "An expert said no", "An expert objects", "An answer was withdrawn",
            "An expert agrees", "A colleague was suggested", "An expert asks back", "An expert removed themself",
        )
    ], "Say in this test, in the order of NOTICES of app/programs/program_events.py, what the chat reads of a new notice."  # fmt: skip


@on_sqlite
def test_a_new_secret_signs_beside_the_former_one_for_a_day(
    database: Database, newsroom: Newsroom, site: WebhookReceiver
) -> None:
    key = add_program(database, newsroom, site.address)

    def secrets(time: datetime | None = None) -> list[str]:
        with database.read(time) as session:
            return registering.secrets_of(session, session.get_one(Program, key))

    [former] = secrets()
    database.write(lambda s: registering.renew(s, make_admin(newsroom), s.get_one(Program, key)))
    new, kept = secrets()
    assert (kept, new != former) == (former, True)
    answer_letters(database, newsroom, [create_letter(database, newsroom, "Who built the silos?")])
    lock_edition(database, newsroom)
    deliver_messages(database)
    assert [is_from_the_desk(secret, site.requests[0]) for secret in (former, new)] == [True, True]
    assert secrets(get_future_time(hours=25)) == [new]
