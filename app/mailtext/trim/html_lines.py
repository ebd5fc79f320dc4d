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
from .lines import MOST_LINES, Line, LineMark, cached_reader, mark_barred_lines, read


class ContainerRole(Enum):
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

    named: dict[tuple[str, str], ContainerRole]
    citing: frozenset[str]
    begins: tuple[tuple[str, ContainerRole], ...]
    styled: tuple[tuple[str, ...], ...]


@cache
def containers() -> Containers:
    """Load containers.toml, once."""
    table = word_tables(__file__, "containers")
    return Containers(
        {
            (attribute, name): role
            for role in ContainerRole
            for attribute, names in table[role.value].items()
            for name in names.split()
        },
        frozenset(table["blockquote"]["class"].split()),
        tuple((start, ContainerRole(role)) for start, role in table["begins"].items()),
        tuple(map(tuple, table["div"]["style"])),
    )


PREFIX = re.compile(  # of webmail clients, such as "x_" in "x_gmail_quote"
    r"(?:x_|ecx|m_-?\d{1,30}_?|yiv\d{1,20}|ydp[0-9a-f]{1,16})+"
)
SPACE = re.compile(r"[ \t\r\n\f]+")
SPACED = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "table", "hr"})
SECTIONS = ("address", "article", "aside", "body", "footer", "header", "html", "main", "nav", "section")
GROUPS = ("center", "dd", "div", "dl", "dt", "fieldset", "figure", "form", "includetail", "li")
BLOCKS = SPACED.union(SECTIONS, GROUPS, ("tbody", "td", "tfoot", "th", "thead", "tr"))
FORMS = frozenset({"select", "textarea", "button"})
INVISIBLE = FORMS | {"head", "style", "script", "title", "meta", "link", "noscript", "template", "object", "svg"}
HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all")
MOST_THREADS = 20  # thread containers that are searched for a blockquote; a mail has one
CELLS = frozenset({"td", "th"})
MARKS = {ContainerRole.QUOTE: LineMark.QUOTED, ContainerRole.INTRO: LineMark.INTRO, ContainerRole.SIGN: LineMark.SIGN}


@dataclass(frozen=True, slots=True)
class WalkState:
    """The state of the surrounding containers.

    `thread` is the number of the surrounding container in which quotes and answers alternate, or 0. `pre` is True in
    preformatted text.
    """

    mark: LineMark = LineMark.WRITTEN
    thread: int = 0
    pre: bool = False


class Writer:
    """A builder of the visible lines of a page, each with its mark.

    `parts` are the pieces of the current line, `mark` and `pre` its state. With `is_rest`, all further text is quoted.
    """

    def __init__(self) -> None:
        self.lines: list[tuple[str, LineMark]] = []
        self.parts: list[str] = []
        self.mark = LineMark.WRITTEN
        self.is_rest = False
        self.pre = False

    def add_text(self, text: str, state: WalkState) -> None:
        mark = LineMark.QUOTED if self.is_rest else state.mark
        if mark is not self.mark and self.parts:
            self.end_line()
        self.mark = mark
        self.pre = state.pre
        if not state.pre:
            self.parts.append(SPACE.sub(" ", text))
            return
        first, *others = text.split("\n")
        self.parts.append(first)
        for other in others:
            self.end_line(keep_empty=True)
            self.parts.append(other)

    def end_line(self, *, keep_empty: bool = False) -> None:
        """End the current line. With `keep_empty` an empty one is added too, unless two such lines precede it."""
        if not self.parts:
            if keep_empty and self.lines[-2:] != [("", self.mark)] * 2:
                self.lines.append(("", self.mark))
            return
        text = "".join(self.parts)
        if not self.pre:
            text = SPACE.sub(" ", text).strip(" ")
        self.parts.clear()
        if text.strip(" \n") or keep_empty:  # a no-break space counts: programs write empty lines with it
            self.lines.append((text.replace("\u00a0", " ").rstrip(), self.mark))

    def end_paragraph(self) -> None:
        self.end_line()
        if self.lines and self.lines[-1][0]:
            self.lines.append(("", self.mark))

    def enter(self, tag: str, attributes: Attributes) -> None:
        if tag == "img":
            alt = attributes.get("alt") or ""
            if 0 < len(alt) <= 8 and not alt.isascii():
                self.parts.append(alt)  # an emoji, which some programs send as a picture
        elif tag == "br":
            self.end_line(keep_empty=True)
        elif tag in CELLS:
            self.parts.append(" ")
        elif tag in SPACED and "mso" not in (attributes.get("class") or "").lower():
            self.end_paragraph()
        elif tag in BLOCKS:
            self.end_line()

    def leave(self, tag: str) -> None:
        if tag in BLOCKS and tag not in CELLS:
            self.end_line()
            if tag in SPACED and tag != "p":
                self.end_paragraph()


def split_html(html: str) -> tuple[list[Line], bool]:
    """Return the lines of a page, and whether it has a container of a mail program."""
    writer = Writer()
    visitor = ContainerVisitor(writer)
    walk(html, visitor, WalkState())
    writer.end_line()
    read_line = cached_reader()
    lines = [read_line(text, mark) for text, mark in writer.lines[:MOST_LINES]]
    remainder = writer.lines[MOST_LINES:]
    if remainder:  # becomes a single line, with the mark of its first one
        lines.append(read("\n".join(text for text, _ in remainder), remainder[0][1]))
    return mark_barred_lines(lines), visitor.has_container


class ContainerVisitor:
    """A visitor of a page that passes the text to a `Writer` with the marks of its containers."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.has_container = False  # whether a container of a mail program was seen
        self.thread_count = 0
        self.threads_with_quote: set[int] = set()  # the threads in which a blockquote has begun

    def enter(self, tag: str, attributes: Attributes, state: WalkState, node: LexborNode) -> WalkState | None:
        if tag in INVISIBLE or HIDDEN.search((attributes.get("style") or "")[:300].lower()):
            return None
        inner_state = self._get_inner_state(node, tag, attributes, state)
        self.writer.enter(tag, attributes)
        return inner_state

    def leave(self, tag: str, _: WalkState) -> None:
        self.writer.leave(tag)

    def _get_inner_state(self, node: LexborNode, tag: str, attributes: Attributes, state: WalkState) -> WalkState:
        """Return the state inside an element."""
        role = get_role(tag, attributes) if attributes else None
        if role is not None and not self.writer.is_rest:
            self.has_container = True
            if role is ContainerRole.THREAD and not state.thread and state.mark is LineMark.WRITTEN:
                self.thread_count += 1
                has_quote = self.thread_count > MOST_THREADS or node.css_first("blockquote") is not None
                state = replace(state, thread=self.thread_count) if has_quote else replace(state, mark=LineMark.QUOTED)
            elif role is ContainerRole.REST and state.mark is LineMark.WRITTEN:
                self.writer.end_line()
                self.writer.is_rest = True
            elif role in MARKS and state.mark not in (LineMark.QUOTED, LineMark.CITED, LineMark.SET):
                state = replace(state, mark=MARKS[role])
        if tag == "blockquote" and state.mark not in (LineMark.QUOTED, LineMark.CITED):
            if state.thread:
                mark = LineMark.QUOTED
            elif attributes.get("type") == "cite":
                mark = LineMark.CITED
            else:
                mark = LineMark.SET
            state = replace(state, mark=mark)
            self.threads_with_quote.add(state.thread)
        return replace(state, pre=True) if tag == "pre" else state

    def text(self, text: str, state: WalkState) -> None:
        if state.thread and state.mark is LineMark.WRITTEN and state.thread not in self.threads_with_quote:
            # The text before the first quote in a thread is the attribution, or a complete forwarded mail.
            is_forward = text.lstrip().startswith("-----")
            state = replace(state, mark=LineMark.QUOTED if is_forward else LineMark.INTRO)
        self.writer.add_text(text, state)


def get_role(tag: str, attributes: Attributes) -> ContainerRole | None:
    """Return the role of an element, from its class, ID, name, type or style; None if it is no known container."""
    known = containers()
    for key in ("class", "id", "name", "type", "data-marker", "data-name"):
        value = attributes.get(key)
        if not value:
            continue
        if key == "class" and "readers-asked-mail" in value:
            return ContainerRole.QUOTE
        for token in value[:400].lower().split():
            name = PREFIX.sub("", token, count=1) if token.startswith(("x_", "ecx", "m_", "yiv", "ydp")) else token
            if tag == "blockquote" and name in known.citing:
                return ContainerRole.QUOTE
            if tag != "blockquote" and (key, name) in known.named:
                return known.named[key, name]
            for prefix, role in known.begins:
                if name.startswith(prefix):
                    return role
    style = SPACE.sub("", (attributes.get("style") or "")[:600].lower())
    if tag == "hr" and attributes.get("tabindex") == "-1":
        return ContainerRole.REST
    if tag == "div" and style and any(all(part in style for part in parts) for parts in known.styled):
        return ContainerRole.REST
    return None
