"""The people of a desk: hiring them, signing them in, their roles and the trail of what they did."""

import re

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import Event
from app.core.actors import Clock, Staff
from app.db.engine import Database
from app.db.session import now
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people import directory, sign_in
from app.people.models import Membership, Person
from tests.support.pages import Browser
from tests.support.sample_newsroom import Newsroom

VERA, NORA, ILYA = "vera@desk.example", "nora@desk.example", "ilya@desk.example"


def hire(session: Session, newsletter_id: int, name: str, email: str, role: str) -> Staff:
    """Somebody at a desk, who has just proved who they are."""
    person = directory.add_person(session, Clock(), name, email)
    directory.give_role(session, Clock(), person, newsletter_id, role)
    return Staff(person.id, name, newsletter_id, role, now(session))


def hire_vera(database: Database, newsroom: Newsroom) -> Staff:
    return database.write(lambda session: hire(session, newsroom.newsletter_id, "Vera Holm", VERA, "admin"))


def create_delta_newsletter(session: Session) -> int:
    """The Delta Letter, another newsletter of the house."""
    steppe = session.scalars(select(Newsletter)).one()
    same = {column.key for column in Newsletter.__table__.columns} - {"id", "public_id", "version"}
    columns = {name: getattr(steppe, name) for name in same}
    other = Newsletter(**columns | {"slug": "delta", "name": "The Delta Letter", "address": "delta@delta.example"})
    session.add(other)
    session.flush()
    return other.id


def get_newest_mail_text(database: Database, email: str) -> str:
    """The text of the newest mail to an address."""
    with database.read() as session:
        mails = session.scalars(select(OutboxMail).order_by(OutboxMail.id.desc())).all()
        return next(text.text for mail in mails if (text := outbox.read(session, mail)).to == email)


def find_link(mail: str) -> str:
    found = re.search(r"https://\S+", mail)
    assert found is not None
    return found[0]


def sign_in_by_link(app: Flask, link: str) -> Browser:
    browser = Browser(app)
    browser.open(link)
    browser.press(link)
    return browser


def sign_in_directly(app: Flask, database: Database, email: str) -> Browser:
    """Somebody in a browser of their own, let in just now."""

    def way(session: Session) -> str:
        person = directory.by_email(session, email)
        assert person is not None, email
        return sign_in.invite(session, Clock(), person, "desk")

    return sign_in_by_link(app, database.write(way))


def sign_in_by_code(app: Flask, database: Database, email: str) -> Browser:
    """Somebody who has asked for a way in at the door and typed the code."""
    browser = Browser(app)
    request_code(browser, email)
    type_code(browser, database, email)
    return browser


def request_code(browser: Browser, email: str, to: str = "desk") -> None:
    browser.open(f"/sign-in?to={to}")
    browser.press("/sign-in", email=email, to=to)
    browser.follow()


def type_code(browser: Browser, database: Database, email: str) -> None:
    code = re.search(r"^\d{4} \d{4}$", get_newest_mail_text(database, email), re.MULTILINE)
    assert code is not None
    browser.press("/sign-in/code", code=code[0])


def get_person_public_id(database: Database, staff: Staff) -> str:
    with database.read() as session:
        return session.get_one(Person, staff.person_id).public_id


def list_roles(database: Database, newsletter_id: int) -> dict[str, tuple[str, str]]:
    """Everybody at a desk: by name, the role and whether they are invited, here or out."""
    with database.read() as session:
        rows = session.execute(
            select(Membership, Person)
            .join(Person, Person.id == Membership.person_id)
            .filter_by(newsletter_id=newsletter_id)
        )
        return {
            row.invited_as or person.name: (
                row.role,
                "invited" if not row.joined_at else "out" if row.disabled_at else "here",
            )
            for row, person in rows
        }


def list_events(database: Database, newsletter_id: int, prefix: str) -> list[tuple[str, str | None, str | None]]:
    """What was noted at a desk of one kind, in order."""
    with database.read() as session:
        rows = session.scalars(select(Event).filter_by(newsletter_id=newsletter_id).order_by(Event.id))
        return [(row.action, row.old, row.new) for row in rows if row.action.startswith(prefix)]
