"""The URLs that `make run` prints: pages of the demo newsroom, and fresh links that sign in."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from app.answers.models import Answer, Assignment
from app.core.actors import Clock
from app.db.engine import Database
from app.db.session import absolute_url, get_keyring
from app.letters.receive import FormToken, receipt_of
from app.newsletters.queries import all_newsletters
from app.people import directory, links, sign_in
from app.questions.models import Translator
from app.text.clean import group_digits

SIGN_IN_LIFETIME = timedelta(days=1)
# The people with a sign-in link: address, door and label.
GUESTS = (
    ("tereza@platan.example", "desk", "The desk of Shift Change, as its editor Tereza"),
    ("aizada@platan.example", "desk", "The same desk, as Tereza's assistant Aizada"),
    ("shirin@platan.example", "desk", "The desk of نفس, as its editor Shirin"),
    ("pavel@platan.example", "desk", "Both desks, as Pavel, who says who works there"),
    ("gulmira@fair-hour.example", "expert", "An expert's own page, as the lawyer Gulmira"),
)
RECEIPT_NONCE = "shift-change envelope 2"  # of a letter with a published question
RECEIPT_PATH = "/shift-change/receipt"


def list_entry_urls(database: Database) -> list[tuple[str, str]]:
    """Return labels and URLs. Creates the links: one that signs in works once, within a day."""
    return database.write(_list_entry_urls)


def _list_entry_urls(session: Session) -> list[tuple[str, str]]:
    entries = [(f"Readers of {newsletter.name}", f"/{newsletter.slug}/") for newsletter in all_newsletters(session)]
    entries += [
        ("An expert who is writing an answer", _create_assignment_link(session, Assignment.state == "accepted")),
        ("An expert whose answer is to be checked", _create_assignment_link(session, Answer.state == "checking")),
        ("Somebody outside who translates one answer", _create_translator_link(session)),
    ]
    for email, door, label in GUESTS:
        person = directory.by_email(session, email)
        if person is not None:  # visitors of the demo can change addresses
            entries.append((label, sign_in.invite(session, Clock(), person, door, SIGN_IN_LIFETIME)))
    entries.append(("The mails that were sent", "/mails/"))
    receipt = group_digits(receipt_of(session, FormToken(RECEIPT_NONCE, get_keyring(session).newest)))
    entries.append((f"What became of a reader's question; type {receipt}", RECEIPT_PATH))
    return [(label, absolute_url(session, path)) for label, path in entries if path]


def _create_assignment_link(session: Session, condition: ColumnElement[bool]) -> str:
    """Return the path of a fresh link to the first assignment that matches; empty if none does."""
    query = select(Assignment.id).outerjoin(Answer, Answer.assignment_id == Assignment.id).where(condition)
    assignment_id = session.scalar(query.order_by(Assignment.id).limit(1))
    if assignment_id is None:
        return ""
    return f"/a/{links.new_link(session, assignment_id=assignment_id)}"


def _create_translator_link(session: Session) -> str:
    """Return the path of a fresh link for an outside translator; empty if nobody is asked to translate."""
    translator_id = session.scalar(select(Translator.id).where(Translator.is_open).order_by(Translator.id).limit(1))
    if translator_id is None:
        return ""
    return f"/a/{links.new_link(session, translator_id=translator_id)}/translation"
