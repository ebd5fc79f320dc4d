"""What could run: questions with an approved answer, with all that an editor weighs when filling a slot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from ..answers.models import Answer, AnswerText
from ..newsletters.models import Newsletter
from ..questions import queries as questions
from ..questions.models import Question

SHOWN = 40


@dataclass(frozen=True)
class Ready:
    """A question that could run. `words` are those of all its answers, of the `room` there is for them."""

    question: Question
    experts: tuple[str, ...]
    topics: tuple[str, ...]
    words: int
    room: int
    approved_at: datetime | None

    @property
    def must_run_by(self) -> date | None:
        return self.question.must_run_by

    @property
    def from_shelf(self) -> bool:
        return self.question.state == "shelved"


def ready_to_run(session: Session, newsletter: Newsletter, limit: int = SHOWN) -> list[Ready]:
    """What can be picked now, from the shelf too: first what must run by a date, then what was approved longest ago."""
    query = select(Question).where(
        Question.newsletter_id == newsletter.id,
        Question.state.in_(("answered", "shelved")),
        exists().where(Answer.question_id == Question.id, Answer.state == "approved"),
    )
    order = (Question.must_run_by.is_(None), Question.must_run_by, Question.state_at, Question.id)
    return facts_of(session, newsletter, list(session.scalars(query.order_by(*order).limit(limit))))


def facts_of(session: Session, newsletter: Newsletter, chosen: Sequence[Question]) -> list[Ready]:
    """The same for given questions, in their order and in two queries however many they are."""
    keys = [question.id for question in chosen]
    topics = questions.topics_of(session, keys)
    voices: dict[int, list[tuple[Answer, int]]] = {key: [] for key in keys}
    rows = session.execute(
        select(Answer, AnswerText.words)
        .join(AnswerText, AnswerText.id == Answer.approved_text_id)
        .where(Answer.question_id.in_(keys), Answer.state == "approved")
        .order_by(Answer.run_position, Answer.id)
    )
    for answer, words in rows:
        voices[answer.question_id].append((answer, words))
    return [
        Ready(
            question,
            tuple(answer.credit["name"] if answer.credit else answer.expert.printed_name for answer, _ in found),
            tuple(topic.name for topic in topics[question.id]),
            sum(words for _, words in found),
            newsletter.words * max(1, len(found)),
            max((answer.state_at for answer, _ in found), default=None),
        )
        for question, found in ((question, voices[question.id]) for question in chosen)
    ]
