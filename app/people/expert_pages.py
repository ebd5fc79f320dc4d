"""Public pages that list an expert's answers. They exist only with the expert's consent, for each newsletter.

Each consent is a row. It covers the name under which it was given, and is withdrawn when that name changes or is
replaced by a description. After a withdrawal the page's URL never works again: a later consent gets a new URL, and
restoring a backup does not bring the old one back.
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
from ..db.declarative import HasPublicId, OfNewsletter, Row
from ..db.session import add_and_flush, lock_row, now
from ..text.clean import single_line
from .models import Expert

MAX_NOTE_LENGTH = 400  # characters of the desk's note on a consent


class ExpertPage(Row, HasPublicId, OfNewsletter):
    """An expert's consent to a page at a newsletter, under `name`.

    `said_at` is when the consent was recorded. If a member of the desk recorded it, `noted_by_id` is that person, and
    `how` says how they know of it. Both are empty if the expert consented on their own page.
    """

    __tablename__ = "expert_pages"
    __table_args__ = table_args(
        UniqueConstraint("expert_id", "newsletter_id"), all_or_none_check("noted_is_whole", "noted_by_id", "how")
    )

    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id"))
    name: Mapped[str] = mapped_column(String(200))
    said_at: Mapped[datetime]
    noted_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    how: Mapped[str | None] = mapped_column(String(MAX_NOTE_LENGTH))


def give_consent(session: Session, actor: Actor, expert: Expert, newsletter_id: int, consent_note: str = "") -> None:
    """Record an expert's consent to a page at a newsletter, unless there is one already.

    The desk must say in `consent_note` how it knows of the consent. Raises `MissingField` and `TooLong` for that note,
    `PermissionDenied`, and `MissingPrecondition` if the expert is printed by a description instead of the name, is
    about to be erased, was erased, or was merged into another expert.
    """
    must(actor, "show", "own profile")  # either act is enough
    if isinstance(actor, Staff):
        consent_note = require_length("consent_note", single_line(consent_note), MAX_NOTE_LENGTH)
        require_text("consent_note", consent_note)
    lock_row(session, expert)
    if expert.described_as or expert.leaves_at or expert.erased_at or expert.merged_into_id:
        raise MissingPrecondition("expert_has_no_page")
    if page_of(session, expert, newsletter_id) is not None:
        return
    page = ExpertPage(expert_id=expert.id, newsletter_id=newsletter_id, name=expert.name, said_at=now(session))
    if isinstance(actor, Staff):
        page.noted_by_id = actor.person_id
        page.how = consent_note
    add_and_flush(session, page)
    audit.record(session, actor, "expert.page", expert, facts={"newsletter": newsletter_id})


def withdraw_consent(session: Session, actor: Actor, expert: Expert, newsletter_id: int | None = None) -> None:
    """Withdraw an expert's consent, if any, at one newsletter, or without `newsletter_id` at all of them.

    Its public ID is recorded among the erasures, so that restoring a backup doesn't restore the page. Raises
    `PermissionDenied`.
    """
    must(actor, "directory", "own profile", "upkeep")  # any of these acts is enough
    query = select(ExpertPage).where(ExpertPage.expert_id == expert.id)
    if newsletter_id is not None:
        query = query.where(ExpertPage.newsletter_id == newsletter_id)
    for page in session.scalars(query).all():
        session.delete(page)
        erasures.note(session, "expert page", [page.public_id])
        audit.record(session, actor, "expert.no_page", expert, facts={"newsletter": page.newsletter_id})


def withdraw_outdated_consents(session: Session, actor: Actor, expert: Expert) -> None:
    """Withdraw the consents that were given under another name than the one that is printed now."""
    printed_name = "" if expert.described_as else expert.name  # no consent has an empty name
    outdated = select(ExpertPage.newsletter_id).where(
        ExpertPage.expert_id == expert.id, ExpertPage.name != printed_name
    )
    for newsletter_id in session.scalars(outdated).all():
        withdraw_consent(session, actor, expert, newsletter_id)


def page_of(session: Session, expert: Expert, newsletter_id: int) -> ExpertPage | None:
    return session.scalar(select(ExpertPage).filter_by(expert_id=expert.id, newsletter_id=newsletter_id))


def pages_of(session: Session, expert: Expert) -> dict[int, ExpertPage]:
    """Return the pages of an expert, keyed by newsletter ID."""
    pages = session.scalars(select(ExpertPage).filter_by(expert_id=expert.id))
    return {page.newsletter_id: page for page in pages}
