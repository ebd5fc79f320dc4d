"""The index filled anew: many rows a statement, a part of them at a time, and the same terms as one by one."""

from typing import Any

import pytest
from sqlalchemy import event, select

from app.db.engine import Database
from app.search.models import DeskDoc, DeskTerm
from app.workflows import indexing
from tests.support.letters import create_letter
from tests.support.sample_newsroom import Newsroom

ASKED = [f"Who counts the plates of orchard {number}, and who pays for it?" for number in range(12)]


def test_more_letters_take_no_more_statements(database: Database, newsroom: Newsroom) -> None:
    taken = []
    for many, some in ((4, ASKED[:4]), (12, ASKED[4:])):
        for words in some:
            create_letter(database, newsroom, words)
        statements: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any, into: list[str] = statements) -> None:
            into.append(statement)

        event.listen(database.writer, "before_cursor_execute", note)
        assert sum(indexing.rebuild_indexes(database)) == many
        event.remove(database.writer, "before_cursor_execute", note)
        taken.append(len(statements))
    assert taken[0] == taken[1]


def test_it_goes_in_parts_and_leaves_out_none(
    database: Database, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = [create_letter(database, newsroom, words) for words in ASKED]
    assert sum(indexing.rebuild_indexes(database)) == len(ASKED)
    for name in ("MARKED_BATCH", "REBUILT_BATCH"):
        monkeypatch.setattr(indexing, name, 5)
    assert [some for some in indexing.rebuild_indexes(database) if some] == [5, 5, 2]
    with database.read() as session:
        found = session.scalars(select(DeskDoc.noun_id)).all()
        counted = session.get_one(DeskTerm, f"{newsroom.newsletter_id}·plates").docs
    assert (sorted(found), counted) == (sorted(letters), len(ASKED))
