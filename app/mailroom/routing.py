"""Routing of incoming mail: the judges in their order, a trial run, and the transaction that does what was decided."""

import logging
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from ..answers import mailed_answers as from_experts
from ..answers.models import Assignment
from ..core.actors import Mailroom
from ..db.fault_kinds import Busy, FaultKind, fault_kind
from ..db.session import get_many
from ..editions import history
from ..editions.models import Edition
from ..letters import mailed_letters as from_readers
from ..letters.models import Letter
from ..mail import erasing, inbound, leases, outbox
from ..mail.models import Inbound, OutboxMail
from ..mail.reading import NotStarted, Reading
from ..mailtext.incoming import Mail, Trimmed
from ..mailtext.parsing.parse import parse
from ..mailtext.trim import trim
from ..newsletters.models import Newsletter
from ..workflows.back_issues import received_editions
from .batch import House, Settings
from .inbound_context import Decision, InboundContext, Judged
from .recipients import by_reference, by_token, forwarded, of_a_reader, of_an_expert
from .screening import duplicate, edition, operator_test, own_mail, report, robot, spam, unreadable

Judge = Callable[[InboundContext], Decision | None]

JUDGES: tuple[Judge, ...] = (
    unreadable,
    operator_test,
    own_mail,
    edition,
    report,
    robot,
    spam,
    forwarded,
    by_token,
    by_reference,
    of_an_expert,
    of_a_reader,
)
BY_THE_BOOKS = frozenset(
    {operator_test, own_mail, edition, forwarded, by_token, by_reference, of_an_expert}
)  # ask the database


def decide(case: InboundContext) -> Decision:
    """Return where a mail goes. Only asks, changes nothing; the last judge takes what no other did."""
    judges = (judge for judge in JUDGES if case.session is not None or judge not in BY_THE_BOOKS)
    decision = next(decision for judge in judges if (decision := judge(case)) is not None)
    return (duplicate(case, decision) if case.session else None) or decision


def inspect(raw: bytes, reading: Reading | None, session: Session | None, settings: Settings) -> dict[str, Any]:
    """All that is read in a message and where it would go, as values for JSON.

    `reading` is the child process that reads within a time limit; without one it is read here. Without a `session` the
    place is what the message alone says.
    """
    mail = reading.parse(raw) if reading else parse(raw)
    case = InboundContext(session, raw, mail, House(settings))
    case.trimmed = reading.trim(mail, case.known) if reading else trim(mail, case.known)
    decision = decide(case)
    return {**list_contents(mail, case.trimmed), "place": decision.place, "reasons": list(decision.reasons)}


def list_contents(mail: Mail, trimmed: Trimmed) -> dict[str, Any]:
    """Return what stands in a message; the date in UTC."""
    return {
        "from_name": mail.from_name,
        "from_address": mail.from_address,
        "to": [box.address for box in mail.to],
        "subject": mail.subject,
        "date": mail.date.astimezone(UTC).isoformat() if mail.date else None,
        "message_id": mail.message_id,
        "body": mail.body,
        "text": trimmed.text,
        "attachments": [{"name": one.name, "bytes": one.bytes} for one in mail.attachments],
    }


JudgedRow = tuple[Inbound, Judged]

JUST_SENT = timedelta(minutes=1)  # a server next door may return a mail before we have noted that it was sent


def carry_out(session: Session, actor: Mailroom, mails: Sequence[JudgedRow]) -> dict[int, int]:
    """Do what the decisions say beside placing; returns the keys of the letters by those of their mails. It settles
    nothing of the desk's."""
    _keep_or_forget(session, mails)
    for row, judged in mails:
        decision = judged.decision
        if decision.place == "edition":
            edition = session.get_one(Edition, decision.edition_id)
            received_editions.record_arrival(session, actor, edition, judged.message_id, judged.body)
            if history.has_erased_text(session, edition):  # it holds them still
                erasing.destroy(session, [row.id])
        if decision.said is not None:
            # Our mail did not arrive, for good; the desk sees it with what the server said.
            mail = session.get_one(OutboxMail, decision.outbox_id)
            if mail.state_at <= row.stored_at + JUST_SENT:  # else it was tried again since, and this is read again
                outbox.mark_bounced(session, actor, mail, decision.said)
    return _letters(session, actor, [one for one in mails if one[1].decision.place == "letter"])


def _keep_or_forget(session: Session, mails: Sequence[JudgedRow]) -> None:
    """Keep what was read, except of what answers or returns a mail to a reader, or one that opens a door: what that
    quotes is nobody's to read. A mail that was taken back and destroyed, and came once more, is forgotten again.
    """
    duplicates = {row.id: judged.decision.duplicate_of_id or 0 for row, judged in mails if judged.is_duplicate}
    there = inbound.with_bytes(session, duplicates.values())
    gone = [key for key, first in duplicates.items() if first not in there]
    kept = []
    for row, judged in mails:
        if judged.is_duplicate:
            continue
        if judged.decision.outbox_id is None or judged.decision.assignment_id is not None:
            kept.append((row, judged.reading))
        else:
            gone.append(row.id)
    inbound.keep_readings(session, kept)
    if gone:
        erasing.destroy(session, gone)


def _letters(session: Session, actor: Mailroom, mails: Sequence[JudgedRow]) -> dict[int, int]:
    """Make the letters in the order in which they came: those of readers that follow one another together."""
    keys: dict[int, int] = {}
    for is_expert, some in groupby(mails, key=lambda one: one[1].decision.author == "expert"):
        run = list(some)
        letters = [_of_expert(session, actor, *one) for one in run] if is_expert else _of_readers(session, actor, run)
        keys |= {row.id: letter.id for (row, _), letter in zip(run, letters, strict=True)}
    return keys


def _of_expert(session: Session, actor: Mailroom, row: Inbound, judged_mail: Judged) -> Letter:
    assignment = session.get_one(Assignment, judged_mail.decision.assignment_id)
    return from_experts.create_letter(session, actor, assignment, judged_mail.reading.text, row.stored_at)


def _of_readers(session: Session, actor: Mailroom, mails: Sequence[JudgedRow]) -> list[Letter]:
    newsletters = get_many(session, Newsletter, {judged.decision.newsletter_id or 0 for _, judged in mails})
    taken = []
    for row, judged in mails:
        decision, reading = judged.decision, judged.reading
        mailed = from_readers.MailedLetter(
            reading.text,
            reading.from_address,
            row.stored_at,
            reading.language,
            decision.edition_id,
            reading.comment,
            decision.forwarded_by_id,
        )
        taken.append((newsletters[decision.newsletter_id or 0], mailed, judged.answerable))
    return from_readers.take_all(session, actor, taken)


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
    letters = carry_out(session, Mailroom(), mails)
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
