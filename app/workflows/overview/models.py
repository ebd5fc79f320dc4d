"""Tables of the newsroom itself: numbers, and nothing of one reader."""

from datetime import date, datetime

from sqlalchemy import JSON, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ...db.constraints import table_args
from ...db.declarative import OfNewsletter, Row


class CountedWeek(Row, OfNewsletter):
    """The counts of one week at a newsletter's desk, from which Insights is added up, so that its cost grows with the
    weeks and not with the letters. `begins` is a Monday; `figures` are what `insights.Figures` says. Nothing in it is
    of one reader, and it is counted anew as long as the week can still change (`weekly_counts`).
    """

    __tablename__ = "counted_weeks"
    __table_args__ = table_args(UniqueConstraint("newsletter_id", "begins"))

    begins: Mapped[date]
    counted_at: Mapped[datetime]
    figures: Mapped[dict[str, dict[str, int]]] = mapped_column(JSON)
