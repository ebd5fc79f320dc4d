"""Letters in a CSV file of a form service: which column holds what, and reading its rows.

A form names the column of its question as it words the question, so the desk chooses the columns; a guess is chosen
already. Names are never read, and addresses only if the desk says that their owners agreed to a mail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import NamedTuple

from ..core.fields import Field, FieldError, parse
from ..people import spreadsheet
from ..people.name_forms import fold
from ..people.spreadsheet import Spreadsheet, SpreadsheetRow, UnreadableSpreadsheet, unescape_cell
from ..text.word_tables import word_tables
from .file_days import DAY_FIRST, MONTH_FIRST, list_possible_orders, parse_file_day
from .receive import Submission

COLUMNS = ("question", "background", "day", "email", "language")
MAX_LETTERS = 2_000  # rows of a file
MAX_COLUMNS = 200
# The header of the time in Google's English files. Its days are as the form's country writes them.
GOOGLE_ENGLISH_DAY = "timestamp"
NOT_CHOSEN = -1
QUESTION_MARKS = "?؟？՞"
_LANGUAGES = Field(label="", kind="languages")


class RowFault(NamedTuple):
    """A fault of a row: a field of `Submission`, "day", or "" for the whole row, and a code."""

    field: str
    code: str


@dataclass(frozen=True)
class FileChoices:
    """Choices of the desk for a file: the index of each column, the order in its days, whether addresses are stored.

    `columns` has no column that the file lacks. `orders` are the orders that can be chosen.
    """

    columns: Mapping[str, int]
    order: str
    orders: Sequence[str]
    keeps_emails: bool

    def get_cell(self, row: SpreadsheetRow, column: str) -> str:
        return _get_cell(row, self.columns.get(column, NOT_CHOSEN))


@dataclass(frozen=True)
class FileLetter:
    """A row of the file as a letter. `day` is None if the file doesn't say it, and `faults` is empty if it is right."""

    number: int
    submission: Submission
    day: date | None
    faults: tuple[RowFault, ...]


@cache
def columns_by_header() -> dict[str, str]:
    """Return the columns by all their known headers, folded. Headers of what is left out have the column ""."""
    tables = word_tables(__file__, "form_heads")
    return {fold(header): column if column in COLUMNS else "" for column in tables for header in tables[column]}


def read_letters_sheet(data: bytes, encoding: str = "") -> Spreadsheet:
    """Read a file. Raises `UnreadableSpreadsheet`."""
    sheet = spreadsheet.read(data, columns_by_header(), [()], encoding, allows_repeats=True)
    if not any(header.strip() for header in sheet.headers):
        raise UnreadableSpreadsheet("empty")
    if len(sheet.headers) > MAX_COLUMNS:
        raise UnreadableSpreadsheet("wide", columns=MAX_COLUMNS)
    if len(sheet.rows) > MAX_LETTERS:
        raise UnreadableSpreadsheet("rows")
    return sheet


def choose(
    sheet: Spreadsheet, chosen_columns: Mapping[str, int], order: str = "", keeps_emails: bool = False
) -> FileChoices:
    """Return the choices for a file, with a guess for every column that `chosen_columns` lacks.

    An index that the file lacks, or that an earlier column has, stands for no column. A file always has a question.
    """
    guessed = guess_columns(sheet)
    columns: dict[str, int] = {}
    for column in COLUMNS:
        index = chosen_columns.get(column, guessed.get(column, NOT_CHOSEN))
        if column == "question" and not 0 <= index < len(sheet.headers):
            index = guessed[column]
        if 0 <= index < len(sheet.headers) and index not in columns.values():
            columns[column] = index
    orders = [DAY_FIRST]
    default_order = DAY_FIRST
    if (day_index := columns.get("day")) is not None:
        orders = list_possible_orders(_get_cell(row, day_index) for row in sheet.rows)
        default_order = MONTH_FIRST if fold(sheet.headers[day_index]) == GOOGLE_ENGLISH_DAY else DAY_FIRST
    if order not in orders:
        order = default_order if default_order in orders else orders[0]
    return FileChoices(columns, order, orders, keeps_emails)


def guess_columns(sheet: Spreadsheet) -> dict[str, int]:
    """Return the index of each column that a known header tells.

    Otherwise the question is the column that asks, and of several the one with the longest texts. If two headers tell
    the same column, the first counts.
    """
    known_columns = [columns_by_header().get(fold(header)) for header in sheet.headers]
    columns = {column: known_columns.index(column) for column in COLUMNS if column in known_columns}
    if "question" not in columns:
        unknown = [index for index, column in enumerate(known_columns) if column is None] or range(len(known_columns))
        columns["question"] = max(unknown, key=lambda index: _rank_as_question(sheet, index))
    return columns


def _rank_as_question(sheet: Spreadsheet, index: int) -> tuple[bool, float]:
    """Return whether at least half of the texts in a column have a question mark, and their average length."""
    texts = [text for row in sheet.rows if (text := _get_cell(row, index).strip())]
    if not texts:
        return False, 0
    asking = [text for text in texts if any(mark in text for mark in QUESTION_MARKS)]
    return len(asking) * 2 >= len(texts), sum(map(len, texts)) / len(texts)


def _get_cell(row: SpreadsheetRow, index: int) -> str:
    return unescape_cell(row.record[index]) if 0 <= index < len(row.record) else ""


def parse_letter(row: SpreadsheetRow, choices: FileChoices, today: date) -> FileLetter:
    """Return a row as a letter, and its faults. `today` is the day of the newsletter."""
    email = choices.get_cell(row, "email").strip() if choices.keeps_emails else ""
    day_text = choices.get_cell(row, "day").strip()
    day = parse_file_day(day_text, choices.order)
    faults: list[RowFault] = []
    if row.extra_cells:
        faults.append(RowFault("", "more cells"))
    if day_text and day is None:
        faults.append(RowFault("day", "unreadable"))
    elif day and day > today:
        faults.append(RowFault("day", "future"))
    submission = Submission(
        body=choices.get_cell(row, "question"),
        background=choices.get_cell(row, "background"),
        language=_parse_language(choices.get_cell(row, "language")),
        hear_back="once" if email else "number",
        email=email,
        # Only the day is kept; noon in UTC is on the same day almost everywhere.
        given_at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC) if day else None,
    )
    faults += [RowFault(field, code) for field, code in submission.faults.items()]
    return FileLetter(row.number, submission, day, tuple(faults))


def _parse_language(text: str) -> str:
    """Return the code of a language that is named by code or in English, or "" to guess it by the words."""
    try:
        codes: list[str] = parse(_LANGUAGES, text)
    except FieldError:
        return ""
    return codes[0] if len(codes) == 1 else ""
