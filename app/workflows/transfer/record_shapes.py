"""The shapes of records: the type of each field, the JSON Schema of an export, and the check of an import.

All three are derived from the columns in `record_kinds`.
"""

import inspect
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import Column
from sqlalchemy.orm import Mapped

from ...core.listing import HIGHEST_KEY
from ...db.constraints import list_known_values
from ...db.ids import CROCKFORD
from .record_kinds import DAY_FIELDS, KINDS, RecordKind

SCHEMA_VERSION = 1  # of the records. An import refuses newer ones
MAX_DEPTH = 30  # of lists and objects inside each other; an export has fewer than ten
SCHEMA_URL = "https://readers-asked.example/newsletter-export.schema.json"  # a name; nothing is fetched from it
MAX_TEXT_LENGTH = 1_000_000  # characters, of a column without a length
MAX_QUOTED_LENGTH = 60  # characters of a value in a fault
ID_PATTERN = f"^[{CROCKFORD}]{{12}}$"
_ID_SYMBOLS = frozenset(CROCKFORD)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE = {"type": "string", "format": "date", "pattern": f"^{_DAY.pattern}$"}
_TIME = {"type": "string", "format": "date-time"}
# By type of a field: its JSON Schema.
SCHEMAS: Mapping[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "id": {"type": "string", "pattern": ID_PATTERN},
    "label": {"type": "string", "minLength": 1, "maxLength": 60},
    "number": {"type": "integer", "minimum": -HIGHEST_KEY, "maximum": HIGHEST_KEY},
    "yes or no": {"type": "boolean"},
    "day": _DATE,
    "time": _TIME,
    "day or time": {"anyOf": [_DATE, _TIME]},
    "texts": {"type": "array", "items": {"type": "string"}},
    "texts or null": {"type": "array", "items": {"type": ["string", "null"]}},
    "objects": {"type": "array", "items": {"type": "object"}},
    "object": {"type": "object"},
}


@dataclass(frozen=True)
class Shape:
    """The type of a field, a key of `SCHEMAS`, and its limits. `max_length` of a text is in characters."""

    type: str
    is_nullable: bool = False
    max_length: int = 0
    values: tuple[str, ...] = ()

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the field."""
        schema = dict(SCHEMAS[self.type])
        if self.max_length and self.type == "text":
            schema["maxLength"] = self.max_length
        if self.values:
            schema["enum"] = list(self.values)
        return {"anyOf": [schema, {"type": "null"}]} if self.is_nullable else schema

    @property
    def label(self) -> str:
        """The type in words, for the docs."""
        return f"{self.type}, or null" if self.is_nullable else self.type


PYTHON_TYPES: Mapping[Any, str] = {
    str: "text",
    int: "number",
    bool: "yes or no",
    date: "day",
    datetime: "time",
    list[str]: "texts",
    list[str | None]: "texts or null",
    list[dict[str, Any]]: "objects",
    dict[str, Any]: "object",
}


@cache
def get_shapes(kind: RecordKind) -> Mapping[str, Shape]:
    """Return the shape of each field of a kind's records, except the lists inside them, in the order of the file."""
    columns = kind.table.c
    shapes: dict[str, Shape] = {"id": Shape("id")} if kind.has_id and not kind.parent else {}
    if kind.embedded:
        embedded_model: Any = kind.embedded.model
        for name in kind.embedded.fields:
            shapes[name] = _get_column_shape(embedded_model, embedded_model.__table__.c[name], kind.blurs_days)
    for name, reference in kind.references.items():
        is_nullable = bool(columns[reference.column].nullable)
        shapes[name] = Shape("label" if reference.within else "id", is_nullable)
    for name in kind.sealed:
        shapes[name] = Shape("text", bool(columns[kind.sealed[name][0]].nullable), 320)
    for name in kind.fields:
        shapes[name] = _get_column_shape(kind.model, columns[name], kind.blurs_days)
    return shapes


def _get_column_shape(model: Any, column: Column[Any], blurs_days: bool) -> Shape:
    python_type = _get_annotation(model, column.key)
    field_type = PYTHON_TYPES[python_type]
    if field_type == "time" and (blurs_days or column.name in DAY_FIELDS):
        field_type = "day or time"
    max_length = (getattr(column.type, "length", None) or MAX_TEXT_LENGTH) if field_type == "text" else 0
    return Shape(field_type, bool(column.nullable), max_length, list_known_values(column.table, column.key))


def _get_annotation(model: Any, name: str) -> Any:
    """Return the Python type of a column's values, without None."""
    for base in model.__mro__:
        annotation: Any = inspect.get_annotations(base).get(name)
        if annotation is not None and typing.get_origin(annotation) is Mapped:
            value_type = typing.get_args(annotation)[0]
            if type(None) in typing.get_args(value_type) and typing.get_origin(value_type) is not list:
                value_type = next(part for part in typing.get_args(value_type) if part is not type(None))
            return value_type
    raise LookupError(f"{model.__name__}.{name} has no annotation")


def build_record_schema(kind: RecordKind, *, with_contacts: bool = True) -> dict[str, Any]:
    """Return the JSON Schema of a kind's records."""
    properties = {name: shape.schema for name, shape in get_shapes(kind).items()}
    required = list(properties)
    for child in kind.children:
        if child.is_contact and not with_contacts:
            continue
        child_schema = build_record_schema(child, with_contacts=with_contacts)
        properties[child.name] = child_schema if child.is_single else {"type": "array", "items": child_schema}
        if not child.is_single:
            required.append(child.name)
    return {
        "description": kind.about,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def build_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of an export. `$defs` has the schema of a record by file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_URL,
        "title": "A record of a newsletter's export from Readers Asked",
        "description": f"Version {SCHEMA_VERSION}. Each line of questions.jsonl is a record of #/$defs/questions, "
        "and so on; newsletter.json is one record of #/$defs/newsletter.",
        "$defs": {kind.name: build_record_schema(kind) for kind in KINDS},
        "anyOf": [{"$ref": f"#/$defs/{kind.name}"} for kind in KINDS],
    }


def find_faults(kind: RecordKind, record: Any, with_contacts: bool, path: str = "") -> Iterator[str]:
    """Yield a sentence for each fault of a record, as the import says it. `path` is the record's place in its line."""
    if not isinstance(record, dict):
        yield f"{path or 'the record'} is no object"
        return
    shapes = get_shapes(kind)
    children = {child.name: child for child in kind.children if with_contacts or not child.is_contact}
    for name in record.keys() - shapes.keys() - children.keys():
        yield f"unknown field {path}{_quote(name)}"
    for name, shape in shapes.items():
        if name not in record:
            yield f"field {path}{name} is missing"
        elif not _fits(shape, record[name]):
            yield f"field {path}{name} has an unusable value: {_quote(record[name])}"
    for name, child in children.items():
        if child.is_single:
            if name in record:
                yield from find_faults(child, record[name], with_contacts, f"{path}{name}.")
            continue
        if not isinstance(record.get(name), list):
            yield f"field {path}{name} is no list"
            continue
        for number, item in enumerate(record[name], 1):
            yield from find_faults(child, item, with_contacts, f"{path}{name}.{number}.")


def _quote(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MAX_QUOTED_LENGTH else f"{text[:MAX_QUOTED_LENGTH]}…"


def _fits(shape: Shape, value: Any) -> bool:
    if value is None:
        return shape.is_nullable
    if shape.values and value not in shape.values:
        return False
    return _has_type(shape, value)


def _has_type(shape: Shape, value: Any) -> bool:
    match shape.type:
        case "text":
            return _is_text(value) and len(value) <= shape.max_length
        case "label":
            return _is_text(value) and 0 < len(value) <= 60
        case "id":
            return isinstance(value, str) and len(value) == 12 and _ID_SYMBOLS.issuperset(value)
        case "number":
            return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= HIGHEST_KEY
        case "yes or no":
            return isinstance(value, bool)
        case "day" | "time" | "day or time":
            return _is_moment(shape.type, value)
        case "object":
            return isinstance(value, dict) and _is_storable(value)
        case _:
            return isinstance(value, list) and all(map(_LIST_ITEMS[shape.type], value)) and _is_storable(value)


_LIST_ITEMS: Mapping[str, typing.Callable[[Any], bool]] = {
    "texts": lambda item: isinstance(item, str),
    "texts or null": lambda item: item is None or isinstance(item, str),
    "objects": lambda item: isinstance(item, dict),
}


def _is_text(value: Any) -> bool:
    """Return whether both databases can store a value as text: neither a NUL nor half a surrogate pair."""
    if not isinstance(value, str) or "\0" in value:
        return False
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _is_storable(value: Any, depth: int = 0) -> bool:
    """Return whether both databases can store every text inside a value, which isn't nested too deeply either."""
    if depth > MAX_DEPTH:
        return False
    if isinstance(value, str):
        return _is_text(value)
    if isinstance(value, dict):
        return all(_is_text(key) and _is_storable(item, depth + 1) for key, item in value.items())
    if isinstance(value, list):
        return all(_is_storable(item, depth + 1) for item in value)
    return True


def _is_moment(field_type: str, value: Any) -> bool:
    try:
        moment = parse_moment(value)
    except ValueError:
        return False
    is_day = not isinstance(moment, datetime)
    return field_type == "day or time" or is_day == (field_type == "day")


def parse_moment(value: Any) -> date | datetime:
    """Return the day or the time with its zone that a text says. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(value)
    if _DAY.fullmatch(value):
        return date.fromisoformat(value)
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None or not 1 < moment.year < 9999:
        raise ValueError(value)
    return moment
