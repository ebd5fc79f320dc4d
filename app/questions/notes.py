"""Notes of the desk about a question. A colleague who is mentioned in one gets a mail."""

import re
from collections import defaultdict
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

MAX_NAME_LENGTH = 200  # characters after the "@" in which a name is looked for
# Not inside an address or a word: "nora@desk.example" mentions nobody.
_AT_SIGN = re.compile(r"(?<![\w@.])@(?=\w)")


@dataclass(frozen=True)
class Mention:
    """A mention in a note, at characters `start` to `end` (exclusive), with the ids of the people that it may mean."""

    start: int
    end: int
    person_ids: frozenset[int]


def find_mentions(body: str, people: Mapping[int, str]) -> list[Mention]:
    """Find the mentions, such as "@Nora", in a note. `people` has the names of everybody at the desk, by id.

    People are mentioned by their full or first name; the longest matching name wins. A first name that two people share
    mentions both: one mail too many does less harm than one too few.
    """
    ids_by_name: dict[str, set[int]] = defaultdict(set)
    for person_id, name in people.items():
        full_name = single_line(name)
        first_name = full_name.partition(" ")[0]
        if full_name:
            ids_by_name[full_name].add(person_id)
            ids_by_name[first_name].add(person_id)
    longest_first = sorted(ids_by_name, key=len, reverse=True)
    mentions = []
    for at_sign in _AT_SIGN.finditer(body):
        text = body[at_sign.end() : at_sign.end() + MAX_NAME_LENGTH]
        mentioned = next((name for name in longest_first if _begins_with_name(text, name)), None)
        if mentioned is not None:
            end = at_sign.end() + len(mentioned)
            mentions.append(Mention(at_sign.start(), end, frozenset(ids_by_name[mentioned])))
    return mentions


def _begins_with_name(text: str, name: str) -> bool:
    """Return whether a text begins with this name, and not just with a longer word, as "Norah" for "Nora"."""
    return text[: len(name)].casefold() == name.casefold() and not re.match(r"\w", text[len(name) :])


def split_at_mentions(body: str, mentions: list[Mention]) -> list[tuple[str, bool]]:
    """Split a note into pieces, each with whether it is a mention; joined, the pieces are the note."""
    pieces: list[tuple[str, bool]] = []
    position = 0
    for mention in mentions:
        pieces += [(body[position : mention.start], False), (body[mention.start : mention.end], True)]
        position = mention.end
    pieces.append((body[position:], False))
    return [(text, is_mention) for text, is_mention in pieces if text]


def note_unsaved(
    session: Session, actor: Staff, question: Question, title: str, parts: Iterable[tuple[str, str]]
) -> Note:
    """Store text that somebody typed but couldn't save as a note: `title`, then each (label, text) of `parts`.

    Raises the same errors as `note`.
    """
    texts = (f"{label}\n{text}".strip() for label, text in parts if text.strip())
    return note(session, actor, question, "\n\n".join([title, *texts]))


def note(session: Session, actor: Staff, question: Question, body: str) -> Note:
    """Add a note to a question and notify the colleagues mentioned in it.

    Raises `MissingField` for an empty note, and `PermissionDenied`.
    """
    must(actor, "word")
    body = require_text("note", clean(body))
    new_note = add_and_flush(
        session, Note(question_id=question.id, person_id=actor.person_id, body=body, written_at=now(session))
    )
    colleagues = {person.id: person for person in directory.list_staff(session, question.newsletter_id)}
    mentions = find_mentions(body, {person_id: person.name for person_id, person in colleagues.items()})
    mentioned_ids = {person_id for mention in mentions for person_id in mention.person_ids} - {actor.person_id}
    for person_id in sorted(mentioned_ids):
        _notify_mentioned(session, actor, question, colleagues[person_id], new_note)
    facts = {"note": new_note.id, "called": sorted(mentioned_ids)}
    audit.record(session, actor, "question.note", question, facts=facts)
    return new_note


def _notify_mentioned(session: Session, actor: Staff, question: Question, person: Person, note: Note) -> None:
    """Mail a mentioned colleague the author's name and a link, but not the text: mailboxes are outside the desk."""
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    link = absolute_url(session, f"/desk/{newsletter.slug}/questions/{question.public_id}")
    mail_values = DeskMail(who=actor.name, link=link)
    once_key = f"mention:{note.id}:{person.id}"
    to_colleague(session, newsletter, person, "desk.mention", mail_values, question_id=question.id, once_key=once_key)
