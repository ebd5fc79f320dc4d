"""The paragraphs of plain text, which a mail program may have wrapped, and of Markdown."""

import re
from collections.abc import Sequence
from dataclasses import replace

from markdown_it import MarkdownIt

from ..text.clean import for_print
from .html_paragraphs import paragraphs_of_html
from .issue_paragraph import LEADING_DASH, Kind, Para, join_lines
from .issue_words import begins_with_label

MOST_TEXT = 8_000_000  # characters of one text
FULL = 40  # characters from which a line may have been wrapped by a program
LONGEST_HEADING, MOST_HEADING_WORDS = 90, 14
_MARKDOWN = MarkdownIt("commonmark", {"html": True, "breaks": True, "maxNesting": 40}).enable("table").disable("code")
# Markup in plain text, with an example of each.
_RULE = re.compile(r"[\s>]*(?:[-=_*~•·—–#+─━═]\s*){3,}\Z")  # "* * *"
_UNDERLINE = re.compile(r"\s*(=|-|~|\*|—){3,}\s*\Z")  # "=====" below a heading
_ITEM = re.compile(r"\s{0,8}(?:([-*•◦▪‣●])|(\d{1,3})[.)])[ \t\u00a0]+(?=\S)")  # "- Text" or "1. Text"
_QUOTED = re.compile(r"\s{0,3}>+ ?")  # "> Text"
_EMPHASISED_LINE = re.compile(r"\s*(\*\*|__|\*)(?=\S)(.{1,400}?)(?<=\S)\1\s*\Z")  # "**Text**"
_BOLD_START = re.compile(r"\s*(\*\*|__|\*)(?=\S)(.{1,120}?)(?<=\S)\1")  # "**Text** and more"
_DECORATED = re.compile(r"\s*([*=~#+•·_-]{2,})\s*(\S.{0,80}?)\s*[*=~#+•·_-]{2,}\s*\Z")  # "=== Text ==="
_FRAMED = re.compile(r"\s*([*=~#+•·-])\s+(\S.{0,80}?)\s+\1\s*\Z")  # "* Text *"
_SPACED_DASH = re.compile(r"\s*(?:—|–|--?)\s+\S")  # "— Text", unlike "—Text"
_TWO_SENTENCES = re.compile(r"[.!?؟…]\s+\w")
_HASHES = re.compile(r"\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*\Z")  # "## Text"
_END_OF_SENTENCE = re.compile(r"[.,;:!…。：！،؛][\"”»«“’')\]]*\Z")
_MARKUP = re.compile(
    r"^(?:#{1,6} \S|\*\*\S|> \S|\[[^\]\n]+\]\(|!\[|<[a-z][^>\n]{0,200}>)|\]\(https?:|(?<!\w)\*\*\S", re.MULTILINE
)
_NUMBERED_TITLE = re.compile(r"\d{1,2}[.)] [^.!?]+\Z")  # "1. OUR NEWS"
_QUESTION_END = re.compile(r"[?؟？][\"”»]?\Z")
_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)[ \t]*\n((?:[^\n]{0,2000}\n){0,60}?)(?:---|\.\.\.|\+\+\+)[ \t]*\n")
_FOOTNOTE = re.compile(r"^\[\^[^\]\s]{1,40}\]:[^\n]*(?:\n[ \t]+\S[^\n]*)*\n?|\[\^[^\]\s]{1,40}\]", re.MULTILINE)


def is_markdown(text: str) -> bool:
    """Return whether a text has enough Markdown syntax that it must be intended."""
    return len(_MARKUP.findall(text[:200_000])) >= 2


def front_matter(text: str) -> tuple[dict[str, str], str]:
    """Split a Markdown file into its front matter (YAML between lines of dashes or TOML between lines of plus signs),
    as text by lower-case key, and the rest. Only single-line values are understood.
    """
    match = _FRONT_MATTER.match(text)
    if match is None:
        return {}, text
    fence, block = match.groups()
    separator = "=" if fence == "+++" else ":"
    if separator not in block:
        return {}, text
    pairs = (line.partition(separator) for line in block.splitlines() if line[:1].strip())
    values = {key.strip().lower(): value.strip().strip("\"'") for key, _, value in pairs}
    return values, text[match.end() :]


def paragraphs_of_markdown(text: str) -> list[Para]:
    """Return the paragraphs of a Markdown text, including HTML in it, but without footnotes."""
    return paragraphs_of_html(_MARKDOWN.render(_FOOTNOTE.sub("", text[:MOST_TEXT])))


def paragraphs_of_text(text: str) -> list[Para]:
    """Return the paragraphs of plain text, separated by blank lines, or by every line break if lines aren't wrapped."""
    lines = _unify_line_breaks(text).split("\n")
    width = _find_wrap_width(lines)
    paras: list[Para] = []
    group: list[str] = []
    for line in [*lines, ""]:
        if line.strip() and not _RULE.match(line):
            group.append(line)
            continue
        if line.strip() and group and len(group) <= 2 and _UNDERLINE.match(line) and _is_short(group[-1]):
            paras += _build_paragraphs(group[:-1], width)
            paras.append(Para(group[-1].strip(" *"), "heading", 1 if "=" in line else 2))
            group = []
            continue
        paras += _build_paragraphs(group, width)
        group = []
        if line.strip():
            paras.append(Para("", "rule"))
    return _mark_headings(paras)


def _unify_line_breaks(text: str) -> str:
    return text[:MOST_TEXT].replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")


def _find_wrap_width(lines: Sequence[str]) -> int:
    """Return the column at which the lines of a text are wrapped, or 0 if they aren't."""
    lengths = sorted((len(line) for line in lines if line.strip()), reverse=True)
    if not lengths:
        return 0
    if lengths[0] <= 110:
        return lengths[0]
    # Some long lines, such as URLs, are not wrapped: 5 % may be longer than any wrapped line, 2 % than this one.
    is_mostly_wrapped = lengths[len(lengths) // 20] <= 100
    return lengths[len(lengths) // 50] if is_mostly_wrapped else 0


def _is_short(line: str) -> bool:
    return len(line.strip()) <= LONGEST_HEADING and not begins_with_label(line)


def _build_paragraphs(group: Sequence[str], width: int) -> list[Para]:
    """Build the paragraphs of lines without blank lines between them."""
    paras: list[Para] = []
    for number, line in enumerate(group):
        para = _parse_line(line)
        if para is None:
            continue
        is_continuation = bool(paras) and _is_wrapped_line(group[number - 1], line, width, paras[-1])
        paras.append(replace(para, is_separate=not is_continuation))
    return join_lines(paras)


def _is_wrapped_line(previous_line: str, line: str, width: int, previous_para: Para) -> bool:
    """Return whether the line break before `line` comes from wrapping, as the next word didn't fit."""
    if not width or _HASHES.match(line) or _HASHES.match(previous_line):
        return False
    if _ITEM.match(line) or (not previous_para.marker and _ITEM.match(previous_line)):
        return False
    if LEADING_DASH.match(line) and not _SPACED_DASH.match(line):
        return False
    previous_length = len(previous_line.rstrip())
    word = line.lstrip("> ").split(maxsplit=1)[0]
    if previous_length + 1 + len(word) > width:
        return True
    return previous_length >= FULL and line[:1].islower()


def _parse_line(line: str) -> Para | None:
    """Parse a line with the markup that people use in plain text, much of which is also Markdown's."""
    quote_mark = _QUOTED.match(line)
    if quote_mark:
        line = line[quote_mark.end() :]
    if hashes := _HASHES.match(line):
        return Para(hashes[2], "heading", len(hashes[1])) if hashes[2] else None
    if heading := _match_decorated_heading(line):
        return Para(for_print(heading).strip(), "heading", 2)
    marker = ""
    text = line
    if item := _ITEM.match(line):
        bullet, number = item.groups()
        marker = "-" if bullet else f"{number}."
        text = line[item.end() :] if bullet else line  # a number stays, as it may be part of a title
    emphasised = _EMPHASISED_LINE.match(line) if len(line) < 500 else None
    bold_start = None if emphasised else _BOLD_START.match(line[:200])
    if emphasised and emphasised[1] not in emphasised[2]:
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
        if len(decoration) > 2 or decoration not in ("**", "__"):
            return text
    starred = _FRAMED.match(line)
    return starred[2] if starred else None


def _mark_headings(paras: Sequence[Para]) -> list[Para]:
    """Turn short separate lines that aren't sentences into headings, with a higher level for those in capitals."""
    marked = []
    for index, para in enumerate(paras):
        is_in_capitals = para.text == para.text.upper() and para.text != para.text.lower()
        if _is_numbered_title(para):
            marked.append(replace(para, kind="heading", level=2, marker=""))
        elif _is_heading_at(paras, index):
            marked.append(replace(para, kind="heading", level=2 if is_in_capitals else 6, bold=False))
        else:
            marked.append(para)
    return marked


def _is_numbered_title(para: Para) -> bool:
    if len(para.text) > LONGEST_HEADING or not para.text.isupper():
        return False
    return _NUMBERED_TITLE.match(para.text) is not None


def _is_heading_at(paras: Sequence[Para], index: int) -> bool:
    """Return whether a paragraph is a heading: text, with other text below it."""
    para = paras[index]
    if para.kind != "text" or index + 1 == len(paras) or paras[index + 1].kind == "rule":
        return False
    return may_be_heading(para) and not _is_name_below_question(paras, index)


def _is_name_below_question(paras: Sequence[Para], index: int) -> bool:
    """Return whether a line such as "Maria, Tbilisi" follows a question, whose asker it names then."""
    text = paras[index].text
    has_early_comma = 0 < text.find(",") < 40
    if index == 0 or not has_early_comma or text.isupper():
        return False
    return _QUESTION_END.search(paras[index - 1].text) is not None


def may_be_heading(para: Para) -> bool:
    """Return whether an unmarked paragraph could be a heading by its text."""
    text = para.text
    if len(text) > LONGEST_HEADING or para.word_count > MOST_HEADING_WORDS or para.marker or para.kind == "quote":
        return False
    if text.startswith(("(", "[")):
        return False
    if text.rstrip().endswith((")", "]")) and "(" not in text:
        return False
    if text[:1].islower():
        return False
    if _TWO_SENTENCES.search(text) and text.endswith(("?", "؟", "？")):
        return False
    if _END_OF_SENTENCE.search(text) or begins_with_label(text) or LEADING_DASH.match(text):
        return False
    return "@" not in text and "://" not in text
