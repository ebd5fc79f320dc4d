"""Splitting Markdown and plain text into paragraphs, and joining the lines that a mail program has wrapped."""

import re
from collections.abc import Sequence
from dataclasses import replace

from markdown_it import MarkdownIt

from ..text.clean import for_print
from .html_paragraphs import paragraphs_of_html
from .issue_paragraph import LEADING_DASH, Kind, Para, join_lines
from .issue_words import begins_with_label

MAX_TEXT_LENGTH = 8_000_000
MIN_WRAPPED_LENGTH = 40  # characters of a line that the next line may continue in lower case
MAX_WRAP_WIDTH = 110  # characters of the longest line of a text in which all lines are wrapped
MAX_TYPICAL_WRAP_WIDTH = 100  # of the longest line apart from a few, such as URLs
MAX_HEADING_LENGTH, MAX_HEADING_WORDS = 90, 14
_MARKDOWN = MarkdownIt("commonmark", {"html": True, "breaks": True, "maxNesting": 40}).enable("table").disable("code")
# Markup in plain text, with an example of each.
_RULE = re.compile(r"[\s>]*(?:[-=_*~•·—–#+─━═]\s*){3,}\Z")  # "* * *"
_UNDERLINE = re.compile(r"\s*(=|-|~|\*|—){3,}\s*\Z")  # "=====" below a heading
_LIST_ITEM = re.compile(r"\s{0,8}(?:([-*•◦▪‣●])|(\d{1,3})[.)])[ \t\u00a0]+(?=\S)")  # "- Text" or "1. Text"
_QUOTE_PREFIX = re.compile(r"\s{0,3}>+ ?")  # "> Text"
_EMPHASISED_LINE = re.compile(r"\s*(\*\*|__|\*)(?=\S)(.{1,400}?)(?<=\S)\1\s*\Z")  # "**Text**"
_EMPHASISED_START = re.compile(r"\s*(\*\*|__|\*)(?=\S)(.{1,120}?)(?<=\S)\1")  # "**Text** and more"
_DECORATED = re.compile(r"\s*([*=~#+•·_-]{2,})\s*(\S.{0,80}?)\s*[*=~#+•·_-]{2,}\s*\Z")  # "=== Text ==="
_FRAMED = re.compile(r"\s*([*=~#+•·-])\s+(\S.{0,80}?)\s+\1\s*\Z")  # "* Text *"
_SPACED_DASH = re.compile(r"\s*(?:—|–|--?)\s+\S")  # "— Text", unlike "—Text"
_TWO_SENTENCES = re.compile(r"[.!?؟…]\s+\w")
_HASHES = re.compile(r"\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*\Z")  # "## Text"
_PUNCTUATION_AT_END = re.compile(r"[.,;:!…。：！،؛][\"”»«“’')\]]*\Z")
_MARKUP = re.compile(
    r"^(?:#{1,6} \S|\*\*\S|> \S|\[[^\]\n]+\]\(|!\[|<[a-z][^>\n]{0,200}>)"  # what a line may begin with
    r"|\]\(https?:|(?<!\w)\*\*\S",  # a link or bold inside a line
    re.MULTILINE,
)
_NUMBERED_TITLE = re.compile(r"\d{1,2}[.)] [^.!?]+\Z")  # "1. OUR NEWS"
_QUESTION_END = re.compile(r"[?؟？][\"”»]?\Z")
# Lines between "---" and "---" or between "+++" and "+++", at the beginning of a file.
_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)[ \t]*\n((?:[^\n]{0,2000}\n){0,60}?)(?:---|\.\.\.|\+\+\+)[ \t]*\n")
_FOOTNOTE = re.compile(r"^\[\^[^\]\s]{1,40}\]:[^\n]*(?:\n[ \t]+\S[^\n]*)*\n?|\[\^[^\]\s]{1,40}\]", re.MULTILINE)


def is_markdown(text: str) -> bool:
    """Return whether a text has too much Markdown syntax for a coincidence."""
    return len(_MARKUP.findall(text[:200_000])) >= 2


def split_front_matter(text: str) -> tuple[dict[str, str], str]:
    """Split a Markdown file into the values of its front matter, by lower-case key, and the text below.

    The front matter is YAML between lines of dashes or TOML between lines of plus signs. Only single-line values are
    understood.
    """
    match = _FRONT_MATTER.match(text)
    if match is None:
        return {}, text
    fence, block = match.groups()
    separator = "=" if fence == "+++" else ":"
    if separator not in block:
        return {}, text
    pairs = (line.partition(separator) for line in block.splitlines() if line[:1].strip())  # indented lines are nested
    values = {key.strip().lower(): value.strip().strip("\"'") for key, _, value in pairs}
    return values, text[match.end() :]


def paragraphs_of_markdown(text: str) -> list[Para]:
    """Return the paragraphs of a Markdown text, including HTML in it, but without footnotes."""
    return paragraphs_of_html(_MARKDOWN.render(_FOOTNOTE.sub("", text[:MAX_TEXT_LENGTH])))


def paragraphs_of_text(text: str) -> list[Para]:
    """Return the paragraphs of plain text, separated by blank lines, or by every line break if lines aren't wrapped."""
    lines = _unify_line_breaks(text).split("\n")
    width = _find_wrap_width(lines)
    paras: list[Para] = []
    block: list[str] = []  # adjacent lines without a blank line or rule between them
    for line in [*lines, ""]:
        is_rule = _RULE.match(line) is not None
        if line.strip() and not is_rule:
            block.append(line)
            continue
        if is_rule and _UNDERLINE.match(line) and 1 <= len(block) <= 2 and _may_be_underlined(block[-1]):
            paras += _build_paragraphs(block[:-1], width)
            paras.append(Para(block[-1].strip(" *"), "heading", 1 if "=" in line else 2))
        else:
            paras += _build_paragraphs(block, width)
            if is_rule:
                paras.append(Para("", "rule"))
        block = []
    return _mark_headings(paras)


def _unify_line_breaks(text: str) -> str:
    return (
        text[:MAX_TEXT_LENGTH]
        .replace("\r\n", "\n")
        .replace("\r", "\n")
        .replace("\u2028", "\n")
        .replace("\u2029", "\n\n")
    )


def _find_wrap_width(lines: Sequence[str]) -> int:
    """Return the column at which the lines of a text are wrapped, or 0 if they aren't."""
    lengths = sorted((len(line) for line in lines if line.strip()), reverse=True)
    if not lengths:
        return 0
    if lengths[0] <= MAX_WRAP_WIDTH:
        return lengths[0]
    # Some long lines, such as URLs, are not wrapped. Ignore the longest 5 % when deciding whether the text is wrapped,
    # and the longest 2 % when measuring the width.
    is_mostly_wrapped = lengths[len(lengths) // 20] <= MAX_TYPICAL_WRAP_WIDTH
    return lengths[len(lengths) // 50] if is_mostly_wrapped else 0


def _may_be_underlined(line: str) -> bool:
    """Return whether a line above an underline can be a heading."""
    return len(line.strip()) <= MAX_HEADING_LENGTH and not begins_with_label(line)


def _build_paragraphs(block: Sequence[str], width: int) -> list[Para]:
    """Build the paragraphs of lines without blank lines between them."""
    paras: list[Para] = []
    for index, line in enumerate(block):
        para = _parse_line(line)
        if para is None:
            continue
        is_continuation = bool(paras) and _is_wrapped_line(block[index - 1], line, width, paras[-1])
        if is_continuation and para.kind == "text" and paras[-1].kind == "item":
            para = replace(para, kind="item")
        paras.append(replace(para, is_separate=not is_continuation))
    return join_lines(paras)


def _is_wrapped_line(previous_line: str, line: str, width: int, previous_para: Para) -> bool:
    """Return whether the line break before `line` comes from wrapping.

    That is so if the first word of `line` didn't fit above, or if `line` begins in lower case below a long line.
    """
    if not width or _HASHES.match(line) or _HASHES.match(previous_line):
        return False
    if _LIST_ITEM.match(line) or (not previous_para.marker and _LIST_ITEM.match(previous_line)):
        return False
    if LEADING_DASH.match(line) and not _SPACED_DASH.match(line):  # "—Text", which begins another line of a dialogue
        return False
    previous_length = len(previous_line.rstrip())
    first_word = line.lstrip("> ").split(maxsplit=1)[0]
    if previous_length + 1 + len(first_word) > width:
        return True
    return previous_length >= MIN_WRAPPED_LENGTH and line[:1].islower()


def _parse_line(line: str) -> Para | None:
    """Parse a line with the markup that people use in plain text, much of which is also Markdown's."""
    quote_mark = _QUOTE_PREFIX.match(line)
    if quote_mark:
        line = line[quote_mark.end() :]
    if hashes := _HASHES.match(line):
        return Para(hashes[2], "heading", len(hashes[1])) if hashes[2] else None
    if heading := _match_decorated_heading(line):
        return Para(for_print(heading).strip(), "heading", 2)
    marker = ""
    text = line
    if item := _LIST_ITEM.match(line):
        bullet, number = item.groups()
        marker = "-" if bullet else f"{number}."
        text = line[item.end() :] if bullet else line  # a number stays, as it may be part of a title
    emphasised = _EMPHASISED_LINE.match(line) if len(line) < 500 else None
    bold_start = None if emphasised else _EMPHASISED_START.match(line[:200])
    if emphasised and emphasised[1] not in emphasised[2]:  # one pair of marks, unlike in "**A** and **B**"
        text = emphasised[2]
    elif bold_start:
        text = f"{bold_start[2]}{line[bold_start.end() :]}"
    text = for_print(text).strip()
    if not text:
        return None
    kind: Kind = "text"
    if quote_mark:
        kind = "quote"
    elif marker:
        kind = "item"
    return Para(
        text,
        kind,
        bold=emphasised is not None and emphasised[1] != "*",
        italic=emphasised is not None and emphasised[1] == "*",
        bold_start=bold_start[2] if bold_start else "",
        marker=marker,
    )


def _match_decorated_heading(line: str) -> str | None:
    """Return the text of a heading such as "=== News ===" or "* News *"; None for a line in bold: "**News**"."""
    decorated = _DECORATED.match(line)
    if decorated:
        decoration, text = decorated.groups()
        if decoration not in ("**", "__"):
            return text
    framed = _FRAMED.match(line)
    return framed[2] if framed else None


def _mark_headings(paras: Sequence[Para]) -> list[Para]:
    """Turn short paragraphs that aren't sentences into headings: of level 2 if in capitals, else of level 6."""
    marked = []
    for index, para in enumerate(paras):
        is_in_capitals = para.text.isupper()
        if _is_numbered_title(para):
            marked.append(replace(para, kind="heading", level=2, marker=""))
        elif _is_heading(paras, index):
            marked.append(replace(para, kind="heading", level=2 if is_in_capitals else 6, bold=False))
        else:
            marked.append(para)
    return marked


def _is_numbered_title(para: Para) -> bool:
    if len(para.text) > MAX_HEADING_LENGTH or not para.text.isupper():
        return False
    return _NUMBERED_TITLE.match(para.text) is not None


def _is_heading(paras: Sequence[Para], index: int) -> bool:
    """Return whether a paragraph of text is a heading, by its own text and what is above and below it."""
    para = paras[index]
    if para.kind != "text" or index + 1 == len(paras) or paras[index + 1].kind == "rule":
        return False
    return may_be_heading(para) and not _is_name_below_question(paras, index)


def _is_name_below_question(paras: Sequence[Para], index: int) -> bool:
    """Return whether a line below a question names its asker: "Maria, Tbilisi"."""
    text = paras[index].text
    has_early_comma = 0 < text.find(",") < 40
    if index == 0 or not has_early_comma or text.isupper():
        return False
    return _QUESTION_END.search(paras[index - 1].text) is not None


def may_be_heading(para: Para) -> bool:
    """Return whether a paragraph without markup could be a heading, whatever is above and below it."""
    text = para.text
    if len(text) > MAX_HEADING_LENGTH or para.word_count > MAX_HEADING_WORDS or para.marker or para.kind == "quote":
        return False
    if text.startswith(("(", "[")):
        return False
    if text.rstrip().endswith((")", "]")) and "(" not in text:
        return False
    if text[:1].islower():
        return False
    if _TWO_SENTENCES.search(text) and text.endswith(("?", "؟", "？")):
        return False
    if _PUNCTUATION_AT_END.search(text) or begins_with_label(text) or LEADING_DASH.match(text):
        return False
    return "@" not in text and "://" not in text
