"""docs/asvs.md: every requirement of levels 1 and 2 once, with a test or a place that is there, and true counts in its head."""

import ast
import re
from collections import Counter

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.db.engine import Database
from tests.support.desk import Desk
from tests.support.docs import find_section, list_table_rows
from tests.support.reader_pages import read_receipt, send_question
from tests.support.sample_newsroom import Newsroom
from tests.support.source import ROOT, list_code, parse_module, relative_name

PAGE = (ROOT / "docs" / "asvs.md").read_text(encoding="utf-8")
# The level of each requirement of ASVS 5.0.0, section by section: its first digit is that of number 1
# (OWASP_Application_Security_Verification_Standard_5.0.0_en.csv).
LEVELS = {
    "V1.1": "22", "V1.2": "1111122223", "V1.3": "112222222223", "V1.4": "222", "V1.5": "123",
    "V2.1": "122", "V2.2": "112", "V2.3": "12223", "V2.4": "23",
    "V3.1": "3", "V3.2": "113", "V3.3": "12223", "V3.4": "11222233", "V3.5": "11122333", "V3.6": "3", "V3.7": "22333",
    "V4.1": "12233", "V4.2": "23333", "V4.3": "22", "V4.4": "1222",
    "V5.1": "2", "V5.2": "112333", "V5.3": "113", "V5.4": "222",
    "V6.1": "122", "V6.2": "111111112222", "V6.3": "11223333", "V6.4": "112233", "V6.5": "22222333", "V6.6": "2223", "V6.7": "33", "V6.8": "2222",
    "V7.1": "222", "V7.2": "1111", "V7.3": "22", "V7.4": "11222", "V7.5": "223", "V7.6": "22",
    "V8.1": "1233", "V8.2": "1123", "V8.3": "133", "V8.4": "23", "V9.1": "111", "V9.2": "1222",
    "V10.1": "22", "V10.2": "223", "V10.3": "22223", "V10.4": "1111122222233333", "V10.5": "22222", "V10.6": "22", "V10.7": "222",
    "V11.1": "2233", "V11.2": "22233", "V11.3": "11233", "V11.4": "1222", "V11.5": "23", "V11.6": "23", "V11.7": "33",
    "V12.1": "12233", "V12.2": "11", "V12.3": "22223", "V13.1": "2333", "V13.2": "222223", "V13.3": "2233", "V13.4": "1222233",
    "V14.1": "22", "V14.2": "12223333", "V14.3": "122", "V15.1": "12233", "V15.2": "12233", "V15.3": "1222222", "V15.4": "3333",
    "V16.1": "2", "V16.2": "22222", "V16.3": "2222", "V16.4": "222", "V16.5": "2223", "V17.1": "23", "V17.2": "22223333", "V17.3": "22",
}  # fmt: skip
EVERY = {f"{section}.{at}": level for section, levels in LEVELS.items() for at, level in enumerate(levels, 1)}
VERDICTS = ("met", "in part", "not met", "doesn't apply")
CHAPTERS = re.findall(r"(?m)^## (V\d.*)$", PAGE)
ROWS = [row for chapter in CHAPTERS for row in list_table_rows(find_section(chapter, text=PAGE))]
SAID = re.compile(r"`([^`]+)`")
PLACES = re.compile(r"(?:tests|app|docs|deploy)/[\w./-]+|SECURITY\.md|config\.py|pyproject\.toml")


def test_each_requirement_of_both_levels_stands_there_once_under_its_level() -> None:
    assert Counter(EVERY.values()) == {"1": 70, "2": 183, "3": 92}  # as the standard counts itself
    assert [(row[0], row[1]) for row in ROWS] == [(number, level) for number, level in EVERY.items() if level != "3"]


def test_each_has_a_verdict_and_what_is_not_met_says_why() -> None:
    assert [row[0] for row in ROWS if len(row) != 5 or row[3] not in VERDICTS or not row[4]] == []
    assert [row[0] for row in ROWS if row[3] != "met" and len(SAID.sub("", row[4]).split()) < 3] == []


def test_the_counts_of_its_head_are_true() -> None:
    counted = Counter((row[3], row[1]) for row in ROWS)
    wanted = [
        [
            verdict,
            str(counted[verdict, "1"]),
            str(counted[verdict, "2"]),
            str(counted[verdict, "1"] + counted[verdict, "2"]),
        ]
        for verdict in VERDICTS
    ]
    both = Counter(row[1] for row in ROWS)
    assert list_table_rows(PAGE.partition("\n## ")[0]) == [
        *wanted,
        ["all", str(both["1"]), str(both["2"]), str(len(ROWS))],
    ]


def test_each_test_and_place_that_it_names_is_there() -> None:
    tests = {
        f"{relative_name(path)}::{node.name}"
        for path in list_code(".py")
        for node in parse_module(path).body
        if path.name.startswith("test_") and isinstance(node, ast.FunctionDef)
    }
    names = [name for row in ROWS for name in SAID.findall(row[4])]
    assert len(names) > 200
    assert [name for name in names if "::" in name and name not in tests] == []
    assert [name for name in names if PLACES.fullmatch(name) and not (ROOT / name).exists()] == []


def test_what_is_met_by_a_place_alone_names_one() -> None:
    """A claim without a test says at least where to look, or which rule of a tool holds it."""
    assert [row[0] for row in ROWS if row[3] == "met" and not SAID.search(row[4])] == []


# The calls that unpack a file or read XML. Only attached documents come from strangers (tests/mail/test_documents.py); the others
# read what the house packed itself, or the library's own empty document.
KNOWN_READERS = {
    "app/mailtext/parsing/documents.py": {
        "zipfile.ZipFile(io.BytesIO(data))",
        "expat.ParserCreate(namespace_separator=' ')",
    },
    "app/back_issues/bundle.py": {"ZipFile(buffer, 'w', ZIP_DEFLATED)", "ZipFile(io.BytesIO(archive))"},
    "app/typesetting/word_file.py": {"Document()", "ZipFile(buffer)", "ZipFile(packed, 'w', ZIP_DEFLATED)"},
    # A backup, which whoever runs the house restores.
    "app/backup/packing.py": {"zlib.decompressobj(GZIP)", "self._gzip.decompress(data)"},
    # An export of a newsletter: the command that imports it streams its files, and refuses a bomb.
    "app/workflows/transfer/export_archive.py": {"ZipFile(self._buffer, 'w', ZIP_DEFLATED)"},
    "app/workflows/transfer/archive_reader.py": {"ZipFile(self._path)"},
}
READING = re.compile(
    r"(?:\w+\.)*(?:fromstring|iterparse|ParserCreate|XML|XMLParser|parse_xml|parseString|make_parser|Document|ZipFile|open_zip|decompress|"
    r"decompressobj|unpack_archive|GzipFile|BZ2File|LZMAFile)|(?:ElementTree|etree|minidom|sax)\.parse|(?:tarfile|gzip|bz2|lzma)\.open"
)


def test_xml_is_read_and_files_are_unpacked_only_in_known_places() -> None:
    """V1.5.1, V5.2.3."""
    calls: dict[str, set[str]] = {}
    for path in list_code(".py"):
        if relative_name(path).startswith("app/"):
            for node in ast.walk(parse_module(path)):
                if isinstance(node, ast.Call) and READING.fullmatch(ast.unparse(node.func)):
                    calls.setdefault(relative_name(path), set()).add(ast.unparse(node))
    assert calls == KNOWN_READERS


# --- What had no test ---


def test_each_kind_of_answer_says_its_type_and_charset(client: FlaskClient, nora: Desk, newsroom: Newsroom) -> None:
    """V4.1.1."""
    kinds = {
        path: client.get(path).headers["Content-Type"]
        for path in (
            "/steppe/",
            "/steppe/feed.xml",
            "/steppe/calendar.ics",
            "/static/reader.css",
            "/static/ask.js",
            "/healthz",
            "/nothing",
        )
    }
    assert kinds == {
        "/steppe/": "text/html; charset=utf-8", "/steppe/feed.xml": "application/atom+xml; charset=utf-8",
        "/steppe/calendar.ics": "text/calendar; charset=utf-8", "/static/reader.css": "text/css; charset=utf-8",
        "/static/ask.js": "text/javascript; charset=utf-8", "/healthz": "text/plain; charset=utf-8", "/nothing": "text/html; charset=utf-8",
    }  # fmt: skip
    assert nora.open("trail").headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.threat("stranger at the door")
def test_no_folder_is_listed_and_no_method_is_echoed(client: FlaskClient, newsroom: Newsroom) -> None:
    """V13.4.3, V13.4.4."""
    for path in (
        "/static/",
        "/static",
        "/static/..",
        "/static/%2e%2e/config.py",
        "/.git/config",
        "/steppe/.git/config",
    ):
        assert client.get(path, follow_redirects=True).status_code == 404, path
    for method in ("TRACE", "TRACK", "CONNECT", "DEBUG"):
        answer = client.open("/steppe/", method=method, headers={"X-Planted": "kettle"})
        assert (answer.status_code, "kettle" in answer.text) == (405, False), method


@pytest.mark.threat("hostile words")
def test_a_field_that_comes_twice_or_in_the_address_is_taken_once_from_the_form(
    app: Flask, client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    """V15.3.7."""
    receipt, other = (
        read_receipt(send_question(client).text),
        read_receipt(send_question(client, body="Who else measures the salt?").text),
    )
    twice = client.post("/steppe/receipt/withdraw", data={"receipt": [receipt, other]})
    assert "You took it back" in twice.text
    assert client.post("/steppe/receipt", data={"receipt": other}).status_code == 200
    assert "You took it back" not in client.post("/steppe/receipt", data={"receipt": other}).text
    assert client.post(f"/steppe/receipt/withdraw?receipt={other}", data={}).status_code == 422
    assert "You took it back" not in client.post("/steppe/receipt", data={"receipt": other}).text
