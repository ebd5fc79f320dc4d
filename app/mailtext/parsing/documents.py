"""The text of documents that hang on mails: Word (DOCX), OpenDocument (ODT), RTF and PDF.

Only run this in the separate process with limited memory and time (mail/reading.py): the bytes come from strangers.
Nothing else in a document is opened: no picture, no embedded file, no link, no script, no entity of XML.
"""

import io
import re
import unicodedata
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any
from xml.parsers import expat

MAX_XML_BYTES = 20_000_000  # bytes of the unpacked text of a document; a book has a tenth of that
MAX_PAGES = 60  # of a PDF; an answer has one or two
MAX_CHARACTERS = 20_000  # of the text; what an answer has beyond them would be cut off
CHUNK = 1 << 16  # bytes that are unpacked at a time
READABLE_KINDS = {"pdf", "office"}  # the kinds of files (see `files.KINDS`) that may have a text that is read here

_BULLET = "- "
_WORD_TEXT = re.compile(r"word/document\d{0,3}\.xml")
_WORD_SPACES = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
)
# Deleted and moved text, and second copies for older programs, are no text of the document.
_WORD_SKIPPED = frozenset({"del", "moveFrom", "Fallback", "pict", "object"})
_ODF_SKIPPED = frozenset({"tracked-changes", "annotation", "note", "title", "desc", "forms"})
_ODF_TEXT = b"application/vnd.oasis.opendocument.text"
_ODF_MANIFEST = "META-INF/manifest.xml"  # says which files of the document are encrypted
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of old office files, and of encrypted new ones
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")


class UnreadableDocument(Exception):
    """The text can't be read. The message is "encrypted", "large", "unreadable", "empty" or "unknown"."""


def read_document(data: bytes) -> str:
    """Return the text of a document, with blank lines between paragraphs. Raises `UnreadableDocument`."""
    try:
        paragraphs = [paragraph for paragraph in _find_reader(data)(data) if paragraph.strip()]
    except UnreadableDocument:
        raise
    except (MemoryError, RecursionError):
        raise UnreadableDocument("large") from None
    except Exception:  # any error of a library on bytes that are no such document
        raise UnreadableDocument("unreadable") from None
    text = _join(paragraphs)
    if len(text) > MAX_CHARACTERS:
        raise UnreadableDocument("large")
    if not any(map(str.isalnum, text)):
        raise UnreadableDocument("empty")  # for instance pictures of pages
    return text


def _find_reader(data: bytes) -> Callable[[bytes], Iterator[str]]:
    head = data.lstrip()[:8]
    if head.startswith(b"%PDF-"):
        return _read_pdf
    if head.startswith(b"{\\rtf"):
        return _read_rtf
    if head.startswith(b"PK"):
        return _read_zipped
    if head.startswith(_OLE) and _ENCRYPTED_PACKAGE in data:
        raise UnreadableDocument("encrypted")
    raise UnreadableDocument("unknown")


def _join(paragraphs: list[str]) -> str:
    """Join paragraphs by blank lines, and the items of a list by line breaks."""
    text = ""
    for paragraph in paragraphs:
        lines = [" ".join(line.split()) for line in paragraph.splitlines()]
        joined = "\n".join(filter(None, lines))
        follows_item = text.rpartition("\n")[2].startswith(_BULLET) and joined.startswith(_BULLET)
        text += ("\n" if follows_item else "\n\n") + joined if text else joined
        if len(text) > MAX_CHARACTERS:
            break
    return text


def _read_zipped(data: bytes) -> Iterator[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        word_texts = [name for name in names if _WORD_TEXT.fullmatch(name)]
        if word_texts:
            yield from _parse_xml(archive, word_texts[0], _WordText())
        elif "content.xml" in names and next(_unpack(archive, "mimetype"), b"").startswith(_ODF_TEXT):
            if any(b"encryption-data" in chunk for chunk in _unpack(archive, _ODF_MANIFEST)):
                raise UnreadableDocument("encrypted")
            yield from _parse_xml(archive, "content.xml", _OdfText())
        else:
            raise UnreadableDocument("unknown")


def _unpack(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """Yield a file of an archive in chunks. Raises `UnreadableDocument` if it is encrypted, or too large."""
    info = archive.getinfo(name)
    if info.flag_bits & 1:
        raise UnreadableDocument("encrypted")
    size = 0
    with archive.open(info) as file:
        while chunk := file.read(CHUNK):  # the size in the archive's directory may be a lie
            size += len(chunk)
            if size > MAX_XML_BYTES:
                raise UnreadableDocument("large")
            yield chunk


class _XmlText(ABC):
    """Collects the paragraphs of a document in XML. Subclasses say what its elements mean."""

    skipped: frozenset[str]

    def __init__(self) -> None:
        self.paragraphs: list[str] = []
        self.elements: list[str] = []  # that are open, each without its namespace
        self.skip_depth = 0  # of the open elements from the first on whose text doesn't count
        self.parts: list[str] = []  # of the current paragraph

    def start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        self.elements.append(local)
        if self.skip_depth or local in self.skipped:
            self.skip_depth += 1
            return
        self.open(space, local, attributes)

    def end(self, name: str) -> None:
        self.elements.pop()
        if self.skip_depth:
            self.skip_depth -= 1
            return
        space, _, local = name.rpartition(" ")
        self.close(space, local)

    @abstractmethod
    def open(self, space: str, local: str, attributes: dict[str, str]) -> None: ...

    @abstractmethod
    def close(self, space: str, local: str) -> None: ...

    def add(self, text: str) -> None:
        if not self.skip_depth and self.is_text():
            self.parts.append(text)

    @abstractmethod
    def is_text(self) -> bool:
        """Return whether characters of the current element are text of the document."""

    def end_paragraph(self, is_item: bool) -> None:
        text = "".join(self.parts)
        self.parts.clear()
        if text.strip():
            self.paragraphs.append((_BULLET if is_item else "") + text)


class _WordText(_XmlText):
    skipped = _WORD_SKIPPED

    def __init__(self) -> None:
        super().__init__()
        self.is_item = False

    def open(self, space: str, local: str, attributes: dict[str, str]) -> None:
        if space not in _WORD_SPACES:
            return
        is_in_run = self.elements[-2:-1] == ["r"]  # tab stops of paragraphs have the same name as tabs
        if local == "numPr" or (local == "pStyle" and _get_value(attributes).startswith(("ListBullet", "ListNumber"))):
            self.is_item = True
        elif is_in_run:
            self.parts.append({"tab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}.get(local, ""))

    def close(self, space: str, local: str) -> None:
        if local == "p" and space in _WORD_SPACES:
            self.end_paragraph(self.is_item)
            self.is_item = False

    def is_text(self) -> bool:
        return self.elements[-1] == "t"


def _get_value(attributes: dict[str, str]) -> str:
    return next((value for name, value in attributes.items() if name.endswith(" val")), "")


class _OdfText(_XmlText):
    skipped = _ODF_SKIPPED

    def open(self, space: str, local: str, attributes: dict[str, str]) -> None:
        self.parts.append({"s": " ", "tab": " ", "line-break": "\n"}.get(local, ""))

    def close(self, space: str, local: str) -> None:
        if local in ("p", "h"):
            self.end_paragraph("list-item" in self.elements)

    def add(self, text: str) -> None:
        super().add(re.sub(r"\s+", " ", text))

    def is_text(self) -> bool:
        return "p" in self.elements or "h" in self.elements


def _parse_xml(archive: zipfile.ZipFile, name: str, text: _XmlText) -> list[str]:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = text.start
    parser.EndElementHandler = text.end
    parser.CharacterDataHandler = text.add
    for chunk in _unpack(archive, name):
        parser.Parse(chunk)
    parser.Parse(b"", True)
    return text.paragraphs


def _refuse_doctype(*_args: Any) -> None:
    """Refuse documents with a DOCTYPE, which could declare entities: neither format has one."""
    raise UnreadableDocument("unreadable")


def _read_rtf(data: bytes) -> Iterator[str]:
    from striprtf.striprtf import rtf_to_text

    text = rtf_to_text(data.decode("cp1252", errors="replace"), errors="replace")  # type: ignore[no-untyped-call]
    # Characters beyond the first 65,536 are written as two halves.
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", errors="replace")
    yield from text.replace("\u00ad", "").split("\n")


def _read_pdf(data: bytes) -> Iterator[str]:
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):  # many are encrypted without a password, to forbid copying
        raise UnreadableDocument("encrypted")
    if len(reader.pages) > MAX_PAGES:
        raise UnreadableDocument("large")
    length = 0
    for page in reader.pages:
        # This mode leaves lines where they are on the page, so that a gap between them shows a new paragraph.
        lines = page.extract_text(extraction_mode="layout").splitlines()
        for paragraph in _unwrap([_put_in_reading_order(line) for line in lines]):
            length += len(paragraph)
            if length > MAX_CHARACTERS:
                raise UnreadableDocument("large")
            yield paragraph


_DIGIT = "[0-9٠-٩۰-۹]"
_RIGHT_TO_LEFT = r"\u0590-\u065f\u066a-\u06ef\u06fa-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"  # no digits
_LATIN = rf"[^\W\d_{_RIGHT_TO_LEFT}]"
# Words of another script, or a number, within a line of a script that is written from right to left.
_LEFT_TO_RIGHT_RUN = re.compile(rf"{_LATIN}(?:[^{_RIGHT_TO_LEFT}]*{_LATIN})?|{_DIGIT}(?:[.,:/٫٬-]?{_DIGIT})*")
_MIRRORED = str.maketrans("()[]{}«»", ")(][}{»«")


def _put_in_reading_order(line: str) -> str:
    """Return a line of a PDF, whose characters are in the order in which they are seen, from left to right.

    If most of its letters are from a script that is written from right to left, they are turned round, and each is
    replaced by the letter of which it is a form.
    """
    directions = [unicodedata.bidirectional(character) for character in line]
    if sum(direction in ("R", "AL") for direction in directions) <= directions.count("L"):
        return line
    turned = line[::-1].translate(_MIRRORED)
    return unicodedata.normalize("NFKC", _LEFT_TO_RIGHT_RUN.sub(lambda match: match[0][::-1], turned))


_PDF_BULLET = re.compile(r"\s*[•‣▪●○◦–-]\s+(?=\S)")
FULL_LINE_SHARE = 0.6  # of the longest line; the text of a shorter line ends there


def _unwrap(lines: list[str]) -> Iterator[str]:
    """Yield the paragraphs of a page. Lines that were broken for want of room are joined."""
    longest = max(map(len, map(str.strip, lines)), default=0)
    paragraph, was_full = "", False
    for line in lines:
        stripped = " ".join(line.split())
        bullet = _PDF_BULLET.match(line)
        if paragraph and (not stripped or bullet):
            yield paragraph
            paragraph = ""
        if not stripped:
            continue
        if bullet:
            stripped = _BULLET + stripped[len(bullet[0].strip()) :].strip()
        if not paragraph:
            paragraph = stripped
        elif not was_full:
            paragraph += "\n" + stripped
        elif paragraph.endswith("-"):
            paragraph += stripped
        else:
            paragraph = paragraph.removesuffix("\u00ad") + ("" if paragraph.endswith("\u00ad") else " ") + stripped
        was_full = len(line.strip()) >= FULL_LINE_SHARE * longest
    if paragraph:
        yield paragraph
