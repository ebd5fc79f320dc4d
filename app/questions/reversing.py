"""The inverses of a press that made a question or set its topics; `workflows.undo` says when."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from ..audit import Event, record
from ..audit.queries import find_latest_event, has_later_event
from ..core.actors import Staff
from ..core.state_machine import VersionConflict
from .lifecycle import QUESTION
from .models import Question
from .moves import put_topics
from .wording import erase_words


def unmake(session: Session, actor: Staff, question: Question, event: Event, press: Sequence[int]) -> None:
    """Take back that a question was made. Only the trail points at it then, and its words were a letter's, which has
    them.

    `press` are the events of the press that made it. Raises `VersionConflict` where anybody has done anything with it
    since.
    """
    if has_later_event(session, question.id, event.id, press):
        raise VersionConflict(question.public_id)
    QUESTION.apply(session, actor, question, "undo", to="closed", why={"undoes": event.id}, closed_reason="undone")
    erase_words(session, question)


def old_topics(session: Session, actor: Staff, question: Question, event: Event) -> None:
    """Give a question the topics that it had. Raises `VersionConflict` where they were set again since."""
    if find_latest_event(session, "question", question.id, event.action) is not event:
        raise VersionConflict(question.public_id)
    topics = (event.facts or {}).get("was", [])
    put_topics(session, question, topics)
    record(session, actor, event.action, question, facts={"topics": topics, "undoes": event.id})
