from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db import Editable, OfNewsletter, Public, Row, UTCDateTime, one_of, table, tied
from ..questions.models import Question
from .lifecycle import STATES, EditionStates


class Edition(Row, Public, Editable, OfNewsletter, EditionStates):
    """One issue of a newsletter.

    `rule_date` is the date the rule gave it, `local_at` when it runs by the newsletter's clock ("YYYY-MM-DDTHH:MM");
    `runs_at` and `cutoff_at` are derived in UTC and derived again when a zone's rules change. `message_id` and
    `arrived_text` are of the edition's own mail, where the desk's address is on the newsletter's list.
    """

    __tablename__ = "editions"
    __table_args__ = table(
        UniqueConstraint("newsletter_id", "rule_date"),
        UniqueConstraint("id", "newsletter_id"),
        one_of("state", tuple(STATES)),
        CheckConstraint("runs_at >= cutoff_at", name="cutoff_before_run"),
        tied("locked_says_when", "state IN ('locked', 'sent')", "locked_at IS NOT NULL"),
        tied("sent_says_when", "state = 'sent'", "sent_at IS NOT NULL"),
        Index(None, "newsletter_id", "state", "runs_at", "id"),
    )

    rule_date: Mapped[date]
    local_at: Mapped[str] = mapped_column(String(16))
    runs_at: Mapped[datetime] = mapped_column(UTCDateTime)
    cutoff_at: Mapped[datetime] = mapped_column(UTCDateTime)
    slots: Mapped[int]
    number: Mapped[int | None]
    locked_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    message_id: Mapped[str | None] = mapped_column(String(998))
    arrived_at: Mapped[datetime | None]
    arrived_text: Mapped[str | None] = mapped_column(Text)

    @property
    def ran_at(self) -> datetime:
        """Return when readers had it: at its hour, or before that where it was marked as sent earlier."""
        return min(self.runs_at, self.sent_at or self.runs_at)


class EditionItem(Row):
    """One Q&A as it was locked into an edition: the data it was set from, the text that came out, and its hash.

    `credits` is erasable and stands outside the hashed part, which holds placeholders in its place.
    """

    __tablename__ = "edition_items"
    __table_args__ = table(
        UniqueConstraint("edition_id", "position"),
        UniqueConstraint("question_id"),
        ForeignKeyConstraint(["edition_id"], ["editions.id"]),
    )

    edition_id: Mapped[int]
    position: Mapped[int]
    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id"))
    input: Mapped[dict[str, Any]] = mapped_column(JSON)
    output: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    credits: Mapped[list[str | None]] = mapped_column(JSON, default=list)
    question: Mapped[Question] = relationship(viewonly=True)
