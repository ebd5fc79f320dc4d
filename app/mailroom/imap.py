"""Fetching mail from IMAP mailboxes: each message is committed first, and only then deleted from the server.

After a failure in between, the next fetch recognizes the stored messages by their UIDs and only deletes them. A mailbox
with `keep` set is opened read-only and never changed.
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

from app.settings.mail_accounts import ImapMailbox, OAuthAccount

from ..db.engine import Database
from ..db.fault_kinds import TAKES_NO_CHANGES, Busy, NoRoom
from ..mail import inbound
from ..mail.models import Inbound
from ..mail.sign_ins import NoToken, access_token, mark_token_refused, xoauth2
from ..newsletters import queries as newsletters

TIMEOUT = 30  # seconds without a byte from the server
CHUNK = 50  # messages whose sizes are requested, and that are deleted, with one command
# Seconds that each IDLE lasts. A server may announce a message in the same packet in which it accepts IDLE. The library
# only notices the message when that IDLE ends, so the first IDLE is short. RFC 2177 requires a new IDLE every 29
# minutes, but routers drop an idle connection sooner.
IDLE_DURATIONS = (1.0, 240.0)
POLL_INTERVAL = 60.0  # seconds between two fetches if the server doesn't support IDLE
FIRST_WAIT, LONGEST_WAIT = 5.0, 300.0  # seconds before reconnecting after a failure; the wait doubles each time

Progress = Callable[[int, int], None]

log = logging.getLogger(__name__)
_logged_oversized: set[tuple[str, int, int]] = set()  # mailbox, UIDVALIDITY, UID


class Refused(Exception):
    """The server refused a command. The message is only its status, since its text may contain an address."""


class SignInRefused(imaplib.IMAP4.error):
    """The server rejected the token of the account."""


class NoNewsletter(Exception):
    """A mailbox belongs to a newsletter that doesn't exist, so nothing is fetched."""


def poll(database: Database, mailbox: ImapMailbox, progress: Progress | None = None) -> int:
    """Fetch all messages, and return how many were stored.

    Calls `progress` after each, with the number done and the total. Messages stored before an error remain stored.

    Raises `OSError`, `imaplib.IMAP4.error`, `ImapToolsError` or `Refused` if the server fails, `Busy` if the database
    does, `NoToken` and `NoNewsletter`.
    """
    with open_mailbox(database, mailbox) as connection:
        return fetch(database, mailbox, connection, progress)


@contextmanager
def open_mailbox(database: Database, mailbox: ImapMailbox) -> Iterator[BaseMailBox]:
    """Connect to a mailbox, sign in, and select its folder; disconnect when the block ends.

    Raises the errors of `poll`, except `NoNewsletter`.
    """
    token = access_token(database, mailbox.account) if mailbox.account else ""
    connection = _connect(mailbox)
    try:
        if mailbox.account:
            _sign_in(database, mailbox.account, token, connection)
        elif (mailbox.user + mailbox.password).isascii():
            connection.login(mailbox.user, mailbox.password, initial_folder=None)
        else:
            connection.login_utf8(mailbox.user, mailbox.password, initial_folder=None)
        _refresh_capabilities(connection)
        connection.folder.set(mailbox.folder, readonly=mailbox.keep)
        yield connection
        with suppress(OSError, imaplib.IMAP4.error, ImapToolsError):
            connection.logout()
    finally:
        with suppress(OSError):
            connection.client.shutdown()


def _connect(mailbox: ImapMailbox) -> BaseMailBox:
    if not mailbox.secure:
        return MailBoxUnencrypted(mailbox.host, mailbox.port, timeout=TIMEOUT)
    # Without this context the library accepts any certificate.
    ssl_context = ssl.create_default_context()
    connection_class = MailBox if mailbox.secure == "tls" else MailBoxStartTls
    return connection_class(mailbox.host, mailbox.port, timeout=TIMEOUT, ssl_context=ssl_context)


def _sign_in(database: Database, account: OAuthAccount, token: str, connection: BaseMailBox) -> None:
    def respond(challenge: bytes) -> bytes:
        # A challenge after the token contains the reason of its refusal, and needs an empty response.
        return b"" if challenge.strip() else xoauth2(account.user, token).encode()

    try:
        connection.client.authenticate("XOAUTH2", respond)
    except imaplib.IMAP4.abort:  # the connection broke, which says nothing about the token
        raise
    except imaplib.IMAP4.error:
        mark_token_refused(database, account, token)
        raise SignInRefused from None


def _refresh_capabilities(connection: BaseMailBox) -> None:
    """Ask for the capabilities again, since servers offer more after sign-in and the library keeps the old ones."""
    capabilities = _require_ok(connection.client.capability())[-1]
    connection.client.capabilities = tuple(capabilities.decode("ascii", "replace").upper().split())


def fetch(database: Database, mailbox: ImapMailbox, connection: BaseMailBox, progress: Progress | None = None) -> int:
    """Store the messages of the selected folder, oldest first, and delete them from the server unless the mailbox keeps
    them. Return how many were stored. Raises the errors of `poll`, except `NoToken`.
    """
    # The server sends UIDVALIDITY once, when the folder is selected.
    uidvalidity = int(cast(bytes, connection.client.untagged_responses.get("UIDVALIDITY", [b"0"])[-1]))
    newsletter_id = _get_newsletter_id(database, mailbox)
    last_uid = _get_highest_stored_uid(database, mailbox, uidvalidity) if mailbox.keep else 0
    # "5:*" includes the last message even if its UID is 4 (RFC 3501, section 6.4.8).
    listed_uids = map(int, connection.uids(f"UID {last_uid + 1}:*", charset=None))
    uids = sorted(uid for uid in listed_uids if uid > last_uid)
    stored_count = done_count = 0
    for start in range(0, len(uids), CHUNK):
        chunk = uids[start : start + CHUNK]
        stored_uids = _find_stored_uids(database, mailbox, uidvalidity, chunk)
        deletable_uids = [uid for uid in chunk if uid in stored_uids]
        unsaved: dict[int, bytes] = {}
        try:
            new_uids = [uid for uid in chunk if uid not in stored_uids]
            for uid, raw in _download(connection, mailbox, uidvalidity, new_uids):
                if raw is not None:
                    if sum(map(len, unsaved.values())) + len(raw) > inbound.BATCH_BYTES:
                        stored_count += _store(database, mailbox, uidvalidity, unsaved, newsletter_id)
                        unsaved.clear()
                    unsaved[uid] = raw
                    deletable_uids.append(uid)
                done_count += 1
                if progress is not None:
                    progress(done_count, len(uids))
        finally:  # even if the connection broke, so that these messages are not fetched over and over
            stored_count += _store(database, mailbox, uidvalidity, unsaved, newsletter_id)
        if deletable_uids and not mailbox.keep:
            _delete(connection, deletable_uids)
    return stored_count


def _get_newsletter_id(database: Database, mailbox: ImapMailbox) -> int | None:
    """Return the ID of the newsletter that owns the mailbox, if any. Raises `NoNewsletter`."""
    if not mailbox.newsletter:
        return None
    with database.read() as session:
        newsletter = newsletters.by_slug(session, mailbox.newsletter)
    if newsletter is None:
        raise NoNewsletter(mailbox.newsletter)
    return newsletter.id


def _get_highest_stored_uid(database: Database, mailbox: ImapMailbox, uidvalidity: int) -> int:
    """Return the highest stored UID of a mailbox that keeps its mails. Messages are stored in the order of UIDs."""
    query = select(func.max(Inbound.uid)).filter_by(mailbox=mailbox.name, uidvalidity=uidvalidity)
    with database.read() as session:
        return session.scalar(query) or 0


def _find_stored_uids(
    database: Database, mailbox: ImapMailbox, uidvalidity: int, uids: Sequence[int]
) -> set[int | None]:
    """Return the `uids` of messages that are stored already."""
    query = select(Inbound.uid).filter_by(mailbox=mailbox.name, uidvalidity=uidvalidity).where(Inbound.uid.in_(uids))
    with database.read() as session:
        return set(session.scalars(query))


def _download(
    connection: BaseMailBox, mailbox: ImapMailbox, uidvalidity: int, uids: Sequence[int]
) -> Iterator[tuple[int, bytes | None]]:
    """Yield the UID and the bytes of each message; None if it is too large, or was deleted after its size was fetched.

    Oversized messages stay in the mailbox.
    """
    for uid, size in _fetch_sizes(connection, uids).items():
        raw = _fetch_message(connection, uid) if size <= inbound.MAX_MAIL_BYTES else None
        if size > inbound.MAX_MAIL_BYTES or (raw is not None and len(raw) > inbound.MAX_MAIL_BYTES):
            _log_oversized_once(mailbox, uidvalidity, uid)
            raw = None
        yield uid, raw


def _log_oversized_once(mailbox: ImapMailbox, uidvalidity: int, uid: int) -> None:
    if (mailbox.name, uidvalidity, uid) not in _logged_oversized:
        _logged_oversized.add((mailbox.name, uidvalidity, uid))
        log.error("a mail of over %d MB stays in its mailbox at %s", inbound.MAX_MAIL_BYTES >> 20, mailbox.host)


def _store(
    database: Database, mailbox: ImapMailbox, uidvalidity: int, messages: Mapping[int, bytes], newsletter_id: int | None
) -> int:
    """Store messages by their UIDs in one transaction. Return how many; another worker may have stored some already."""
    if not messages:
        return 0
    origin = {"mailbox": mailbox.name, "uidvalidity": uidvalidity, "newsletter_id": newsletter_id}
    mails = [(raw, {**origin, "uid": uid}) for uid, raw in messages.items()]
    try:
        return database.write(lambda session: len(inbound.store_all(session, mails, "imap")))
    except IntegrityError:  # presumably, another worker stored one of them since we checked
        if len(messages) == 1:
            if not _find_stored_uids(database, mailbox, uidvalidity, list(messages)):
                raise  # the error has another cause
            return 0
        return sum(_store(database, mailbox, uidvalidity, {uid: raw}, newsletter_id) for uid, raw in messages.items())


def _fetch_sizes(connection: BaseMailBox, uids: Sequence[int]) -> dict[int, int]:
    """Return the size of each message in bytes, in the order of `uids`. Deleted messages are left out."""
    if not uids:
        return {}
    lines = _require_ok(connection.client.uid("FETCH", ",".join(map(str, uids)), "(UID RFC822.SIZE)"))
    sizes = {}
    for line in lines:
        uid, size = _parse_number(b"UID", line), _parse_number(b"RFC822.SIZE", line)
        if uid is not None and size is not None:
            sizes[uid] = size
    return {uid: sizes[uid] for uid in uids if uid in sizes}


def _fetch_message(connection: BaseMailBox, uid: int) -> bytes | None:
    """Return a message without marking it as read, or None if it was deleted."""
    lines = _require_ok(connection.client.uid("FETCH", str(uid), "(UID BODY.PEEK[])"))
    for line, next_line in zip(lines, [*lines[1:], None], strict=True):
        # The UID comes before or after the bytes; there may be lines about other messages.
        if isinstance(line, tuple) and uid in (_parse_number(b"UID", line[0]), _parse_number(b"UID", next_line)):
            raw: bytes = line[1]
            return raw
    return None


def _parse_number(name: bytes, line: Any) -> int | None:
    """Return the number after a name in a line of a response, None if there is none."""
    match = re.search(rb"\b" + re.escape(name) + rb" (\d+)", line) if isinstance(line, bytes) else None
    return int(match[1]) if match else None


def _delete(connection: BaseMailBox, uids: Sequence[int]) -> None:
    uid_list = ",".join(map(str, uids))
    _require_ok(connection.client.uid("STORE", uid_list, "+FLAGS.SILENT", r"(\Deleted)"))
    if "UIDPLUS" in connection.client.capabilities:
        # RFC 4315: expunges only these messages, and none that others marked as deleted.
        _require_ok(connection.client.uid("EXPUNGE", uid_list))
    else:
        _require_ok(connection.client.expunge())


def _require_ok(response: tuple[str, list[Any]]) -> list[Any]:
    status, lines = response
    if status != "OK":
        raise Refused(status)
    return lines


def watch_all(database: Database, mailboxes: Sequence[ImapMailbox], stop: threading.Event) -> list[threading.Thread]:
    """Start a thread for each mailbox, which fetches new mail until `stop` is set, and return the threads."""
    threads = [
        threading.Thread(target=partial(watch, database, mailbox, stop), name=f"mailbox {number}", daemon=True)
        for number, mailbox in enumerate(mailboxes, 1)
    ]
    for thread in threads:
        thread.start()
    return threads


def watch(database: Database, mailbox: ImapMailbox, stop: threading.Event) -> None:
    """Fetch from a mailbox until `stop` is set: immediately if the server announces mail (IDLE), else every minute."""
    wait_after_failure = FIRST_WAIT
    while not stop.is_set():
        pause = wait_after_failure
        try:
            with open_mailbox(database, mailbox) as connection:
                while not stop.is_set():
                    fetch(database, mailbox, connection)
                    wait_after_failure, pause = FIRST_WAIT, POLL_INTERVAL
                    if "IDLE" not in connection.client.capabilities:
                        break
                    _idle(connection, stop)
        except NoRoom:
            log.error("mailbox at %s: %s", mailbox.host, TAKES_NO_CHANGES)
        except Busy:
            log.warning("mailbox at %s: the database was busy", mailbox.host)
        except Exception as error:
            # Any failure is retried, and stays in this thread.
            log.warning("mailbox at %s: %s", mailbox.host, error_name(error))
            pause, wait_after_failure = wait_after_failure, min(wait_after_failure * 2, LONGEST_WAIT)
        stop.wait(pause)


def error_name(error: Exception) -> str:
    """Return the class name of an error, since the text of a server may contain an address; for `NoToken`, our text."""
    return str(error) if isinstance(error, NoToken) else type(error).__name__


def _idle(connection: BaseMailBox, stop: threading.Event) -> None:
    """Wait until the server announces something or `stop` is set, at most for the sum of `IDLE_DURATIONS`.

    Raises if the connection has ended.
    """
    for duration in IDLE_DURATIONS:
        # A message may have been announced in the response to another command, perhaps after the search for UIDs.
        if connection.client.response("EXISTS")[1] != [None]:
            return
        ends_at = time.monotonic() + duration
        has_news = False
        connection.idle.start()
        while not (has_news or stop.is_set()) and time.monotonic() < ends_at:
            polled_at = time.monotonic()
            responses = connection.idle.poll(timeout=1.0)
            # Without responses, `poll` only returns early if the connection has ended: then the next command raises.
            has_returned_early = time.monotonic() - polled_at < 0.9
            has_news = bool(responses) or has_returned_early
        connection.idle.stop()
        if has_news or stop.is_set():
            return
