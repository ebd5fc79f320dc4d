"""The contact status of experts: how somebody can be reached by mail, derived from their address and what came back.

A mail that came back counts against the address that it went to and no other. It counts until it is sent again, or
until a later mail to this address has stayed away for a day: most servers return a mail within minutes.
"""

from collections.abc import Collection, Container
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from ..db.session import now
from ..mail.models import OutboxMail
from ..text.translation import N_
from .models import Expert, Person

RETURN_PERIOD = timedelta(days=1)


@dataclass(frozen=True)
class ContactStatus:
    """A row of the table.

    `mark` is the tone of its mark. `label` says it in a list, `sentence` where somebody is about to write to them; it
    is empty if nothing has to be said. With `is_dead`, no mail arrives.
    """

    key: str
    mark: str
    label: str
    sentence: str = ""
    is_dead: bool = False


_ROWS = (
    ContactStatus(
        "bounced", "late", N_("mail comes back"), N_("Mail to %(name)s comes back: no mail reaches them."), is_dead=True
    ),
    ContactStatus(
        "none", "none", N_("no address"), N_("%(name)s has no address here: no mail reaches them."), is_dead=True
    ),
    ContactStatus("away", "wait", N_("away until %(day)s"), N_("%(name)s is away until %(day)s.")),
    ContactStatus("unverified", "wait", N_("not checked yet"), N_("Not verified yet: the name can’t be printed.")),
    ContactStatus("good", "good", N_("checked")),
)
STATUSES = {row.key: row for row in _ROWS}  # the most urgent first; an expert has the first one that applies


def has_bounced(current_time: datetime) -> ColumnElement[bool]:
    """Return the SQL condition for experts whose mail comes back from the address that they have now."""
    person, later = aliased(Person), aliased(OutboxMail)
    ended_at = func.coalesce(OutboxMail.bounced_at, OutboxMail.ended_at)
    arrived = exists().where(
        later.person_id == OutboxMail.person_id,
        later.address_no == OutboxMail.address_no,
        later.sent_at > ended_at,
        later.sent_at <= current_time - RETURN_PERIOD,
    )
    query = (
        select(OutboxMail.id)
        .join(person, person.id == OutboxMail.person_id)
        .where(person.id == Expert.person_id, person.address_no == OutboxMail.address_no)
        .where(or_(OutboxMail.is_failed, OutboxMail.bounced_at.is_not(None)), ~arrived)
    )
    return query.correlate(Expert).exists()


def find_bounced_ids(session: Session, expert_ids: Collection[int]) -> set[int]:
    """Return which of these experts' mail comes back."""
    if not expert_ids:
        return set()
    return set(session.scalars(select(Expert.id).where(Expert.id.in_(expert_ids), has_bounced(now(session)))))


def statuses_of(session: Session, experts: Collection[Expert]) -> dict[int, ContactStatus]:
    """Return the contact status of each expert, by id, with one query."""
    bounced_ids = find_bounced_ids(session, {expert.id for expert in experts})
    today = now(session).date()
    return {expert.id: _derive(expert, bounced_ids, today) for expert in experts}


def status_of(session: Session, expert: Expert) -> ContactStatus:
    return statuses_of(session, [expert])[expert.id]


def _derive(expert: Expert, bounced_ids: Container[int], today: date) -> ContactStatus:
    """Derive the status of an expert from the facts: nothing else decides it."""
    applies = {
        "none": expert.person.email_sealed is None,
        "bounced": expert.id in bounced_ids,
        "away": expert.away_until is not None and expert.away_until >= today,
        "unverified": expert.verified_at is None,
        "good": True,
    }
    return next(row for key, row in STATUSES.items() if applies[key])
