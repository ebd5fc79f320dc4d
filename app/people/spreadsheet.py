"""Read a table that a spreadsheet program wrote, and write one that such a program may open.

CSV is RFC 4180 as spreadsheets write it: with semicolons or tabs, Windows encodings, a line "sep=;", and columns in any
order. Spreadsheets run a cell that begins like a formula when they open the file, so we write an apostrophe before such
a cell, and remove one when reading.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from .name_forms import fold

MOST_BYTES = 16 * 1024 * 1024
MOST_ROWS = 50_000
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1252": "Windows-1252 (Western)",
    "cp1250": "Windows-1250 (Central European)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp1256": "Windows-1256 (Arabic)",
}
HEADS = 20_000  # characters in which the line of heads must end
DELIMITERS = (",", ";", "\t")
# OWASP, "CSV injection", with the full-width characters; and the apostrophes that we or others have put before.
_RISKY = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_HIGH_RUNS = re.compile(rb"[\x80-\xff]+")


class Unreadable(Exception):
    """Raised for a file that is no readable table.

    `code` is one of empty, large, workbook, encoding, quotes, columns, twice, rows.
    """

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values


@dataclass(frozen=True)
class Row:
    """A row of the file with its number, the line of heads being 1; `more` counts filled cells beyond the last head."""

    number: int
    cells: dict[str, str]
    more: int = 0


@dataclass(frozen=True)
class Sheet:
    """A table with known columns. `ignored` are unknown heads; `guessed` is true if the encoding is only a guess."""

    encoding: str
    guessed: bool
    delimiter: str
    columns: tuple[str, ...]
    ignored: tuple[str, ...]
    rows: tuple[Row, ...]


def read(
    data: bytes, columns_by_header: Mapping[str, str], required_columns: Sequence[Sequence[str]], encoding: str = ""
) -> Sheet:
    """Read a table.

    `columns_by_header` maps folded heads to columns. At least one of the lists in `required_columns` must be complete.
    `encoding` is one of `ENCODINGS`, or empty to guess it. Raises `Unreadable`.
    """
    if len(data) > MOST_BYTES:
        raise Unreadable("large")
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise Unreadable("workbook")
    chosen = encoding or _encoding_of(data)
    try:
        text = data.decode(chosen).removeprefix("\ufeff").replace("\0", "")
    except (UnicodeDecodeError, LookupError):
        raise Unreadable("encoding", encoding=ENCODINGS.get(chosen, "")) from None
    text, delimiter = _delimiter_of(text, columns_by_header)
    rows = _records(text, delimiter)
    first = next(rows, None)
    if first is None:
        raise Unreadable("empty")
    columns = [columns_by_header.get(fold(head), "") for head in first]
    twice = [name for name, times in Counter(filter(None, columns)).items() if times > 1]
    if twice:
        raise Unreadable("twice", column=twice[0])
    if not any(all(name in columns for name in some) for some in required_columns):
        raise Unreadable("columns", heads=", ".join(head.strip()[:40] for head in first[:12]))
    ignored = tuple(head.strip()[:60] for head, name in zip(first, columns, strict=True) if head.strip() and not name)
    guessed = not encoding and not data.isascii() and chosen.startswith("cp")
    listed = tuple(_rows(rows, columns))
    return Sheet(chosen, guessed, delimiter, tuple(filter(None, columns)), ignored, listed)


def _encoding_of(data: bytes) -> str:
    """Guess the encoding: UTF-16 by its byte order mark or zeros, UTF-8 if it decodes, else by runs of high bytes."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if data[1:200:2].count(0) > len(data[:200]) // 4:
        return "utf-16-le"
    if data[0:200:2].count(0) > len(data[:200]) // 4:
        return "utf-16-be"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        runs = [len(run) for run in _HIGH_RUNS.findall(data[:200_000])]
        in_words = sum(length for length in runs if length > 2)
        return "cp1251" if in_words * 2 > sum(runs) else "cp1252"
    return "utf-8"


def _delimiter_of(text: str, columns_by_header: Mapping[str, str]) -> tuple[str, str]:
    """Return the text from its heads on, and the delimiter with which most heads are known."""
    stated = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)
    if stated and stated[1] in DELIMITERS:
        return text[stated.end() :], stated[1]

    def known(delimiter: str) -> tuple[int, int]:
        first = next(_records(text[:HEADS], delimiter), [])
        return sum(fold(head) in columns_by_header for head in first), len(first)

    return text, max(DELIMITERS, key=known)


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    read = 0
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            read += 1
            yield record
    except csv.Error:
        raise Unreadable("quotes", row=read + 1) from None


def _rows(records: Iterable[list[str]], columns: Sequence[str]) -> Iterator[Row]:
    count = 0
    for number, record in enumerate(records, 2):
        if not any(cell.strip() for cell in record):
            continue
        count += 1
        if count > MOST_ROWS:
            raise Unreadable("rows")
        cells = {name: unescape_cell(cell) for name, cell in zip(columns, record, strict=False) if name}
        yield Row(number, cells, sum(bool(cell.strip()) for cell in record[len(columns) :]))


def escape_cell(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _RISKY.match(cell) else cell


def unescape_cell(cell: str) -> str:
    """Return the cell before `escape_cell`."""
    return cell[1:] if cell.startswith("'") and _RISKY.match(cell) else cell


def write_csv(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a CSV file with a byte order mark, by which spreadsheets recognise UTF-8."""
    line = io.StringIO(newline="")
    writer = csv.writer(line)
    for number, row in enumerate(chain([headers], rows)):
        writer.writerow([escape_cell(cell) for cell in row])
        yield ("\ufeff" if number == 0 else "") + line.getvalue()
        line.seek(0)
        line.truncate()
