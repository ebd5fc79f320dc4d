"""Vera, the only admin, has lost phone, passkey and recovery codes: whoever runs the server lets her back in."""

from datetime import timedelta

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.db.engine import Database
from app.mail import outbox
from app.mail.models import OutboxMail
from app.people import sign_in
from app.people.models import Factor
from tests.support.database_checks import dump_tables
from tests.support.desk_people import (
    ILYA,
    NORA,
    VERA,
    create_delta_newsletter,
    find_link,
    get_newest_mail_text,
    hire,
    hire_vera,
    list_events,
    request_code,
    sign_in_by_link,
    sign_in_directly,
)
from tests.support.pages import Browser
from tests.support.sample_newsroom import Newsroom

DESK = "/desk/steppe/"
SECOND = f"/sign-in/second?next={DESK}letters"


def run(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=["staff", *words])


@pytest.fixture
def vera(database: Database, newsroom: Newsroom) -> int:
    """Vera, an admin with an app and recovery codes; Zarina is an admin of another desk."""
    vera = hire_vera(database, newsroom)
    delta = database.write(create_delta_newsletter)
    database.write(lambda session: hire(session, delta, "Zarina Ahmetova", "zarina@delta.example", "admin"))

    def add(session: Session) -> None:
        made = {"person_id": vera.person_id, "made_at": utc_now(), "name": "Key"}
        session.add(Factor(kind="recovery", code_mac=b"0" * 32, **made))
        session.add(Factor(kind="passkey", credential=b"1" * 16, public_key=b"2", sign_count=0, **made))

    database.write(add)
    return vera.person_id


def count_factors(database: Database, person_id: int) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Factor).filter_by(person_id=person_id)) or 0


def mails_of_the_reset(database: Database) -> dict[str, str]:
    with database.read() as session:
        mails = session.scalars(select(OutboxMail).where(OutboxMail.kind == "desk.factors_reset"))
        return {message.to: message.text for message in (outbox.read(session, mail) for mail in mails)}


@pytest.mark.threat("way back in")
@pytest.mark.parametrize("name", ["Vera Holm", VERA])
def test_vera_is_let_back_in_and_everybody_who_should_know_hears_of_it(
    app: Flask, database: Database, newsroom: Newsroom, vera: int, name: str
) -> None:
    database.write(lambda session: hire(session, newsroom.newsletter_id, "Oleg Pak", "oleg@desk.example", "admin"))
    laptop = sign_in_directly(app, database, VERA)
    assert laptop.open(f"{DESK}letters").headers["Location"] == SECOND  # her mail alone lets nobody in
    asked = Browser(app)
    request_code(asked, VERA)
    old_link = find_link(get_newest_mail_text(database, VERA))

    done = run(app, "reset", name)
    assert (done.exit_code, "The second factors of Vera Holm are removed" in done.output) == (0, True)
    assert count_factors(database, vera) == 0
    assert laptop.open(f"{DESK}letters").headers["Location"].startswith("/sign-in?")
    asked.open(old_link)
    assert asked.heading == "This link has ended"
    link = done.output.splitlines()[-1]
    assert sign_in_by_link(app, link).open(f"{DESK}letters").status_code == 200
    assert sign_in_by_link(app, link).open(f"{DESK}letters").status_code == 303  # it works once

    mails = mails_of_the_reset(database)
    assert set(mails) == {VERA, "oleg@desk.example"}
    assert "removed the second factors of Vera Holm" in mails["oleg@desk.example"]
    assert list_events(database, newsroom.newsletter_id, "membership.reset_factors") == [
        ("membership.reset_factors", None, None)
    ]
    trail = sign_in_directly(app, database, "oleg@desk.example")
    trail.open(f"{DESK}trail")
    assert "The operator of the server removed the second factors of Vera Holm" in trail.text


@pytest.mark.threat("way back in")
def test_the_link_ends_after_a_day(app: Flask, database: Database, newsroom: Newsroom, vera: int) -> None:
    link = run(app, "reset", VERA).output.splitlines()[-1].rpartition("/")[2]

    def is_open(later: timedelta) -> bool:
        with database.read(utc_now() + later) as session:
            return sign_in.find(session, link) is not None

    assert (is_open(timedelta(hours=23)), is_open(timedelta(hours=25))) == (True, False)


@pytest.mark.threat("way back in")
def test_who_is_no_admin_hears_of_it_too(app: Flask, database: Database, newsroom: Newsroom, vera: int) -> None:
    assert run(app, "reset", ILYA).exit_code == 0
    assert set(mails_of_the_reset(database)) == {ILYA, VERA}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Nobody", "nobody at a desk is called Nobody"),
        ("nobody@desk.example", "nobody has the address nobody@desk.example"),
        (NORA, "Nora Lind is disabled: run readers-asked staff enable first"),
        ("leyla@field.example", "works at no desk"),
        ("Ilya Brandt", "2 people are called Ilya Brandt: use the e-mail address"),
    ],
)
def test_what_cannot_be_done_is_refused_and_says_why(
    app: Flask, database: Database, newsroom: Newsroom, vera: int, name: str, message: str
) -> None:
    database.write(lambda s: hire(s, newsroom.newsletter_id, "Ilya Brandt", "other-ilya@desk.example", "editor"))
    assert run(app, "disable", NORA).exit_code == 0
    before = dump_tables(database)
    refused = run(app, "reset", name)
    assert (refused.exit_code != 0, message in refused.output) == (True, True), refused.output
    assert dump_tables(database) == before
