"""The pages on which readers find what an expert answered: only with the expert's yes, at each newsletter for itself.

A yes is a row. It holds for the name under which it was given: with another name, or a description instead of it, it
ends. Taken back, it is gone at once with the address, which no later yes gives again, and comes back from no backup.
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
    """An expert's yes to a page at a newsletter, under a name. `noted_by_id` is who of the desk noted it, and `how` is
    how they know; of one who said it themselves, neither."""

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
    """Let an expert have a page. The desk says `consent_note` it knows that they want one; a second yes changes
    nothing.

    Raises `MissingPrecondition` (how), `TooLong`; `MissingPrecondition` (name) of an expert who is described and not
    named, or who leaves.
    """
    must(actor, "show", "own profile")
    noted = {}
    if isinstance(actor, Staff):
        noted = {
            "noted_by_id": actor.person_id,
            "how": require_text("how", require_length("how", single_line(consent_note), 400)),
        }
    lock_row(session, expert)
    if expert.described_as or expert.leaves_at or expert.erased_at or expert.merged_into_id:
        raise MissingPrecondition("name")
    if page_of(session, expert, newsletter_id) is None:
        page = ExpertPage(expert_id=expert.id, newsletter_id=newsletter_id, name=expert.name, said_at=now(session))
        for column, value in noted.items():
            setattr(page, column, value)
        add_and_flush(session, page)
        audit.record(session, actor, "expert.page", expert, facts={"newsletter": newsletter_id})


def take_back(session: Session, actor: Actor, expert: Expert, newsletter_id: int | None = None) -> None:
    """Take an expert's page away, or all of them; none that there isn't."""
    must(actor, "directory", "own profile", "upkeep")
    here = [] if newsletter_id is None else [ExpertPage.newsletter_id == newsletter_id]
    pages = session.scalars(select(ExpertPage).where(ExpertPage.expert_id == expert.id, *here)).all()
    for page in pages:
        session.delete(page)
        erasures.note(session, "expert page", [page.public_id])
        audit.record(session, actor, "expert.no_page", expert, facts={"newsletter": page.newsletter_id})


def keep_to_the_name(session: Session, actor: Actor, expert: Expert) -> None:
    """Take the pages away that stand under a name which the expert doesn't have any more, or isn't printed with."""
    named = "" if expert.described_as else expert.name
    other = select(ExpertPage.newsletter_id).where(ExpertPage.expert_id == expert.id, ExpertPage.name != named)
    for newsletter_id in session.scalars(other).all():
        take_back(session, actor, expert, newsletter_id)


def page_of(session: Session, expert: Expert, newsletter_id: int) -> ExpertPage | None:
    return session.scalar(select(ExpertPage).filter_by(expert_id=expert.id, newsletter_id=newsletter_id))


def pages_of(session: Session, expert: Expert) -> dict[int, ExpertPage]:
    """Return the pages that an expert said yes to, by newsletter."""
    pages = session.scalars(select(ExpertPage).filter_by(expert_id=expert.id))
    return {page.newsletter_id: page for page in pages}
