"""The newsroom that is measured: the demo's big newsletter, with all that the product fills for it, and letters to it.

A submission is compared with what is in the search index, and what a text costs depends on its words. So the index is
filled, and texts are sentences in many languages, none of which stands twice but by chance.
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
    """Fill an empty, migrated database with one newsletter of so many questions, its search index and its insights."""
    grow(database, questions)
    for _ in rebuild_indexes(database):
        pass
    while count_due(database):
        pass


def write_letter(number: int) -> str:
    """Return what a reader writes; the same for the same number."""
    rng = Random(number)
    return any_matter(rng).letter(rng)


def invite_editor(session: Session) -> str:
    """Return a link that signs the newsletter's editor in."""
    editor = by_email(session, DESK[0][1])
    assert editor is not None
    return sign_in.invite(session, Clock(), editor, "desk")
