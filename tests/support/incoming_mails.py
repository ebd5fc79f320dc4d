"""Raw mails as servers hand them to us, invented and with no more MIME than each needs, and forwards of seven programs.

Headers are keyword arguments with "_" for "-"; a list writes the header several times, None leaves one out.
"""

import secrets
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.charset import QP, Charset
from email.header import Header
from email.message import EmailMessage
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.parser import BytesParser
from email.utils import format_datetime, formataddr, parseaddr

WRITTEN_AT = datetime(2026, 10, 12, 10, tzinfo=UTC)  # what the mails say of when they were written
READER_ADDRESS = "Timur Aliev <timur@post.example>"
DESK_ADDRESS = "ask@steppe.example"
MX = "mx.desk.example"  # our own server, in its Authentication-Results and in its Received
RECEIVED_LINE = (
    f"from relay.post.example (relay.post.example [192.0.2.7]) by {MX} with ESMTPS; Mon, 12 Oct 2026 10:00:00 +0000"
)
QUESTION = "Did they know about the salt in the wells before the cannery closed?"

Headers = str | Sequence[str] | None


def mail(
    sender: str = READER_ADDRESS,
    to: str = DESK_ADDRESS,
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
    mime = _add_attachments(attachments, _build_text(body, html))
    fixed: dict[str, Headers] = {
        "From": _encode_address(sender),
        "To": _encode_address(to),
        "Subject": _encode_header(subject),
        "Date": format_datetime(WRITTEN_AT),
        "Message-ID": f"<{secrets.token_hex(8)}@post.example>",
    }
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if "Authentication-Results" in given:
        given.setdefault("Received", RECEIVED_LINE)
    names = {name.casefold(): name for name in fixed}
    for name, value in (fixed | {names.get(name.casefold(), name): value for name, value in given.items()}).items():
        for each in [] if value is None else [value] if isinstance(value, str) else value:
            mime[name] = each
    return mime.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def dmarc_pass(address: str, authserv_id: str = MX) -> str:
    """What our own server writes (RFC 8601) on a mail that does come from the domain of this address."""
    domain = address.rpartition("@")[2]
    return (
        f"{authserv_id}; spf=pass smtp.mailfrom={address}; dkim=pass header.d={domain} header.s=k1;"
        f" dmarc=pass (p=reject) header.from={domain}"
    )


def add_trace_headers(raw: bytes, to: str = DESK_ADDRESS, at: int = 0) -> bytes:
    """The same mail as a server delivers it: with trace headers of its own on top, different for each `at`."""
    trace = (
        f"Return-Path: <bounces+{at}@relay.example>\r\nDelivered-To: {to}\r\n"
        f"Received: from relay{at}.example (relay{at}.example [192.0.2.{at + 1}]) by {MX} with ESMTPS id {at:06x};"
        f" Mon, 12 Oct 2026 10:{at % 60:02d}:00 +0000\r\n"
    )
    return trace.encode() + raw


def reply_mail(to_mail: str, sender: str, to: str, body: str, **headers: Headers) -> bytes:
    """An answer to the mail with this Message-ID, with the quote that most programs write under it."""
    quoted = f"{body}\n\nOn Mon, 12 Oct 2026 at 10:00, The Steppe Letter wrote:\n> We have a question for you.\n"
    given: dict[str, Headers] = {"In_Reply_To": to_mail, "References": to_mail, **headers}
    return mail(sender, to, "Re: A question", quoted, **given)  # type: ignore[arg-type]


def vacation_mail(sender: str, to: str, in_reply_to: str | None = None, **headers: Headers) -> bytes:
    """What an out-of-office robot writes (RFC 3834)."""
    given: dict[str, Headers] = {"Auto_Submitted": "auto-replied", "In_Reply_To": in_reply_to, **headers}
    return mail(sender, to, "Out of office: A question", "I am away until 2 November.", **given)  # type: ignore[arg-type]


def bounce_mail(
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
        f"Date: {format_datetime(WRITTEN_AT)}",
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
        f"From: {DESK_ADDRESS}",
        f"To: {failed}",
        f"Message-ID: {original_message_id}",
        "Subject: A question for you",
        "",
        f"--{edge}--",
        "",
    ]
    return "\r\n".join(lines).encode()


def complaint_mail(to: str, original_message_id: str) -> bytes:
    """A reader's "this is spam" as their provider reports it (ARF, RFC 5965)."""
    edge = f"=_{secrets.token_hex(8)}"
    lines = [
        "From: feedback@provider.example",
        f"To: {to}",
        "Subject: Email feedback report",
        f"Date: {format_datetime(WRITTEN_AT)}",
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
        f"From: {DESK_ADDRESS}",
        f"Message-ID: {original_message_id}",
        "Subject: Your question",
        "",
        "Here it is.",
        "",
        f"--{edge}--",
        "",
    ]
    return "\r\n".join(lines).encode()


def _build_text(body: str, html: str | None) -> MIMEMultipart | MIMENonMultipart:
    plain = _build_text_part(body, "plain")
    if html is None:
        return plain
    both = MIMEMultipart("alternative")
    both.attach(plain)
    both.attach(_build_text_part(html, "html"))
    return both


def _build_text_part(text: str, kind: str) -> MIMENonMultipart:
    charset = Charset("us-ascii" if text.isascii() else "utf-8")
    charset.body_encoding = None if text.isascii() else QP  # type: ignore[assignment]
    part = MIMENonMultipart("text", kind)
    part.set_payload(text, charset)
    return part


def _add_attachments(
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


def _encode_address(written: str) -> str:
    name, address = parseaddr(written)
    return written if not name or name.isascii() or not address else formataddr((name, address), "utf-8")


def _encode_header(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8").encode()


def encode_base64(raw: bytes) -> str:
    """The bytes as `--jsonl` reads them."""
    return b64encode(raw).decode()


FORWARDED_NAME, FORWARDED_ADDRESS = "Timur Aliev", "timur@post.example"
NORAS_ADDRESS = "Nora Lind <nora@desk.example>"
FORWARD_ADDRESS = "ask+forward@steppe.example"


@dataclass(frozen=True)
class ForwardLanguage:
    """What programs say in a language: headings, the separators of Gmail, Thunderbird and Apple Mail, and a reader's
    question with a comment of Nora's.
    """

    sender: str
    sent: str
    date: str
    to: str
    subject: str
    gmail: str
    thunderbird: str
    apple: str
    words: str
    comment: str
    day: str


FORWARD_LANGUAGES = {
    "en": ForwardLanguage(
        "From", "Sent", "Date", "To", "Subject", "Forwarded message", "Forwarded Message", "Begin forwarded message:",
        "Who weighs the salt that falls on Karakol?", "Please take this one, she knows the place.",
        "Monday, October 12, 2026 10:00 AM",
    ),
    "de": ForwardLanguage(
        "Von", "Gesendet", "Datum", "An", "Betreff", "Forwarded message", "Weitergeleitete Nachricht",
        "Anfang der weitergeleiteten Nachricht:", "Wer wiegt das Salz, das auf Karakol fällt?",
        "Bitte nehmt das auf, sie kennt den Ort.", "Montag, 12. Oktober 2026 10:00",
    ),
    "fr": ForwardLanguage(
        "De", "Envoyé", "Date", "À", "Objet", "Forwarded message", "Message transféré", "Début du message transféré :",
        "Qui pèse le sel qui tombe sur Karakol ?", "À prendre, elle connaît l’endroit.", "lundi 12 octobre 2026 10:00",
    ),
    "es": ForwardLanguage(
        "De", "Enviado", "Fecha", "Para", "Asunto", "Forwarded message", "Mensaje reenviado",
        "Inicio del mensaje reenviado:", "¿Quién pesa la sal que cae sobre Karakol?", "Tomad esta, conoce el lugar.",
        "lunes, 12 de octubre de 2026 10:00",
    ),
    "ru": ForwardLanguage(
        "От", "Отправлено", "Дата", "Кому", "Тема", "Forwarded message", "Перенаправленное сообщение",
        "Начало переадресованного сообщения:", "Кто взвешивает соль, которая падает на Каракол?",
        "Возьмите это, она знает место.", "понедельник, 12 октября 2026 г. 10:00",
    ),
    "fa": ForwardLanguage(
        "از", "ارسال", "تاریخ", "به", "موضوع", "Forwarded message", "پیام هدایت شده", "شروع پیام بازارسال شده:",
        "چه کسی نمکی را که بر قره‌قول می‌بارد وزن می‌کند؟", "این را بردارید، او آنجا را می‌شناسد.",
        "دوشنبه ۱۲ اکتبر ۲۰۲۶ ۱۰:۰۰",
    ),
}  # fmt: skip
ForwardBody = tuple[str, str | None]  # plain, and the page where the program writes one


def _to_html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>\n")


def gmail(t: ForwardLanguage, author: str, words: str, comment: str) -> ForwardBody:
    head = (
        f"---------- {t.gmail} ---------\n{t.sender}: {author}\n{t.date}: {t.day}\n{t.subject}: Salt\n"
        f"{t.to}: <nora@desk.example>\n"
    )
    page = (
        f'<div dir="ltr">{_to_html(comment)}<br><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">'
        f"{_to_html(head)}</div><br><br>{_to_html(words)}</div></div>"
    )
    return f"{comment}\n\n{head}\n\n{words}\n", page


def outlook(t: ForwardLanguage, author: str, words: str, comment: str) -> ForwardBody:
    head = f"{t.sender}: {author}\n{t.sent}: {t.day}\n{t.to}: Nora Lind <nora@desk.example>\n{t.subject}: Salt\n"
    bold = "".join(
        f"<b>{line.replace(':', ':</b>', 1)}<br>" for line in _to_html(head).replace("<br>", "").splitlines()
    )
    page = (
        f"<div>{_to_html(comment)}</div><hr><div id='divRplyFwdMsg' dir='ltr'>{bold}</div><div>{_to_html(words)}</div>"
    )
    return f"{comment}\n\n________________________________\n{head}\n{words}\n", page


def outlook_old(t: ForwardLanguage, author: str, words: str, comment: str) -> ForwardBody:
    bracketed = author.replace("<", "[mailto:").replace(">", "]")
    return outlook(t, bracketed, words, comment)[0].replace("_" * 32 + "\n", ""), None


def apple(t: ForwardLanguage, author: str, words: str, comment: str) -> ForwardBody:
    inner = (
        f"{t.sender}: {author}\n{t.subject}: Salt\n{t.date}: {t.day}\n{t.to}: Nora Lind <nora@desk.example>\n\n{words}"
    )
    quoted = "\n".join(f"> {line}".rstrip() for line in inner.splitlines())
    page = (
        f"<div>{_to_html(comment)}</div><br><div><blockquote type='cite'><div>{_to_html(t.apple)}</div><br>"
        f"{_to_html(inner)}</blockquote></div>"
    )
    return f"{comment}\n\n{t.apple}\n\n{quoted}\n", page


def thunderbird(t: ForwardLanguage, author: str, words: str, comment: str) -> ForwardBody:
    head = (
        f"-------- {t.thunderbird} --------\n{t.subject}: \tSalt\n{t.date}: \t{t.day}\n{t.sender}: \t{author}\n"
        f"{t.to}: \tNora Lind <nora@desk.example>\n"
    )
    return f"{comment}\n\n{head}\n\n\n{words}\n", None


def yahoo(t: ForwardLanguage, author: str, words: str, comment: str) -> ForwardBody:
    head = (
        f"----- {t.thunderbird} -----\n{t.sender}: {author}\n{t.to}: nora@desk.example <nora@desk.example>\n"
        f"{t.sent}: {t.day}\n{t.subject}: Salt\n"
    )
    return f"{comment}\n\n{head}\n{words}\n", None


def proton(t: ForwardLanguage, author: str, words: str, comment: str) -> ForwardBody:
    head = (
        f"------- {t.gmail} -------\n{t.sender}: {author}\n{t.date}: {t.day}\n{t.subject}: Salt\n"
        f"{t.to}: nora@desk.example <nora@desk.example>\n"
    )
    return f"{comment}\n\n{head}\n> {words}\n".replace("\n> ", "\n\n"), None


FORWARD_PROGRAMS: dict[str, Callable[[ForwardLanguage, str, str, str], ForwardBody]] = {
    "gmail": gmail, "outlook": outlook, "outlook_old": outlook_old, "apple": apple, "thunderbird": thunderbird,
    "yahoo": yahoo, "proton": proton,
}  # fmt: skip


def forward_mail(
    program: str,
    language: str = "en",
    author: str = f"{FORWARDED_NAME} <{FORWARDED_ADDRESS}>",
    words: str = "",
    comment: str | None = None,
    page: bool = True,
    **more: str,
) -> bytes:
    """What Nora forwards, shown to be hers by our own server."""
    tongue = FORWARD_LANGUAGES[language]
    said = tongue.comment if comment is None else comment
    plain, html = FORWARD_PROGRAMS[program](tongue, author, words or tongue.words, said)
    return forwarded_mail(plain, html if page else None, **more)


def forwarded_mail(
    plain: str,
    html: str | None = None,
    sender: str = NORAS_ADDRESS,
    to: str = FORWARD_ADDRESS,
    proof: str = "",
    **more: Headers,
) -> bytes:
    address = sender.rpartition("<")[2].rstrip(">")
    proof = proof or dmarc_pass(address)
    return mail(sender, to, "Fwd: Salt", plain, html=html, Authentication_Results=proof, **more)  # type: ignore[arg-type]


def forward_as_attachments(
    *inner: bytes, comment: str = "Please take this one.", sender: str = NORAS_ADDRESS, proof: str = ""
) -> bytes:
    """Messages forwarded as attachments."""
    outer = EmailMessage()
    outer["From"], outer["To"], outer["Subject"] = sender, FORWARD_ADDRESS, "Fwd: Salt"
    outer["Date"], outer["Message-ID"] = format_datetime(WRITTEN_AT), "<forward@desk.example>"
    outer.set_content(comment)
    for raw in inner:
        outer.add_attachment(_parse_mail(raw), filename="Salt.eml")
    address = sender.rpartition("<")[2].rstrip(">")
    above = f"Authentication-Results: {proof or dmarc_pass(address)}\r\nReceived: {RECEIVED_LINE}\r\n"
    return above.encode() + outer.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _parse_mail(raw: bytes) -> EmailMessage:
    found = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(found, EmailMessage)
    return found
