"""Loading the demo newsroom: a year of it is created by the product's own functions, in one transaction."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.db.engine import Database
from app.db.session import now
from app.editions.models import Edition
from app.mail.delivery import claim, settle
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.server.worker import forget_contact_after_notice, forget_overdue

from .house import found
from .year import events

FRESH = timedelta(
    days=1
)  # mails of the last day and the morning before wait for the worker, so that there are some to see
STALE = timedelta(weeks=4)  # twice the time between two editions
UNDO = timedelta(minutes=1)  # the time in which the desk can undo a mail

Progress = Callable[[int, int], None]


def is_loaded(database: Database) -> bool:
    """Return whether the database has a newsroom, the demo's or another."""
    with database.read() as session:
        return session.scalar(select(Newsletter.id).limit(1)) is not None


def standstill(database: Database, at: datetime | None = None) -> datetime | None:
    """Return when the last edition was sent, if that is so long before `at` (default: now) that much is overdue."""
    with database.read(at) as session:
        last = session.scalar(select(func.max(Edition.sent_at)))
        return last if last is not None and now(session) - last > STALE else None


def load(database: Database, progress: Progress | None = None, at: datetime | None = None) -> None:
    """Fill an empty database with the demo newsroom as of `at` (default: now), in one transaction.

    Calls `progress` with the number of steps done and the total.
    """
    moment = (at or utc_now()).astimezone(UTC).replace(microsecond=0)
    database.write(lambda session: _live(session, moment, progress))


def _live(session: Session, at: datetime, progress: Progress | None) -> None:
    steps = events(found(session, at))
    fresh = (at - FRESH).replace(hour=0, minute=0, second=0)
    for number, (moment, step) in enumerate(steps, 1):
        session.info["at"] = moment
        step()
        if moment < fresh:
            session.info["at"] = moment + UNDO
            _deliver(session)
        if progress:
            progress(number, len(steps))
    forget_overdue(session)


def _deliver(session: Session) -> None:
    """Mark the mails that are due as delivered, without sending them."""
    waits = select(OutboxMail.id).where(OutboxMail.state == "queued", OutboxMail.due_at <= now(session)).limit(1)
    while session.scalar(waits) is not None and (claimed := claim(session)) is not None:
        settle(session, claimed, None, forget_contact_after_notice)
