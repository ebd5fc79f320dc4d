"""Public pages of what an expert answered, which exist only with their consent, separately for each newsletter.

A consent is a row. It is valid for the name under which it was given, and ends when the name changes or is replaced by
a description. When it is withdrawn, the page and its URL are gone for good: a later consent gets a new URL, and no
restored backup brings the old one back.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from .. import audit
from ..audit import erasures
from ..core.actors import Actor, Staff
from ..core.domain_errors import MissingPrecondition
from ..core.state_machine import must, require_length, require_text
from ..db.constraints import all_or_none_check, table_args
from ..db.declarative import OfNewsletter, Public, Row
from ..db.session import add_and_flush, lock_row, now
from ..text.clean import single_line
from .models import Expert


class ExpertPage(Row, Public, OfNewsletter):
    """An expert's consent to a page at a newsletter, under a name.

    If somebody of the desk recorded it, `noted_by_id` is who, and `how` is how they know. If the expert said so
    themselves, both are empty.
    """

    __tablename__ = "expert_pages"
    __table_args__ = table_args(
        UniqueConstraint("expert_id", "newsletter_id"), all_or_none_check("noted_is_whole", "noted_by_id", "how")
    )

    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id"))
    name: Mapped[str] = mapped_column(String(200))
    said_at: Mapped[datetime]
    noted_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    how: Mapped[str | None] = mapped_column(String(400))


def say_yes(session: Session, actor: Actor, expert: Expert, newsletter_id: int, consent_note: str = "") -> None:
    """Record an expert's consent to a page. A second consent changes nothing.

    `consent_note` is required from the desk: how it knows that the expert wants one. Raises `MissingField` and
    `TooLong` (consent_note), `PermissionDenied`, and `MissingPrecondition` for an expert who is described instead of
    named, or who is leaving.
    """
    must(actor, "show", "own profile")
    noted = {}
    if isinstance(actor, Staff):
        noted = {
            "noted_by_id": actor.person_id,
            "how": require_text("consent_note", require_length("consent_note", single_line(consent_note), 400)),
        }
    lock_row(session, expert)
    if expert.described_as or expert.leaves_at or expert.erased_at or expert.merged_into_id:
        raise MissingPrecondition("expert_has_no_page")
    if page_of(session, expert, newsletter_id) is None:
        page = ExpertPage(expert_id=expert.id, newsletter_id=newsletter_id, name=expert.name, said_at=now(session))
        for column, value in noted.items():
            setattr(page, column, value)
        add_and_flush(session, page)
        audit.record(session, actor, "expert.page", expert, facts={"newsletter": newsletter_id})


def take_back(session: Session, actor: Actor, expert: Expert, newsletter_id: int | None = None) -> None:
    """Withdraw an expert's consent at one newsletter, or at all, if there is any. Raises `PermissionDenied`."""
    must(actor, "directory", "own profile", "upkeep")
    here = [] if newsletter_id is None else [ExpertPage.newsletter_id == newsletter_id]
    pages = session.scalars(select(ExpertPage).where(ExpertPage.expert_id == expert.id, *here)).all()
    for page in pages:
        session.delete(page)
        erasures.note(session, "expert page", [page.public_id])
        audit.record(session, actor, "expert.no_page", expert, facts={"newsletter": page.newsletter_id})


def keep_to_the_name(session: Session, actor: Actor, expert: Expert) -> None:
    """Withdraw the consents that were given under a name with which the expert is no longer printed."""
    named = "" if expert.described_as else expert.name
    other = select(ExpertPage.newsletter_id).where(ExpertPage.expert_id == expert.id, ExpertPage.name != named)
    for newsletter_id in session.scalars(other).all():
        take_back(session, actor, expert, newsletter_id)


def page_of(session: Session, expert: Expert, newsletter_id: int) -> ExpertPage | None:
    return session.scalar(select(ExpertPage).filter_by(expert_id=expert.id, newsletter_id=newsletter_id))


def pages_of(session: Session, expert: Expert) -> dict[int, ExpertPage]:
    """Return the pages of an expert by newsletter id."""
    pages = session.scalars(select(ExpertPage).filter_by(expert_id=expert.id))
    return {page.newsletter_id: page for page in pages}
