"""The newsroom for benchmarks: the demo's big newsletter with its search index and weekly counts, and letters to it.

A submission is compared with the texts in the search index, and the cost of a text depends on its words. So the index
is filled, and the texts are varied sentences in many languages.
"""

from random import Random

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.actors import Clock
from app.db.engine import Database
from app.newsletters.models import Newsletter
from app.newsletters.queries import by_slug
from app.people import sign_in
from app.people.directory import by_email
from app.workflows.indexing import rebuild_indexes
from app.workflows.overview.weekly_counts import count_due
from demo.scale.generator import generate_newsletter
from demo.scale.long_road import DESK_MEMBERS, SLUG
from demo.scale.phrasebooks import pick_subject

INBOX = "ask@river.example"
LIST_ADDRESS = "letter@river.example"


def fill_newsroom(database: Database, questions: int) -> None:
    """Fill an empty, migrated database with a newsletter of this many questions, the search index and weekly counts."""
    generate_newsletter(database, questions)
    for _ in rebuild_indexes(database):
        pass
    while count_due(database):
        pass


def add_inbox(database: Database) -> None:
    """Give the first newsletter `INBOX` and `LIST_ADDRESS`."""

    def set_addresses(session: Session) -> None:
        newsletter = session.scalars(select(Newsletter).order_by(Newsletter.id)).first()
        assert newsletter is not None
        newsletter.inbox, newsletter.list_address = INBOX, LIST_ADDRESS

    database.write(set_addresses)


def get_newsletter(session: Session) -> Newsletter:
    """Return the demo's big newsletter."""
    newsletter = by_slug(session, SLUG)
    assert newsletter is not None
    return newsletter


def write_letter(number: int) -> str:
    """Return the text of a reader's letter, always the same for a number."""
    rng = Random(number)
    return pick_subject(rng).write_letter(rng)


def invite_editor(session: Session) -> str:
    """Create a sign-in link for the newsletter's editor, and return its path."""
    editor = by_email(session, DESK_MEMBERS[0][1])
    assert editor is not None
    return sign_in.invite(session, Clock(), editor, "desk")
