"""One mail as plain values, and its HTML form, which is set from the same text."""

import re
from dataclasses import dataclass, replace

from jinja2 import Environment, PackageLoader

from ..text.clean import for_print, single_line
from ..text.languages import direction
from ..text.translation import interface_language

_pages = Environment(loader=PackageLoader("app.mail"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
HEADLINE = 90  # characters of a headline in a mail; where a question has none yet, its wording stands for it
# What ends a sentence or closes a bracket after an address is not part of it.
_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]}'’”»،؛؟。，]")


@dataclass(frozen=True)
class Message:
    """A mail to one person. Without `from_address` it comes from the house's own address.

    `return_token` is the secret in its return path. `unsubscribe` is the address whose POST stops such mails (RFC
    8058), `list_id` names what they are part of, without angle brackets (RFC 2919). `in_reply_to` and `references` are
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
    """The writer of a mail, and the manner: in which language, in whose time zone, and in which year: a date in another
    one says so.

    To experts the `editor` writes by name from the newsletter's `address`; to all others the newsletter, or the house.
    """

    newsletter: str = "Readers Asked"
    editor: str = ""
    address: str | None = None
    language: str = "en"
    zone: str = "UTC"
    year: int | None = None


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


def compose(kind: str, sender: Sender, address: str, name: str, subject: str, text: str) -> Message:
    """Put a mail together; without an address of the sender it comes from the house's own, and nobody can reply."""
    subject, text = single_line(subject), for_print(text) + "\n"
    return Message(
        kind=kind,
        to=address,
        to_name=single_line(name),
        subject=subject,
        text=text,
        language=sender.language,
        from_name=single_line(sender.editor or sender.newsletter),
        html=_html(sender.language, subject, text),
        from_address=sender.address,
        reply_to=sender.address,
    )


def replace_text(message: Message, subject: str, text: str) -> Message:
    """The same mail with other words; its HTML form is set anew from them."""
    subject, text = single_line(subject), for_print(text).strip("\n") + "\n"
    return replace(message, subject=subject, text=text, html=_html(message.language, subject, text))


def _html(language: str, subject: str, text: str) -> str:
    language = interface_language(language)
    return _pages.get_template("letter.html").render(
        language=language, direction=direction(language), subject=subject, blocks=blocks(text)
    )


def _pieces(line: str) -> list[Piece]:
    pieces, end = [], 0
    for match in _LINK.finditer(line):
        pieces += [Piece(line[end : match.start()]), Piece(match.group(), match.group())]
        end = match.end()
    return [piece for piece in (*pieces, Piece(line[end:])) if piece.text]
