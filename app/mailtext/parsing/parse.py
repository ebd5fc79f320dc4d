"""Parse the bytes of a message into a `Mail`. Never raises, whatever the bytes are."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from itertools import chain

from ..incoming import Attachment, Mail, Mailbox
from .charsets import decode, decode_or_guess, get_codec_hints, tidy
from .header_words import decode_words, unfold
from .html_text import MAX_HTML_LENGTH, convert_to_text, remove_images
from .html_tree import flatten_if_too_complex
from .mailboxes import parse_mailboxes
from .mime import (
    Fields,
    MimePart,
    MimeSplitter,
    decode_content,
    extract_uuencoded_files,
    get_visible_parts,
    is_report,
    is_text_part,
    normalize_line_ends,
    parse_fields,
)

FLOWED_SIGNATURE = "-- "


def unflow(text: str, *, delete_space: bool = False) -> str:
    """Join each line of format=flowed that ends with a space to the next of the same quote depth (RFC 3676, 4.2).

    With `delete_space` (DelSp=yes, for scripts without spaces) that space is removed. The signature delimiter "-- " is
    never joined (section 4.3).
    """
    paragraphs: list[str] = []
    pieces: list[str] = []  # of the current paragraph
    depth = 0

    def end_paragraph() -> None:
        if pieces:
            prefix = ">" * depth + " " if depth else ""
            paragraphs.append(prefix + "".join(pieces))
            pieces.clear()

    for line in text.split("\n"):
        content = line.lstrip(">")
        line_depth = len(line) - len(content)
        content = content.removeprefix(" ")  # space-stuffing (section 4.4), or the space after quote marks
        if content == FLOWED_SIGNATURE or line_depth != depth:
            end_paragraph()
            depth = line_depth
        continues = content.endswith(" ") and content != FLOWED_SIGNATURE
        pieces.append(content[:-1] if continues and delete_space else content)
        if not continues:
            end_paragraph()
    end_paragraph()
    return "\n".join(paragraphs)


MAX_PARSED = 10_000_000  # bytes of a message that are parsed
MAX_ATTACHED_HEADERS = 64_000  # bytes of an attached message that are searched for its subject
# Codes of problems, in the order of `Mail.faults`.
FAULTS = ("bytes", "parts", "depth", "time", "broken", "charset", "winmail", "encrypted")

MAX_ID_LENGTH = 998  # characters; the longest line of RFC 5322, section 2.1.1
_ID = re.compile(rf"<[^<>\s]{{1,{MAX_ID_LENGTH}}}>")
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([\w:.-]{2,40})", re.IGNORECASE)
_PGP = re.compile(r"^-----BEGIN PGP MESSAGE-----[ \t]*$", re.MULTILINE)
_WINMAIL_TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_ENCRYPTED_TYPES = frozenset({"application/pgp-encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"})
_DELIVERY_HEADERS = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to")


def parse(raw: bytes) -> Mail:
    """Parse a message, or the first `MAX_PARSED` bytes of a longer one, which has the fault "bytes".

    Problems with the bytes become codes in `faults`. So do our own bugs, as "broken", because each mail has to reach a
    person. Never raises.
    """
    try:
        return parse_or_raise(raw)
    except Exception:
        return parse_headers_only(raw, "broken")


def parse_or_raise(raw: bytes) -> Mail:
    """Parse a message as `parse` does, but without catching exceptions."""
    faults = {"bytes"} if len(raw) > MAX_PARSED else set()
    top = MimeSplitter(raw[:MAX_PARSED], faults).read_message()
    label = next((part.content_params["charset"] for part in top.walk() if "charset" in part.content_params), "")
    language = _get_language(top)
    hints = get_codec_hints(label, language)
    collector = _Collector(faults, hints, top)
    segments = collector.collect(top)
    plain = _join_plain(segments)
    html = _join_html(segments)
    content: dict[str, object] = {
        "plain": plain,
        "html": None if html is None else flatten_if_too_complex(html),
        "body": _join_segments(segments) if plain is None else plain,
        "attachments": tuple(collector.attachments),
        "report": tuple(collector.report),
        "language": language,
    }
    return _build_mail(top.fields, hints, faults, content)


def parse_headers_only(raw: bytes, fault: str, max_bytes: int = MAX_PARSED) -> Mail:
    """Parse only the headers in the first `max_bytes` bytes; `fault` is the reason. Never raises."""
    try:
        fields, _ = parse_fields(normalize_line_ends(raw[:max_bytes]).lstrip(b"\n"))
        return _build_mail(fields, (), {fault}, {})
    except Exception:
        return Mail(faults=(fault,))


def _build_mail(fields: Fields, hints: tuple[str, ...], faults: set[str], content: dict[str, object]) -> Mail:
    lines = [(name, unfold(value, hints, faults)) for name, value in fields]
    by_name: dict[str, list[str]] = {}
    for name, line in lines:
        by_name.setdefault(name.lower(), []).append(line)

    def get_first(name: str) -> str:
        return by_name.get(name, [""])[0]

    def list_mailboxes(name: str) -> tuple[Mailbox, ...]:
        return tuple(mailbox for line in by_name.get(name, ()) for mailbox in parse_mailboxes(line, faults))

    header_fields: dict[str, object] = {
        "senders": list_mailboxes("from"),
        "reply_to": list_mailboxes("reply-to"),
        "to": list_mailboxes("to"),
        "cc": list_mailboxes("cc"),
        "delivered_to": tuple(
            _parse_server_address(line) for name in _DELIVERY_HEADERS for line in by_name.get(name, ())
        ),
        "return_path": _parse_server_address(get_first("return-path")) if "return-path" in by_name else None,
        "subject": decode_words(get_first("subject"), faults).strip(),
        "date": parse_date(get_first("date")),
        "message_id": _parse_message_id(get_first("message-id")),
        "in_reply_to": _find_ids(by_name.get("in-reply-to", ())),
        "references": _find_ids(by_name.get("references", ())),
        "headers": tuple((name, decode_words(line, faults)) for name, line in lines),
    }
    return Mail(**header_fields, **content, faults=tuple(code for code in FAULTS if code in faults))  # type: ignore[arg-type]


def _parse_server_address(line: str) -> str:
    """Return the address in a header that a server wrote, "" for the null path."""
    mailboxes = parse_mailboxes(line, set())
    if not mailboxes:
        return ""
    return mailboxes[0].address or mailboxes[0].name


def _find_ids(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(message_id for line in lines for message_id in _ID.findall(line)))


def _parse_message_id(line: str) -> str:
    """Return the Message-ID with brackets, even if the header lacks them: replies refer to it with brackets."""
    match = _ID.search(line)
    if match:
        return match[0]
    words = line.strip("<> \t").split()
    return f"<{words[0][:MAX_ID_LENGTH]}>" if words else ""


def parse_date(line: str) -> datetime | None:
    """Parse a Date header into UTC; None if it is invalid or out of range. A date without a zone is taken as UTC."""
    try:
        date = parsedate_to_datetime(line[:200])
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        return date.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _get_language(top: MimePart) -> str:
    """Return the first tag of Content-Language (RFC 3282), of the message or of the first part that has one, or ""."""
    for part in top.walk():
        tag = part.get_value("content-language").decode("ascii", "ignore").split(",")[0].strip()
        if re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}", tag):
            return tag
    return ""


@dataclass(frozen=True)
class _Segment:
    """A section of the message as plain text, HTML, or both alternatives."""

    plain: str | None
    html: str | None


def _join_plain(segments: list[_Segment]) -> str | None:
    """Return the complete message as plain text; None if it has no plain text at all.

    Some programs send one section as HTML and the next as text, and mailing lists add footers of either type. Sections
    that exist only in the other type are converted, so that each rendition is complete.
    """
    if all(segment.plain is None for segment in segments):
        return None
    return _join_segments(segments)


def _join_segments(segments: list[_Segment]) -> str:
    texts = [convert_to_text(segment.html or "") if segment.plain is None else segment.plain for segment in segments]
    if len(texts) == 1:
        return texts[0]
    return "\n".join(text.strip("\n") for text in texts if text.strip())


def _join_html(segments: list[_Segment]) -> str | None:
    """Return the complete message as HTML; None if it has no HTML at all."""
    if all(segment.html is None for segment in segments):
        return None
    return "\n".join(map(_get_html, segments))


def _get_html(segment: _Segment) -> str:
    if segment.html is not None:
        return segment.html
    escaped = (segment.plain or "").replace("&", "&amp;").replace("<", "&lt;")
    return f"<div>{escaped.replace(chr(10), '<br>')}</div>"


@dataclass
class _Collector:
    """A walk through the parts of a message, which collects attachments, parts of reports, and faults."""

    faults: set[str]
    hints: tuple[str, ...]  # codecs for text without a charset
    top: MimePart  # the message itself
    attachments: list[Attachment] = field(default_factory=list)
    report: list[tuple[str, str]] = field(default_factory=list)
    remaining_html: int = MAX_HTML_LENGTH  # characters of HTML that may be added

    def collect(self, part: MimePart) -> list[_Segment]:
        """Return the text sections of a part, and add everything else to the attachments."""
        if not part.kind.startswith("multipart/"):
            return self._collect_leaf(part)
        if part.kind == "multipart/encrypted":
            self.faults.add("encrypted")
        if is_report(part, self.top):
            self._collect_report(part)
        segment_lists = [self.collect(child) for child in get_visible_parts(part, self.top)]
        if part.kind == "multipart/alternative":
            return _choose_alternatives(segment_lists)
        return list(chain.from_iterable(segment_lists))

    def _collect_report(self, part: MimePart) -> None:
        """Collect the parts of a delivery status, read receipt or complaint (RFC 6522)."""
        for leaf in part.walk():
            if not leaf.kind.startswith("multipart/"):
                text, _ = decode(decode_content(leaf), leaf.content_params.get("charset", ""))
                self.report.append((leaf.kind, tidy(text)))

    def _collect_leaf(self, part: MimePart) -> list[_Segment]:
        data = decode_content(part)
        if not is_text_part(part):
            self._attach(part, data)
            return []
        label = part.content_params.get("charset", "")
        if part.kind == "text/html" and not label:
            meta = _META_CHARSET.search(data[:4000])
            label = meta[1].decode("ascii", "ignore") if meta else ""
        text = tidy(decode_or_guess(data, label, self.hints, self.faults))
        if part.kind == "text/html":
            return [_Segment(None, self._limit_html(text))]
        if part.content_params.get("format", "").lower() == "flowed":
            text = unflow(text, delete_space=part.content_params.get("delsp", "").lower() == "yes")
        text, files = extract_uuencoded_files(text)
        self.attachments += [Attachment(name, len(content), "application/octet-stream") for name, content in files]
        if _PGP.search(text):
            self.faults.add("encrypted")
        return [_Segment(text, None)]

    def _limit_html(self, html: str) -> str:
        html = remove_images(html)
        if len(html) > self.remaining_html:
            self.faults.add("bytes")
        html = html[: self.remaining_html]
        self.remaining_html -= len(html)
        return html

    def _attach(self, part: MimePart, data: bytes) -> None:
        name = part.name
        if part.kind in _WINMAIL_TYPES or name.lower() == "winmail.dat":
            self.faults.add("winmail")
        if part.kind in _ENCRYPTED_TYPES and part.content_params.get("smime-type", "") != "certs-only":
            self.faults.add("encrypted")
        if part.kind == "message/rfc822" and not name:
            name = parse_headers_only(data, "bytes", MAX_ATTACHED_HEADERS).subject
        self.attachments.append(Attachment(name, len(data), part.kind, sha256(data).hexdigest()))


def _choose_alternatives(alternatives: list[list[_Segment]]) -> list[_Segment]:
    """Reduce a multipart/alternative (RFC 2046, section 5.1.4) to the last non-empty plain text and the last HTML.

    An empty plain text beside HTML is dropped.
    """
    plain = html = None
    for segments in alternatives:
        joined_html = _join_html(segments)
        text = _join_plain(segments)
        if joined_html is not None:
            html = joined_html
        elif text is not None and (plain is None or text.strip()):
            plain = text
    if plain is not None and not plain.strip() and html is not None:
        plain = None
    return [_Segment(plain, html)] if plain is not None or html is not None else []
