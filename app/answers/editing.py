"""The desk's side of an answer: editing, sending back, the quote check, approving and withdrawing."""

from collections.abc import Collection, Sequence
from datetime import datetime
from operator import attrgetter

from sqlalchemy import Exists, exists, select
from sqlalchemy.orm import Session

from ..core.actors import Actor, Clock, ExpertActor, Staff
from ..core.domain_errors import DomainError, InvalidTransition, MissingField, MissingPrecondition, VersionConflict
from ..core.state_machine import check_version, must, require_length, require_text
from ..db.session import add_and_flush, lock_row, now
from ..mail.mail_values import AssignmentMail
from ..mail.models import OutboxMail
from ..newsletters.models import Newsletter
from ..people import contact_status
from ..questions import notes
from ..questions.lifecycle import QUESTION
from ..questions.models import Question
from ..questions.source_protection import must_be_clear
from ..text.clean import clean, for_print, single_line
from . import expert_mails, objections, translating, unsent_mails
from .assigning import assignments_of, reopen_if_unassigned
from .lifecycle import ANSWER, ASSIGNMENT
from .models import VERIFIED_CHANNELS, Answer, AnswerText, Assignment, Check
from .queries import checks_of, versions_of
from .schedule import get_check_end
from .writing import AnswerContent, add_text, drop_drafts, submitted_text

CHECKLIST = ("facts", "sources", "ties", "consent", "recognisability", "legal")
PASSED_OUTCOMES = ("fine", "approved", "silent")
# By policy. "facts": the expert checks the facts, and silence means consent. "approve": they must approve the text.
OUTCOMES_BY_POLICY = {"facts": ("fine", "wrong", "silent"), "approve": ("approved", "wrong")}
NOT_CHECKED = "precondition.text_not_checked"
LONGEST_REPLY, LONGEST_REASON = 4_000, 400  # characters


def load_parents(session: Session, answer: Answer) -> tuple[Assignment, Question]:
    """Return the assignment and the question of an answer."""
    return session.get_one(Assignment, answer.assignment_id), session.get_one(Question, answer.question_id)


def edit(session: Session, actor: Staff, answer: Answer, body: str, base_label: str | None = None) -> AnswerText:
    """Save and return an edited version, or return the newest version if its text is the same.

    `base_label` is the label of the version that the edit began from. Raises `VersionConflict` if that isn't the newest
    version any more, `InvalidTransition`, `PermissionDenied`, and `MissingField` if `body` is empty.
    """
    lock_row(session, answer)
    newest = session.get(AnswerText, answer.text_id) if answer.text_id else None
    if newest and newest.body == for_print(clean(body)):
        return newest
    if base_label is not None and (newest is None or newest.label != base_label):
        raise VersionConflict(f"answer {answer.id} has another text than {base_label}")
    ANSWER.find_move("edit", answer.state)  # raises `InvalidTransition` before a version is added
    content = AnswerContent(body)
    if newest:
        content = AnswerContent(body, ties=newest.ties, own_words=newest.own_words)
    text = add_text(session, actor, answer, "edited", content)
    ANSWER.apply(session, actor, answer, "edit", why={"text": text.id})
    return text


class AddressDead(DomainError):
    """Mail to the expert comes back, and the actor hasn't confirmed that it is to be sent all the same."""

    code = "conflict.address_dead"


def send_back(session: Session, actor: Staff, answer: Answer, note: str, due_at: datetime) -> None:
    """Return the answer to its expert with a note and a new deadline.

    Raises `MissingField` if `note` is empty, `InvalidTransition`, `PermissionDenied`, and `LeakDetected` (see
    `source_protection`).
    """
    note = require_text("note", clean(note))
    assignment, question = load_parents(session, answer)
    ASSIGNMENT.apply(session, actor, lock_row(session, assignment), "return", due_at=due_at)
    ANSWER.apply(session, actor, lock_row(session, answer), "return", cause="return")
    notes.note(session, actor, question, note)
    values = AssignmentMail(typed=note, due_at=due_at, link=expert_mails.assignment_link(session, assignment))
    expert_mails.send_to_expert(session, actor, assignment, "expert.returned", values)


def open_check(session: Session, answer: Answer) -> Check | None:
    """Return the quote check of an answer that is open now, or None."""
    return session.scalar(select(Check).filter_by(answer_id=answer.id).where(Check.ended_at.is_(None)))


def ask_check(
    session: Session,
    actor: Staff,
    answer: Answer,
    due_at: datetime | None = None,
    runs_at: datetime | None = None,
    *,
    to_dead_address: bool = False,
) -> Check:
    """Start a quote check: send the edited text to its expert, with the newsletter's policy.

    It ends at `due_at`, by default after the newsletter's time to check. `runs_at` is when the answer is to be
    published, if that is known. With `to_dead_address`, the check starts even if mail to the expert comes back. Raises
    `AddressDead` otherwise, `InvalidTransition`, `PermissionDenied`, and `LeakDetected` (see `source_protection`).
    """
    assignment, question = load_parents(session, answer)
    if not to_dead_address and contact_status.find_bounced_ids(session, [assignment.expert_id]):
        raise AddressDead
    newsletter = session.get_one(Newsletter, answer.newsletter_id)
    due_at = due_at or get_check_end(newsletter, None, now(session))
    text = session.get_one(AnswerText, answer.text_id)
    submitted = submitted_text(session, answer)
    texts_to_send = [text.body]
    for translation in translating.list_readable_translations(session, answer):
        texts_to_send += [translation.body, translation.ties]
    sent_text = "\n\n".join(filter(None, texts_to_send))
    must_be_clear(session, actor, question, sent_text, submitted.body if submitted else "")
    # If checks are off, a check can still be due: a text that the desk took down is read back to the expert.
    policy = "facts" if newsletter.check_policy == "off" else newsletter.check_policy
    ANSWER.apply(session, actor, lock_row(session, answer), "check", why={"text": text.id})
    check = Check(answer_id=answer.id, text_id=text.id, policy=policy, asked_at=now(session), due_at=due_at)
    add_and_flush(session, check)
    values = expert_mails.build_edited_text_mail(
        submitted or text,
        text,
        policy=policy,
        due_at=due_at,
        runs_on=runs_at,
        link=expert_mails.assignment_link(session, assignment),
    )
    expert_mails.send_to_expert(session, actor, assignment, "expert.check", values)
    return check


def settle_check(
    session: Session,
    actor: Actor,
    answer: Answer,
    outcome: str,
    reply: str = "",
    number: int | None = None,
    translation_labels: Collection[str] = (),
) -> None:
    """Settle the open check with the expert's reply, or with one that the desk enters, or as "silent" by the clock.

    `number` is the version of the text that the actor saw. `translation_labels` are the labels of the translations
    that were shown below this text: the expert's consent applies to them too.

    Raises `InvalidTransition` if no check is open, if its policy doesn't have this outcome, or if the outcome is
    "silent" although the check isn't overdue or the actor isn't the clock; `VersionConflict` if the check is of another
    version; `MissingField` if the outcome is "wrong" and `reply` is empty; `TooLong` if the desk's `reply` is too long
    (an expert's is cut off); and `PermissionDenied`.
    """
    lock_row(session, answer)
    check = open_check(session, answer)
    if check is None:
        raise InvalidTransition("answer", "reply to a check of", answer.state)
    if number is not None and session.get_one(AnswerText, check.text_id).number != number:
        raise VersionConflict(f"the check of answer {answer.id} is of another version than {number}")
    if outcome not in OUTCOMES_BY_POLICY[check.policy]:
        raise InvalidTransition("check", outcome, check.policy)
    may_end_silently = isinstance(actor, Clock) and check.due_at <= now(session)
    if outcome == "silent" and not may_end_silently:
        raise InvalidTransition("check", outcome, check.policy)
    reply = clean(reply)
    if isinstance(actor, Staff):
        require_length("reply", reply, LONGEST_REPLY)
    reply = reply[:LONGEST_REPLY]
    if outcome == "wrong" and not reply:
        raise MissingField("reply")
    if isinstance(actor, ExpertActor) and outcome in ("fine", "approved"):
        translating.mark_checked(session, answer, check, translation_labels)
    check.outcome = outcome
    check.ended_at = now(session)
    check.reply_text = reply or None
    ANSWER.apply(session, actor, answer, "reply", why={"outcome": outcome, "text": check.text_id})
    assignment, _ = load_parents(session, answer)
    if isinstance(actor, ExpertActor):
        drop_drafts(session, assignment.id, "reply")
        expert_mails.notify_desk(session, assignment, "objection" if outcome == "wrong" else "fine", reply)


def recall_check(session: Session, actor: Staff, answer: Answer) -> None:
    """Recall an answer from the quote check, to edit it again. Raises `InvalidTransition`, `PermissionDenied`."""
    ANSWER.apply(session, actor, lock_row(session, answer), "recall")
    end_check(session, actor, answer)


def end_check(session: Session, actor: Actor, answer: Answer) -> None:
    """End the open quote check, if there is one, as "recalled", and recall its mail if it is unsent."""
    check = open_check(session, answer)
    if check is not None:
        check.outcome = "recalled"
        check.ended_at = now(session)
        unsent_mails.stop_check(session, actor, answer)


def overdue_checks(session: Session, limit: int = 50) -> Sequence[int]:
    """Return the IDs of answers whose overdue quote check may end as "silent", most overdue first.

    Their policy is "facts", by which silence means consent, and the mail of the check was sent.
    """
    query = select(Check.answer_id).where(
        Check.ended_at.is_(None), Check.due_at <= now(session), Check.policy == "facts", _was_mail_sent()
    )
    # A check can stay open although its answer was withdrawn or held over, so that nobody is asked any more.
    query = query.where(exists().where(Answer.id == Check.answer_id, Answer.is_checking))
    return session.scalars(query.order_by(Check.due_at, Check.id).limit(limit)).all()


def _was_mail_sent() -> Exists:
    """Return the condition that the mail of a check was sent in time and didn't bounce: then silence is consent."""
    return (
        exists()
        .where(Answer.id == Check.answer_id, OutboxMail.assignment_id == Answer.assignment_id)
        .where(OutboxMail.kind == "expert.check", OutboxMail.created_at >= Check.asked_at, OutboxMail.is_sent)
        .where(OutboxMail.sent_at < Check.due_at)
    )


def faults_of_approval(
    session: Session,
    answer: Answer,
    checklist: Sequence[str],
    texts: Sequence[AnswerText] | None = None,
    checks: Sequence[Check] | None = None,
) -> list[MissingPrecondition]:
    """Return what prevents the approval. Only the fault `NOT_CHECKED` can be overridden with a reason.

    `texts` and `checks` are all versions and all quote checks of the answer, if they are loaded already.
    """
    newsletter = session.get_one(Newsletter, answer.newsletter_id)
    faults = []
    if not set(CHECKLIST) <= set(checklist):
        faults.append(MissingPrecondition("checklist_incomplete"))
    if not answer.expert.verified_at:
        faults.append(MissingPrecondition("expert_not_verified"))
    if texts is None:
        texts = versions_of(session, [answer.id])[answer.id]
    if checks is None:
        checks = checks_of(session, [answer.id])[answer.id]
    outcomes = [check.outcome for check in checks if check.text_id == answer.text_id and check.outcome != "recalled"]
    has_passed = bool(outcomes) and outcomes[-1] in PASSED_OUTCOMES  # an objection may have come after consent
    if not has_passed and _needs_check(newsletter, answer, texts):
        faults.append(MissingPrecondition("text_not_checked"))
    return faults


def _needs_check(newsletter: Newsletter, answer: Answer, texts: Sequence[AnswerText]) -> bool:
    """Return whether the newsletter's policy, or the way that the text came, requires a quote check."""
    submitted = [text for text in texts if text.kind == "submitted"]
    newest = max(submitted, key=attrgetter("number"), default=None)
    if newest is not None and newest.channel not in VERIFIED_CHANNELS:  # such as "phone"
        return True
    if answer.is_submitted:  # nobody has edited the expert's text
        return newsletter.check_policy == "approve"
    return newsletter.check_policy != "off"


def approve(
    session: Session,
    actor: Staff,
    answer: Answer,
    *,
    checklist: Sequence[str],
    reason: str = "",
    version: int | None = None,
) -> None:
    """Approve an answer for print. Its assignment is done then, and an open or seeking question becomes answered.

    The expert is mailed the edits that they haven't seen. If the text needs a quote check and has passed none, `reason`
    says why the actor approves it all the same, and is stored. Raises `VersionConflict`, `InvalidTransition`,
    `PermissionDenied`, `TooLong`, and the first fault from `faults_of_approval`.
    """
    must(actor, "approve")
    check_version(lock_row(session, answer), version)
    ANSWER.find_move("approve", answer.state)  # raises `InvalidTransition` before any fault
    reason = require_length("reason", single_line(reason), LONGEST_REASON)
    for fault in faults_of_approval(session, answer, checklist):
        if fault.code == NOT_CHECKED and reason:
            continue
        raise fault
    assignment, question = load_parents(session, answer)
    ANSWER.apply(
        session,
        actor,
        answer,
        "approve",
        why={"text": answer.text_id},
        approved_text_id=answer.text_id,
        approved_by_id=actor.person_id,
        checklist=sorted(checklist),
        override_reason=reason or None,
        credit=assignment.credit,
    )
    end_check(session, actor, answer)
    objections.settle_objections(session, answer.id)
    expert_mails.notify_of_edits(session, actor, answer)
    ASSIGNMENT.apply(session, actor, lock_row(session, assignment), "finish", cause="approve")
    if QUESTION.has_move("answer", question.state):
        QUESTION.apply(session, actor, lock_row(session, question), "answer", cause="approve")


def approved_of(session: Session, question_id: int) -> list[Answer]:
    """Return the approved answers to a question, in the order of print."""
    query = select(Answer).where(Answer.question_id == question_id, Answer.is_approved)
    return list(session.scalars(query.order_by(Answer.run_position, Answer.id)))


def reopen_if_unanswered(session: Session, actor: Actor, question: Question) -> None:
    """Set an answered question without an approved answer back to "seeking" if an expert has it, or else to "open"."""
    if not question.is_answered or approved_of(session, question.id):
        return
    is_asked = any(assignment.is_asked for assignment in assignments_of(session, question))
    target = "seeking" if is_asked else "open"
    QUESTION.apply(session, actor, lock_row(session, question), "unanswer", to=target, cause="reopen")


def reopen(session: Session, actor: Staff, answer: Answer) -> None:
    """Revoke the approval of an answer, to edit it again.

    Raises `PermissionDenied`, and `InvalidTransition` while the question is in an edition.
    """
    assignment, question = load_parents(session, answer)
    _check_not_picked(question)
    ANSWER.apply(session, actor, lock_row(session, answer), "reopen", approved_text_id=None, approved_by_id=None)
    ASSIGNMENT.apply(session, actor, lock_row(session, assignment), "unfinish", cause="reopen")
    reopen_if_unanswered(session, actor, question)


def _check_not_picked(question: Question) -> None:
    """Raise `InvalidTransition` if the question is in an edition."""
    if question.edition_id is not None:
        raise InvalidTransition("question", "change the answer of", question.state)


def withdraw(session: Session, actor: Actor, answer: Answer, sentence: str = "") -> None:
    """Withdraw an answer and cancel its assignment, as its expert or an editor. `sentence` tells the other side why.

    Raises `InvalidTransition`, also while the question is in an edition, `PermissionDenied`, and `LeakDetected` (see
    `source_protection`).
    """
    lock_row(session, answer)
    assignment, question = load_parents(session, answer)
    _check_not_picked(question)
    end_check(session, actor, answer)
    if answer.is_approved:
        ASSIGNMENT.apply(session, actor, lock_row(session, assignment), "unfinish", cause="reopen")
    ANSWER.apply(session, actor, lock_row(session, answer), "withdraw")
    ASSIGNMENT.apply(session, actor, lock_row(session, assignment), "cancel", cause="withdraw")
    reopen_if_unanswered(session, actor, question)
    reopen_if_unassigned(session, actor, question.id)
    if isinstance(actor, ExpertActor):
        expert_mails.notify_desk(session, assignment, "withdrawn", clean(sentence))
        return
    expert_mails.notify_of_end(session, actor, assignment, sentence)
    note = clean(sentence)
    if isinstance(actor, Staff) and note:
        notes.note(session, actor, question, note)
