"""A demo that starts afresh, after its database was deleted, has nothing to do with the former one's list of erasures."""

import shutil
from pathlib import Path

from app.audit.known_head import NO_HEAD, KnownHead
from app.backup.erasure_list import read_head, write_head
from app.crypto.seal import Keys
from app.db.engine import Database
from demo.serve import prepare_database
from tests.support.app import BASE_URL, SECRETS

OLD_HEAD = KnownHead(number=41, head=b"h" * 32)


def test_a_new_database_begins_with_a_new_list_and_an_old_one_keeps_its_own(
    tmp_path: Path, sqlite_template: Path
) -> None:
    path, erasures = tmp_path / "demo.db", tmp_path / "erasures"
    database = Database(f"sqlite:///{shutil.copy(sqlite_template, path)}", Keys(SECRETS), BASE_URL)
    write_head(erasures, OLD_HEAD, database.keyring)
    prepare_database(database, erasures)
    assert read_head(erasures, database.keyring) == NO_HEAD
    write_head(erasures, OLD_HEAD, database.keyring)
    prepare_database(database, erasures)
    assert read_head(erasures, database.keyring) == OLD_HEAD
    database.close()
