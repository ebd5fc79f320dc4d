"""Assignments: the brief, the invitation, the expert's reply, later deadlines, and cancelling."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import audit
from ..audit.queries import count_events_since
from ..core.actors import Actor, ExpertActor, Staff
from ..core.domain_errors import DomainError, InvalidField, InvalidTransition
from ..core.state_machine import must, require_length, require_text
from ..db.session import get_keyring, lock_row, now
from ..mail.mail_values import AssignmentMail, InvitationMail
from ..mail.models import OutboxMail
from ..newsletters.models import Newsletter
from ..newsletters.queries import house_texts
from ..people import links
from ..people.models import Expert
from ..questions.lifecycle import QUESTION
from ..questions.models import Note, Question
from ..questions.source_protection import must_be_clear
from ..text.clean import clean, for_print, single_line
from ..typesetting.house_languages import phrases_for
from . import expert_mails, unsent_mails
from .lifecycle import ANSWER, ASSIGNMENT
from .models import Answer, Assignment
from .schedule import Schedule

MIN_WORDS, MAX_WORDS = 20, 2_000  # limits of the wanted length; the database checks them too
MAX_LINE_LENGTH = 400  # characters of a credit line, a relation, or a suggested colleague
MAX_MESSAGE_LENGTH = 2_000  # characters of an expert's message to the desk; the rest is cut off
MAX_QUESTIONS_PER_DAY = 5  # from an expert to the desk about one assignment; each makes a note and a mail


@dataclass(frozen=True)
class Brief:
    """The brief as entered. In a new assignment, None stands for the default of the newsletter or the expert's profile.

    - `brief`: what the desk asks for;
    - `words`: the wanted length;
    - `credit_line`: who the expert is, in print;
    - `relation`: what follows the credit line in print.
    """

    brief: str = ""
    words: int | None = None
    credit_line: str | None = None
    relation: str | None = None

    @property
    def full_text(self) -> str:
        return f"{self.brief}\n{self.credit_line or ''}\n{self.relation or ''}"


EMPTY_BRIEF = Brief()


@dataclass(frozen=True)
class Terms:
    """The promises of an invitation: its schedule, and the lead-in, which introduces the answer in print."""

    schedule: Schedule
    lead_in: str


class TooManyQuestions(DomainError):
    """Raised when an expert has asked the desk `MAX_QUESTIONS_PER_DAY` questions about an assignment in 24 hours."""

    code = "limit.asked_back"


def clean_printed_line(field: str, text: str) -> str:
    """Return a line about an expert as it is stored and printed. Raises `TooLong`."""
    return require_length(field, for_print(single_line(text)), MAX_LINE_LENGTH)


def assign(
    session: Session,
    actor: Staff,
    question: Question,
    expert: Expert,
    brief: Brief = EMPTY_BRIEF,
    for_edition_id: int | None = None,
) -> Assignment:
    """Draft an assignment. The credit line and the relation default to those of the expert's profile; an expert without
    a credit line is introduced by title and organisation.

    Raises `InvalidTransition` if the expert already has this question or was erased, or the question takes no more
    answers, `PermissionDenied`, `TooLong`, and `LeakDetected` (see `source_protection`).
    """
    lock_row(session, question)
    assignments = select(Assignment).filter_by(question_id=question.id, expert_id=expert.id)
    if session.scalar(assignments.where(Assignment.is_live)):
        raise InvalidTransition("question", "assign", "assigned")
    if not question.takes_answers or expert.erased_at is not None:
        raise InvalidTransition("question", "assign", question.state)
    must_be_clear(session, actor, question, brief.full_text)
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    language = question.text.language if question.text else newsletter.language
    credit_line = brief.credit_line
    if credit_line is None:
        credit_line = expert.get_default_credit_line(phrases_for(language)["comma"])[:MAX_LINE_LENGTH]
    relation = expert.relation if brief.relation is None else brief.relation
    assignment = Assignment(
        newsletter_id=question.newsletter_id,
        question_id=question.id,
        expert_id=expert.id,
        for_edition_id=for_edition_id,
        brief=for_print(clean(brief.brief)),
        words=brief.words or newsletter.sections[question.section].words,
        credit_line=clean_printed_line("credit_line", credit_line),
        relation=clean_printed_line("relation", relation),
    )
    ASSIGNMENT.apply(session, actor, assignment, "draft", why={"expert": expert.id})
    session.refresh(assignment)
    return assignment


def change_brief(session: Session, actor: Staff, assignment: Assignment, brief: Brief) -> None:
    """Change the brief. Only possible before the invitation: after that the expert has the brief in writing.

    Raises `PermissionDenied`, `InvalidTransition`, `InvalidField` if the wanted length is out of range, `TooLong`, and
    `LeakDetected` (see `source_protection`).
    """
    must(actor, "prepare")
    lock_row(session, assignment)
    if not assignment.is_drafted:
        raise InvalidTransition("assignment", "change the brief of", assignment.state)
    if not MIN_WORDS <= (brief.words or 0) <= MAX_WORDS:
        raise InvalidField("word_count_out_of_range", "words")
    must_be_clear(session, actor, assignment.question, brief.full_text)
    assignment.brief = for_print(clean(brief.brief))
    assignment.words = brief.words or 0
    assignment.credit_line = clean_printed_line("credit_line", brief.credit_line or "")
    assignment.relation = clean_printed_line("relation", brief.relation or "")
    audit.record(session, actor, "assignment.brief", assignment)


def invite(
    session: Session,
    actor: Actor,
    assignment: Assignment,
    terms: Terms,
    others_to_invite: int = 0,
    once_key: str | None = None,
) -> None:
    """Send the invitation, with the desk's wording, background and brief. It quotes no letter.

    `others_to_invite` is the number of experts who will be invited right after this one; the mail counts them among the
    others who are asked. Raises `PermissionDenied`, `InvalidTransition`, `MissingPrecondition` if the wording is not
    cleared, and as `Schedule.require_order` does.
    """
    schedule = terms.schedule
    schedule.require_order()
    question = lock_row(session, session.get_one(Question, assignment.question_id))
    dates: dict[str, Any] = {"invited_at": schedule.asked_at, "reply_by": schedule.reply_by, "due_at": schedule.due_at}
    ASSIGNMENT.apply(session, actor, lock_row(session, assignment), "invite", **dates)
    if not (question.is_seeking or question.is_answered):  # an answered question stays ready to run
        QUESTION.apply(session, actor, question, "seek", cause="invite")
    link = expert_mails.assignment_link(session, assignment)
    values = invitation_values(session, assignment, terms, link, others_to_invite)
    expert_mails.send_to_expert(session, actor, assignment, "expert.invitation", values, once_key=once_key)


def invitation_values(
    session: Session, assignment: Assignment, terms: Terms, link: str, others_to_invite: int = 0
) -> InvitationMail:
    """Return the values for the invitation mail; `link` is the URL of the assignment's page."""
    question = session.get_one(Question, assignment.question_id)
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    verify, pay, rights = house_texts(session, newsletter, ("verify", "pay", "rights"))
    return InvitationMail(
        reply_by=terms.schedule.reply_by,
        due_at=terms.schedule.due_at,
        check_until=terms.schedule.check_until,
        runs_on=terms.schedule.runs_at,
        lead_in=terms.lead_in,
        wording=question.wording,
        background=question.text.background if question.text else "",
        brief=assignment.brief,
        words=assignment.words,
        policy=newsletter.check_policy,
        asked_others=expert_mails.count_other_experts(session, assignment) + others_to_invite,
        verify=verify,
        pay=pay,
        rights=rights,
        headline=question.headline or "",
        link=link,
    )


def assignments_of(session: Session, question: Question) -> list[Assignment]:
    """Return all assignments of a question, oldest first."""
    return list(session.scalars(select(Assignment).filter_by(question_id=question.id).order_by(Assignment.id)))


def accept(session: Session, actor: ExpertActor | Staff, assignment: Assignment, cause: str | None = None) -> None:
    """Accept an invitation, even after declining it, as the expert or as the desk that files the expert's mail.

    Raises `PermissionDenied` and `InvalidTransition`. After declining, the latter is also raised if the question takes
    no more answers.
    """
    question = lock_row(session, session.get_one(Question, assignment.question_id))
    if assignment.is_declined and not question.takes_answers:
        raise InvalidTransition("question", "accept", question.state)
    lock_row(session, assignment)
    old_values = {}  # for an undo
    if assignment.decline_reason:
        old_values["decline_reason"] = assignment.decline_reason
    if assignment.later_on:
        old_values["later_on"] = assignment.later_on.isoformat()
    details = {"was": old_values} if old_values else None
    new_values = {"decline_reason": None, "later_on": None}
    ASSIGNMENT.apply(session, actor, assignment, "accept", cause=cause, why=details, **new_values)
    if question.is_open:
        QUESTION.apply(session, actor, question, "seek", cause="invite")
    unsent_mails.withdraw_ladder_invitations(session, actor, assignment, "accept")


def decline(
    session: Session, actor: Actor, assignment: Assignment, reason: str, later_on: date | None = None, message: str = ""
) -> None:
    """Decline an assignment, even one that was accepted, as the expert or as the desk in the expert's name.

    `reason` is one of `DECLINE_REASONS`. With "no time", `later_on` is the day from which the expert would have time;
    with other reasons it is ignored. `message` is the expert's own comment, which is mailed to the editors. Raises
    `InvalidField` if `later_on` is not in the future, `InvalidTransition` and `PermissionDenied`.
    """
    lock_row(session, assignment)
    zone = session.get_one(Newsletter, assignment.newsletter_id).zone
    if reason != "no time":
        later_on = None
    if later_on and later_on <= now(session).astimezone(ZoneInfo(zone)).date():
        raise InvalidField("later_on_not_in_future", "later_on")
    details = {"reason": reason}
    ASSIGNMENT.apply(session, actor, assignment, "decline", why=details, decline_reason=reason, later_on=later_on)
    reopen_if_unassigned(session, actor, assignment.question_id)
    if isinstance(actor, ExpertActor):
        facts = {
            "decline_reason": reason,
            "free_from": later_on,
            "suggestion": suggestion_of(session, assignment) or "",
        }
        expert_mails.notify_desk(session, assignment, "declined", clean(message), **facts)


def suggest(session: Session, actor: ExpertActor, assignment: Assignment, colleague: str) -> None:
    """Store and forward the expert's suggestion to ask a colleague.

    The name is encrypted, as the colleague hasn't agreed to anything. Raises `MissingField` if `colleague` is empty,
    and `InvalidTransition`.
    """
    colleague = require_text("colleague", single_line(colleague)[:MAX_LINE_LENGTH])
    _check_not_over(session, assignment, "suggest a colleague for")
    keyring = get_keyring(session)
    assignment.suggestion_sealed = keyring.seal(f"assignments.suggestion.{assignment.public_id}", colleague)
    assignment.key_no = keyring.newest
    audit.record(session, actor, "assignment.suggest", assignment)
    expert_mails.notify_desk(session, assignment, "suggestion", colleague)


def suggestion_of(session: Session, assignment: Assignment) -> str | None:
    """Return the name of the colleague whom the expert suggested, or None."""
    if assignment.suggestion_sealed is None:
        return None
    return get_keyring(session).open(f"assignments.suggestion.{assignment.public_id}", assignment.suggestion_sealed)


def ask_back(session: Session, actor: ExpertActor, assignment: Assignment, body: str) -> None:
    """Store what an expert asks the desk as a note on the reader's question, and tell the desk.

    Raises `MissingField` if `body` is empty, `InvalidTransition` and `TooManyQuestions`.
    """
    body = require_text("text", clean(body)[:MAX_MESSAGE_LENGTH])
    _check_not_over(session, assignment, "ask back about")
    since = now(session) - timedelta(days=1)
    if count_events_since(session, "assignment", assignment.id, "assignment.ask_back", since) >= MAX_QUESTIONS_PER_DAY:
        raise TooManyQuestions
    person_id = assignment.expert.person_id
    session.add(Note(question_id=assignment.question_id, person_id=person_id, body=body, written_at=now(session)))
    audit.record(session, actor, "assignment.ask_back", assignment)
    expert_mails.notify_desk(session, assignment, "question_back", body)


def _check_not_over(session: Session, assignment: Assignment, action: str) -> None:
    """Lock the assignment. Raise `InvalidTransition` if it is done or cancelled, or its question is settled."""
    question = lock_row(session, session.get_one(Question, assignment.question_id))
    if lock_row(session, assignment).is_over or question.is_settled:
        raise InvalidTransition("assignment", action, assignment.state)


def send_link_again(session: Session, actor: Staff, assignment: Assignment) -> None:
    """Revoke all links to the assignment's page and mail a new one. Raises `PermissionDenied`, `InvalidTransition`."""
    must(actor, "invite")
    if not lock_row(session, assignment).is_asked:
        raise InvalidTransition("assignment", "send the link of", assignment.state)
    links.revoke_links(session, assignment.id)
    values = AssignmentMail(due_at=assignment.due_at, link=expert_mails.assignment_link(session, assignment))
    expert_mails.send_to_expert(session, actor, assignment, "expert.invitation_again", values)
    audit.record(session, actor, "assignment.link", assignment)


def extend(session: Session, actor: Staff, assignment: Assignment, due_at: datetime) -> None:
    """Change the deadline of the text. Lateness is computed from this date.

    Raises `PermissionDenied`, and `InvalidTransition` if no text is due: the expert isn't asked yet or has handed in a
    text, or the assignment has ended.
    """
    must(actor, "invite")
    if not lock_row(session, assignment).owes_text:
        raise InvalidTransition("assignment", "extend", assignment.state)
    assignment.due_at = due_at
    if assignment.reply_by is not None:
        assignment.reply_by = min(assignment.reply_by, due_at)
    audit.record(session, actor, "assignment.extend", assignment)


def cancel(
    session: Session, actor: Actor, assignment: Assignment, sentence: str = "", cause: str | None = None
) -> OutboxMail | None:
    """Cancel an assignment and revoke its links. If the expert may know of it, tell them why in `sentence`.

    Return the mail that tells them, if there is one. `cause` is given if an action on the question cancels its
    assignments; then this action also sets the question's state. Raises `InvalidTransition`, `PermissionDenied`,
    `LeakDetected` (see `source_protection`).
    """
    was_asked = lock_row(session, assignment).is_asked
    ASSIGNMENT.apply(session, actor, assignment, "cancel", cause=cause)
    answer = session.scalar(select(Answer).filter_by(assignment_id=assignment.id))
    if answer and not answer.is_withdrawn:
        ANSWER.apply(session, actor, lock_row(session, answer), "withdraw", cause="cancel")
    links.revoke_links(session, assignment.id)
    if cause is None:
        reopen_if_unassigned(session, actor, assignment.question_id)
    if not was_asked:
        return None
    return expert_mails.notify_of_end(session, actor, assignment, sentence)


def reopen_if_unassigned(session: Session, actor: Actor, question_id: int) -> None:
    """Set the question from "seeking" back to "open" if no expert has it any more."""
    question = lock_row(session, session.get_one(Question, question_id))
    is_asked = any(assignment.is_asked for assignment in assignments_of(session, question))
    if question.is_seeking and not is_asked:
        QUESTION.apply(session, actor, question, "rest", cause="last one ends")
