"""Colleagues at one newsletter's desk, including invited and deactivated ones, as its people page shows them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    colleagues = _list_colleagues(session, actor.newsletter_id)
    if include_contacts:
        must(actor, "people")
        colleagues = _with_contacts(session, colleagues)
    return sorted(colleagues, key=_sort_key)


def _sort_key(colleague: Colleague) -> tuple[int, str, int]:
    membership = colleague.membership
    return [*ROLES].index(membership.role), colleague.name.casefold(), membership.id


def _with_contacts(session: Session, colleagues: Sequence[Colleague]) -> list[Colleague]:
    browsers = select(BrowserSession.person_id, func.count(), func.max(BrowserSession.seen_at)).where(
        BrowserSession.person_id.in_([colleague.person.id for colleague in colleagues]),
        BrowserSession.door == "desk",
        sessions.is_live_condition(session),
    )
    visits = {
        person_id: (count, seen_at)
        for person_id, count, seen_at in session.execute(browsers.group_by(BrowserSession.person_id))
    }
    links = select(SignIn.membership_id, func.max(SignIn.ends_at)).where(
        SignIn.membership_id.in_([colleague.membership.id for colleague in colleagues]), SignIn.browser_mac.is_(None)
    )
    link_ends = dict(session.execute(links.group_by(SignIn.membership_id)).all())
    detailed = []
    for colleague in colleagues:
        browser_count, seen_at = visits.get(colleague.person.id, (0, None))
        if colleague.stands == "invited":  # visits to other desks are not this desk's to learn
            browser_count, seen_at = 0, None
        detailed.append(
            replace(
                colleague,
                email=directory.email_of(session, colleague.person),
                browsers=browser_count,
                seen_at=seen_at,
                link_ends_at=link_ends.get(colleague.membership.id),
            )
        )
    return detailed


def get_display_names(session: Session, newsletter_id: int) -> dict[int, str]:
    """Return the names of all who are or were at this desk by id; invited people by the name in their invitation."""
    names = {colleague.person.id: colleague.name for colleague in _list_colleagues(session, newsletter_id)}
    former_ids = trail.people_in(session, newsletter_id) - names.keys()
    return directory.names_of(session, sorted(former_ids)) | names


def load(session: Session, actor: Staff, public_id: str) -> Colleague | None:
    """Return a colleague of the actor's desk by the person's public id, or None."""
    colleagues = _list_colleagues(session, actor.newsletter_id, Person.public_id == public_id)
    return colleagues[0] if colleagues else None


def _list_colleagues(session: Session, newsletter_id: int, *conditions: ColumnElement[bool]) -> list[Colleague]:
    """Return the colleagues of a desk without what only admins see."""
    query = select(Membership, Person).join(Person, Person.id == Membership.person_id)
    rows = session.execute(query.where(Membership.newsletter_id == newsletter_id, *conditions))
    return [Colleague(person, membership) for membership, person in rows]
