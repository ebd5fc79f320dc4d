"""One mail as plain values, and its HTML form, which is rendered from the same text."""

import re
from dataclasses import dataclass, replace

from jinja2 import Environment, PackageLoader

from ..text.clean import for_print, single_line
from ..text.languages import direction
from ..text.translation import interface_language

_pages = Environment(loader=PackageLoader("app.mail"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
REMOVAL_PATH = "/expert/remove"  # the page on which experts remove themselves
LONGEST_HEADLINE = 90  # characters; a question without a headline is quoted by its wording
# Punctuation that ends a sentence or closes a bracket after a URL is not part of it.
_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]}'’”»،؛؟。，]")


@dataclass(frozen=True)
class Message:
    """A mail to one person. Without `from_address` it is sent from the installation's address.

    `return_token` is the secret in its return path. `unsubscribe` is the one-click unsubscribe URL (RFC 8058), and
    `list_id` the list identifier without angle brackets (RFC 2919). `in_reply_to` and `references` are Message-IDs
    with angle brackets.
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
    """The sender of a mail, with the language, the time zone and the current year: dates in other years name the year.

    Mails to experts and translators are sent in the name of the `editor`, from the newsletter's `address`; all others
    in the name of the newsletter, from the installation's address. `removal_link` is the page on which experts remove
    themselves, the same for all of them.
    """

    newsletter: str = "Readers Asked"
    editor: str = ""
    address: str | None = None
    language: str = "en"
    zone: str = "UTC"
    year: int | None = None
    removal_link: str = ""


@dataclass(frozen=True)
class TextRun:
    """A run of text, a link if it has `href`."""

    text: str
    href: str | None = None


@dataclass(frozen=True)
class MailParagraph:
    """A paragraph as lines of text runs; `is_quotation` if each line began with ">"."""

    is_quotation: bool
    lines: list[list[TextRun]]


def shortened(text: str, size: int) -> str:
    """Return the text on one line, with its middle left out if it has more than `size` characters."""
    line = single_line(text)
    if len(line) <= size:
        return line
    half = size // 2
    return f"{line[:half].rstrip()} […] {line[-half:].lstrip()}"


def short(headline: str) -> str:
    """Return a headline shortened for a mail."""
    return shortened(headline, LONGEST_HEADLINE)


def quote(text: str) -> str:
    """Quote a text with "> " before each line."""
    return "\n".join(f"> {line}".rstrip() for line in for_print(text).splitlines())


def parse_blocks(text: str) -> list[MailParagraph]:
    """Parse the text of a mail into paragraphs, quotations and links, to render it as HTML."""
    blocks = []
    for paragraph in re.split(r"\n(?:[ \t]*\n)+", text.strip("\n")):
        lines = paragraph.split("\n")
        is_quotation = all(line.startswith(">") for line in lines)
        if is_quotation:
            lines = [line.removeprefix(">").strip() for line in lines]
        blocks.append(MailParagraph(is_quotation, [_split_at_links(line) for line in lines]))
    return blocks


def compose(kind: str, sender: Sender, address: str, name: str, subject: str, text: str) -> Message:
    """Compose a mail. If the sender has no address, the mail comes from the installation's, without Reply-To."""
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
    """Return the mail with another subject and text, and the HTML form rendered from them."""
    subject, text = single_line(subject), for_print(text).strip("\n") + "\n"
    return replace(message, subject=subject, text=text, html=_html(message.language, subject, text))


def _html(language: str, subject: str, text: str) -> str:
    language = interface_language(language)
    return _pages.get_template("letter.html").render(
        language=language, direction=direction(language), subject=subject, blocks=parse_blocks(text)
    )


def _split_at_links(line: str) -> list[TextRun]:
    runs = []
    link_end = 0
    for match in _LINK.finditer(line):
        url = match.group()
        runs += [TextRun(line[link_end : match.start()]), TextRun(url, href=url)]
        link_end = match.end()
    runs.append(TextRun(line[link_end:]))
    return [run for run in runs if run.text]
