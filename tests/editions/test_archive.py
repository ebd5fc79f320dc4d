"""The list of what ran is found from its newest end, however large the house has become."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from app.core.listing import Listing
from app.db.engine import Database
from app.db.sqlite import database_file
from app.editions import archive
from app.newsletters.models import Newsletter
from tests.support.database_checks import record_statements
from tests.support.sample_newsroom import Newsroom

# What ANALYZE says of a house with a million questions, of which one in sixty ran.
OLD = [
    ("questions", "ix_questions_newsletter_id_state_id", "1000000 1000000 111112 1"),
    ("questions", "ix_questions_archive", "1000000 1000000 343 1"),
    ("edition_items", "sqlite_autoindex_edition_items_2", "17532 1"),
    ("edition_items", "sqlite_autoindex_edition_items_1", "17532 6 1"),
]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("listing", [archive.listing, archive.question_listing], ids=["readers'", "the desk's"])
def test_it_is_found_from_its_end(
    database: Database, newsroom: Newsroom, listing: Callable[[Newsletter], Listing[Any]]
) -> None:
    with database.read() as session, record_statements(database) as asked:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        listing(newsletter).page(session, None, 30)
    [statement] = [one for one in asked if "questions.published_at DESC" in one]
    with closing(sqlite3.connect(database_file(database.url) or "", isolation_level=None)) as file:
        file.execute("ANALYZE")
        file.execute("DELETE FROM sqlite_stat1")
        file.executemany("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", OLD)
        file.execute("ANALYZE sqlite_schema")
        plan = file.execute(f"EXPLAIN QUERY PLAN {statement}", [None] * statement.count("?")).fetchall()
    steps = [step for *_, step in plan]
    assert steps[0].startswith("SEARCH questions USING INDEX ix_questions_archive"), steps
    assert [step for step in steps if "TEMP B-TREE" in step] == []
