"""Hand an edition over to the sending tool: the desk queues it, and a worker creates or updates the draft there."""

import logging
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from .. import audit
from ..core.actors import Clock, Staff
from ..core.domain_errors import InvalidTransition, MissingPrecondition
from ..core.state_machine import must
from ..crypto.seal import Unsealable
from ..db.engine import Database
from ..db.session import add_and_flush, lock_row, now
from ..newsletters.models import Newsletter
from ..newsletters.sending_tool import SendingTool, account_of, of_newsletter
from ..sending_tools.known_tools import Tool, hand_over
from ..sending_tools.tool_api import Account, DraftError, DraftRef, EditionDraft
from ..typesetting.exports import EXPORTS
from . import locking, slots
from .locking import list_lock_blockers
from .models import Edition, HandedDraft
from .ready_questions import load_ready_questions

LEASE = timedelta(minutes=10)  # longer than all requests for one draft take
FIRST_DELAY, MAX_DELAY = timedelta(seconds=30), timedelta(hours=1)  # between attempts; doubled after each
MAX_AGE = timedelta(days=1)  # of a request from the desk; after that, the worker gives up
TIME_BUDGET = 5.0  # seconds after which a run of the worker begins no further draft

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """A draft to create or update, leased by a worker.

    - `row_id`: the ID of the `HandedDraft`;
    - `pressed_at`: the time of the request from the desk;
    - `leased_until`: the end of the lease, by which the lease is recognised;
    - `tool_url`: the base URL of the tool's pages for editors;
    - `digest`: the digest of the draft's contents;
    - `draft_id`: the ID of the draft at the tool, or "" if there is none yet.
    """

    row_id: int
    pressed_at: datetime
    leased_until: datetime
    tool: Tool
    tool_url: str
    account: Account
    draft: EditionDraft
    digest: str
    draft_id: str


def get_handed_draft(session: Session, edition: Edition) -> HandedDraft | None:
    """Return the edition's draft at the newsletter's sending tool, or None if it was never handed over."""
    return session.scalar(select(HandedDraft).filter_by(edition_id=edition.id))


def queue_handoff(session: Session, actor: Staff, edition: Edition) -> None:
    """Ask the worker to create or update the edition's draft at the sending tool.

    Raises `PermissionDenied`, `InvalidTransition` if the edition is sent or skipped, and `MissingPrecondition` if the
    newsletter has no sending tool, or in the cases of `get_exportable`.
    """
    must(actor, "edition")
    lock_row(session, edition)
    if not edition.is_ahead:
        raise InvalidTransition("edition", "hand over", edition.state)
    sending_tool = of_newsletter(session, edition.newsletter_id)
    if sending_tool is None:
        raise MissingPrecondition("no_sending_tool")
    get_exportable(session, edition)
    row = get_handed_draft(session, edition)
    row = lock_row(session, row) if row else HandedDraft(edition_id=edition.id)
    _reset_for_tool(row, sending_tool)
    row.pressed_at = row.due_at = now(session)
    row.attempts = 0
    row.said = ""
    row.said_at = None
    add_and_flush(session, row)
    audit.record(session, actor, "edition.hand_over", edition)


def get_exportable(session: Session, edition: Edition, language: str = "") -> locking.Preview:
    """Return an edition for export, in a language or each Q&A in its own.

    Raises `MissingPrecondition` for a name that may not be printed, an edition without questions, or a picked question
    without a cleared wording or an approved answer.
    """
    preview = locking.preview(session, edition, language)
    if preview.troubles:
        raise preview.troubles[0].error
    if not preview.blocks:
        raise MissingPrecondition("no_question_picked")
    if edition.is_planned:
        newsletter = session.get_one(Newsletter, edition.newsletter_id)
        picked = slots.list_picked_questions(session, edition)
        blockers = list_lock_blockers(load_ready_questions(session, newsletter, picked))
        if blockers:
            is_text_blocked = blockers[0].kind == "words"
            raise MissingPrecondition("text_not_cleared" if is_text_blocked else "no_approved_answer")
    return preview


def digest_of(preview: locking.Preview) -> str:
    """Return a digest of a draft's contents, to tell whether the draft at the tool is up to date."""
    title = preview.subject.line
    html = EXPORTS["html"].write(preview.blocks, title)
    text = EXPORTS["text"].write(preview.blocks, title)
    return sha256(b"\0".join([title.encode(), html, text])).hexdigest()


def process_due_handoffs(
    database: Database, own_hosts: frozenset[str], current_time: datetime | None = None
) -> Counter[str]:
    """Create or update the drafts that are due. Return how many had each result of `lease_handoff` or `settle`.

    `own_hosts` are the hosts of the newsroom's own network; `current_time` is for tests. Raises `Busy`.
    """
    counts: Counter[str] = Counter()
    deadline = time.monotonic() + TIME_BUDGET
    while time.monotonic() < deadline:
        with database.read(current_time) as session:
            query = select(HandedDraft.id).where(_due_clause(now(session))).order_by(HandedDraft.due_at)
            row_id = session.scalar(query.limit(1))
        if row_id is None:
            break
        job = database.write(partial(lease_handoff, row_id=row_id, own_hosts=own_hosts), current_time)
        if isinstance(job, Job):
            outcome = _request_draft(job)
            result = database.write(partial(settle, job=job, outcome=outcome), current_time)
        else:
            result = job
        counts[result] += 1
    return counts


def lease_handoff(session: Session, row_id: int, own_hosts: frozenset[str]) -> Job | str:
    """Lease a draft that is due, and return the job.

    Return "lost" if another worker was faster, or "failed" if the edition can't be handed over.
    """
    leased_until = now(session) + LEASE
    is_due = _due_clause(now(session))
    lease = update(HandedDraft).where(HandedDraft.id == row_id, is_due).values(leased_until=leased_until)
    if session.scalar(lease.returning(HandedDraft.id)) is None:
        return "lost"
    row = session.get_one(HandedDraft, row_id, populate_existing=True)
    edition = session.get_one(Edition, row.edition_id)
    sending_tool = of_newsletter(session, edition.newsletter_id)
    if sending_tool is None:
        return _fail_handoff(session, row, "no tool")
    try:
        if not edition.is_ahead:
            raise MissingPrecondition("edition_not_ahead")
        preview = get_exportable(session, edition)
        account = account_of(session, sending_tool, own_hosts)
    except MissingPrecondition:
        return _fail_handoff(session, row, "unready")
    except Unsealable:
        return _fail_handoff(session, row, "sealed")
    _reset_for_tool(row, sending_tool)
    row.attempts += 1
    title, excerpt = preview.subject
    content = EXPORTS[sending_tool.row.export].write(preview.blocks, title).decode()
    text = EXPORTS["text"].write(preview.blocks, title).decode()
    return Job(
        row_id=row.id,
        pressed_at=row.pressed_at,
        leased_until=leased_until,
        tool=sending_tool.row,
        tool_url=sending_tool.desk,
        account=account,
        draft=EditionDraft(title, excerpt, content, text, f"readers-asked-{edition.public_id.lower()}"),
        digest=digest_of(preview),
        draft_id=row.their_id,
    )


def settle(session: Session, job: Job, outcome: tuple[DraftRef, bool] | DraftError) -> str:
    """Store the outcome of a job: an error, or the draft, and whether an earlier draft had been deleted at the tool.

    Return "made", "failed", "waits" if there will be another attempt, or "lost" if another worker has the lease now.
    """
    row = session.get(HandedDraft, job.row_id, with_for_update=True, populate_existing=True)
    if row is None or row.leased_until != job.leased_until:
        return "lost"
    current_time = now(session)
    row.leased_until = None
    is_pressed_again = row.pressed_at != job.pressed_at
    if (row.tool, row.address) != (job.tool.name, job.account.address):
        return "waits"  # requested again meanwhile, for another tool
    if isinstance(outcome, DraftError):
        if is_pressed_again:
            return "waits"
        if not outcome.is_temporary or current_time - row.pressed_at >= MAX_AGE:
            return _fail_handoff(session, row, outcome.code)
        row.said = outcome.code
        row.said_at = current_time
        row.due_at = current_time + _get_delay(row.attempts, outcome.retry_after)
        return "waits"
    draft_ref, was_gone = outcome
    row.their_id = draft_ref.id
    row.link = f"{job.tool_url}{draft_ref.link}"
    row.digest = job.digest
    if is_pressed_again:
        return "waits"
    if was_gone and draft_ref.id != job.draft_id:
        row.said = "anew"
    else:
        row.said = "brought" if job.draft_id else "made"
    row.said_at = current_time
    row.due_at = None
    audit.record(session, Clock(), "edition.handed_over", session.get_one(Edition, row.edition_id))
    return "made"


def _request_draft(job: Job) -> tuple[DraftRef, bool] | DraftError:
    try:
        return hand_over(job.tool, job.account, job.draft, job.draft_id)
    except DraftError as fault:
        return fault
    except Exception as error:
        # An unexpected error counts as a failed attempt. Its message may contain the key: only its type is logged.
        log.error("a draft could not be handed over to %s: %s", job.tool.name, type(error).__name__)
        return DraftError("away")


def _reset_for_tool(row: HandedDraft, sending_tool: SendingTool) -> None:
    """Forget a draft that was made at another tool or address."""
    if (row.tool, row.address) != (sending_tool.tool, sending_tool.address):
        row.tool = sending_tool.tool
        row.address = sending_tool.address
        row.their_id = row.link = row.digest = ""


def _fail_handoff(session: Session, row: HandedDraft, reason: str) -> str:
    row.said = reason
    row.said_at = now(session)
    row.due_at = None
    row.leased_until = None
    audit.record(session, Clock(), "edition.not_handed_over", session.get_one(Edition, row.edition_id))
    return "failed"


def _get_delay(attempts: int, retry_after: int | None) -> timedelta:
    """Return the time until the next attempt. `retry_after` is the number of seconds that the tool asked for."""
    doublings = min(attempts - 1, 10)  # after ten, the delay is longer than `MAX_DELAY` in any case
    backoff: timedelta = FIRST_DELAY * 2**doublings
    return min(max(backoff, timedelta(seconds=retry_after or 0)), MAX_DELAY)


def _due_clause(current_time: datetime) -> ColumnElement[bool]:
    is_free = or_(HandedDraft.leased_until.is_(None), HandedDraft.leased_until <= current_time)
    return and_(HandedDraft.due_at <= current_time, is_free)
