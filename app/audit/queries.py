from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from .models import Event


def of_questions(session: Session, question_ids: Sequence[int], limit: int) -> list[Event]:
    """What was done to several questions and to all that hangs on them, newest first."""
    query = select(Event).where(Event.question_id.in_(question_ids)).order_by(Event.id.desc()).limit(limit)
    return list(session.scalars(query))
