"""Placing stored mails: lease a batch, parse it in a child process, judge it, and place it in one transaction.

If a worker is killed, its mails remain stored, and are placed from the start once the lease has expired. A mail that
can't be placed doesn't block others: it is retried later, and marked as failed after the last try.
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
from ..mailtext.incoming import Mail, TrimContext
from . import routing
from .batch import House, Settings
from .inbound_context import FoundContents, InboundContext, Judged, find_contents, uncut
from .recipients import answerable
from .routing import Became, decide

__all__ = ["Settings", "place_due"]

BATCH = 50  # mails leased together, and placed together if they have no more bytes than `inbound.BATCH_BYTES`
AHEAD = 1.0  # seconds of parsing after which the parsed mails are placed, so that slow mails don't delay them
LOOK = 0.2  # seconds of a read transaction; while one is open, erased data stays in SQLite's log
RACES = 3  # immediate retries of a mail after another worker has placed the same one
DEADLY = 50  # claims of a mail after which it is no longer parsed: it must have killed its workers
EDITION = "edition"  # a place that the judgement of later mails may depend on
NO_ORIGINALS = PLACES_OF_MAIL.which("is_no_original")

S = TypeVar("S", "Opened", leases.Leased)
T = TypeVar("T")


@dataclass(frozen=True)
class Opened:
    """A parsed mail: as stored, as bytes and as a message; then the context for the trimmer, and the found contents."""

    stored: leases.Leased
    raw: bytes
    mail: Mail
    known: TrimContext = field(default_factory=TrimContext)
    is_forward: bool = False
    found: FoundContents | None = None

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
    now: datetime | None = None,
) -> Counter[str]:
    """Place up to `limit` stored mails that are due. Return the number for each place, "again" for those to be retried.

    `now` overrides the time. Raises `Busy`; the leased mails are then placed after their lease. Raises `NotStarted`,
    which doesn't count as a try of any mail.
    """
    done: Counter[str] = Counter()
    placing = _Placing(database, reading, settings, now)
    while (left := limit - done.total()) > 0 and placing.anything_due():
        claims = database.write(partial(leases.claim, limit=min(BATCH, left), lease=lease), now)
        if not claims:
            break
        done.update(placing.together(claims, time.monotonic() + lease.total_seconds() / 2))
    return done


@dataclass(frozen=True)
class _Placing:
    """The implementation of `place_due`. `at` overrides the time."""

    database: Database
    reading: Reading
    settings: Settings
    at: datetime | None

    def anything_due(self) -> bool:
        with self.database.read(self.at) as session:
            return leases.anything_due(session)

    def together(self, claims: Sequence[leases.Claim], deadline: float) -> Counter[str]:
        """Place a batch, then the mails that failed or lost a race in it one by one. `deadline` is a monotonic time."""
        done: Counter[str] = Counter()
        became: Became = {}
        try:
            for some in _by_size(claims):
                self._place_in_order(some, became, deadline)
        except NotStarted:  # not the mails' fault, so it only counts as a try of those that had failed before
            self._give_back([claim for claim in claims if became.get(claim, "again") == "again"])
            for claim in (claim for claim in claims if became.get(claim, "") is None):
                self._give_up(claim)
            raise
        self._give_back([claim for claim in claims if became.get(claim) == "again"])
        for claim in claims:
            done[became.get(claim) or self._place_alone(claim) or self._give_up(claim)] += 1
        return done

    def _give_back(self, claims: Sequence[leases.Claim]) -> None:
        if claims:
            self.database.write(partial(leases.return_claims, claims=claims), self.at)

    def _give_up(self, claim: leases.Claim) -> str:
        return self.database.write(partial(routing.give_up, claim=claim), self.at)

    def _place_alone(self, claim: leases.Claim) -> str | None:
        """Judge and place a single mail again, since another one may have become its original."""
        for _ in range(RACES):
            became: Became = {}
            self._place_in_order([claim], became)
            if claim in became:
                return became[claim]
        return None

    def _place_in_order(self, claims: Sequence[leases.Claim], became: Became, deadline: float = math.inf) -> None:
        """Place mails as if one after the other, but in few transactions. Record the results in `became`."""
        stored = self._load_leased([claim for claim in claims if claim.attempts <= DEADLY])
        while stored:
            parsed, stored = self._run_each(self._parse, stored, deadline, became)
            while parsed:
                known, later = self._quoting(parsed, deadline, became)
                read, unread = self._run_each(self._find, known, deadline, became)
                parsed = [*unread, *later]
                while read:
                    judged, read = self._judge_mails(read, deadline, became)
                    became |= self._settle(judged)
                    if any(one.decision.place == EDITION for one in judged):  # later mails may quote its text
                        parsed, read = [*read, *parsed], []

    def _load_leased(self, claims: Sequence[leases.Claim]) -> Sequence[leases.Leased]:
        with self.database.read(self.at) as session:
            return leases.fetch_leased(session, claims) if claims else []

    def _run_each(
        self, work: Callable[[S], T], mails: Sequence[S], deadline: float, became: Became
    ) -> tuple[Sequence[T], Sequence[S]]:
        """Parse or trim one mail after the other, for about `AHEAD` seconds, while no transaction is open.

        Return the results and the remaining mails.
        """
        began, done = time.monotonic(), list[T]()
        for number, mail in enumerate(mails):
            if number and time.monotonic() - began > AHEAD:
                return done, mails[number:]
            found = self._step(mail.claim, deadline, became, partial(work, mail))
            if found is not None:
                done.append(found)
        return done, []

    def _parse(self, leased_mail: leases.Leased) -> Opened:
        raw = leased_mail.raw
        return Opened(leased_mail, raw, self.reading.parse(raw))

    def _find(self, opened_mail: Opened) -> Opened:
        return replace(
            opened_mail,
            found=find_contents(
                self.reading, opened_mail.raw, opened_mail.mail, opened_mail.known, opened_mail.is_forward
            ),
        )

    def _quoting(
        self, mails: Sequence[Opened], deadline: float, became: Became
    ) -> tuple[list[Opened], Sequence[Opened]]:
        """Look up what each mail may quote, and whether it was sent to the address for forwarded mail.

        Return the mails with that, and those for which this read transaction had no time.
        """
        done: list[Opened] = []
        with self.database.read(self.at) as session:
            began = time.monotonic()
            for number, (one, case) in enumerate(self._cases(session, mails, InboundContext.expect_quoted)):
                found = self._step(one.claim, deadline, became, partial(_quoting, one, case))
                if found is not None:
                    done.append(found)
                if time.monotonic() - began > LOOK:
                    return done, mails[number + 1 :]
        return done, []

    def _judge_mails(
        self, mails: Sequence[Opened], deadline: float, became: Became
    ) -> tuple[list[Judged], Sequence[Opened]]:
        """Judge mails, without a write transaction, up to the first whose judgement depends on an earlier one.

        Return the judged mails, which must be placed first, and the remaining ones.
        """
        judged: list[Judged] = []
        firsts: set[str] = set()
        with self.database.read(self.at) as session:
            began = time.monotonic()
            for number, (one, case) in enumerate(self._cases(session, mails, InboundContext.expect)):
                found = self._step(one.claim, deadline, became, partial(_judge, one, case))
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
        """Create the contexts of mails for one read transaction, and announce what will be looked up for each."""
        house = House(self.settings)
        cases = [(one, InboundContext(session, one.raw, one.mail, house, one.stored.row)) for one in mails]
        for _, case in cases:
            with suppress(Exception):  # the same error is logged when the mail is judged
                expect(case)
        return cases

    def _step(self, claim: leases.Claim, deadline: float, became: Became, work: Callable[[], T]) -> T | None:
        """Return the result of a step for one mail. If it fails, or the lease might expire meanwhile, record that in
        `became` and return None.
        """
        if time.monotonic() > deadline:
            became[claim] = "again"
            return None
        try:
            return work()
        except Exception as error:
            routing.log_failure(claim, error)
            became[claim] = None
            return None

    def _settle(self, judged_mails: Sequence[Judged]) -> Became:
        """Place mails in one transaction; if that fails, each in a savepoint of its own."""
        if not judged_mails:
            return {}
        try:
            return self.database.write(partial(routing.settle, judged_mails=judged_mails), self.at)
        except Busy:
            raise
        except Exception:  # it is logged when the mail that caused it fails again
            return self.database.write(partial(routing.settle_each, judged_mails=judged_mails), self.at)


def _quoting(opened_mail: Opened, case: InboundContext) -> Opened:
    return replace(opened_mail, known=case.known, is_forward=case.forwarded_to is not None)


def _judge(opened_mail: Opened, case: InboundContext) -> Judged:
    case.take_in(opened_mail.found or uncut(opened_mail.mail))
    decision = decide(case)
    content, reply = case.content(decision.newsletter_id), answerable(case, decision)
    return Judged(opened_mail.claim, decision, content, case.reading, case.mail.message_id, case.mail.body, reply)


def _by_size(claims: Sequence[leases.Claim]) -> Iterator[list[leases.Claim]]:
    """Split a batch so that no part has more bytes than `inbound.BATCH_BYTES`, unless it is a single mail."""
    some: list[leases.Claim] = []
    for claim in claims:
        if some and sum(one.size for one in some) + claim.size > inbound.BATCH_BYTES:
            yield some
            some = []
        some.append(claim)
    yield some
