"""Raw mails as mail servers deliver them, with minimal MIME, and forwards in the formats of seven mail programs.

Headers are keyword arguments with "_" for "-". A list repeats a header, None omits it.
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
from typing import Any

WRITTEN_AT = datetime(2026, 10, 12, 10, tzinfo=UTC)  # in the Date header
READER_ADDRESS = "Timur Aliev <timur@post.example>"
DESK_ADDRESS = "ask@steppe.example"
MX = "mx.desk.example"  # our server, in its Authentication-Results and Received headers
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
    """Return a mail as it is stored in a mailbox, with CRLF line ends and by default a new Message-ID.

    A mail with Authentication-Results also gets the Received header of our server, unless another one is passed.
    """
    mime = _add_attachments(attachments, _build_text(body, html))
    defaults: dict[str, Headers] = {
        "From": _encode_address(sender),
        "To": _encode_address(to),
        "Subject": _encode_header(subject),
        "Date": format_datetime(WRITTEN_AT),
        "Message-ID": f"<{secrets.token_hex(8)}@post.example>",
    }
    default_names = {name.casefold(): name for name in defaults}
    overrides: dict[str, Headers] = {}
    for argument, value in headers.items():
        name = argument.replace("_", "-")
        overrides[default_names.get(name.casefold(), name)] = value
    if "Authentication-Results" in overrides:
        overrides.setdefault("Received", RECEIVED_LINE)
    for name, value in (defaults | overrides).items():
        for line in _list_values(value):
            mime[name] = line
    return _with_crlf(mime.as_bytes())


def _list_values(value: Headers) -> Sequence[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else value


def _with_crlf(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def dmarc_pass(address: str, authserv_id: str = MX) -> str:
    """Return the Authentication-Results (RFC 8601) of a mail that comes from the domain of this address."""
    domain = address.rpartition("@")[2]
    return (
        f"{authserv_id}; spf=pass smtp.mailfrom={address}; dkim=pass header.d={domain} header.s=k1;"
        f" dmarc=pass (p=reject) header.from={domain}"
    )


def add_trace_headers(raw: bytes, to: str = DESK_ADDRESS, hop: int = 0) -> bytes:
    """Return a mail with the trace headers of a server on top, which differ for each number `hop`."""
    trace = (
        f"Return-Path: <bounces+{hop}@relay.example>\r\nDelivered-To: {to}\r\n"
        f"Received: from relay{hop}.example (relay{hop}.example [192.0.2.{hop + 1}]) by {MX} with ESMTPS id {hop:06x};"
        f" Mon, 12 Oct 2026 10:{hop % 60:02d}:00 +0000\r\n"
    )
    return trace.encode() + raw


def reply_mail(in_reply_to: str, sender: str, to: str, body: str, **headers: Headers) -> bytes:
    """Return a reply to the mail with the Message-ID `in_reply_to`, which quotes it below the body."""
    quoted = f"{body}\n\nOn Mon, 12 Oct 2026 at 10:00, The Steppe Letter wrote:\n> We have a question for you.\n"
    reply_headers: dict[str, Headers] = {"In_Reply_To": in_reply_to, "References": in_reply_to, **headers}
    return mail(sender, to, "Re: A question", quoted, **reply_headers)  # type: ignore[arg-type]


def vacation_mail(sender: str, to: str, in_reply_to: str | None = None, **headers: Headers) -> bytes:
    """Return an out-of-office reply (RFC 3834)."""
    reply_headers: dict[str, Headers] = {"Auto_Submitted": "auto-replied", "In_Reply_To": in_reply_to, **headers}
    return mail(sender, to, "Out of office: A question", "I am away until 2 November.", **reply_headers)  # type: ignore[arg-type]


def bounce_mail(
    to: str, failed_recipient: str, original_message_id: str, *, status: str = "5.1.1", action: str = "failed",
    diagnostic: str = "550 5.1.1 no such user here",
) -> bytes:  # fmt: skip
    """Return a delivery status notification (RFC 3464) for a mail with this Message-ID and one recipient."""
    boundary = f"=_{secrets.token_hex(8)}"
    lines = [
        "Return-Path: <>",
        f"From: Mail Delivery System <MAILER-DAEMON@{MX}>",
        f"To: {to}",
        "Subject: Undelivered Mail Returned to Sender",
        f"Date: {format_datetime(WRITTEN_AT)}",
        f"Message-ID: <{secrets.token_hex(8)}@{MX}>",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        f"This is the mail system at {MX}. Your message could not be delivered.",
        f"--{boundary}",
        "Content-Type: message/delivery-status",
        "",
        f"Reporting-MTA: dns; {MX}",
        "",
        f"Final-Recipient: rfc822; {failed_recipient}",
        f"Action: {action}",
        f"Status: {status}",
        f"Diagnostic-Code: smtp; {diagnostic}",
        "",
        f"--{boundary}",
        "Content-Type: text/rfc822-headers",
        "",
        f"From: {DESK_ADDRESS}",
        f"To: {failed_recipient}",
        f"Message-ID: {original_message_id}",
        "Subject: A question for you",
        "",
        f"--{boundary}--",
        "",
    ]
    return "\r\n".join(lines).encode()


def complaint_mail(to: str, original_message_id: str) -> bytes:
    """Return a provider's report of a reader's spam complaint (ARF, RFC 5965)."""
    boundary = f"=_{secrets.token_hex(8)}"
    lines = [
        "From: feedback@provider.example",
        f"To: {to}",
        "Subject: Email feedback report",
        f"Date: {format_datetime(WRITTEN_AT)}",
        f"Message-ID: <{secrets.token_hex(8)}@provider.example>",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=feedback-report; boundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        "This is an email abuse report.",
        f"--{boundary}",
        "Content-Type: message/feedback-report",
        "",
        "Feedback-Type: abuse",
        "User-Agent: Provider/1.0",
        "Version: 1",
        "",
        f"--{boundary}",
        "Content-Type: message/rfc822",
        "",
        f"From: {DESK_ADDRESS}",
        f"Message-ID: {original_message_id}",
        "Subject: Your question",
        "",
        "Here it is.",
        "",
        f"--{boundary}--",
        "",
    ]
    return "\r\n".join(lines).encode()


def _build_text(body: str, html: str | None) -> MIMEMultipart | MIMENonMultipart:
    plain = _build_text_part(body, "plain")
    if html is None:
        return plain
    alternative = MIMEMultipart("alternative")
    alternative.attach(plain)
    alternative.attach(_build_text_part(html, "html"))
    return alternative


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
    mixed = MIMEMultipart("mixed")
    mixed.attach(text)
    for name, content in attachments:
        part = MIMEApplication(content)
        part.add_header("Content-Disposition", "attachment", filename=("utf-8", "", name))
        mixed.attach(part)
    return mixed


def _encode_address(text: str) -> str:
    name, address = parseaddr(text)
    if name and not name.isascii() and address:
        return formataddr((name, address), "utf-8")
    return text


def _encode_header(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8").encode()


def encode_base64(raw: bytes) -> str:
    """Return a mail as `--jsonl` reads it."""
    return b64encode(raw).decode()


FORWARDED_NAME, FORWARDED_ADDRESS = "Timur Aliev", "timur@post.example"
NORAS_ADDRESS = "Nora Lind <nora@desk.example>"
FORWARD_ADDRESS = "ask+forward@steppe.example"


@dataclass(frozen=True)
class ForwardLanguage:
    """The texts of mail programs in a language, and a forwarded question with a comment by Nora.

    The texts are names of headers, the separators of Gmail, Thunderbird and Apple Mail, and a date.
    """

    sender: str
    sent: str
    date: str
    to: str
    subject: str
    gmail: str
    thunderbird: str
    apple: str
    question: str
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
ForwardBody = tuple[str, str | None]  # plain text, and HTML if the program sends it


def _to_html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>\n")


def gmail(texts: ForwardLanguage, author: str, question: str, comment: str) -> ForwardBody:
    head = (
        f"---------- {texts.gmail} ---------\n{texts.sender}: {author}\n"
        f"{texts.date}: {texts.day}\n{texts.subject}: Salt\n{texts.to}: <nora@desk.example>\n"
    )
    html = (
        f'<div dir="ltr">{_to_html(comment)}<br><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">'
        f"{_to_html(head)}</div><br><br>{_to_html(question)}</div></div>"
    )
    return f"{comment}\n\n{head}\n\n{question}\n", html


def outlook(texts: ForwardLanguage, author: str, question: str, comment: str) -> ForwardBody:
    head = (
        f"{texts.sender}: {author}\n{texts.sent}: {texts.day}\n"
        f"{texts.to}: Nora Lind <nora@desk.example>\n{texts.subject}: Salt\n"
    )
    bold = "".join(
        f"<b>{line.replace(':', ':</b>', 1)}<br>" for line in _to_html(head).replace("<br>", "").splitlines()
    )
    html = (
        f"<div>{_to_html(comment)}</div><hr><div id='divRplyFwdMsg' dir='ltr'>{bold}</div>"
        f"<div>{_to_html(question)}</div>"
    )
    return f"{comment}\n\n________________________________\n{head}\n{question}\n", html


def outlook_old(texts: ForwardLanguage, author: str, question: str, comment: str) -> ForwardBody:
    bracketed_author = author.replace("<", "[mailto:").replace(">", "]")
    return outlook(texts, bracketed_author, question, comment)[0].replace("_" * 32 + "\n", ""), None


def apple(texts: ForwardLanguage, author: str, question: str, comment: str) -> ForwardBody:
    inner = (
        f"{texts.sender}: {author}\n{texts.subject}: Salt\n{texts.date}: {texts.day}\n"
        f"{texts.to}: Nora Lind <nora@desk.example>\n\n{question}"
    )
    quoted = "\n".join(f"> {line}".rstrip() for line in inner.splitlines())
    html = (
        f"<div>{_to_html(comment)}</div><br><div><blockquote type='cite'><div>{_to_html(texts.apple)}</div><br>"
        f"{_to_html(inner)}</blockquote></div>"
    )
    return f"{comment}\n\n{texts.apple}\n\n{quoted}\n", html


def thunderbird(texts: ForwardLanguage, author: str, question: str, comment: str) -> ForwardBody:
    head = (
        f"-------- {texts.thunderbird} --------\n{texts.subject}: \tSalt\n"
        f"{texts.date}: \t{texts.day}\n{texts.sender}: \t{author}\n{texts.to}: \tNora Lind <nora@desk.example>\n"
    )
    return f"{comment}\n\n{head}\n\n\n{question}\n", None


def yahoo(texts: ForwardLanguage, author: str, question: str, comment: str) -> ForwardBody:
    head = (
        f"----- {texts.thunderbird} -----\n{texts.sender}: {author}\n"
        f"{texts.to}: nora@desk.example <nora@desk.example>\n{texts.sent}: {texts.day}\n{texts.subject}: Salt\n"
    )
    return f"{comment}\n\n{head}\n{question}\n", None


def proton(texts: ForwardLanguage, author: str, question: str, comment: str) -> ForwardBody:
    head = (
        f"------- {texts.gmail} -------\n{texts.sender}: {author}\n{texts.date}: {texts.day}\n{texts.subject}: Salt\n"
        f"{texts.to}: nora@desk.example <nora@desk.example>\n"
    )
    return f"{comment}\n\n{head}\n> {question}\n".replace("\n> ", "\n\n"), None


FORWARD_PROGRAMS: dict[str, Callable[[ForwardLanguage, str, str, str], ForwardBody]] = {
    "gmail": gmail, "outlook": outlook, "outlook_old": outlook_old, "apple": apple, "thunderbird": thunderbird,
    "yahoo": yahoo, "proton": proton,
}  # fmt: skip


def forward_mail(
    program: str,
    language: str = "en",
    author: str = f"{FORWARDED_NAME} <{FORWARDED_ADDRESS}>",
    question: str = "",
    comment: str | None = None,
    with_html: bool = True,
    **headers: Any,
) -> bytes:
    """Return a mail that Nora forwards with a mail program, authenticated by our server.

    `question` and `comment` are those of `FORWARD_LANGUAGES` by default; further arguments are those of
    `forwarded_mail`.
    """
    texts = FORWARD_LANGUAGES[language]
    plain, html = FORWARD_PROGRAMS[program](
        texts, author, question or texts.question, texts.comment if comment is None else comment
    )
    return forwarded_mail(plain, html if with_html else None, **headers)


def forwarded_mail(
    plain_text: str,
    html: str | None = None,
    sender: str = NORAS_ADDRESS,
    to: str = FORWARD_ADDRESS,
    authentication_results: str = "",
    **headers: Headers,
) -> bytes:
    """Return a forward with these bodies, by default with the Authentication-Results of its sender."""
    results = authentication_results or _authenticate(sender)
    return mail(sender, to, "Fwd: Salt", plain_text, html=html, Authentication_Results=results, **headers)  # type: ignore[arg-type]


def _authenticate(sender: str) -> str:
    return dmarc_pass(sender.rpartition("<")[2].rstrip(">"))


def forward_as_attachments(
    *mails: bytes, comment: str = "Please take this one.", sender: str = NORAS_ADDRESS, authentication_results: str = ""
) -> bytes:
    """Return a mail with other mails as attachments."""
    outer = EmailMessage()
    outer["From"], outer["To"], outer["Subject"] = sender, FORWARD_ADDRESS, "Fwd: Salt"
    outer["Date"], outer["Message-ID"] = format_datetime(WRITTEN_AT), "<forward@desk.example>"
    outer.set_content(comment)
    for raw in mails:
        outer.add_attachment(_parse_mail(raw), filename="Salt.eml")
    results = authentication_results or _authenticate(sender)
    trace_headers = f"Authentication-Results: {results}\r\nReceived: {RECEIVED_LINE}\r\n"
    return trace_headers.encode() + _with_crlf(outer.as_bytes())


def _parse_mail(raw: bytes) -> EmailMessage:
    message = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(message, EmailMessage)
    return message
