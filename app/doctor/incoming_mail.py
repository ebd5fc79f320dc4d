"""Checks of incoming mail: whether each mail is filed once, mailboxes can be opened, and senders can be verified."""

import imaplib
from collections.abc import Iterator
from datetime import timedelta

from imap_tools.errors import ImapToolsError
from sqlalchemy import select

from ..db.session import now
from ..mail import inbound, sign_ins
from ..mail.sending import describe_error
from ..mailroom import imap, integrity
from ..newsletters.models import Newsletter
from .findings import CheckContext, Finding, fault, format_duration, note

MAX_WAIT = timedelta(minutes=10)  # a mail that waits longer to be filed is a fault
HELD = "no sender can be verified, so every answer that an expert mails waits in the holding pen"
SENDER_SETTINGS = ("MAIL_AUTHSERV_ID", "MAIL_RECEIVED_BY", "MAIL_DNS")
# The notes about the settings that verify senders, by whether each of `SENDER_SETTINGS` is set.
SENDER_NOTES: dict[tuple[bool, ...], str] = {
    (False, False, False): f"MAIL_AUTHSERV_ID and MAIL_RECEIVED_BY are empty and MAIL_DNS is 0: {HELD}",
    (True, False, False): f"MAIL_RECEIVED_BY is empty and MAIL_DNS is 0: {HELD}",
    (False, True, False): f"MAIL_AUTHSERV_ID is empty and MAIL_DNS is 0: {HELD}",
    (True, False, True): "MAIL_RECEIVED_BY is empty: nothing that your server says about senders is trusted",
    (False, True, True): "MAIL_AUTHSERV_ID is empty: nothing that your server says about senders is trusted",
}


def check_waiting(context: CheckContext) -> Iterator[Finding]:
    with context.read() as session:
        waiting_since, current_time = inbound.get_waiting_since(session), now(session)
    if waiting_since is not None and current_time - waiting_since > MAX_WAIT:
        yield fault(f"a mail has waited to be filed for {format_duration(current_time - waiting_since)}")


def check_places(context: CheckContext) -> Iterator[Finding]:
    with context.read() as session:
        yield from map(fault, integrity.check(session))


def check_mailboxes(context: CheckContext) -> Iterator[Finding]:
    """Open each mailbox, without changing anything in it."""
    with context.read() as session:
        slugs = set(session.scalars(select(Newsletter.slug)))
    for number, mailbox in enumerate(context.config["MAILBOXES"], 1):
        if mailbox.newsletter and mailbox.newsletter not in slugs:
            yield fault(
                f"mailbox {number} ({mailbox.host}) belongs to {mailbox.newsletter}, which is not a newsletter: "
                "nothing is fetched"
            )
        try:
            with imap.open_mailbox(context.database, mailbox):
                pass
        except sign_ins.NoToken:
            continue  # `check_accounts` reports it
        except OSError as error:
            yield fault(f"mailbox {number} ({mailbox.host}) can't be opened: {describe_error(error)}")
        except (imaplib.IMAP4.error, ImapToolsError):  # the server's message may hold an address
            yield fault(f"mailbox {number} ({mailbox.host}) can't be opened: it rejects user, password or folder")


def check_accounts(context: CheckContext) -> Iterator[Finding]:
    with context.read() as session:
        for account, code in sign_ins.faults(session, context.config["MAIL_ACCOUNTS"]):
            yield fault(f"{account.user}: {sign_ins.FAULTS[code][1]}")


def check_senders(context: CheckContext) -> Iterator[Finding]:
    with context.read() as session:
        inboxes = list(session.scalars(select(Newsletter.inbox)))
    if not any(inboxes):
        yield note("no newsletter has an address for incoming mail (settings of the newsletter)")
        return
    message = SENDER_NOTES.get(tuple(bool(context.config[name]) for name in SENDER_SETTINGS))
    if message is not None:
        yield note(message)
