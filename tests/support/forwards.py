"""Mails as programs write them when somebody forwards one: seven programs, in six languages, by invented people."""

from collections.abc import Callable
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import format_datetime

from tests.support.incoming_mails import AT, HOP, checked, mail

NAME, ADDRESS = "Timur Aliev", "timur@post.example"
NORA = "Nora Lind <nora@desk.example>"
TO = "ask+forward@steppe.example"


@dataclass(frozen=True)
class Tongue:
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


TONGUES = {
    "en": Tongue(
        "From", "Sent", "Date", "To", "Subject", "Forwarded message", "Forwarded Message", "Begin forwarded message:",
        "Who weighs the salt that falls on Karakol?", "Please take this one, she knows the place.",
        "Monday, October 12, 2026 10:00 AM",
    ),
    "de": Tongue(
        "Von", "Gesendet", "Datum", "An", "Betreff", "Forwarded message", "Weitergeleitete Nachricht",
        "Anfang der weitergeleiteten Nachricht:", "Wer wiegt das Salz, das auf Karakol fällt?",
        "Bitte nehmt das auf, sie kennt den Ort.", "Montag, 12. Oktober 2026 10:00",
    ),
    "fr": Tongue(
        "De", "Envoyé", "Date", "À", "Objet", "Forwarded message", "Message transféré", "Début du message transféré :",
        "Qui pèse le sel qui tombe sur Karakol ?", "À prendre, elle connaît l’endroit.", "lundi 12 octobre 2026 10:00",
    ),
    "es": Tongue(
        "De", "Enviado", "Fecha", "Para", "Asunto", "Forwarded message", "Mensaje reenviado",
        "Inicio del mensaje reenviado:", "¿Quién pesa la sal que cae sobre Karakol?", "Tomad esta, conoce el lugar.",
        "lunes, 12 de octubre de 2026 10:00",
    ),
    "ru": Tongue(
        "От", "Отправлено", "Дата", "Кому", "Тема", "Forwarded message", "Перенаправленное сообщение",
        "Начало переадресованного сообщения:", "Кто взвешивает соль, которая падает на Каракол?",
        "Возьмите это, она знает место.", "понедельник, 12 октября 2026 г. 10:00",
    ),
    "fa": Tongue(
        "از", "ارسال", "تاریخ", "به", "موضوع", "Forwarded message", "پیام هدایت شده", "شروع پیام بازارسال شده:",
        "چه کسی نمکی را که بر قره‌قول می‌بارد وزن می‌کند؟", "این را بردارید، او آنجا را می‌شناسد.",
        "دوشنبه ۱۲ اکتبر ۲۰۲۶ ۱۰:۰۰",
    ),
}  # fmt: skip
Body = tuple[str, str | None]  # plain, and the page where the program writes one


def _page(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>\n")


def gmail(t: Tongue, author: str, words: str, comment: str) -> Body:
    head = (
        f"---------- {t.gmail} ---------\n{t.sender}: {author}\n{t.date}: {t.day}\n{t.subject}: Salt\n"
        f"{t.to}: <nora@desk.example>\n"
    )
    page = (
        f'<div dir="ltr">{_page(comment)}<br><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">'
        f"{_page(head)}</div><br><br>{_page(words)}</div></div>"
    )
    return f"{comment}\n\n{head}\n\n{words}\n", page


def outlook(t: Tongue, author: str, words: str, comment: str) -> Body:
    head = f"{t.sender}: {author}\n{t.sent}: {t.day}\n{t.to}: Nora Lind <nora@desk.example>\n{t.subject}: Salt\n"
    bold = "".join(f"<b>{line.replace(':', ':</b>', 1)}<br>" for line in _page(head).replace("<br>", "").splitlines())
    page = f"<div>{_page(comment)}</div><hr><div id='divRplyFwdMsg' dir='ltr'>{bold}</div><div>{_page(words)}</div>"
    return f"{comment}\n\n________________________________\n{head}\n{words}\n", page


def outlook_old(t: Tongue, author: str, words: str, comment: str) -> Body:
    bracketed = author.replace("<", "[mailto:").replace(">", "]")
    return outlook(t, bracketed, words, comment)[0].replace("_" * 32 + "\n", ""), None


def apple(t: Tongue, author: str, words: str, comment: str) -> Body:
    inner = (
        f"{t.sender}: {author}\n{t.subject}: Salt\n{t.date}: {t.day}\n{t.to}: Nora Lind <nora@desk.example>\n\n{words}"
    )
    quoted = "\n".join(f"> {line}".rstrip() for line in inner.splitlines())
    page = f"<div>{_page(comment)}</div><br><div><blockquote type='cite'><div>{_page(t.apple)}</div><br>{_page(inner)}</blockquote></div>"
    return f"{comment}\n\n{t.apple}\n\n{quoted}\n", page


def thunderbird(t: Tongue, author: str, words: str, comment: str) -> Body:
    head = (
        f"-------- {t.thunderbird} --------\n{t.subject}: \tSalt\n{t.date}: \t{t.day}\n{t.sender}: \t{author}\n"
        f"{t.to}: \tNora Lind <nora@desk.example>\n"
    )
    return f"{comment}\n\n{head}\n\n\n{words}\n", None


def yahoo(t: Tongue, author: str, words: str, comment: str) -> Body:
    head = (
        f"----- {t.thunderbird} -----\n{t.sender}: {author}\n{t.to}: nora@desk.example <nora@desk.example>\n"
        f"{t.sent}: {t.day}\n{t.subject}: Salt\n"
    )
    return f"{comment}\n\n{head}\n{words}\n", None


def proton(t: Tongue, author: str, words: str, comment: str) -> Body:
    head = (
        f"------- {t.gmail} -------\n{t.sender}: {author}\n{t.date}: {t.day}\n{t.subject}: Salt\n"
        f"{t.to}: nora@desk.example <nora@desk.example>\n"
    )
    return f"{comment}\n\n{head}\n> {words}\n".replace("\n> ", "\n\n"), None


PROGRAMS: dict[str, Callable[[Tongue, str, str, str], Body]] = {
    "gmail": gmail, "outlook": outlook, "outlook_old": outlook_old, "apple": apple, "thunderbird": thunderbird,
    "yahoo": yahoo, "proton": proton,
}  # fmt: skip


def forward(
    program: str,
    language: str = "en",
    author: str = f"{NAME} <{ADDRESS}>",
    words: str = "",
    comment: str | None = None,
    page: bool = True,
    **more: str,
) -> bytes:
    """What Nora forwards, shown to be hers by our own server."""
    tongue = TONGUES[language]
    said = tongue.comment if comment is None else comment
    plain, html = PROGRAMS[program](tongue, author, words or tongue.words, said)
    return sent(plain, html if page else None, **more)


def sent(plain: str, html: str | None = None, sender: str = NORA, to: str = TO, proof: str = "", **more: str) -> bytes:
    address = sender.rpartition("<")[2].rstrip(">")
    headers = {"Authentication_Results": proof or checked(address), **more}
    return mail(sender, to, "Fwd: Salt", plain, html=html, **headers)


def hung(*inner: bytes, comment: str = "Please take this one.", sender: str = NORA, proof: str = "") -> bytes:
    """Messages forwarded as attachments."""
    outer = EmailMessage()
    outer["From"], outer["To"], outer["Subject"] = sender, TO, "Fwd: Salt"
    outer["Date"], outer["Message-ID"] = format_datetime(AT), "<forward@desk.example>"
    outer.set_content(comment)
    for raw in inner:
        outer.add_attachment(_message(raw), filename="Salt.eml")
    address = sender.rpartition("<")[2].rstrip(">")
    above = f"Authentication-Results: {proof or checked(address)}\r\nReceived: {HOP}\r\n"
    return above.encode() + outer.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _message(raw: bytes) -> EmailMessage:
    found = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(found, EmailMessage)
    return found
