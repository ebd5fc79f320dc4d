"""Aigerim mails a question: where the newsletter wants it she hears once that it arrived, and nothing of what she wrote."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.actors import Mailroom
from app.core.clock import utc_now
from app.db.engine import Database
from app.letters import mailed_letters
from app.letters.models import Contact, Letter
from app.mail import outbox
from app.mail.message import Message
from app.mail.models import OutboxMail, Spent
from app.newsletters import mail_texts
from app.newsletters.models import Newsletter
from app.server import worker
from app.text.clean import digits
from tests.support.sample_newsroom import Newsroom

WORDS = "Who measures the salt that falls on Karakol?"
AIGERIM = "Aigerim@Post.example"
RECEIPT = "12345678901234567890"
NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)


@pytest.fixture
def acknowledging_newsroom(database: Database, newsroom: Newsroom) -> Newsroom:
    """The Steppe Letter with acknowledgements switched on."""

    def switch_on(session: Session) -> None:
        session.get_one(Newsletter, newsroom.newsletter_id).acknowledges = True

    database.write(switch_on)
    return newsroom


def mailed(
    database: Database, newsroom: Newsroom, address: str = AIGERIM, time: datetime = NOON, language: str = "en"
) -> bool:
    """A reader's mail comes in and is acknowledged, or not."""

    def take(session: Session) -> bool:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        letter = mailed_letters.take(
            session, Mailroom(), newsletter, mailed_letters.MailedLetter(WORDS, address, time, language)
        )
        return mailed_letters.acknowledge(session, newsletter, letter, address, RECEIPT) is not None

    return database.write(take, at=time)


def messages_of(database: Database) -> list[Message]:
    with database.read() as session:
        return [outbox.read(session, mail) for mail in session.scalars(select(OutboxMail).order_by(OutboxMail.id))]


@pytest.mark.threat("mail provider")
def test_it_is_off_by_default(database: Database, newsroom: Newsroom) -> None:
    assert mailed(database, newsroom) is False
    assert messages_of(database) == []


@pytest.mark.threat("mail provider")
def test_it_has_the_number_and_none_of_the_words(database: Database, acknowledging_newsroom: Newsroom) -> None:
    assert mailed(database, acknowledging_newsroom) is True
    (mail,) = messages_of(database)
    assert (mail.kind, mail.to, mail.subject) == ("reader.acknowledgement", AIGERIM, "Your mail to The Steppe Letter")
    assert "\n1234 5678 9012 3456 7890\n" in mail.text
    assert "https://ask.newsroom.example/steppe/receipt\n" in mail.text
    assert RECEIPT not in digits(mail.subject) and "1234" not in f"{mail.unsubscribe}{mail.from_address}{mail.reply_to}"
    assert [word for word in ("salt", "Karakol", "measures", "question") if word in f"{mail.subject}{mail.text}"] == []


def test_a_sender_has_one_a_day_however_the_address_is_written(
    database: Database, acknowledging_newsroom: Newsroom
) -> None:
    assert [mailed(database, acknowledging_newsroom, address) for address in (AIGERIM, AIGERIM.lower(), AIGERIM.upper())] == [
        True, False, False,
    ]  # fmt: skip
    assert mailed(database, acknowledging_newsroom, "timur@post.example") is True
    assert mailed(database, acknowledging_newsroom, time=NOON + timedelta(hours=11)) is False
    assert mailed(database, acknowledging_newsroom, time=NOON + timedelta(days=1)) is True
    with database.read() as session:
        kept = [row for row in session.scalars(select(Spent)) if row.kind == "acknowledgement"]
        assert [len(row.mac) for row in kept] == [32] * 3


@pytest.mark.threat("mail provider")
def test_its_sending_forgets_its_words_and_keeps_the_address_for_the_one_notice(
    app: Flask, database: Database, acknowledging_newsroom: Newsroom
) -> None:
    mailed(database, acknowledging_newsroom, time=utc_now())
    worker.deliver(app, app.extensions["database"])
    with database.read() as session:
        mail = session.scalars(select(OutboxMail)).one()
        assert (mail.state, outbox.has_contents(session, mail)) == ("sent", False)
        assert session.scalar(select(func.count()).select_from(Contact)) == 1
    (written,) = Path(app.config["MAIL_FOLDER"]).glob("*.eml")
    head = message_from_bytes(written.read_bytes())
    assert (head["Auto-Submitted"], head["To"]) == ("auto-replied", AIGERIM)


def test_the_number_of_a_real_mail_opens_its_state_and_takes_it_back(
    client: FlaskClient, database: Database, acknowledging_newsroom: Newsroom
) -> None:
    def take(session: Session) -> None:
        newsletter = session.get_one(Newsletter, acknowledging_newsroom.newsletter_id)
        mailed_letters.take(
            session,
            Mailroom(),
            newsletter,
            mailed_letters.MailedLetter(WORDS, AIGERIM, utc_now()),
            may_acknowledge=True,
        )

    database.write(take)
    (mail,) = messages_of(database)
    number = mail.text.partition("type this number:\n")[2].partition("\n")[0]
    state = client.post("/steppe/receipt", data={"receipt": number})
    assert state.status_code == 200 and "Karakol" not in state.text
    client.post("/steppe/receipt/withdraw", data={"receipt": number})
    with database.read() as session:
        letter, row = session.scalars(select(Letter)).one(), session.scalars(select(OutboxMail)).one()
        assert (letter.state, letter.body) == ("withdrawn", None)
        assert (row.state, outbox.has_contents(session, row)) == ("discarded", False)


def test_the_link_in_it_stops_what_more_there_would_be(
    client: FlaskClient, database: Database, acknowledging_newsroom: Newsroom
) -> None:
    mailed(database, acknowledging_newsroom)
    (mail,) = messages_of(database)
    assert mail.unsubscribe is not None and mail.unsubscribe in mail.text
    client.post(mail.unsubscribe.removeprefix("https://ask.newsroom.example"))
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 0


def test_it_is_in_the_reader_s_language_and_the_newsletter_s_words(
    database: Database, acknowledging_newsroom: Newsroom
) -> None:
    def set_texts(session: Session) -> None:
        newsletter = session.get_one(Newsletter, acknowledging_newsroom.newsletter_id)
        texts = {"subject": "{newsletter}: получено", "body": "Письмо пришло."}
        mail_texts.save_custom_texts(
            session, acknowledging_newsroom.nora, newsletter, "ru", "reader.acknowledgement", texts
        )

    database.write(set_texts)
    mailed(database, acknowledging_newsroom, language="ru")
    mailed(database, acknowledging_newsroom, "timur@post.example", language="de")
    russian, other = messages_of(database)
    assert (russian.language, russian.subject) == ("ru", "The Steppe Letter: получено")
    assert "\n\nПисьмо пришло.\n\n" in russian.text
    assert (other.language, other.subject) == ("en", "Your mail to The Steppe Letter")


def test_a_desk_can_hold_it(database: Database, acknowledging_newsroom: Newsroom) -> None:
    def hold(session: Session) -> None:
        session.get_one(Newsletter, acknowledging_newsroom.newsletter_id).held_kinds = ["reader.acknowledgement"]

    database.write(hold)
    mailed(database, acknowledging_newsroom)
    with database.read() as session:
        assert session.scalars(select(OutboxMail)).one().state == "held"
