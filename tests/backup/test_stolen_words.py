"""What is readable in a stolen database or backup: the words of a letter, but without the keys no address and no name."""

import gzip
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.crypto.seal import Keys, Unsealable
from app.db.engine import Database
from app.letters import contacts
from app.letters.models import Letter
from app.workflows.indexing import index_due
from tests.support.app import BASE_URL
from tests.support.commands import Installation
from tests.support.database_checks import dump_tables
from tests.support.letters import create_letter
from tests.support.sample_newsroom import Newsroom

BODY, BACKGROUND = "Is the cannery at Aralsk closed?", "My aunt coughs from the varnish there."
SEALED = ("bakhtiyar@post.example", "Bakhtiyar Karasai")


@pytest.fixture
def letter_id(database: Database, newsroom: Newsroom) -> int:
    """An indexed letter, whose writer left an address and a name to be printed."""
    address, name = SEALED
    more = {"hear_back": "while", "email": address, "credit": "full", "name": name, "consent": "Print it."}
    letter_id = create_letter(database, newsroom, BODY, background=BACKGROUND, **more)
    index_due(database)
    return letter_id


@pytest.mark.threat("stolen database")
def test_a_stolen_database_has_the_words_in_two_places_and_no_address_and_no_name(
    database: Database, letter_id: int
) -> None:
    tables = {name: str(rows) for name, rows in dump_tables(database).items()}
    with database.read() as session:
        tables["desk_fts"] = str(session.execute(text("SELECT * FROM desk_fts")).all())
    readable = {
        word: {name for name, rows in tables.items() if word in rows.lower()} for word in ("cannery", "varnish")
    }
    assert readable == {
        "cannery": {"letters", "desk_docs", "desk_fts", "desk_terms"},
        "varnish": {"letters", "desk_docs", "desk_fts"},
    }
    assert [value for value in SEALED for rows in tables.values() if value in rows] == []


@pytest.mark.threat("stolen database and keys")
def test_the_keys_open_the_address_and_the_name_as_well(database: Database, letter_id: int) -> None:
    def read(session: Session) -> tuple[str | None, str | None]:
        letter = session.scalars(select(Letter)).one()
        return contacts.email_of(session, letter), contacts.get_credit_name(session, letter)

    with database.read() as session:
        assert read(session) == SEALED
    without_keys = Database(database.url, Keys({1: bytes(range(100, 132))}), BASE_URL)
    with without_keys.read() as session, pytest.raises(Unsealable):
        read(session)
    without_keys.close()


@pytest.mark.threat("old backup")
def test_an_unsealed_backup_has_the_words_and_no_address_and_no_name(
    old_machine: Installation, letter_id: int, tmp_path: Path
) -> None:
    words = (BODY, BACKGROUND)
    old_machine.run_ok("backup", tmp_path / "open")
    content = gzip.decompress((tmp_path / "open").read_bytes()).decode()
    assert [value for value in (*words, *SEALED) if value in content] == [*words]
