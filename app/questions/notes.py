"""Notes of the desk about a question. A colleague who is mentioned in one gets a mail."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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
from ..text.clean import clean, single_line
from .models import Note, Question

# Not inside an address or a word: "nora@desk.example" mentions nobody.
_AT = re.compile(r"(?<![\w@.])@(?=\w)")


@dataclass(frozen=True)
class Mention:
    """A mention in a note, at characters `start` to `end` (exclusive), and the ids of the people whom it may mean."""

    start: int
    end: int
    people: frozenset[int]


def find_mentions(body: str, people: Mapping[int, str]) -> list[Mention]:
    """Find the mentions in a note. `people` are the names at the desk by id; the longest matching name wins.

    A first name that two people share mentions both: one mail too many does less harm than one too few.
    """
    keys: dict[str, set[int]] = {}
    for key, name in people.items():
        whole = single_line(name)
        for known in {whole, whole.partition(" ")[0]} - {""}:
            keys.setdefault(known, set()).add(key)
    longest_first = sorted(keys, key=len, reverse=True)
    found = []
    for at in _AT.finditer(body):
        rest = body[at.end() : at.end() + 200]
        fits = next((one for one in longest_first if _begins_with_name(rest, one)), None)
        if fits is not None:
            found.append(Mention(at.start(), at.end() + len(fits), frozenset(keys[fits])))
    return found


def _begins_with_name(text: str, name: str) -> bool:
    """Return whether a text begins with this name, and not merely with a longer word that begins like it."""
    return text[: len(name)].casefold() == name.casefold() and not re.match(r"\w", text[len(name) :])


def split_at_mentions(body: str, mentions: list[Mention]) -> list[tuple[str, bool]]:
    """Split a note into pieces of text and whether each is a mention; joined, the pieces are the note."""
    cut: list[tuple[str, bool]] = []
    at = 0
    for mention in mentions:
        cut += [(body[at : mention.start], False), (body[mention.start : mention.end], True)]
        at = mention.end
    cut.append((body[at:], False))
    return [piece for piece in cut if piece[0]]


def note_unsaved(
    session: Session, actor: Staff, question: Question, title: str, parts: Iterable[tuple[str, str]]
) -> Note:
    """Store as a note what somebody typed and couldn't save: the texts of `parts`, each below its label.

    Raises as `note` does.
    """
    texts = (f"{label}\n{text}".strip() for label, text in parts if text.strip())
    return note(session, actor, question, "\n\n".join([title, *texts]))


def note(session: Session, actor: Staff, question: Question, body: str) -> Note:
    """Add a note to a question and notify the colleagues mentioned in it.

    Raises `MissingField` for an empty note, and `PermissionDenied`.
    """
    must(actor, "word")
    body = require_text("note", clean(body))
    noted = add_and_flush(
        session, Note(question_id=question.id, person_id=actor.person_id, body=body, written_at=now(session))
    )
    colleagues = {person.id: person for person in directory.everybody_of(session, question.newsletter_id)}
    found = find_mentions(body, {key: person.name for key, person in colleagues.items()})
    called = {key for mention in found for key in mention.people} - {actor.person_id}
    for key in sorted(called):
        _notify_mentioned(session, actor, question, colleagues[key], noted)
    audit.record(session, actor, "question.note", question, facts={"note": noted.id, "called": sorted(called)})
    return noted


def _notify_mentioned(session: Session, actor: Staff, question: Question, person: Person, note: Note) -> None:
    """Mail a colleague who wrote and where, without the text: mailboxes are outside the desk."""
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    link = absolute_url(session, f"/desk/{newsletter.slug}/questions/{question.public_id}")
    about, once_key = DeskMail(who=actor.name, link=link), f"mention:{note.id}:{person.id}"
    to_colleague(session, newsletter, person, "desk.mention", about, question_id=question.id, once_key=once_key)
