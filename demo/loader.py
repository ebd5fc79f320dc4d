"""The loader of the demo newsroom: a year of it is created by the product's own functions, in one transaction."""

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

from .newsroom import create_newsroom
from .progress import Progress
from .timeline import list_events

# Mails of the last day and the morning before wait for the worker, so that there are some to see.
UNSENT_PERIOD = timedelta(days=1)
STALE_AGE = timedelta(weeks=4)  # twice the time between two editions
UNDO_PERIOD = timedelta(minutes=1)  # the time in which the desk can undo a mail


def has_newsroom(database: Database) -> bool:
    """Return whether the database has a newsroom, the demo's or another."""
    with database.read() as session:
        return session.scalar(select(Newsletter.id).limit(1)) is not None


def get_stale_edition_time(database: Database, time: datetime | None = None) -> datetime | None:
    """Return when the last edition was sent, if that is so long before `time` (default: now) that much is overdue."""
    with database.read(time) as session:
        sent_at = session.scalar(select(func.max(Edition.sent_at)))
        is_stale = sent_at is not None and now(session) - sent_at > STALE_AGE
        return sent_at if is_stale else None


def load_newsroom(database: Database, progress: Progress | None = None, loaded_at: datetime | None = None) -> None:
    """Fill an empty database with the demo newsroom as of `loaded_at` (default: now), in one transaction.

    Calls `progress` with the number of events done and the total.
    """
    time = (loaded_at or utc_now()).astimezone(UTC).replace(microsecond=0)
    database.write(lambda session: _replay_year(session, time, progress))


def _replay_year(session: Session, loaded_at: datetime, progress: Progress | None) -> None:
    events = list_events(create_newsroom(session, loaded_at))
    unsent_from = (loaded_at - UNSENT_PERIOD).replace(hour=0, minute=0, second=0)
    for number, (time, run_event) in enumerate(events, 1):
        session.info["at"] = time
        run_event()
        if time < unsent_from:
            session.info["at"] = time + UNDO_PERIOD
            mark_due_mails_sent(session)
        if progress:
            progress(number, len(events))
    forget_overdue(session)


def mark_due_mails_sent(session: Session) -> None:
    """Mark the mails that are due as sent, without sending them."""
    due_mails = select(OutboxMail.id).where(OutboxMail.state == "queued", OutboxMail.due_at <= now(session)).limit(1)
    while session.scalar(due_mails) is not None and (claimed := claim(session)) is not None:
        settle(session, claimed, None, forget_contact_after_notice)
