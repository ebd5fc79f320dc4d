"""A test mail: out through the outbox and the mail server, and back as an answer, a bounce, or the mail itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db.engine import Database
from ..mail import outbox
from ..mail.mail_templates import write
from ..mail.mail_values import TestMail
from ..mail.message import Message, Sender
from ..mail.models import Inbound, OutboxMail
from ..mail.reply_address import address_for, new_reply_token
from ..mailroom.batch import settings_of
from ..mailroom.inbound_context import TEST_KIND
from ..mailroom.screening import OPERATOR_TEST
from ..newsletters.models import Newsletter

WAYS = {"imap": "the mailbox {mailbox}", "lmtp": "LMTP", "pipe": "the pipe", "webhook": "the webhook"}
BELIEVED = {"dmarc", "dkim", "spf", "signature"}  # reasons for which `senders.check` believes a sender


@dataclass(frozen=True)
class Trip:
    """The progress of a test mail: its `state`, whether it has `stopped`, and the mail that came back, if one did."""

    state: str
    stopped: bool
    said: str | None
    took: timedelta | None
    back: Inbound | None

    @property
    def is_over(self) -> bool:
        return self.back is not None or self.stopped


def queue_test_mail(database: Database, address: str) -> tuple[int, str | None]:
    """Queue a test mail. Return its id, and the address to which answers go, or None if we receive none.

    Raises `Busy`.
    """

    def put(session: Session) -> tuple[int, str | None]:
        inboxes = session.scalars(select(Newsletter.inbox).order_by(Newsletter.id))
        pattern, token = next(filter(None, inboxes), None), new_reply_token()
        back_to = address_for(pattern, token) if pattern else None
        mail = outbox.put(session, _build_message(session, address, back_to, token), once_key=f"test {token}")
        assert mail is not None  # noqa: S101 - the token is new, so no mail has its cause
        return mail.id, back_to

    return database.write(put)


def _build_message(session: Session, address: str, back_to: str | None, token: str) -> Message:
    site = urlsplit(session.info["base_url"]).hostname or ""
    written = write(TEST_KIND, Sender(), address, "", TestMail(site=site))
    return Message(**vars(written) | {"reply_to": back_to, "return_token": token})


def get_trip(database: Database, mail_id: int) -> Trip:
    """Return how far the mail has come."""
    with database.read() as session:
        mail = session.get_one(OutboxMail, mail_id)
        came = select(Inbound).where(Inbound.outbox_id == mail_id, ~Inbound.is_stored).order_by(Inbound.id).limit(1)
        took = mail.sent_at - mail.created_at if mail.sent_at else None
        return Trip(str(mail.state), mail.is_failed or mail.is_dropped, mail.said, took, session.scalar(came))


def describe_delivery(config: Mapping[str, Any], trip: Trip) -> str:
    """Return a sentence that says how the mail was delivered, or why it wasn't."""
    where = (
        f"written to the folder {config['MAIL_FOLDER']}, where nobody gets it"
        if config["MAIL_TRANSPORT"] == "folder"
        else f"handed to {config['MAIL_SERVER']}:{config['MAIL_PORT']}"
    )
    if trip.took is not None:
        return f"outbox > {where}, after {_seconds(trip.took)}"
    if trip.back is not None:  # a bounce, so it had been handed over
        return f"outbox > {where}"
    return f"outbox > {trip.state}: {trip.said or 'the mail server has not taken it yet'}"


def describe_return(database: Database, config: Mapping[str, Any], mail_id: int, inbound: Inbound) -> Iterator[str]:
    """Yield sentences that say how something came back, how long that took, and whether its sender was verified.

    Its text has been destroyed by then, when it was placed.
    """
    with database.read() as session:
        mail = session.get_one(OutboxMail, mail_id)
    way, after = WAYS[inbound.source].format(mailbox=inbound.mailbox), _seconds(inbound.stored_at - mail.created_at)
    what = "a bounce" if inbound.is_bounce else "the mail itself, or an answer to it"
    yield f"{way} > {inbound.state} ({what}), {after} after it was written"
    reasons = [one for one in inbound.reasons if one != OPERATOR_TEST]
    if inbound.is_bounce:
        yield f"it could not be delivered: {mail.said or ', '.join(inbound.reasons)}"
    elif set(reasons) & BELIEVED:
        yield f"its sender is believed: {', '.join(reasons)}"
    elif not settings_of(config).can_verify_senders:
        yield "its sender is not believed: MAIL_AUTHSERV_ID and MAIL_RECEIVED_BY are not both set, and MAIL_DNS is 0"
    else:
        yield f'its sender is not believed: {", ".join(reasons)} (docs/mail.md, "Who says who wrote it")'


def _seconds(time: timedelta) -> str:
    return f"{time.total_seconds():.1f} s"
