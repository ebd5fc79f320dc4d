"""The expert's side of an answer: drafts, submitting and taking back, answers entered by the desk, reported errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol, TypeVar

from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor, Expert, Staff
from ..core.domain_errors import InvalidTransition
from ..core.state_machine import check_version, must, require_text
from ..db.session import add_and_flush, lock_row, now
from ..newsletters.queries import all_newsletters
from ..questions.models import Question
from ..text.clean import clean, for_print, single_line, word_count
from . import expert_mails, unsent_mails
from .assigning import accept
from .lifecycle import ANSWER, ASSIGNMENT
from .models import Answer, AnswerText, Assignment, Draft

MAXIMUM = 20_000  # characters of an answer


@dataclass(frozen=True)
class AnswerContent:
    """An expert's submission: the text, their ties to the matter, and whether they state that the words are their own.

    A `credit_line` of None leaves that of the assignment as it is.
    """

    body: str
    ties: str = ""
    own_words: bool = False
    credit_line: str | None = None


@dataclass(frozen=True)
class DraftSnapshot:
    """A stored draft of one tab. `count` is the number that the page gave to the save."""

    tab: str
    part: str
    body: str
    count: int
    saved_at: datetime


def save_draft(
    session: Session,
    actor: Actor,
    assignment: Assignment,
    tab: str,
    content: AnswerContent,
    count: int,
    part: str = "answer",
) -> DraftSnapshot:
    """Save the text of one tab as a draft and return the stored draft, which may be a newer one.

    `count` grows with each save of a tab, so that a late request never replaces newer text. Saving is possible until
    the edition is sent, even if a text is with the desk already. Raises `InvalidTransition` after that, or if the
    assignment was cancelled.
    """
    if assignment.is_cancelled or assignment.question.has_run:
        raise InvalidTransition("assignment", f"save a draft of the {part} of", assignment.state)
    tab = single_line(tab)[:40] or "page"
    body, ties = (text.replace("\0", "")[:MAXIMUM] for text in (content.body, content.ties))
    credit = None if content.credit_line is None else single_line(content.credit_line)[:400]
    typed = {"body": body, "ties": ties, "credit_line": credit, "saved_at": (moment := now(session)), "count": count}
    of_tab = (Draft.assignment_id == assignment.id, Draft.tab == tab)
    replace = update(Draft).where(*of_tab, Draft.part == part, Draft.count <= count).values(typed)
    if not session.scalar(replace.returning(Draft.id), execution_options={"synchronize_session": False}):
        if newer := session.execute(_select_saved().where(*of_tab).with_for_update()).first():
            return DraftSnapshot(*newer)
        session.execute(insert(Draft).values(assignment_id=assignment.id, tab=tab, part=part, **typed))
    return DraftSnapshot(tab, part, body, count, moment)


def _select_saved() -> Select[str, str, str, int, datetime]:
    return select(Draft.tab, Draft.part, Draft.body, Draft.count, Draft.saved_at)


def saved_elsewhere(session: Session, assignment: Assignment, part: str, tab: str) -> list[DraftSnapshot]:
    """Return the drafts of this part that other tabs saved, newest first."""
    others = (Draft.assignment_id == assignment.id, Draft.part == part, Draft.tab != tab)
    query = _select_saved().where(*others).order_by(Draft.saved_at.desc(), Draft.id.desc())
    return [DraftSnapshot(*row) for row in session.execute(query)]


def drafts_of(session: Session, assignment: Assignment, part: str = "answer") -> list[Draft]:
    """Return the drafts of this part from all tabs, newest first."""
    query = select(Draft).filter_by(assignment_id=assignment.id, part=part)
    return list(session.scalars(query.order_by(Draft.saved_at.desc(), Draft.id.desc())))


def accepts_drafts(assignment: Assignment, part: str) -> bool:
    """Return whether this part could be submitted now."""
    checking = assignment.answer is not None and assignment.answer.is_checking
    return checking if part == "reply" else assignment.takes_text


class SavedDraft(Protocol):
    """A draft of one tab, whether of an expert or of a translator."""

    @property
    def tab(self) -> Any: ...

    @property
    def count(self) -> Any: ...

    @property
    def body(self) -> Any: ...


K = TypeVar("K", bound=SavedDraft)


def unseen_drafts(drafts: Sequence[K], tab: str, knows: Mapping[str, int], body: str) -> list[K]:
    """Return drafts that other tabs saved after a page was opened, with a text that differs from `body`.

    `knows` maps each tab to the count of its draft when the page was opened.
    """
    return [
        draft
        for draft in drafts
        if draft.tab != tab and draft.count > knows.get(draft.tab, -1) and clean(draft.body) not in ("", clean(body))
    ]


def drop_drafts(session: Session, assignment_id: int, part: str) -> None:
    """Delete the drafts of one part of an assignment from all tabs."""
    session.execute(delete(Draft).where(Draft.assignment_id == assignment_id, Draft.part == part))


def answer_of(session: Session, actor: Actor, assignment: Assignment) -> Answer:
    """Return the assignment's answer, locked; start one if there is none."""
    answer = session.scalar(select(Answer).filter_by(assignment_id=assignment.id).with_for_update(of=Answer))
    if answer is None:
        answer = Answer(
            newsletter_id=assignment.newsletter_id,
            question_id=assignment.question_id,
            assignment_id=assignment.id,
            expert_id=assignment.expert_id,
        )
        ANSWER.apply(session, actor, answer, "start")
    return answer


def add_text(
    session: Session, actor: Actor, answer: Answer, kind: str, content: AnswerContent, **facts: object
) -> AnswerText:
    """Add a version to an answer as its newest. Raises `MissingPrecondition` if the body is empty."""
    body = require_text("text", for_print(clean(content.body)))
    old = session.get(AnswerText, answer.text_id) if answer.text_id else None
    language = old.language if old else session.get_one(Question, answer.question_id).text.language  # type: ignore[union-attr]
    number = session.scalar(select(func.max(AnswerText.number)).filter_by(answer_id=answer.id, language=language))
    text = AnswerText(
        answer_id=answer.id,
        language=language,
        number=(number or 0) + 1,
        kind=kind,
        body=body[:MAXIMUM],
        words=word_count(body),
        ties=for_print(clean(content.ties)),
        own_words=content.own_words,
        by=actor.ref,
        written_at=now(session),
        **facts,
    )
    add_and_flush(session, text)
    answer.text_id = text.id
    return text


def submit(
    session: Session, actor: Actor, assignment: Assignment, content: AnswerContent, version: int | None = None
) -> Answer:
    """Submit an answer as its expert, and tell the editors. Drafts stay.

    Submitting the same text again changes nothing. Raises `VersionConflict`, `InvalidTransition`, `PermissionDenied`,
    and `MissingPrecondition` if the body is empty.
    """
    _lock_both(session, assignment)
    answer = answer_of(session, actor, assignment)
    sent = session.get(AnswerText, answer.text_id) if answer.text_id else None
    if answer.is_submitted and sent and sent.body == for_print(clean(content.body)):
        return answer
    check_version(assignment, version)
    if assignment.is_declined and isinstance(actor, Expert):
        accept(session, actor, assignment)
    _hand_in(session, actor, assignment, answer, content)
    expert_mails.notify_desk(session, assignment, "answer", clean(content.body).partition("\n\n")[0][:1_000])
    return answer


def _lock_both(session: Session, assignment: Assignment) -> None:
    """Lock the question before the assignment, as every invitation does: the ladder invites nobody meanwhile."""
    lock_row(session, session.get_one(Question, assignment.question_id))
    lock_row(session, assignment)


def _hand_in(
    session: Session, actor: Actor, assignment: Assignment, answer: Answer, content: AnswerContent, **facts: object
) -> None:
    if content.credit_line is not None:
        assignment.credit_line = for_print(single_line(content.credit_line))[:400]
    text = add_text(session, actor, answer, "submitted", content, **facts)
    ANSWER.apply(session, actor, answer, "submit", why={"text": text.id})
    was = {"was": {"received_at": assignment.received_at.isoformat()}} if assignment.received_at else None
    ASSIGNMENT.apply(session, actor, assignment, "receive", cause="submit", why=was, received_at=now(session))
    unsent_mails.step_back(session, actor, assignment, "receive")


def enter_by_hand(
    session: Session, actor: Staff, assignment: Assignment, content: AnswerContent, channel: str, given_on: date
) -> Answer:
    """Enter an answer that came by phone, messenger or on paper, in the expert's name.

    Text that the desk took down is read back to the expert before it is approved (see `editing.faults_of_approval`).
    Raises `PermissionDenied`, `InvalidTransition`, and `MissingPrecondition` if the body is empty.
    """
    must(actor, "edit")
    _lock_both(session, assignment)
    answer = answer_of(session, actor, assignment)
    _hand_in(session, actor, assignment, answer, content, channel=channel, given_on=given_on)
    return answer


def take_back(session: Session, actor: Expert, assignment: Assignment) -> None:
    """Take a text back as its expert, before anybody has edited it. It becomes a draft again.

    Raises `InvalidTransition`, `PermissionDenied`, and `MissingPrecondition` if the assignment was never invited.
    """
    answer = answer_of(session, actor, lock_row(session, assignment))
    text = session.get(AnswerText, answer.text_id) if answer.text_id else None
    ANSWER.apply(session, actor, answer, "take back")
    ASSIGNMENT.apply(session, actor, assignment, "take back", cause="take back")
    if text:
        save_draft(session, actor, assignment, "taken back", AnswerContent(text.body, text.ties), text.number)


def delete_old_drafts(session: Session) -> None:
    """Delete drafts of questions that have run, and drafts that were not saved within the newsletter's `draft_days`."""
    its = select(Assignment.id).where(Assignment.id == Draft.assignment_id)  # starts from drafts, which are few
    session.execute(delete(Draft).where(its.join(Assignment.question).where(Question.has_run).exists()))
    for newsletter in all_newsletters(session):
        mine = its.where(Assignment.newsletter_id == newsletter.id)
        before = now(session) - timedelta(days=newsletter.draft_days)
        session.execute(delete(Draft).where(Draft.saved_at < before, mine.exists()))


def report_error(session: Session, actor: Actor, assignment: Assignment, body: str) -> None:
    """Report an error in a published answer, as its expert, to the editors.

    Raises `MissingPrecondition` if `body` is empty.
    """
    body = require_text("text", clean(body)[:2_000])
    audit.record(session, actor, "assignment.report", assignment)
    expert_mails.notify_desk(session, assignment, "objection", body)
