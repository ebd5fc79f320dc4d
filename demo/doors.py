"""The entrances of the demo newsroom: URLs to open, and fresh sign-in links for each start."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers.models import Answer, Assignment
from app.core.actors import Clock
from app.db.engine import Database
from app.db.session import absolute_url, get_keyring
from app.letters.receive import FormToken, receipt_of
from app.newsletters.queries import all_newsletters
from app.people import directory, links, sign_in
from app.questions.models import Translator
from app.text.clean import group_digits

A_DAY = timedelta(days=1)
# The people with a sign-in link: address, door, and label.
GUESTS = (
    ("tereza@platan.example", "desk", "The desk of Shift Change, as its editor Tereza"),
    ("aizada@platan.example", "desk", "The same desk, as Tereza's assistant Aizada"),
    ("shirin@platan.example", "desk", "The desk of نفس, as its editor Shirin"),
    ("pavel@platan.example", "desk", "Both desks, as Pavel, who says who works there"),
    ("gulmira@fair-hour.example", "expert", "An expert's own page, as the lawyer Gulmira"),
)
RECEIPT = ("shift-change envelope 2", "/shift-change/receipt")  # the nonce of a letter with a published question


def doors(database: Database) -> list[tuple[str, str]]:
    """Return labels and URLs of all entrances. Creates the links; a sign-in link works once, within a day."""
    return database.write(_doors)


def _doors(session: Session) -> list[tuple[str, str]]:
    found = [(f"Readers of {newsletter.name}", f"/{newsletter.slug}/") for newsletter in all_newsletters(session)]
    found += [
        ("An expert who is writing an answer", _link(session, Assignment.state == "accepted")),
        ("An expert whose answer is to be checked", _link(session, Answer.state == "checking")),
        ("Somebody outside who translates one answer", _translators_link(session)),
    ]
    for email, door, label in GUESTS:
        person = directory.by_email(session, email)
        if person is not None:  # visitors of the demo can change addresses
            found.append((label, sign_in.invite(session, Clock(), person, door, A_DAY)))
    found.append(("The mails that were sent", "/mails/"))
    nonce, path = RECEIPT
    receipt = group_digits(receipt_of(session, FormToken(nonce, get_keyring(session).newest)))
    found.append((f"What became of a reader's question; type {receipt}", path))
    return [(label, absolute_url(session, path)) for label, path in found if path]


def _link(session: Session, wanted: object) -> str:
    """Return the path of a fresh link to the first assignment that matches; empty if none does."""
    query = select(Assignment.id).outerjoin(Answer, Answer.assignment_id == Assignment.id).where(wanted)  # type: ignore[arg-type]
    assignment_id = session.scalar(query.order_by(Assignment.id).limit(1))
    return f"/a/{links.new_link(session, assignment_id=assignment_id)}" if assignment_id else ""


def _translators_link(session: Session) -> str:
    """Return the path of a fresh link for an outside translator; empty if nobody is asked to translate."""
    translator_id = session.scalar(select(Translator.id).where(Translator.is_open).order_by(Translator.id).limit(1))
    return f"/a/{links.new_link(session, translator_id=translator_id)}/translation" if translator_id else ""
