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
LONGEST_HEADS = 20_000  # characters in which the line of heads must end
DELIMITERS = (",", ";", "\t")
# The beginning of a cell that spreadsheets would run, such as "=1+1", also with full-width signs, and after apostrophes
# that we or others have put before it. See OWASP, "CSV injection".
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")


class Unreadable(Exception):
    """Raised for a file that is no readable table.

    `code` is one of empty, large, workbook, encoding, quotes, columns, twice, rows.
    """

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values


@dataclass(frozen=True)
class Row:
    """A row of the file: its `number`, counted from the line of heads, which is 1, and its `cells` by column.

    `more` counts filled cells beyond the last head.
    """

    number: int
    cells: dict[str, str]
    more: int = 0


@dataclass(frozen=True)
class Sheet:
    """A table. `columns` are the known ones, `ignored` the unknown heads. `guessed`: the `encoding` is only a guess."""

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
    used_encoding = encoding or _encoding_of(data)
    try:
        text = data.decode(used_encoding).removeprefix("\ufeff").replace("\0", "")
    except (UnicodeDecodeError, LookupError):
        raise Unreadable("encoding", encoding=ENCODINGS.get(used_encoding, "")) from None
    text, delimiter = _delimiter_of(text, columns_by_header)
    records = _records(text, delimiter)
    heads = next(records, None)
    if heads is None:
        raise Unreadable("empty")
    columns = [columns_by_header.get(fold(head), "") for head in heads]  # "" for an unknown head
    known_columns = tuple(filter(None, columns))
    repeated = [name for name, count in Counter(known_columns).items() if count > 1]
    if repeated:
        raise Unreadable("twice", column=repeated[0])
    if not any(set(names) <= set(columns) for names in required_columns):
        raise Unreadable("columns", heads=", ".join(head.strip()[:40] for head in heads[:12]))
    unknown_heads = [head.strip() for head, name in zip(heads, columns, strict=True) if not name]
    return Sheet(
        encoding=used_encoding,
        guessed=not encoding and not data.isascii() and used_encoding.startswith("cp"),
        delimiter=delimiter,
        columns=known_columns,
        ignored=tuple(head[:60] for head in unknown_heads if head),
        rows=tuple(_rows(records, columns)),
    )


def _encoding_of(data: bytes) -> str:
    """Guess the encoding: UTF-16 by its byte order mark or zeros, UTF-8 if it decodes, else by runs of high bytes."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    many = len(data[:200]) // 4  # half of the high bytes are zeros: UTF-16 with mostly Latin letters
    if data[1:200:2].count(0) > many:
        return "utf-16-le"
    if data[0:200:2].count(0) > many:
        return "utf-16-be"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        # Cyrillic words consist of high bytes, while Western ones have single high bytes for their accented letters.
        run_lengths = [len(run) for run in _HIGH_BYTES.findall(data[:200_000])]
        bytes_in_words = sum(length for length in run_lengths if length > 2)
        return "cp1251" if bytes_in_words * 2 > sum(run_lengths) else "cp1252"
    return "utf-8"


def _delimiter_of(text: str, columns_by_header: Mapping[str, str]) -> tuple[str, str]:
    """Return the text from its heads on, and the delimiter with which most heads are known."""
    declaration = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)
    if declaration and declaration[1] in DELIMITERS:
        return text[declaration.end() :], declaration[1]

    def count_heads(delimiter: str) -> tuple[int, int]:
        """Return how many heads are known with this delimiter, and how many there are at all."""
        heads = next(_records(text[:LONGEST_HEADS], delimiter), [])
        return sum(fold(head) in columns_by_header for head in heads), len(heads)

    return text, max(DELIMITERS, key=count_heads)


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    count = 0
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            count += 1
            yield record
    except csv.Error:
        raise Unreadable("quotes", row=count + 1) from None


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
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescape_cell(cell: str) -> str:
    """Return the cell before `escape_cell`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def write_csv(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a CSV file with a byte order mark, by which spreadsheets recognise UTF-8."""
    line = io.StringIO(newline="")
    writer = csv.writer(line)
    for number, row in enumerate(chain([headers], rows)):
        writer.writerow([escape_cell(cell) for cell in row])
        yield ("\ufeff" if number == 0 else "") + line.getvalue()
        line.seek(0)
        line.truncate()
