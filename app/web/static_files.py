"""Style sheets, scripts and images, under URLs that change with their contents, so that browsers cache them for good.

They are read, joined and compressed once per process, and served from memory: a quarter of a megabyte in all.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, abort, request
from markupsafe import Markup
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

FOLDER = Path(__file__).parents[1] / "static"
# A page loads a single style sheet, since a second connection would cost distant readers seconds.
JOINED = {
    "reading-page.css": ("reader.css", "reading.css"),
    "handbook-page.css": ("reader.css", "handbook.css"),
    "expert-page.css": ("reader.css", "expert.css"),
    "desk-page.css": ("reader.css", "expert.css", "desk.css", "desk-question.css", "desk-edition.css"),
}
LONGEST = 200  # characters of an Accept-Encoding that is parsed and cached; no browser sends more
FOR_GOOD = "public, max-age=31536000, immutable"  # RFC 8246; a year stands for ever
KINDS = {".css": "text/css", ".js": "text/javascript", ".json": "application/json", ".svg": "image/svg+xml"}
# The security headers of static files, in place of those of pages (app/web/setup.py): they load nothing, and only
# those that can run scripts, unlike style sheets, need a policy.
FOR_ALL = {"Cross-Origin-Resource-Policy": "same-origin", "X-Content-Type-Options": "nosniff"}
RUNS = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Referrer-Policy": "no-referrer"}


@dataclass(frozen=True)
class StaticFile:
    """A file, plain and gzipped (`packed`), with its media type (`kind`) and the hash of its contents (`tag`)."""

    body: bytes
    packed: bytes
    kind: str
    tag: str


@cache
def files() -> Mapping[str, StaticFile]:
    """Return everything served, by name: the files of the folder, which are all text, and the joined style sheets."""
    texts = {path.name: path.read_text("utf-8") for path in sorted(FOLDER.iterdir())}
    texts |= {name: "\n".join(texts[part] for part in parts) for name, parts in JOINED.items()}
    return {name: _build_file(name, text) for name, text in texts.items()}


def _build_file(name: str, text: str) -> StaticFile:
    body = text.encode()
    tag = hashlib.blake2b(body, digest_size=9).hexdigest()
    return StaticFile(body, gzip.compress(body, 9, mtime=0), KINDS[Path(name).suffix], tag)


@cache
def current() -> str:
    """Return the part of the URL that changes with the contents of any file. All share it, as scripts import each other
    by relative names and must never get another version."""
    whole = "".join(f"{name} {kept.tag}\n" for name, kept in files().items())
    return hashlib.blake2b(whole.encode(), digest_size=6).hexdigest()


def icon() -> Markup:
    """Return the icon as a data: URL (RFC 2397), which saves the request that every browser makes for one."""
    drawn = files()["favicon.svg"].body.decode().strip().replace('"', "'")
    address = "data:image/svg+xml," + quote(drawn, safe=" '/:=")
    return Markup(address)  # noqa: S704 - a file of ours, and quoted


def register(app: Flask) -> None:
    """Serve the static files. `url_for("static", filename=...)` returns the URL of this version, and with
    `version=None` one that never changes."""
    app.add_url_rule("/static/<filename>", "static", _serve)
    app.add_url_rule("/static/<version>/<filename>", "static", _serve)
    app.url_defaults(_of_this_version)


def _of_this_version(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == "static":
        values.setdefault("version", current())


def _serve(filename: str, version: str | None = None) -> Response:
    """Serve a file. A page cached before an upgrade asks for another version: it gets the current file, which must be
    revalidated under that URL."""
    found = files().get(filename)
    if found is None:
        abort(404)
    # A range of the gzipped bytes would be useless.
    is_packed = takes_gzip(request.headers.get("Accept-Encoding", "")) and "Range" not in request.headers
    response = Response(found.packed if is_packed else found.body, content_type=f"{found.kind}; charset=utf-8")
    response.headers["Cache-Control"] = FOR_GOOD if version == current() else "no-cache"
    response.headers["Vary"] = "Accept-Encoding"
    response.set_etag(f"{found.tag}-gzip" if is_packed else found.tag)
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    parts = "Range" in request.headers  # without it, no client needs Accept-Ranges
    response.make_conditional(request, accept_ranges=parts, complete_length=len(response.get_data()))
    return response


def dress(kind: str) -> Mapping[str, str]:
    """Return the security headers of a file of this media type."""
    return FOR_ALL if kind == KINDS[".css"] else FOR_ALL | RUNS


def takes_gzip(accepted: str) -> bool:
    """Return whether an Accept-Encoding header accepts gzip (RFC 9110, section 12.5.3)."""
    return len(accepted) <= LONGEST and _takes_gzip(accepted)


@lru_cache(maxsize=256)
def _takes_gzip(accepted: str) -> bool:
    return parse_accept_header(accepted, Accept)["gzip"] > 0
