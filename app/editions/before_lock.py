"""Obstacles to locking an edition, and matters that an editor would want to know before it is fixed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..answers.models import Assignment
from ..letters.models import Letter
from ..questions.lifecycle import cleared
from ..questions.models import Question
from .models import Edition
from .ready_to_run import ReadyQuestion

SHOWN = 12  # mails of experts that are told of one by one


@dataclass(frozen=True)
class LockWarning:
    """`kind` says what: "words" or "answer" keep the edition from being locked; the others do
    not. `question` is the one it is about, `letter` the mail, `answer` the longest one; `number` counts words
    over, or slots.
    """

    kind: str
    question: Question | None = None
    letter: str = ""
    answer: str = ""
    number: int = 0
    expert: str = ""
    day: date | None = None

    @property
    def stops(self) -> bool:
        return self.kind in ("words", "answer")


def list_lock_warnings(
    session: Session,
    edition: Edition,
    ready_questions: Sequence[ReadyQuestion],
    open_slots: Sequence[int],
    deadline_questions: Sequence[Question],
    next_edition_date: date | None,
) -> list[LockWarning]:
    """Return what keeps a planned edition from being locked comes first. `deadline_questions` are the newsletter's
    questions that must run by a day, `next_edition_date` is the day of the edition after this one. Readers' names are
    another matter: see `desk.name_troubles`.
    """
    found = list_lock_blockers(ready_questions)
    questions = {one.question.id: one.question for one in ready_questions}
    if questions:
        found += _list_unfiled_mails(session, edition, questions) + _list_unanswered_requests(session, questions)
    found += [LockWarning("twice", expert=name, number=many) for name, many in _list_repeated_experts(ready_questions)]
    for one in ready_questions:
        if one.must_run_by and one.must_run_by < edition.rule_date:
            found.append(LockWarning("late", one.question, day=one.must_run_by))
        if one.words > one.room:
            longest = max(one.voices, key=lambda voice: voice.words).answer.public_id
            found.append(LockWarning("long", one.question, answer=longest, number=one.words - one.room))
    for question in deadline_questions:
        if is_last_chance(question, edition, next_edition_date):
            found.append(LockWarning("left out", question, day=question.must_run_by))
    if open_slots:
        found.append(LockWarning("open", number=len(open_slots)))
    return found


def list_lock_blockers(ready_questions: Sequence[ReadyQuestion]) -> list[LockWarning]:
    """Return what keeps picks from running, and from being copied out: their newest words are not cleared, or no answer
    to them is approved any more.
    """
    found = []
    for one in ready_questions:
        if not cleared.holds(one.question):
            found.append(LockWarning("words", one.question))
        if not one.experts:
            found.append(LockWarning("answer", one.question))
    return found


def _list_repeated_experts(ready_questions: Sequence[ReadyQuestion]) -> list[tuple[str, int]]:
    """Return who answers more than one of the questions, and how many."""
    names = {voice.answer.expert_id: voice.name for one in ready_questions for voice in one.voices}
    in_how_many = Counter(key for one in ready_questions for key in {voice.answer.expert_id for voice in one.voices})
    return [(names[key], many) for key, many in in_how_many.items() if many > 1]


def is_last_chance(question: Question, edition: Edition, next_edition_date: date | None) -> bool:
    """Return whether a question with a date would have to run in this edition and does not stand in it."""
    by = question.must_run_by
    if by is None or question.edition_id == edition.id or by < edition.rule_date:
        return False
    return next_edition_date is None or by < next_edition_date


def _list_unfiled_mails(session: Session, edition: Edition, questions: dict[int, Question]) -> list[LockWarning]:
    """Return what an expert wrote by mail about one of them and nobody has filed: it may say that something in it is
    wrong.
    """
    query = select(Letter.public_id, Assignment).join(Assignment, Assignment.id == Letter.assignment_id)
    query = query.where(
        Letter.newsletter_id == edition.newsletter_id, Letter.waits, Assignment.question_id.in_(questions)
    )
    return [
        LockWarning("mail", questions[one.question_id], letter, expert=one.expert.name)
        for letter, one in session.execute(query.order_by(Letter.id).limit(SHOWN))
    ]


def _list_unanswered_requests(session: Session, questions: dict[int, Question]) -> list[LockWarning]:
    """Return who was asked one of them and has no approved answer to it."""
    query = select(Assignment).where(Assignment.question_id.in_(questions), Assignment.is_asked).order_by(Assignment.id)
    return [LockWarning("asked", questions[one.question_id], expert=one.expert.name) for one in session.scalars(query)]
