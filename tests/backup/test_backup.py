"""A backup is of one moment, whole or not there, and comes back as it was, on either kind of database."""

import gzip
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.audit import Event
from app.backup import packing, restoring
from app.backup.erasing_again import erase_again
from app.backup.erasure_list import ErasureListWriter, NotOurList, read_list
from app.backup.rows import LEFT_OUT
from app.core.actors import Reader
from app.crypto.seal import Keys
from app.db.declarative import Base
from app.db.engine import Database
from app.db.migrate import list_revisions
from app.db.session import now
from app.letters import receive
from app.letters.models import Contact, Letter
from app.newsletters.models import Newsletter
from app.people.models import BrowserSession
from app.version import VERSION
from tests.support.app import SECRETS
from tests.support.assignments import ExpertAssignment
from tests.support.commands import Installation, open_installation
from tests.support.database_checks import dump_tables
from tests.support.databases import ON_SQLITE, postgres_copy, postgres_url
from tests.support.former_newsroom import BACKUP_FOLDER
from tests.support.processes import ProcessRunner, start_process_runner
from tests.support.sample_newsroom import Newsroom

RING = Keys(SECRETS)
# The worker fills the indexes anew, and no number of a server's transactions holds on another one.
LIKE_OTHERS = {"indexed_version", "sightings.number"}


def rows(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row that belongs into a backup."""
    kept = dump_tables(database)
    return {
        name: [
            tuple(
                value
                for column, value in zip(table.c, row, strict=True)
                if not {column.name, str(column)} & LIKE_OTHERS
            )
            for row in kept[name]
        ]
        for name, table in Base.metadata.tables.items()
        if name not in LEFT_OUT
    }


def asks(database: Database, newsroom: Newsroom, number: int) -> None:
    """A reader asks: a letter, an address and an event, in one transaction."""

    def fn(session: Session) -> None:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        wish = receive.Submission(
            f"Why is well {number} salt?", hear_back="while", email=f"reader{number}@post.example"
        )
        receive.send(session, Reader(), newsletter, wish, form=receive.FormToken(f"well {number}", 1))

    database.write(fn)


@pytest.fixture
def key(old_machine: Installation, tmp_path: Path) -> str:
    """The public key whose secret lies in `key`."""
    return old_machine.run_ok("backup-key", tmp_path / "key").strip()


def test_all_comes_back_and_new_rows_get_new_keys(
    old_machine: Installation, new_machine: Installation, newsroom: Newsroom, salt: ExpertAssignment, tmp_path: Path
) -> None:
    asks(old_machine.database, newsroom, 1)
    signed_in = {"token_mac": b"t" * 32, "person_id": newsroom.nora.person_id, "door": "desk"}
    old_machine.database.write(
        lambda session: session.add(BrowserSession(**signed_in, began_at=now(session), ends_at=now(session)))
    )
    said = old_machine.run_ok("backup", tmp_path / "monday")
    assert said.endswith(" bytes, NOT sealed\n") and (tmp_path / "monday").stat().st_mode & 0o777 == 0o600
    old_machine.write_erasure_list()
    asked = new_machine.run_ok("restore", tmp_path / "monday", "--check")
    assert f"by Readers Asked {VERSION} (migration {list_revisions()[-1]}, " in asked
    assert "1 newsletters, 2 letters, 1 questions, 0 answers, 5 people." in asked
    new_machine.run_ok("restore", tmp_path / "monday")
    assert rows(new_machine.database) == rows(old_machine.database)
    with new_machine.database.read() as session:
        assert [
            session.scalar(text(f"SELECT count(*) FROM {name}"))
            for name in sorted(
                LEFT_OUT - {"alembic_version", "public_versions"}
            )  # the second has one of each newsletter
        ] == [0] * (len(LEFT_OUT) - 2)
    asks(new_machine.database, newsroom, 2)
    with new_machine.database.read() as session:
        assert len(session.scalars(select(Letter.id)).all()) == 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_year_goes_up_to_postgresql_and_down_again_unchanged(app: Flask, sqlite_year: Path, tmp_path: Path) -> None:
    lists = tmp_path / "erasures"
    year = shutil.copy(sqlite_year, tmp_path / "year.db")
    with (
        postgres_copy("template0") as name,
        open_installation(app, f"sqlite:///{year}", lists) as small,
        open_installation(app, postgres_url(name), lists) as large,
        open_installation(app, f"sqlite:///{tmp_path / 'down.db'}", lists) as again,
    ):
        small.database.write(lambda session: erase_again(session, frozenset()))  # what has had its time by now
        small.run_ok("backup", tmp_path / "up")
        large.run_ok("restore", tmp_path / "up", "--without-erasures")
        assert rows(large.database) == rows(small.database)
        large.run_ok("backup", tmp_path / "down")
        again.run_ok("restore", tmp_path / "down", "--without-erasures")
        assert rows(again.database) == rows(small.database)


def test_a_backup_while_readers_write_is_of_one_moment(
    old_machine: Installation, new_machine: Installation, newsroom: Newsroom, tmp_path: Path
) -> None:
    for number in range(5):
        asks(old_machine.database, newsroom, number)

    def write(start: int) -> None:
        for number in range(start, start + 20):
            asks(old_machine.database, newsroom, number)

    with ThreadPoolExecutor(2) as pool:
        writing = [pool.submit(write, start) for start in (100, 200)]
        old_machine.run_ok("backup", tmp_path / "monday")
        for one in writing:
            one.result()
    with old_machine.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Letter)) == 45
    old_machine.write_erasure_list()
    new_machine.run_ok("restore", tmp_path / "monday")
    with new_machine.database.read() as session:
        letters = session.scalar(select(func.count()).select_from(Letter)) or 0
        contacts = session.scalar(select(func.count()).select_from(Contact))
        events = session.scalar(select(func.count()).select_from(Event).filter_by(action="letter.send"))
    # Every foreign key holds too: both databases look at each before a restored row is kept.
    assert (contacts, events) == (letters, letters) and 5 <= letters <= 45


@pytest.fixture
def killed(database: Database, tmp_path: Path) -> Iterator[ProcessRunner]:
    """Backups to `killed` that end where they are told to."""
    with start_process_runner("killed_backup", database.url, str(tmp_path / "killed")) as process:
        yield process


def is_restorable(path: Path) -> bool:
    restoring.check(restoring.Source(path, [], RING), lambda _: None)
    return True


@ON_SQLITE
def test_killed_at_any_step_it_leaves_no_file_that_looks_whole(
    old_machine: Installation, newsroom: Newsroom, killed: ProcessRunner, tmp_path: Path
) -> None:
    path, step, ends = tmp_path / "killed", 0, []
    while not ends or ends[-1] == "killed":
        ends.append(killed.run(f"kill {step}"))
        # A name that is there stands for a whole file; what was begun has another one, which says so.
        assert not path.exists() or is_restorable(path)
        if not path.exists():
            assert all(one.name.endswith((".part", ".erasures")) for one in tmp_path.glob("*killed*"))
        step += 1
    assert ends[-1] == "whole" and len(ends) > 12 and is_restorable(path)
    before = path.read_bytes()
    # One that takes its place takes it at once.
    for last in range(0, step, 3):
        killed.run(f"kill {last}")
        assert is_restorable(path)
    assert killed.run("whole 0") == "whole" and path.read_bytes() != before


@ON_SQLITE
def test_a_full_disk_is_said_and_leaves_what_was_there(
    old_machine: Installation, newsroom: Newsroom, killed: ProcessRunner, tmp_path: Path
) -> None:
    assert killed.run("whole 0") == "whole"
    before = (tmp_path / "killed").read_bytes()
    for most in (0, 100, len(before) // 2):
        assert killed.run(f"full {most}") == "OSError 27"  # EFBIG, which a limit of this kind says for ENOSPC
        assert killed.read_line() == "refused"
        assert (tmp_path / "killed").read_bytes() == before
        assert sorted(one.name for one in tmp_path.glob("*killed*")) == ["killed", "killed.erasures"]


@ON_SQLITE
def test_no_backup_is_written_over_unless_one_says_so(
    old_machine: Installation, newsroom: Newsroom, tmp_path: Path
) -> None:
    path = tmp_path / "monday"
    path.write_text("the only one")
    assert "already exists. Choose another file, or use --replace. Nothing was written." in old_machine.run_refused(
        "backup", path
    )
    assert path.read_text() == "the only one"
    old_machine.run_ok("backup", path, "--replace")
    assert is_restorable(path)
    assert "No such file or directory" in old_machine.run_refused("backup", tmp_path / "nowhere" / "monday")
    with open_installation(old_machine.app, f"sqlite:///{tmp_path / 'empty.db'}", tmp_path / "erasures") as empty:
        assert "There is no newsroom in the database. Nothing was written." in empty.run_refused(
            "backup", tmp_path / "none"
        )


@pytest.mark.threat("old backup")
@ON_SQLITE
def test_sealed_it_opens_for_its_key_alone(
    old_machine: Installation, new_machine: Installation, newsroom: Newsroom, key: str, tmp_path: Path
) -> None:
    asks(old_machine.database, newsroom, 1)
    path = tmp_path / "monday"
    assert "sealed for 1 key\n" in old_machine.run_ok("backup", path, "--to", key)
    assert path.read_bytes().startswith(b"age-encryption.org/v1\n") and (tmp_path / "key").stat().st_mode & 0o77 == 0
    assert "The file is sealed: name the file of its key with --key." in new_machine.run_refused("restore", path)
    old_machine.run_ok("backup-key", tmp_path / "other")
    assert "already exists. Choose another file. Nothing was written." in old_machine.run_refused(
        "backup-key", tmp_path / "other"
    )
    assert "sealed for another key" in new_machine.run_refused("restore", path, "--key", tmp_path / "other")
    assert "--key must be a file with a secret key" in new_machine.run_refused("restore", path, "--key", path)
    assert "--to must be a public key" in old_machine.run_refused("backup", path, "--replace", "--to", "nora")
    assert "1 letters" in new_machine.run_ok("restore", path, "--key", tmp_path / "key", "--check")
    new_machine.run_ok("restore", path, "--key", tmp_path / "key", "--without-erasures")
    assert rows(new_machine.database) == rows(old_machine.database)


DAMAGED = "The file is damaged or not whole: nothing of it was used."
NOT_OURS = "The file is no backup of Readers Asked, or damaged at its beginning."


@pytest.mark.threat("old backup")
@ON_SQLITE
@pytest.mark.parametrize("is_sealed", [False, True])
def test_not_one_byte_may_be_missing_or_other(
    old_machine: Installation, new_machine: Installation, newsroom: Newsroom, key: str, tmp_path: Path, is_sealed: bool
) -> None:
    path, options = tmp_path / "monday", ("--to", key) if is_sealed else ()
    old_machine.run_ok("backup", path, *options)
    whole = path.read_bytes()
    source = restoring.Source(path, [] if not is_sealed else _read_identities(tmp_path / "key"), RING)
    said: list[str] = []
    for at in (*range(0, len(whole), len(whole) // 40), len(whole) - 1):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
            path.write_bytes(damaged)
            try:
                restoring.check(source, lambda _: None)
            except packing.UnreadableBackup as unreadable:
                said.append(str(unreadable))
            else:
                # A gzip header says when and where it was made; nobody reads that.
                assert not is_sealed and at < 10 and len(damaged) == len(whole), at
    assert sum(one.startswith((DAMAGED, NOT_OURS)) for one in said) > 60
    path.write_bytes(whole + b"more")
    with pytest.raises(packing.UnreadableBackup):
        restoring.check(source, lambda _: None)


def _read_identities(path: Path) -> list[Any]:
    from app.cli.backup import _read_identities as read

    return read(path)


@ON_SQLITE
def test_files_of_other_products_are_refused(
    old_machine: Installation, new_machine: Installation, newsroom: Newsroom, tmp_path: Path
) -> None:
    others = {
        "empty": b"",
        "text": b"Dear readers,\n" * 100,
        "archive": gzip.compress(b"Dear readers,\n" * 100),
        "json": gzip.compress(b'{"backup": 1}\n[1, 2]\n'),
        "database": Path(old_machine.database.url.removeprefix("sqlite:///")).read_bytes(),
    }
    for name, written in others.items():
        (tmp_path / name).write_bytes(written)
        assert (
            "The file is no backup of Readers Asked, or damaged at its beginning. Nothing was restored."
            in new_machine.run_refused("restore", tmp_path / name)
        )
    newer = gzip.compress(b'{"readers-asked backup":2,"version":"9.0.0"}\n')
    (tmp_path / "newer").write_bytes(newer)
    assert "made by Readers Asked 9.0.0, which is newer. Install that first." in new_machine.run_refused(
        "restore", tmp_path / "newer"
    )


def test_a_newsroom_with_other_keys_is_told_so(
    old_machine: Installation, new_machine: Installation, newsroom: Newsroom, tmp_path: Path
) -> None:
    old_machine.run_ok("backup", tmp_path / "monday")
    with open_installation(new_machine.app, new_machine.database.url, new_machine.erasures, {1: b"o" * 32}) as other:
        said = other.run_refused("restore", tmp_path / "monday")
    assert "SECRET_KEYS are not those of the newsroom that this is a backup of" in said


def test_what_is_there_already_is_said_and_stays(old_machine: Installation, newsroom: Newsroom, tmp_path: Path) -> None:
    old_machine.run_ok("backup", tmp_path / "monday")
    before = dump_tables(old_machine.database)
    said = old_machine.run_refused("restore", tmp_path / "monday", "--without-erasures")
    assert "There is a newsroom already (1 newsletters, 5 people). Restore into an empty database." in said
    assert dump_tables(old_machine.database) == before


def test_a_restore_that_fails_late_leaves_the_place_empty(
    old_machine: Installation,
    new_machine: Installation,
    newsroom: Newsroom,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old_machine.run_ok("backup", tmp_path / "monday")
    old_machine.write_erasure_list()

    def fails(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(restoring, "erase_again", fails)
        assert "The disk is full" in new_machine.run_refused("restore", tmp_path / "monday")
    assert [one.name for one in tmp_path.glob("new.db*")] == []
    new_machine.run_ok("restore", tmp_path / "monday")  # it is empty: another try is taken
    assert rows(new_machine.database) == rows(old_machine.database)


@ON_SQLITE
def test_a_killed_restore_is_found_by_the_next(
    old_machine: Installation, new_machine: Installation, newsroom: Newsroom, tmp_path: Path
) -> None:
    old_machine.run_ok("backup", tmp_path / "monday")
    (tmp_path / "new.db.restoring").touch()
    assert "new.db.restoring is there: a restore is under way, or one was killed." in new_machine.run_refused(
        "restore", tmp_path / "monday"
    )


@ON_SQLITE
def test_a_damaged_database_takes_no_backups_place(
    old_machine: Installation, newsroom: Newsroom, tmp_path: Path
) -> None:
    old_machine.database.close()
    path = Path(old_machine.database.url.removeprefix("sqlite:///"))
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 40 * 4096)
        file.write(b"\xff" * 8 * 4096)
    assert "Nothing was written." in old_machine.run_refused("backup", tmp_path / "monday")
    assert not (tmp_path / "monday").exists()


@ON_SQLITE
def test_an_older_newsroom_is_restored_under_this_version(new_machine: Installation, tmp_path: Path) -> None:
    said = new_machine.run_ok("restore", BACKUP_FOLDER / "0002.backup", "--without-erasures")
    assert "(migration 0002, sqlite)" in said
    with new_machine.database.read() as session:
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == list_revisions()[-1]
        assert len(session.scalars(select(Letter.id)).all()) > 10


def test_the_list_of_erasures_survives_torn_lines_and_other_hands(
    old_machine: Installation, newsroom: Newsroom, tmp_path: Path
) -> None:
    from app.audit import erasures

    path = tmp_path / "disk" / "erasures"
    writer = ErasureListWriter(path)
    old_machine.database.write(lambda session: erasures.note(session, "letter", ["AAAAAAAAAAAA"]))
    assert (writer.update(old_machine.database), writer.update(old_machine.database)) == (1, 0)
    whole = path.read_bytes()
    path.write_bytes(whole + b"1 0123")  # the disk was full in the middle of a line
    old_machine.database.write(lambda session: erasures.note(session, "letter", ["AAAAAAAAAAAA", "BBBBBBBBBBBB"]))
    assert writer.update(old_machine.database) == 1
    found = read_list(path, RING)
    assert found is not None and len(found.lines) == 2
    path.unlink()  # another disk
    assert ErasureListWriter(path).update(old_machine.database) == 2
    path.write_bytes(path.read_bytes()[:30])  # begun, and killed
    assert writer.update(old_machine.database) == 2
    path.write_text("Dear readers,\n")
    with pytest.raises(NotOurList):
        writer.update(old_machine.database)
    assert path.read_text() == "Dear readers,\n"


@ON_SQLITE
def test_the_worker_keeps_the_list(app: Flask, database: Database, newsroom: Newsroom) -> None:
    from app.audit import erasures
    from app.server import worker

    kept = Path(app.config["ERASURES"])
    before = read_list(kept, database.keyring)  # other tests have used this app
    database.write(lambda session: erasures.note(session, "letter", ["AAAAAAAAAAAA"]))
    worker.keep_erasures(app, database)
    found = read_list(kept, database.keyring)
    assert found is not None and len(found.lines - (before.lines if before else frozenset())) == 1
