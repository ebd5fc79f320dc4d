from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from ..db import Base, Public, Row, one_of, table, tied
from .lifecycle import ENDED, STATES

CHANNELS = ("mail",)

_ended = ", ".join(f"'{state}'" for state in ENDED)
_queued = text("state = 'queued'")


class OutboxMail(Row, Public):
    """One mail to one person, written in the transaction of the change that caused it.

    `once_key` names the cause, so that one cause writes one mail. `message_id` is fixed from the start: a mail that is
    sent again after a crash is recognised by the receiving side. `said` is what the other server answered, without
    addresses. What is in the mail stands sealed in `outbox_contents`, which can be deleted by itself.
    """

    __tablename__ = "outbox"
    __table_args__ = table(
        one_of("channel", CHANNELS),
        one_of("state", STATES),
        CheckConstraint("lane BETWEEN 0 AND 2", name="lane_known"),
        CheckConstraint("attempts >= 0", name="attempts_counted"),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_says_when"),
        CheckConstraint(f"(state IN ({_ended})) = (ended_at IS NOT NULL)", name="ended_says_when"),
        tied("failed_says_why", "state = 'failed'", "said IS NOT NULL"),
        tied("lease_is_queued", "leased_until IS NOT NULL", "state = 'queued'"),
        Index("ix_outbox_queued", "lane", "due_at", "id", sqlite_where=_queued, postgresql_where=_queued),
        Index("ix_outbox_expiring", "expires_at", sqlite_where=_queued, postgresql_where=_queued),
        Index(None, "newsletter_id", "state", "id"),
        Index(None, "question_id", "id"),
        Index(None, "letter_id", "id"),
        Index(None, "ended_at", "id"),
    )

    channel: Mapped[str] = mapped_column(String(20), default="mail")
    kind: Mapped[str] = mapped_column(String(40))
    lane: Mapped[int]
    state: Mapped[str | None] = mapped_column(String(20), nullable=False)
    state_at: Mapped[datetime]
    newsletter_id: Mapped[int | None] = mapped_column(ForeignKey("newsletters.id"))
    question_id: Mapped[int | None] = mapped_column(ForeignKey("questions.id"))
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignments.id"))
    letter_id: Mapped[int | None] = mapped_column(ForeignKey("letters.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    edition_id: Mapped[int | None] = mapped_column(ForeignKey("editions.id"))
    once_key: Mapped[str | None] = mapped_column(String(120), unique=True)
    message_id: Mapped[str] = mapped_column(String(250), unique=True)
    due_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    said: Mapped[str | None] = mapped_column(String(400))
    sent_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class OutboxContent(Base):
    """The sealed mail itself: addresses and sign-in links stand in it."""

    __tablename__ = "outbox_contents"

    outbox_id: Mapped[int] = mapped_column(ForeignKey("outbox.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_no: Mapped[int]
