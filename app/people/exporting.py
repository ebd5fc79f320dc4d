"""The directory as a file that can be imported again."""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from .. import audit
from ..actors import Staff
from ..lifecycle import must
from . import cells, expert_search
from .directory import email_of
from .models import Expert, Person
from .staff import NotFresh, is_fresh

AT_ONCE = 1_000  # experts that are read at a time
COLUMNS = tuple(column for column in cells.HEADS if column not in ("given", "family"))
HEADS = (*(cells.head_of(column) for column in COLUMNS), "checked on", "how it was checked")


def begin(session: Session, actor: Staff) -> None:
    """Note who takes the directory away: the addresses of everybody are in it. Raises `NotYours`, then `NotFresh`."""
    must(actor, "whole directory")
    if not is_fresh(session, actor):
        raise NotFresh(actor.ref)
    audit.record(session, actor, "person.export", session.get_one(Person, actor.person_id))


def rows(session: Session) -> Iterator[tuple[str, ...]]:
    """Everybody in the order of their names, without those who were merged into somebody."""
    for batch in expert_search.directory().whole(session, AT_ONCE):
        yield from (_row(session, expert) for expert in batch)


def _row(session: Session, expert: Expert) -> tuple[str, ...]:
    own = {"number": expert.public_id, "name": expert.name, "email": email_of(session, expert.person) or ""}
    checked = expert.verified_at.date().isoformat() if expert.verified_at else ""
    profile = [own[column] if column in own else cells.as_text(getattr(expert, column)) for column in COLUMNS]
    return (*profile, checked, expert.verified_how or "")
