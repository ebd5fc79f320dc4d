"""From stored bytes to one final place: lease, read in a child process, judge, and place in one transaction.

A worker that is killed at any moment leaves mails that are stored and leased; when the lease is over they are placed
from the start. What makes a mail unplaceable holds up no other: it is put off, and after some tries it is shown as
failed.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy.orm import Session

from ..db.engine import Database
from ..db.fault_kinds import Busy
from ..mail import inbound, leases
from ..mail.lifecycle import PLACES_OF_MAIL
from ..mail.reading import NotStarted, Reading
from ..mailtext.incoming import Known, Mail
from . import settling
from .batch import House, Settings
from .decision import Judged
from .evidence import InboundContext
from .judges import decide
from .recipients import answerable
from .settling import Became
from .words import Found, find, uncut

__all__ = ["Settings", "place_due"]

BATCH = 50  # mails that are leased, and placed, together, where they have no more bytes than `inbound.TOGETHER`
AHEAD = 1.0  # seconds for which mails are read before those that were read are placed: one that is slow holds up others
LOOK = 0.2  # seconds that one look at the database lasts: while it does, nothing erased leaves the database's files
RACES = 3  # how often a mail is judged again at once because another worker placed the same one meanwhile
DEADLY = 50  # claims of a mail after which it is not even read: it has killed its workers
EDITION = "edition"  # the place of a mail on which those after it may rest
NO_ORIGINALS = PLACES_OF_MAIL.which("is_no_original")

S = TypeVar("S", "Opened", leases.Leased)
T = TypeVar("T")


@dataclass(frozen=True)
class Opened:
    """A claimed mail, as far as it is read: what is stored, what it is as a message, what the trimmer may know, and the
    words that were found in it.
    """

    stored: leases.Leased
    raw: bytes
    mail: Mail
    known: Known = field(default_factory=Known)
    is_forward: bool = False
    found: Found | None = None

    @property
    def claim(self) -> leases.Claim:
        return self.stored.claim


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

    `at` sets the time. Raises `Busy`: what is leased then is placed once its lease is over. Raises `NotStarted`, which
    is no try of any mail.
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
        try:
            for some in _by_size(claims):
                self._in_turn(some, became, until)
        except NotStarted:  # it is no mail's fault, and no try of those which haven't failed by themselves
            self._give_back([claim for claim in claims if became.get(claim, "again") == "again"])
            for claim in (claim for claim in claims if became.get(claim, "") is None):
                self._give_up(claim)
            raise
        self._give_back([claim for claim in claims if became.get(claim) == "again"])
        for claim in claims:
            done[became.get(claim) or self._alone(claim) or self._give_up(claim)] += 1
        return done

    def _give_back(self, claims: Sequence[leases.Claim]) -> None:
        if claims:
            self.database.write(partial(leases.give_back, claims=claims), self.at)

    def _give_up(self, claim: leases.Claim) -> str:
        return self.database.write(partial(settling.give_up, claim=claim), self.at)

    def _alone(self, claim: leases.Claim) -> str | None:
        """Judge a mail again, and place it by itself: another one may have become its first."""
        for _ in range(RACES):
            became: Became = {}
            self._in_turn([claim], became)
            if claim in became:
                return became[claim]
        return None

    def _in_turn(self, claims: Sequence[leases.Claim], became: Became, until: float = math.inf) -> None:
        """Place mails as if one came after the other, in as few transactions as that can be done in, and note what
        they became."""
        stored = self._stored([claim for claim in claims if claim.attempts <= DEADLY])
        while stored:
            parsed, stored = self._each(self._parse, stored, until, became)
            while parsed:
                known, later = self._quoting(parsed, until, became)
                read, unread = self._each(self._find, known, until, became)
                parsed = [*unread, *later]
                while read:
                    judged, read = self._judged(read, until, became)
                    became |= self._settled(judged)
                    if any(one.decision.place == EDITION for one in judged):  # others may quote it as it arrived
                        parsed, read = [*read, *parsed], []

    def _stored(self, claims: Sequence[leases.Claim]) -> Sequence[leases.Leased]:
        with self.database.read(self.at) as session:
            return leases.leased(session, claims) if claims else []

    def _each(
        self, work: Callable[[S], T], mails: Sequence[S], until: float, became: Became
    ) -> tuple[Sequence[T], Sequence[S]]:
        """Read one mail after the other, with no look at the database open meanwhile. Returns also what is left.

        At most for `AHEAD` seconds: one that takes longer doesn't hold back those before it.
        """
        began, done = time.monotonic(), list[T]()
        for number, mail in enumerate(mails):
            if number and time.monotonic() - began > AHEAD:
                return done, mails[number:]
            found = self._step(mail.claim, until, became, partial(work, mail))
            if found is not None:
                done.append(found)
        return done, []

    def _parse(self, stored: leases.Leased) -> Opened:
        raw = stored.raw
        return Opened(stored, raw, self.reading.parse(raw))

    def _find(self, one: Opened) -> Opened:
        return replace(one, found=find(self.reading, one.raw, one.mail, one.known, one.is_forward))

    def _quoting(self, mails: Sequence[Opened], until: float, became: Became) -> tuple[list[Opened], Sequence[Opened]]:
        """Put in what may be quoted in each, and whether it is one that somebody of the desk forwards. Returns also
        those that this look had no time for."""
        done: list[Opened] = []
        with self.database.read(self.at) as session:
            began = time.monotonic()
            for number, (one, case) in enumerate(self._cases(session, mails, InboundContext.expect_quoted)):
                found = self._step(one.claim, until, became, partial(_quoting, one, case))
                if found is not None:
                    done.append(found)
                if time.monotonic() - began > LOOK:
                    return done, mails[number + 1 :]
        return done, []

    def _judged(self, mails: Sequence[Opened], until: float, became: Became) -> tuple[list[Judged], Sequence[Opened]]:
        """Judge mails, outside of any transaction that writes, up to one whose judgement rests on those before it.

        These have to be placed first: returns also what is left from there on.
        """
        judged: list[Judged] = []
        firsts: set[str] = set()
        with self.database.read(self.at) as session:
            began = time.monotonic()
            for number, (one, case) in enumerate(self._cases(session, mails, InboundContext.expect)):
                found = self._step(one.claim, until, became, partial(_judge, one, case))
                if found is None:
                    continue
                if found.content in firsts:
                    return judged, mails[number:]
                judged.append(found)
                if found.decision.place not in NO_ORIGINALS:
                    firsts.add(found.content)
                if found.decision.place == EDITION or time.monotonic() - began > LOOK:
                    return judged, mails[number + 1 :]
        return judged, []

    def _cases(
        self, session: Session, mails: Sequence[Opened], expect: Callable[[InboundContext], None]
    ) -> list[tuple[Opened, InboundContext]]:
        """Make the cases of one look at the database, which say what will be looked up of each."""
        house = House(self.settings)
        cases = [(one, InboundContext(session, one.raw, one.mail, house, one.stored.row)) for one in mails]
        for _, case in cases:
            with suppress(Exception):  # what is wrong with one mail is told when it is judged
                expect(case)
        return cases

    def _step(self, claim: leases.Claim, until: float, became: Became, work: Callable[[], T]) -> T | None:
        """Do a step with one mail. None where it failed, or its lease could end meanwhile: then it became something."""
        if time.monotonic() > until:
            became[claim] = "again"
            return None
        try:
            return work()
        except Exception as error:
            settling.tell(claim, error)
            became[claim] = None
            return None

    def _settled(self, judged: Sequence[Judged]) -> Became:
        """Place mails in one transaction; where that fails, each in a savepoint of its own."""
        if not judged:
            return {}
        try:
            return self.database.write(partial(settling.settle, judged=judged), self.at)
        except Busy:
            raise
        except Exception:  # told of the mail whose it is, when that one fails again
            return self.database.write(partial(settling.settle_each, judged=judged), self.at)


def _quoting(one: Opened, case: InboundContext) -> Opened:
    return replace(one, known=case.known, is_forward=case.forwarded_to is not None)


def _judge(one: Opened, case: InboundContext) -> Judged:
    case.take_in(one.found or uncut(one.mail))
    decision = decide(case)
    content, reply = case.content(decision.newsletter_id), answerable(case, decision)
    return Judged(one.claim, decision, content, case.reading, case.mail.message_id, case.mail.body, reply)


def _by_size(claims: Sequence[leases.Claim]) -> Iterator[list[leases.Claim]]:
    """Cut a batch where its bytes would be too many to be held at once."""
    some: list[leases.Claim] = []
    for claim in claims:
        if some and sum(one.size for one in some) + claim.size > inbound.TOGETHER:
            yield some
            some = []
        some.append(claim)
    yield some
