"""Settling in one transaction: what decisions say is made, and the mails have their places."""

import logging
import traceback
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from ..core.actors import Mailroom
from ..db.fault_kinds import Busy, FaultKind, fault_kind
from ..mail import inbound, leases
from ..mail.reading import NotStarted
from ..newsletters.models import Newsletter
from .decision import Judged
from .outcomes import take

UNPLACEABLE = "could not be placed"

# The place that mails came to, "again" or "lost"; None where one failed, and nothing where it lost a race.
Became = dict[leases.Claim, str | None]

log = logging.getLogger(__name__)


def settle_each(session: Session, judged_mails: Sequence[Judged]) -> Became:
    """Place each mail in a savepoint of its own; None where that failed. One that lost a race is left out."""
    became: Became = {}
    for one in judged_mails:
        try:
            with session.begin_nested():
                became |= settle(session, [one])
        except StaleDataError:  # the whole transaction lost a race, and is run again
            raise
        except IntegrityError:  # another worker placed the same mail just now
            pass
        except Exception as error:
            log_failure(one.claim, error)
            became[one.claim] = None
    return became


def settle(session: Session, judged_mails: Sequence[Judged]) -> Became:
    """Make what decisions say and place the mails whose leases still hold; tells the places, "lost" of the others."""
    rows = leases.lock_claimed(session, [one.claim for one in judged_mails])
    mails = [(rows[one.claim], one) for one in judged_mails if one.claim in rows]
    letters = take(session, Mailroom(), mails)
    placed = []
    for row, one in mails:
        facts = {**one.decision.facts, "content_mac": inbound.mac_of(session, one.content)}
        if row.id in letters:
            facts["letter_id"] = letters[row.id]
        placed.append((row, one.decision.place, one.decision.reasons, facts))
    inbound.place_all(session, Mailroom(), placed)
    return {one.claim: one.decision.place if one.claim in rows else "lost" for one in judged_mails}


def give_up(session: Session, claim: leases.Claim) -> str:
    """Placing failed: put it off, and after the last try show it as failed."""
    row = leases.lock_claimed(session, [claim]).get(claim)
    if row is None:
        return "lost"
    if claim.attempts < leases.TRIES:
        leases.schedule_retry(session, row)
        return "again"
    newsletter_id = row.newsletter_id or session.scalar(select(Newsletter.id).order_by(Newsletter.id).limit(1))
    inbound.place(session, Mailroom(), row, "failed", [UNPLACEABLE], newsletter_id=newsletter_id)
    return "failed"


def log_failure(claim: leases.Claim, error: Exception) -> None:
    """The error's own words may hold what somebody wrote: the log gets its name and its place only. Raises what is not
    the mail's fault."""
    if isinstance(error, Busy | NotStarted):
        raise error
    if isinstance(error, DBAPIError) and fault_kind(error) is not FaultKind.UNKNOWN:
        raise error
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("mail %s could not be placed: %s\n%s", claim.inbound_id, type(error).__name__, where)
