"""The size limits of request bodies: one for all forms, and higher ones for uploads by those who may upload.

A limit is known from the headers alone. The page server asks for it before it stores a large body (`get_body_limit`).
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, request
from flask_babel import lazy_gettext as _l
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from ..server.page_server import NO_ROOM_KEY
from . import errors

FORM_OVERHEAD = 64 * 1024  # bytes allowed for the other fields of an upload form
LIMIT_KEY = "readers_asked.limit"  # in the WSGI environ: only the limit is asked for
TOO_MANY_UPLOADS = errors.ErrorMessage(
    _l("Too many large files at once"),
    _l("Others are sending large files just now. Nothing of yours was saved."),
    _l("Try again in a minute."),
)


@dataclass(frozen=True)
class Upload:
    """An endpoint that takes a body of up to `max_bytes`.

    `may_upload` says whether the sender of the current request may upload; anybody else has the limit of all forms.
    `get_message` returns what the error page says about a larger body.
    """

    max_bytes: int
    may_upload: Callable[[], bool]
    get_message: Callable[[], str] | None = None


UPLOADS: dict[str, Upload] = {}  # by endpoint


def get_body_limit(app: Flask, environ: dict[str, Any]) -> int:
    """Return the limit in bytes for the body of a request, by its headers. Nothing is read from the body."""
    with app.request_context({**environ, LIMIT_KEY: True}):
        with suppress(HTTPException):  # for a page that doesn't exist, for example
            app.preprocess_request()
        return request.max_content_length or 0


def register(app: Flask) -> None:
    """Apply the limits to all requests. Call this before other functions register their hooks."""
    app.url_value_preprocessor(_raise_limit)
    app.before_request(_end_early)
    app.register_error_handler(RequestEntityTooLarge, _render_too_large)


def _raise_limit(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    upload = UPLOADS.get(endpoint or "")
    if upload and upload.may_upload():
        request.max_content_length = upload.max_bytes
        request.max_form_memory_size = upload.max_bytes


def _end_early() -> Response | None:
    """Skip the other hooks and the view if only the limit is asked for, or if the body is gone."""
    if LIMIT_KEY in request.environ:
        return Response()
    if NO_ROOM_KEY in request.environ:
        return errors.render_error(503, message=TOO_MANY_UPLOADS, form_values={})
    return None


def _render_too_large(_error: RequestEntityTooLarge) -> Response:
    upload = UPLOADS.get(request.endpoint or "")
    message = upload.get_message() if upload and upload.get_message else None
    return errors.render_error(413, happened=message)
