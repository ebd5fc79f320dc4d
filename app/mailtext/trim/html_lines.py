"""Lines of an HTML mail, marked by the containers of mail programs as quote, attribution or signature.

Webmail clients prefix class names of the mails that they show ("x_gmail_quote", "m_-123gmail_quote"), so names are
compared without such prefixes.
"""

import re
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache

from selectolax.lexbor import LexborNode

from ...text.word_tables import word_tables
from ..parsing.html_tree import Attributes, walk
from .lines import MOST_LINES, Line, Mark, read, reader, with_bars


class Role(Enum):
    """The meaning of a container for its content; each is a table in containers.toml, and described there."""

    THREAD = "thread"
    INTRO = "intro"
    QUOTE = "quote"
    REST = "rest"
    SIGN = "sign"


@dataclass(frozen=True, slots=True)
class Containers:
    """The content of containers.toml.

    `named` maps (attribute, name) to a role, `citing` holds classes of blockquotes, `begins` prefixes of names, and
    `styled` groups of declarations that must all be in the style of a div.
    """

    named: dict[tuple[str, str], Role]
    citing: frozenset[str]
    begins: tuple[tuple[str, Role], ...]
    styled: tuple[tuple[str, ...], ...]


@cache
def containers() -> Containers:
    """Load containers.toml, once."""
    table = word_tables(__file__, "containers")
    return Containers(
        {
            (attribute, name): role
            for role in Role
            for attribute, names in table[role.value].items()
            for name in names.split()
        },
        frozenset(table["blockquote"]["class"].split()),
        tuple((start, Role(role)) for start, role in table["begins"].items()),
        tuple(map(tuple, table["div"]["style"])),
    )


PREFIX = re.compile(r"(?:x_|ecx|m_-?\d{1,30}_?|yiv\d{1,20}|ydp[0-9a-f]{1,16})+")
SPACE = re.compile(r"[ \t\r\n\f]+")
APART = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "table", "hr"})
SECTIONS = ("address", "article", "aside", "body", "footer", "header", "html", "main", "nav", "section")
GROUPS = ("center", "dd", "div", "dl", "dt", "fieldset", "figure", "form", "includetail", "li")
BLOCKS = APART.union(SECTIONS, GROUPS, ("tbody", "td", "tfoot", "th", "thead", "tr"))
FORMS = frozenset({"select", "textarea", "button"})
SILENT = FORMS | {"head", "style", "script", "title", "meta", "link", "noscript", "template", "object", "svg"}
HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all")
MOST_THREADS = 20  # thread containers that are searched for a blockquote; a mail has one
CELLS = frozenset({"td", "th"})
MARKS = {Role.QUOTE: Mark.QUOTED, Role.INTRO: Mark.INTRO, Role.SIGN: Mark.SIGN}


@dataclass(frozen=True, slots=True)
class WalkState:
    """The state of the surrounding containers. `thread` numbers a container in which quotes and answers alternate."""

    mark: Mark = Mark.WRITTEN
    thread: int = 0
    pre: bool = False


class Writer:
    """A builder of the visible lines of a page, each with its mark."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, Mark]] = []
        self.parts: list[str] = []
        self.mark = Mark.WRITTEN
        self.rest = False
        self.pre = False

    def text(self, text: str, state: WalkState) -> None:
        mark = Mark.QUOTED if self.rest else state.mark
        if mark is not self.mark and self.parts:
            self.line()
        self.mark, self.pre = mark, state.pre
        if state.pre:
            first, *others = text.split("\n")
            self.parts.append(first)
            for other in others:
                self.line(empty=True)
                self.parts.append(other)
            return
        self.parts.append(SPACE.sub(" ", text))

    def line(self, *, empty: bool = False) -> None:
        if not self.parts:
            if empty and self.lines[-2:] != [("", self.mark)] * 2:
                self.lines.append(("", self.mark))
            return
        text = "".join(self.parts)
        if not self.pre:
            text = SPACE.sub(" ", text).strip(" ")
        self.parts.clear()
        if text.strip(" \n") or empty:  # a no-break space counts: programs write empty lines with it
            self.lines.append((text.replace("\u00a0", " ").rstrip(), self.mark))

    def gap(self) -> None:
        self.line()
        if self.lines and self.lines[-1][0]:
            self.lines.append(("", self.mark))

    def enter(self, tag: str, attributes: Attributes) -> None:
        if tag == "img":
            alt = attributes.get("alt") or ""
            if 0 < len(alt) <= 8 and not alt.isascii():
                self.parts.append(alt)  # an emoji, which some programs send as a picture
        elif tag == "br":
            self.line(empty=True)
        elif tag in CELLS:
            self.parts.append(" ")
        elif tag in APART and "mso" not in (attributes.get("class") or "").lower():
            self.gap()
        elif tag in BLOCKS:
            self.line()

    def leave(self, tag: str) -> None:
        if tag in BLOCKS and tag not in CELLS:
            self.line()
            if tag in APART and tag != "p":
                self.gap()


def of_html(html: str) -> tuple[list[Line], bool]:
    """Return the lines of a page, and whether it has a container of a mail program."""
    writer = Writer()
    reading = Reading(writer)
    walk(html, reading, WalkState())
    writer.line()
    once = reader()
    lines = [once(text, mark) for text, mark in writer.lines[:MOST_LINES]]
    if len(writer.lines) > MOST_LINES:
        lines.append(read("\n".join(text for text, _ in writer.lines[MOST_LINES:]), writer.lines[MOST_LINES][1]))
    return with_bars(lines), reading.signed


class Reading:
    """A visitor of a page that passes the text to a `Writer` with the marks of its containers."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.signed = False  # whether a container of a mail program was seen
        self.threads = 0
        self.quoting: set[int] = set()  # the threads in which a blockquote has begun

    def enter(self, tag: str, attributes: Attributes, state: WalkState, node: LexborNode) -> WalkState | None:
        if tag in SILENT or HIDDEN.search((attributes.get("style") or "")[:300].lower()):
            return None
        inner = self._inside(node, tag, attributes, state)
        self.writer.enter(tag, attributes)
        return inner

    def leave(self, tag: str, _: WalkState) -> None:
        self.writer.leave(tag)

    def _inside(self, node: LexborNode, tag: str, attributes: Attributes, state: WalkState) -> WalkState:
        """Return the state inside an element."""
        role = role_of(tag, attributes) if attributes else None
        if role is not None and not self.writer.rest:
            self.signed = True
            if role is Role.THREAD and not state.thread and state.mark is Mark.WRITTEN:
                self.threads += 1
                quotes = self.threads > MOST_THREADS or node.css_first("blockquote") is not None
                state = replace(state, thread=self.threads) if quotes else replace(state, mark=Mark.QUOTED)
            elif role is Role.REST and state.mark is Mark.WRITTEN:
                self.writer.line()
                self.writer.rest = True
            elif role in MARKS and state.mark not in (Mark.QUOTED, Mark.CITED, Mark.SET):
                state = replace(state, mark=MARKS[role])
        if tag == "blockquote" and state.mark not in (Mark.QUOTED, Mark.CITED):
            cite = Mark.CITED if attributes.get("type") == "cite" else Mark.SET
            state = replace(state, mark=Mark.QUOTED if state.thread else cite)
            self.quoting.add(state.thread)
        return replace(state, pre=True) if tag == "pre" else state

    def text(self, text: str, place: WalkState) -> None:
        if place.thread and place.mark is Mark.WRITTEN and place.thread not in self.quoting:
            # The text before the first quote in a thread is the attribution, or a complete forwarded mail.
            place = replace(place, mark=Mark.QUOTED if text.lstrip().startswith("-----") else Mark.INTRO)
        self.writer.text(text, place)


def role_of(tag: str, attributes: Attributes) -> Role | None:
    """Return the role of an element, from its class, ID, name, type or style; None if it is no known container."""
    known = containers()
    for key in ("class", "id", "name", "type", "data-marker", "data-name"):
        value = attributes.get(key)
        if not value:
            continue
        if key == "class" and "readers-asked-mail" in value:
            return Role.QUOTE
        for token in value[:400].lower().split():
            bare = PREFIX.sub("", token, count=1) if token.startswith(("x_", "ecx", "m_", "yiv", "ydp")) else token
            if tag == "blockquote" and bare in known.citing:
                return Role.QUOTE
            if tag != "blockquote" and (key, bare) in known.named:
                return known.named[key, bare]
            for start, begun in known.begins:
                if bare.startswith(start):
                    return begun
    style = SPACE.sub("", (attributes.get("style") or "")[:600].lower())
    if tag == "hr" and attributes.get("tabindex") == "-1":
        return Role.REST
    if tag == "div" and style and any(all(part in style for part in parts) for parts in known.styled):
        return Role.REST
    return None
