"""An erasure ends when the database's own files have lost the words; these tests look at the bytes, and tidy nothing up."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.db import secure_delete
from app.db.engine import Database
from app.db.fault_kinds import Busy
from app.letters.models import Letter
from app.letters.receipts import reader_of
from app.server import worker
from app.watching import held_erasures, sightings
from app.workflows.indexing import index_due
from app.workflows.letters.withdrawal import withdraw
from tests.support.database_checks import find_in_files, find_unerased, read_database_files
from tests.support.databases import ON_SQLITE
from tests.support.letters import create_letter
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import wait_until

WORDS = "Who let the salt into the well behind the tannery?"
POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def takes_back(database: Database, letter_id: int) -> None:
    def fn(session: Session) -> None:
        letter = session.get_one(Letter, letter_id)
        withdraw(session, reader_of(letter), letter)

    database.write(fn)


def analyze(database: Database) -> None:
    with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def log_of(database: Database) -> Path:
    return Path(f"{database.url.removeprefix('sqlite:///')}-wal")


@pytest.mark.threat("erased words")
@ON_SQLITE
def test_the_transaction_that_erases_empties_the_log(database: Database, newsroom: Newsroom) -> None:
    letter_id = create_letter(database, newsroom, WORDS)
    assert WORDS.encode() in log_of(database).read_bytes()
    takes_back(database, letter_id)
    assert log_of(database).read_bytes() == b""
    assert find_in_files(database, WORDS) == []


@pytest.mark.threat("erased words")
@ON_SQLITE
def test_while_somebody_reads_what_stood_there_before_the_worker_tries_again(
    database: Database, newsroom: Newsroom
) -> None:
    letter_id = create_letter(database, newsroom, WORDS)
    with database.read() as session:
        assert session.get_one(Letter, letter_id).body == WORDS
        takes_back(database, letter_id)
        assert find_in_files(database, WORDS) == [WORDS]
        with pytest.raises(Busy):
            secure_delete.empty_log(database)
    secure_delete.empty_log(database)
    assert find_in_files(database, WORDS) == []


@pytest.mark.threat("erased words")
@POSTGRESQL
def test_on_postgresql_the_worker_writes_the_table_anew(database: Database, newsroom: Newsroom) -> None:
    takes_back(database, create_letter(database, newsroom, WORDS))
    assert find_in_files(database, WORDS) == [WORDS]
    assert find_unerased(database, WORDS) == []


@pytest.mark.threat("erased words")
@POSTGRESQL
@pytest.mark.parametrize("others", [0, 3])
def test_the_planner_s_statistics_keep_no_words(database: Database, newsroom: Newsroom, others: int) -> None:
    """PostgreSQL's autovacuum samples tables that change, and keeps values of their columns in a table of its own."""
    letter_id = create_letter(database, newsroom, WORDS)
    for number in range(others):
        create_letter(database, newsroom, f"Who sweeps the square number {number}?")
    index_due(database)
    analyze(database)
    takes_back(database, letter_id)
    index_due(database)
    assert find_unerased(database, WORDS, "tannery") == []


@pytest.mark.threat("erased words")
@POSTGRESQL
def test_what_a_long_reading_keeps_there_is_written_anew_after_it(
    database: Database, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter_id, rewriter = create_letter(database, newsroom, WORDS), secure_delete.Rewriter()

    def is_busy() -> bool:
        try:
            rewriter.rewrite(database)
        except Busy:
            return True
        return False

    with database.read() as session, monkeypatch.context() as patch:
        patch.setattr(secure_delete, "PATIENCE", 1.0)
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        assert session.get_one(Letter, letter_id).body == WORDS
        takes_back(database, letter_id)
        wait_until(is_busy, "the statistics to tell of the change")
        assert find_in_files(database, WORDS) == [WORDS]

    def is_erased() -> bool:
        rewriter.rewrite(database)
        return WORDS.encode() not in read_database_files(database)

    wait_until(is_erased, "the words to leave the files")


@pytest.mark.threat("erased words")
@ON_SQLITE
def test_the_worker_empties_the_log_of_what_the_rules_erase(app: Flask, database: Database, newsroom: Newsroom) -> None:
    create_letter(database, newsroom, WORDS)
    assert log_of(database).read_bytes() != b""
    worker.run(app, run_once=True)
    duty = next(one for one in worker.DUTIES if one.name == secure_delete.EMPTY_LOG_DUTY)
    duty.run(app, database)
    assert log_of(database).read_bytes() == b""


def test_only_what_lasts_is_told(database: Database, newsroom: Newsroom) -> None:
    at = utc_now()

    def record_sighting(name: str, **before: float) -> None:
        database.write(lambda session: sightings.record_sightings(session, {name: 1}), at - timedelta(**before))

    def get_stalled_since() -> datetime | None:
        with database.read(at) as session:
            return held_erasures.get_stalled_since(session)

    done, failed = sightings.DUTY + secure_delete.EMPTY_LOG_DUTY, sightings.FAILED + secure_delete.EMPTY_LOG_DUTY
    assert get_stalled_since() is None
    record_sighting(done, minutes=29)
    record_sighting(failed, minutes=1)
    assert get_stalled_since() is None  # as while a backup is made
    record_sighting(done, minutes=31)
    assert get_stalled_since() == at - timedelta(minutes=31)
    record_sighting(done, minutes=1)
    assert get_stalled_since() is None
