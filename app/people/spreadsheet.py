"""Read CSV files that spreadsheet programs write, and write CSV files that they can open.

Their CSV is RFC 4180 with variations: semicolons or tabs, Windows encodings, a first line "sep=;". Spreadsheet programs
execute a cell that begins like a formula, so we write an apostrophe before such a cell, and before such a part of one
that a program may take for another cell. We remove it when reading.
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
MAX_HEADER_LENGTH = 20_000  # characters, for finding the delimiter
DELIMITERS = (",", ";", "\t")
# The beginning of a cell that spreadsheet programs would execute (OWASP, "CSV injection"): a sign such as "=", even a
# full-width one, perhaps after apostrophes that this or another program has put before it.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
# The same inside of a cell, where a program begins another cell that splits at semicolons, tabs or lines and overlooks
# our quotes. Excel does so in countries that write decimals with a comma.
_INNER_START = r"([;\t\r\n][ \"]*)"
_INNER_FORMULA = re.compile(_INNER_START + r"(?='*[=+\-@\uff1d\uff0b\uff0d\uff20])")
_ESCAPED_INNER_FORMULA = re.compile(_INNER_START + r"'(?='*[=+\-@\uff1d\uff0b\uff0d\uff20])")
NOTE_HEADER = "what is wrong"  # of the column in which rows that are given back say why
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")


class UnreadableSpreadsheet(Exception):
    """The file is not a readable table.

    `code` is one of empty, large, workbook, encoding, quotes, columns, twice (a column), rows (too many), and wide (too
    many columns).
    """

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values


@dataclass(frozen=True)
class SpreadsheetRow:
    """A row of the file: its cells by column, and its number, where the header is row 1.

    `extra_cells` is the number of filled cells beyond the last column, and `record` has all cells as they are in the
    file.
    """

    number: int
    cells: dict[str, str]
    extra_cells: int = 0
    record: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spreadsheet:
    """A table. `columns` are the known columns, and `ignored` are the headers of unknown columns, except `NOTE_HEADER`.

    `guessed` is true if nothing in the file confirms the `encoding`. `headers` are those of the file; with
    `has_declaration`, it begins with a line that declares the delimiter.
    """

    encoding: str
    guessed: bool
    delimiter: str
    has_declaration: bool
    headers: tuple[str, ...]
    columns: tuple[str, ...]
    ignored: tuple[str, ...]
    rows: tuple[SpreadsheetRow, ...]


def read(
    data: bytes,
    columns_by_header: Mapping[str, str],
    required_columns: Sequence[Sequence[str]],
    encoding: str = "",
    *,
    allows_repeats: bool = False,
) -> Spreadsheet:
    """Read a table.

    `columns_by_header` maps headers, folded, to columns. The file must have all columns of at least one of the lists in
    `required_columns`. `encoding` is one of `ENCODINGS`, or empty to guess it. With `allows_repeats`, several headers
    may stand for the same column. Raises `UnreadableSpreadsheet`.
    """
    if len(data) > MOST_BYTES:
        raise UnreadableSpreadsheet("large")
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UnreadableSpreadsheet("workbook")
    used_encoding = encoding or _guess_encoding(data)
    try:
        text = data.decode(used_encoding).removeprefix("\ufeff").replace("\0", "")
    except (UnicodeDecodeError, LookupError):
        raise UnreadableSpreadsheet("encoding", encoding=ENCODINGS.get(used_encoding, "")) from None
    table_text, delimiter = _find_delimiter(text, columns_by_header)
    records = _parse_records(table_text, delimiter)
    headers = next(records, None)
    if headers is None:
        raise UnreadableSpreadsheet("empty")
    columns = [columns_by_header.get(fold(header), "") for header in headers]  # "" for an unknown header
    known_columns = tuple(filter(None, columns))
    repeated = [name for name, count in Counter(known_columns).items() if count > 1]
    if repeated and not allows_repeats:
        raise UnreadableSpreadsheet("twice", column=repeated[0])
    if not any(set(names) <= set(columns) for names in required_columns):
        raise UnreadableSpreadsheet("columns", heads=", ".join(header.strip()[:40] for header in headers[:12]))
    unknown_headers = [header.strip() for header, column in zip(headers, columns, strict=True) if not column]
    unknown_headers = [header for header in unknown_headers if header and not _is_note(header)]
    return Spreadsheet(
        encoding=used_encoding,
        guessed=not encoding and not data.isascii() and used_encoding.startswith("cp"),
        delimiter=delimiter,
        has_declaration=table_text != text,
        headers=tuple(headers),
        columns=known_columns,
        ignored=tuple(header[:60] for header in unknown_headers),
        rows=tuple(_build_rows(records, columns)),
    )


def _guess_encoding(data: bytes) -> str:
    """Guess the encoding: UTF-16 by its byte order mark or zeros, UTF-8 if it decodes, or else a Windows code page."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    # In UTF-16, every other byte of a Latin text is zero. More than half of them is enough, as some may not be Latin.
    min_zeros = len(data[:200]) // 4
    if data[1:200:2].count(0) > min_zeros:
        return "utf-16-le"
    if data[0:200:2].count(0) > min_zeros:
        return "utf-16-be"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        # In a Cyrillic word all bytes are above 127. In a Western word only single bytes are, for accented letters.
        run_lengths = [len(run) for run in _HIGH_BYTES.findall(data[:200_000])]
        bytes_in_words = sum(length for length in run_lengths if length > 2)
        return "cp1251" if bytes_in_words * 2 > sum(run_lengths) else "cp1252"
    return "utf-8"


def _find_delimiter(text: str, columns_by_header: Mapping[str, str]) -> tuple[str, str]:
    """Return the text without a line "sep=;", and the delimiter: the declared one, or the one that fits best.

    The best one gives the most known headers, or among several of these, the most headers. With a wrong one, headers in
    quotes can't be parsed.
    """
    declaration = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)
    if declaration and declaration[1] in DELIMITERS:
        return text[declaration.end() :], declaration[1]

    def count_headers(delimiter: str) -> tuple[int, int]:
        try:
            headers = next(_parse_records(text[:MAX_HEADER_LENGTH], delimiter), [])
        except UnreadableSpreadsheet:
            return 0, 0
        known_count = sum(fold(header) in columns_by_header for header in headers)
        return known_count, len(headers)

    return text, max(DELIMITERS, key=count_headers)


def _parse_records(text: str, delimiter: str) -> Iterator[list[str]]:
    count = 0
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            count += 1
            yield record
    except csv.Error:
        raise UnreadableSpreadsheet("quotes", row=count + 1) from None


def _build_rows(records: Iterable[list[str]], columns: Sequence[str]) -> Iterator[SpreadsheetRow]:
    count = 0
    for number, record in enumerate(records, start=2):
        if not any(cell.strip() for cell in record):
            continue
        count += 1
        if count > MOST_ROWS:
            raise UnreadableSpreadsheet("rows")
        cells = {column: unescape_cell(cell) for column, cell in zip(columns, record, strict=False) if column}
        extra_cells = [cell for cell in record[len(columns) :] if cell.strip()]
        yield SpreadsheetRow(number, cells, len(extra_cells), tuple(record))


def escape_cell(cell: str) -> str:
    """Return the cell so that no spreadsheet program takes it, or a part of it, for a formula."""
    cell = _INNER_FORMULA.sub(r"\1'", cell)
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescape_cell(cell: str) -> str:
    """Undo `escape_cell`."""
    if cell.startswith("'") and _FORMULA.match(cell):
        cell = cell[1:]
    return _ESCAPED_INNER_FORMULA.sub(r"\1", cell)


def _is_note(header: str) -> bool:
    return fold(header) == fold(NOTE_HEADER)


def write_with_notes(sheet: Spreadsheet, notes: Mapping[int, str]) -> bytes:
    """Return the rows with these numbers as a file in the format of the sheet, each after a first column with its note.

    A column of earlier notes is left out. What a note has and the encoding lacks becomes a question mark.
    """
    old_notes = {index for index, header in enumerate(sheet.headers) if _is_note(header)}
    text = io.StringIO(newline="")
    if sheet.encoding.startswith("utf") and sheet.encoding != "utf-16":  # Python's utf-16 writes the mark by itself
        text.write("\ufeff")
    if sheet.has_declaration:
        text.write(f"sep={sheet.delimiter}\r\n")
    writer = csv.writer(text, delimiter=sheet.delimiter)
    noted_rows = [(notes[row.number], row.record) for row in sheet.rows if row.number in notes]
    for note, record in [(NOTE_HEADER, sheet.headers), *noted_rows]:
        cells = [cell for index, cell in enumerate(record) if index not in old_notes]
        writer.writerow([escape_cell(unescape_cell(cell)) for cell in (note, *cells)])
    return text.getvalue().encode(sheet.encoding, "replace")


def write_csv(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a CSV file. It has a byte order mark, by which spreadsheet programs recognise UTF-8."""
    line = io.StringIO(newline="")
    writer = csv.writer(line)
    for number, row in enumerate(chain([headers], rows)):
        writer.writerow([escape_cell(cell) for cell in row])
        yield ("\ufeff" if number == 0 else "") + line.getvalue()
        line.seek(0)
        line.truncate()
