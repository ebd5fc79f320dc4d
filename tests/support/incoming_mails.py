"""Raw mails as servers hand them to us, for the tests: invented, small, and no more MIME than each needs.

Headers are keyword arguments with "_" for "-"; a list writes the header several times, None leaves one out.
"""

import secrets
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from email.charset import QP, Charset
from email.header import Header
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.utils import format_datetime, formataddr, parseaddr

AT = datetime(2026, 10, 12, 10, tzinfo=UTC)  # what the mails say of when they were written
READER = "Timur Aliev <timur@post.example>"
DESK = "ask@steppe.example"
MX = "mx.desk.example"  # our own server, in its Authentication-Results and in its Received
HOP = f"from relay.post.example (relay.post.example [192.0.2.7]) by {MX} with ESMTPS; Mon, 12 Oct 2026 10:00:00 +0000"
QUESTION = "Did they know about the salt in the wells before the cannery closed?"

Headers = str | Sequence[str] | None


def mail(
    sender: str = READER,
    to: str = DESK,
    subject: str = "A question",
    body: str = QUESTION,
    *,
    html: str | None = None,
    attachments: Sequence[tuple[str, bytes]] = (),
    **headers: Headers,
) -> bytes:
    """One mail as it lies in a mailbox, with CRLF line ends. Message-ID is new each time unless it is given.

    Below Authentication-Results stands the Received with which our server took it in, unless another is given.
    """
    mime = _with(attachments, _text(body, html))
    fixed: dict[str, Headers] = {
        "From": _address(sender),
        "To": _address(to),
        "Subject": _encoded(subject),
        "Date": format_datetime(AT),
        "Message-ID": f"<{secrets.token_hex(8)}@post.example>",
    }
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if "Authentication-Results" in given:
        given.setdefault("Received", HOP)
    names = {name.casefold(): name for name in fixed}
    for name, value in (fixed | {names.get(name.casefold(), name): value for name, value in given.items()}).items():
        for each in [] if value is None else [value] if isinstance(value, str) else value:
            mime[name] = each
    return mime.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def checked(address: str, authserv_id: str = MX) -> str:
    """What our own server writes (RFC 8601) on a mail that does come from the domain of this address."""
    domain = address.rpartition("@")[2]
    return (
        f"{authserv_id}; spf=pass smtp.mailfrom={address}; dkim=pass header.d={domain} header.s=k1;"
        f" dmarc=pass (p=reject) header.from={domain}"
    )


def delivered(raw: bytes, to: str = DESK, at: int = 0) -> bytes:
    """The same mail as a server delivers it: with trace headers of its own on top, different for each `at`."""
    trace = (
        f"Return-Path: <bounces+{at}@relay.example>\r\nDelivered-To: {to}\r\n"
        f"Received: from relay{at}.example (relay{at}.example [192.0.2.{at + 1}]) by {MX} with ESMTPS id {at:06x};"
        f" Mon, 12 Oct 2026 10:{at % 60:02d}:00 +0000\r\n"
    )
    return trace.encode() + raw


def reply(to_mail: str, sender: str, to: str, body: str, **headers: Headers) -> bytes:
    """An answer to the mail with this Message-ID, with the quote that most programs write under it."""
    quoted = f"{body}\n\nOn Mon, 12 Oct 2026 at 10:00, The Steppe Letter wrote:\n> We have a question for you.\n"
    given: dict[str, Headers] = {"In_Reply_To": to_mail, "References": to_mail, **headers}
    return mail(sender, to, "Re: A question", quoted, **given)  # type: ignore[arg-type]


def vacation(sender: str, to: str, in_reply_to: str | None = None, **headers: Headers) -> bytes:
    """What an out-of-office robot writes (RFC 3834)."""
    given: dict[str, Headers] = {"Auto_Submitted": "auto-replied", "In_Reply_To": in_reply_to, **headers}
    return mail(sender, to, "Out of office: A question", "I am away until 2 November.", **given)  # type: ignore[arg-type]


def bounce(
    to: str, failed: str, original_message_id: str, *, status: str = "5.1.1", action: str = "failed",
    said: str = "550 5.1.1 no such user here",
) -> bytes:  # fmt: skip
    """A delivery status notification (RFC 3464) of the mail with this Message-ID, for one address."""
    edge = f"=_{secrets.token_hex(8)}"
    lines = [
        "Return-Path: <>",
        f"From: Mail Delivery System <MAILER-DAEMON@{MX}>",
        f"To: {to}",
        "Subject: Undelivered Mail Returned to Sender",
        f"Date: {format_datetime(AT)}",
        f"Message-ID: <{secrets.token_hex(8)}@{MX}>",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{edge}"',
        "",
        f"--{edge}",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        f"This is the mail system at {MX}. Your message could not be delivered.",
        f"--{edge}",
        "Content-Type: message/delivery-status",
        "",
        f"Reporting-MTA: dns; {MX}",
        "",
        f"Final-Recipient: rfc822; {failed}",
        f"Action: {action}",
        f"Status: {status}",
        f"Diagnostic-Code: smtp; {said}",
        "",
        f"--{edge}",
        "Content-Type: text/rfc822-headers",
        "",
        f"From: {DESK}",
        f"To: {failed}",
        f"Message-ID: {original_message_id}",
        "Subject: A question for you",
        "",
        f"--{edge}--",
        "",
    ]
    return "\r\n".join(lines).encode()


def complaint(to: str, original_message_id: str) -> bytes:
    """A reader's "this is spam" as their provider reports it (ARF, RFC 5965)."""
    edge = f"=_{secrets.token_hex(8)}"
    lines = [
        "From: feedback@provider.example",
        f"To: {to}",
        "Subject: Email feedback report",
        f"Date: {format_datetime(AT)}",
        f"Message-ID: <{secrets.token_hex(8)}@provider.example>",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=feedback-report; boundary="{edge}"',
        "",
        f"--{edge}",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        "This is an email abuse report.",
        f"--{edge}",
        "Content-Type: message/feedback-report",
        "",
        "Feedback-Type: abuse",
        "User-Agent: Provider/1.0",
        "Version: 1",
        "",
        f"--{edge}",
        "Content-Type: message/rfc822",
        "",
        f"From: {DESK}",
        f"Message-ID: {original_message_id}",
        "Subject: Your question",
        "",
        "Here it is.",
        "",
        f"--{edge}--",
        "",
    ]
    return "\r\n".join(lines).encode()


def _text(body: str, html: str | None) -> MIMEMultipart | MIMENonMultipart:
    plain = _part(body, "plain")
    if html is None:
        return plain
    both = MIMEMultipart("alternative")
    both.attach(plain)
    both.attach(_part(html, "html"))
    return both


def _part(text: str, kind: str) -> MIMENonMultipart:
    charset = Charset("us-ascii" if text.isascii() else "utf-8")
    charset.body_encoding = None if text.isascii() else QP  # type: ignore[assignment]
    part = MIMENonMultipart("text", kind)
    part.set_payload(text, charset)
    return part


def _with(
    attachments: Sequence[tuple[str, bytes]], text: MIMEMultipart | MIMENonMultipart
) -> MIMEMultipart | MIMENonMultipart:
    if not attachments:
        return text
    whole = MIMEMultipart("mixed")
    whole.attach(text)
    for name, content in attachments:
        part = MIMEApplication(content)
        part.add_header("Content-Disposition", "attachment", filename=("utf-8", "", name))
        whole.attach(part)
    return whole


def _address(written: str) -> str:
    name, address = parseaddr(written)
    return written if not name or name.isascii() or not address else formataddr((name, address), "utf-8")


def _encoded(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8").encode()


def base64(raw: bytes) -> str:
    """The bytes as `--jsonl` reads them."""
    return b64encode(raw).decode()
