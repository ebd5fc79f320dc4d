"""Parsing an answer's Markdown into the paragraphs of a quotation.

A printed quotation has paragraphs, emphasis, links and short lists. Headings and code become paragraphs, nested lists
one flat list, and an image a link; a block quotation becomes plain paragraphs in quotation marks.

Text from writers who don't know Markdown is read as it looks: a line that begins with a bullet is a list item, and line
breaks are kept, unless a mail program wrapped the text.
"""

import re
from dataclasses import replace
from itertools import chain, count, pairwise
from unicodedata import east_asian_width

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from ..text.clean import for_print
from .block import Paragraph, Run
from .mark_pairing import is_mark

# Code blocks, underlined headings and reference definitions are disabled, since people type them unintentionally and
# would see their text changed or swallowed. Raw HTML is text. Blocks nested deeper than maxNesting are left out.
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "maxNesting": 60}).disable(
    ["code", "fence", "lheading", "reference"]
)
_NO_STYLE = Run("")
_BREAKS = {"softbreak": " ", "hardbreak": "\n"}
_SAFE_LINK = re.compile(r"https?://[^\s]+|mailto:[^\s@]+@[^\s]+", re.IGNORECASE)
_CJK = r"[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff00-\uffef]"
_CJK_CHAR = re.compile(_CJK)
_CJK_LINE_END = re.compile(rf"\n(?<={_CJK}\n)(?={_CJK})")  # begins with "\n", so that only line ends are tried
# The bullets that word processors put into plain text; two are private use characters of Symbol and Wingdings.
_BULLET = re.compile("^[ \t\u00a0]*[•◦▪‣●○■□·\uf0b7\uf0a7][ \t\u00a0]+", re.MULTILINE)
_LIST_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]")
_MAY_BE_WIDE = re.compile("[\u1100-\U0010ffff]")  # from Hangul on; no character before it is wide (UAX #11)
# A block quotation, heading, code fence or rule.
_MARKUP_LINE = re.compile(r"[ \t]*(?:[>#]|`{3}|(?:[-*_][ \t]*){3,}$)")
MAIL_WRAP_COLUMNS = range(55, 101)  # columns at which mail programs wrap lines


def _count_columns(text: str) -> int:
    """Return the width of a text in columns, of which a wide character takes two."""
    return len(text) + sum(east_asian_width(char) in "WF" for char in _MAY_BE_WIDE.findall(text))


def _is_intended_break(line: str, next_line: str, width: int) -> bool:
    """Return whether the writer broke this line, and not a mail program that wrapped the text at `width`.

    A mail program would have put the next word into this line if it fitted.
    """
    if width not in MAIL_WRAP_COLUMNS:
        return True
    word = next_line.split(maxsplit=1)[0]
    if _CJK_CHAR.match(word):
        word = word[0]  # between these characters, lines can break anywhere
    return _count_columns(line) + 1 + _count_columns(word) <= width


def _is_markdown_line(line: str) -> bool:
    """Return whether line breaks next to this line are left to Markdown."""
    return bool(_LIST_ITEM.match(line) or _MARKUP_LINE.match(line))


def _mark_up_plain_text(text: str) -> str:
    """Convert bullets and intended line breaks to Markdown."""
    lines = _BULLET.sub("- ", text).split("\n")
    width = max(map(_count_columns, lines))
    markdown_lines = []
    for line, next_line in pairwise([*lines, ""]):
        markdown_lines.append(line)
        if not line.strip() or not next_line.strip() or not _is_intended_break(line, next_line, width):
            continue
        if _LIST_ITEM.match(line) and not next_line[0].isspace() and not _LIST_ITEM.match(next_line):
            markdown_lines.append("")  # the list ends here; Markdown would continue its last item
        elif not _is_markdown_line(line) and not _is_markdown_line(next_line):
            # A backslash at the end of a line is already a hard break.
            hard_break = "" if line.endswith("\\") else "  "
            markdown_lines[-1] = line.rstrip() + hard_break
    return "\n".join(markdown_lines)


def join_lines(text: str) -> str:
    """Remove line breaks between Chinese or Japanese characters, where a space would be wrong."""
    return _CJK_LINE_END.sub("", text)


def _get_safe_link(node: SyntaxTreeNode, attribute: str) -> str | None:
    """Return a URL if it is http, https or mailto; None for javascript:, data: and everything else."""
    url = str(node.attrs.get(attribute, ""))
    return url if _SAFE_LINK.fullmatch(url) else None


def _build_runs(node: SyntaxTreeNode, style: Run = _NO_STYLE) -> list[Run]:
    """Convert inline Markdown to runs. `style` is the style around the node, to which the node adds its own."""
    if node.type in ("text", "code_inline"):
        return [replace(style, text=node.content)]
    if node.type in _BREAKS:
        return [replace(style, text=_BREAKS[node.type])]
    if node.type == "strong":
        style = replace(style, strong=True)
    elif node.type == "em":
        style = replace(style, emphasis=True)
    elif node.type == "link":
        style = replace(style, href=_get_safe_link(node, "href"))
    elif node.type == "image":
        style = replace(style, href=style.href or _get_safe_link(node, "src"))
    return [run for child in node.children for run in _build_runs(child, style)]


def _quote_paragraphs(paragraphs: list[Paragraph]) -> list[Paragraph]:
    """Put quotation marks around the paragraphs of a block quotation, unless they have their own."""
    text = "".join(paragraph.text for paragraph in paragraphs).strip()
    if not text or (is_mark(text[0]) and is_mark(text[-1])):
        return paragraphs
    quoted = list(paragraphs)
    quoted[0] = replace(quoted[0], runs=(Run("“"), *quoted[0].runs))
    quoted[-1] = replace(quoted[-1], runs=(*quoted[-1].runs, Run("”")))
    return quoted


def _join_item(paragraphs: list[Paragraph], marker: str) -> list[Paragraph]:
    """Join the paragraphs of a list item with line breaks; the items of a nested list follow on the same level."""
    own_paragraphs = [paragraph for paragraph in paragraphs if not paragraph.marker]
    nested_items = [paragraph for paragraph in paragraphs if paragraph.marker]
    if not own_paragraphs:
        return nested_items
    first, *others = own_paragraphs
    runs = list(first.runs)
    for paragraph in others:
        runs += [Run("\n"), *paragraph.runs]
    return [Paragraph("answer", tuple(runs), marker), *nested_items]


def _build_paragraphs(node: SyntaxTreeNode) -> list[Paragraph]:
    if node.type == "inline":
        runs = tuple(_build_runs(node))
        return [Paragraph("answer", runs)] if any(run.text.strip() for run in runs) else []
    paragraphs_by_child = [_build_paragraphs(child) for child in node.children]
    if node.type in ("bullet_list", "ordered_list"):
        start = int(node.attrs.get("start", 1))
        markers = ("-" if node.type == "bullet_list" else f"{number}." for number in count(start))
        paragraphs_by_child = list(map(_join_item, paragraphs_by_child, markers))
    paragraphs = list(chain.from_iterable(paragraphs_by_child))
    return _quote_paragraphs(paragraphs) if node.type == "blockquote" else paragraphs


def read_answer(markdown: str) -> list[Paragraph]:
    """Parse Markdown into paragraphs. Nothing becomes HTML or an unsafe link.

    All words are kept, unless they are nested deeper than `maxNesting`.
    """
    text = join_lines(_mark_up_plain_text(for_print(markdown)))
    return _build_paragraphs(SyntaxTreeNode(_MARKDOWN.parse(text)))
