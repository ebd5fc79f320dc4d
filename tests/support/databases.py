"""Databases for the tests: copies of templates on a PostgreSQL server, and what is in them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url

from app.db import Database
from app.seal import Keys
from tests.support import postgres
from tests.support.app import BASE_URL, SECRETS
from tests.support.cast import Newsroom, found
from tests.support.missing import without

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # where the database makes no difference
KEEPS_CHANGING = ("id", "version", "state_at", "indexed_version")  # columns that an undone press leaves changed


def admin(statement: str) -> None:
    with psycopg.connect(postgres.plain(os.environ[postgres.NAMED]), autocommit=True) as server:
        server.execute(statement)


def address_of(name: str) -> str:
    return make_url(os.environ[postgres.NAMED]).set(database=name).render_as_string(hide_password=False)


@contextmanager
def postgres_copy(template: str) -> Iterator[str]:
    """A new database, dropped at the end; gives its name. Copying files is five times faster than writing them to the log."""
    if not os.environ.get(postgres.NAMED):
        without("PostgreSQL server that lets us create databases")
    name = f"newsroom_{uuid4().hex}"
    admin(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE {template} STRATEGY FILE_COPY")
    try:
        yield name
    finally:
        admin(f"DROP DATABASE {name} WITH (FORCE)")


def with_people(url: str) -> Newsroom:
    """Found the newsroom in a template, once for all tests that want one."""
    opened = Database(url, Keys(SECRETS), BASE_URL)
    newsroom = opened.write(found)
    opened.close()
    return newsroom
