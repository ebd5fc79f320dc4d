"""Timur wants no more mail: the link in a mail, the button behind it, and his mail program's own "unsubscribe"."""

import re
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.actors import Clock, Reader
from app.db.engine import Database
from app.letters import receive, unsubscribing
from app.letters.models import Contact, Letter
from app.mail import outbox
from app.mail.mail_values import LetterMail
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.server import worker
from app.workflows.letters import endings
from app.workflows.publishing import notices
from tests.support.database_checks import dump_tables
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def timur_writes(database: Database, newsroom: Newsroom, hear_back: str = "while", language: str = "en") -> int:
    def write(session: Session) -> int:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        ask = receive.Submission(
            "Who measures the salt?", hear_back=hear_back, email="timur@post.example", language=language
        )
        return receive.send(session, Reader(), newsletter, ask, form=receive.FormToken(hear_back, 1)).id

    return database.write(write)


def notice_of(database: Database, newsroom: Newsroom, letter_id: int) -> Any:
    """The notice that Timur is mailed; it still waits."""

    def tell_reader(session: Session) -> None:
        letter = session.get_one(Letter, letter_id)
        notices.tell_reader(session, Clock(), letter, LetterMail(opening="answered"))

    database.write(tell_reader)
    with database.read() as session:
        return outbox.read(session, session.scalars(select(OutboxMail)).one())


def contacts_of(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Contact)) or 0


def path_in(message: Any) -> str:
    found = re.search(r"https://ask\.newsroom\.example(/stop/[\w-]{22})\n", message.text)
    assert found is not None
    assert message.unsubscribe == f"https://ask.newsroom.example{found[1]}"
    return found[1]


@pytest.mark.threat("stranger at the door")
def test_a_link_changes_nothing_when_it_is_opened(client: FlaskClient, database: Database, newsroom: Newsroom) -> None:
    path = path_in(notice_of(database, newsroom, timur_writes(database, newsroom)))
    before = dump_tables(database)
    page = client.get(path)
    read = Page(page.text)
    assert (page.status_code, read.heading, read.buttons) == (200, "No more mail from us?", ["Erase my address"])
    assert "Set-Cookie" not in page.headers and "salt" not in page.text
    assert client.head(path).status_code == 200
    assert dump_tables(database) == before


@pytest.mark.threat("mail provider")
@pytest.mark.parametrize("form", [{}, ONE_CLICK])
def test_one_press_erases_the_address_and_the_mail_that_waits(
    client: FlaskClient, database: Database, newsroom: Newsroom, form: dict[str, str]
) -> None:
    letter_id = timur_writes(database, newsroom)
    path = path_in(notice_of(database, newsroom, letter_id))
    assert contacts_of(database) == 1
    page = client.post(path, data=form)
    assert (page.status_code, Page(page.text).heading) == (200, "We won’t write to you again")
    assert "Set-Cookie" not in page.headers
    assert contacts_of(database) == 0
    with database.read() as session:
        mail = session.scalars(select(OutboxMail)).one()
        assert (mail.state, outbox.has_contents(session, mail)) == ("discarded", False)
        assert session.get_one(Letter, letter_id).body == "Who measures the salt?"


def test_nothing_is_mailed_to_him_later_either(client: FlaskClient, database: Database, newsroom: Newsroom) -> None:
    letter_id = timur_writes(database, newsroom)
    client.post(path_in(notice_of(database, newsroom, letter_id)))
    database.write(
        lambda session: endings.end_letter(session, newsroom.nora, session.get_one(Letter, letter_id), "later")
    )
    with database.read() as session:
        assert [mail.state for mail in session.scalars(select(OutboxMail))] == ["discarded"]


@pytest.mark.threat("stranger at the door")
def test_a_used_link_and_one_that_never_was_change_nothing_and_answer_alike(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    path = path_in(notice_of(database, newsroom, timur_writes(database, newsroom)))
    client.post(path)
    before = dump_tables(database)
    answers = {}
    for name, address in {"used": path, "unknown": "/stop/AAAAAAAAAAAAAAAAAAAAAA", "short": path[:-1]}.items():
        for method in ("GET", "POST"):
            page = client.open(address, method=method)
            answers[name, method] = (page.status_code, Page(page.text).heading)
    done, nothing = (200, "We won’t write to you again"), (200, "This link stops nothing")
    assert answers == {
        ("used", "GET"): done, ("used", "POST"): done, ("unknown", "GET"): nothing, ("unknown", "POST"): nothing,
        ("short", "GET"): nothing, ("short", "POST"): nothing,
    }  # fmt: skip
    assert dump_tables(database) == before


def test_the_page_is_in_his_language(client: FlaskClient, database: Database, newsroom: Newsroom) -> None:
    path = path_in(notice_of(database, newsroom, timur_writes(database, newsroom, language="fa")))
    assert Page(client.get(path).text).tree.root.attributes == {"lang": "fa", "dir": "rtl"}
    assert Page(client.get(f"{path}?lang=en").text).tree.root.attributes == {"lang": "en", "dir": "ltr"}


@pytest.mark.threat("mail provider")
def test_who_chose_one_mail_needs_no_link_and_of_a_number_none_can_be_made(
    database: Database, newsroom: Newsroom
) -> None:
    once = notice_of(database, newsroom, timur_writes(database, newsroom, "once"))
    assert (once.unsubscribe, "/stop/" in once.text) == (None, False)


@pytest.mark.threat("another desk")
def test_a_stop_link_opens_no_other_door(client: FlaskClient, database: Database, newsroom: Newsroom) -> None:
    token = path_in(notice_of(database, newsroom, timur_writes(database, newsroom))).rpartition("/")[2]
    assert client.get(f"/a/{token}").status_code == 404
    with database.read() as session:
        assert unsubscribing.letter_of(session, token) is not None
        assert [unsubscribing.can_stop(session, other) for other in (token.swapcase(), "", token + "x")] == [False] * 3


def test_mail_programs_find_the_link_in_the_head(app: Flask, database: Database, newsroom: Newsroom) -> None:
    message = notice_of(database, newsroom, timur_writes(database, newsroom))
    worker.deliver(app, app.extensions["database"])
    (written,) = Path(app.config["MAIL_FOLDER"]).glob("*.eml")
    head = message_from_bytes(written.read_bytes())
    assert head["List-Unsubscribe"] == f"<{message.unsubscribe}>"
    assert head["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
