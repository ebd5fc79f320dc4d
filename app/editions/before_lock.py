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
from .ready_to_run import Ready

SHOWN = 12  # mails of experts that are told of one by one


@dataclass(frozen=True)
class Matter:
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


def matters(
    session: Session,
    edition: Edition,
    picked: Sequence[Ready],
    open_slots: Sequence[int],
    dated: Sequence[Question],
    then: date | None,
) -> list[Matter]:
    """Return what keeps a planned edition from being locked comes first. `dated` are the newsletter's questions that
    must run by a day, `then` is the day of the edition after this one. Readers' names are another matter: see
    `desk.name_troubles`.
    """
    found = unfit(picked)
    questions = {one.question.id: one.question for one in picked}
    if questions:
        found += _mails(session, edition, questions) + _asked(session, questions)
    found += [Matter("twice", expert=name, number=many) for name, many in _twice(picked)]
    for one in picked:
        if one.must_run_by and one.must_run_by < edition.rule_date:
            found.append(Matter("late", one.question, day=one.must_run_by))
        if one.words > one.room:
            longest = max(one.voices, key=lambda voice: voice.words).answer.public_id
            found.append(Matter("long", one.question, answer=longest, number=one.words - one.room))
    for question in dated:
        if is_last_chance(question, edition, then):
            found.append(Matter("left out", question, day=question.must_run_by))
    if open_slots:
        found.append(Matter("open", number=len(open_slots)))
    return found


def unfit(picked: Sequence[Ready]) -> list[Matter]:
    """Return what keeps picks from running, and from being copied out: their newest words are not cleared, or no answer
    to them is approved any more.
    """
    found = []
    for one in picked:
        if not cleared.holds(one.question):
            found.append(Matter("words", one.question))
        if not one.experts:
            found.append(Matter("answer", one.question))
    return found


def _twice(picked: Sequence[Ready]) -> list[tuple[str, int]]:
    """Return who answers more than one of the questions, and how many."""
    names = {voice.answer.expert_id: voice.name for one in picked for voice in one.voices}
    in_how_many = Counter(key for one in picked for key in {voice.answer.expert_id for voice in one.voices})
    return [(names[key], many) for key, many in in_how_many.items() if many > 1]


def is_last_chance(question: Question, edition: Edition, then: date | None) -> bool:
    """Return whether a question with a date would have to run in this edition and does not stand in it."""
    by = question.must_run_by
    if by is None or question.edition_id == edition.id or by < edition.rule_date:
        return False
    return then is None or by < then


def _mails(session: Session, edition: Edition, questions: dict[int, Question]) -> list[Matter]:
    """Return what an expert wrote by mail about one of them and nobody has filed: it may say that something in it is
    wrong.
    """
    query = select(Letter.public_id, Assignment).join(Assignment, Assignment.id == Letter.assignment_id)
    query = query.where(
        Letter.newsletter_id == edition.newsletter_id, Letter.waits, Assignment.question_id.in_(questions)
    )
    return [
        Matter("mail", questions[one.question_id], letter, expert=one.expert.name)
        for letter, one in session.execute(query.order_by(Letter.id).limit(SHOWN))
    ]


def _asked(session: Session, questions: dict[int, Question]) -> list[Matter]:
    """Return who was asked one of them and has no approved answer to it."""
    query = select(Assignment).where(Assignment.question_id.in_(questions), Assignment.is_asked).order_by(Assignment.id)
    return [Matter("asked", questions[one.question_id], expert=one.expert.name) for one in session.scalars(query)]
