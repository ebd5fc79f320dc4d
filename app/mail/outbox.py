"""The outbox: mails are inserted in the transaction of the change that causes them, and delivered after its commit."""

import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, TypedDict, Unpack

from sqlalchemy import Select, and_, delete, select
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
from .asked_others import update_sentence
from .kinds import KINDS
from .lifecycle import ENDED, MAIL
from .message import Message, replace_text
from .models import OutboxContent, OutboxMail
from .reply_address import new_reply_token
from .secret_links import restore_secrets

LONGEST_REPLY = 400  # characters of a server's reply that are stored
# Status codes such as "550" (RFC 5321, section 4.2) and "5.1.1" (RFC 3463).
_STATUS_CODE = re.compile(r"(?<!\S)[245](?:\d\d|\.\d{1,3}\.\d{1,3})(?!\S)")


class OnItsWay(DomainError):
    """A worker is handing the mail over right now, so it can't be stopped."""

    code = "conflict.mail_being_sent"


class Posting(TypedDict, total=False):
    """The keys of the rows that a mail is about, and its delivery options.

    `address_no` is the `Person.address_no` of the address. The mail isn't sent before `due_at`. Only one mail is
    inserted for each `once_key`. With `hold` the mail waits until an editor releases it.
    """

    newsletter_id: int | None
    question_id: int | None
    assignment_id: int | None
    letter_id: int | None
    person_id: int | None
    address_no: int
    edition_id: int | None
    once_key: str | None
    due_at: datetime | None
    expires_at: datetime
    hold: bool


def put(session: Session, message: Message, **posting: Unpack[Posting]) -> OutboxMail | None:
    """Insert a mail into the outbox, sealed; return None if there is a mail with this `once_key` already.

    Each mail gets its own return path, which matches a bounce to it. Raises KeyError for an unknown kind.
    """
    kind = KINDS[message.kind]
    at = now(session)
    due_at = posting.pop("due_at", None) or at
    state = "held" if posting.pop("hold", False) else "queued"
    public_id = new_public_id()
    base_url = session.info["base_url"]
    token = message.return_token or new_reply_token()
    mail = OutboxMail(
        public_id=public_id,
        kind=message.kind,
        lane=kind.lane,
        state=state,
        state_at=at,
        message_id=identifiers.new_message_id(base_url, public_id),
        due_at=due_at,
        return_mac=get_keyring(session).mac("outbox.return", token),
        created_at=at,
        **{"expires_at": due_at + kind.lifetime, **posting},
    )
    if not _add_once(session, mail):
        return None
    list_id = message.list_id
    if not list_id and kind.is_recurring and message.unsubscribe:
        list_id = identifiers.list_id(base_url, mail.kind, mail.newsletter_id)
    sealed = _seal(session, mail, replace(message, return_token=token, list_id=list_id))
    session.add(OutboxContent(outbox_id=mail.id, sealed=sealed, key_no=get_keyring(session).number_of(sealed)))
    session.flush()
    return mail


def find_by_message_ids(session: Session, message_ids: Collection[str]) -> dict[str, OutboxMail]:
    """Return the outbox mails with these Message-IDs, by Message-ID."""
    mails = session.scalars(select(OutboxMail).where(OutboxMail.message_id.in_(message_ids)))
    return {mail.message_id: mail for mail in mails}


def find_by_return_tokens(session: Session, tokens: Collection[str]) -> dict[str, OutboxMail]:
    """Return the outbox mails with these tokens in their return paths, by token."""
    token_by_mac = {mac: token for token in tokens for mac in get_keyring(session).macs("outbox.return", token)}
    mails = session.scalars(select(OutboxMail).where(OutboxMail.return_mac.in_(list(token_by_mac))))
    return {token_by_mac[mail.return_mac]: mail for mail in mails if mail.return_mac is not None}


def read(session: Session, mail: OutboxMail) -> Message:
    """Return the content of a mail as it was sent, or as it was composed if it hasn't been sent yet.

    Raises `MissingPrecondition` if it has been deleted, and `Unsealable`.
    """
    message = _read_stored(session, mail)
    if mail.asked_others is None:
        return message
    return update_sentence(message, mail.asked_others)


def _read_stored(session: Session, mail: OutboxMail) -> Message:
    content = session.get(OutboxContent, mail.id)
    if content is None:
        raise MissingPrecondition("mail_contents_deleted")
    values = json.loads(get_keyring(session).open(_seal_context(mail), content.sealed))
    values["references"] = tuple(values.get("references", ()))
    return Message(**values)


def _store(session: Session, mail: OutboxMail, message: Message) -> None:
    content = session.get_one(OutboxContent, mail.id)
    content.sealed = _seal(session, mail, message)
    content.key_no = get_keyring(session).number_of(content.sealed)


def rewrite(
    session: Session, actor: Actor, mail: OutboxMail, subject: str, text: str, version: int | None = None
) -> None:
    """Replace the subject and text of a held mail; `text` has the placeholders of `secret_links.with_placeholders`.

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
    _store(session, mail, replace_text(before, subject, restore_secrets(text, before.text)))
    flag_modified(mail, "kind")  # bump the version, so that nobody releases a text that they have not read
    session.flush()
    audit.record(session, actor, "mail.rewrite", mail)


def readdress(session: Session, mail: OutboxMail, change: Callable[[Message], Message]) -> bool:
    """Replace a mail that waits, failed or expired by what `change` returns, with another address of its recipient.

    Return False if it was sent or discarded meanwhile, or if its contents have been deleted. The mail gets a new return
    path, so that what still comes back from the old address isn't taken for a bounce of it. Raises `OnItsWay`, and
    `Unsealable`.
    """
    _lock_unless_leased(session, mail)
    if mail.is_settled or not has_contents(session, mail):
        return False
    token = new_reply_token()
    _store(session, mail, replace(change(_read_stored(session, mail)), return_token=token))
    mail.return_mac = get_keyring(session).mac("outbox.return", token)
    session.flush()
    return True


def hold_again(session: Session, actor: Actor, mail: OutboxMail) -> None:
    """Hold a failed or expired mail, which an editor can read, change and release, because its address has changed.

    Raises `InvalidTransition`, `PermissionDenied`.
    """
    MAIL.apply(session, actor, mail, "hold again", ended_at=None, attempts=0, said=None, bounced_at=None)


def has_contents(session: Session, mail: OutboxMail) -> bool:
    return session.scalar(select(OutboxContent.outbox_id).where(OutboxContent.outbox_id == mail.id)) is not None


def move(session: Session, actor: Actor, mail: OutboxMail, action: str, **facts: Any) -> None:
    """Apply a transition, and delete the contents in the states that the kind's `erase_in` lists.

    Raises `InvalidTransition`, `PermissionDenied` or `MissingPrecondition`, as `Machine.apply` does.
    """
    target = MAIL.find_move(action, mail.state).target[0]
    ended_at = now(session) if target in ENDED else None
    MAIL.apply(session, actor, mail, action, leased_until=None, ended_at=ended_at, **facts)
    if target in KINDS[mail.kind].erase_in:
        erase_contents(session, mail)


def release(session: Session, actor: Actor, mail: OutboxMail, version: int | None = None) -> None:
    """Queue a held mail for delivery.

    Raises `VersionConflict`, `InvalidTransition`, `PermissionDenied`, and `MissingPrecondition` if the contents have
    been deleted.
    """
    check_version(lock_row(session, mail), version)
    _require_contents(session, mail)
    move(session, actor, mail, "release", **_fresh_schedule(session, mail))


def retry(session: Session, actor: Actor, mail: OutboxMail) -> None:
    """Queue a failed or expired mail again with a fresh schedule and the same Message-ID.

    Raises `InvalidTransition`, `PermissionDenied`, and `MissingPrecondition` if the contents have been deleted.
    """
    lock_row(session, mail)
    _require_contents(session, mail)
    move(session, actor, mail, "retry", **_fresh_schedule(session, mail), attempts=0, said=None, bounced_at=None)


def redact_reply(mail: OutboxMail, reply: str) -> str:
    """Return the part of a server's reply that is stored.

    Of replies to mails to readers, only the status codes are stored, because the text may name the reader.
    """
    reply = single_line(reply)[:LONGEST_REPLY]
    is_from_server = reply[:1].isdigit()  # our own texts about a failed connection begin without a code
    if mail.letter_id and is_from_server:
        return _pick_status_codes(reply)
    return reply


def _pick_status_codes(reply: str) -> str:
    return " ".join(_STATUS_CODE.findall(reply))


def mark_bounced(session: Session, actor: Actor, mail: OutboxMail, server_reply: str) -> None:
    """Mark a sent or queued mail as failed because it bounced; `server_reply` is the reason, without addresses.

    A queued mail can bounce too, if the connection broke before the server could confirm it. Mails in other states stay
    unchanged, because a bounce may arrive twice. Raises `PermissionDenied`.
    """
    if not lock_row(session, mail).is_on_its_way:
        return
    reason = _pick_status_codes(server_reply) if mail.letter_id else single_line(server_reply)[:LONGEST_REPLY]
    reason = reason or "returned without a reason"
    move(session, actor, mail, "bounce", said=reason, bounced_at=now(session), sent_at=None)


def discard(session: Session, actor: Actor, mail: OutboxMail, version: int | None = None) -> None:
    """Discard a mail at an editor's decision. It keeps its `once_key`, so its cause won't write it again.

    Raises `OnItsWay`, `InvalidTransition`, `PermissionDenied`, and `VersionConflict` if somebody has rewritten,
    released or retried it since `version`, and no worker has tried to deliver it since then.
    """
    _lock_unless_leased(session, mail)
    MAIL.find_move("discard", mail.state)  # raises `InvalidTransition` before the version is checked
    # Each attempt of the worker bumps the version too, without changing anything that the editor has read.
    is_attempted = mail.is_queued and mail.attempts
    if not is_attempted:
        check_version(mail, version)
    move(session, actor, mail, "discard")


def recall(session: Session, actor: Actor, mail: OutboxMail) -> None:
    """Discard a mail because its cause was undone, and free its `once_key`: the cause can write a new mail.

    Raises `OnItsWay`, `InvalidTransition`, `PermissionDenied`.
    """
    _lock_unless_leased(session, mail)
    freed_key = {"once": mail.once_key} if mail.once_key else None
    move(session, actor, mail, "recall", why=freed_key, once_key=None)


def undo_recall(session: Session, actor: Actor, mail: OutboxMail, state: str, once_key: str | None) -> None:
    """Put a recalled mail back into `state`.

    Raises `InvalidTransition`, and `MissingPrecondition` if the contents have been deleted.
    """
    _require_contents(session, lock_row(session, mail))
    MAIL.apply(session, actor, mail, "put back", to=state, cause="undo", ended_at=None, once_key=once_key)


def forget_letter(session: Session, actor: Actor, letter_id: int) -> None:
    """Stop all unsent mails to the writer of a letter and delete the contents of all mails to them.

    This includes a mail that a worker is handing over, because nothing may delay a withdrawal. Raises
    `PermissionDenied`.
    """
    for mail in _forget(session, actor, OutboxMail.letter_id == letter_id):
        mail.said = None  # a server's reply may name the writer


def forget_questions(session: Session, actor: Actor, question_ids: Sequence[int]) -> None:
    """Stop all unsent mails about these questions and delete the contents of all mails about them.

    Raises `PermissionDenied`.
    """
    _forget(session, actor, OutboxMail.question_id.in_(question_ids))


def forget_person(session: Session, actor: Actor, person_id: int, prefix: str = "") -> None:
    """Stop all unsent mails to a person and delete the contents of all mails to them. Raises `PermissionDenied`.

    With `prefix`, only mails of the kinds that begin with it.
    """
    condition = and_(OutboxMail.person_id == person_id, OutboxMail.kind.startswith(prefix))
    for mail in _forget(session, actor, condition):
        mail.said = None  # a server's reply may name the person


def forget_assignments(session: Session, actor: Actor, assignment_ids: Select[int]) -> None:
    """Stop all unsent mails about these assignments, also those to the desk, and delete the contents of all of them.

    Raises `PermissionDenied`.
    """
    _forget(session, actor, OutboxMail.assignment_id.in_(assignment_ids))


def _forget(session: Session, actor: Actor, condition: ColumnElement[bool]) -> Sequence[OutboxMail]:
    mails = session.scalars(select(OutboxMail).where(condition).with_for_update()).all()
    for mail in mails:
        if MAIL.has_move("forget", mail.state):
            move(session, actor, mail, "forget")
        erase_contents(session, mail)
    erasing.destroy_replies(session, condition)
    return mails


def postpone(session: Session, question_ids: Sequence[int], due_at: datetime) -> None:
    """Postpone the queued mails about these questions to `due_at`, with a fresh expiry."""
    query = select(OutboxMail).where(OutboxMail.question_id.in_(question_ids), OutboxMail.is_queued)
    for mail in session.scalars(query):
        mail.due_at = due_at
        mail.expires_at = due_at + KINDS[mail.kind].lifetime
    session.flush()


def erase_contents(session: Session, mail: OutboxMail) -> None:
    session.execute(delete(OutboxContent).where(OutboxContent.outbox_id == mail.id))


def is_enqueued(session: Session, once_key: str | None) -> bool:
    """Return whether there is a mail with this `once_key`."""
    if once_key is None:
        return False
    return session.scalar(select(OutboxMail.id).filter_by(once_key=once_key)) is not None


def _add_once(session: Session, mail: OutboxMail) -> bool:
    """Insert the row of a mail and return True, or return False if there is a mail with its `once_key` already."""
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
    return get_keyring(session).seal(_seal_context(mail), json.dumps(asdict(message), ensure_ascii=False))


def _fresh_schedule(session: Session, mail: OutboxMail) -> dict[str, datetime]:
    due_at = max(now(session), mail.due_at)
    return {"due_at": due_at, "expires_at": due_at + KINDS[mail.kind].lifetime}


def _require_contents(session: Session, mail: OutboxMail) -> None:
    if not has_contents(session, mail):
        raise MissingPrecondition("mail_contents_deleted")


def _lock_unless_leased(session: Session, mail: OutboxMail) -> None:
    """Lock the row of a mail before stopping it. Raises `OnItsWay` while a worker holds its lease."""
    lock_row(session, mail)
    if mail.leased_until is not None and mail.leased_until > now(session):
        raise OnItsWay(mail.public_id)


def _seal_context(mail: OutboxMail) -> str:
    return f"outbox_contents.sealed.{mail.public_id}"
