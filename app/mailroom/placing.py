"""From stored bytes to one final place: lease, read in a child process, judge, and place in one transaction.

A worker that is killed at any moment leaves mails that are stored and leased; when the lease is over they are placed
from the start. What makes a mail unplaceable holds up no other: it is put off, and after some tries it is shown as
failed.
"""

import logging
import math
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from ..actors import Mailroom
from ..audit import together
from ..db import Database
from ..db_faults import Busy
from ..mail import inbound, leases
from ..mail.incoming import Mail
from ..mail.lifecycle import PLACES_OF_MAIL
from ..mail.reading import NotStarted, Reading
from ..newsletters.models import Newsletter
from .batch import House, Settings
from .decision import Decision
from .evidence import Case
from .judges import decide
from .outcomes import take
from .recipients import answerable

__all__ = ["Settings", "place_due"]

BATCH = 50  # mails that are leased, and placed, together, where they have no more bytes than `inbound.TOGETHER`
LOOK = 0.2  # seconds that one look at the database lasts: while it does, nothing erased leaves the database's files
RACES = 3  # how often a mail is judged again at once because another worker placed the same one meanwhile
DEADLY = 50  # claims of a mail after which it is not even read: it has killed its workers
UNPLACEABLE = "could not be placed"
NO_ORIGINALS = PLACES_OF_MAIL.which("is_no_original")

T = TypeVar("T")
# The place that mails came to, "again" or "lost"; None where one failed, and nothing where it lost a race.
Became = dict[leases.Claim, str | None]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Judged:
    """A claimed mail with what was read in it and decided about it, as plain values."""

    claim: leases.Claim
    decision: Decision
    content: str
    reading: inbound.Reading
    message_id: str
    body: str
    answerable: bool

    @property
    def is_duplicate(self) -> bool:
        return self.decision.place == "duplicate"


@dataclass(frozen=True)
class Parsed:
    """A claimed mail as it is stored, and what it is as a message."""

    stored: leases.Leased
    raw: bytes
    mail: Mail


def place_due(
    database: Database,
    reading: Reading,
    settings: Settings,
    limit: int = 100,
    *,
    lease: timedelta = leases.LEASE,
    at: datetime | None = None,
) -> Counter[str]:
    """Give up to `limit` stored mails their place; how many came to each, "again" where it has to be tried once more.

    `at` sets the time. Raises `Busy` and `NotStarted`: what is leased then is placed once its lease is over.
    """
    done: Counter[str] = Counter()
    placing = _Placing(database, reading, settings, at)
    while (left := limit - done.total()) > 0 and placing.anything_due():
        claims = database.write(partial(leases.claim, most=min(BATCH, left), lease=lease), at)
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
            return leases.anything_due(session)

    def together(self, claims: Sequence[leases.Claim], until: float) -> Counter[str]:
        """Place a batch; what fails or loses a race in it is placed by itself afterwards. `until` is a monotonic
        time."""
        done: Counter[str] = Counter()
        became: Became = {}
        for some in _by_size(claims):
            became |= self._in_turn(some, until)
        if unreached := [claim for claim in claims if became.get(claim) == "again"]:
            self.database.write(partial(leases.give_back, claims=unreached), self.at)
        for claim in claims:
            place = became.get(claim) or self._alone(claim)
            done[place or self.database.write(partial(_give_up, claim=claim), self.at)] += 1
        return done

    def _alone(self, claim: leases.Claim) -> str | None:
        """Judge a mail again, and place it by itself: another one may have become its first."""
        for _ in range(RACES):
            if claim in (became := self._in_turn([claim])):
                return became[claim]
        return None

    def _in_turn(self, claims: Sequence[leases.Claim], until: float = math.inf) -> Became:
        """Place mails as if one came after the other, in as few transactions as that can be done in."""
        became: Became = {}
        left: Sequence[Parsed] = self._parsed([claim for claim in claims if claim.attempts <= DEADLY], until, became)
        while left:
            judged, left = self._judged(left, until, became)
            if judged:
                became |= self._settled(judged)
        return became

    def _parsed(self, claims: Sequence[leases.Claim], until: float, became: Became) -> list[Parsed]:
        """Open and parse mails, outside of any transaction."""
        with self.database.read(self.at) as session:
            stored = leases.leased(session, claims) if claims else []
        steps = (self._step(one.claim, until, became, partial(self._parse, one)) for one in stored)
        return [parsed for parsed in steps if parsed is not None]

    def _parse(self, stored: leases.Leased) -> Parsed:
        raw = stored.raw
        return Parsed(stored, raw, self.reading.parse(raw))

    def _judged(self, mails: Sequence[Parsed], until: float, became: Became) -> tuple[list[Judged], Sequence[Parsed]]:
        """Judge mails, outside of any transaction that writes, up to one whose judgement rests on those before it.

        These have to be placed first: returns also what is left from there on.
        """
        judged: list[Judged] = []
        firsts: set[str] = set()
        with self.database.read(self.at) as session:
            began, house = time.monotonic(), House(self.settings)
            cases = [Case(session, one.raw, one.mail, house, one.stored.row) for one in mails]
            for case in cases:
                with suppress(Exception):  # what is wrong with one mail is told when it is judged
                    case.expect()
            for number, (one, case) in enumerate(zip(mails, cases, strict=True)):
                claim = one.stored.claim
                found = self._step(claim, until, became, partial(self._judge, claim, case))
                if found is None:
                    continue
                if found.content in firsts:
                    return judged, mails[number:]
                judged.append(found)
                if found.decision.place not in NO_ORIGINALS:
                    firsts.add(found.content)
                # Others may answer an edition, or quote it as it arrived.
                if found.decision.place == "edition" or time.monotonic() - began > LOOK:
                    return judged, mails[number + 1 :]
        return judged, []

    def _judge(self, claim: leases.Claim, case: Case) -> Judged:
        case.read(self.reading)
        decision = decide(case)
        content, reply = case.content(decision.newsletter_id), answerable(case, decision)
        return Judged(claim, decision, content, case.reading, case.mail.message_id, case.mail.body, reply)

    def _step(self, claim: leases.Claim, until: float, became: Became, work: Callable[[], T]) -> T | None:
        """Do a step with one mail. None where it failed, or its lease could end meanwhile: then it became something."""
        if time.monotonic() > until:
            became[claim] = "again"
            return None
        try:
            return work()
        except Exception as error:
            _tell(claim, error)
            became[claim] = None
            return None

    def _settled(self, judged: Sequence[Judged]) -> Became:
        """Place mails in one transaction; where that fails, each in a savepoint of its own."""
        try:
            return self.database.write(partial(_settle, judged=judged), self.at)
        except Busy:
            raise
        except Exception:  # told of the mail whose it is, when that one fails again
            return self.database.write(partial(_settle_each, judged=judged), self.at)


def _by_size(claims: Sequence[leases.Claim]) -> Iterator[list[leases.Claim]]:
    """Cut a batch where its bytes would be too many to be held at once."""
    some: list[leases.Claim] = []
    for claim in claims:
        if some and sum(one.size for one in some) + claim.size > inbound.TOGETHER:
            yield some
            some = []
        some.append(claim)
    yield some


def _settle_each(session: Session, judged: Sequence[Judged]) -> Became:
    """Place each mail in a savepoint of its own; None where that failed. One that lost a race is left out."""
    became: Became = {}
    for one in judged:
        try:
            with session.begin_nested():
                became |= _settle(session, [one])
        except (OperationalError, StaleDataError):  # the whole transaction lost one, and is run again
            raise
        except IntegrityError:  # another worker placed the same mail just now
            pass
        except Exception as error:
            _tell(one.claim, error)
            became[one.claim] = None
    return became


def _settle(session: Session, judged: Sequence[Judged]) -> Became:
    """Make what decisions say and place the mails whose leases still hold; tells the places, "lost" of the others."""
    rows = leases.claimed(session, [one.claim for one in judged])
    mails = [(rows[one.claim], one) for one in judged if one.claim in rows]
    letters = take(session, Mailroom(), mails)
    with together(session):
        for row, one in mails:
            facts = {**one.decision.facts, "content_mac": inbound.mac_of(session, one.content)}
            if row.id in letters:
                facts["letter_id"] = letters[row.id]
            inbound.place(session, Mailroom(), row, one.decision.place, one.decision.reasons, **facts)
    return {one.claim: one.decision.place if one.claim in rows else "lost" for one in judged}


def _give_up(session: Session, claim: leases.Claim) -> str:
    """Placing failed: put it off, and after the last try show it as failed."""
    row = leases.claimed(session, [claim]).get(claim)
    if row is None:
        return "lost"
    if claim.attempts < leases.TRIES:
        leases.put_off(session, row)
        return "again"
    newsletter_id = row.newsletter_id or session.scalar(select(Newsletter.id).order_by(Newsletter.id).limit(1))
    inbound.place(session, Mailroom(), row, "failed", [UNPLACEABLE], newsletter_id=newsletter_id)
    return "failed"


def _tell(claim: leases.Claim, error: Exception) -> None:
    """The error's own words may hold what somebody wrote: the log gets its name and its place only."""
    if isinstance(error, Busy | NotStarted):  # not the mail's fault
        raise error
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("mail %s could not be placed: %s\n%s", claim.inbound_id, type(error).__name__, where)
