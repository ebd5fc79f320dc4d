"""The paragraphs of plain text, which a mail program may have wrapped, and of Markdown."""

import re
from collections.abc import Sequence
from dataclasses import replace

from markdown_it import MarkdownIt

from ..text.clean import for_print
from .html_paragraphs import paragraphs_of_html
from .issue_paragraph import DASHED, Para, join_lines
from .issue_words import begins_with_label

MOST_TEXT = 8_000_000  # characters of one text
FULL = 40  # characters from which a line may have been wrapped by a program
LONGEST_HEADING, MOST_HEADING_WORDS = 90, 14
_MARKDOWN = MarkdownIt("commonmark", {"html": True, "breaks": True, "maxNesting": 40}).enable("table").disable("code")
_RULE = re.compile(r"[\s>]*(?:[-=_*~•·—–#+─━═]\s*){3,}\Z")
_SETEXT = re.compile(r"\s*(=|-|~|\*|—){3,}\s*\Z")
_ITEM = re.compile(r"\s{0,8}(?:([-*•◦▪‣●])|(\d{1,3})[.)])[ \t\u00a0]+(?=\S)")
_QUOTED = re.compile(r"\s{0,3}>+ ?")
_STRONG_LINE = re.compile(r"\s*(\*\*|__|\*)(?=\S)(.{1,400}?)(?<=\S)\1\s*\Z")
_STRONG_HEAD = re.compile(r"\s*(\*\*|__|\*)(?=\S)(.{1,120}?)(?<=\S)\1")
_DECORATED = re.compile(r"\s*([*=~#+•·_-]{2,})\s*(\S.{0,80}?)\s*[*=~#+•·_-]{2,}\s*\Z")
_STARRED = re.compile(r"\s*([*=~#+•·-])\s+(\S.{0,80}?)\s+\1\s*\Z")
_TWO_SENTENCES = re.compile(r"[.!?؟…]\s+\w")
_HASHES = re.compile(r"\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*\Z")
_ENDS = re.compile(r"[.,;:!…。：！،؛][\"”»«“’')\]]*\Z")
_MARKUP = re.compile(
    r"^(?:#{1,6} \S|\*\*\S|> \S|\[[^\]\n]+\]\(|!\[|<[a-z][^>\n]{0,200}>)|\]\(https?:|(?<!\w)\*\*\S", re.MULTILINE
)
_NUMBERED_TITLE = re.compile(r"\d{1,2}[.)] [^.!?]+\Z")
_QUESTION_END = re.compile(r"[?؟？][\"”»]?\Z")
_FRONT = re.compile(r"\A(---|\+\+\+)[ \t]*\n((?:[^\n]{0,2000}\n){0,60}?)(?:---|\.\.\.|\+\+\+)[ \t]*\n")
_FOOTNOTE = re.compile(r"^\[\^[^\]\s]{1,40}\]:[^\n]*(?:\n[ \t]+\S[^\n]*)*\n?|\[\^[^\]\s]{1,40}\]", re.MULTILINE)


def is_markdown(text: str) -> bool:
    """Return whether a text has enough Markdown syntax that it must be intended."""
    return len(_MARKUP.findall(text[:200_000])) >= 2


def front_matter(text: str) -> tuple[dict[str, str], str]:
    """Split a Markdown file into its front matter (YAML between lines of dashes or TOML between lines of plus signs),
    as text by lower-case key, and the rest. Only single-line values are understood.
    """
    found = _FRONT.match(text)
    sign = "=" if found and found[1] == "+++" else ":"
    if not found or sign not in found[2]:
        return {}, text
    pairs = (line.partition(sign) for line in found[2].splitlines() if line[:1].strip())
    return {key.strip().lower(): value.strip().strip("\"'") for key, _, value in pairs}, text[found.end() :]


def paragraphs_of_markdown(text: str) -> list[Para]:
    """Return the paragraphs of a Markdown text, including HTML in it, but without footnotes."""
    return paragraphs_of_html(_MARKDOWN.render(_FOOTNOTE.sub("", text[:MOST_TEXT])))


def paragraphs_of_text(text: str) -> list[Para]:
    """Return the paragraphs of plain text, separated by blank lines, or by every line break if lines aren't wrapped."""
    lines = for_text(text).split("\n")
    width = _width(lines)
    paras: list[Para] = []
    group: list[str] = []
    for line in [*lines, ""]:
        if line.strip() and not _RULE.match(line):
            group.append(line)
            continue
        if line.strip() and group and len(group) <= 2 and _SETEXT.match(line) and _is_short(group[-1]):
            paras += _build_paragraphs(group[:-1], width)
            paras.append(Para(group[-1].strip(" *"), "heading", 1 if "=" in line else 2))
            group = []
            continue
        paras += _build_paragraphs(group, width)
        group = []
        if line.strip():
            paras.append(Para("", "rule"))
    return _mark_headings(paras)


def for_text(text: str) -> str:
    return text[:MOST_TEXT].replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")


def _width(lines: Sequence[str]) -> int:
    """Return the column at which the lines of a text are wrapped, or 0 if they aren't."""
    longest = sorted((len(line) for line in lines if line.strip()), reverse=True)
    if not longest or longest[0] > 110:
        return longest[len(longest) // 50] if longest and longest[len(longest) // 20] <= 100 else 0
    return longest[0]


def _is_short(line: str) -> bool:
    return len(line.strip()) <= LONGEST_HEADING and not begins_with_label(line)


def _build_paragraphs(group: Sequence[str], width: int) -> list[Para]:
    made: list[Para] = []
    for number, line in enumerate(group):
        para = _line(line)
        if para is None:
            continue
        before = group[number - 1] if number else ""
        broken = bool(made) and _is_wrapped_line(before, line, width, made[-1])
        made.append(replace(para, apart=not broken))
    return join_lines(made)


def _is_wrapped_line(previous_line: str, line: str, width: int, previous_para: Para) -> bool:
    """Return whether the line break before `line` comes from wrapping, as the next word didn't fit."""
    if not width or _HASHES.match(line) or _HASHES.match(previous_line):
        return False
    word = line.lstrip("> ").split(maxsplit=1)[0]
    dashed = DASHED.match(line) and not re.match(r"\s*(?:—|–|--?)\s+\S", line)
    if _ITEM.match(line) or dashed or (previous_para.marker == "" and _ITEM.match(previous_line)):
        return False
    return len(previous_line.rstrip()) + 1 + len(word) > width or (
        len(previous_line.rstrip()) >= FULL and line[:1].islower()
    )


def _line(line: str) -> Para | None:
    quoted = _QUOTED.match(line)
    line = line[quoted.end() :] if quoted else line
    hashes = _HASHES.match(line)
    if hashes:
        return Para(hashes[2], "heading", len(hashes[1])) if hashes[2] else None
    decorated = _DECORATED.match(line)
    if decorated and not decorated[1].startswith(("**", "__")) or decorated and len(decorated[1]) > 2:
        return Para(for_print(decorated[2]).strip(), "heading", 2)
    if starred := _STARRED.match(line):
        return Para(for_print(starred[2]).strip(), "heading", 2)
    item = _ITEM.match(line)
    marker = ("-" if item[1] else f"{item[2]}.") if item else ""
    text = for_print(line[item.end() :] if item and item[1] else line).strip()
    strong = _STRONG_LINE.match(line[:500]) if len(line) < 500 else None
    if strong and strong[1] not in strong[2]:
        text = for_print(strong[2]).strip()
    head = None if strong else _STRONG_HEAD.match(line[:200])
    if head:
        text = for_print(f"{head[2]}{line[head.end() :]}").strip()
    if not text:
        return None
    return Para(
        text,
        "quote" if quoted else "item" if marker else "text",
        strong=bool(strong and strong[1] != "*"),
        slanted=bool(strong and strong[1] == "*"),
        head=head[2] if head else "",
        marker=marker,
    )


def _mark_headings(paras: Sequence[Para]) -> list[Para]:
    """Turn short separate lines that aren't sentences into headings, with a higher level for those in capitals."""
    made = []
    for number, para in enumerate(paras):
        after = next((one for one in paras[number + 1 : number + 2]), None)
        named = number > 0 and _QUESTION_END.search(paras[number - 1].text) and 0 < para.text.find(",") < 40
        named = named and not para.text.isupper()
        if _NUMBERED_TITLE.match(para.text) and para.text.isupper() and len(para.text) <= LONGEST_HEADING:
            made.append(replace(para, kind="heading", level=2, marker=""))
        elif para.kind == "text" and after is not None and after.kind != "rule" and may_be_heading(para) and not named:
            shouted = para.text == para.text.upper() and para.text != para.text.lower()
            made.append(replace(para, kind="heading", level=2 if shouted else 6, strong=False))
        else:
            made.append(para)
    return made


def may_be_heading(para: Para) -> bool:
    """Return whether an unmarked paragraph could be a heading by its text."""
    text = para.text
    if len(text) > LONGEST_HEADING or para.words > MOST_HEADING_WORDS or para.marker or para.kind == "quote":
        return False
    if text.startswith(("(", "[")) or text.rstrip().endswith((")", "]")) and "(" not in text:
        return False
    if text[:1].islower() or (_TWO_SENTENCES.search(text) and text[-1] in "?؟？"):
        return False
    return not (_ENDS.search(text) or begins_with_label(text) or DASHED.match(text) or "@" in text or "://" in text)
