"""The things around a question: what its pages say beside it, in one statement that is built once."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from ..actors import Staff
from ..audit import Event
from ..audit.events import changing
from ..blanks import Blanks
from ..db import now
from ..letters.models import Letter
from ..newsletters.models import Newsletter, Topic
from .models import Note, Question, QuestionTopic
from .queries import letters_behind_each
from .translation_table import Translation
from .translator_table import Translator


class Around(NamedTuple):
    """The things around a question: its topics and all of its newsletter, how many readers ask it, the newest event
    that made an open page of it old. What is rare is told to be there or not, and is asked for only where it is.
    """

    topics: list[Topic]
    all_topics: list[Topic]
    readers: int
    newest: int
    has_merged: bool
    has_notes: bool
    is_translated: bool
    is_at_translators: bool
    more: tuple[bool, ...]


Rare = Callable[[Blanks], Sequence[ColumnElement[bool]]]  # what may be there or not, as columns of a statement


def around(session: Session, actor: Staff, question: Question, rare: Rare) -> Around:
    """Return what a question has around it, and what else is there of what is `rare`, in one statement."""
    query, blanks = _around(rare)
    given = blanks.filled(now(session), actor.newsletter_id, actor.person_id, question.id)
    rows = session.execute(query, given).all()
    there = [(topic, is_its) for topic, is_its, *_ in rows if topic is not None]
    readers, newest, *flags = rows[0][2:]
    has_merged, has_notes, is_translated, is_at_translators, *others = flags
    return Around(
        [topic for topic, is_its in there if is_its],
        [topic for topic, _is_its in there],
        readers,
        newest or 0,
        has_merged,
        has_notes,
        is_translated,
        is_at_translators,
        tuple(others),
    )


@cache
def _around(rare: Rare) -> tuple[Select[Any], Blanks]:
    blanks = Blanks()
    key = blanks.question
    behind = letters_behind_each([key], Letter.id).subquery()
    changes = select(Event.id).where(Event.question_id == key, Event.action.in_(changing("question")))
    columns = (
        select(func.count()).select_from(behind).where(behind.c[0] == key).scalar_subquery(),
        changes.order_by(Event.id.desc()).limit(1).scalar_subquery(),
        *(exists().where(column == key) for column in _OF_QUESTION),
        *rare(blanks),
    )
    its = exists().where(QuestionTopic.topic_id == Topic.id, QuestionTopic.question_id == key)
    query = select(Topic, its, *columns).select_from(Newsletter)
    query = query.outerjoin(Topic, Topic.newsletter_id == Newsletter.id).order_by(Topic.name)
    return query.where(Newsletter.id == blanks.newsletter), blanks


_OF_QUESTION = (Question.merged_into_id, Note.question_id, Translation.question_id, Translator.question_id)
