"""The staff of a desk: adding people, signing them in, their roles, and the events that they cause."""

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
    """Add a person to a desk; as an actor they have just confirmed their identity."""
    person = directory.add_person(session, Clock(), name, email)
    directory.give_role(session, Clock(), person, newsletter_id, role)
    return Staff(person.id, name, newsletter_id, role, now(session))


def hire_vera(database: Database, newsroom: Newsroom) -> Staff:
    return database.write(lambda session: hire(session, newsroom.newsletter_id, "Vera Holm", VERA, "admin"))


def create_delta_newsletter(session: Session) -> int:
    """Create the Delta Letter with the settings of the only newsletter, and return its key."""
    steppe = session.scalars(select(Newsletter)).one()
    names = {column.key for column in Newsletter.__table__.columns} - {"id", "public_id", "version"}
    values = {name: getattr(steppe, name) for name in names}
    delta = Newsletter(**values | {"slug": "delta", "name": "The Delta Letter", "address": "delta@delta.example"})
    session.add(delta)
    session.flush()
    return delta.id


def get_newest_mail_text(database: Database, email: str) -> str:
    """Return the text of the newest mail to an address."""
    with database.read() as session:
        mails = session.scalars(select(OutboxMail).order_by(OutboxMail.id.desc())).all()
        messages = (outbox.read(session, mail) for mail in mails)
        return next(message.text for message in messages if message.to == email)


def find_link(mail: str) -> str:
    match = re.search(r"https://\S+", mail)
    assert match is not None
    return match[0]


def sign_in_by_link(app: Flask, link: str) -> Browser:
    browser = Browser(app)
    browser.open(link)
    browser.press(link)
    return browser


def sign_in_directly(app: Flask, database: Database, email: str) -> Browser:
    """Sign a person in by an invitation, without a mail, in a new browser."""

    def invite(session: Session) -> str:
        person = directory.by_email(session, email)
        assert person is not None, email
        return sign_in.invite(session, Clock(), person, "desk")

    return sign_in_by_link(app, database.write(invite))


def sign_in_by_code(app: Flask, database: Database, email: str) -> Browser:
    """Sign a person in by a code that they request on the sign-in page, in a new browser."""
    browser = Browser(app)
    request_code(browser, email)
    type_code(browser, database, email)
    return browser


def request_code(browser: Browser, email: str, door: str = "desk") -> None:
    """Request a code on the sign-in page for the desk or, with the door "expert", for experts."""
    browser.open(f"/sign-in?to={door}")
    browser.press("/sign-in", email=email, to=door)
    browser.follow()


def type_code(browser: Browser, database: Database, email: str) -> None:
    code = re.search(r"^\d{4} \d{4}$", get_newest_mail_text(database, email), re.MULTILINE)
    assert code is not None
    browser.press("/sign-in/code", code=code[0])


def get_person_public_id(database: Database, staff: Staff) -> str:
    with database.read() as session:
        return session.get_one(Person, staff.person_id).public_id


def list_roles(database: Database, newsletter_id: int) -> dict[str, tuple[str, str]]:
    """Return the role of each member of a desk by name, and whether they are "invited", "here" or "out"."""
    with database.read() as session:
        rows = session.execute(
            select(Membership, Person)
            .join(Person, Person.id == Membership.person_id)
            .filter_by(newsletter_id=newsletter_id)
        )
        return {row.invited_as or person.name: (row.role, _get_membership_status(row)) for row, person in rows}


def _get_membership_status(membership: Membership) -> str:
    if not membership.joined_at:
        return "invited"
    return "out" if membership.disabled_at else "here"


def list_events(database: Database, newsletter_id: int, prefix: str) -> list[tuple[str, str | None, str | None]]:
    """Return action, old and new value of the events of a desk whose action has this prefix, in order."""
    with database.read() as session:
        rows = session.scalars(select(Event).filter_by(newsletter_id=newsletter_id).order_by(Event.id))
        return [(row.action, row.old, row.new) for row in rows if row.action.startswith(prefix)]
