"""From stored bytes to one final place: lease, read in a child process, judge, and place in one transaction.

A worker that is killed at any moment leaves mails that are stored and leased; when the lease is over they are placed
from the start. What makes a mail unplaceable holds up no other: it is put off, and after some tries it is shown as
failed.
"""

import logging
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from ..actors import Mailroom
from ..db import Busy, Database
from ..mail import inbound
from ..mail.reading import NotStarted, Reading
from ..newsletters.models import Newsletter
from .batch import House, Settings
from .decision import Decision
from .evidence import Case
from .judges import decide
from .outcomes import take
from .recipients import answerable

__all__ = ["Settings", "place_due"]

BATCH = 20  # mails that are leased, and placed, together
RACES = 3  # how often a mail is judged again at once because another worker placed the same one meanwhile
DEADLY = 50  # claims of a mail after which it is not even read: it has killed its workers
UNPLACEABLE = "could not be placed"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Judged:
    """A claimed mail with what was read in it and decided about it, as plain values."""

    claim: inbound.Claim
    decision: Decision
    content: str
    reading: inbound.Reading
    message_id: str
    body: str
    answerable: bool


def place_due(
    database: Database,
    reading: Reading,
    settings: Settings,
    limit: int = 100,
    *,
    lease: timedelta = inbound.LEASE,
    at: datetime | None = None,
) -> Counter[str]:
    """Give up to `limit` stored mails their place; how many came to each, "again" where it has to be tried once more.

    `at` sets the time. Raises `Busy` and `NotStarted`: what is leased then is placed once its lease is over.
    """
    done: Counter[str] = Counter()
    placing = _Placing(database, reading, settings, at)
    while (left := limit - done.total()) > 0 and placing.anything_due():
        claims = database.write(partial(inbound.claim, most=min(BATCH, left), lease=lease), at)
        if not claims:
            break
        done.update(placing.together(claims, time.monotonic() + lease.total_seconds() / 2))
    return done


@dataclass(frozen=True)
class _Placing:
    """The means of placing: where mails are stored, what reads them, by which settings; `at` sets the time."""

    database: Database
    reading: Reading
    settings: Settings
    at: datetime | None

    def anything_due(self) -> bool:
        with self.database.read(self.at) as session:
            return inbound.anything_due(session)

    def together(self, claims: Sequence[inbound.Claim], until: float) -> Counter[str]:
        """Place a batch in one transaction; what trips there is placed by itself afterwards. `until` is a monotonic
        time."""
        done: Counter[str] = Counter()
        judged, failed = [], []
        house = House(self.settings)
        for claim in claims:
            if time.monotonic() > until:
                done["again"] += 1  # its lease could end while it is read
            elif found := self._judge(house, claim):
                judged.append(found)
            else:
                failed.append(claim)
        became = self._settle(judged) if judged else {}
        for one in judged:
            if place := became[one.claim.inbound_id] or self._alone(one.claim):
                done[place] += 1
            else:
                failed.append(one.claim)
        for claim in failed:
            done[self.database.write(partial(_give_up, claim=claim), self.at)] += 1
        return done

    def _judge(self, house: House, claim: inbound.Claim) -> Judged | None:
        """Read and judge a mail, outside of any transaction that writes; None where that failed."""
        if claim.attempts > DEADLY:
            return None
        try:
            with self.database.read(self.at) as session:
                row, raw = inbound.leased(session, claim)
                mail = self.reading.parse(raw)
                case = Case(session, raw, mail, house, row)
                case.read(self.reading)
                decision = decide(case)
                content, reply = case.content(decision.newsletter_id), answerable(case, decision)
                return Judged(claim, decision, content, case.reading, mail.message_id, mail.body, reply)
        except Exception as error:
            _tell(claim, error)
            return None

    def _settle(self, judged: Sequence[Judged]) -> dict[int, str | None]:
        return self.database.write(partial(_settle_all, judged=judged), self.at)

    def _alone(self, claim: inbound.Claim) -> str | None:
        """Judge a mail again, and place it by itself: another one may have become its first."""
        for _ in range(RACES):
            judged = self._judge(House(self.settings), claim)
            if judged is None:
                return None
            if place := self._settle([judged])[claim.inbound_id]:
                return place
        return None


def _settle_all(session: Session, judged: Sequence[Judged]) -> dict[int, str | None]:
    """Place each mail in a savepoint of its own; None where that failed. What the whole transaction lost is run
    again."""
    became: dict[int, str | None] = {}
    for one in judged:
        try:
            with session.begin_nested():
                became[one.claim.inbound_id] = settle(session, one)
        except (OperationalError, StaleDataError):
            raise
        except Exception as error:
            if not isinstance(error, IntegrityError):  # else another worker placed the same mail just now
                _tell(one.claim, error)
            became[one.claim.inbound_id] = None
    return became


def settle(session: Session, judged: Judged) -> str:
    """Make what a decision says and place the mail, if this lease still holds; tells the place, or "lost"."""
    row = inbound.claimed(session, judged.claim)
    if row is None:
        return "lost"
    decision, mac = judged.decision, inbound.mac_of(session, judged.content)
    facts = {**decision.facts, "content_mac": mac, **take(session, Mailroom(), row, judged)}
    inbound.place(session, Mailroom(), row, decision.place, decision.reasons, **facts)
    return decision.place


def _give_up(session: Session, claim: inbound.Claim) -> str:
    """Placing failed: put it off, and after the last try show it as failed."""
    row = inbound.claimed(session, claim)
    if row is None:
        return "lost"
    if claim.attempts < inbound.TRIES:
        inbound.put_off(session, row)
        return "again"
    newsletter_id = row.newsletter_id or session.scalar(select(Newsletter.id).order_by(Newsletter.id).limit(1))
    inbound.place(session, Mailroom(), row, "failed", [UNPLACEABLE], newsletter_id=newsletter_id)
    return "failed"


def _tell(claim: inbound.Claim, error: Exception) -> None:
    """The error's own words may hold what somebody wrote: the log gets its name and its place only."""
    if isinstance(error, Busy | NotStarted):  # not the mail's fault
        raise error
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("mail %s could not be placed: %s\n%s", claim.inbound_id, type(error).__name__, where)
