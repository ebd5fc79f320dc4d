"""Archives that can't be imported: hostile, damaged and contradictory ones change nothing, and the message says why."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile

import pytest
from flask import Flask
from sqlalchemy import select

from app.db.engine import Database
from app.newsletters.former_names import FormerName
from app.newsletters.models import Newsletter
from app.workflows.transfer.archive_reader import ArchiveReader
from app.workflows.transfer.export_archive import MANIFEST
from tests.support.assignments import ExpertAssignment
from tests.support.commands import Installation, open_installation
from tests.support.database_checks import dump_tables
from tests.support.databases import ON_SQLITE
from tests.support.newsletter_exports import export, open_new_database
from tests.support.sample_newsroom import create_coast_newsletter

Change = Callable[[dict[str, bytes]], None]


def edit_records(name: str, change: Callable[[list[Any]], None]) -> Change:
    """Change the records of a file, with its hash in the manifest."""

    def edit(members: dict[str, bytes]) -> None:
        records = [json.loads(line) for line in members[name].splitlines()]
        change(records)
        members[name] = b"".join(json.dumps(record).encode() + b"\n" for record in records)

    return edit


def edit_newsletter(**changes: Any) -> Change:
    def edit(members: dict[str, bytes]) -> None:
        members["newsletter.json"] = json.dumps(json.loads(members["newsletter.json"]) | changes).encode()

    return edit


def edit_manifest(**changes: Any) -> Change:
    def edit(members: dict[str, bytes]) -> None:
        members[MANIFEST] = json.dumps(json.loads(members[MANIFEST]) | changes).encode()

    return edit


def sign(members: dict[str, bytes]) -> None:
    """Write the hashes of all files into the manifest, as somebody would who forges an archive."""
    manifest = json.loads(members[MANIFEST])
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(content).hexdigest()} for name, content in members.items() if name != MANIFEST
    }
    members[MANIFEST] = json.dumps(manifest).encode()


# What is changed in a good archive, and what the command says about it.
REFUSED: dict[str, tuple[Change, str]] = {
    "newer schema": (edit_manifest(schema_version=2), "version 2 of the schema"),
    "version of control characters": (edit_manifest(schema_version="\x1b[2J"), "version '\\x1b[2J' of the schema"),
    "program of control characters": (
        edit_manifest(schema_version=2, program_version="\x1b[2J"),
        "from Readers Asked '\\x1b[2J';",
    ),
    "sentence of control characters": (
        edit_newsletter(sentences=[{"kind": "\x1b[2J", "language": "en", "body": "{lost}"}]),
        "unusable values: sentences.'\\x1b[2J'",
    ),
    "not ours": (edit_manifest(format="zip"), "no export of Readers Asked"),
    "no manifest": (lambda members: members.pop(MANIFEST) and None, "it has no manifest.json"),
    "missing file": (lambda members: members.pop("answers.jsonl") and None, "no answers.jsonl"),
    "path traversal": (lambda members: members.update({"../../etc/cron.d/evil": b"x"}), "a file that no export has"),
    "absolute path": (lambda members: members.update({"/etc/passwd": b"x"}), "a file that no export has"),
    "bomb": (lambda members: members.update({"letters.csv": bytes(200 << 20)}), "unpacks to far more"),
    "no JSON": (lambda members: members.update({"letters.jsonl": b"{\n"}), "letters.jsonl is damaged"),
    "deep JSON": (lambda members: members.update({"letters.jsonl": b"[" * 200_000 + b"\n"}), "letters.jsonl is damaged"),
    "not a number": (lambda members: members.update({"letters.jsonl": b'{"id": NaN}\n'}), "letters.jsonl is damaged"),
    "infinity": (
        lambda members: members.update({"answers.jsonl": members["answers.jsonl"].replace(b'"credit":{', b'"credit":{"a":1e400,')}),
        "answers.jsonl is damaged",
    ),
    "notes that are none": (
        edit_records("answers.jsonl", lambda records: records[0]["credit"].update(beside_name={"a": 1})),
        "the credit of",
    ),
    "no time": (edit_records("editions.jsonl", lambda records: records[-1].update(local_at="soon")), "'soon' is no time"),
    "slots without end": (edit_records("editions.jsonl", lambda records: records[-1].update(slots=2**31 - 1)), "2147483647 slots"),
    "unknown field": (edit_records("letters.jsonl", lambda records: records[0].update(secret=1)), "unknown field 'secret'"),
    "missing field": (edit_records("letters.jsonl", lambda records: records[0].pop("body")), "field body is missing"),
    "unknown state": (edit_records("letters.jsonl", lambda records: records[0].update(state="lost")), "unusable value: 'lost'"),
    "NUL": (edit_records("letters.jsonl", lambda records: records[0].update(body="a\0b")), "field body has an unusable"),
    "half a character": (edit_records("letters.jsonl", lambda records: records[0].update(body="\ud800")), "field body has"),
    "contacts by stealth": (
        edit_records("letters.jsonl", lambda records: records[0].update(contact={"email": "a@b.example"})),
        "unknown field 'contact'",
    ),
    "one id twice": (edit_records("letters.jsonl", lambda records: records.append(records[0])), "two records with one id"),
    "dangling reference": (
        edit_records("letters.jsonl", lambda records: records[0].update(question="0" * 12)),
        "question names '000000000000', which isn't in the archive",
    ),
    "version by nobody": (
        edit_records("answers.jsonl", lambda records: records[0]["versions"][0].update(by="expert:")),
        "'expert:' isn't in the archive",
    ),
    "contradiction": (
        edit_records("letters.jsonl", lambda records: records[0].update(state="held", held_reason=None)),
        "contradict",
    ),
    "changed Q&A": (
        edit_records("edition_items.jsonl", lambda records: records[0].update(output="Forged.")),
        "was changed after it was locked",
    ),
    "no language": (
        edit_records("letters.jsonl", lambda records: records[0].update(language="<script>")),
        "'<script>' is no language",
    ),
    "script in a setting": (edit_newsletter(leave_to="javascript:alert(1)"), "unusable values: leave_to"),
    "no rhythm": (edit_newsletter(rule="FREQ=SECONDLY"), "unusable values: rule"),
    "a short name of ours": (edit_newsletter(slug="desk"), "The short name 'desk' can't be used here"),
}  # fmt: skip


@pytest.fixture
def members(database: Database, salt: ExpertAssignment) -> dict[str, bytes]:
    """The files of a good archive, with something in each."""
    salt.send()
    salt.approve()
    salt.publish()
    archive = export(database)
    return {name: archive.read(name) for name in archive.namelist()}


def write_members(members: dict[str, bytes], path: Path) -> Path:
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def new_house(app: Flask, tmp_path: Path) -> Iterator[Installation]:
    """Another installation, with a newsletter of its own, The Coast."""
    with (
        open_new_database("sqlite", tmp_path) as database,
        open_installation(app, database.url, tmp_path / "erasures") as machine,
    ):
        database.write(lambda session: create_coast_newsletter(session) and None)
        yield machine


@ON_SQLITE
@pytest.mark.threat("hostile export")
def test_unusable_archives_change_nothing(members: dict[str, bytes], new_house: Installation, tmp_path: Path) -> None:
    before = dump_tables(new_house.database)
    for name, (change, message) in REFUSED.items():
        changed = dict(members)
        change(changed)
        if MANIFEST in changed:
            sign(changed)
        said = new_house.run_refused("import", write_members(changed, tmp_path / "changed.zip"))
        assert message in said and said.endswith("Nothing was imported.\n"), (name, said)
        assert said.replace("\n", "").isprintable(), name
        assert dump_tables(new_house.database) == before, name
    new_house.run_ok("import", write_members(members, tmp_path / "good.zip"))


@ON_SQLITE
@pytest.mark.threat("hostile export")
def test_damaged_archives_change_nothing(members: dict[str, bytes], new_house: Installation, tmp_path: Path) -> None:
    before = dump_tables(new_house.database)
    good = write_members(members, tmp_path / "good.zip").read_bytes()
    path = tmp_path / "damaged.zip"
    for cut in (0, 10, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:cut])
        assert "Nothing was imported." in new_house.run_refused("import", path)
    changed = {**members, "letters.csv": b"other"}  # not what the manifest says
    assert "letters.csv is damaged" in new_house.run_refused("import", write_members(changed, path))
    refused = 0
    for place in range(100, len(good), len(good) // 12):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        result = new_house.run("import", "--check", path)
        # A byte may say nothing, such as one of a time in the list of files.
        refused += result.exit_code != 0 and "Nothing was imported." in result.output
    assert refused >= 9
    assert dump_tables(new_house.database) == before


@ON_SQLITE
def test_a_disk_that_fails_is_no_damaged_file(members: dict[str, bytes], tmp_path: Path) -> None:
    path = write_members(members, tmp_path / "good.zip")
    with ArchiveReader(path) as reader:
        [descriptor] = [
            int(link.name) for link in Path("/proc/self/fd").iterdir() if os.path.realpath(link) == str(path)
        ]
        folder = os.open(tmp_path, os.O_RDONLY)
        os.dup2(folder, descriptor)  # from now on the system reports an error for each reading
        os.close(folder)
        with pytest.raises(IsADirectoryError):
            reader.check()


@ON_SQLITE
def test_a_second_import_is_refused(members: dict[str, bytes], new_house: Installation, tmp_path: Path) -> None:
    path = write_members(members, tmp_path / "good.zip")
    assert "without readers' contacts" in new_house.run_ok("import", path, "--check")
    new_house.run_ok("import", path)
    before = dump_tables(new_house.database)
    assert "The short name 'steppe' can't be used here" in new_house.run_refused("import", path)
    assert dump_tables(new_house.database) == before


@ON_SQLITE
def test_its_own_former_short_name_can_be_its_name_again(
    members: dict[str, bytes], new_house: Installation, tmp_path: Path
) -> None:
    edit_newsletter(former_slugs=[{"slug": "meadow"}])(members)
    sign(members)
    new_house.run_ok("import", write_members(members, tmp_path / "good.zip"), "--short-name", "meadow")
    with new_house.database.read() as session:
        assert session.scalars(select(FormerName.slug)).all() == []


@ON_SQLITE
def test_a_newsletter_gets_another_short_name_where_its_own_is_taken(
    members: dict[str, bytes], new_house: Installation, tmp_path: Path
) -> None:
    path = write_members(members, tmp_path / "good.zip")
    assert "can't be used here" in new_house.run_refused("import", path, "--short-name", "coast")
    new_house.run_ok("import", path, "--short-name", "meadow")
    with new_house.database.read() as session:
        assert session.scalars(select(Newsletter.slug).order_by(Newsletter.id)).all() == ["coast", "meadow"]


@ON_SQLITE
def test_an_archive_that_is_compressed_in_another_way_is_refused(
    members: dict[str, bytes], new_house: Installation, tmp_path: Path
) -> None:
    """Python unpacks bzip2 and LZMA without a bound on what one read gives."""
    path = tmp_path / "bomb.zip"
    with ZipFile(path, "w", ZIP_BZIP2) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert "compressed in a way that no export uses" in new_house.run_refused("import", "--check", path)
