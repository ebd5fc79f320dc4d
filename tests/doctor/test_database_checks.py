"""The checks of the database's owner and of its encrypted file, red and green."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import make_url, text

import config
from app.crypto.seal import Keys
from app.db.encryption import derive_file_key
from app.db.engine import Database
from app.db.migrate import migrate
from app.doctor import findings, machines
from app.doctor.findings import Finding
from tests.support.app import BASE_URL, PRODUCTION_SETTINGS, SECRETS
from tests.support.databases import ON_POSTGRESQL, ON_SQLITE, execute_as_admin

SETTINGS = config.load(PRODUCTION_SETTINGS)
STATISTICS_FILE = text("SELECT pg_relation_filenode('pg_statistic')")


Check = Callable[[findings.CheckContext], Iterable[Finding]]


def run_check(check: Check, database: Database) -> list[Finding]:
    return list(check(findings.CheckContext(database, SETTINGS)))


@pytest.fixture
def role() -> Iterator[str]:
    """A role of PostgreSQL without any rights."""
    name = f"desk_{uuid4().hex}"
    execute_as_admin(f"CREATE ROLE {name}")
    yield name
    execute_as_admin(f"DROP ROLE {name}")


def rewrite_statistics(database: Database) -> bool:
    """Rewrite the planner's samples as the worker does; return whether the server did."""
    with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        file_before = connection.scalar(STATISTICS_FILE)
        connection.exec_driver_sql("VACUUM (FULL) pg_statistic")
        return connection.scalar(STATISTICS_FILE) != file_before


@ON_POSTGRESQL
def test_a_role_that_does_not_own_the_database_leaves_samples_of_erased_words(database: Database, role: str) -> None:
    url = make_url(database.url)
    as_role = url.update_query_dict({"options": f"-c role={role}"}).render_as_string(hide_password=False)
    restricted = Database(as_role, Keys(SECRETS), BASE_URL)
    message = f"the role {role} does not own the database: PostgreSQL keeps samples of erased words"
    assert run_check(machines.check_database_owner, restricted) == [Finding("fault", message)]
    assert not rewrite_statistics(restricted)
    execute_as_admin(f"ALTER DATABASE {url.database} OWNER TO {role}")
    assert run_check(machines.check_database_owner, restricted) == []
    assert rewrite_statistics(restricted)
    restricted.close()
    execute_as_admin(f"ALTER DATABASE {url.database} OWNER TO CURRENT_USER")
    assert run_check(machines.check_database_owner, database) == []


@ON_SQLITE
def test_nobody_owns_an_sqlite_file(database: Database) -> None:
    assert run_check(machines.check_database_owner, database) == []


def test_an_encrypted_file_with_an_older_key_is_noted_until_it_is_converted(tmp_path: Path) -> None:
    file, old_keys, keys = tmp_path / "newsroom.db", Keys(SECRETS), Keys({**SECRETS, 2: b"n" * 32})
    migrate(f"sqlite:///{file}", key=derive_file_key(old_keys))

    def check(keyring: Keys, file_key: bytes | None) -> list[Finding]:
        database = Database(f"sqlite:///{file}", keyring, BASE_URL, file_key=file_key)
        try:
            return run_check(machines.check_file_key, database)
        finally:
            database.close()

    old_key = derive_file_key(old_keys)
    assert check(old_keys, old_key) == []
    assert check(keys, old_key) == [
        Finding("note", "the database file is still encrypted with an older key of SECRET_KEYS")
    ]
    assert check(keys, derive_file_key(keys)) == check(keys, None) == []
