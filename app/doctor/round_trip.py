"""The test mail of `readers-asked mail test`.

It is sent through the outbox and the mail server, and may come back as an answer, as a bounce, or as the mail itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db.engine import Database
from ..mail import outbox
from ..mail.mail_templates import render_mail
from ..mail.mail_values import TestMail
from ..mail.message import Message, Sender
from ..mail.models import Inbound, OutboxMail
from ..mail.reply_address import address_for, new_reply_token
from ..mailroom.batch import settings_of
from ..mailroom.inbound_context import TEST_KIND
from ..mailroom.screening import OPERATOR_TEST
from ..newsletters.models import Newsletter

SOURCES = {"imap": "the mailbox {mailbox}", "lmtp": "LMTP", "pipe": "the pipe", "webhook": "the webhook"}
VERIFIED_BY = {"dmarc", "dkim", "spf", "signature"}  # reasons for which `senders.check` believes a sender


@dataclass(frozen=True)
class Trip:
    """The progress of a test mail: its `state` and `error` in the outbox, and the mail that came `back`."""

    state: str
    stopped: bool  # it failed or was dropped
    error: str | None
    sent_after: timedelta | None
    back: Inbound | None

    @property
    def is_over(self) -> bool:
        return self.back is not None or self.stopped


def queue_test_mail(database: Database, address: str) -> tuple[int, str | None]:
    """Queue a test mail. Return its ID, and the address to which answers go, or None if no newsletter receives mail.

    Raises `Busy`.
    """

    def put(session: Session) -> tuple[int, str | None]:
        inboxes = session.scalars(select(Newsletter.inbox).order_by(Newsletter.id))
        inbox, token = next(filter(None, inboxes), None), new_reply_token()
        reply_to = address_for(inbox, token) if inbox else None
        message = _build_message(session, address, reply_to, token)
        mail = outbox.put(session, message, once_key=f"test {token}")
        assert mail is not None  # noqa: S101 - the token is new, so no other mail has this key
        return mail.id, reply_to

    return database.write(put)


def _build_message(session: Session, address: str, reply_to: str | None, token: str) -> Message:
    site = urlsplit(session.info["base_url"]).hostname or ""
    message = render_mail(TEST_KIND, Sender(), address, "", TestMail(site=site))
    return Message(**vars(message) | {"reply_to": reply_to, "return_token": token})


def get_trip(database: Database, mail_id: int) -> Trip:
    """Return the progress of the mail."""
    with database.read() as session:
        mail = session.get_one(OutboxMail, mail_id)
        returned = select(Inbound).where(Inbound.outbox_id == mail_id, ~Inbound.is_stored).order_by(Inbound.id)
        return Trip(
            str(mail.state),
            stopped=mail.is_failed or mail.is_dropped,
            error=mail.said,
            sent_after=mail.sent_at - mail.created_at if mail.sent_at else None,
            back=session.scalar(returned.limit(1)),
        )


def describe_delivery(config: Mapping[str, Any], trip: Trip) -> str:
    """Return a sentence that says how the mail was delivered, or why it wasn't."""
    if config["MAIL_TRANSPORT"] == "folder":
        delivered = f"written to the folder {config['MAIL_FOLDER']}, where nobody gets it"
    else:
        delivered = f"handed to {config['MAIL_SERVER']}:{config['MAIL_PORT']}"
    if trip.sent_after is not None:
        return f"outbox > {delivered}, after {_format_seconds(trip.sent_after)}"
    if trip.back is not None:  # a bounce, so it had been handed over
        return f"outbox > {delivered}"
    return f"outbox > {trip.state}: {trip.error or 'the mail server has not taken it yet'}"


def describe_return(database: Database, config: Mapping[str, Any], mail_id: int, inbound: Inbound) -> Iterator[str]:
    """Yield sentences that say how a mail came back, how long that took, and whether its sender was verified.

    Its text is not shown: it was destroyed when the mail was filed.
    """
    with database.read() as session:
        mail = session.get_one(OutboxMail, mail_id)
    source = SOURCES[inbound.source].format(mailbox=inbound.mailbox)
    duration = _format_seconds(inbound.stored_at - mail.created_at)
    what = "a bounce" if inbound.is_bounce else "the mail itself, or an answer to it"
    yield f"{source} > {inbound.state} ({what}), {duration} after it was written"
    reasons = [reason for reason in inbound.reasons if reason != OPERATOR_TEST]
    if inbound.is_bounce:
        yield f"it could not be delivered: {mail.said or ', '.join(inbound.reasons)}"
    elif set(reasons) & VERIFIED_BY:
        yield f"its sender is believed: {', '.join(reasons)}"
    elif not settings_of(config).can_verify_senders:
        yield "its sender is not believed: MAIL_AUTHSERV_ID and MAIL_RECEIVED_BY are not both set, and MAIL_DNS is 0"
    else:
        yield f'its sender is not believed: {", ".join(reasons)} (docs/mail.md, "Who says who wrote it")'


def _format_seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():.1f} s"
