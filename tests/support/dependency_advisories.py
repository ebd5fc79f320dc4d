"""A server on this machine that answers as OSV does (POST /v1/query) from advisories in files, for pip-audit.

It reads OSV's own records as JSON or YAML, in a folder or a ZIP, such as OSV's export for PyPI (`PyPI/all.zip`) or a
copy of the Python Packaging Advisory Database (https://ossf.github.io/osv-schema/).
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from zipfile import ZipFile, is_zipfile

import yaml
from packaging.version import InvalidVersion, Version

Record = dict[str, Any]


def normalize_name(name: str) -> str:
    """Return the one spelling of a package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _texts(place: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file that can be an advisory."""
    if is_zipfile(place):
        with ZipFile(place) as packed:
            for name in packed.namelist():
                if name.endswith((".json", ".yaml")):
                    yield name, packed.read(name).decode()
        return
    for path in sorted(place.rglob("*")) if place.is_dir() else ():
        if path.suffix in (".json", ".yaml"):
            yield path.name, path.read_text(encoding="utf-8")


def read_advisories(place: Path) -> dict[str, list[Record]]:
    """Return the advisories about packages of PyPI, by package; those that were withdrawn are none. ValueError names what can't be read."""
    found: dict[str, list[Record]] = defaultdict(list)
    for name, text in _texts(place):
        try:
            record = (
                json.loads(text)
                if name.endswith(".json")
                else json.loads(json.dumps(yaml.safe_load(text), default=str))
            )
        except (ValueError, yaml.YAMLError) as fault:
            raise ValueError(f"{name}: {fault}") from fault
        if not isinstance(record, dict) or "affected" not in record or record.get("withdrawn"):
            continue
        for package in {normalize_name(one["package"]["name"]) for one in record["affected"] if _is_on_pypi(one)}:
            found[package].append(record)
    return dict(found)


def _is_on_pypi(affected: Record) -> bool:
    return bool(affected.get("package", {}).get("ecosystem") == "PyPI")


def _is_version(text: str, version: Version) -> bool:
    try:
        return Version(text) == version
    except InvalidVersion:
        return False


def _in_range(events: list[dict[str, str]], version: Version) -> bool:
    """Return whether a version lies in a range of OSV: events in the order of versions, each of which begins or ends it."""
    inside = False
    for event in events:
        for kind, text in event.items():
            if kind == "introduced" and (text == "0" or version >= Version(text)):
                inside = True
            elif (kind == "fixed" and version >= Version(text)) or (
                kind == "last_affected" and version > Version(text)
            ):
                inside = False
    return inside


def is_affected(record: Record, package: str, version: Version) -> bool:
    """Return whether an advisory is about this version of this package."""
    of_it = [
        one for one in record["affected"] if _is_on_pypi(one) and normalize_name(one["package"]["name"]) == package
    ]
    return any(
        any(_is_version(text, version) for text in one.get("versions", ()))
        or any(_in_range(r["events"], version) for r in one.get("ranges", ()) if r["type"] == "ECOSYSTEM")
        for one in of_it
    )


@contextmanager
def osv_server(advisories: dict[str, list[Record]]) -> Iterator[str]:
    """Answer from these advisories, and give the address to ask."""

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            package, version = normalize_name(asked["package"]["name"]), Version(asked["version"])
            hits = [one for one in advisories.get(package, ()) if is_affected(one, package, version)]
            body = json.dumps({"vulns": hits} if hits else {}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_said: object) -> None:
            """Print nothing: what is asked stands in the locks."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
    finally:
        server.shutdown()
        server.server_close()
