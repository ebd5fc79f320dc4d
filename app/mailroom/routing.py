"""Routing of incoming mail: the judges in their order, a dry run, and the transaction that carries out decisions."""

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
    """Return the decision of the first judge that has one; the last judge decides about any mail. Changes nothing."""
    judges = (judge for judge in JUDGES if case.session is not None or judge not in BY_THE_BOOKS)
    decision = next(decision for judge in judges if (decision := judge(case)) is not None)
    return (duplicate(case, decision) if case.session else None) or decision


def inspect(raw: bytes, reading: Reading | None, session: Session | None, settings: Settings) -> dict[str, Any]:
    """Return the contents of a message and the place that it would get, as values for JSON.

    `reading` is the parser process, which has a time limit; without it, this process parses. Without a `session`, only
    the message itself is judged. Raises `NotStarted`.
    """
    mail = reading.parse(raw) if reading else parse(raw)
    case = InboundContext(session, raw, mail, House(settings))
    case.trimmed = reading.trim(mail, case.known) if reading else trim(mail, case.known)
    decision = decide(case)
    return {**list_contents(mail, case.trimmed), "place": decision.place, "reasons": list(decision.reasons)}


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
        "attachments": [{"name": one.name, "bytes": one.bytes} for one in mail.attachments],
    }


JudgedRow = tuple[Inbound, Judged]

JUST_SENT = timedelta(minutes=1)  # a nearby server may return a mail before we have recorded that it was sent


def carry_out(session: Session, actor: Mailroom, mails: Sequence[JudgedRow]) -> dict[int, int]:
    """Carry out decisions, except for placing: store or erase contents, record editions and bounces, create letters.

    Return the ids of the letters by those of their mails.
    """
    _keep_or_forget(session, mails)
    for row, judged in mails:
        decision = judged.decision
        if decision.place == "edition":
            edition = session.get_one(Edition, decision.edition_id)
            received_editions.record_arrival(session, actor, edition, judged.message_id, judged.body)
            if history.has_erased_text(session, edition):  # the mail still contains it
                erasing.destroy(session, [row.id])
        if decision.said is not None:
            # Our mail failed permanently; the desk sees it with the server's text.
            mail = session.get_one(OutboxMail, decision.outbox_id)
            if mail.state_at <= row.stored_at + JUST_SENT:  # else our mail was sent again since, and the bounce is old
                outbox.mark_bounced(session, actor, mail, decision.said)
    return _letters(session, actor, [one for one in mails if one[1].decision.place == "letter"])


def _keep_or_forget(session: Session, mails: Sequence[JudgedRow]) -> None:
    """Store the contents of mails. Erase those that answer or return our mail to a reader or with a sign-in link, as
    nobody should read what they quote, and copies of a mail that was withdrawn and destroyed.
    """
    duplicates = {row.id: judged.decision.duplicate_of_id or 0 for row, judged in mails if judged.is_duplicate}
    there = inbound.filter_with_bytes(session, duplicates.values())
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
    """Create the letters in the order of their mails; consecutive ones of readers are created together."""
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

# The place of each mail, "again" or "lost"; None if it failed; without an entry if it lost a race.
Became = dict[leases.Claim, str | None]

log = logging.getLogger(__name__)


def settle_each(session: Session, judged_mails: Sequence[Judged]) -> Became:
    """Place each mail in a savepoint of its own. Return the places, None if it failed; mails that lost a race are left
    out. Raises `StaleDataError` and the errors that `log_failure` raises.
    """
    became: Became = {}
    for one in judged_mails:
        try:
            with session.begin_nested():
                became |= settle(session, [one])
        except StaleDataError:  # the whole transaction lost a race and is retried
            raise
        except IntegrityError:  # another worker has just placed the same mail
            pass
        except Exception as error:
            log_failure(one.claim, error)
            became[one.claim] = None
    return became


def settle(session: Session, judged_mails: Sequence[Judged]) -> Became:
    """Carry out decisions and place the mails that are still leased. Return the places, "lost" for the others."""
    rows = leases.lock_claimed(session, [one.claim for one in judged_mails])
    mails = [(rows[one.claim], one) for one in judged_mails if one.claim in rows]
    letters = carry_out(session, Mailroom(), mails)
    placed = []
    for row, one in mails:
        facts = {**one.decision.facts, "content_mac": inbound.compute_content_mac(session, one.content)}
        if row.id in letters:
            facts["letter_id"] = letters[row.id]
        placed.append((row, one.decision.place, one.decision.reasons, facts))
    inbound.place_all(session, Mailroom(), placed)
    return {one.claim: one.decision.place if one.claim in rows else "lost" for one in judged_mails}


def give_up(session: Session, claim: leases.Claim) -> str:
    """Schedule a retry of a mail that could not be placed, or mark it as failed after the last try. Return the result:
    "again", "failed", or "lost" if it is no longer leased.
    """
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
    """Log the class and traceback of an error without its message, which may quote a mail. Raise the error instead if
    it is not the mail's fault.
    """
    if isinstance(error, Busy | NotStarted):
        raise error
    if isinstance(error, DBAPIError) and fault_kind(error) is not FaultKind.UNKNOWN:
        raise error
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("mail %s could not be placed: %s\n%s", claim.inbound_id, type(error).__name__, where)
