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
    """A colleague as the people page shows them.

    The last four fields are only loaded for admins:

    - `email`: the address;
    - `browser_count`: the number of browsers in which they are signed in;
    - `seen_at`: their last visit;
    - `link_ends_at`: when the link of their invitation expires.
    """

    person: Person
    membership: Membership
    email: str | None = None
    browser_count: int = 0
    seen_at: datetime | None = None
    link_ends_at: datetime | None = None

    @property
    def name(self) -> str:
        """The name in the invitation until it is accepted, and then the person's own."""
        return self.membership.invited_as or self.person.name

    @property
    def status(self) -> str:
        """One of "invited", "here" and "out" (deactivated or disabled)."""
        if self.membership.joined_at is None:
            return "invited"
        return "out" if self.membership.disabled_at or self.person.disabled_at else "here"


def list_colleagues(session: Session, actor: Staff, *, include_contacts: bool) -> list[Colleague]:
    """Return the colleagues at the actor's desk, by role and name.

    With `include_contacts`, also load the fields that only admins see, and raise `PermissionDenied` for other actors.
    """
    colleagues = _load_colleagues(session, actor.newsletter_id)
    if include_contacts:
        must(actor, "people")
        colleagues = _add_contacts(session, colleagues)
    return sorted(colleagues, key=_sort_key)


def _sort_key(colleague: Colleague) -> tuple[int, str, int]:
    membership = colleague.membership
    return [*ROLES].index(membership.role), colleague.name.casefold(), membership.id


def _add_contacts(session: Session, colleagues: Sequence[Colleague]) -> list[Colleague]:
    visits = _load_visits(session, [colleague.person.id for colleague in colleagues])
    link_ends = _load_link_ends(session, [colleague.membership.id for colleague in colleagues])
    detailed = []
    for colleague in colleagues:
        browser_count, seen_at = visits.get(colleague.person.id, (0, None))
        if colleague.status == "invited":  # this desk must not learn of visits to other desks
            browser_count, seen_at = 0, None
        detailed.append(
            replace(
                colleague,
                email=directory.email_of(session, colleague.person),
                browser_count=browser_count,
                seen_at=seen_at,
                link_ends_at=link_ends.get(colleague.membership.id),
            )
        )
    return detailed


def _load_visits(session: Session, person_ids: Sequence[int]) -> dict[int, tuple[int, datetime | None]]:
    """Return the number of browsers in which people are signed in at a desk, and their last visit, by person id."""
    query = (
        select(BrowserSession.person_id, func.count(), func.max(BrowserSession.seen_at))
        .where(
            BrowserSession.person_id.in_(person_ids), BrowserSession.door == "desk", sessions.is_live_condition(session)
        )
        .group_by(BrowserSession.person_id)
    )
    return {person_id: (count, seen_at) for person_id, count, seen_at in session.execute(query)}


def _load_link_ends(session: Session, membership_ids: Sequence[int]) -> dict[int, datetime]:
    """Return when the latest link of each invitation expires, by membership id."""
    query = (
        select(SignIn.membership_id, func.max(SignIn.ends_at))
        .where(SignIn.membership_id.in_(membership_ids), SignIn.browser_mac.is_(None))
        .group_by(SignIn.membership_id)
    )
    return {membership_id: ends_at for membership_id, ends_at in session.execute(query) if membership_id is not None}


def get_display_names(session: Session, newsletter_id: int) -> dict[int, str]:
    """Return the names of all people who are or were at this desk, by id.

    People who haven't accepted their invitation are named as in the invitation.
    """
    names = {colleague.person.id: colleague.name for colleague in _load_colleagues(session, newsletter_id)}
    former_ids = trail.people_in(session, newsletter_id) - names.keys()
    return directory.names_of(session, sorted(former_ids)) | names


def load(session: Session, actor: Staff, public_id: str) -> Colleague | None:
    """Return a colleague at the actor's desk by the person's public id, or None."""
    colleagues = _load_colleagues(session, actor.newsletter_id, Person.public_id == public_id)
    return colleagues[0] if colleagues else None


def _load_colleagues(session: Session, newsletter_id: int, *conditions: ColumnElement[bool]) -> list[Colleague]:
    query = select(Membership, Person).join(Person, Person.id == Membership.person_id)
    rows = session.execute(query.where(Membership.newsletter_id == newsletter_id, *conditions))
    return [Colleague(person, membership) for membership, person in rows]
