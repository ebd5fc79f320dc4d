"""Forms that hold more than others: each says how much, and what is said where more is sent."""

from collections.abc import Callable
from typing import Any

from flask import request
from flask_login import current_user
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from ..web import errors
from .frame import editor

AROUND = 64 * 1024  # bytes that the form around a file may have
_ROOM: dict[str, tuple[int, Callable[[], str]]] = {}


def may_be_large(endpoint: str, max_bytes: int, get_message: Callable[[], str]) -> None:
    """Let the form of an endpoint hold so many bytes; `get_message` says that it was more."""
    _ROOM[f"editor.{endpoint}"] = max_bytes, get_message


@editor.url_value_preprocessor
def room_for_a_file(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Only somebody of the desk may send so much."""
    if endpoint in _ROOM and current_user.is_authenticated and current_user.door == "desk":
        most = _ROOM[endpoint][0] + AROUND
        request.max_content_length = most
        request.max_form_memory_size = most


@editor.errorhandler(RequestEntityTooLarge)
def too_large(_error: RequestEntityTooLarge) -> Response:
    room = _ROOM.get(request.endpoint or "")
    return errors.render_error(413, happened=room[1]() if room else None)
