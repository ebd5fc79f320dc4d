"""Reading files of editions: detecting the format, splitting a file into editions, and their paragraphs.

The formats are text, HTML, Markdown, a mail (.eml) or many (.mbox), and Ghost's JSON export. The format is detected
from the contents; the file name only matters if these are ambiguous. Attachments of mails are never opened.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Any

from ..mailtext.parsing.charsets import read as read_charset
from ..mailtext.parsing.charsets import tidy
from ..mailtext.parsing.parse import MAX_PARSED, parse
from .html_paragraphs import paragraphs_of_html
from .issue_dates import date_in, parse_date_line
from .issue_paragraph import Para
from .issue_words import get_lexicon, guess_edition_language
from .text_paragraphs import front_matter, is_markdown, paragraphs_of_markdown, paragraphs_of_text

MOST_BYTES = 40 * 1024 * 1024
MOST_EDITIONS = 20_000  # in one file
TOP = 8  # paragraphs at the top in which an edition's date is looked for
SAMPLE = 4_000
# Formats that can't be read, by their first bytes.
MAGIC = (
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
_HEADER = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]{1,60}:[^\n]{0,2000}\n(?:[ \t][^\n]{0,2000}\n){0,20}){2}")
_KNOWN_HEADERS = re.compile(rb"^(?:From|Subject|Date|MIME-Version|Message-ID|Received|Return-Path|To):", re.I | re.M)
_MBOX = re.compile(rb"^From [^\n]{3,200}\n(?=[A-Za-z-]{2,40}:)", re.MULTILINE)
_HTML = re.compile(
    r"<(?:!doctype html|html|head|body|table|div|p|h[1-6]|article|section|blockquote|ul)\b", re.IGNORECASE
)
_META = re.compile(
    r"(?:property|name|itemprop)=[\"'](?:article:published_time|datePublished|date|pubdate|DC\.date)[\"'][^>]{0,200}?"
    r"content=[\"']([^\"']{4,40})"
    r"|content=[\"']([^\"']{4,40})[\"'][^>]{0,100}?(?:property|name)=[\"']article:published_time"
    r"|\"datePublished\"\s*:\s*\"([^\"]{4,40})|<time\b[^>]{0,200}?datetime=[\"']([^\"']{4,40})",
    re.IGNORECASE,
)
_TITLE = re.compile(r"<title\b[^>]*>([^<]{0,400})", re.IGNORECASE)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([\w:.-]{2,40})", re.IGNORECASE)
_KEYS = ("date", "published", "published_at", "publishdate", "post_date", "datum", "fecha")


class Unreadable(Exception):
    """A file can't be read. `code` is a key of `FAULTS`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


# Why a file can't be read, for the command line; the desk has its own translated messages.
FAULTS = {
    "empty": "There is nothing in this file.",
    "large": f"This file is larger than {MOST_BYTES // 1024 // 1024} MB. Cut it into several.",
    "pdf": "This is a PDF, in which a question can't be told from its answer safely. Export HTML, text or mail.",
    "archive": "This is a packed file. Unpack it and choose the files inside.",
    "office": "This is a document of a word processor. Save it as HTML or text.",
    "binary": "This is a program, a picture or the like, and no text.",
    "encoding": "The letters of this file can't be read. Save it as UTF-8.",
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
    """Yield the editions of a file. Raises `Unreadable`."""
    if len(data) > MOST_BYTES:
        raise Unreadable("large")
    if not data.strip(b" \t\r\n\0\xef\xbb\xbf\xff\xfe"):
        raise Unreadable("empty")
    for magic, code in MAGIC:
        if data.startswith(magic):
            raise Unreadable(code)
    lower = name.lower()
    named = date_in(re.sub(r"\.\w+\Z", "", name.rpartition("/")[2]))
    if _MBOX.match(data.lstrip()) and (_MBOX.search(data, 6) or lower.endswith(".mbox") or _is_mail(data)):
        yield from _parse_mbox(data.replace(b"\r\n", b"\n"))
    elif _is_mail(data):
        yield _parse_mail(data)
    else:
        yield from _parse_text(lower, _text(data), named)


def _is_mail(data: bytes) -> bool:
    start = data[:20_000].replace(b"\r\n", b"\n").lstrip(b"\n")
    head = start.partition(b"\n\n")[0] + b"\n"
    return bool(_HEADER.match(head)) and len(_KNOWN_HEADERS.findall(head)) >= 2


def _parse_mbox(data: bytes) -> Iterator[Issue]:
    starts = [found.start() for found in _MBOX.finditer(data)][:MOST_EDITIONS]
    for start, end in pairwise([*starts, len(data)]):
        yield _parse_mail(data[data.find(b"\n", start) + 1 : end])


def _parse_mail(data: bytes) -> Issue:
    mail = parse(data[:MAX_PARSED])
    if "broken" in mail.faults or not (mail.html or mail.plain):
        return Issue(mail.subject, None, "en", ())
    by_html = paragraphs_of_html(mail.html) if mail.html else []
    by_text = paragraphs_of_text(mail.plain) if mail.plain and not by_html else []
    dated = mail.all("date")
    day = _local_day(dated[0]) if dated else None
    return _build_issue(mail.subject, day, by_html or by_text)


def _local_day(line: str) -> date | None:
    """Parse a Date header as a day in its sender's time zone, so that a Tuesday evening stays a Tuesday."""
    try:
        return parsedate_to_datetime(line[:200]).date()
    except (ValueError, TypeError, IndexError, OverflowError):
        return date_in(line[:200])


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decoded(data, "utf-16")
    sample = data[:SAMPLE]
    low, high = sample[1::2].count(0), sample[::2].count(0)  # UTF-16 without BOM has zero bytes, if only in spaces
    if max(low, high) > len(sample) // 40 and max(low, high) > 8 * min(low, high):
        return _decoded(data, "utf-16-le" if low > high else "utf-16-be")
    if sample.count(0) or sum(byte < 9 or 13 < byte < 27 for byte in sample) > len(sample) // 50:
        raise Unreadable("binary")
    said = _CHARSET.search(sample)
    faults: set[str] = set()
    text = tidy(read_charset(data, said[1].decode("ascii", "ignore") if said else "", (), faults))
    if text.count("\ufffd") * 100 > len(text):
        raise Unreadable("encoding")
    return text


def _decoded(data: bytes, codec: str) -> str:
    try:
        return tidy(data.decode(codec))
    except UnicodeDecodeError as error:
        raise Unreadable("encoding") from error


def _parse_text(name: str, text: str, file_name_date: date | None) -> Iterator[Issue]:
    posts = _posts(text) if name.endswith(".json") or text.lstrip()[:1] == "{" else []
    for post in posts:
        day = _iso_day(str(post.get("published_at") or ""))
        yield _build_issue(str(post.get("title") or ""), day, paragraphs_of_html(str(post.get("html") or "")))
    if posts:
        return
    values, body = front_matter(text)
    said = next((_day_in(values[key]) for key in _KEYS if values.get(key)), None)
    title = values.get("title", values.get("subject", ""))
    if values or name.endswith((".md", ".markdown", ".mdx")):
        yield from _split_issues(_parse_markdown(body, title, said, file_name_date))
    elif len(_HTML.findall(text[:50_000])) >= 2 or name.endswith((".html", ".htm")):
        found = _META.search(text[:200_000])
        day = _iso_day(next(filter(None, found.groups()), "")) if found else None
        heading = _TITLE.search(text[:50_000])
        yield from _split_issues(
            [_build_issue(heading[1].strip() if heading else "", day, paragraphs_of_html(text), file_name_date)]
        )
    elif is_markdown(text):
        yield from _split_issues(_parse_markdown(text, "", None, file_name_date))
    else:
        yield from _split_issues([_build_issue("", None, paragraphs_of_text(text), file_name_date)])


_NEXT_FRONT = re.compile(r"^---[ \t]*\n(?=[a-z_]{2,30}:[ \t])", re.MULTILINE)


def _parse_markdown(text: str, title: str, day: date | None, file_name_date: date | None) -> Iterator[Issue]:
    """Yield the editions of a Markdown file, which may have front matter for each."""
    starts = [found.start() for found in _NEXT_FRONT.finditer(text)]
    end = starts[0] if starts else len(text)
    yield _build_issue(title, day, paragraphs_of_markdown(text[:end]), file_name_date)
    for start, stop in pairwise([*starts, len(text)]):
        values, body = front_matter(text[start:stop])
        said = next((_day_in(values[key]) for key in _KEYS if values.get(key)), None)
        yield _build_issue(values.get("title", ""), said, paragraphs_of_markdown(body))


def _posts(text: str) -> list[dict[str, Any]]:
    """Return the posts of a Ghost export, or none if the text is something else."""
    try:
        data = json.loads(text)
        found = data["db"][0]["data"]["posts"] if "db" in data else data.get("posts", [])
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return []
    return [post for post in found if isinstance(post, dict)][:MOST_EDITIONS]


def _day_in(text: str) -> date | None:
    return _iso_day(text) or date_in(text)


def _iso_day(text: str) -> date | None:
    try:
        return datetime.fromisoformat(text.strip().replace("Z", "+00:00")).date()
    except ValueError:
        return date_in(text)


def _build_issue(title: str, day: date | None, paras: Sequence[Para], file_name_date: date | None = None) -> Issue:
    """Build an edition. Without a `day`, look for one in its first paragraphs, and then use the file name's."""
    language = guess_edition_language(para.text for para in paras)
    if day is None:
        top = [para for para in paras if para.text][:TOP]
        day = (
            next((found for para in top if (found := parse_date_line(para.text, language, 6))), None) or file_name_date
        )
    return Issue(title, day, language, tuple(paras))


def _split_issues(issues: Sequence[Issue] | Iterator[Issue]) -> Iterator[Issue]:
    """Split a text with several editions, each of which begins with a line with its date."""
    for issue in issues:
        paras = issue.paras
        cuts = [at for at, para in enumerate(paras) if _begins_issue(paras, at, issue.language)]
        days = [parse_date_line(paras[at].text, issue.language) for at in cuts]
        if len(set(days)) < 2:
            yield issue
            continue
        starts = [_get_issue_start(paras, at) for at in cuts]
        starts[0] = 0
        for number, (start, end) in enumerate(pairwise([*starts, len(paras)])):
            yield Issue(
                issue.title, days[number], guess_edition_language(p.text for p in paras[start:end]), paras[start:end]
            )


def _begins_issue(paras: Sequence[Para], index: int, language: str) -> bool:
    """Return whether a line with a date begins an edition: it is at the top, a top-level heading or right below one,
    below a rule, or has a word such as "Issue"."""
    para = paras[index]
    if not para.text or parse_date_line(para.text, language) is None:
        return False
    before = paras[max(0, index - 2) : index]
    beside = any(one.kind == "rule" or (one.kind == "heading" and one.level == 1) for one in before)
    return (
        index < 3
        or (para.kind == "heading" and para.level <= 1)
        or beside
        or bool(get_lexicon(language).issues.search(para.text) and para.kind != "item")
    )


def _get_issue_start(paras: Sequence[Para], index: int) -> int:
    """Return the index at which an edition begins, whose title may be above its date."""
    return index - 1 if index and paras[index - 1].kind == "heading" and paras[index].kind != "heading" else index
