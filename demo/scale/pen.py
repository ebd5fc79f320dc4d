"""The big newsletter's holding pen: recent mails from experts that could not be verified, for various reasons.

The reasons are those that the mailroom gives for the same bytes, which a test checks.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from email.header import Header
from email.utils import format_datetime, formataddr
from typing import NamedTuple

from app.mail import inbound
from app.mail.lifecycle import INBOUND
from app.mail.models import Inbound, InboundRaw
from app.mail.reply_address import address_for, new_reply_token
from app.mailroom.batch import BatchLookups, Settings
from app.mailroom.inbound_context import InboundContext
from app.mailtext.parsing.parse import parse
from app.people.models import Link
from config import DEMO_AUTHSERV_ID

from .life import Life

MOST = 36
EVERY = 5  # one in five of the last questions has such a mail
LIVE = ("invited", "accepted", "returned", "received")  # the states of assignments that an expert may write about
PLACED = timedelta(seconds=20)  # the time that the worker took
DOMAIN = "experts.example"


class Sent(NamedTuple):
    """A mail as it was sent: its recipient, the reasons for holding it, and its additional headers."""

    to: str
    reasons: tuple[str, ...]
    head: dict[str, str]
    has_words: bool = True


def may_be_about(life: Life, at: datetime) -> bool:
    """Return whether the expert of a question may have written about it by then."""
    invited_at = life.assignment.get("invited_at")
    return invited_at is not None and invited_at <= at and life.states["assignment"] in (*LIVE, "cancelled")


def put(life: Life, at: datetime, number: int) -> None:
    """Add a mail about a question that arrived at `at`. Its `number` among all determines the kind."""
    kind = _cancelled if life.states["assignment"] == "cancelled" else KINDS[number % len(KINDS)]
    sent = kind(life)
    key, public_id, newsletter = life.book.key(Inbound), life.book.public_id(), life.room.newsletter
    raw = _raw(life, at, sent, public_id)
    context = InboundContext(None, raw, parse(raw), BatchLookups(Settings()))
    placed, reasons, ring = at + PLACED, list(sent.reasons), life.book.ring
    state = life.book.move(INBOUND, "inbound", key, "store", None, at, "mailroom", newsletter_id=None)
    state = life.book.move(
        INBOUND,
        "inbound",
        key,
        "place",
        state,
        placed,
        "mailroom",
        newsletter_id=newsletter.id,
        to="pen",
        why={"reasons": reasons},
    )
    life.book.add(
        Inbound,
        id=key,
        public_id=public_id,
        source="lmtp",
        mailbox="demo",
        size=len(raw),
        state=state,
        state_at=placed,
        stored_at=at,
        placed_at=placed,
        due_at=at,
        attempts=1,
        reasons=reasons,
        newsletter_id=newsletter.id,
        assignment_id=life.keys["assignment"] if kind in NAMES_IT else None,
        content_mac=ring.mac(inbound.CONTENT_MAC, context.content(newsletter.id)),
    )
    life.book.add(
        InboundRaw,
        inbound_id=key,
        raw_sealed=ring.seal_bytes(f"inbound_raw.raw.{public_id}", raw),
        key_no=ring.newest,
        reading_sealed=ring.seal(
            f"inbound_raw.reading.{public_id}", json.dumps(asdict(context.reading), ensure_ascii=False)
        ),
    )


def _raw(life: Life, at: datetime, sent: Sent, public_id: str) -> bytes:
    head = {
        "Return-Path": f"<{life.expert.email}>",
        "From": formataddr((life.expert.name, life.expert.email)),
        "To": sent.to,
        "Subject": Header(f"Re: {life.text['headline']}", "utf-8").encode(),
        "Date": format_datetime(at),
        "Message-ID": f"<{public_id.lower()}@{DOMAIN}>",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
        **sent.head,
    }
    body = "\n\n".join(life.matter.answer(life.book.rng)) if sent.has_words else ""
    return ("".join(f"{name}: {value}\n" for name, value in head.items()) + f"\n{body}\n").encode()


def _checked(result: str, domain: str = DOMAIN) -> dict[str, str]:
    """Return the headers with which our own server reports its check of the sender."""
    said = f"{DEMO_AUTHSERV_ID}; dkim={result} header.d={domain}; dmarc={result} header.from={domain}"
    return {"Authentication-Results": said, "Received": f"from mail.{domain} by {DEMO_AUTHSERV_ID} with ESMTPS"}


def _plain(life: Life) -> str:
    return life.room.newsletter.inbox


def _token(life: Life, **ended: datetime) -> str:
    """Create a reply link for the assignment and return its address; `ended` are the columns that end it."""
    token, book = new_reply_token(), life.book
    book.add(
        Link,
        token_mac=book.ring.mac("links.token", token),
        assignment_id=life.keys["assignment"],
        kind="reply",
        **ended,
    )
    return address_for(_plain(life), token)


def _not_checked(life: Life) -> Sent:
    return Sent(_token(life), ("not checked",), {})


def _from_elsewhere(life: Life) -> Sent:
    """Return a mail from another address of the expert, for example a private one."""
    address = f"{life.expert.email.partition('@')[0]}@mailbox.example"
    return Sent(
        _token(life),
        ("other sender",),
        {"From": formataddr((life.expert.name, address)), **_checked("pass", "mailbox.example")},
    )


def _without_token(life: Life) -> Sent:
    return Sent(_plain(life), ("an expert's address",), _checked("pass"))


def _failed(life: Life) -> Sent:
    return Sent(_token(life), ("failed",), _checked("fail"))


def _unknown_token(life: Life) -> Sent:
    return Sent(address_for(_plain(life), new_reply_token()), ("unknown token",), _checked("pass"))


def _in_cc(life: Life) -> Sent:
    return Sent(f"editor@{DOMAIN}", ("token in Cc",), {"Cc": _token(life), **_checked("pass")})


def _revoked(life: Life) -> Sent:
    address = _token(life, revoked_at=life.assignment["invited_at"])
    return Sent(address, ("revoked token",), _checked("pass"))


def _no_words(life: Life) -> Sent:
    return Sent(_token(life), ("no words",), _checked("pass"), has_words=False)


def _two_senders(life: Life) -> Sent:
    """Return a mail with two addresses in From."""
    both = f"{formataddr((life.expert.name, life.expert.email))}, office@{DOMAIN}"
    return Sent(_token(life), ("two senders",), {"From": both, "Sender": life.expert.email, **_checked("pass")})


def _cancelled(life: Life) -> Sent:
    return Sent(_token(life), ("cancelled",), _checked("pass"))


# Frequent kinds are listed several times.
KINDS: tuple[Callable[[Life], Sent], ...] = (
    _not_checked,
    _from_elsewhere,
    _without_token,
    _not_checked,
    _failed,
    _from_elsewhere,
    _in_cc,
    _without_token,
    _not_checked,
    _unknown_token,
    _no_words,
    _revoked,
    _two_senders,
)
NAMES_IT = {*KINDS, _cancelled} - {_without_token, _unknown_token}
