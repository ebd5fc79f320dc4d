"""The expert's side of an answer: drafts, submitting and taking back, answers entered by the desk, reported errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Any, Protocol, TypeVar

from sqlalchemy import Select, and_, delete, func, insert, select, update
from sqlalchemy.orm import Session

from ..core.actors import Actor, ExpertActor, Staff
from ..core.domain_errors import InvalidTransition
from ..core.state_machine import check_version, must, require_text
from ..db.session import add_and_flush, lock_row, now
from ..newsletters.queries import all_newsletters
from ..questions.models import Question
from ..text.clean import clean, for_print, single_line, word_count
from . import expert_mails, unsent_mails
from .assigning import MAX_LINE_LENGTH, accept
from .lifecycle import ANSWER, ASSIGNMENT
from .models import Answer, AnswerText, Assignment, Draft

MAX_ANSWER_LENGTH = 20_000  # characters of an answer
MAX_TAB_LENGTH = 40  # characters of the name of a browser tab
MAX_EXCERPT_LENGTH = 1_000  # characters of an answer's first paragraph in the mail to the editors


@dataclass(frozen=True)
class AnswerContent:
    """An answer as its expert submits it.

    - `body`: the text;
    - `ties`: the expert's interests in the matter;
    - `own_words`: the expert states that they wrote the text themselves;
    - `credit_line`: None leaves the credit line of the assignment as it is;
    - `known_counts`: the counts of the drafts that the page has shown, by tab (see `Draft`).
    """

    body: str
    ties: str = ""
    own_words: bool = False
    credit_line: str | None = None
    known_counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class DraftSnapshot:
    """A stored draft of one browser tab, with the columns of `Draft`."""

    tab: str
    part: str
    body: str
    count: int
    saved_at: datetime
    known_counts: Mapping[str, int]


def save_draft(
    session: Session,
    actor: Actor,
    assignment: Assignment,
    tab: str,
    content: AnswerContent,
    count: int,
    part: str = "answer",
) -> DraftSnapshot:
    """Save the text of one tab as a draft. Return the draft that is stored now.

    `count` grows with each save of a tab. If a draft with a higher count is stored, it stays, so that a delayed request
    never replaces newer text. Saving is possible even if a text is with the desk already. Raises `InvalidTransition` if
    the question has run or the assignment was cancelled.
    """
    if assignment.is_cancelled or assignment.question.has_run:
        raise InvalidTransition("assignment", f"save a draft of the {part} of", assignment.state)
    tab = single_line(tab)[:MAX_TAB_LENGTH] or "page"
    body = content.body.replace("\0", "")[:MAX_ANSWER_LENGTH]
    saved_at = now(session)
    values = {
        "body": body,
        "ties": content.ties.replace("\0", "")[:MAX_ANSWER_LENGTH],
        "credit_line": None if content.credit_line is None else single_line(content.credit_line)[:MAX_LINE_LENGTH],
        "saved_at": saved_at,
        "count": count,
        "known_counts": dict(content.known_counts),
    }
    saved = DraftSnapshot(tab, part, body, count, saved_at, content.known_counts)
    is_of_tab = and_(Draft.assignment_id == assignment.id, Draft.tab == tab)
    replace_older = update(Draft).where(is_of_tab, Draft.part == part, Draft.count <= count).values(values)
    if session.scalar(replace_older.returning(Draft.id), execution_options={"synchronize_session": False}):
        return saved
    newer = session.execute(_select_snapshots().where(is_of_tab).with_for_update()).first()
    if newer:
        return DraftSnapshot(*newer)
    session.execute(insert(Draft).values(assignment_id=assignment.id, tab=tab, part=part, **values))
    return saved


def _select_snapshots() -> Select[str, str, str, int, datetime, dict[str, int]]:
    return select(Draft.tab, Draft.part, Draft.body, Draft.count, Draft.saved_at, Draft.known_counts)


def list_snapshots(session: Session, assignment: Assignment, part: str) -> list[DraftSnapshot]:
    """Return the drafts of this part from all tabs, and for an answer the text that was submitted last, newest first.

    The submitted text counts as a draft of the tab `tab_of_text(text)`.
    """
    query = _select_snapshots().where(Draft.assignment_id == assignment.id, Draft.part == part)
    query = query.order_by(Draft.saved_at.desc(), Draft.id.desc())
    drafts = [DraftSnapshot(*row) for row in session.execute(query)]
    text = submitted_text(session, assignment.answer) if part == "answer" and assignment.answer else None
    if text is None:
        return drafts
    known_counts = counts_before(text, drafts)
    submitted = DraftSnapshot(tab_of_text(text), part, text.body, text.number, text.written_at, known_counts)
    return sorted([submitted, *drafts], key=attrgetter("saved_at"), reverse=True)


def counts_before(text: AnswerText, drafts: Sequence[Draft | DraftSnapshot]) -> dict[str, int]:
    """Return the counts, by tab, of the drafts whose place a submitted text takes.

    On the page it takes the place of all drafts from before, since none of them was unseen then.
    """
    return {draft.tab: draft.count for draft in drafts if text.channel == "page" and draft.saved_at <= text.written_at}


def submitted_text(session: Session, answer: Answer) -> AnswerText | None:
    """Return the newest version that the expert handed in, or None."""
    query = select(AnswerText).filter_by(answer_id=answer.id, kind="submitted").order_by(AnswerText.number.desc())
    return session.scalar(query.limit(1))


def tab_of_text(text: AnswerText) -> str:
    """Return the name by which pages know a submitted text among the drafts. No tab has it."""
    return f"version {text.number}"


def drafts_of(session: Session, assignment: Assignment, part: str = "answer") -> list[Draft]:
    """Return the drafts of this part from all tabs, newest first."""
    query = select(Draft).filter_by(assignment_id=assignment.id, part=part)
    return list(session.scalars(query.order_by(Draft.saved_at.desc(), Draft.id.desc())))


def can_submit(assignment: Assignment, part: str) -> bool:
    """Return whether this part can be submitted now."""
    if part == "reply":
        return assignment.answer is not None and assignment.answer.is_checking
    return assignment.takes_text


class SavedDraft(Protocol):
    """A draft of one browser tab, whether of an expert or of a translator."""

    @property
    def tab(self) -> Any: ...

    @property
    def count(self) -> Any: ...

    @property
    def body(self) -> Any: ...

    @property
    def known_counts(self) -> Any: ...


DraftT = TypeVar("DraftT", bound=SavedDraft)


def unseen_drafts(drafts: Sequence[DraftT], tab: str, known_counts: Mapping[str, int], body: str) -> list[DraftT]:
    """Return the drafts of other tabs that a page hasn't shown and whose texts differ from `body`, newest first.

    - `drafts`: the drafts of all tabs, newest first;
    - `tab`: the page's own tab;
    - `known_counts`: the counts of the drafts that the page has shown, by tab.

    Of drafts that were written one after the other, each from what its page showed, only the last counts. An empty
    draft takes the place of none.
    """
    known_counts, unseen = dict(known_counts), []
    for draft in drafts:
        if draft.tab == tab or not clean(draft.body):
            continue
        is_newer = draft.count > known_counts.get(draft.tab, -1)  # -1 is below any count
        if is_newer and clean(draft.body) != clean(body):
            unseen.append(draft)
        for known_tab, count in draft.known_counts.items():
            known_counts[known_tab] = max(count, known_counts.get(known_tab, -1))
    return unseen


def drop_drafts(session: Session, assignment_id: int, part: str) -> None:
    """Delete the drafts of one part of an assignment from all tabs."""
    session.execute(delete(Draft).where(Draft.assignment_id == assignment_id, Draft.part == part))


def get_or_start_answer(session: Session, actor: Actor, assignment: Assignment) -> Answer:
    """Return the assignment's answer, locked. Start one if there is none."""
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
    session: Session, actor: Actor, answer: Answer, kind: str, content: AnswerContent, **columns: object
) -> AnswerText:
    """Add a version to an answer as its newest, in the language of the version before it or of the question.

    `columns` are further columns of the version, such as `channel`. A body that is too long is cut off. Raises
    `MissingField` if the body is empty.
    """
    body = require_text("text", for_print(clean(content.body)))[:MAX_ANSWER_LENGTH]
    newest = session.get(AnswerText, answer.text_id) if answer.text_id else None
    previous = newest or session.get_one(Question, answer.question_id).text
    language = previous.language  # type: ignore[union-attr]
    last_number = session.scalar(select(func.max(AnswerText.number)).filter_by(answer_id=answer.id, language=language))
    text = AnswerText(
        answer_id=answer.id,
        language=language,
        number=(last_number or 0) + 1,
        kind=kind,
        body=body,
        words=word_count(body),
        ties=for_print(clean(content.ties)),
        own_words=content.own_words,
        by=actor.ref,
        written_at=now(session),
        **columns,
    )
    add_and_flush(session, text)
    answer.text_id = text.id
    return text


def submit(
    session: Session, actor: Actor, assignment: Assignment, content: AnswerContent, version: int | None = None
) -> Answer:
    """Submit an answer as its expert, and tell the editors. The drafts stay.

    An expert who had declined accepts the assignment by this. Submitting the same text again changes nothing. Raises
    `VersionConflict`, `InvalidTransition`, `PermissionDenied`, and `MissingField` if the body is empty.
    """
    _lock_both(session, assignment)
    answer = get_or_start_answer(session, actor, assignment)
    newest = session.get(AnswerText, answer.text_id) if answer.text_id else None
    if answer.is_submitted and newest and newest.body == for_print(clean(content.body)):
        return answer
    check_version(assignment, version)
    if assignment.is_declined and isinstance(actor, ExpertActor):
        accept(session, actor, assignment)
    _hand_in(session, actor, assignment, answer, content)
    first_paragraph = clean(content.body).partition("\n\n")[0]
    expert_mails.notify_desk(session, assignment, "answer", first_paragraph[:MAX_EXCERPT_LENGTH])
    return answer


def _lock_both(session: Session, assignment: Assignment) -> None:
    """Lock the question and then the assignment, in the order of `assigning.invite`.

    The lock on the question keeps the ladder from inviting the next expert meanwhile.
    """
    lock_row(session, session.get_one(Question, assignment.question_id))
    lock_row(session, assignment)


def _hand_in(
    session: Session, actor: Actor, assignment: Assignment, answer: Answer, content: AnswerContent, **columns: object
) -> None:
    """Add the text to the answer, and make the moves of the answer and of the assignment."""
    if content.credit_line is not None:
        assignment.credit_line = for_print(single_line(content.credit_line))[:MAX_LINE_LENGTH]
    text = add_text(session, actor, answer, "submitted", content, **columns)
    ANSWER.apply(session, actor, answer, "submit", why={"text": text.id})
    details = None
    if assignment.received_at:  # for an undo
        details = {"was": {"received_at": assignment.received_at.isoformat()}}
    ASSIGNMENT.apply(session, actor, assignment, "receive", cause="submit", why=details, received_at=now(session))
    unsent_mails.withdraw_ladder_invitations(session, actor, assignment, "receive")


def enter_by_hand(
    session: Session, actor: Staff, assignment: Assignment, content: AnswerContent, channel: str, given_on: date
) -> Answer:
    """Enter, in the expert's name, an answer that came by `channel`, such as "phone" or "mail", on `given_on`.

    Text that the desk took down is read back to the expert before it is approved, unless an editor gives a reason (see
    `editing.faults_of_approval`). Raises `PermissionDenied`, `InvalidTransition`, and `MissingField` if the body is
    empty.
    """
    must(actor, "edit")
    _lock_both(session, assignment)
    answer = get_or_start_answer(session, actor, assignment)
    _hand_in(session, actor, assignment, answer, content, channel=channel, given_on=given_on)
    return answer


def take_back(session: Session, actor: ExpertActor, assignment: Assignment) -> None:
    """Take a submitted text back, as its expert, before anybody has edited it. The text becomes a draft again.

    Raises `InvalidTransition`, `PermissionDenied`, and `MissingPrecondition` if the assignment was never invited.
    """
    answer = get_or_start_answer(session, actor, lock_row(session, assignment))
    text = session.get(AnswerText, answer.text_id) if answer.text_id else None
    ANSWER.apply(session, actor, answer, "take back")
    ASSIGNMENT.apply(session, actor, assignment, "take back", cause="take back")
    if text:
        content = AnswerContent(text.body, text.ties, known_counts={tab_of_text(text): text.number})
        save_draft(session, actor, assignment, "taken back", content, text.number)


def delete_old_drafts(session: Session) -> None:
    """Delete drafts of questions that have run, and drafts that were not saved within the newsletter's `draft_days`."""
    # The subqueries are correlated, so that the database starts from the drafts, which are few.
    assignment_of_draft = select(Assignment.id).where(Assignment.id == Draft.assignment_id)
    has_run = assignment_of_draft.join(Assignment.question).where(Question.has_run).exists()
    session.execute(delete(Draft).where(has_run))
    for newsletter in all_newsletters(session):
        is_of_newsletter = assignment_of_draft.where(Assignment.newsletter_id == newsletter.id).exists()
        cutoff = now(session) - timedelta(days=newsletter.draft_days)
        session.execute(delete(Draft).where(Draft.saved_at < cutoff, is_of_newsletter))
