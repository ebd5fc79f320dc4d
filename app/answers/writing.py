"""The expert's side of an answer: drafts that are never lost, sending, taking back; answers that came another way."""

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
    """An expert's submission: the text, their ties to the matter, and that the words are their own."""

    body: str
    ties: str = ""
    own_words: bool = False
    credit_line: str | None = None


@dataclass(frozen=True)
class DraftSnapshot:
    """A text that a page has saved, as it stands now: `count` says which of its saves that was."""

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
    """Keep what is being typed in one tab. `count` grows with each save of the tab, so that a late request of an older
    state never replaces a newer one. Approves and sends nothing, and is possible until the edition is sent, also where
    another text is with the desk already. Raises `InvalidTransition` when it is over.
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
    """Return what other tabs saved of this part, newest first."""
    others = (Draft.assignment_id == assignment.id, Draft.part == part, Draft.tab != tab)
    query = _select_saved().where(*others).order_by(Draft.saved_at.desc(), Draft.id.desc())
    return [DraftSnapshot(*row) for row in session.execute(query)]


def drafts_of(session: Session, assignment: Assignment, part: str = "answer") -> list[Draft]:
    """Every tab's draft, newest first: versions that stay until the edition is sent."""
    query = select(Draft).filter_by(assignment_id=assignment.id, part=part)
    return list(session.scalars(query.order_by(Draft.saved_at.desc(), Draft.id.desc())))


def accepts_drafts(assignment: Assignment, part: str) -> bool:
    """Return whether this part could be sent now."""
    checking = assignment.answer is not None and assignment.answer.is_checking
    return checking if part == "reply" else assignment.takes_text


class SavedDraft(Protocol):
    """A draft that a tab saved, whoever types there."""

    @property
    def tab(self) -> Any: ...

    @property
    def count(self) -> Any: ...

    @property
    def body(self) -> Any: ...


K = TypeVar("K", bound=SavedDraft)


def unseen_drafts(drafts: Sequence[K], tab: str, knows: Mapping[str, int], body: str) -> list[K]:
    """Return the drafts with other words than these that a page can't know of: those that other tabs saved after it was
    opened. `knows` has the count of each tab's draft at that time.
    """
    return [
        draft
        for draft in drafts
        if draft.tab != tab and draft.count > knows.get(draft.tab, -1) and clean(draft.body) not in ("", clean(body))
    ]


def drop_drafts(session: Session, assignment_id: int, part: str) -> None:
    """Drop the drafts of a reply that was sent."""
    session.execute(delete(Draft).where(Draft.assignment_id == assignment_id, Draft.part == part))


def answer_of(session: Session, actor: Actor, assignment: Assignment) -> Answer:
    """The assignment's answer, started if there is none yet."""
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
    """A new version. Raises `MissingPrecondition` when there is no text."""
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
    """The expert sends the answer: the assignment follows, the desk hears at once. Drafts stay, as versions of it.

    Sending the same text again changes nothing. Raises `VersionConflict`, `MissingPrecondition` (text),
    `InvalidTransition`.
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
    """In the order that every invitation takes: the ladder invites nobody while a text comes in."""
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

    What the desk took down is always read back to the expert before it is approved (see `editing.faults_of_approval`).
    """
    must(actor, "edit")
    _lock_both(session, assignment)
    answer = answer_of(session, actor, assignment)
    _hand_in(session, actor, assignment, answer, content, channel=channel, given_on=given_on)
    return answer


def take_back(session: Session, actor: Expert, assignment: Assignment) -> None:
    """The expert takes the text back while nobody has edited it. It stands in the box again."""
    answer = answer_of(session, actor, lock_row(session, assignment))
    text = session.get(AnswerText, answer.text_id) if answer.text_id else None
    ANSWER.apply(session, actor, answer, "take back")
    ASSIGNMENT.apply(session, actor, assignment, "take back", cause="take back")
    if text:
        save_draft(session, actor, assignment, "taken back", AnswerContent(text.body, text.ties), text.number)


def delete_old_drafts(session: Session) -> None:
    """Delete the drafts of what has run, and those that nobody has touched for as long as the newsletter keeps them."""
    its = select(Assignment.id).where(Assignment.id == Draft.assignment_id)  # few are being written, many were
    session.execute(delete(Draft).where(its.join(Assignment.question).where(Question.has_run).exists()))
    for newsletter in all_newsletters(session):
        mine = its.where(Assignment.newsletter_id == newsletter.id)
        before = now(session) - timedelta(days=newsletter.draft_days)
        session.execute(delete(Draft).where(Draft.saved_at < before, mine.exists()))


def report_error(session: Session, actor: Actor, assignment: Assignment, body: str) -> None:
    """After it ran: the expert says that something in it is wrong. Raises `MissingPrecondition`."""
    body = require_text("text", clean(body)[:2_000])
    audit.record(session, actor, "assignment.report", assignment)
    expert_mails.notify_desk(session, assignment, "objection", body)
