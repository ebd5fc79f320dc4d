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
from .lines import MAX_LINES, Line, LineMark, make_cached_parser, mark_barred_lines, parse_line


class ContainerRole(Enum):
    """The meaning of a container for its content. Each value is a table in containers.toml, which describes it."""

    THREAD = "thread"
    ATTRIBUTION = "attribution"
    QUOTE = "quote"
    REST_OF_PAGE = "rest_of_page"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Containers:
    """The content of containers.toml."""

    roles_by_name: dict[tuple[str, str], ContainerRole]  # by attribute and name
    roles_by_prefix: tuple[tuple[str, ContainerRole], ...]
    quote_classes: frozenset[str]  # of blockquotes
    header_box_styles: tuple[tuple[str, ...], ...]  # each the CSS declarations of a div around copied headers


@cache
def load_containers() -> Containers:
    """Load containers.toml, once."""
    tables = word_tables(__file__, "containers")
    return Containers(
        roles_by_name={
            (attribute, name): role
            for role in ContainerRole
            for attribute, names in tables[role.value].items()
            for name in names.split()
        },
        roles_by_prefix=tuple((prefix, ContainerRole(role)) for prefix, role in tables["prefixes"].items()),
        quote_classes=frozenset(tables["blockquote"]["class"].split()),
        header_box_styles=tuple(map(tuple, tables["div"]["style"])),
    )


# The prefixes that webmail clients add to names, as in "x_gmail_quote", and the beginnings of these prefixes.
PREFIX = re.compile(r"(?:x_|ecx|m_-?\d{1,30}_?|yiv\d{1,20}|ydp[0-9a-f]{1,16})+")
PREFIX_STARTS = ("x_", "ecx", "m_", "yiv", "ydp")
SPACE = re.compile(r"[ \t\r\n\f]+")
# Elements with an empty line around them.
SPACED = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "table", "hr"})
SECTIONS = ("address", "article", "aside", "body", "footer", "header", "html", "main", "nav", "section")
GROUPS = ("center", "dd", "div", "dl", "dt", "fieldset", "figure", "form", "includetail", "li")
BLOCKS = SPACED.union(SECTIONS, GROUPS, ("tbody", "td", "tfoot", "th", "thead", "tr"))
FORMS = ("select", "textarea", "button")
METADATA = ("head", "style", "script", "title", "meta", "link")
IGNORED = frozenset({*FORMS, *METADATA, "noscript", "template", "object", "svg"})
HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all")
MAX_SEARCHED_THREADS = 20  # thread containers that are searched for a blockquote; a mail has one
MAX_EMOJI_LENGTH = 8  # characters of the alternative text of a picture that is an emoji
CELLS = frozenset({"td", "th"})
MARKS = {
    ContainerRole.QUOTE: LineMark.QUOTED,
    ContainerRole.ATTRIBUTION: LineMark.ATTRIBUTION,
    ContainerRole.SIGNATURE: LineMark.SIGNATURE,
}


@dataclass(frozen=True, slots=True)
class WalkState:
    """The state of the surrounding containers."""

    mark: LineMark = LineMark.WRITTEN
    thread: int = 0  # the number of the thread container, in which quotes and answers alternate; 0 outside
    is_preformatted: bool = False


class Writer:
    """A builder of the visible lines of a page, each with its mark."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, LineMark]] = []
        self.is_rest_quoted = False  # whether all further text is quoted
        # The current line.
        self.parts: list[str] = []
        self.mark = LineMark.WRITTEN
        self.is_preformatted = False

    def add_text(self, text: str, state: WalkState) -> None:
        mark = LineMark.QUOTED if self.is_rest_quoted else state.mark
        if mark is not self.mark and self.parts:
            self.end_line()
        self.mark = mark
        self.is_preformatted = state.is_preformatted
        if not state.is_preformatted:
            self.parts.append(SPACE.sub(" ", text))
            return
        first_line, *other_lines = text.split("\n")
        self.parts.append(first_line)
        for line in other_lines:
            self.end_line(keep_empty=True)
            self.parts.append(line)

    def end_line(self, *, keep_empty: bool = False) -> None:
        """End the current line. With `keep_empty`, an empty line is added too, but at most two in a row."""
        if not self.parts:
            if keep_empty and self.lines[-2:] != [("", self.mark)] * 2:
                self.lines.append(("", self.mark))
            return
        text = "".join(self.parts)
        if not self.is_preformatted:
            text = SPACE.sub(" ", text).strip(" ")
        self.parts.clear()
        if text.strip(" \n") or keep_empty:  # a line with a no-break space is an intentional empty line
            self.lines.append((text.replace("\u00a0", " ").rstrip(), self.mark))

    def end_paragraph(self) -> None:
        self.end_line()
        if self.lines and self.lines[-1][0]:
            self.lines.append(("", self.mark))

    def enter(self, tag: str, attributes: Attributes) -> None:
        if tag == "img":
            alt = attributes.get("alt") or ""
            if 0 < len(alt) <= MAX_EMOJI_LENGTH and not alt.isascii():  # some programs send an emoji as a picture
                self.parts.append(alt)
        elif tag == "br":
            self.end_line(keep_empty=True)
        elif tag in CELLS:
            self.parts.append(" ")
        elif tag in SPACED and "mso" not in (attributes.get("class") or "").lower():  # Word: no margins
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
    parse_cached = make_cached_parser()
    lines = [parse_cached(text, mark) for text, mark in writer.lines[:MAX_LINES]]
    remainder = writer.lines[MAX_LINES:]
    if remainder:  # all further lines become a single one, with the mark of the first of them
        lines.append(parse_line("\n".join(text for text, _ in remainder), remainder[0][1]))
    return mark_barred_lines(lines), visitor.has_container


class ContainerVisitor:
    """A visitor of the nodes of a page that passes their text to a `Writer` with the marks of its containers."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.has_container = False  # whether a container of a mail program was seen
        self.thread_count = 0
        self.threads_with_quote: set[int] = set()  # the threads in which a blockquote has begun

    def enter(self, tag: str, attributes: Attributes, state: WalkState, node: LexborNode) -> WalkState | None:
        if tag in IGNORED or HIDDEN.search((attributes.get("style") or "")[:300].lower()):
            return None
        inner_state = self._get_inner_state(node, tag, attributes, state)
        self.writer.enter(tag, attributes)
        return inner_state

    def leave(self, tag: str, _: WalkState) -> None:
        self.writer.leave(tag)

    def _get_inner_state(self, node: LexborNode, tag: str, attributes: Attributes, state: WalkState) -> WalkState:
        """Return the state inside an element, and note whether it is a container."""
        role = get_role(tag, attributes) if attributes else None
        if role is not None and not self.writer.is_rest_quoted:
            self.has_container = True
            if role is ContainerRole.THREAD and not state.thread and state.mark is LineMark.WRITTEN:
                self.thread_count += 1
                has_quote = self.thread_count > MAX_SEARCHED_THREADS or node.css_first("blockquote") is not None
                state = replace(state, thread=self.thread_count) if has_quote else replace(state, mark=LineMark.QUOTED)
            elif role is ContainerRole.REST_OF_PAGE and state.mark is LineMark.WRITTEN:
                self.writer.end_line()
                self.writer.is_rest_quoted = True
            elif role in MARKS and state.mark not in (LineMark.QUOTED, LineMark.CITE_BLOCKQUOTE, LineMark.BLOCKQUOTE):
                state = replace(state, mark=MARKS[role])
        if tag == "blockquote" and state.mark not in (LineMark.QUOTED, LineMark.CITE_BLOCKQUOTE):
            if state.thread:
                mark = LineMark.QUOTED
            elif attributes.get("type") == "cite":
                mark = LineMark.CITE_BLOCKQUOTE
            else:
                mark = LineMark.BLOCKQUOTE
            state = replace(state, mark=mark)
            self.threads_with_quote.add(state.thread)
        return replace(state, is_preformatted=True) if tag == "pre" else state

    def text(self, text: str, state: WalkState) -> None:
        if state.thread and state.mark is LineMark.WRITTEN and state.thread not in self.threads_with_quote:
            # The text before the first quote in a thread is the attribution, or a complete forwarded mail.
            is_forward = text.lstrip().startswith("-----")
            state = replace(state, mark=LineMark.QUOTED if is_forward else LineMark.ATTRIBUTION)
        self.writer.add_text(text, state)


def get_role(tag: str, attributes: Attributes) -> ContainerRole | None:
    """Return the role of an element, from its class, ID, name, type or style; None if it is no known container."""
    containers = load_containers()
    for attribute in ("class", "id", "name", "type", "data-marker", "data-name"):
        value = attributes.get(attribute)
        if not value:
            continue
        if attribute == "class" and "readers-asked-mail" in value:  # our own mails, whatever a program adds to the name
            return ContainerRole.QUOTE
        for token in value[:400].lower().split():
            name = PREFIX.sub("", token, count=1) if token.startswith(PREFIX_STARTS) else token
            if tag == "blockquote" and name in containers.quote_classes:
                return ContainerRole.QUOTE
            if tag != "blockquote" and (attribute, name) in containers.roles_by_name:
                return containers.roles_by_name[attribute, name]
            for prefix, role in containers.roles_by_prefix:
                if name.startswith(prefix):
                    return role
    if tag == "hr" and attributes.get("tabindex") == "-1":  # Outlook on the web
        return ContainerRole.REST_OF_PAGE
    style = SPACE.sub("", (attributes.get("style") or "")[:600].lower())
    if tag == "div" and style and any(all(part in style for part in box) for box in containers.header_box_styles):
        return ContainerRole.REST_OF_PAGE
    return None
