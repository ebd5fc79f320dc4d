"""A newsletter that pauses keeps what is mailed to it; a closed one takes nothing in, and nothing is mailed to its desk.
The commands do what the page does.
"""

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers.models import Assignment
from app.audit import Event
from app.core.actors import Clock, Mailroom
from app.db.engine import Database
from app.letters import mailed_letters
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.newsletters.queries import by_slug
from app.workflows.newsletters import pausing
from app.workflows.overview import digest
from tests.support.assignments import ask_expert_and_send
from tests.support.incoming_mails import mail
from tests.support.letters import send_letter
from tests.support.mailroom import NewsletterMailroom
from tests.support.sample_newsroom import Newsroom


@pytest.fixture
def room(database: Database, newsroom: Newsroom) -> NewsletterMailroom:
    return NewsletterMailroom(database, newsroom)


def steppe(session: Session) -> Newsletter:
    newsletter = by_slug(session, "steppe")
    assert newsletter is not None
    return newsletter


def paused(session: Session) -> None:
    pausing.pause(session, Clock(), steppe(session), date(2094, 5, 3))


def close_newsletter(session: Session) -> None:
    pausing.close(session, Clock(), steppe(session), "It ends.")


def test_what_is_mailed_in_a_pause_becomes_a_letter(room: NewsletterMailroom) -> None:
    room.database.write(paused)
    assert room.receive(mail(body="Who weighs the salt?")).state == "letter"
    assert [letter.body for letter in room.list_letters()] == ["Who weighs the salt?"]


def test_what_is_mailed_to_a_closed_newsletter_waits_in_the_pen_with_the_reason(room: NewsletterMailroom) -> None:
    room.database.write(close_newsletter)
    row = room.receive(mail(body="Who weighs the salt?"))
    assert (row.state, row.reasons, room.list_letters()) == ("pen", ["newsletter closed"], [])


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("en", r"The newsletter is taking a break until \w+,? 3 May(?: 2094)?, so it may take longer\."),
        ("fa", r"خبرنامه تا دوشنبه ۳ مهٔ [^.]*در وقفه است، پس ممکن است بیشتر طول بکشد\."),
    ],
)
def test_who_mails_in_a_pause_hears_that_it_takes_longer_and_until_when(
    database: Database, newsroom: Newsroom, language: str, message: str
) -> None:
    def acknowledged(session: Session) -> str:
        newsletter, now = steppe(session), datetime(2026, 11, 28, tzinfo=UTC)
        newsletter.acknowledges = True
        mailed = mailed_letters.MailedLetter("Who weighs the salt?", "timur@post.example", now, language)
        letter = mailed_letters.take(session, Mailroom(), newsletter, mailed)
        sent = mailed_letters.acknowledge(session, newsletter, letter, "timur@post.example", "1" * 20)
        assert sent is not None
        return outbox.read(session, sent).text

    assert not re.search(message, " ".join(database.write(acknowledged).split()))
    database.write(paused)

    def receive_again(session: Session) -> str:
        newsletter = steppe(session)
        letter = mailed_letters.take(
            session,
            Mailroom(),
            newsletter,
            mailed_letters.MailedLetter(
                "And who reads it?", "dana@post.example", datetime(2026, 11, 28, tzinfo=UTC), language
            ),
        )
        sent = mailed_letters.acknowledge(session, newsletter, letter, "dana@post.example", "2" * 20)
        assert sent is not None
        return outbox.read(session, sent).text

    assert re.search(message, " ".join(database.write(receive_again).split()))


def test_the_morning_mail_goes_on_in_a_pause_and_ends_with_the_newsletter(
    database: Database, newsroom: Newsroom
) -> None:
    send_letter(database, newsroom, "Who weighs the salt?")
    mornings = [datetime.combine(date(2026, 12, day), time(8), ZoneInfo("Europe/Prague")) for day in (1, 2, 3)]
    assert digest.send_digests(database, mornings[0]) == 1
    database.write(paused)
    assert digest.send_digests(database, mornings[1]) == 1
    database.write(close_newsletter)
    assert digest.send_digests(database, mornings[2]) == 0


def flask(app: Flask, *command: str, value: str = "") -> Result:
    return app.test_cli_runner().invoke(args=("newsletters", *command), input=value)


def state(database: Database, slug: str = "steppe") -> tuple[str | None, date | None]:
    with database.read() as session:
        one = by_slug(session, slug)
        assert one is not None
        return one.state, one.paused_until


def test_the_commands_do_the_same(app: Flask, database: Database, newsroom: Newsroom) -> None:
    assert flask(app, "pause", "steppe", "--until", "2099-05-03").output == "The Steppe Letter is paused.\n"
    assert state(database) == ("paused", date(2099, 5, 3))
    assert flask(app, "resume", "steppe").output == "The Steppe Letter has resumed.\n"
    assert state(database) == ("running", None)
    said = flask(app, "rename", "steppe", "--name", "The Salt Letter", "--to", "salt")
    assert said.output == "The Salt Letter is at https://ask.newsroom.example/salt/\n"
    assert flask(app, "pause", "steppe").output == "The Salt Letter is paused.\n"  # by the name that it had
    assert "Close salt?" in flask(app, "close", "salt", value="n\n").output
    assert state(database, "salt") == ("paused", None)
    assert flask(app, "close", "salt", "--yes").output == "The Salt Letter is closed.\n"
    assert state(database, "salt") == ("closed", None)
    with database.read() as session:
        events = session.scalars(select(Event).filter_by(noun="newsletter", actor="clock").order_by(Event.id)).all()
        assert [event.action.partition(".")[2] for event in events] == ["pause", "resume", "rename", "pause", "close"]


def test_the_commands_say_what_is_wrong(app: Flask, database: Database, newsroom: Newsroom) -> None:
    ask_expert_and_send(database, newsroom)
    for command, words in (
        (("pause", "tundra"), "no newsletter is called tundra (known: steppe)"),
        (("pause", "steppe", "--until", "2020-01-01"), "until: Give a day that is still to come."),
        (("resume", "steppe"), "steppe is already running"),
        (("rename", "steppe", "--to", "Salt Letter"), "slug: A short name has lowercase English letters"),
        (("close", "steppe", "--yes"), "sentence: This can’t be empty."),
    ):
        said = flask(app, *command)
        assert said.exit_code != 0 and words in said.output, said.output
    assert flask(app, "close", "steppe", "--yes", "--sentence", "It ends.").exit_code == 0
    with database.read() as session:
        assert [one.is_cancelled for one in session.scalars(select(Assignment))] == [True]
        assert session.scalars(select(OutboxMail.kind).order_by(OutboxMail.id.desc())).all()[0] == "expert.cancelled"
