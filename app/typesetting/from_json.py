"""Parsing a Q&A from JSON, so that other tools can use the house form without a database."""

import json
import re
from typing import Any

from .answer_text import read_answer
from .house_form import PLACEHOLDERS, ItemContent, LeadIn, Voice
from .house_languages import STYLES

_KEYS = {"language", "marks", "section", "headline", "askers", "question", "lead_in", "answer"}
_LEAD_IN_KEYS = {"name", "credit_line"}
# The shape of a tag (RFC 5646, section 2.1), not whether its parts are registered.
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")


class TypesetError(ValueError):
    """The JSON is invalid. `messages` has a full sentence for each fault."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__("\n".join(messages))
        self.messages = messages


class _Faults(list[str]):
    """A list of faults, collected while parsing, so that all of them can be fixed at once."""

    def check_keys(self, path: str, data: dict[str, Any], required: set[str], optional: set[str]) -> None:
        """Add a fault for each missing and each unknown key of an object. `path` is "" for the outermost object."""
        location = f" in {path}" if path else ""
        self += [f"The key {key!r}{location} is missing." for key in sorted(required - data.keys())]
        known = ", ".join(sorted(required | optional))
        self += [
            f"The key {key!r}{location} is unknown; known are: {known}."
            for key in sorted(data.keys() - required - optional)
        ]

    def read_text(self, path: str, data: dict[str, Any], may_be_empty: bool = False, may_be_null: bool = False) -> str:
        """Return the text in `data` under the last key of `path`, such as "lead_in.name", or "" if there is none.

        Add a fault for a value that isn't allowed, but not for a missing key, which `check_keys` reports.
        """
        key = path.rpartition(".")[2]
        value = data.get(key)
        if isinstance(value, str):
            if not may_be_empty and not value.strip():
                self.append(f"{path} must not be empty.")
            return value
        if key in data and not (value is None and may_be_null):
            self.append(f"{path} must be a text, not {_json_type(value)}.")
        return ""


_JSON_TYPES: dict[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


def _json_type(value: object) -> str:
    """Return the type of a JSON value, for a message."""
    if value is None:
        return "null"
    return _JSON_TYPES.get(type(value), "a text")


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object from its keys and values. Raises `TypesetError` for a repeated key."""
    keys = [key for key, _ in pairs]
    repeated = sorted({key for key in keys if keys.count(key) > 1})
    if repeated:
        raise TypesetError([f"The key {key!r} is given twice." for key in repeated])
    return dict(pairs)


def _parse(json_text: str) -> dict[str, Any]:
    try:
        data = json.loads(json_text, object_pairs_hook=_build_object)
    except json.JSONDecodeError as error:
        position = f"line {error.lineno}, column {error.colno}"
        raise TypesetError([f"This is not JSON: {error.msg} at {position}."]) from error
    except RecursionError as error:
        raise TypesetError(["This is not JSON that can be read: it is nested too deeply."]) from error
    if not isinstance(data, dict):
        raise TypesetError([f"The block must be a JSON object, not {_json_type(data)}."])
    return data


def _read_askers(data: dict[str, Any], faults: _Faults) -> tuple[str | None, ...]:
    askers = data.get("askers")
    if not isinstance(askers, list):
        if "askers" in data:
            faults.append(f"askers must be a list, not {_json_type(askers)}.")
        return ()
    if not askers:
        faults.append('askers must hold at least one asker; write {"credit": null} for one who isn\'t named.')
    credits: list[str | None] = []
    for number, asker in enumerate(askers, 1):
        path = f"askers, number {number}"
        if not isinstance(asker, dict):
            faults.append(f"{path}, must be an object with the key 'credit', not {_json_type(asker)}.")
            continue
        faults.check_keys(path, asker, {"credit"}, set())
        credit = asker.get("credit")
        if credit is not None and not isinstance(credit, str):
            faults.append(f"{path}, must have a text or null as its credit, not {_json_type(credit)}.")
        else:
            credits.append(credit)
    return tuple(credits)


def _read_lead_in(data: dict[str, Any], faults: _Faults) -> LeadIn:
    lead_in = data.get("lead_in")
    if not isinstance(lead_in, dict):
        if "lead_in" in data:
            faults.append(f"lead_in must be an object, not {_json_type(lead_in)}.")
        return LeadIn("")
    faults.check_keys("lead_in", lead_in, _LEAD_IN_KEYS, {"pattern", *PLACEHOLDERS} - _LEAD_IN_KEYS)
    pattern = faults.read_text("lead_in.pattern", lead_in, may_be_null=True)
    for placeholder in re.findall(r"\{(\w*)\}", pattern):
        if placeholder not in PLACEHOLDERS:
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            faults.append(f"lead_in.pattern has the unknown placeholder {{{placeholder}}}; known are: {known}.")
    return LeadIn(
        name=faults.read_text("lead_in.name", lead_in),
        pattern=pattern or None,
        **{
            name: faults.read_text(f"lead_in.{name}", lead_in, may_be_empty=True, may_be_null=True)
            for name in PLACEHOLDERS
            if name != "name"
        },
    )


def _read_answer(data: dict[str, Any], faults: _Faults) -> str:
    answer = data.get("answer")
    if isinstance(answer, list) and all(isinstance(part, str) for part in answer):
        answer = "\n\n".join(answer)
    if not isinstance(answer, str):
        if "answer" in data:
            faults.append(f"answer must be a text or a list of texts, not {_json_type(answer)}.")
        return ""
    if not read_answer(answer):
        faults.append("answer must not be empty.")
    return answer


def read_piece(json_text: str) -> ItemContent:
    """Parse a Q&A from JSON. Raises `TypesetError` with a message for each missing, unknown or invalid key."""
    data, faults = _parse(json_text), _Faults()
    faults.check_keys("", data, _KEYS, {"call"})
    language, marks = faults.read_text("language", data), faults.read_text("marks", data)
    if language and not _LANGUAGE.fullmatch(language):
        faults.append(f"language must be a BCP 47 tag such as 'en' or 'zh-Hant', not {language!r}.")
    if marks and marks not in STYLES:
        faults.append(f"marks must be 'straight' or 'typographic', not {marks!r}.")
    piece = ItemContent(
        language=language,
        marks=marks,
        section=faults.read_text("section", data, may_be_empty=True),
        headline=faults.read_text("headline", data),
        askers=_read_askers(data, faults),
        question=faults.read_text("question", data),
        voices=(Voice(_read_lead_in(data, faults), _read_answer(data, faults)),),
        call=faults.read_text("call", data, may_be_empty=True, may_be_null=True) or None,
    )
    if faults:
        raise TypesetError(list(faults))
    return piece
