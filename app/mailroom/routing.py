"""Routing of incoming mail: the rules in their order, a dry run, and the transaction that carries out decisions."""

import logging
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from ..answers import mailed_answers
from ..answers.models import Assignment
from ..core.actors import Mailroom
from ..db.fault_kinds import Busy, FaultKind, fault_kind
from ..db.session import get_many
from ..editions import history
from ..editions.models import Edition
from ..letters import mailed_letters
from ..letters.models import Letter
from ..mail import erasing, inbound, leases, outbox
from ..mail.models import Inbound, OutboxMail
from ..mail.reading import NotStarted, ParserClient
from ..mailtext.incoming import Mail, Trimmed
from ..mailtext.parsing.parse import parse
from ..mailtext.trim import trim
from ..newsletters.models import Newsletter
from ..workflows.back_issues import received_editions
from .batch import BatchLookups, Settings
from .inbound_context import DecidedMail, Decision, InboundContext
from .recipients import forwarded_mail, mail_from_expert, mail_from_reader, mail_with_token, reply_without_token
from .screening import (
    arriving_edition,
    automatic_mail,
    delivery_report,
    find_duplicate,
    operator_test,
    own_mail,
    spam,
    unreadable_mail,
)

Rule = Callable[[InboundContext], Decision | None]

# The first rule that returns a decision wins; the last one decides about any mail.
RULES: tuple[Rule, ...] = (
    unreadable_mail,
    operator_test,
    own_mail,
    arriving_edition,
    delivery_report,
    automatic_mail,
    spam,
    forwarded_mail,
    mail_with_token,
    reply_without_token,
    mail_from_expert,
    mail_from_reader,
)
RULES_WITH_DATABASE = frozenset(
    {operator_test, own_mail, arriving_edition, forwarded_mail, mail_with_token, reply_without_token, mail_from_expert}
)


def decide(context: InboundContext) -> Decision:
    """Return the decision about a mail. Changes nothing."""
    rules = (rule for rule in RULES if context.has_database or rule not in RULES_WITH_DATABASE)
    decision = next(decision for rule in rules if (decision := rule(context)) is not None)
    duplicate = find_duplicate(context, decision) if context.has_database else None
    return duplicate or decision


def inspect(raw: bytes, parser: ParserClient | None, session: Session | None, settings: Settings) -> dict[str, Any]:
    """Return the contents of a message and the place that it would get, as values for JSON.

    `parser` is the parser process, which has a time limit; without it, this process parses. Without a `session`, only
    the message itself is examined. Raises `NotStarted`.
    """
    mail = parser.parse(raw) if parser else parse(raw)
    context = InboundContext(session, raw, mail, BatchLookups(settings))
    context.trimmed = parser.trim(mail, context.trim_context) if parser else trim(mail, context.trim_context)
    decision = decide(context)
    return {**list_contents(mail, context.trimmed), "place": decision.place, "reasons": list(decision.reasons)}


def list_contents(mail: Mail, trimmed: Trimmed) -> dict[str, Any]:
    """Return the contents of a message, with the date in UTC."""
    return {
        "from_name": mail.from_name,
        "from_address": mail.from_address,
        "to": [box.address for box in mail.to],
        "subject": mail.subject,
        "date": mail.date.astimezone(UTC).isoformat() if mail.date else None,
        "message_id": mail.message_id,
        "body": mail.body,
        "text": trimmed.text,
        "attachments": [{"name": attachment.name, "bytes": attachment.bytes} for attachment in mail.attachments],
    }


class LockedMail(NamedTuple):
    """A stored mail, locked by this transaction, and the decision about it."""

    row: Inbound
    decided: DecidedMail


# A nearby server may return a mail before we have recorded that it was sent.
RECORDING_DELAY = timedelta(minutes=1)


def carry_out(session: Session, actor: Mailroom, mails: Sequence[LockedMail]) -> dict[int, int]:
    """Carry out decisions, except for placing: store or erase contents, record editions and bounces, create letters.

    Return the ids of the letters, by the ids of their mails.
    """
    _store_or_erase_contents(session, mails)
    for row, decided in mails:
        decision = decided.decision
        if decision.place == "edition":
            edition = session.get_one(Edition, decision.edition_id)
            received_editions.record_arrival(session, actor, edition, decided.message_id, decided.body)
            if history.has_erased_text(session, edition):  # the mail still contains it
                erasing.destroy(session, [row.id])
        if decision.bounce_reply is not None:
            sent_mail = session.get_one(OutboxMail, decision.outbox_id)
            was_resent_since = sent_mail.state_at > row.stored_at + RECORDING_DELAY
            if not was_resent_since:
                outbox.mark_bounced(session, actor, sent_mail, decision.bounce_reply)
    return _create_letters(session, actor, [mail for mail in mails if mail.decided.decision.place == "letter"])


def _store_or_erase_contents(session: Session, mails: Sequence[LockedMail]) -> None:
    """Store the contents of mails, except duplicates, whose contents are stored with their originals.

    Erase mails that answer or return a mail of ours that isn't about an assignment, such as one to a reader or with a
    sign-in link: nobody should read the quote. Also erase copies of a mail that was destroyed.
    """
    originals = {mail.row.id: mail.decided.decision.duplicate_of_id or 0 for mail in mails if mail.decided.is_duplicate}
    with_bytes = inbound.filter_with_bytes(session, originals.values())
    erased_ids = [row_id for row_id, original_id in originals.items() if original_id not in with_bytes]
    readings = []
    for row, decided in mails:
        if decided.is_duplicate:
            continue
        decision = decided.decision
        # Of our own mails, only those about an assignment may be read in a quote.
        if decision.outbox_id is None or decision.assignment_id is not None:
            readings.append((row, decided.reading))
        else:
            erased_ids.append(row.id)
    inbound.store_readings(session, readings)
    if erased_ids:
        erasing.destroy(session, erased_ids)


def _create_letters(session: Session, actor: Mailroom, mails: Sequence[LockedMail]) -> dict[int, int]:
    """Create the letters in the order of their mails. Consecutive letters of readers are created together."""
    letter_ids: dict[int, int] = {}
    for is_by_expert, group in groupby(mails, key=lambda mail: mail.decided.decision.author == "expert"):
        consecutive = list(group)
        if is_by_expert:
            letters = [_create_experts_letter(session, actor, mail) for mail in consecutive]
        else:
            letters = _create_readers_letters(session, actor, consecutive)
        letter_ids |= {mail.row.id: letter.id for mail, letter in zip(consecutive, letters, strict=True)}
    return letter_ids


def _create_experts_letter(session: Session, actor: Mailroom, mail: LockedMail) -> Letter:
    assignment = session.get_one(Assignment, mail.decided.decision.assignment_id)
    return mailed_answers.create_letter(session, actor, assignment, mail.decided.reading.text, mail.row.stored_at)


def _create_readers_letters(session: Session, actor: Mailroom, mails: Sequence[LockedMail]) -> list[Letter]:
    newsletters = get_many(session, Newsletter, {mail.decided.decision.newsletter_id or 0 for mail in mails})
    intakes = []
    for row, decided in mails:
        decision, reading = decided.decision, decided.reading
        mailed = mailed_letters.MailedLetter(
            reading.text,
            reading.from_address,
            row.stored_at,
            reading.language,
            decision.edition_id,
            reading.comment,
            decision.forwarded_by_id,
        )
        newsletter = newsletters[decision.newsletter_id or 0]
        intakes.append(mailed_letters.Intake(newsletter, mailed, decided.may_acknowledge))
    return mailed_letters.take_all(session, actor, intakes)


RETRY, LEASE_LOST = "again", "lost"  # outcomes of a mail that has got no place
UNPLACEABLE = "could not be placed"

# The outcome of each mail: its place, RETRY or LEASE_LOST, or None if it failed. A mail without an entry lost a race
# against another worker.
Outcomes = dict[leases.LeasedInbound, str | None]

log = logging.getLogger(__name__)


def place(session: Session, decided_mails: Sequence[DecidedMail]) -> Outcomes:
    """Carry out the decisions about the mails that are still leased, and place them."""
    rows = leases.lock_claimed(session, [mail.claim for mail in decided_mails])
    locked = [LockedMail(rows[mail.claim], mail) for mail in decided_mails if mail.claim in rows]
    letter_ids = carry_out(session, Mailroom(), locked)
    placements = []
    for row, decided in locked:
        decision = decided.decision
        columns = {**decision.columns, "content_mac": inbound.compute_content_mac(session, decided.content)}
        if row.id in letter_ids:
            columns["letter_id"] = letter_ids[row.id]
        placements.append(inbound.Placement(row, decision.place, decision.reasons, columns))
    inbound.place_all(session, Mailroom(), placements)
    return {mail.claim: mail.decision.place if mail.claim in rows else LEASE_LOST for mail in decided_mails}


def place_in_savepoints(session: Session, decided_mails: Sequence[DecidedMail]) -> Outcomes:
    """Place each mail in a savepoint of its own, so that one that fails doesn't affect the others.

    Raises `StaleDataError` and the errors that `log_failure` raises.
    """
    outcomes: Outcomes = {}
    for mail in decided_mails:
        try:
            with session.begin_nested():
                outcomes |= place(session, [mail])
        except StaleDataError:  # the whole transaction lost a race and is retried
            raise
        except IntegrityError:  # another worker has just placed the same mail
            pass
        except Exception as error:
            log_failure(mail.claim, error)
            outcomes[mail.claim] = None
    return outcomes


def retry_or_fail(session: Session, claim: leases.LeasedInbound) -> str:
    """Schedule a retry of a mail that could not be placed, or mark it as failed after the last try.

    Return RETRY, "failed", or LEASE_LOST.
    """
    row = leases.lock_claimed(session, [claim]).get(claim)
    if row is None:
        return LEASE_LOST
    if claim.attempts < leases.MAX_ATTEMPTS:
        leases.schedule_retry(session, row)
        return RETRY
    oldest_newsletter = select(Newsletter.id).order_by(Newsletter.id).limit(1)
    newsletter_id = row.newsletter_id or session.scalar(oldest_newsletter)
    inbound.place(session, Mailroom(), row, "failed", [UNPLACEABLE], newsletter_id=newsletter_id)
    return "failed"


def log_failure(claim: leases.LeasedInbound, error: Exception) -> None:
    """Log the class and traceback of an error without its message, which may quote a mail.

    If the error isn't the mail's fault, raise it instead.
    """
    if isinstance(error, Busy | NotStarted):
        raise error
    if isinstance(error, DBAPIError) and fault_kind(error) is not FaultKind.UNKNOWN:
        raise error
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("mail %s could not be placed: %s\n%s", claim.inbound_id, type(error).__name__, frames)
