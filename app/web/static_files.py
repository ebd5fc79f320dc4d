"""Style sheets, scripts and images, under URLs that change with their contents, so that browsers can cache them.

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
# Style sheets that are joined into one file, since each further request would cost distant readers seconds.
JOINED = {
    "reading-page.css": ("reader.css", "reading.css"),
    "handbook-page.css": ("reader.css", "handbook.css"),
    "expert-page.css": ("reader.css", "expert.css"),
    "desk-page.css": ("reader.css", "expert.css", "desk.css", "desk-question.css", "desk-edition.css"),
}
# The files that pages in frames load. WordPress shows such a page in a sandbox without an origin, for which these files
# are those of another site.
FRAMED = ("reading-page.css", "framed.js")
MAX_HEADER_LENGTH = 200  # characters of an Accept-Encoding that is parsed and cached; no browser sends more
CACHE_FOREVER = "public, max-age=31536000, immutable"  # one year, as there is no value for "forever" (RFC 8246)
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".json": "application/json", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class StaticFile:
    body: bytes
    gzipped: bytes
    media_type: str
    digest: str  # a hash of `body`


@cache
def files() -> Mapping[str, StaticFile]:
    """Return all static files by name: those of the folder, which are all text, and the joined style sheets."""
    texts = {path.name: path.read_text("utf-8") for path in sorted(FOLDER.iterdir())}
    texts |= {name: "\n".join(texts[part] for part in parts) for name, parts in JOINED.items()}
    return {name: _build_file(name, text) for name, text in texts.items()}


def _build_file(name: str, text: str) -> StaticFile:
    body = text.encode()
    digest = hashlib.blake2b(body, digest_size=9).hexdigest()
    return StaticFile(body, gzip.compress(body, 9, mtime=0), MEDIA_TYPES[Path(name).suffix], digest)


@cache
def current_version() -> str:
    """Return the part of the URLs that changes with the contents of any file.

    All files share it, since scripts import each other by relative names and must get the same version.
    """
    listing = "".join(f"{name} {file.digest}\n" for name, file in files().items())
    return hashlib.blake2b(listing.encode(), digest_size=6).hexdigest()


def icon() -> Markup:
    """Return the icon as a data: URL (RFC 2397). Otherwise every browser would request it separately."""
    svg = files()["favicon.svg"].body.decode().strip().replace('"', "'")
    url = "data:image/svg+xml," + quote(svg, safe=" '/:=")
    return Markup(url)  # noqa: S704 - a file of ours, and quoted


def register(app: Flask) -> None:
    """Serve the static files.

    `url_for("static", filename=...)` returns a URL with the current version. With `version=None` it returns a URL that
    never changes.
    """
    app.add_url_rule("/static/<filename>", "static", _serve)
    app.add_url_rule("/static/<version>/<filename>", "static", _serve)
    app.url_defaults(_set_default_version)


def _set_default_version(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == "static":
        values.setdefault("version", current_version())


def _serve(filename: str, version: str | None = None) -> Response:
    """Serve the current file under the URL of any version, since a page cached before an upgrade has an older URL.

    Under URLs of other versions, browsers must revalidate the file.
    """
    file = files().get(filename)
    if file is None:
        abort(404)
    has_range = "Range" in request.headers
    # A range is of the plain bytes: a part of the gzipped ones couldn't be decompressed.
    is_gzipped = accepts_gzip(request.headers.get("Accept-Encoding", "")) and not has_range
    response = Response(file.gzipped if is_gzipped else file.body, content_type=f"{file.media_type}; charset=utf-8")
    response.headers["Cache-Control"] = CACHE_FOREVER if version == current_version() else "no-cache"
    response.headers["Vary"] = "Accept-Encoding"
    if filename in FRAMED:
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.set_etag(f"{file.digest}-gzip" if is_gzipped else file.digest)
    if is_gzipped:
        response.headers["Content-Encoding"] = "gzip"
    # Only clients that ask for a range need Accept-Ranges.
    response.make_conditional(request, accept_ranges=has_range, complete_length=len(response.get_data()))
    return response


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an Accept-Encoding header accepts gzip (RFC 9110, section 12.5.3)."""
    return len(accept_encoding) <= MAX_HEADER_LENGTH and _accepts_gzip(accept_encoding)


@lru_cache(maxsize=256)
def _accepts_gzip(accept_encoding: str) -> bool:
    return parse_accept_header(accept_encoding, Accept)["gzip"] > 0
