"""The fields of the desk's forms: what was typed, what is stored, what can be chosen, and how large a form may be."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from ..core.domain_errors import TooLong
from ..core.fields import FAULTS, Field, FieldError, format_value
from ..db.ids import CROCKFORD
from ..newsletters.models import Newsletter
from ..text.languages import guess_language, guessed_languages
from ..web import errors
from ..web.formatting import by_name
from .frame import editor

TOO_LONG = _l("This is too long: %(most)d characters are the most.")
PUBLIC_ID = re.compile(rf"\b[{CROCKFORD}]{{12}}\b")


def parse_local_time(text: str, zone: str) -> datetime | None:
    """Return what a field for date and time holds ("2026-11-14T12:00"), as a moment in the newsletter's zone."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError):  # the first and the last day that there are don't lie in every zone
        return None


def format_local_time(value: datetime | None, zone: str) -> str:
    return value.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M") if value else ""


def parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def too_long(error: TooLong) -> str:
    """Return what is said at the field whose text is too long."""
    return str(TOO_LONG) % {"most": error.max_length}


def parse_number(text: str) -> int:
    """Read a whole number; -1, which is no version and no number of slots, where there is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def parse_public_id(text: str) -> str:
    """Read the number of a row, typed by itself or pasted as a page's address; what holds none finds no row either."""
    found = PUBLIC_ID.search(text.upper())
    return found.group() if found else ""


def format_fault(fault: Any) -> str:
    """Return as a sentence what is wrong with what was typed; what is a sentence already, as it is."""
    return _(FAULTS[fault.code]) % fault.values if isinstance(fault, FieldError) else str(fault)


def field_labels(fields: Mapping[str, Field]) -> dict[str, str]:
    return {name: _(field.label) for name, field in fields.items()}


def get_stored_values(fields: Mapping[str, Field], row: Any) -> dict[str, Any]:
    """Return a row's fields as their form holds them: a text, a tick, or the ticked of several."""
    return {name: format_value(field, getattr(row, name)) for name, field in fields.items()}


def get_submitted_values(fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return what was sent, in the same form."""
    sent: dict[str, Any] = {}
    for name, field in fields.items():
        if field.kind == "tick":
            sent[name] = name in request.form
        elif field.kind == "ticks":
            sent[name] = [value for value, *_words in field.options if value in request.form.getlist(name)]
        else:
            sent[name] = request.form.get(name, "").replace("\r\n", "\n")
    return sent


def field_options(fields: Mapping[str, Field]) -> dict[str, list[tuple[str, ...]]]:
    """Return what can be chosen by field, each with its words."""
    return {
        name: [(value, *map(_, words)) for value, *words in field.options]
        for name, field in fields.items()
        if field.kind == "choice"
    }


@editor.app_template_filter("language_choices")
def language_choices(newsletter: Newsletter, selected: str, unchosen: str) -> list[tuple[str, str]]:
    """List the newsletter's languages and all that can be guessed, as (code, name); `unchosen` names no choice."""
    codes = {newsletter.language, *newsletter.languages, *guessed_languages(), selected}
    listed = by_name(codes)
    return listed if selected in dict(listed) else [("", unchosen), *listed]


@editor.app_template_filter("looks_like")
def looks_like(text: str, language: str) -> str:
    """Return what is said beside the language of words that look like another; empty where they look like it."""
    guess = guess_language(text)
    name = dict(by_name([guess])).get(guess, "")
    return _("These words look like %(language)s.", language=name) if name and guess != language else ""


FORM_OVERHEAD = 64 * 1024  # bytes that the form around a file may have
_SIZE_LIMITS: dict[str, tuple[int, Callable[[], str]]] = {}


def may_be_large(endpoint: str, max_bytes: int, get_message: Callable[[], str]) -> None:
    """Let the form of an endpoint hold so many bytes; `get_message` says that it was more."""
    _SIZE_LIMITS[f"editor.{endpoint}"] = max_bytes, get_message


@editor.url_value_preprocessor
def room_for_a_file(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Only somebody of the desk may send so much."""
    if endpoint in _SIZE_LIMITS and current_user.is_authenticated and current_user.door == "desk":
        most = _SIZE_LIMITS[endpoint][0] + FORM_OVERHEAD
        request.max_content_length = most
        request.max_form_memory_size = most


@editor.errorhandler(RequestEntityTooLarge)
def too_large(_error: RequestEntityTooLarge) -> Response:
    room = _SIZE_LIMITS.get(request.endpoint or "")
    return errors.render_error(413, happened=room[1]() if room else None)
