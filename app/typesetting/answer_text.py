"""An answer's Markdown, read into the paragraphs that a quotation consists of.

A quotation in print holds paragraphs, emphasis, links and short lists. Headings and code are set as paragraphs, nested
lists as one list, an image as a link; a block quotation is run in and gets marks, like any other quotation.
"""

import re
from dataclasses import replace
from itertools import count

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from ..text import for_print
from .block import Paragraph, Run
from .mark_pairing import is_mark

# Code blocks, underlined headings and reference definitions are things people type without knowing it, and would change
# or swallow their words. Raw HTML is text. Deeper nesting than maxNesting would be left out.
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "maxNesting": 60}).disable(
    ["code", "fence", "lheading", "reference"]
)
_PLAIN = Run("")
_BREAKS = {"softbreak": " ", "hardbreak": "\n"}
_SAFE_LINK = re.compile(r"https?://[^\s]+|mailto:[^\s@]+@[^\s]+", re.IGNORECASE)
_CJK = r"[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff00-\uffef]"
_CJK_LINE_END = re.compile(rf"(?<={_CJK})\n(?={_CJK})")


def join_lines(text: str) -> str:
    """Drop the line ends inside Chinese and Japanese, where a space between two signs would be wrong."""
    return _CJK_LINE_END.sub("", text)


def _safe(node: SyntaxTreeNode, attribute: str) -> str | None:
    """An address that can do no harm in a mail or a page; None for javascript:, data: and everything else."""
    address = str(node.attrs.get(attribute, ""))
    return address if _SAFE_LINK.fullmatch(address) else None


def _runs(node: SyntaxTreeNode, like: Run = _PLAIN) -> list[Run]:
    """Read inline Markdown into runs that look like `like`, apart from what the node itself changes."""
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
    """Give a block quotation's paragraphs the marks of a quotation, unless they have their own."""
    text = "".join(paragraph.text for paragraph in paragraphs).strip()
    if not text or (is_mark(text[0]) and is_mark(text[-1])):
        return paragraphs
    first = replace(paragraphs[0], runs=(Run("“"), *paragraphs[0].runs))
    *others, last = [first, *paragraphs[1:]]
    return [*others, replace(last, runs=(*last.runs, Run("”")))]


def _item(paragraphs: list[Paragraph], marker: str) -> list[Paragraph]:
    """Set an item's own paragraphs as lines of one; the items of a list inside it follow on the same level."""
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
    """Read Markdown into paragraphs. All words stay, and nothing in it can become HTML or a harmful link."""
    return _paragraphs(SyntaxTreeNode(_MARKDOWN.parse(join_lines(for_print(markdown)))))
