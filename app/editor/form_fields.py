"""Fields of the desk's forms: parsing, stored and submitted values, options, faults, and the size limits of uploads."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import request
from flask_babel import gettext as _
from flask_login import current_user

from ..core.fields import ERROR_MESSAGES, Field, FieldError, format_value
from ..db.ids import CROCKFORD
from ..newsletters.models import Newsletter
from ..text.languages import guess_language, guessable_languages
from ..web.body_limits import FORM_OVERHEAD, UPLOADS, Upload
from ..web.formatting import by_name
from .frame import editor

MAX_DIGITS = 9  # so that a number fits an INTEGER column
PUBLIC_ID = re.compile(rf"\b[{CROCKFORD}]{{12}}\b")


def parse_local_time(text: str, zone: str) -> datetime | None:
    """Parse the value of a datetime field ("2026-11-14T12:00", in `zone`). Return it in UTC, or None if malformed.

    A time that the clocks show twice, or skip, means the later of the two (PEP 495), since most are deadlines: one that
    a form shows never becomes earlier when the form is sent.
    """
    try:
        local_time = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
        return max(local_time.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    except (ValueError, OverflowError):  # the first and the last day of the calendar overflow in some zones
        return None


def format_local_time(value: datetime | None, zone: str) -> str:
    return value.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M") if value else ""


def parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def parse_number(text: str) -> int:
    """Parse a number of up to `MAX_DIGITS` digits. Anything else becomes -1, which no version or count ever is."""
    is_number = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    return int(text) if is_number else -1


def parse_public_id(text: str) -> str:
    """Find a public id in a text, such as a pasted page address. Return "" if there is none."""
    match = PUBLIC_ID.search(text.upper())
    return match.group() if match else ""


def format_fault(fault: Any) -> str:
    """Return the sentence for a field's fault. A fault that is a string already is returned unchanged."""
    if isinstance(fault, FieldError):
        return _(ERROR_MESSAGES[fault.key]) % fault.values
    return str(fault)


def field_labels(fields: Mapping[str, Field]) -> dict[str, str]:
    return {name: _(field.label) for name, field in fields.items()}


def get_stored_values(fields: Mapping[str, Field], row: Any) -> dict[str, Any]:
    """Return a row's fields as form values: texts, a boolean for a checkbox, a list for a group of checkboxes."""
    return {name: format_value(field, getattr(row, name)) for name, field in fields.items()}


def get_submitted_values(fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return the submitted values of the fields, of the same types as those of `get_stored_values`."""
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if field.kind == "tick":
            values[name] = name in request.form
        elif field.kind == "ticks":
            values[name] = [value for value, *_labels in field.options if value in request.form.getlist(name)]
        else:
            values[name] = request.form.get(name, "").replace("\r\n", "\n")
    return values


def field_options(fields: Mapping[str, Field]) -> dict[str, list[tuple[str, ...]]]:
    """Return the options of each choice field, as tuples of the value and its labels."""
    return {
        name: [(value, *map(_, labels)) for value, *labels in field.options]
        for name, field in fields.items()
        if field.kind == "choice"
    }


@editor.app_template_filter("language_choices")
def language_choices(newsletter: Newsletter, selected: str, unchosen: str) -> list[tuple[str, str]]:
    """Return (code, name) of the newsletter's languages, all that can be guessed, and the selected one.

    If `selected` is no language with a name, such as "und", an empty option is added before them, labelled `unchosen`.
    """
    codes = {newsletter.language, *newsletter.languages, *guessable_languages(), selected}
    choices = by_name(codes)
    return choices if selected in dict(choices) else [("", unchosen), *choices]


@editor.app_template_filter("looks_like")
def looks_like(text: str, language: str) -> str:
    """Return a hint if the text seems to be in another language than `language`, or ""."""
    guessed_code = guess_language(text)
    guessed_name = dict(by_name([guessed_code])).get(guessed_code, "")
    if not guessed_name or guessed_code == language:
        return ""
    return _("These words look like %(language)s.", language=guessed_name)


def allow_upload(endpoint: str, max_bytes: int, get_message: Callable[[], str]) -> None:
    """Let signed-in staff send files of up to `max_bytes` to an endpoint.

    `get_message` returns what the error page says about larger ones.
    """
    UPLOADS[f"editor.{endpoint}"] = Upload(max_bytes + FORM_OVERHEAD, _is_staff, get_message)


def _is_staff() -> bool:
    return bool(current_user.is_authenticated and current_user.door == "desk")
