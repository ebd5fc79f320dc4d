"""Assignments: the brief, the invitation, and what the expert says to it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import audit
from ..audit.queries import count_events_since
from ..core.actors import Actor, Expert, Staff
from ..core.state_machine import DomainError, InvalidTransition, MissingPrecondition, must, require_length, require_text
from ..db.session import get_keyring, lock_row, now
from ..mail.mail_values import AssignmentMail, InvitationMail
from ..mail.models import OutboxMail
from ..newsletters.models import Newsletter
from ..newsletters.queries import house_texts
from ..people import links
from ..people.models import Expert as ExpertRow
from ..questions import queries as questions
from ..questions.lifecycle import QUESTION
from ..questions.models import Note, Question
from ..questions.source_protection import must_be_clear
from ..text.clean import clean, for_print, single_line
from . import expert_mails, unsent_mails
from .lifecycle import ANSWER, ASSIGNMENT
from .models import Answer, Assignment

MIN_WORDS, MAX_WORDS = 20, 2_000  # words that can be wanted
MAX_LINE_LENGTH = 400  # characters of the credit line, and of the relation


@dataclass(frozen=True)
class Brief:
    """`words` is the wanted length, `relation` what follows the credit line in print.

    None stands for what the newsletter or the expert's profile says.
    """

    brief: str = ""
    words: int | None = None
    credit_line: str | None = None
    relation: str | None = None

    @property
    def whole(self) -> str:
        return f"{self.brief}\n{self.credit_line or ''}\n{self.relation or ''}"


EMPTY_BRIEF = Brief()


def clean_printed_line(field: str, text: str) -> str:
    """Return what is said of an expert in print, as it is kept. Raises `TooLong`."""
    return require_length(field, for_print(single_line(text)), MAX_LINE_LENGTH)


def change_brief(session: Session, actor: Staff, assignment: Assignment, brief: Brief) -> None:
    """Change the brief of an invitation that isn't sent; afterwards the expert has it in writing.

    Raises `InvalidTransition`, `MissingPrecondition` (words), `TooLong` and `LeakDetected` (see `source_protection`).
    """
    must(actor, "prepare")
    lock_row(session, assignment)
    if not assignment.is_drafted:
        raise InvalidTransition("assignment", "change the brief of", assignment.state)
    if not MIN_WORDS <= (brief.words or 0) <= MAX_WORDS:
        raise MissingPrecondition("words")
    must_be_clear(session, actor, assignment.question, brief.whole)
    assignment.brief, assignment.words = for_print(clean(brief.brief)), brief.words or 0
    assignment.credit_line = clean_printed_line("credit_line", brief.credit_line or "")
    assignment.relation = clean_printed_line("relation", brief.relation or "")
    audit.record(session, actor, "assignment.brief", assignment)


ASKS_A_DAY = 5  # times that an expert asks back about one assignment: each is a note and a mail


class AskedEnough(DomainError):
    """An expert has asked back as often as the desk can answer within a day."""


@dataclass(frozen=True)
class Terms:
    """The dates and the print line of an invitation; `lead_in` is the line before the answer as it would run."""

    reply_by: datetime
    due_at: datetime
    runs_on: datetime | None
    check_until: datetime | None
    lead_in: str


def assign(
    session: Session,
    actor: Staff,
    question: Question,
    expert: ExpertRow,
    brief: Brief = EMPTY_BRIEF,
    for_edition_id: int | None = None,
) -> Assignment:
    """Draft an assignment. What is said of the expert in print starts from their profile.

    Raises `InvalidTransition` when this expert has the question already, or when the question is past being answered;
    `LeakDetected` (see `source_protection`).
    """
    lock_row(session, question)
    theirs = select(Assignment).filter_by(question_id=question.id, expert_id=expert.id)
    taken = session.scalar(theirs.where(Assignment.is_live))
    if taken or not question.takes_answers:
        raise InvalidTransition("question", "assign", "assigned" if taken else question.state)
    must_be_clear(session, actor, question, brief.whole)
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    assignment = Assignment(
        newsletter_id=question.newsletter_id,
        question_id=question.id,
        expert_id=expert.id,
        for_edition_id=for_edition_id,
        brief=for_print(clean(brief.brief)),
        words=brief.words or newsletter.sections[question.section].words,
        credit_line=clean_printed_line(
            "credit_line", expert.credit_line if brief.credit_line is None else brief.credit_line
        ),
        relation=clean_printed_line("relation", expert.relation if brief.relation is None else brief.relation),
    )
    ASSIGNMENT.apply(session, actor, assignment, "draft", why={"expert": expert.id})
    session.refresh(assignment)
    return assignment


def invite(
    session: Session, actor: Actor, assignment: Assignment, terms: Terms, also: int = 0, once_key: str | None = None
) -> None:
    """Send the invitation. `also` is how many more are about to be asked with this one.

    A question that has an approved answer stays ready to run while others are asked. The expert gets the desk's wording
    and brief only. Raises `MissingPrecondition` (cleared text, dates) and `InvalidTransition`.
    """
    question = lock_row(session, session.get_one(Question, assignment.question_id))
    times: dict[str, Any] = {"invited_at": now(session), "reply_by": terms.reply_by, "due_at": terms.due_at}
    ASSIGNMENT.apply(session, actor, lock_row(session, assignment), "invite", **times)
    if not (question.is_seeking or question.is_answered):
        QUESTION.apply(session, actor, question, "seek", cause="invite")
    values = invitation_values(session, assignment, terms, expert_mails.assignment_link(session, assignment), also)
    expert_mails.send_to_expert(session, actor, assignment, "expert.invitation", values, once_key=once_key)


def invitation_values(
    session: Session, assignment: Assignment, terms: Terms, link: str, also: int = 0
) -> InvitationMail:
    """Return all that the letter of invitation says."""
    question = session.get_one(Question, assignment.question_id)
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    verify, pay, rights = house_texts(session, newsletter, ("verify", "pay", "rights"))
    return InvitationMail(
        **vars(terms),
        wording=question.wording,
        background=question.text.background if question.text else "",
        brief=assignment.brief,
        words=assignment.words,
        policy=newsletter.check_policy,
        asked_others=expert_mails.count_other_experts(session, assignment) + also,
        readers=questions.askers(session, [question])[question.id],
        verify=verify,
        pay=pay,
        rights=rights,
        headline=question.headline or "",
        link=link,
    )


def of_question(session: Session, question: Question) -> list[Assignment]:
    return list(session.scalars(select(Assignment).filter_by(question_id=question.id).order_by(Assignment.id)))


def accept(session: Session, actor: Expert | Staff, assignment: Assignment, cause: str | None = None) -> None:
    """The expert says yes, also after a no; then `InvalidTransition` is raised where the question needs no answer any
    more.

    The desk says so in their name where it files what they mailed.
    """
    question = lock_row(session, session.get_one(Question, assignment.question_id))
    if assignment.is_declined and not question.takes_answers:
        raise InvalidTransition("question", "accept", question.state)
    lock_row(session, assignment)
    later = assignment.later_on.isoformat() if assignment.later_on else None
    was = {name: value for name, value in (("decline_reason", assignment.decline_reason), ("later_on", later)) if value}
    facts = {"decline_reason": None, "later_on": None}
    ASSIGNMENT.apply(session, actor, assignment, "accept", cause=cause, why={"was": was} if was else None, **facts)
    if question.is_open:
        QUESTION.apply(session, actor, question, "seek", cause="invite")
    unsent_mails.step_back(session, actor, assignment, "accept")


def decline(
    session: Session, actor: Actor, assignment: Assignment, reason: str, later_on: date | None = None, message: str = ""
) -> None:
    """The expert, or the desk in their name, says no; `later_on` is from when there would be time.

    Raises `MissingPrecondition` where that day is not to come, `InvalidTransition` and `PermissionDenied`.
    """
    lock_row(session, assignment)
    zone = session.get_one(Newsletter, assignment.newsletter_id).zone
    later_on = later_on if reason == "no time" else None
    if later_on and later_on <= now(session).astimezone(ZoneInfo(zone)).date():
        raise MissingPrecondition("later date to come")
    why = {"reason": reason}
    ASSIGNMENT.apply(session, actor, assignment, "decline", why=why, decline_reason=reason, later_on=later_on)
    reopen_if_unassigned(session, actor, assignment.question_id)
    if isinstance(actor, Expert):
        expert_mails.notify_desk(session, assignment, "declined", clean(message))


def suggest(session: Session, actor: Expert, assignment: Assignment, colleague: str) -> None:
    """The expert names somebody else. Sealed: the colleague has agreed to nothing yet. Raises `MissingPrecondition`,
    `InvalidTransition`."""
    colleague = require_text("colleague", single_line(colleague)[:400])
    _check_not_over(session, assignment, "suggest a colleague for")
    ring = get_keyring(session)
    assignment.suggestion_sealed = ring.seal(f"assignments.suggestion.{assignment.public_id}", colleague)
    assignment.key_no = ring.newest
    audit.record(session, actor, "assignment.suggest", assignment)
    expert_mails.notify_desk(session, assignment, "suggestion", colleague)


def suggestion_of(session: Session, assignment: Assignment) -> str | None:
    if assignment.suggestion_sealed is None:
        return None
    return get_keyring(session).open(f"assignments.suggestion.{assignment.public_id}", assignment.suggestion_sealed)


def ask_back(session: Session, actor: Expert, assignment: Assignment, body: str) -> None:
    """The expert has a question of their own. It stands among the question's notes.

    Raises `MissingPrecondition`, `InvalidTransition`, and `AskedEnough` for one more than ASKS_A_DAY within 24 hours.
    """
    body = require_text("text", clean(body)[:2_000])
    _check_not_over(session, assignment, "ask back about")
    since = now(session) - timedelta(days=1)
    if count_events_since(session, "assignment", assignment.id, "assignment.ask_back", since) >= ASKS_A_DAY:
        raise AskedEnough
    person_id = assignment.expert.person_id
    session.add(Note(question_id=assignment.question_id, person_id=person_id, body=body, written_at=now(session)))
    audit.record(session, actor, "assignment.ask_back", assignment)
    expert_mails.notify_desk(session, assignment, "question_back", body)


def _check_not_over(session: Session, assignment: Assignment, action: str) -> None:
    """Raise `InvalidTransition` where nobody would read it: the assignment is over, or its question. After a no it is
    welcome."""
    question = lock_row(session, session.get_one(Question, assignment.question_id))
    if lock_row(session, assignment).is_over or question.is_settled:
        raise InvalidTransition("assignment", action, assignment.state)


def send_link_again(session: Session, actor: Staff, assignment: Assignment) -> None:
    """Revoke the addresses of the assignment's page and mail a new one."""
    must(actor, "invite")
    if not lock_row(session, assignment).is_asked:
        raise InvalidTransition("assignment", "send the link of", assignment.state)
    links.revoke_links(session, assignment.id)
    again = AssignmentMail(due_at=assignment.due_at, link=expert_mails.assignment_link(session, assignment))
    expert_mails.send_to_expert(session, actor, assignment, "expert.invitation_again", again)
    audit.record(session, actor, "assignment.link", assignment)


def extend(session: Session, actor: Staff, assignment: Assignment, due_at: datetime) -> None:
    """Give the expert until another time. Late is a question put to this date, so nothing else has to change.

    Raises `InvalidTransition` where nobody waits for a text of theirs: not asked yet, handed in, or ended meanwhile.
    """
    must(actor, "invite")
    if not lock_row(session, assignment).owes_text:
        raise InvalidTransition("assignment", "extend", assignment.state)
    assignment.due_at = due_at
    audit.record(session, actor, "assignment.extend", assignment)


def cancel(
    session: Session, actor: Actor, assignment: Assignment, sentence: str = "", cause: str | None = None
) -> OutboxMail | None:
    """Take an assignment back: its links end and the expert is told why in `sentence`, unless they never heard of it.

    Gives the mail that tells them. Raises `LeakDetected` (see `source_protection`).
    """
    asked = lock_row(session, assignment).is_asked
    ASSIGNMENT.apply(session, actor, assignment, "cancel", cause=cause)
    answer = session.scalar(select(Answer).filter_by(assignment_id=assignment.id))
    if answer and not answer.is_withdrawn:
        ANSWER.apply(session, actor, lock_row(session, answer), "withdraw", cause="cancel")
    links.revoke_links(session, assignment.id)
    if cause is None:
        reopen_if_unassigned(session, actor, assignment.question_id)
    return expert_mails.notify_of_end(session, actor, assignment, sentence) if asked else None


def reopen_if_unassigned(session: Session, actor: Actor, question_id: int) -> None:
    """Reopen the question when the last expert is out."""
    question = lock_row(session, session.get_one(Question, question_id))
    if question.is_seeking and not any(a.is_asked for a in of_question(session, question)):
        QUESTION.apply(session, actor, question, "rest", cause="last one ends")
