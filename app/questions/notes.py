"""Notes of the desk to itself about a question. A colleague who is called in a note hears of it by mail."""

from collections.abc import Iterable

from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Staff
from ..core.state_machine import must, require_text
from ..db.session import absolute_url, add_and_flush, now
from ..mail.mail_values import DeskMail
from ..newsletters.desk_mails import to_colleague
from ..newsletters.models import Newsletter
from ..people import directory
from ..people.models import Person
from ..text.clean import clean
from .mentions import mentions
from .models import Note, Question


def note_unsaved(
    session: Session, actor: Staff, question: Question, title: str, parts: Iterable[tuple[str, str]]
) -> Note:
    """Keep what somebody typed and didn't save: the texts of `parts`, each below its label. Raises
    `MissingPrecondition`."""
    texts = (f"{label}\n{text}".strip() for label, text in parts if text.strip())
    return note(session, actor, question, "\n\n".join([title, *texts]))


def note(session: Session, actor: Staff, question: Question, body: str) -> Note:
    """Say something to the desk about a question, and call whoever is named in it. Raises `MissingPrecondition`."""
    must(actor, "word")
    body = require_text("note", clean(body))
    noted = add_and_flush(
        session, Note(question_id=question.id, person_id=actor.person_id, body=body, written_at=now(session))
    )
    colleagues = {person.id: person for person in directory.everybody_of(session, question.newsletter_id)}
    found = mentions(body, {key: person.name for key, person in colleagues.items()})
    called = {key for mention in found for key in mention.people} - {actor.person_id}
    for key in sorted(called):
        _notify_mentioned(session, actor, question, colleagues[key], noted)
    audit.record(session, actor, "question.note", question, facts={"note": noted.id, "called": sorted(called)})
    return noted


def _notify_mentioned(session: Session, actor: Staff, question: Question, person: Person, note: Note) -> None:
    """The mail says who wrote and where. What was written stays at the desk: a mailbox lies outside of it."""
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    link = absolute_url(session, f"/desk/{newsletter.slug}/questions/{question.public_id}")
    about, once_key = DeskMail(who=actor.name, link=link), f"mention:{note.id}:{person.id}"
    to_colleague(session, newsletter, person, "desk.mention", about, question_id=question.id, once_key=once_key)
