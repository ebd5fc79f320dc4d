"""The table of weekly counts, which contains no data about individual readers."""

from datetime import date, datetime

from sqlalchemy import JSON, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ...db.constraints import table_args
from ...db.declarative import OfNewsletter, Row


class CountedWeek(Row, OfNewsletter):
    """The counts of one week at a newsletter's desk, so that Insights needn't read the letters.

    `begins` is a Monday; `figures` has the form of `insights.Figures`. The week is recounted as long as it can change
    (see `weekly_counts`).
    """

    __tablename__ = "counted_weeks"
    __table_args__ = table_args(UniqueConstraint("newsletter_id", "begins"))

    begins: Mapped[date]
    counted_at: Mapped[datetime]
    figures: Mapped[dict[str, dict[str, int]]] = mapped_column(JSON)
