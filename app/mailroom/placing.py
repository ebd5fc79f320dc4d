"""Placing stored mails: a batch is leased, parsed in a child process, decided about, and placed in few transactions.

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
from ..mail.reading import NotStarted, ParserClient
from ..mailtext.incoming import Mail, TrimContext
from . import routing
from .batch import BatchLookups, Settings
from .inbound_context import DecidedMail, InboundContext, MailContents, find_contents, get_untrimmed_contents
from .recipients import may_acknowledge
from .routing import RETRY, Outcomes, decide

__all__ = ["Settings", "place_due"]

BATCH = 50  # mails leased together, and placed together if they have no more bytes than `inbound.BATCH_BYTES`
MAX_PARSE_SECONDS = 1.0  # of parsing, after which the parsed mails are placed, so that slow mails don't delay them
MAX_READ_SECONDS = 0.2  # of a read transaction; while one is open, erased data stays in SQLite's log
MAX_RACES = 3  # immediate tries of a mail, if another worker places a copy of it each time
MAX_PARSE_CLAIMS = 50  # claims of a mail after which it is no longer parsed: it must have killed its workers
EDITION = "edition"  # a place that the decisions about later mails may depend on
NO_ORIGINALS = PLACES_OF_MAIL.which("is_no_original")

LeasedOrParsed = TypeVar("LeasedOrParsed", "ParsedMail", leases.FetchedMail)
Result = TypeVar("Result")


@dataclass(frozen=True)
class ParsedMail:
    """A leased mail with the results of the steps so far: the message, the context for the trimmer, the contents."""

    leased: leases.FetchedMail
    raw: bytes
    mail: Mail
    trim_context: TrimContext = field(default_factory=TrimContext)
    is_forward: bool = False  # whether the mail was sent to the address to which the desk forwards letters
    contents: MailContents | None = None

    @property
    def claim(self) -> leases.LeasedInbound:
        return self.leased.claim


def place_due(
    database: Database,
    parser: ParserClient,
    settings: Settings,
    limit: int = 100,
    *,
    lease: timedelta = leases.LEASE,
    now: datetime | None = None,
) -> Counter[str]:
    """Place up to `limit` stored mails that are due. Return the number for each place, "again" for those to be retried.

    `now` overrides the time. Raises `Busy`; the leased mails are then placed after their lease. Raises `NotStarted`;
    that only counts as a try of mails that had failed or lost a race before.
    """
    counts: Counter[str] = Counter()
    placing = _Placing(database, parser, settings, now)
    while (remaining := limit - counts.total()) > 0 and placing.is_anything_due():
        claims = database.write(partial(leases.claim, limit=min(BATCH, remaining), lease=lease), now)
        if not claims:
            break
        deadline = time.monotonic() + lease.total_seconds() / 2
        counts.update(placing.place_batch(claims, deadline))
    return counts


@dataclass(frozen=True)
class _Placing:
    """The implementation of `place_due`. `at` overrides the time."""

    database: Database
    parser: ParserClient
    settings: Settings
    at: datetime | None

    def is_anything_due(self) -> bool:
        with self.database.read(self.at) as session:
            return leases.anything_due(session)

    def place_batch(self, claims: Sequence[leases.LeasedInbound], deadline: float) -> Counter[str]:
        """Place a batch, then one by one the mails that failed or lost a race in it. Count the outcomes.

        The claims of mails that aren't begun by `deadline`, a monotonic time, are returned, since they might expire.
        """
        outcomes: Outcomes = {}
        try:
            for part in _split_by_size(claims):
                self._place_in_order(part, outcomes, deadline)
        except NotStarted:  # not the mails' fault, so it only counts as a try of those that had failed before
            self._return_claims([claim for claim in claims if outcomes.get(claim, RETRY) == RETRY])
            for claim in claims:
                if claim in outcomes and outcomes[claim] is None:
                    self._retry_or_fail(claim)
            raise
        self._return_claims([claim for claim in claims if outcomes.get(claim) == RETRY])
        return Counter(outcomes.get(claim) or self._place_alone(claim) for claim in claims)

    def _return_claims(self, claims: Sequence[leases.LeasedInbound]) -> None:
        if claims:
            self.database.write(partial(leases.return_claims, claims=claims), self.at)

    def _retry_or_fail(self, claim: leases.LeasedInbound) -> str:
        return self.database.write(partial(routing.retry_or_fail, claim=claim), self.at)

    def _place_alone(self, claim: leases.LeasedInbound) -> str:
        """Decide about a single mail again, since another one may have become its original, and place it."""
        for _ in range(MAX_RACES):
            outcomes: Outcomes = {}
            self._place_in_order([claim], outcomes)
            if claim in outcomes:
                return outcomes[claim] or self._retry_or_fail(claim)
        return self._retry_or_fail(claim)

    def _place_in_order(
        self, claims: Sequence[leases.LeasedInbound], outcomes: Outcomes, deadline: float = math.inf
    ) -> None:
        """Place mails as if one after the other, but in few transactions. Record the outcomes in `outcomes`.

        Each step returns the mails that it finished within its time limit, and the remaining ones. The finished mails
        go through all later steps before the step continues with the others.
        """
        leased = self._load_leased([claim for claim in claims if claim.attempts <= MAX_PARSE_CLAIMS])
        while leased:
            parsed, leased = self._run_each(self._parse, leased, deadline, outcomes)
            while parsed:
                prepared, unprepared = self._add_trim_contexts(parsed, deadline, outcomes)
                trimmed, untrimmed = self._run_each(self._add_contents, prepared, deadline, outcomes)
                parsed = [*untrimmed, *unprepared]
                while trimmed:
                    decided, trimmed = self._decide_each(trimmed, deadline, outcomes)
                    outcomes |= self._place_decided(decided)
                    if any(mail.decision.place == EDITION for mail in decided):
                        # The other mails may quote the edition, so they are trimmed again with its text.
                        parsed, trimmed = [*trimmed, *parsed], []

    def _load_leased(self, claims: Sequence[leases.LeasedInbound]) -> Sequence[leases.FetchedMail]:
        with self.database.read(self.at) as session:
            return leases.fetch_leased(session, claims) if claims else []

    def _run_each(
        self,
        step: Callable[[LeasedOrParsed], Result],
        mails: Sequence[LeasedOrParsed],
        deadline: float,
        outcomes: Outcomes,
    ) -> tuple[Sequence[Result], Sequence[LeasedOrParsed]]:
        """Parse or trim mails for about `MAX_PARSE_SECONDS`, while no transaction is open.

        Return the results and the remaining mails.
        """
        started_at = time.monotonic()
        results: list[Result] = []
        for number, mail in enumerate(mails):
            if number and time.monotonic() - started_at > MAX_PARSE_SECONDS:
                return results, mails[number:]
            result = self._try_step(mail.claim, deadline, outcomes, partial(step, mail))
            if result is not None:
                results.append(result)
        return results, []

    def _parse(self, leased_mail: leases.FetchedMail) -> ParsedMail:
        raw = leased_mail.raw
        return ParsedMail(leased_mail, raw, self.parser.parse(raw))

    def _add_contents(self, parsed_mail: ParsedMail) -> ParsedMail:
        contents = find_contents(
            self.parser, parsed_mail.raw, parsed_mail.mail, parsed_mail.trim_context, is_forward=parsed_mail.is_forward
        )
        return replace(parsed_mail, contents=contents)

    def _add_trim_contexts(
        self, mails: Sequence[ParsedMail], deadline: float, outcomes: Outcomes
    ) -> tuple[list[ParsedMail], Sequence[ParsedMail]]:
        """Look up what each mail may quote, and whether it was sent to the address for forwarded mail.

        Return the mails with both added, and the mails for which this read transaction had no time.
        """
        prepared: list[ParsedMail] = []
        with self.database.read(self.at) as session:
            started_at = time.monotonic()
            contexts = self._create_contexts(session, mails, InboundContext.announce_quotable)
            for number, (parsed_mail, context) in enumerate(zip(mails, contexts, strict=True)):
                result = self._try_step(
                    parsed_mail.claim, deadline, outcomes, partial(_add_trim_context, parsed_mail, context)
                )
                if result is not None:
                    prepared.append(result)
                if time.monotonic() - started_at > MAX_READ_SECONDS:
                    return prepared, mails[number + 1 :]
        return prepared, []

    def _decide_each(
        self, mails: Sequence[ParsedMail], deadline: float, outcomes: Outcomes
    ) -> tuple[list[DecidedMail], Sequence[ParsedMail]]:
        """Decide about mails, without a write transaction, up to the first one that depends on an earlier one.

        Return the decided mails, which must be placed first, and the remaining ones.
        """
        decided: list[DecidedMail] = []
        original_contents: set[str] = set()
        with self.database.read(self.at) as session:
            started_at = time.monotonic()
            contexts = self._create_contexts(session, mails, InboundContext.announce_lookups)
            for number, (parsed_mail, context) in enumerate(zip(mails, contexts, strict=True)):
                mail = self._try_step(parsed_mail.claim, deadline, outcomes, partial(_decide, parsed_mail, context))
                if mail is None:
                    continue
                if mail.content in original_contents:
                    return decided, mails[number:]
                decided.append(mail)
                if mail.decision.place not in NO_ORIGINALS:
                    original_contents.add(mail.content)
                if mail.decision.place == EDITION or time.monotonic() - started_at > MAX_READ_SECONDS:
                    return decided, mails[number + 1 :]
        return decided, []

    def _create_contexts(
        self, session: Session, mails: Sequence[ParsedMail], announce: Callable[[InboundContext], None]
    ) -> list[InboundContext]:
        """Create the contexts of mails for one read transaction, and announce what will be looked up for each."""
        lookups = BatchLookups(self.settings)
        contexts = [
            InboundContext(session, parsed_mail.raw, parsed_mail.mail, lookups, parsed_mail.leased.row)
            for parsed_mail in mails
        ]
        for context in contexts:
            with suppress(Exception):  # the same error is logged when the rules decide about the mail
                announce(context)
        return contexts

    def _try_step(
        self, claim: leases.LeasedInbound, deadline: float, outcomes: Outcomes, step: Callable[[], Result]
    ) -> Result | None:
        """Return the result of a step for one mail.

        If the step fails, or the deadline has passed, record that in `outcomes` and return None.
        """
        if time.monotonic() > deadline:
            outcomes[claim] = RETRY
            return None
        try:
            return step()
        except Exception as error:
            routing.log_failure(claim, error)
            outcomes[claim] = None
            return None

    def _place_decided(self, mails: Sequence[DecidedMail]) -> Outcomes:
        """Place mails in one transaction; if that fails, each in a savepoint of its own."""
        if not mails:
            return {}
        try:
            return self.database.write(partial(routing.place, decided_mails=mails), self.at)
        except Busy:
            raise
        except Exception:  # the error is logged when the mail that caused it fails again
            return self.database.write(partial(routing.place_in_savepoints, decided_mails=mails), self.at)


def _add_trim_context(parsed_mail: ParsedMail, context: InboundContext) -> ParsedMail:
    is_forward = context.forwarded_to is not None
    return replace(parsed_mail, trim_context=context.trim_context, is_forward=is_forward)


def _decide(parsed_mail: ParsedMail, context: InboundContext) -> DecidedMail:
    context.set_contents(parsed_mail.contents or get_untrimmed_contents(parsed_mail.mail))
    decision = decide(context)
    return DecidedMail(
        claim=parsed_mail.claim,
        decision=decision,
        content=context.content(decision.newsletter_id),
        reading=context.reading,
        message_id=parsed_mail.mail.message_id,
        body=parsed_mail.mail.body,
        may_acknowledge=may_acknowledge(context, decision),
    )


def _split_by_size(claims: Sequence[leases.LeasedInbound]) -> Iterator[list[leases.LeasedInbound]]:
    """Split a batch so that no part has more bytes than `inbound.BATCH_BYTES`, unless it is a single mail."""
    part: list[leases.LeasedInbound] = []
    for claim in claims:
        if part and sum(other.size for other in part) + claim.size > inbound.BATCH_BYTES:
            yield part
            part = []
        part.append(claim)
    yield part
