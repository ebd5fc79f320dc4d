"""Queries for newsletters, for the desks at which people work, and for wordings and topics of a newsletter."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from ..people.models import Membership, Person
from .former_names import FormerName
from .models import Newsletter, NewsletterText, Topic


class DeskMembership(NamedTuple):
    """A newsletter at whose desk a person works, with their name and role there."""

    newsletter: Newsletter
    name: str
    role: str


DeskMemberships = list[DeskMembership]


def by_slug(session: Session, slug: str) -> Newsletter | None:
    """Return the newsletter that has this short name, or had it before, or None."""
    newsletter = session.scalar(select(Newsletter).filter_by(slug=slug))
    if newsletter is not None:
        return newsletter
    query = select(Newsletter).join(FormerName, FormerName.newsletter_id == Newsletter.id)
    return session.scalar(query.where(FormerName.slug == slug))


def all_newsletters(session: Session, *where: ColumnElement[bool]) -> list[Newsletter]:
    """Return the newsletters that meet all of the conditions, oldest first."""
    return list(session.scalars(select(Newsletter).where(*where).order_by(Newsletter.id)))


def desks_of(session: Session, person_id: int) -> list[Newsletter]:
    """Return the newsletters at whose desk this person works."""
    return list(
        session.scalars(
            select(Newsletter)
            .join(Membership, Membership.newsletter_id == Newsletter.id)
            .where(Membership.person_id == person_id, Membership.at_work())
            .order_by(Newsletter.id)
        )
    )


def list_desk_memberships(session: Session, person_id: int) -> DeskMemberships:
    """Return the desks at which this person works, in one query. A disabled person has none."""
    query = (
        select(Newsletter, Person.name, Membership.role)
        .join(Membership, Membership.newsletter_id == Newsletter.id)
        .join(Person, Person.id == Membership.person_id)
        .where(Person.id == person_id, Person.disabled_at.is_(None), Membership.at_work())
        .order_by(Newsletter.id)
    )
    return [DeskMembership(newsletter, name, role) for newsletter, name, role in session.execute(query)]


def house_text(session: Session, newsletter: Newsletter, kind: str, language: str | None = None) -> str | None:
    """Return the newsletter's own wording of a kind of sentence, or None if it uses the product's default."""
    return session.scalar(
        select(NewsletterText.body).filter_by(
            newsletter_id=newsletter.id, kind=kind, language=language or newsletter.language
        )
    )


def house_texts(session: Session, newsletter: Newsletter, kinds: Sequence[str]) -> list[str | None]:
    """Return the newsletter's own wordings in its own language, one for each of `kinds`, in one query."""
    query = select(NewsletterText.kind, NewsletterText.body).where(NewsletterText.kind.in_(kinds))
    rows = session.execute(query.filter_by(newsletter_id=newsletter.id, language=newsletter.language))
    body_by_kind = {row.kind: row.body for row in rows}
    return [body_by_kind.get(kind) for kind in kinds]


def topics_of(session: Session, newsletter_id: int) -> Sequence[Topic]:
    return session.scalars(select(Topic).filter_by(newsletter_id=newsletter_id).order_by(Topic.name)).all()
