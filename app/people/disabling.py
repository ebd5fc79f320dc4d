"""Somebody is shut out of the whole house at once, whatever their places in it, or let back in: for whoever runs it.

`staff.deactivate` is for an admin, who knows of one desk. The links of assignments are no way in: they open one thing
each, for whoever was asked, and go on working, as they do for all who are out.
"""

from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor
from ..core.state_machine import VersionConflict
from ..db.session import lock_row, now
from . import colleagues, identities, sessions, staff
from .factor_table import Factor
from .models import Membership, Person, SignIn


def disable_person(session: Session, actor: Actor, person: Person) -> tuple[int, int]:
    """Shut somebody out. Gives how many browsers were signed out, and how many ways in were open until now.

    Raises `LastAdmin` and `VersionConflict`.
    """
    places = _places(session, person)
    for place in places:
        staff.keep_an_admin(session, colleagues.Colleague(person, place))
    if lock_row(session, person).disabled_at is not None:
        raise VersionConflict("out already")
    browsers = len(sessions.sessions_of(session, person.id))
    theirs = SignIn.person_id == person.id
    is_open = (theirs, SignIn.used_at.is_(None), SignIn.ends_at > now(session))
    ways = session.scalar(select(func.count()).select_from(SignIn).where(*is_open)) or 0
    person.disabled_at = now(session)
    audit.record(session, actor, "person.disable", person)
    for place in places:  # what is noted of a person is the house's: each desk reads it in its own trail
        audit.record(session, actor, "membership.disable", place, facts={"person": person.id})
    session.execute(delete(SignIn).where(theirs))
    session.execute(delete(Factor).where(Factor.person_id == person.id))
    identities.forget(session, person)
    sessions.end_all(session, actor, person)
    return browsers, ways


def enable_person(session: Session, actor: Actor, person: Person) -> None:
    """Let somebody come in again, by a mail that they ask for; where a desk alone shut them out, they stay so.

    Raises `VersionConflict`.
    """
    if lock_row(session, person).disabled_at is None:
        raise VersionConflict("not out")
    person.disabled_at = None
    audit.record(session, actor, "person.enable", person)
    for place in _places(session, person):
        audit.record(session, actor, "membership.enable", place, facts={"person": person.id})


def _places(session: Session, person: Person) -> Sequence[Membership]:
    """Return where they work; who invited them and hasn't seen them yet learns nothing."""
    query = select(Membership).where(Membership.person_id == person.id, Membership.joined_at.is_not(None))
    return session.scalars(query.order_by(Membership.newsletter_id)).all()
