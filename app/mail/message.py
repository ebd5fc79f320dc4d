"""One mail as plain values, and its HTML form, which is set from the same text."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from jinja2 import Environment, PackageLoader

from ..languages import direction
from ..text import for_print, single_line
from . import translation
from .translation import say

_pages = Environment(loader=PackageLoader("app.mail"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
HEADLINE = 90  # characters of a headline in a mail; where a question has none yet, its wording stands for it
# What ends a sentence or closes a bracket after an address is not part of it.
_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]}'’”»،؛؟。，]")


@dataclass(frozen=True)
class Message:
    """A mail to one person. Without `from_address` it comes from the house's own address.

    `return_token` is the secret in its return path. `unsubscribe` is the address whose POST stops such mails (RFC 8058),
    `list_id` names what they are part of, without angle brackets (RFC 2919). `in_reply_to` and `references` are
    Message-IDs with their angle brackets.
    """

    kind: str
    to: str
    to_name: str
    subject: str
    text: str
    language: str
    from_name: str
    html: str | None = None
    from_address: str | None = None
    reply_to: str | None = None
    return_token: str | None = None
    unsubscribe: str | None = None
    list_id: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sender:
    """Who writes to experts: the editor by name, for a newsletter, from its address; times are told in `zone`.

    `year` is the one in which the mail is written: a date in another year says which.
    """

    newsletter: str
    editor: str
    address: str
    language: str
    zone: str
    year: int | None = None

    def day(self, when: date) -> str:
        return translation.day(self.language, when, self.zone, self.year)

    def short_day(self, when: date) -> str:
        return translation.short_day(self.language, when, self.zone, self.year)

    def moment(self, when: datetime) -> str:
        return translation.moment(self.language, when, self.zone, self.year)


@dataclass(frozen=True)
class Piece:
    text: str
    href: str | None = None


@dataclass(frozen=True)
class Block:
    """A paragraph as lines of pieces; `quoted` where its lines begin with ">"."""

    quoted: bool
    lines: list[list[Piece]]


def shortened(text: str, size: int) -> str:
    """A text on one line, its middle left out where it has more than `size` characters."""
    line, half = single_line(text), size // 2
    return line if len(line) <= size else f"{line[:half].rstrip()} […] {line[-half:].lstrip()}"


def short(headline: str) -> str:
    """A headline as it stands in a mail."""
    return shortened(headline, HEADLINE)


def quote(text: str) -> str:
    """Set somebody's words off as mail does."""
    return "\n".join(f"> {line}".rstrip() for line in for_print(text).splitlines())


def blocks(text: str) -> list[Block]:
    """Read a mail's text back as paragraphs, quotations and links, for a page that shows it."""
    found = []
    for paragraph in re.split(r"\n(?:[ \t]*\n)+", text.strip("\n")):
        lines = paragraph.split("\n")
        quoted = all(line.startswith(">") for line in lines)
        found.append(Block(quoted, [_pieces(line.removeprefix(">").strip() if quoted else line) for line in lines]))
    return found


def compose(
    kind: str,
    language: str,
    to: str,
    to_name: str,
    subject: str,
    paragraphs: Iterable[str | None],
    from_name: str,
    from_address: str | None = None,
) -> Message:
    """Put a letter together; paragraphs that are None or empty are left out.

    `from_address`, where given, is also where replies go.
    """
    subject = single_line(subject)
    text = "\n\n".join(filter(None, (for_print(paragraph or "") for paragraph in paragraphs))) + "\n"
    return Message(
        kind=kind,
        to=to,
        to_name=single_line(to_name),
        subject=subject,
        text=text,
        language=language,
        from_name=single_line(from_name),
        html=_html(language, subject, text),
        from_address=from_address,
        reply_to=from_address,
    )


def signed(kind: str, sender: Sender, to: str, name: str, subject: str, paragraphs: Iterable[str | None]) -> Message:
    """A letter from the editor by name, to which replies come back."""
    dear = say(sender.language).gettext("Dear %(name)s,") % {"name": name}
    return compose(
        kind,
        sender.language,
        to,
        name,
        subject,
        (dear, *paragraphs, f"{sender.editor}\n{sender.newsletter}"),
        sender.editor,
        sender.address,
    )


def reworded(message: Message, subject: str, text: str) -> Message:
    """The same mail with other words; its HTML form is set anew from them."""
    subject, text = single_line(subject), for_print(text).strip("\n") + "\n"
    return replace(message, subject=subject, text=text, html=_html(message.language, subject, text))


def _html(language: str, subject: str, text: str) -> str:
    return _pages.get_template("letter.html").render(
        language=language, direction=direction(language), subject=subject, blocks=blocks(text)
    )


def _pieces(line: str) -> list[Piece]:
    pieces, end = [], 0
    for match in _LINK.finditer(line):
        pieces += [Piece(line[end : match.start()]), Piece(match.group(), match.group())]
        end = match.end()
    return [piece for piece in (*pieces, Piece(line[end:])) if piece.text]
