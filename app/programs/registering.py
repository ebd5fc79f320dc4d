"""The programs of a desk: add, pause, resume, renew the secret, remove, resend. All need the act "programs"."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor, Staff
from ..core.domain_errors import InvalidField, InvalidTransition, MissingPrecondition
from ..core.listing import Key, Listing
from ..core.state_machine import must, require_length, require_text
from ..crypto.seal import Unsealable
from ..db.ids import new_public_id
from ..db.session import get_keyring, lock_row, now
from ..text.clean import clean, for_print
from .chats import CHATS
from .models import KINDS, Delivery, Program
from .program_events import TEST, get_lifetime
from .signed_calls import new_secret

MAX_PROGRAMS = 20  # programs of a newsletter
LONGEST_NAME, LONGEST_ADDRESS = 80, 1_000  # characters
FORMER_SECRET_SIGNS = timedelta(days=1)  # for which a former secret still signs: the receiver needs time to switch
WARN_AFTER = timedelta(days=1)  # a program that has failed for this long is listed as failing


def listing(newsletter_id: int) -> Listing[Program]:
    """Return a listing of a newsletter's programs, oldest first."""
    return Listing(select(Program).where(Program.newsletter_id == newsletter_id), (Program.id,), rising=True)


def load(session: Session, actor: Staff, public_id: str) -> Program | None:
    """Return a program of the actor's newsletter, or None. Raises `PermissionDenied`."""
    must(actor, "programs")
    return session.scalar(select(Program).filter_by(newsletter_id=actor.newsletter_id, public_id=public_id))


def deliveries(program: Program) -> Listing[Delivery]:
    """Return a listing of a program's deliveries, newest first."""
    return Listing(select(Delivery).where(Delivery.program_id == program.id), (Delivery.id,))


def load_delivery(session: Session, program: Program, public_id: str) -> Delivery | None:
    return session.scalar(select(Delivery).filter_by(program_id=program.id, public_id=public_id))


def add(session: Session, actor: Staff, kind: str, name: str, address: str) -> Program:
    """Add a program to the actor's desk. The caller has checked the address.

    Raises `InvalidField` (kind), `MissingField` and `TooLong` (name, address), `PermissionDenied`, and
    `MissingPrecondition` if the desk has too many programs.
    """
    must(actor, "programs")
    name = require_length("name", require_text("name", for_print(clean(name))), LONGEST_NAME)
    address = require_length("address", require_text("address", address.strip()), LONGEST_ADDRESS)
    if kind not in KINDS:
        raise InvalidField("kind_unknown", "kind")
    if listing(actor.newsletter_id).count(session) >= MAX_PROGRAMS:
        raise MissingPrecondition("too_many_programs")
    keyring = get_keyring(session)
    program = Program(
        public_id=new_public_id(),
        newsletter_id=actor.newsletter_id,
        kind=kind,
        name=name,
        key_no=keyring.newest,
        created_at=now(session),
    )
    program.address_sealed = keyring.seal(_seal_context(program, "address"), address)
    if is_signed(program):
        program.secret_sealed = keyring.seal(_seal_context(program, "secret"), new_secret())
    session.add(program)
    audit.record(session, actor, "program.add", program)
    return program


def address_of(session: Session, program: Program) -> str:
    """Return a program's address. Raises `Unsealable`."""
    return get_keyring(session).open(_seal_context(program, "address"), program.address_sealed)


def secrets_of(session: Session, program: Program) -> list[str]:
    """Return the secrets that sign a program's calls, the newest first; none for a chat. Raises `Unsealable`."""
    sealed_secrets = [("secret", program.secret_sealed)]
    if program.former_until is not None and program.former_until > now(session):
        sealed_secrets.append(("former", program.former_sealed))
    return [
        get_keyring(session).open(_seal_context(program, name), sealed)
        for name, sealed in sealed_secrets
        if sealed is not None
    ]


def show_secret(session: Session, actor: Staff, program: Program) -> str:
    """Return a program's secret, once.

    Raises `InvalidTransition` if it was shown before or there is none, `PermissionDenied` and `Unsealable`.
    """
    must(actor, "programs")
    if lock_row(session, program).secret_shown_at is not None or program.secret_sealed is None:
        raise InvalidTransition("program", "show", "shown")
    program.secret_shown_at = now(session)
    audit.record(session, actor, "program.show", program)
    return secrets_of(session, program)[0]


def renew(session: Session, actor: Staff, program: Program) -> None:
    """Create a new secret. For a day, calls are also signed with the former one, unless it can't be unsealed any more.

    Raises `InvalidTransition` for a chat, which has no secret, and `PermissionDenied`.
    """
    must(actor, "programs")
    if lock_row(session, program).secret_sealed is None:
        raise InvalidTransition("program", "renew", program.kind)
    # `key_no` stays: the address is still sealed with that key.
    keyring = get_keyring(session)
    program.former_sealed = program.former_until = None
    with suppress(Unsealable):
        program.former_sealed = keyring.seal(_seal_context(program, "former"), secrets_of(session, program)[0])
        program.former_until = now(session) + FORMER_SECRET_SIGNS
    program.secret_sealed = keyring.seal(_seal_context(program, "secret"), new_secret())
    program.secret_shown_at = None
    audit.record(session, actor, "program.renew", program)


def pause(session: Session, actor: Actor, program: Program, by: str = "desk") -> None:
    """Stop notifying a program, and end its waiting deliveries. `by` is one of `PAUSES`.

    Raises `InvalidTransition` and `PermissionDenied`.
    """
    must(actor, "programs", "upkeep")
    if lock_row(session, program).paused_at is not None:
        raise InvalidTransition("program", "pause", "paused")
    program.paused_at, program.paused_by = now(session), by
    waiting = update(Delivery).where(Delivery.program_id == program.id, Delivery.ended_at.is_(None))
    session.execute(waiting.values(ended_at=now(session)))
    audit.record(session, actor, "program.pause", program, facts={"by": by})


def resume(session: Session, actor: Staff, program: Program) -> None:
    """Notify a program again of what happens from now on. Raises `InvalidTransition` and `PermissionDenied`."""
    must(actor, "programs")
    if lock_row(session, program).paused_at is None:
        raise InvalidTransition("program", "resume", "hearing")
    program.paused_at, program.paused_by = None, ""
    program.again_at = program.failing_since = None
    program.attempts = 0
    audit.record(session, actor, "program.resume", program)


def remove(session: Session, actor: Staff, program: Program) -> None:
    """Delete a program with its address, secrets and deliveries. Raises `PermissionDenied`."""
    must(actor, "programs")
    audit.record(session, actor, "program.remove", lock_row(session, program))
    session.delete(program)
    session.flush()


def resend(session: Session, actor: Staff, program: Program, delivery: Delivery) -> None:
    """Send an ended delivery again, under the same ID, after those that are due, and without waiting for a retry.

    Raises `InvalidTransition` for a delivery that is still waiting, for a test, and while the program is paused; and
    `PermissionDenied`.
    """
    must(actor, "programs")
    is_paused = lock_row(session, program).paused_at is not None
    if is_paused or not can_be_sent_again(lock_row(session, delivery)):
        raise InvalidTransition("delivery", "again", "waiting")
    delivery.due_at = program.again_at = now(session)
    delivery.expires_at, delivery.ended_at = delivery.due_at + get_lifetime(program), None
    audit.record(session, actor, "program.again", program)


def can_be_sent_again(delivery: Delivery) -> bool:
    return delivery.ended_at is not None and delivery.event != TEST


def list_failing(session: Session, newsletter_id: int | None = None) -> list[Program]:
    """Return the programs that have failed for a day or are paused because they failed, of one newsletter or of all."""
    return list(session.scalars(select_failing(now(session) - WARN_AFTER, newsletter_id).order_by(Program.id)))


def select_failing(failing_before: Any, newsletter_id: Key | None = None) -> Select[Program]:
    """Select the programs that have been failing since before `failing_before`, or are paused because they failed."""
    failing = Program.failing_since <= failing_before
    query = select(Program).where(failing | Program.paused_by.in_(("failed", "gone")))
    return query if newsletter_id is None else query.filter_by(newsletter_id=newsletter_id)


def is_signed(program: Program) -> bool:
    """Return whether calls to a program are signed. Calls to a chat aren't."""
    return program.kind not in CHATS


def _seal_context(program: Program, column: str) -> str:
    return f"programs.{column}.{program.public_id}"
