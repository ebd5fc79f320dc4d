"""The outbox: mails are inserted in the transaction of the change that causes them, and delivered after its commit."""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, TypedDict, Unpack

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy.sql import ColumnElement

from .. import audit
from ..core.actors import Actor
from ..core.domain_errors import DomainError, InvalidTransition, MissingPrecondition
from ..core.state_machine import check_version, must, require_text
from ..db.ids import new_public_id
from ..db.session import get_keyring, lock_row, now
from ..text.clean import single_line
from . import erasing, identifiers
from .asked_others import with_number
from .kinds import KINDS
from .lifecycle import ENDED, MAIL
from .message import Message, replace_text
from .models import OutboxContent, OutboxMail
from .reply_address import new_reply_token
from .secret_links import restore_secrets

SAID = 400  # characters of a server's reply that are stored
_NUMBERS = re.compile(r"(?<!\S)[245](?:\d\d|\.\d{1,3}\.\d{1,3})(?!\S)")  # RFC 5321, section 4.2; RFC 3463


class OnItsWay(DomainError):
    """A worker is handing the mail over right now, so it can't be stopped."""

    code = "conflict.mail_being_sent"


class Posting(TypedDict, total=False):
    """The subject of a mail, as keys of rows, and its delivery options.

    The mail is sent not before `due_at`, once per `once_key`, and with `hold` only after an editor has released it.
    """

    newsletter_id: int | None
    question_id: int | None
    assignment_id: int | None
    letter_id: int | None
    person_id: int | None
    edition_id: int | None
    once_key: str | None
    due_at: datetime | None
    expires_at: datetime
    hold: bool


def put(session: Session, message: Message, **posting: Unpack[Posting]) -> OutboxMail | None:
    """Insert a mail into the outbox, sealed; return None if there is a mail with this `once_key` already.

    Each mail gets its own return path, which matches a bounce to it. Raises KeyError for an unknown kind.
    """
    kind, at, public_id = KINDS[message.kind], now(session), new_public_id()
    due, house = posting.pop("due_at", None) or at, session.info["base_url"]
    token = message.return_token or new_reply_token()
    mail = OutboxMail(
        public_id=public_id,
        kind=message.kind,
        lane=kind.lane,
        state="held" if posting.pop("hold", False) else "queued",
        state_at=at,
        message_id=identifiers.message_id(house, public_id),
        due_at=due,
        return_mac=get_keyring(session).mac("outbox.return", token),
        created_at=at,
        **{"expires_at": due + kind.life, **posting},
    )
    if not _add_once(session, mail):
        return None
    listed = identifiers.list_id(house, mail.kind, mail.newsletter_id) if kind.listed and message.unsubscribe else None
    sealed = _seal(session, mail, replace(message, return_token=token, list_id=message.list_id or listed))
    session.add(OutboxContent(outbox_id=mail.id, sealed=sealed, key_no=get_keyring(session).number_of(sealed)))
    session.flush()
    return mail


def by_message_ids(session: Session, message_ids: Collection[str]) -> dict[str, OutboxMail]:
    """Return the outbox mails with these Message-IDs, by Message-ID."""
    found = session.scalars(select(OutboxMail).where(OutboxMail.message_id.in_(message_ids)))
    return {mail.message_id: mail for mail in found}


def by_return_tokens(session: Session, tokens: Collection[str]) -> dict[str, OutboxMail]:
    """Return the outbox mails by the tokens of their return paths, hashed under any key of the keyring."""
    whose = {mac: token for token in tokens for mac in get_keyring(session).macs("outbox.return", token)}
    found = session.scalars(select(OutboxMail).where(OutboxMail.return_mac.in_(list(whose))))
    return {whose[mail.return_mac]: mail for mail in found if mail.return_mac is not None}


def read(session: Session, mail: OutboxMail) -> Message:
    """Return the content of a mail as it was sent.

    Raises `MissingPrecondition` if it has been deleted, and `Unsealable`.
    """
    content = session.get(OutboxContent, mail.id)
    if content is None:
        raise MissingPrecondition("mail_contents_deleted")
    kept = json.loads(get_keyring(session).open(_place(mail), content.sealed))
    message = Message(**kept | {"references": tuple(kept.get("references", ()))})
    return message if mail.asked_others is None else with_number(message, mail.asked_others)


def rewrite(
    session: Session, actor: Actor, mail: OutboxMail, subject: str, text: str, version: int | None = None
) -> None:
    """Replace the subject and text of a held mail; `text` has the placeholders of `secret_links.with_places`.

    Raises `VersionConflict`, `InvalidTransition`, `PermissionDenied`, `MissingField` (subject, text), `InvalidField` if
    a placeholder is missing or unknown, `MissingPrecondition` if the contents have been deleted, and `Unsealable`.
    """
    must(actor, "stop mails")
    check_version(lock_row(session, mail), version)
    if not mail.is_held:
        raise InvalidTransition("mail", "rewrite", mail.state)
    before = read(session, mail)
    require_text("subject", subject.strip())
    require_text("text", text.strip())
    content = session.get_one(OutboxContent, mail.id)
    content.sealed = _seal(session, mail, replace_text(before, subject, restore_secrets(text, before.text)))
    content.key_no = get_keyring(session).number_of(content.sealed)
    flag_modified(mail, "kind")  # bump the version, so that nobody releases a text that they have not read
    session.flush()
    audit.record(session, actor, "mail.rewrite", mail)


def has_contents(session: Session, mail: OutboxMail) -> bool:
    return session.scalar(select(OutboxContent.outbox_id).where(OutboxContent.outbox_id == mail.id)) is not None


def move(session: Session, actor: Actor, mail: OutboxMail, action: str, **facts: Any) -> None:
    """Apply a transition, and delete the contents in the states that the kind's `forget` lists.

    Raises `InvalidTransition`, `PermissionDenied` or `MissingPrecondition`, as `Machine.apply` does.
    """
    at = now(session)
    target = MAIL.move(action, mail.state).target[0]
    MAIL.apply(session, actor, mail, action, leased_until=None, ended_at=at if target in ENDED else None, **facts)
    if target in KINDS[mail.kind].forget:
        erase_contents(session, mail)


def release(session: Session, actor: Actor, mail: OutboxMail, version: int | None = None) -> None:
    """Queue a held mail for delivery.

    Raises `VersionConflict`, `InvalidTransition`, `PermissionDenied`, and `MissingPrecondition` if the contents have
    been deleted.
    """
    check_version(lock_row(session, mail), version)
    _with_contents(session, mail)
    move(session, actor, mail, "release", **_fresh_schedule(session, mail))


def retry(session: Session, actor: Actor, mail: OutboxMail) -> None:
    """Queue a failed or expired mail again with a fresh schedule and the same Message-ID.

    Raises `InvalidTransition`, `PermissionDenied`, and `MissingPrecondition` if the contents have been deleted.
    """
    lock_row(session, mail)
    _with_contents(session, mail)
    move(session, actor, mail, "retry", **_fresh_schedule(session, mail), attempts=0, said=None, bounced_at=None)


def redact_reply(mail: OutboxMail, answer: str) -> str:
    """Return what is stored of a server's reply.

    For mails to readers these are only the status codes, because the text may name the reader.
    """
    answer = single_line(answer)[:SAID]
    return _numbers(answer) if mail.letter_id and answer[:1].isdigit() else answer  # replies without a code are ours


def _numbers(answer: str) -> str:
    return " ".join(_NUMBERS.findall(answer))


def mark_bounced(session: Session, actor: Actor, mail: OutboxMail, server_reply: str) -> None:
    """Mark a sent or queued mail as failed because it bounced; `server_reply` is the reason, without addresses.

    A queued mail can bounce too, if the connection broke before the server could confirm it. Mails in other states stay
    unchanged, because a bounce may arrive twice. Raises `PermissionDenied`.
    """
    if lock_row(session, mail).is_on_its_way:
        reason = (
            _numbers(server_reply) if mail.letter_id else single_line(server_reply)[:SAID]
        ) or "returned without a reason"
        move(session, actor, mail, "bounce", said=reason, bounced_at=now(session), sent_at=None)


def discard(session: Session, actor: Actor, mail: OutboxMail, version: int | None = None) -> None:
    """Discard a mail at an editor's decision; its cause won't write it again.

    Raises `OnItsWay`, `InvalidTransition`, `PermissionDenied`, and `VersionConflict` if somebody has rewritten,
    released or retried it since `version`.
    """
    _stop(session, mail)
    MAIL.move("discard", mail.state)
    # Each attempt of the worker bumps the version too, without changing anything that the editor has read.
    if not (mail.is_queued and mail.attempts):
        check_version(mail, version)
    move(session, actor, mail, "discard")


def recall(session: Session, actor: Actor, mail: OutboxMail) -> None:
    """Discard a mail because its cause was undone, and free its `once_key`: the cause can write a new mail.

    Raises `OnItsWay`, `InvalidTransition`, `PermissionDenied`.
    """
    _stop(session, mail)
    move(session, actor, mail, "recall", why={"once": mail.once_key} if mail.once_key else None, once_key=None)


def undo_recall(session: Session, actor: Actor, mail: OutboxMail, state: str, once_key: str | None) -> None:
    """Put a recalled mail back into `state`.

    Raises `InvalidTransition`, and `MissingPrecondition` if the contents have been deleted.
    """
    _with_contents(session, lock_row(session, mail))
    MAIL.apply(session, actor, mail, "put back", to=state, cause="undo", ended_at=None, once_key=once_key)


def forget_letter(session: Session, actor: Actor, letter_id: int) -> None:
    """Stop all unsent mails to the writer of a letter and delete the contents of all mails to them.

    This includes a mail that a worker is handing over, because nothing may delay a withdrawal. Raises
    `PermissionDenied`.
    """
    for mail in _forget(session, actor, OutboxMail.letter_id == letter_id):
        mail.said = None


def forget_questions(session: Session, actor: Actor, question_ids: Sequence[int]) -> None:
    """Stop all unsent mails about these questions and delete the contents of all mails about them.

    Raises `PermissionDenied`.
    """
    _forget(session, actor, OutboxMail.question_id.in_(question_ids))


def _forget(session: Session, actor: Actor, condition: ColumnElement[bool]) -> Sequence[OutboxMail]:
    mails = session.scalars(select(OutboxMail).where(condition).with_for_update()).all()
    for mail in mails:
        if MAIL.leads(mail.state, "forget"):
            move(session, actor, mail, "forget")
        erase_contents(session, mail)
    erasing.destroy_answers(session, condition)
    return mails


def postpone(session: Session, question_ids: Sequence[int], due_at: datetime) -> None:
    """Postpone the queued mails about these questions to `due_at`, with a fresh expiry."""
    waits = select(OutboxMail).where(OutboxMail.question_id.in_(question_ids), OutboxMail.is_queued)
    for mail in session.scalars(waits):
        mail.due_at, mail.expires_at = due_at, due_at + KINDS[mail.kind].life
    session.flush()


def erase_contents(session: Session, mail: OutboxMail) -> None:
    session.execute(delete(OutboxContent).where(OutboxContent.outbox_id == mail.id))


def is_enqueued(session: Session, once_key: str | None) -> bool:
    """Return whether there is a mail with this `once_key`."""
    return once_key is not None and session.scalar(select(OutboxMail.id).filter_by(once_key=once_key)) is not None


def _add_once(session: Session, mail: OutboxMail) -> bool:
    if is_enqueued(session, mail.once_key):
        return False
    try:
        with session.begin_nested():
            session.add(mail)
    except IntegrityError:
        # On PostgreSQL another transaction may have inserted the same key in the meantime.
        if is_enqueued(session, mail.once_key):
            return False
        raise
    return True


def _seal(session: Session, mail: OutboxMail, message: Message) -> bytes:
    return get_keyring(session).seal(_place(mail), json.dumps(asdict(message), ensure_ascii=False))


def _fresh_schedule(session: Session, mail: OutboxMail) -> dict[str, datetime]:
    due = max(now(session), mail.due_at)
    return {"due_at": due, "expires_at": due + KINDS[mail.kind].life}


def _with_contents(session: Session, mail: OutboxMail) -> None:
    if not has_contents(session, mail):
        raise MissingPrecondition("mail_contents_deleted")


def _stop(session: Session, mail: OutboxMail) -> None:
    lock_row(session, mail)
    if mail.leased_until is not None and mail.leased_until > now(session):
        raise OnItsWay(mail.public_id)


def _place(mail: OutboxMail) -> str:
    return f"outbox_contents.sealed.{mail.public_id}"
