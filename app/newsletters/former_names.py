"""Short names that newsletters had: addresses with them that were printed or sent lead to their newsletter for good."""

from sqlalchemy import String, delete
from sqlalchemy.orm import Mapped, Session, mapped_column

from ..db.constraints import table_args
from ..db.declarative import OfNewsletter, Row


class FormerName(Row, OfNewsletter):
    """A short name that a newsletter had, and that no other can have."""

    __tablename__ = "former_names"
    __table_args__ = table_args()

    slug: Mapped[str] = mapped_column(String(60), unique=True)


def save_former_name(session: Session, newsletter_id: int, old_slug: str, new_slug: str) -> None:
    """Let a newsletter answer to its `old_slug` short name; the `new_slug` one, where it had that before, is its own
    again."""
    session.execute(delete(FormerName).where(FormerName.newsletter_id == newsletter_id, FormerName.slug == new_slug))
    session.add(FormerName(newsletter_id=newsletter_id, slug=old_slug))
    session.flush()
