"""Reading files of editions: detecting the format, and splitting a file into editions and these into paragraphs.

The formats are text, HTML, Markdown, a mail (.eml) or many (.mbox), and Ghost's JSON export. The format is detected
from the contents; the file name only matters if these are ambiguous. Attachments of mails are never opened.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Any

from ..mailtext.parsing.charsets import decode_or_guess, tidy
from ..mailtext.parsing.parse import MAX_PARSED, parse
from .html_paragraphs import paragraphs_of_html
from .issue_dates import date_in, parse_date_line
from .issue_paragraph import Para
from .issue_words import get_lexicon, guess_edition_language
from .text_paragraphs import is_markdown, paragraphs_of_markdown, paragraphs_of_text, split_front_matter

MAX_FILE_BYTES = 40 * 1024 * 1024
MAX_EDITIONS = 20_000  # in one file
MAX_DATE_PARAGRAPHS = 8  # paragraphs at the top of an edition that are searched for its date
MAX_PARAGRAPHS_ABOVE_DATE = 2  # above the date line of the first edition in a file
SAMPLE_BYTES = 4_000  # at the start of a file, by which its encoding is detected
MAIL_HEADER_BYTES = 20_000  # at the start of a file, by which a mail is recognised
HTML_HEAD_LENGTH = 50_000  # characters in which tags and the title are searched for
META_DATE_LENGTH = 200_000  # characters in which the metadata is searched for a date
# Formats that can't be read, by their first bytes.
UNSUPPORTED_FORMATS = (
    (b"%PDF", "pdf"),
    (b"PK\x03\x04", "archive"),
    (b"\xd0\xcf\x11\xe0", "office"),
    (b"{\\rtf", "office"),
    (b"\x1f\x8b", "archive"),
    (b"Rar!", "archive"),
    (b"7z\xbc\xaf", "archive"),
    (b"MZ", "binary"),
    (b"\x7fELF", "binary"),
    (b"\x89PNG", "binary"),
    (b"\xff\xd8\xff", "binary"),
    (b"GIF8", "binary"),
)
# Two header lines of a mail, perhaps folded.
_HEADER_LINES = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]{1,60}:[^\n]{0,2000}\n(?:[ \t][^\n]{0,2000}\n){0,20}){2}")
_KNOWN_HEADER = re.compile(rb"^(?:From|Subject|Date|MIME-Version|Message-ID|Received|Return-Path|To):", re.I | re.M)
# "From maria@example.org Tue Nov  1 10:00:00 2022", followed by a mail's header.
_MBOX_SEPARATOR = re.compile(rb"^From [^\n]{3,200}\n(?=[A-Za-z-]{2,40}:)", re.MULTILINE)
_HTML_TAG = re.compile(
    r"<(?:!doctype html|html|head|body|table|div|p|h[1-6]|article|section|blockquote|ul)\b", re.IGNORECASE
)
# The day of publication in the metadata of a page, in one of the groups.
_META_DATE = re.compile(
    # <meta property="article:published_time" content="2022-11-02">
    r"(?:property|name|itemprop)=[\"'](?:article:published_time|datePublished|date|pubdate|DC\.date)[\"'][^>]{0,200}?"
    r"content=[\"']([^\"']{4,40})"
    # <meta content="2022-11-02" property="article:published_time">
    r"|content=[\"']([^\"']{4,40})[\"'][^>]{0,100}?(?:property|name)=[\"']article:published_time"
    r"|\"datePublished\"\s*:\s*\"([^\"]{4,40})"  # JSON-LD
    r"|<time\b[^>]{0,200}?datetime=[\"']([^\"']{4,40})",
    re.IGNORECASE,
)
_TITLE_TAG = re.compile(r"<title\b[^>]*>([^<]{0,400})", re.IGNORECASE)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([\w:.-]{2,40})", re.IGNORECASE)
# Keys of front matter that may have the date, in English, German and Spanish.
_DATE_KEYS = ("date", "published", "published_at", "publishdate", "publish_date", "post_date", "datum", "fecha")
# The beginning of front matter; in the middle of a file, another edition begins with it.
_NEXT_FRONT_MATTER = re.compile(r"^---[ \t]*\n(?=[a-z_]{2,30}:[ \t])", re.MULTILINE)


class UnreadableIssue(Exception):
    """A file can't be read. `code` is a key of `FAULTS`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


# Why a file can't be read, for the command line; the desk has its own translated messages.
FAULTS = {
    "empty": "There is nothing in this file.",
    "large": f"This file is larger than {MAX_FILE_BYTES // 1024 // 1024} MB. Cut it into several.",
    "pdf": "This is a PDF, in which a question can't be told from its answer safely. Export HTML, text or mail.",
    "archive": "This is a packed file. Unpack it and choose the files inside.",
    "office": "This is a document of a word processor. Save it as HTML or text.",
    "binary": "This is a program, a picture or the like, and no text.",
    "encoding": "The encoding of this file isn't known. Save it as UTF-8.",
    "mail": "This mail can't be read.",
}


@dataclass(frozen=True)
class Issue:
    """One edition of a file: title, day if known, language, and paragraphs."""

    title: str
    day: date | None
    language: str
    paras: tuple[Para, ...]


def issues_in(name: str, data: bytes) -> Iterator[Issue]:
    """Yield the editions of a file. Raises `UnreadableIssue`."""
    if len(data) > MAX_FILE_BYTES:
        raise UnreadableIssue("large")
    if not data.strip(b" \t\r\n\0\xef\xbb\xbf\xff\xfe"):
        raise UnreadableIssue("empty")
    for magic, code in UNSUPPORTED_FORMATS:
        if data.startswith(magic):
            raise UnreadableIssue(code)
    name = name.lower()
    if _is_mbox(name, data):
        yield from _parse_mbox(data.replace(b"\r\n", b"\n"))
    elif _is_mail(data):
        yield _parse_mail(data)
    else:
        stem = re.sub(r"\.\w+\Z", "", name.rpartition("/")[2])
        yield from _parse_text(name, _decode_text(data), date_in(stem))


def _is_mbox(name: str, data: bytes) -> bool:
    """Return whether a file is an mbox.

    A plain text can also begin with "From ", so a second separator, the file name or a mail header must confirm it.
    """
    if not _MBOX_SEPARATOR.match(data.lstrip()):
        return False
    has_second_separator = _MBOX_SEPARATOR.search(data, len("From ") + 1) is not None
    return has_second_separator or name.endswith(".mbox") or _is_mail(data)


def _is_mail(data: bytes) -> bool:
    start = data[:MAIL_HEADER_BYTES].replace(b"\r\n", b"\n").lstrip(b"\n")
    head = start.partition(b"\n\n")[0] + b"\n"
    return bool(_HEADER_LINES.match(head)) and len(_KNOWN_HEADER.findall(head)) >= 2


def _parse_mbox(data: bytes) -> Iterator[Issue]:
    starts = [separator.start() for separator in _MBOX_SEPARATOR.finditer(data)][:MAX_EDITIONS]
    for start, end in pairwise([*starts, len(data)]):
        mail_start = data.find(b"\n", start) + 1  # below the separator line
        yield _parse_mail(data[mail_start:end])


def _parse_mail(data: bytes) -> Issue:
    mail = parse(data[:MAX_PARSED])
    if "broken" in mail.faults or not (mail.html or mail.plain):
        return Issue(mail.subject, None, "en", ())
    paras = paragraphs_of_html(mail.html) if mail.html else []
    if not paras and mail.plain:
        paras = paragraphs_of_text(mail.plain)
    date_headers = mail.all("date")
    day = _parse_local_day(date_headers[0]) if date_headers else None
    return _build_issue(mail.subject, day, paras)


def _parse_local_day(header: str) -> date | None:
    """Parse a Date header as a day in its sender's time zone, so that a Tuesday evening stays a Tuesday."""
    header = header[:200]  # longer ones are malformed, and slow to parse
    try:
        return parsedate_to_datetime(header).date()
    except (ValueError, TypeError, IndexError, OverflowError):
        return date_in(header)


def _decode_text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # byte order marks
        return _decode_utf_16(data, "utf-16")
    sample = data[:SAMPLE_BYTES]
    # In UTF-16, at least each space and line break has a zero byte: its second byte in little-endian, else its first.
    zeros_in_first_bytes = sample[::2].count(0)
    zeros_in_second_bytes = sample[1::2].count(0)
    most = max(zeros_in_first_bytes, zeros_in_second_bytes)
    fewest = min(zeros_in_first_bytes, zeros_in_second_bytes)
    if most > len(sample) // 40 and most > 8 * fewest:
        return _decode_utf_16(data, "utf-16-le" if zeros_in_second_bytes > zeros_in_first_bytes else "utf-16-be")
    control_chars = sum(byte < 9 or 13 < byte < 27 for byte in sample)  # other than tabs and line breaks (9 to 13)
    if sample.count(0) or control_chars > len(sample) // 50:
        raise UnreadableIssue("binary")
    declared = _CHARSET.search(sample)
    charset = declared[1].decode("ascii", "ignore") if declared else ""
    text = tidy(decode_or_guess(data, charset, (), set()))
    if text.count("\ufffd") * 100 > len(text):
        raise UnreadableIssue("encoding")
    return text


def _decode_utf_16(data: bytes, codec: str) -> str:
    try:
        return tidy(data.decode(codec))
    except UnicodeDecodeError as error:
        raise UnreadableIssue("encoding") from error


def _parse_text(name: str, text: str, file_name_date: date | None) -> Iterator[Issue]:
    is_json = name.endswith(".json") or text.lstrip().startswith("{")
    posts = _parse_ghost_export(text) if is_json else []
    if posts:
        yield from map(_build_post, posts)
        return
    values, body = split_front_matter(text)
    if values or name.endswith((".md", ".markdown", ".mdx")):
        title = values.get("title", values.get("subject", ""))
        issues = _parse_markdown(body, title, _get_front_matter_day(values), file_name_date)
    elif len(_HTML_TAG.findall(text[:HTML_HEAD_LENGTH])) >= 2 or name.endswith((".html", ".htm")):
        issues = iter([_parse_page(text, file_name_date)])
    elif is_markdown(text):
        issues = _parse_markdown(text, "", None, file_name_date)
    else:
        issues = iter([_build_issue("", None, paragraphs_of_text(text), file_name_date)])
    yield from _split_issues(issues)


def _build_post(post: dict[str, Any]) -> Issue:
    """Build an edition from a post of a Ghost export."""
    title, published_at, html = (str(post.get(key) or "") for key in ("title", "published_at", "html"))
    return _build_issue(title, _parse_iso_day(published_at), paragraphs_of_html(html))


def _parse_page(html: str, file_name_date: date | None) -> Issue:
    title_tag = _TITLE_TAG.search(html[:HTML_HEAD_LENGTH])
    title = title_tag[1].strip() if title_tag else ""
    meta_date = _META_DATE.search(html[:META_DATE_LENGTH])
    day = _parse_iso_day(meta_date[meta_date.lastindex or 0]) if meta_date else None  # the only group that matched
    return _build_issue(title, day, paragraphs_of_html(html), file_name_date)


def _get_front_matter_day(values: Mapping[str, str]) -> date | None:
    for key in _DATE_KEYS:
        if values.get(key):
            return _parse_iso_day(values[key])
    return None


def _parse_markdown(text: str, title: str, day: date | None, file_name_date: date | None) -> Iterator[Issue]:
    """Yield the editions of a Markdown file.

    `title` and `day` are those of the first edition, whose front matter isn't in `text`. Any further edition begins
    with front matter of its own.
    """
    starts = [fence.start() for fence in _NEXT_FRONT_MATTER.finditer(text)]
    first_end = starts[0] if starts else len(text)
    yield _build_issue(title, day, paragraphs_of_markdown(text[:first_end]), file_name_date)
    for start, end in pairwise([*starts, len(text)]):
        values, body = split_front_matter(text[start:end])
        yield _build_issue(values.get("title", ""), _get_front_matter_day(values), paragraphs_of_markdown(body))


def _parse_ghost_export(text: str) -> list[dict[str, Any]]:
    """Return the posts of a Ghost export, or none if the text is something else."""
    try:
        data = json.loads(text)
        posts = data["db"][0]["data"]["posts"] if "db" in data else data.get("posts", [])
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return []
    return [post for post in posts if isinstance(post, dict)][:MAX_EDITIONS]


def _parse_iso_day(text: str) -> date | None:
    """Parse an ISO date, with or without a time, else return the first date in the text, or None."""
    try:
        return datetime.fromisoformat(text.strip().replace("Z", "+00:00")).date()
    except ValueError:
        return date_in(text)


def _build_issue(title: str, day: date | None, paras: Sequence[Para], file_name_date: date | None = None) -> Issue:
    """Build an edition. Without a `day`, look for one in its first paragraphs, and then use the file name's."""
    language = guess_edition_language(para.text for para in paras)
    if day is None:
        day = _find_day_at_top(paras, language) or file_name_date
    return Issue(title, day, language, tuple(paras))


def _find_day_at_top(paras: Sequence[Para], language: str) -> date | None:
    paras_with_text = [para for para in paras if para.text]
    for para in paras_with_text[:MAX_DATE_PARAGRAPHS]:
        if day := parse_date_line(para.text, language, max_ratio=6):  # the title is often in the same line
            return day
    return None


def _split_issues(issues: Iterable[Issue]) -> Iterator[Issue]:
    """Split each text that consists of several editions with different dates, at the date line of each."""
    for issue in issues:
        paras = issue.paras
        date_indexes = [index for index in range(len(paras)) if _begins_issue(paras, index, issue.language)]
        days = [parse_date_line(paras[index].text, issue.language) for index in date_indexes]
        if len(set(days)) < 2:
            yield issue
            continue
        starts = [_get_issue_start(paras, index) for index in date_indexes]
        starts[0] = 0  # the paragraphs above the first date belong to the first edition
        for day, (start, end) in zip(days, pairwise([*starts, len(paras)]), strict=True):
            language = guess_edition_language(para.text for para in paras[start:end])
            yield Issue(issue.title, day, language, paras[start:end])


def _begins_issue(paras: Sequence[Para], index: int, language: str) -> bool:
    """Return whether a paragraph is the date line of an edition, not a date elsewhere in the text.

    It is at the top of the text, in a top-level heading, close below such a heading or a rule, or has a word such as
    "Issue".
    """
    para = paras[index]
    if not para.text or parse_date_line(para.text, language) is None:
        return False
    if index <= MAX_PARAGRAPHS_ABOVE_DATE or (para.kind == "heading" and para.level <= 1):
        return True
    if any(_separates_issues(above) for above in paras[max(0, index - 2) : index]):
        return True
    return para.kind != "item" and get_lexicon(language).issues.search(para.text) is not None


def _separates_issues(para: Para) -> bool:
    return para.kind == "rule" or (para.kind == "heading" and para.level == 1)


def _get_issue_start(paras: Sequence[Para], index: int) -> int:
    """Return the index of an edition's title if it is just above the date line at `index`, else `index`."""
    has_title_above = index > 0 and paras[index - 1].kind == "heading" and paras[index].kind != "heading"
    return index - 1 if has_title_above else index
