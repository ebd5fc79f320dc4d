"""The slots of an edition as a whole: put in order at once, as a drag does, and what stands together in one of them."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from .. import audit
from ..answers.editing import approved_of
from ..answers.models import Answer
from ..core.actors import Staff
from ..core.state_machine import InvalidTransition, MissingPrecondition, check_version, must
from ..db.session import lock_row
from ..questions.models import Question
from .models import Edition
from .slots import drop, list_picked_questions, pick, renumber, require_planned


def arrange(
    session: Session, actor: Staff, edition: Edition, order: Sequence[Question], version: int | None = None
) -> None:
    """Let exactly these questions stand in the slots, in this order.

    What is new is picked, what is left out is ready again. Raises `VersionConflict`, `InvalidTransition` and what
    `pick` raises.
    """
    must(actor, "edition")
    check_version(lock_row(session, edition), version)
    require_planned(edition)
    standing = list_picked_questions(session, edition)
    if len({question.id for question in order}) != len(order):
        raise InvalidTransition("edition", "arrange", "a question twice")
    for question in standing:
        if question not in order:
            drop(session, actor, question)
    for question in order:
        if question not in standing:
            pick(session, actor, question, edition)
    keys = [question.id for question in order]
    renumber(session, edition, keys)
    audit.record(session, actor, "edition.arrange", edition, facts={"questions": keys})


def answers_first(session: Session, actor: Staff, edition: Edition, question: Question, answer_id: str) -> None:
    """Let one of the several answers of a question stand first in its slot. Raises `InvalidTransition`,
    `MissingPrecondition`."""
    must(actor, "edition")
    require_planned(lock_row(session, edition))
    answers = approved_of(session, lock_row(session, question).id)
    first = next((answer for answer in answers if answer.public_id == answer_id), None)
    if first is None:
        raise MissingPrecondition("approved answer")
    _number(session, [first, *(answer for answer in answers if answer is not first)])
    renumber(session, edition)
    audit.record(session, actor, "answer.first", first, facts={"edition": edition.id})


def _number(session: Session, answers: Sequence[Answer]) -> None:
    for position, answer in enumerate(answers, 1):
        answer.run_position = position
    session.flush()
