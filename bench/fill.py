"""The newsroom for benchmarks: the demo's big newsletter with its search index and weekly counts, and letters to it.

A submission is compared with the texts in the search index, and the cost of a text depends on its words. So the index
is filled, and the texts are varied sentences in many languages.
"""

from random import Random

from sqlalchemy.orm import Session

from app.core.actors import Clock
from app.db.engine import Database
from app.people import sign_in
from app.people.directory import by_email
from app.workflows.indexing import rebuild_indexes
from app.workflows.overview.weekly_counts import count_due
from demo.scale.fill import grow
from demo.scale.people import DESK
from demo.scale.words import any_matter


def fill_newsroom(database: Database, questions: int) -> None:
    """Fill an empty, migrated database with a newsletter of this many questions, the search index and weekly counts."""
    grow(database, questions)
    for _ in rebuild_indexes(database):
        pass
    while count_due(database):
        pass


def write_letter(number: int) -> str:
    """Return the text of a reader's letter, always the same for a number."""
    rng = Random(number)
    return any_matter(rng).letter(rng)


def invite_editor(session: Session) -> str:
    """Create a sign-in link for the newsletter's editor, and return its path."""
    editor = by_email(session, DESK[0][1])
    assert editor is not None
    return sign_in.invite(session, Clock(), editor, "desk")
