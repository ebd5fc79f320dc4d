"""A local server for pip-audit that answers as OSV does (POST /v1/query), from advisories in files.

It reads records of OSV as JSON or YAML, in a folder or a ZIP, such as OSV's export for PyPI (`PyPI/all.zip`) or a copy
of the Python Packaging Advisory Database (https://ossf.github.io/osv-schema/).
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

Advisory = dict[str, Any]


def normalize_name(name: str) -> str:
    """Return the normalized name of a package (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _iter_advisory_files(source: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each JSON or YAML file in a folder or a ZIP."""
    if is_zipfile(source):
        with ZipFile(source) as archive:
            for name in archive.namelist():
                if name.endswith((".json", ".yaml")):
                    yield name, archive.read(name).decode()
    elif source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix in (".json", ".yaml"):
                yield path.name, path.read_text(encoding="utf-8")


def read_advisories(source: Path) -> dict[str, list[Advisory]]:
    """Return the advisories about packages of PyPI, by package, without those that were withdrawn.

    `source` is a folder or a ZIP. Raises ValueError with the name of a file that can't be parsed.
    """
    advisories: dict[str, list[Advisory]] = defaultdict(list)
    for name, text in _iter_advisory_files(source):
        try:
            record = json.loads(text if name.endswith(".json") else _convert_yaml(text))
        except (ValueError, yaml.YAMLError) as fault:
            raise ValueError(f"{name}: {fault}") from fault
        if not isinstance(record, dict) or "affected" not in record or record.get("withdrawn"):
            continue
        for package in {normalize_name(entry["package"]["name"]) for entry in record["affected"] if _is_on_pypi(entry)}:
            advisories[package].append(record)
    return dict(advisories)


def _convert_yaml(text: str) -> str:
    """Return a YAML document as JSON, in which dates are strings, as OSV sends them."""
    return json.dumps(yaml.safe_load(text), default=str)


def _is_on_pypi(affected_entry: dict[str, Any]) -> bool:
    return bool(affected_entry.get("package", {}).get("ecosystem") == "PyPI")


def _is_version(text: str, version: Version) -> bool:
    try:
        return Version(text) == version
    except InvalidVersion:
        return False


def _is_in_range(events: list[dict[str, str]], version: Version) -> bool:
    """Return whether a version is in a range of OSV: its events, ordered by version, begin or end affected versions."""
    is_inside = False
    for event in events:
        for kind, text in event.items():
            if kind == "introduced" and (text == "0" or version >= Version(text)):
                is_inside = True
            elif (kind == "fixed" and version >= Version(text)) or (
                kind == "last_affected" and version > Version(text)
            ):
                is_inside = False
    return is_inside


def is_affected(record: Advisory, package: str, version: Version) -> bool:
    """Return whether an advisory affects this version of a package; `package` is a normalized name."""
    for entry in record["affected"]:
        if not _is_on_pypi(entry) or normalize_name(entry["package"]["name"]) != package:
            continue
        if any(_is_version(text, version) for text in entry.get("versions", ())):
            return True
        ranges = [item["events"] for item in entry.get("ranges", ()) if item["type"] == "ECOSYSTEM"]
        if any(_is_in_range(events, version) for events in ranges):
            return True
    return False


@contextmanager
def osv_server(advisories: dict[str, list[Advisory]]) -> Iterator[str]:
    """Run a server that answers from these advisories, and yield the URL to query."""

    class QueryHandler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            package, version = normalize_name(query["package"]["name"]), Version(query["version"])
            hits = [record for record in advisories.get(package, ()) if is_affected(record, package, version)]
            body = json.dumps({"vulns": hits} if hits else {}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Log nothing: the packages are those of the locks."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), QueryHandler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
    finally:
        server.shutdown()
        server.server_close()
