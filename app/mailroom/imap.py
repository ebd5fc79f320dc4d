"""Fetching mail from IMAP mailboxes: each message is committed first, and only then deleted from the server.

A failure in between does no harm: a message on the server that is stored already, by its UID, is only deleted, and all
others are fetched again. A mailbox with `keep` set is opened read-only and never changed.
"""

import imaplib
import logging
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, cast

from imap_tools.errors import ImapToolsError
from imap_tools.mailbox import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from app.settings.mail_accounts import Mailbox, OAuthAccount

from ..db.engine import Database
from ..db.fault_kinds import Busy
from ..mail import inbound
from ..mail.models import Inbound
from ..mail.sign_ins import NoToken, access_token, mark_token_refused, xoauth2
from ..newsletters import queries as newsletters

TIMEOUT = 30  # seconds without a byte from the server
CHUNK = 50  # messages whose sizes are requested, and that are deleted, with one command
# Seconds. A server may announce a message in the same packet in which it accepts IDLE. The library only sees that when
# this IDLE ends, so the first is short. RFC 2177 requires a new one every 29 minutes; routers drop an idle connection
# sooner.
IDLES = (1.0, 240.0)
POLL = 60.0  # seconds between two fetches if the server doesn't support IDLE
FIRST_WAIT, LONGEST_WAIT = 5.0, 300.0  # seconds before reconnecting after a failure; the wait doubles each time

Progress = Callable[[int, int], None]

log = logging.getLogger(__name__)
_logged: set[tuple[str, int, int]] = set()


class Refused(Exception):
    """The server refused a command. The message is only its status, since its text may contain an address."""


class SignInRefused(imaplib.IMAP4.error):
    """The server rejected the token of the account."""


class NoNewsletter(Exception):
    """A mailbox belongs to a newsletter that doesn't exist, so nothing is fetched."""


def poll(database: Database, mailbox: Mailbox, progress: Progress | None = None) -> int:
    """Fetch all messages, and return how many were stored. Calls `progress` after each, with the number done and the
    total.

    Raises `OSError`, `imaplib.IMAP4.error`, `ImapToolsError` or `Refused` if the server fails, `Busy` if the database
    does, `NoToken` and `NoNewsletter`. Messages stored before the error remain stored.
    """
    with open_mailbox(database, mailbox) as box:
        return fetch(database, mailbox, box, progress)


@contextmanager
def open_mailbox(database: Database, mailbox: Mailbox) -> Iterator[BaseMailBox]:
    """Connect to a mailbox, sign in, and select its folder; disconnect when the block ends.

    Raises the errors of `poll`, except `NoNewsletter`.
    """
    token = access_token(database, mailbox.account) if mailbox.account else ""
    box = _connect(mailbox)
    try:
        if mailbox.account:
            _sign_in(database, mailbox.account, token, box)
        elif (mailbox.user + mailbox.password).isascii():
            box.login(mailbox.user, mailbox.password, initial_folder=None)
        else:
            box.login_utf8(mailbox.user, mailbox.password, initial_folder=None)
        # Servers offer more capabilities after sign-in, and the library remembers those from before.
        box.client.capabilities = tuple(_ok(box.client.capability())[-1].decode("ascii", "replace").upper().split())
        box.folder.set(mailbox.folder, readonly=mailbox.keep)
        yield box
        with suppress(OSError, imaplib.IMAP4.error, ImapToolsError):
            box.logout()
    finally:
        with suppress(OSError):
            box.client.shutdown()


def _connect(mailbox: Mailbox) -> BaseMailBox:
    if not mailbox.secure:
        return MailBoxUnencrypted(mailbox.host, mailbox.port, timeout=TIMEOUT)
    # Without this context the library accepts any certificate.
    kind = MailBox if mailbox.secure == "tls" else MailBoxStartTls
    return kind(mailbox.host, mailbox.port, timeout=TIMEOUT, ssl_context=ssl.create_default_context())


def _sign_in(database: Database, account: OAuthAccount, token: str, connection: BaseMailBox) -> None:
    def answer(challenge: bytes) -> bytes:
        # A challenge after the token contains the reason of its refusal, and needs an empty response.
        return b"" if challenge.strip() else xoauth2(account.user, token).encode()

    try:
        connection.client.authenticate("XOAUTH2", answer)
    except imaplib.IMAP4.abort:  # the connection broke, which says nothing about the token
        raise
    except imaplib.IMAP4.error:
        mark_token_refused(database, account, token)
        raise SignInRefused from None


def fetch(database: Database, mailbox: Mailbox, connection: BaseMailBox, progress: Progress | None = None) -> int:
    """Store the messages of the selected folder, oldest first, and delete them from the server unless the mailbox keeps
    them. Return how many were stored. Raises the errors of `poll`, except `NoToken`.
    """
    # The server sends it once, when the folder is selected.
    validity = int(cast(bytes, connection.client.untagged_responses.get("UIDVALIDITY", [b"0"])[-1]))
    newsletter_id = _belongs(database, mailbox)
    last = _highest(database, mailbox, validity) if mailbox.keep else 0
    # "5:*" includes the last message even if its UID is 4 (RFC 3501, section 6.4.8).
    found = sorted(uid for uid in map(int, connection.uids(f"UID {last + 1}:*", charset=None)) if uid > last)
    stored = done = 0
    for at in range(0, len(found), CHUNK):
        chunk = found[at : at + CHUNK]
        known = _stored_uids(database, mailbox, validity, chunk)
        settled = [uid for uid in chunk if uid in known]
        fetched: dict[int, bytes] = {}
        try:
            for uid, size in _sizes(connection, [uid for uid in chunk if uid not in known]).items():
                raw = None if size > inbound.MAXIMUM else _bytes(connection, uid)
                if size > inbound.MAXIMUM or (raw is not None and len(raw) > inbound.MAXIMUM):
                    _log_oversized_once(mailbox, validity, uid)
                elif raw is not None:  # None if it was deleted meanwhile
                    if sum(map(len, fetched.values())) + len(raw) > inbound.BATCH_BYTES:
                        stored += _store(database, mailbox, validity, fetched, newsletter_id)
                        fetched.clear()
                    fetched[uid] = raw
                    settled.append(uid)
                if progress is not None:
                    progress(done := done + 1, len(found))
        finally:  # even if the connection broke, so that these messages are not fetched over and over
            stored += _store(database, mailbox, validity, fetched, newsletter_id)
        if settled and not mailbox.keep:
            _remove(connection, settled)
    return stored


def _belongs(database: Database, mailbox: Mailbox) -> int | None:
    if not mailbox.newsletter:
        return None
    with database.read() as session:
        newsletter = newsletters.by_slug(session, mailbox.newsletter)
    if newsletter is None:
        raise NoNewsletter(mailbox.newsletter)
    return newsletter.id


def _highest(database: Database, mailbox: Mailbox, validity: int) -> int:
    """Return the highest stored UID of a mailbox that keeps its mails. They are stored in the order of their UIDs."""
    highest = select(func.max(Inbound.uid)).filter_by(mailbox=mailbox.name, uidvalidity=validity)
    with database.read() as session:
        return session.scalar(highest) or 0


def _stored_uids(database: Database, mailbox: Mailbox, validity: int, uids: Sequence[int]) -> set[int | None]:
    stored = select(Inbound.uid).filter_by(mailbox=mailbox.name, uidvalidity=validity).where(Inbound.uid.in_(uids))
    with database.read() as session:
        return set(session.scalars(stored))


def _store(
    database: Database, mailbox: Mailbox, validity: int, messages: Mapping[int, bytes], owner: int | None
) -> int:
    """Store messages by their UIDs in one transaction. Return how many; another worker may have stored some already."""
    came = {"mailbox": mailbox.name, "uidvalidity": validity, "newsletter_id": owner}
    mails = [(raw, {**came, "uid": uid}) for uid, raw in messages.items()]
    try:
        return database.write(lambda session: len(inbound.store_all(session, mails, "imap"))) if mails else 0
    except IntegrityError:  # another worker stored one of them since we checked
        if len(mails) == 1:
            if not _stored_uids(database, mailbox, validity, list(messages)):
                raise  # it has another cause, and the message isn't stored
            return 0
        return sum(_store(database, mailbox, validity, {uid: raw}, owner) for uid, raw in messages.items())


def _sizes(connection: BaseMailBox, uids: Sequence[int]) -> dict[int, int]:
    """Return the size of each message in bytes, in the order of `uids`. Deleted messages are left out."""
    if not uids:
        return {}
    lines = _ok(connection.client.uid("FETCH", ",".join(map(str, uids)), "(UID RFC822.SIZE)"))
    sizes = {}
    for line in lines:
        uid, size = _number(b"UID", line), _number(b"RFC822.SIZE", line)
        if uid is not None and size is not None:
            sizes[uid] = size
    return {uid: sizes[uid] for uid in uids if uid in sizes}


def _bytes(connection: BaseMailBox, uid: int) -> bytes | None:
    """Return a message without marking it as read, or None if it was deleted."""
    lines = _ok(connection.client.uid("FETCH", str(uid), "(UID BODY.PEEK[])"))
    for part, after in zip(lines, [*lines[1:], None], strict=True):
        # The UID comes before or after the bytes; there may be lines about other messages.
        if isinstance(part, tuple) and uid in (_number(b"UID", part[0]), _number(b"UID", after)):
            raw: bytes = part[1]
            return raw
    return None


def _number(name: bytes, line: Any) -> int | None:
    found = re.search(rb"\b" + re.escape(name) + rb" (\d+)", line) if isinstance(line, bytes) else None
    return int(found[1]) if found else None


def _remove(connection: BaseMailBox, uids: Sequence[int]) -> None:
    listed = ",".join(map(str, uids))
    _ok(connection.client.uid("STORE", listed, "+FLAGS.SILENT", r"(\Deleted)"))
    if "UIDPLUS" in connection.client.capabilities:
        _ok(connection.client.uid("EXPUNGE", listed))  # RFC 4315: keeps messages that others marked as deleted
    else:
        _ok(connection.client.expunge())


def _ok(answer: tuple[str, list[Any]]) -> list[Any]:
    status, lines = answer
    if status != "OK":
        raise Refused(status)
    return lines


def _log_oversized_once(mailbox: Mailbox, validity: int, uid: int) -> None:
    if (mailbox.name, validity, uid) not in _logged:
        _logged.add((mailbox.name, validity, uid))
        log.error("a mail of over %d MB stays in its mailbox at %s", inbound.MAXIMUM >> 20, mailbox.host)


def watch_all(database: Database, mailboxes: Sequence[Mailbox], stop: threading.Event) -> list[threading.Thread]:
    """Start a thread for each mailbox, which fetches new mail until `stop` is set, and return the threads."""
    threads = [
        threading.Thread(target=partial(watch, database, mailbox, stop), name=f"mailbox {number}", daemon=True)
        for number, mailbox in enumerate(mailboxes, 1)
    ]
    for thread in threads:
        thread.start()
    return threads


def watch(database: Database, mailbox: Mailbox, stop: threading.Event) -> None:
    """Fetch from a mailbox until `stop` is set: immediately if the server announces mail (IDLE), else every minute."""
    wait = FIRST_WAIT
    while not stop.is_set():
        pause = wait
        try:
            with open_mailbox(database, mailbox) as box:
                while not stop.is_set():
                    fetch(database, mailbox, box)
                    wait, pause = FIRST_WAIT, POLL
                    if "IDLE" not in box.client.capabilities:
                        break
                    _idle(box, stop)
        except Busy:
            log.warning("mailbox at %s: the database was busy", mailbox.host)
        except Exception as error:
            # Any failure is retried, and stays in this thread.
            log.warning("mailbox at %s: %s", mailbox.host, error_name(error))
            pause, wait = wait, min(wait * 2, LONGEST_WAIT)
        stop.wait(pause)


def error_name(error: Exception) -> str:
    """Return the class name of an error, since the text of a server may contain an address; for `NoToken`, our text."""
    return str(error) if isinstance(error, NoToken) else type(error).__name__


def _idle(connection: BaseMailBox, stop: threading.Event) -> None:
    """Wait until the server announces something, at most for the sum of `IDLES`. Raises if the connection has ended."""
    for seconds in IDLES:
        # A message was announced outside IDLE, in the response to another command, perhaps after the search.
        if connection.client.response("EXISTS")[1] != [None]:
            return
        until = time.monotonic() + seconds
        has_news = False
        connection.idle.start()
        while not (has_news or stop.is_set()) and time.monotonic() < until:
            asked = time.monotonic()
            # It returns sooner if there is news, or if the connection has ended.
            has_news = bool(connection.idle.poll(timeout=1.0)) or time.monotonic() - asked < 0.9
        connection.idle.stop()
        if has_news or stop.is_set():
            return
