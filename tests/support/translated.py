"""Translations as Nora types and approves them, by the forms of the desk."""

from sqlalchemy import select

from app.answers.models import Answer
from app.db.engine import Database
from app.questions.models import Question
from tests.support.desk import Desk
from tests.support.shown import seen


def written(nora: Desk, question: str, language: str = "fa", key: str = "", **words: str) -> str:
    """Type a translation into its form as it stands and save it; gives the address of all texts in its language."""
    place = f"questions/{question}/translations/{language}/{key or 'question'}"
    return nora.post(place, seen=seen(nora.get(place), place.rpartition("/")[2]), **words)


def approve(
    nora: Desk, question: str, key: str = "question", status: int = 303, language: str = "fa", **typed: str
) -> str:
    all_texts = f"questions/{question}/translations/{language}"
    act = f"{key}/approve"
    return nora.post(f"{all_texts}/{act}", status, **{"seen": seen(nora.get(all_texts), act), "compared": "1"} | typed)


def answer_of(database: Database, question: str) -> str:
    with database.read() as session:
        query = select(Answer.public_id).join(Question, Question.id == Answer.question_id)
        return session.scalars(query.where(Question.public_id == question)).one()
