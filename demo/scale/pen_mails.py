"""The holding pen of The Long Road: recent mails from experts that could not be verified, for various reasons.

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

from .question_builder import QuestionBuilder

MAX_MAILS = 36
QUESTIONS_PER_MAIL = 5  # among the last questions
# The states of assignments that an expert may write about.
OPEN_STATES = ("invited", "accepted", "returned", "received")
PLACING_TIME = timedelta(seconds=20)  # the time that the worker needed
DOMAIN = "experts.example"


class PenMail(NamedTuple):
    """What is special about a mail: its recipient, the reason for holding it, and additional headers."""

    to: str
    reason: str
    headers: dict[str, str]
    has_text: bool = True


def can_write_about(builder: QuestionBuilder, time: datetime) -> bool:
    """Return whether the expert of a question can have written about it by then."""
    invited_at = builder.assignment.get("invited_at")
    if invited_at is None or invited_at > time:
        return False
    return builder.states["assignment"] in (*OPEN_STATES, "cancelled")


def add_pen_mail(builder: QuestionBuilder, stored_at: datetime, number: int) -> None:
    """Add a mail about a question. Its `number` in the pen determines why it is held."""
    writer, newsletter = builder.writer, builder.desk.newsletter
    is_cancelled = builder.states["assignment"] == "cancelled"
    build_mail = _build_cancelled if is_cancelled else MAIL_BUILDERS[number % len(MAIL_BUILDERS)]
    mail = build_mail(builder)
    key, public_id = writer.next_key(Inbound), writer.new_public_id()
    raw = _build_bytes(builder, stored_at, mail, public_id)
    context = InboundContext(None, raw, parse(raw), BatchLookups(Settings()))
    placed_at = stored_at + PLACING_TIME
    reasons = [mail.reason]
    state = writer.move(INBOUND, "inbound", key, "store", None, stored_at, "mailroom", newsletter_id=None)
    state = writer.move(
        INBOUND,
        "inbound",
        key,
        "place",
        state,
        placed_at,
        "mailroom",
        newsletter_id=newsletter.id,
        target_state="pen",
        facts={"reasons": reasons},
    )
    has_assignment = build_mail not in WITHOUT_ASSIGNMENT
    writer.add(
        Inbound,
        id=key,
        public_id=public_id,
        source="lmtp",
        mailbox="demo",
        size=len(raw),
        state=state,
        state_at=placed_at,
        stored_at=stored_at,
        placed_at=placed_at,
        due_at=stored_at,
        attempts=1,
        reasons=reasons,
        newsletter_id=newsletter.id,
        assignment_id=builder.keys["assignment"] if has_assignment else None,
        content_mac=writer.keyring.mac(inbound.CONTENT_MAC, context.content(newsletter.id)),
    )
    reading = json.dumps(asdict(context.reading), ensure_ascii=False)
    writer.add(
        InboundRaw,
        inbound_id=key,
        raw_sealed=writer.keyring.seal_bytes(f"inbound_raw.raw.{public_id}", raw),
        key_no=writer.keyring.newest,
        reading_sealed=writer.keyring.seal(f"inbound_raw.reading.{public_id}", reading),
    )


def _build_bytes(builder: QuestionBuilder, sent_at: datetime, mail: PenMail, public_id: str) -> bytes:
    headers = {
        "Return-Path": f"<{builder.expert.email}>",
        "From": formataddr((builder.expert.name, builder.expert.email)),
        "To": mail.to,
        "Subject": Header(f"Re: {builder.text['headline']}", "utf-8").encode(),
        "Date": format_datetime(sent_at),
        "Message-ID": f"<{public_id.lower()}@{DOMAIN}>",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
        **mail.headers,
    }
    body = "\n\n".join(builder.subject.write_answer(builder.writer.rng)) if mail.has_text else ""
    return ("".join(f"{name}: {value}\n" for name, value in headers.items()) + f"\n{body}\n").encode()


def _build_verification_headers(result: str, domain: str = DOMAIN) -> dict[str, str]:
    """Return the headers with which our own server reports whether it could verify the sender: "pass" or "fail"."""
    results = f"{DEMO_AUTHSERV_ID}; dkim={result} header.d={domain}; dmarc={result} header.from={domain}"
    return {"Authentication-Results": results, "Received": f"from mail.{domain} by {DEMO_AUTHSERV_ID} with ESMTPS"}


def _get_inbox(builder: QuestionBuilder) -> str:
    return builder.desk.newsletter.inbox


def _create_reply_address(builder: QuestionBuilder, revoked_at: datetime | None = None) -> str:
    """Create a reply link for the assignment and return its address."""
    token, writer = new_reply_token(), builder.writer
    writer.add(
        Link,
        token_mac=writer.keyring.mac("links.token", token),
        assignment_id=builder.keys["assignment"],
        kind="reply",
        revoked_at=revoked_at,
    )
    return address_for(_get_inbox(builder), token)


def _build_unverified(builder: QuestionBuilder) -> PenMail:
    return PenMail(_create_reply_address(builder), "not checked", {})


def _build_from_other_address(builder: QuestionBuilder) -> PenMail:
    """Build a mail from another address of the expert, for example a private one."""
    address = f"{builder.expert.email.partition('@')[0]}@mailbox.example"
    headers = {
        "From": formataddr((builder.expert.name, address)),
        **_build_verification_headers("pass", "mailbox.example"),
    }
    return PenMail(_create_reply_address(builder), "other sender", headers)


def _build_without_token(builder: QuestionBuilder) -> PenMail:
    return PenMail(_get_inbox(builder), "an expert's address", _build_verification_headers("pass"))


def _build_failed(builder: QuestionBuilder) -> PenMail:
    return PenMail(_create_reply_address(builder), "failed", _build_verification_headers("fail"))


def _build_with_unknown_token(builder: QuestionBuilder) -> PenMail:
    address = address_for(_get_inbox(builder), new_reply_token())
    return PenMail(address, "unknown token", _build_verification_headers("pass"))


def _build_with_token_in_cc(builder: QuestionBuilder) -> PenMail:
    headers = {"Cc": _create_reply_address(builder), **_build_verification_headers("pass")}
    return PenMail(f"editor@{DOMAIN}", "token in Cc", headers)


def _build_with_revoked_token(builder: QuestionBuilder) -> PenMail:
    address = _create_reply_address(builder, revoked_at=builder.assignment["invited_at"])
    return PenMail(address, "revoked token", _build_verification_headers("pass"))


def _build_empty(builder: QuestionBuilder) -> PenMail:
    return PenMail(_create_reply_address(builder), "no words", _build_verification_headers("pass"), has_text=False)


def _build_with_two_senders(builder: QuestionBuilder) -> PenMail:
    """Build a mail with two addresses in From."""
    expert = builder.expert
    headers = {
        "From": f"{formataddr((expert.name, expert.email))}, office@{DOMAIN}",
        "Sender": expert.email,
        **_build_verification_headers("pass"),
    }
    return PenMail(_create_reply_address(builder), "two senders", headers)


def _build_cancelled(builder: QuestionBuilder) -> PenMail:
    return PenMail(_create_reply_address(builder), "cancelled", _build_verification_headers("pass"))


# Frequent kinds are listed several times.
MAIL_BUILDERS: tuple[Callable[[QuestionBuilder], PenMail], ...] = (
    _build_unverified,
    _build_from_other_address,
    _build_without_token,
    _build_unverified,
    _build_failed,
    _build_from_other_address,
    _build_with_token_in_cc,
    _build_without_token,
    _build_unverified,
    _build_with_unknown_token,
    _build_empty,
    _build_with_revoked_token,
    _build_with_two_senders,
)
WITHOUT_ASSIGNMENT = {_build_without_token, _build_with_unknown_token}
