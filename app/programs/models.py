"""Tables of the programs that are notified, and of their deliveries."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from ..db.constraints import enum_check, implies_check, partial_index_options, table_args
from ..db.declarative import HasPublicId, OfNewsletter, Row
from .chats import CHATS

KINDS = ("webhook", *CHATS)
# "" for an active program, else the reason for its pause: the desk, days of failures, or its response "410 Gone".
PAUSES = ("", "desk", "failed", "gone")


class Program(Row, HasPublicId, OfNewsletter):
    """Another program that is notified of what happens at a desk.

    Its address is sealed, since anybody who knows the address of a chat can write there.

    Calls of a webhook are signed with the secret in `secret_sealed`, and until `former_until` also with the one in
    `former_sealed`. `secret_shown_at` is when the desk saw the secret.

    Only one worker at a time calls a program: it holds the lease until `leased_until`. After a failure, the next call
    is not made before `again_at`. `attempts` counts the failures since `failing_since`.
    """

    __tablename__ = "programs"
    __table_args__ = table_args(
        enum_check("kind", KINDS),
        enum_check("paused_by", PAUSES),
        CheckConstraint("(paused_by = '') = (paused_at IS NULL)", name="paused_says_when"),
        implies_check("webhook_is_signed", "kind = 'webhook'", "secret_sealed IS NOT NULL"),
        implies_check("former_says_until", "former_sealed IS NOT NULL", "former_until IS NOT NULL"),
        Index(None, "newsletter_id", "id"),
    )

    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(80))
    address_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    secret_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    former_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_no: Mapped[int]
    secret_shown_at: Mapped[datetime | None]
    former_until: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    paused_by: Mapped[str] = mapped_column(String(20), default="")
    called_at: Mapped[datetime | None]
    again_at: Mapped[datetime | None]
    leased_until: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]


class Delivery(Row, HasPublicId):
    """One event for one program, written in the transaction of the event.

    It holds no text: the payload is built when the program is called, from what is public at that time. A delivery
    waits while `ended_at` is NULL. Of the last call it stores the milliseconds that it `took`, and the `status` of the
    response. If there was no response, `said` is our own description of the failure. The body of a response is never
    stored.
    """

    __tablename__ = "program_deliveries"
    __table_args__ = table_args(
        Index(
            "ix_program_deliveries_waiting", "program_id", "due_at", "id", **partial_index_options("ended_at IS NULL")
        ),
        Index(None, "program_id", "id"),
        Index(None, "happened_at"),
    )

    program_id: Mapped[int] = mapped_column(ForeignKey("programs.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(String(40))
    edition_id: Mapped[int | None] = mapped_column(ForeignKey("editions.id", ondelete="CASCADE"))
    question_id: Mapped[int | None] = mapped_column(ForeignKey("questions.id"))
    happened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    tried_at: Mapped[datetime | None]
    status: Mapped[int | None]
    took: Mapped[int | None]
    said: Mapped[str] = mapped_column(String(120), default="")

    @property
    def has_arrived(self) -> bool:
        """Return whether the program has accepted it."""
        return self.ended_at is not None and is_success(self.status)


def is_success(status: int | None) -> bool:
    """Return whether the status says that a program has accepted a call."""
    return status is not None and 200 <= status < 300
