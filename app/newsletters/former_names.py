"""Former short names of newsletters, so that printed or mailed URLs with such a name keep working for good."""

from sqlalchemy import String, delete
from sqlalchemy.orm import Mapped, Session, mapped_column

from ..db.constraints import table_args
from ..db.declarative import OfNewsletter, Row


class FormerName(Row, OfNewsletter):
    """A former short name of a newsletter, which no other newsletter can take."""

    __tablename__ = "former_names"
    __table_args__ = table_args()

    slug: Mapped[str] = mapped_column(String(60), unique=True)


def save_former_name(session: Session, newsletter_id: int, old_slug: str, new_slug: str) -> None:
    """Store `old_slug` as a former name. If `new_slug`, now the current name, was a former name, delete it there."""
    session.execute(delete(FormerName).where(FormerName.newsletter_id == newsletter_id, FormerName.slug == new_slug))
    session.add(FormerName(newsletter_id=newsletter_id, slug=old_slug))
    session.flush()
