"""Whoever runs the house puts somebody out of all of it at once by a command, and lets them back."""

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from app.audit import Event
from app.db.engine import Database
from app.people.models import Person, SignIn
from tests.support.database_checks import dump_tables
from tests.support.desk_people import (
    ILYA,
    NORA,
    VERA,
    create_delta_newsletter,
    find_link,
    get_newest_mail_text,
    get_person_public_id,
    hire,
    hire_vera,
    list_events,
    request_code,
    sign_in_by_code,
    sign_in_directly,
)
from tests.support.pages import Browser
from tests.support.sample_newsroom import Newsroom

DESK = "/desk/steppe/"


@pytest.fixture
def vera(app: Flask, database: Database, newsroom: Newsroom) -> Browser:
    hire_vera(database, newsroom)
    return sign_in_directly(app, database, VERA)


def run(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=["staff", *words])


@pytest.mark.threat("rogue assistant")
def test_ilya_is_out_of_every_desk_at_once_and_can_be_let_back(
    app: Flask, database: Database, newsroom: Newsroom, vera: Browser
) -> None:
    delta = database.write(create_delta_newsletter)
    database.write(lambda session: hire(session, delta, "Ilya Brandt", ILYA, "editor"))
    laptop, phone, asked = sign_in_directly(app, database, ILYA), sign_in_directly(app, database, ILYA), Browser(app)
    request_code(asked, ILYA)
    way = find_link(get_newest_mail_text(database, ILYA))

    done = run(app, "disable", ILYA)
    assert (done.exit_code, done.output) == (
        0,
        "Ilya Brandt is disabled. Browsers signed out: 2; open links and codes revoked: 1.\n",
    )
    assert [laptop.open(f"{DESK}letters").status_code, phone.open("/desk/delta/letters").status_code] == [303, 303]
    asked.open(way)
    assert asked.heading == "This link has ended"
    mails = len(dump_tables(database)["outbox"])
    request_code(Browser(app), ILYA)
    with database.read() as session:
        assert session.scalars(select(SignIn).filter_by(person_id=newsroom.ilya.person_id)).all() == []
        assert len(dump_tables(database)["outbox"]) == mails
    for desk in (newsroom.newsletter_id, delta):
        assert list_events(database, desk, "membership.disable") == [("membership.disable", None, None)]
    vera.open(f"{DESK}trail")
    assert "Ilya Brandt was shut out of the whole house." in vera.text
    vera.open(f"{DESK}people/{get_person_public_id(database, newsroom.ilya)}")
    assert ("who alone can let them back" in vera.text, "Reactivate them" in vera.text) == (True, False)

    assert run(app, "enable", ILYA).output == "Ilya Brandt can sign in again, with a mail that they request.\n"
    assert sign_in_by_code(app, database, ILYA).open(f"{DESK}letters").status_code == 200
    with database.read() as session:
        query = select(Event.action).where(Event.noun == "person", Event.noun_id == newsroom.ilya.person_id)
        acts = list(session.scalars(query.order_by(Event.id)))
        assert [act for act in acts if act in ("person.disable", "session.end_all", "person.enable")] == [
            "person.disable",
            "session.end_all",
            "person.enable",
        ]


def test_the_last_admin_of_a_desk_stays(app: Flask, database: Database, newsroom: Newsroom, vera: Browser) -> None:
    before = dump_tables(database)
    refused = run(app, "disable", VERA)
    assert (refused.exit_code, refused.output) == (
        1,
        "Error: nothing was changed: Vera Holm is the only admin of The Steppe Letter. Give somebody else this role first\n",
    )
    assert dump_tables(database) == before
    database.write(lambda session: hire(session, newsroom.newsletter_id, "Oleg", "oleg@desk.example", "admin"))
    assert run(app, "disable", VERA).exit_code == 0
    with database.read() as session:
        assert [one.name for one in session.scalars(select(Person).where(Person.disabled_at.is_not(None)))] == [
            "Vera Holm"
        ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("disable", "nobody@desk.example"), "nobody has the address nobody@desk.example"),
        (("enable", "nobody"), "nobody is not an e-mail address"),
        (("enable", ILYA), "Ilya Brandt isn't disabled"),
        (("disable", NORA), "Nora Lind is already disabled"),
        (("invite", NORA, "--name", "N", "--newsletter", "steppe"), f"run readers-asked staff enable {NORA} first"),
    ],
)
def test_what_would_change_nothing_is_refused_and_says_why(
    app: Flask, database: Database, newsroom: Newsroom, words: tuple[str, ...], message: str
) -> None:
    assert run(app, "disable", NORA).exit_code == 0
    before = dump_tables(database)
    refused = run(app, *words)
    assert (refused.exit_code != 0, message in refused.output) == (True, True)
    assert dump_tables(database) == before
