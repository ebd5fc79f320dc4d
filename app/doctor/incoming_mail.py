"""Checks of incoming mail: whether each mail has been filed once, mailboxes open, and senders can be verified."""

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
from .findings import Finding, House, fault, format_duration, note

WAITS = timedelta(minutes=10)  # for which an unfiled mail is no fault
HELD = "no sender can be verified, so every answer that an expert mails waits in the holding pen"
PROVING = ("MAIL_AUTHSERV_ID", "MAIL_RECEIVED_BY", "MAIL_DNS")
# The findings about the settings that verify senders, by whether each of `PROVING` is set.
PROOFS: dict[tuple[bool, ...], str] = {
    (False, False, False): f"MAIL_AUTHSERV_ID and MAIL_RECEIVED_BY are empty and MAIL_DNS is 0: {HELD}",
    (True, False, False): f"MAIL_RECEIVED_BY is empty and MAIL_DNS is 0: {HELD}",
    (False, True, False): f"MAIL_AUTHSERV_ID is empty and MAIL_DNS is 0: {HELD}",
    (True, False, True): "MAIL_RECEIVED_BY is empty: nothing that your server says about senders is trusted",
    (False, True, True): "MAIL_AUTHSERV_ID is empty: nothing that your server says about senders is trusted",
}


def waiting(house: House) -> Iterator[Finding]:
    with house.read() as session:
        since, at = inbound.get_waiting_since(session), now(session)
    if since is not None and at - since > WAITS:
        yield fault(f"a mail has waited to be filed for {format_duration(at - since)}")


def places(house: House) -> Iterator[Finding]:
    with house.read() as session:
        yield from map(fault, integrity.check(session))


def mailboxes(house: House) -> Iterator[Finding]:
    """Open each mailbox without changing anything."""
    with house.read() as session:
        newsletters = set(session.scalars(select(Newsletter.slug)))
    for number, mailbox in enumerate(house.config["MAILBOXES"], 1):
        if mailbox.newsletter and mailbox.newsletter not in newsletters:
            yield fault(
                f"mailbox {number} ({mailbox.host}) belongs to {mailbox.newsletter}, which is not a newsletter: "
                "nothing is fetched"
            )
        try:
            with imap.open_mailbox(house.database, mailbox):
                pass
        except sign_ins.NoToken:
            continue  # `accounts` reports it
        except OSError as error:
            yield fault(f"mailbox {number} ({mailbox.host}) can't be opened: {describe_error(error)}")
        except (imaplib.IMAP4.error, ImapToolsError):  # the server's message may hold an address
            yield fault(f"mailbox {number} ({mailbox.host}) can't be opened: it rejects user, password or folder")


def accounts(house: House) -> Iterator[Finding]:
    with house.read() as session:
        for account, wrong in sign_ins.faults(session, house.config["MAIL_ACCOUNTS"]):
            yield fault(f"{account.user}: {sign_ins.FAULTS[wrong][1]}")


def senders(house: House) -> Iterator[Finding]:
    with house.read() as session:
        inboxes = list(session.scalars(select(Newsletter.inbox)))
    if not any(inboxes):
        yield note("no newsletter has an address for incoming mail (settings of the newsletter)")
    elif said := PROOFS.get(tuple(bool(house.config[name]) for name in PROVING)):
        yield note(said)
