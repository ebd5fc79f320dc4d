"""Parsing an answer's Markdown into the paragraphs of a quotation.

A printed quotation has paragraphs, emphasis, links and short lists. Headings and code become paragraphs, nested lists
one flat list, and an image a link; a block quotation is run in and gets quotation marks.

Text from writers who don't know Markdown is read as it looks: a line that begins with a bullet is a list item, and line
breaks are kept, unless a mail program wrapped the text.
"""

import re
from dataclasses import replace
from itertools import count, pairwise
from unicodedata import east_asian_width

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from ..text.clean import for_print
from .block import Paragraph, Run
from .mark_pairing import is_mark

# Code blocks, underlined headings and reference definitions are disabled, since people type them unintentionally and
# would see their text changed or swallowed. Raw HTML is text. What is nested deeper than maxNesting is left out.
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "maxNesting": 60}).disable(
    ["code", "fence", "lheading", "reference"]
)
_PLAIN = Run("")
_BREAKS = {"softbreak": " ", "hardbreak": "\n"}
_SAFE_LINK = re.compile(r"https?://[^\s]+|mailto:[^\s@]+@[^\s]+", re.IGNORECASE)
_CJK = r"[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff00-\uffef]"
_CJK_SIGN = re.compile(_CJK)
_CJK_LINE_END = re.compile(rf"\n(?<={_CJK}\n)(?={_CJK})")  # begins with the rarest character, for speed


# The bullets that word processors put into plain text; two are private use characters of Symbol and Wingdings.
_BULLET = re.compile("^[ \t\u00a0]*[•◦▪‣●○■□·\uf0b7\uf0a7][ \t\u00a0]+", re.MULTILINE)
_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]")
_MAY_BE_WIDE = re.compile("[\u1100-\U0010ffff]")  # from Hangul on; no character before it is wide (UAX #11)
_MARKUP_LINE = re.compile(r"[ \t]*(?:[>#]|`{3}|(?:[-*_][ \t]*){3,}$)")
MAIL_BREAKS_AT = range(55, 101)  # columns at which mail programs wrap lines


def _columns(text: str) -> int:
    return len(text) + sum(east_asian_width(char) in "WF" for char in _MAY_BE_WIDE.findall(text))


def _is_intended_break(line: str, after: str, width: int) -> bool:
    """Return whether the writer ended this line: the next word would have fit, or no mail program wraps at `width`."""
    word = after.split(maxsplit=1)[0]
    fits = _columns(line) + 1 + _columns(word[0] if _CJK_SIGN.match(word) else word) <= width
    return fits or width not in MAIL_BREAKS_AT


def as_it_looks(text: str) -> str:
    """Convert bullets and intended line breaks to Markdown."""
    lines = _BULLET.sub("- ", text).split("\n")
    width = max(map(_columns, lines))
    done = []
    for line, after in pairwise([*lines, ""]):
        done.append(line)
        if not line.strip() or not after.strip() or not _is_intended_break(line, after, width):
            continue
        if _ITEM.match(line) and not after[0].isspace() and not _ITEM.match(after):
            done.append("")  # the list ends here; Markdown would continue its last item
        elif not any(one.match(other) for one in (_ITEM, _MARKUP_LINE) for other in (line, after)):
            done[-1] = line.rstrip() + ("" if line.endswith("\\") else "  ")
    return "\n".join(done)


def join_lines(text: str) -> str:
    """Remove line breaks between Chinese or Japanese characters, where a space would be wrong."""
    return _CJK_LINE_END.sub("", text)


def _safe(node: SyntaxTreeNode, attribute: str) -> str | None:
    """Return a URL if it is http, https or mailto; None for javascript:, data: and everything else."""
    address = str(node.attrs.get(attribute, ""))
    return address if _SAFE_LINK.fullmatch(address) else None


def _runs(node: SyntaxTreeNode, like: Run = _PLAIN) -> list[Run]:
    """Convert inline Markdown to runs in the style of `like`, except for what the node itself changes."""
    if node.type in ("text", "code_inline"):
        return [replace(like, text=node.content)]
    if node.type in _BREAKS:
        return [replace(like, text=_BREAKS[node.type])]
    if node.type == "strong":
        like = replace(like, strong=True)
    elif node.type == "em":
        like = replace(like, emphasis=True)
    elif node.type == "link":
        like = replace(like, href=_safe(node, "href"))
    elif node.type == "image":
        like = replace(like, href=like.href or _safe(node, "src"))
    return [run for child in node.children for run in _runs(child, like)]


def _run_in(paragraphs: list[Paragraph]) -> list[Paragraph]:
    """Put quotation marks around the paragraphs of a block quotation, unless they have their own."""
    text = "".join(paragraph.text for paragraph in paragraphs).strip()
    if not text or (is_mark(text[0]) and is_mark(text[-1])):
        return paragraphs
    first = replace(paragraphs[0], runs=(Run("“"), *paragraphs[0].runs))
    *others, last = [first, *paragraphs[1:]]
    return [*others, replace(last, runs=(*last.runs, Run("”")))]


def _item(paragraphs: list[Paragraph], marker: str) -> list[Paragraph]:
    """Join an item's own paragraphs as lines of one; items of a nested list follow on the same level."""
    own = [paragraph for paragraph in paragraphs if not paragraph.marker]
    nested = [paragraph for paragraph in paragraphs if paragraph.marker]
    lines = [run for paragraph in own for run in (Run("\n"), *paragraph.runs)][1:]
    return [Paragraph("answer", tuple(lines), marker), *nested] if lines else nested


def _paragraphs(node: SyntaxTreeNode) -> list[Paragraph]:
    if node.type == "inline":
        runs = tuple(_runs(node))
        return [Paragraph("answer", runs)] if any(run.text.strip() for run in runs) else []
    inside = [_paragraphs(child) for child in node.children]
    if node.type in ("bullet_list", "ordered_list"):
        start = int(node.attrs.get("start", 1))
        markers = ("-" if node.type == "bullet_list" else f"{number}." for number in count(start))
        inside = [_item(paragraphs, marker) for paragraphs, marker in zip(inside, markers, strict=False)]
    flat = [paragraph for paragraphs in inside for paragraph in paragraphs]
    return _run_in(flat) if node.type == "blockquote" else flat


def read_answer(markdown: str) -> list[Paragraph]:
    """Parse Markdown into paragraphs. All words are kept, and nothing becomes HTML or an unsafe link."""
    return _paragraphs(SyntaxTreeNode(_MARKDOWN.parse(join_lines(as_it_looks(for_print(markdown))))))
