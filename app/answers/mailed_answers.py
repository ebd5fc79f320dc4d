"""Answers that experts send by mail. Each waits as a letter on the assignment until the desk files it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor, Staff
from ..core.domain_errors import InvalidTransition, MissingField, MissingPrecondition, PermissionDenied
from ..core.state_machine import check_version, must, require_text
from ..db.session import add_and_flush, lock_row, now
from ..letters import filing
from ..letters.lifecycle import LETTER
from ..letters.models import OF_EXPERT, Letter
from ..mail import inbound
from ..mail.models import Inbound
from ..mailtext.trim.letter_frame import LetterFrame, split_letter
from ..newsletters.models import Newsletter
from ..people.models import Expert
from ..questions.models import Note
from ..search.index import remove_from_indexes
from ..text.clean import clean
from ..text.languages import guess_language
from . import assigning, editing, writing
from .assigning import MAX_MESSAGE_LENGTH
from .models import Answer, Assignment


def create_letter(session: Session, actor: Actor, assignment: Assignment, text: str, received_at: datetime) -> Letter:
    """Create a letter from an expert's mail about their assignment; nothing else changes.

    Raises `PermissionDenied`, and `MissingField` if `text` is empty.
    """
    body = require_text("text", clean(text)[: writing.MAX_ANSWER_LENGTH])
    letter = Letter(
        newsletter_id=assignment.newsletter_id,
        author="expert",
        channel="mail",
        body=body,
        language=guess_language(body),
        assignment_id=assignment.id,
        received_at=received_at,
    )
    LETTER.apply(session, actor, letter, "send", why={"assignment": assignment.id})
    return letter


def take_from_pen(
    session: Session, actor: Staff, assignment: Assignment, row: Inbound, version: int | None = None
) -> Letter:
    """Take a mail out of the holding pen as a letter from the expert of this assignment.

    Raises `PermissionDenied`, `VersionConflict`, `InvalidTransition`, `MissingPrecondition` if the mail was erased or
    couldn't be parsed, and `MissingField` if it has no text.
    """
    must(actor, "take letters")
    if assignment.newsletter_id != actor.newsletter_id:
        raise PermissionDenied(actor.ref)
    reading = inbound.get_reading(session, row)
    if reading is None:
        raise MissingPrecondition("mail_destroyed")
    letter = create_letter(session, actor, assignment, reading.text, row.stored_at)
    inbound.take(
        session, actor, row, letter.id, version, newsletter_id=assignment.newsletter_id, assignment_id=assignment.id
    )
    return letter


def return_to_pen(session: Session, actor: Staff, letter: Letter, version: int | None = None) -> Inbound:
    """Undo `take_from_pen`, as the mail isn't from the expert after all: put it back, and delete the letter.

    Raises `PermissionDenied`, `VersionConflict`, and `InvalidTransition` if the letter is filed or not an expert's, or
    if the desk didn't make it from a mail.
    """
    must(actor, "take letters")
    check_version(lock_row(session, letter), version)
    row = inbound.find_by_letter(session, letter.id)
    if letter.author != "expert" or not letter.waits or row is None:
        raise InvalidTransition("letter", "put back", letter.state)
    inbound.undo_take(session, actor, row)
    remove_from_indexes(session, "letter", letter.id)
    session.delete(letter)
    session.flush()
    return row


def find_with_waiting_letter(session: Session, assignment_ids: Sequence[int]) -> set[int]:
    """Return the IDs of the assignments with an unfiled letter from their expert. Reminders and the ladder wait."""
    newsletter_ids = select(Assignment.newsletter_id).where(Assignment.id.in_(assignment_ids))
    query = select(Letter.assignment_id).where(
        Letter.newsletter_id.in_(newsletter_ids), Letter.waits, Letter.assignment_id.in_(assignment_ids)
    )
    return {assignment_id for assignment_id in session.scalars(query) if assignment_id is not None}


@dataclass(frozen=True)
class FilingDetails:
    """The details that the desk enters when it files an expert's letter.

    - `reason`: for the kind "cannot", one of `DECLINE_REASONS`;
    - `later_on`: for the kind "later", the day from which the expert has time;
    - `note`: for the kind "question back", the question to the desk, if it isn't the whole letter;
    - `document`: for the kind "answer", the text of an attached document that is the answer in place of the letter.
    """

    reason: str = "other"
    later_on: date | None = None
    note: str = ""
    document: str = ""


NO_DETAILS = FilingDetails()


@dataclass(frozen=True)
class Filing:
    """An expert's letter, its assignment, and the details that the desk has entered."""

    letter: Letter
    assignment: Assignment
    details: FilingDetails

    @property
    def text(self) -> str:
        return self.letter.body or ""


# Changes the assignment or its answer as the letter says.
FilingAction = Callable[[Session, Staff, Filing], None]


def file(
    session: Session,
    actor: Staff,
    letter: Letter,
    kind: str,
    details: FilingDetails = NO_DETAILS,
    version: int | None = None,
) -> None:
    """File an expert's letter as `kind`, one of `OF_EXPERT`, and change its assignment or answer in the expert's name.

    Filing it again as the same kind does nothing. Raises `VersionConflict`, `PermissionDenied`, `MissingField` if the
    letter has no assignment, `InvalidTransition`, and what the change of the assignment or answer raises.
    """
    if letter.author != "expert" or kind not in OF_EXPERT:
        raise InvalidTransition("letter", f"file as {kind}", letter.state)
    assignment = session.get(Assignment, letter.assignment_id) if letter.assignment_id else None
    if assignment is None:
        raise MissingField("assignment")
    if letter.newsletter_id != actor.newsletter_id:
        raise PermissionDenied(actor.ref)
    if letter.is_filed and letter.filed_as == kind:
        return
    check_version(lock_row(session, letter), version)
    LETTER.find_move("file", letter.state)  # raises `InvalidTransition` before anything changes
    lock_row(session, assignment)
    with audit.collect_events(session) as events:
        FILING_ACTIONS[kind](session, actor, Filing(letter, assignment, details))
    event_ids = [event.id for event in events]
    filing.file(session, actor, letter, kind, assignment_id=assignment.id, caused_event_ids=event_ids)


def _file_answer(session: Session, actor: Staff, filing: Filing) -> None:
    """Submit the letter's text, or its document's, as the answer. An expert who had declined has now accepted."""
    assignment = filing.assignment
    if assignment.is_declined:
        assigning.accept(session, actor, assignment, cause="file")
    zone = ZoneInfo(session.get_one(Newsletter, assignment.newsletter_id).zone)
    given_on = filing.letter.received_at.astimezone(zone).date()
    content = writing.AnswerContent(split_answer(filing.details.document or filing.text, assignment.expert).body)
    writing.enter_by_hand(session, actor, assignment, content, _get_channel(session, filing), given_on)


def split_answer(text: str, expert: Expert) -> LetterFrame:
    """Split a mailed answer: greeting and closing are left out of it. They stay in the letter."""
    return split_letter(clean(text), expert.name)


def _get_channel(session: Session, filing: Filing) -> str:
    """Return "mail" if the sender was verified, and "pen" if the desk took the mail out of the holding pen.

    An answer from the pen must be read back to the expert, at their known address, before it is approved, unless an
    editor gives a reason.
    """
    row = inbound.find_by_letter(session, filing.letter.id)
    if row is None or row.reasons:  # only mails that were held have reasons
        return "pen"
    return "mail"


def _file_refusal(session: Session, actor: Staff, filing: Filing) -> None:
    if not filing.assignment.is_declined:
        assigning.decline(session, actor, filing.assignment, filing.details.reason)


def _file_postponement(session: Session, actor: Staff, filing: Filing) -> None:
    """Decline in the expert's name, and store from which day they have time."""
    if not filing.assignment.is_declined:
        assigning.decline(session, actor, filing.assignment, "no time", filing.details.later_on)


def _file_question_back(session: Session, actor: Staff, filing: Filing) -> None:
    """Store the expert's question among the notes on the question; the assignment stays as it is."""
    body = clean(filing.details.note or filing.text)[:MAX_MESSAGE_LENGTH]
    person_id = filing.assignment.expert.person_id
    note = Note(question_id=filing.assignment.question_id, person_id=person_id, body=body, written_at=now(session))
    add_and_flush(session, note)
    audit.record(session, actor, "assignment.ask_back", filing.assignment, facts={"note": note.id})


def _file_check_outcome(outcome: str) -> FilingAction:
    """Return a filing action that settles the open quote check with this outcome."""

    def settle(session: Session, actor: Staff, filing: Filing) -> None:
        answer = session.scalar(select(Answer).filter_by(assignment_id=filing.assignment.id))
        if answer is None:
            raise InvalidTransition("answer", "reply to a check of", None)
        editing.settle_check(session, actor, answer, outcome, filing.text)

    return settle


# By kind of letter. A passed check is "fine" under "facts only", and "yes" under full approval.
FILING_ACTIONS: dict[str, FilingAction] = {
    "answer": _file_answer,
    "cannot": _file_refusal,
    "later": _file_postponement,
    "question back": _file_question_back,
    "fine": _file_check_outcome("fine"),
    "wrong": _file_check_outcome("wrong"),
    "yes": _file_check_outcome("approved"),
}
