"""The fields of forms and files, each declared once at its column: its words, its checks, how it is read and shown.

`field_column` makes the column. Forms, pages, files and the trail take what they need from its row, which `fields_of`
finds.
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

MOST_LISTED = 40
LONGEST_LISTED = 60
YES = {"yes", "y", "true", "1", "x", "da", "да", "ja", "ano"}
NO = {"no", "n", "false", "0", "net", "нет", "nein", "ne"}


# What is wrong, by the key of a `FieldError`, in a sentence.
FAULTS = {
    "empty": N_("Something must stand here."),
    "long": N_("This is too long: %(most)d characters are the most."),
    "many": N_("These are too many: %(most)d are the most."),
    "bad": N_("This can’t be taken. Look at the example."),
    "number": N_("Give a number from %(low)s to %(high)s."),
    "date": N_("Write the date like 2026-07-01 or 01.07.2026."),
    "past": N_("Give a day that is still to come."),
    "yes_or_no": N_("Write yes or no."),
    "language": N_("No language has this code or name: %(word)s."),
    "origin": N_("%(word)s isn’t the origin of a site. Write it like https://news.example, one for each site."),
    "note": N_("This line can’t be read: %(line)s. Look at the example."),
    "address": N_("This isn’t an e-mail address that one can write to."),
    "taken": N_("Mail to this address comes in for another newsletter already."),
    "short_name": N_("A short name has small letters of English, digits and hyphens, e.g. steppe-letter."),
    "in_use": N_("This short name is in use already: choose another one."),
    "place": N_("%(place)s can’t be filled in here. Look at the help above the field."),
    "key": N_("This isn’t what a key of this tool looks like."),
    "key_anew": N_("Type the key anew: it goes to no other tool and to no other address than it was typed for."),
    "tool_address": N_("Write the address like https://ghost.example, as it stands before /ghost or /admin."),
    "hole": N_("What is filled in has to stand in it, in braces: see the help above the field."),
}


class FieldError(Exception):
    """A text can't be taken for a field. `key` says why, a row of `FAULTS`; `values` are filled into its sentence."""

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.key, self.values = key, values

    @property
    def code(self) -> str:
        return f"field.{self.key}"


@dataclass(frozen=True, kw_only=True)
class Field:
    """The words of a column's form field, and the rules by which its text is read.

    `kind` is one of `KINDS`. `part` is the part of the page. `low` and `high` bound a number, of minutes where it is
    typed in hours; `longest` is in characters. `options` are the values to choose from, each with its words and perhaps
    a help. `check` looks at a line or text that isn't empty and returns it as it is stored, or raises `FieldError` or
    ValueError.
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
    """A kind of field: the function that reads its text (raises `FieldError`), the one that shows a value in the form,
    and the value for nothing.
    """

    read: Callable[[Field, Any], Any]
    show: Callable[[Any], Any] = lambda value: "" if value is None else str(value)
    empty: Callable[[], Any] = str


def field_column(field: Field, length: int = 0, **options: Any) -> MappedColumn[Any]:
    """Return the column of a field. A text has `length` characters at most; `options` are `mapped_column`'s.

    What has no default has to be given, and so has a number whose default is one, and a choice.
    """
    is_needed = options.get("default") is not None and field.kind in ("number", "hours", "choice")
    field = replace(field, longest=length or field.longest, needed=is_needed or "default" not in options)
    type_ = String(length) if length else COLUMNS.get(field.kind)
    return mapped_column(type_, info={"field": field}, **options)


def fields_of(model: Any) -> dict[str, Any]:
    """Return the fields of a model by column, in the order in which its columns are declared."""
    columns = cast(Table, model.__table__).columns
    return {column.key: column.info["field"] for column in columns if "field" in column.info}


def parse(field: Field, raw: Any) -> Any:
    """Return what was typed as it is stored. Raises `FieldError`."""
    if isinstance(raw, str) and not one_line(raw):
        if field.needed:
            raise FieldError("empty")
        return KINDS[field.kind].empty()
    return KINDS[field.kind].read(field, raw)


def read_form(fields: Mapping[str, Field], raw: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, FieldError]]:
    """Return what was typed into some of the fields as it is stored, and what is wrong with the rest."""
    values: dict[str, Any] = {}
    faults: dict[str, FieldError] = {}
    for name in fields.keys() & raw.keys():
        try:
            values[name] = parse(fields[name], raw[name])
        except FieldError as wrong:
            faults[name] = wrong
    return values, faults


def format_value(field: Field, value: Any) -> Any:
    """Return a stored value as its form holds it: a text, a tick, or the ticked of several."""
    return KINDS[field.kind].show(value)


def one_line(text: str) -> str:
    """Do what `single_line` does, at once where there is nothing to clean: a file has a million cells."""
    return " ".join(text.split()) if text.isascii() and text.isprintable() else single_line(text)


def split_list(text: str, extra_separators: str = "") -> list[str]:
    """Return words with commas, semicolons or lines between, also the commas of Arabic and Chinese; each once."""
    parts = re.split(rf"[,;\n،，、{extra_separators}]", clean(text))
    return list(dict.fromkeys(word for part in parts if (word := one_line(part))))


def _check_text(field: Field, text: str) -> str:
    if len(text) > field.longest:
        raise FieldError("long", most=field.longest)
    try:
        return field.check(text) if field.check else text
    except ValueError:
        raise FieldError("bad") from None


def _parse_number(field: Field, raw: Any) -> int:
    text = str(raw).strip()
    if not text.isdecimal() or len(text) > 7 or not field.low <= int(text) <= field.high:
        raise FieldError("number", low=field.low, high=field.high)
    return int(text)


def _parse_minutes(field: Field, hours: str) -> int:
    try:
        minutes = round(float(hours.replace(",", ".")) * 60)
    except (ValueError, OverflowError):
        minutes = -1
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
    for form in ("%Y-%m-%d", "%d.%m.%Y"):
        try:
            return datetime.strptime(text.strip(), form).date()
        except ValueError:
            continue
    raise FieldError("date")


def _parse_choice(field: Field, raw: str) -> str:
    if raw not in [value for value, *_words in field.options]:
        raise FieldError("bad")
    return raw


def _parse_choices(field: Field, raw: list[str]) -> list[str]:
    return [value for value, *_words in field.options if value in raw]


def _parse_lines(field: Field, text: str) -> list[str]:
    """Read several lines, each with the field's own check."""
    if len(lines := split_list(text)) > MOST_LISTED:
        raise FieldError("many", most=MOST_LISTED)
    return list(dict.fromkeys(_check_text(field, line) for line in lines))


def _parse_words(_field: Field, text: str) -> list[str]:
    words = split_list(text, extra_separators="|")
    if len(words) > MOST_LISTED:
        raise FieldError("many", most=MOST_LISTED)
    if any(len(word) > LONGEST_LISTED for word in words):
        raise FieldError("long", most=LONGEST_LISTED)
    return words


@lru_cache(maxsize=1024)
def _parse_language(code_or_name: str) -> str:
    """Return the code of a language, from its code or its name in English."""
    try:
        return _names().get(code_or_name.casefold()) or str(Locale.parse(code_or_name.replace("-", "_"))).replace(
            "_", "-"
        )
    except (UnknownLocaleError, ValueError):
        raise FieldError("language", word=code_or_name[:40]) from None


def _parse_notes(field: Field, text: str) -> list[dict[str, Any]]:
    """Read notes to readers in single countries: a paragraph each, of a line with country and day, and of lines with a
    language and what is said in it.
    """
    return [_parse_note(field, paragraph.split("\n")) for paragraph in clean(text).split("\n\n")]


def _parse_note(field: Field, lines: list[str]) -> dict[str, Any]:
    name, _comma, day = lines[0].rpartition(",")
    country = _countries().get(one_line(name).casefold())
    texts: dict[str, str] = {}
    for line in lines[1:]:
        code, colon, words = line.partition(":")
        if not colon or not words.strip():
            raise FieldError("note", line=line[:60])
        texts[_parse_language(one_line(code))] = words.strip()
    if country is None or not texts:
        raise FieldError("note", line=lines[0][:60])
    if sum(map(len, texts.values())) > field.longest:
        raise FieldError("long", most=field.longest)
    return {"country": country, "checked_on": _parse_date(field, day).isoformat(), "text": texts}


def _format_notes(notes: list[dict[str, Any]]) -> str:
    territories = Locale.parse("en").territories
    return "\n\n".join(
        "\n".join(
            [
                f"{territories.get(note['country'], note['country'])}, {note['checked_on']}",
                *(f"{language}: {one_line(text)}" for language, text in note["text"].items()),
            ]
        )
        for note in notes
    )


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    """Return the codes of countries by their code and by their name in English."""
    named = {code: name for code, name in Locale.parse("en").territories.items() if len(code) == 2}
    return {word.casefold(): code for code, name in named.items() for word in (code, name)}


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    return {name.casefold(): code.replace("_", "-") for code, name in Locale.parse("en").languages.items()}


# The types of columns that their annotation doesn't give.
COLUMNS: Mapping[str, Any] = {"text": Text} | dict.fromkeys(
    ("words", "lines", "languages", "notes", "days", "ticks"), JSON
)
KINDS: Mapping[str, FieldType] = {
    "line": FieldType(lambda field, text: _check_text(field, one_line(text))),
    "email": FieldType(lambda field, text: _check_text(field, one_line(text))),
    "text": FieldType(lambda field, text: _check_text(field, clean(text))),
    "number": FieldType(_parse_number, empty=lambda: None),
    "hours": FieldType(_parse_minutes, lambda minutes: f"{minutes / 60:g}"),
    "tick": FieldType(_parse_bool, bool, bool),
    "date": FieldType(_parse_date, lambda day: day.isoformat() if day else "", lambda: None),
    "choice": FieldType(_parse_choice),
    "ticks": FieldType(_parse_choices, list),
    "words": FieldType(_parse_words, ", ".join, list),
    "lines": FieldType(_parse_lines, "\n".join, list),
    "languages": FieldType(
        lambda _field, text: [_parse_language(word) for word in split_list(text, extra_separators="/|")],
        ", ".join,
        list,
    ),
    "notes": FieldType(_parse_notes, _format_notes, list),
    # Those of the calendar are read together, by `editions.rhythm`.
    "rule": FieldType(lambda _field, value: value),
    "time": FieldType(lambda _field, value: value),
    "zone": FieldType(lambda _field, value: value),
    "days": FieldType(lambda _field, value: value, "\n".join, list),
}
