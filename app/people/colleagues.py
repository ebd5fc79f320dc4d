"""Colleagues at one newsletter's desk, including invited and deactivated ones, as its people page shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from ..audit import trail
from ..core.actors import Staff
from ..core.permissions import ROLES
from ..core.state_machine import must
from . import directory, sessions
from .models import BrowserSession, Membership, Person, SignIn


@dataclass(frozen=True)
class Colleague:
    """A colleague as the people page shows them. Only admins see `email`, `browsers`, `seen_at` and `link_ends_at`."""

    person: Person
    membership: Membership
    email: str | None = None
    browsers: int = 0
    seen_at: datetime | None = None
    link_ends_at: datetime | None = None

    @property
    def name(self) -> str:
        return self.membership.invited_as or self.person.name

    @property
    def stands(self) -> str:
        if self.membership.joined_at is None:
            return "invited"
        return "out" if self.membership.disabled_at or self.person.disabled_at else "here"


def everybody(session: Session, actor: Staff, include_contacts: bool) -> list[Colleague]:
    """Return the colleagues of the actor's desk by role and name.

    With `include_contacts` also load their addresses, browsers and invitations, or raise `PermissionDenied` for an
    actor who isn't an admin.
    """
    found = _list_colleagues(session, actor.newsletter_id)
    if include_contacts:
        must(actor, "people")
        found = _with_contacts(session, found)
    found.sort(key=lambda one: ([*ROLES].index(one.membership.role), one.name.casefold(), one.membership.id))
    return found


def _with_contacts(session: Session, colleagues: Sequence[Colleague]) -> list[Colleague]:
    browsers = select(BrowserSession.person_id, func.count(), func.max(BrowserSession.seen_at)).where(
        BrowserSession.person_id.in_([one.person.id for one in colleagues]),
        BrowserSession.door == "desk",
        sessions.lives(session),
    )
    seen = {row[0]: (row[1], row[2]) for row in session.execute(browsers.group_by(BrowserSession.person_id))}
    links = select(SignIn.membership_id, func.max(SignIn.ends_at)).where(
        SignIn.membership_id.in_([one.membership.id for one in colleagues]), SignIn.browser_mac.is_(None)
    )
    ends = {row[0]: row[1] for row in session.execute(links.group_by(SignIn.membership_id))}
    return [
        Colleague(
            one.person,
            one.membership,
            directory.email_of(session, one.person),
            *(seen.get(one.person.id, (0, None)) if one.stands != "invited" else (0, None)),
            ends.get(one.membership.id),
        )
        for one in colleagues
    ]


def get_display_names(session: Session, newsletter_id: int) -> dict[int, str]:
    """Return the names of all who are or were at this desk by id; invited people by the name in their invitation."""
    here = {one.person.id: one.name for one in _list_colleagues(session, newsletter_id)}
    return directory.names_of(session, sorted(trail.people_in(session, newsletter_id) - here.keys())) | here


def load(session: Session, actor: Staff, public_id: str) -> Colleague | None:
    """Return a colleague of the actor's desk by the person's public id, or None."""
    return next(iter(_list_colleagues(session, actor.newsletter_id, Person.public_id == public_id)), None)


def _list_colleagues(session: Session, newsletter_id: int, *which: ColumnElement[bool]) -> list[Colleague]:
    """Return the colleagues of a desk without what only admins see."""
    query = select(Membership, Person).join(Person, Person.id == Membership.person_id)
    rows = session.execute(query.where(Membership.newsletter_id == newsletter_id, *which))
    return [Colleague(person, membership) for membership, person in rows]
