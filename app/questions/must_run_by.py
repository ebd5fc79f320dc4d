"""By when a question has to run: the desk's own note, which the builder and the overview warn by."""

from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Staff
from ..core.state_machine import InvalidTransition, MissingPrecondition, check_version, must
from ..db.session import lock_row, now
from ..newsletters.models import Newsletter
from .models import Question


def must_run_by(
    session: Session, actor: Staff, question: Question, day: date | None, version: int | None = None
) -> None:
    """Set the last day on which an edition with the question would be of use, or with None take it away.

    Raises `MissingPrecondition` for a day that is over, `InvalidTransition` for a question that ran or will not,
    `VersionConflict`.
    """
    must(actor, "word")
    check_version(lock_row(session, question), version)
    if not question.can_run:
        raise InvalidTransition("question", "set a date for", question.state)
    zone = ZoneInfo(session.get_one(Newsletter, question.newsletter_id).zone)
    if day is not None and day < now(session).astimezone(zone).date():
        raise MissingPrecondition("date to come")
    question.must_run_by = day
    facts = {"by": day.isoformat() if day else None, "edition": question.edition_id}
    audit.record(session, actor, "question.date", question, facts=facts)
