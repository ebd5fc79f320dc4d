"""Form fields, each declared once, at its database column: label, validation, parsing and formatting.

`field_column` creates a column with its `Field`. Forms, pages, file imports and the audit trail use `fields_of`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any, cast

from babel import Locale, UnknownLocaleError
from sqlalchemy import JSON, String, Table, Text
from sqlalchemy.orm import MappedColumn, mapped_column

from ..text.clean import clean, single_line
from ..text.languages import N_

MAX_LIST_ITEMS = 40
MAX_QUOTED_LENGTH = 60  # characters of a submitted value in the message about it
MAX_WORD_LENGTH = 60  # characters of an item in a field of the kind "words"
# Words for yes and no in an imported file.
YES = {"yes", "y", "true", "1", "x", "da", "да", "ja", "ano"}
NO = {"no", "n", "false", "0", "net", "нет", "nein", "ne"}

# The message for each key of a `FieldError`, with placeholders for its values.
ERROR_MESSAGES = {
    "empty": N_("This can’t be empty."),
    "long": N_("This is too long: the limit is %(most)d characters."),
    "many": N_("These are too many: the limit is %(most)d."),
    "bad": N_("“%(value)s” can’t be used here. Look at the example."),
    "number": N_("Give a number from %(low)s to %(high)s."),
    "date": N_("Write the date like 2026-07-01 or 01.07.2026."),
    "past": N_("Give a day that is still to come."),
    "yes_or_no": N_("Write yes or no."),
    "language": N_("No language has this code or name: %(word)s."),
    "origin": N_("%(word)s isn’t the origin of a site. Write it like https://news.example, one for each site."),
    "note": N_("This line can’t be read: %(line)s. Look at the example."),
    "address": N_("“%(value)s” is not an e-mail address, such as desk@example.org."),
    "taken": N_("Mail to this address comes in for another newsletter already."),
    "short_name": N_("A short name has lowercase English letters, digits and hyphens, e.g. steppe-letter."),
    "in_use": N_("This short name is in use already: choose another one."),
    "place": N_("%(place)s can’t be filled in here. Look at the help above the field."),
    "key": N_("This doesn’t look like a key of this tool."),
    "key_anew": N_("Type the key again: it goes only to the tool and the address it was typed for."),
    "tool_address": N_("Write the address like https://ghost.example, without /ghost or /admin."),
    "hole": N_("It must have what is filled in, in braces: see the help above the field."),
}


class FieldError(Exception):
    """A submitted value is invalid for its field. `key` is one of `ERROR_MESSAGES`; `values` fill its placeholders."""

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.key, self.values = key, values

    @property
    def code(self) -> str:
        return f"field.{self.key}"

    @property
    def message(self) -> str:
        """The English message, for commands."""
        return ERROR_MESSAGES[self.key] % self.values


def shorten_value(value: str) -> str:
    """Return a submitted value, or its beginning, as the message of a `FieldError` quotes it."""
    text = single_line(value)
    return text if len(text) <= MAX_QUOTED_LENGTH else f"{text[:MAX_QUOTED_LENGTH]}…"


@dataclass(frozen=True, kw_only=True)
class Field:
    """A form field: how it is shown, and how its submitted value is parsed.

    `kind` is one of `FIELD_TYPES`. `part` is the page, or the section of a page, that shows the field. A field that is
    `needed` can't be empty. `low` and `high` bound a number; for hours they are in minutes, as stored. `longest` is the
    maximum length in characters. `options` are the values to choose from, each as a tuple of value, label and,
    optionally, help text. `check` gets a text that isn't empty and returns the value to store, or raises `FieldError`
    or ValueError.
    """

    label: str
    help: str = ""
    kind: str = "line"
    part: str = ""
    needed: bool = False
    low: int = 0
    high: int = 99
    longest: int = 2_000
    options: tuple[tuple[str, ...], ...] = ()
    check: Callable[[str], str] | None = None


@dataclass(frozen=True)
class FieldType:
    """The behaviour of a kind of field.

    `parse` returns the value to store for a submitted one, or raises `FieldError`. `format` converts a stored value for
    the form. `empty` returns the value to store for an empty field.
    """

    parse: Callable[[Field, Any], Any]
    format: Callable[[Any], Any] = lambda value: "" if value is None else str(value)
    empty: Callable[[], Any] = str


def field_column(field: Field, length: int = 0, **options: Any) -> MappedColumn[Any]:
    """Return a column with its field. `length` is the maximum length of a text; `options` go to `mapped_column`.

    A field is required if its column has no default. A number, hours or a choice are also required if the default isn't
    None: they always have a value.
    """
    is_value_with_default = options.get("default") is not None and field.kind in ("number", "hours", "choice")
    is_required = "default" not in options or is_value_with_default
    field = replace(field, longest=length or field.longest, needed=is_required)
    column_type = String(length) if length else COLUMN_TYPES.get(field.kind)
    return mapped_column(column_type, info={"field": field}, **options)


def fields_of(model: Any) -> dict[str, Any]:
    """Return the fields of a model by column name, in the order of declaration."""
    columns = cast(Table, model.__table__).columns
    return {column.key: column.info["field"] for column in columns if "field" in column.info}


def parse(field: Field, raw: Any) -> Any:
    """Return the value to store for a submitted one. Raises `FieldError`."""
    if isinstance(raw, str) and not one_line(raw):
        if field.needed:
            raise FieldError("empty")
        return FIELD_TYPES[field.kind].empty()
    return FIELD_TYPES[field.kind].parse(field, raw)


def read_form(fields: Mapping[str, Field], raw: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, FieldError]]:
    """Parse the fields that were submitted. Return the values to store and the errors, each by field name."""
    values: dict[str, Any] = {}
    errors: dict[str, FieldError] = {}
    for name in fields.keys() & raw.keys():
        try:
            values[name] = parse(fields[name], raw[name])
        except FieldError as error:
            errors[name] = error
    return values, errors


def format_value(field: Field, value: Any) -> Any:
    """Return a stored value as the form shows it: a text, a bool for a checkbox, or a list of the checked options."""
    return FIELD_TYPES[field.kind].format(value)


def one_line(text: str) -> str:
    """Clean a text like `single_line`, but faster for plain ASCII: an imported file can have a million cells."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    return single_line(text)


def split_list(text: str, extra_separators: str = "") -> list[str]:
    """Split a text at commas (also Arabic and Chinese ones), semicolons and line breaks; drop duplicates."""
    parts = re.split(rf"[,;\n،，、{extra_separators}]", clean(text))
    return list(dict.fromkeys(filter(None, map(one_line, parts))))


def _check_text(field: Field, text: str) -> str:
    if len(text) > field.longest:
        raise FieldError("long", most=field.longest)
    try:
        return field.check(text) if field.check else text
    except ValueError:
        if field.kind == "email":
            raise FieldError("address", value=shorten_value(text)) from None
        raise FieldError("bad", value=shorten_value(text)) from None


def _parse_number(field: Field, raw: Any) -> int:
    text = str(raw).strip()
    if not text.isdecimal() or len(text) > 7 or not field.low <= int(text) <= field.high:
        raise FieldError("number", low=field.low, high=field.high)
    return int(text)


def _parse_minutes(field: Field, hours: str) -> int:
    """Convert hours, such as "1.5" or "1,5", into minutes."""
    try:
        minutes = round(float(hours.replace(",", ".")) * 60)
    except (ValueError, OverflowError):
        minutes = -1  # always out of range
    if not field.low <= minutes <= field.high:
        raise FieldError("number", low=field.low // 60, high=field.high // 60)
    return minutes


def _parse_bool(_field: Field, raw: Any) -> bool:
    word = str(raw).strip().casefold()
    if word not in YES | NO:
        raise FieldError("yes_or_no")
    return word in YES


def _parse_date(_field: Field, text: str | date) -> date:
    if isinstance(text, date):
        return text
    for date_format in ("%Y-%m-%d", "%d.%m.%Y"):
        try:
            return datetime.strptime(text.strip(), date_format).date()
        except ValueError:
            continue
    raise FieldError("date")


def _parse_choice(field: Field, raw: str) -> str:
    if raw not in [value for value, *_texts in field.options]:
        raise FieldError("bad", value=shorten_value(raw))
    return raw


def _parse_choices(field: Field, raw: list[str]) -> list[str]:
    return [value for value, *_texts in field.options if value in raw]


def _parse_lines(field: Field, text: str) -> list[str]:
    lines = split_list(text)
    if len(lines) > MAX_LIST_ITEMS:
        raise FieldError("many", most=MAX_LIST_ITEMS)
    return list(dict.fromkeys(_check_text(field, line) for line in lines))


def _parse_words(_field: Field, text: str) -> list[str]:
    words = split_list(text, extra_separators="|")
    if len(words) > MAX_LIST_ITEMS:
        raise FieldError("many", most=MAX_LIST_ITEMS)
    if any(len(word) > MAX_WORD_LENGTH for word in words):
        raise FieldError("long", most=MAX_WORD_LENGTH)
    return words


@lru_cache(maxsize=1024)
def _parse_language(code_or_name: str) -> str:
    """Return the code of a language, given by its code or its English name."""
    if code := _language_codes().get(code_or_name.casefold()):
        return code
    try:
        locale = Locale.parse(code_or_name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise FieldError("language", word=code_or_name[:40]) from None
    return str(locale).replace("_", "-")


def _parse_notes(field: Field, text: str) -> list[dict[str, Any]]:
    """Parse notes to readers in particular countries.

    Each paragraph is a note: a line "country, date", and then a line "language: text" for each language.
    """
    return [_parse_note(field, paragraph.split("\n")) for paragraph in clean(text).split("\n\n")]


def _parse_note(field: Field, lines: list[str]) -> dict[str, Any]:
    """Parse the lines of one note; see `_parse_notes`."""
    country_name, _comma, day = lines[0].rpartition(",")
    country_code = _country_codes().get(one_line(country_name).casefold())
    texts: dict[str, str] = {}
    for line in lines[1:]:
        language, _colon, note_text = line.partition(":")
        if not note_text.strip():
            raise FieldError("note", line=line[:60])
        texts[_parse_language(one_line(language))] = note_text.strip()
    if country_code is None or not texts:
        raise FieldError("note", line=lines[0][:60])
    if sum(map(len, texts.values())) > field.longest:
        raise FieldError("long", most=field.longest)
    return {"country": country_code, "checked_on": _parse_date(field, day).isoformat(), "text": texts}


def _format_notes(notes: list[dict[str, Any]]) -> str:
    country_names = Locale.parse("en").territories
    paragraphs = []
    for note in notes:
        country = country_names.get(note["country"], note["country"])
        lines = [f"{language}: {one_line(text)}" for language, text in note["text"].items()]
        paragraphs.append("\n".join([f"{country}, {note['checked_on']}", *lines]))
    return "\n\n".join(paragraphs)


@lru_cache(maxsize=1)
def _country_codes() -> dict[str, str]:
    """Return the codes of countries, by their code and by their English name, both case-folded."""
    # CLDR's other territories, such as continents, have a code of three digits.
    countries = {code: name for code, name in Locale.parse("en").territories.items() if len(code) == 2}
    by_code = {code.casefold(): code for code in countries}
    by_name = {name.casefold(): code for code, name in countries.items()}
    return by_code | by_name


@lru_cache(maxsize=1)
def _language_codes() -> dict[str, str]:
    """Return the codes of languages by their English name, case-folded."""
    return {name.casefold(): code.replace("_", "-") for code, name in Locale.parse("en").languages.items()}


# The column types that SQLAlchemy can't derive from the annotation, by kind of field.
COLUMN_TYPES: Mapping[str, Any] = {"text": Text} | dict.fromkeys(
    ("words", "lines", "languages", "notes", "days", "ticks"), JSON
)
# How each kind of field is parsed and formatted.
FIELD_TYPES: Mapping[str, FieldType] = {
    "line": FieldType(lambda field, text: _check_text(field, one_line(text))),
    "email": FieldType(lambda field, text: _check_text(field, one_line(text))),
    "text": FieldType(lambda field, text: _check_text(field, clean(text))),
    "number": FieldType(_parse_number, empty=lambda: None),
    "hours": FieldType(_parse_minutes, format=lambda minutes: f"{minutes / 60:g}"),
    "tick": FieldType(_parse_bool, format=bool, empty=bool),
    "date": FieldType(_parse_date, format=lambda day: day.isoformat() if day else "", empty=lambda: None),
    "choice": FieldType(_parse_choice),
    "ticks": FieldType(_parse_choices, format=list),
    "words": FieldType(_parse_words, format=", ".join, empty=list),
    "lines": FieldType(_parse_lines, format="\n".join, empty=list),
    "languages": FieldType(
        lambda _field, text: [_parse_language(word) for word in split_list(text, extra_separators="/|")],
        format=", ".join,
        empty=list,
    ),
    "notes": FieldType(_parse_notes, format=_format_notes, empty=list),
    # `editions.rhythm.parse_calendar_form` parses the fields of the calendar together.
    "rule": FieldType(lambda _field, value: value),
    "time": FieldType(lambda _field, value: value),
    "zone": FieldType(lambda _field, value: value),
    "days": FieldType(lambda _field, value: value, format="\n".join, empty=list),
}
