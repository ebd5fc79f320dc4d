"""Errors of the API as `application/problem+json` (RFC 9457)."""

import json
from http import HTTPStatus

from flask import Response, request

API_PREFIX = "/api/"


def is_api_path() -> bool:
    """Return whether the request is for the API, whose errors are JSON."""
    return request.path.startswith(API_PREFIX)


def render_problem(status: int, detail: str, code: str = "", **members: str) -> Response:
    """Return a problem. `code` is that of a `DomainError`, by default the name of the status; `members` are added.

    Its type is "about:blank": its title says what the status means (RFC 9457, section 4.2.1).
    """
    title = HTTPStatus(status).phrase
    problem = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": code or f"http.{title.lower().replace(' ', '_').replace('-', '_')}",
        "detail": detail,
        **members,
    }
    body = json.dumps(problem, ensure_ascii=False)
    return Response(body, status, content_type="application/problem+json")
