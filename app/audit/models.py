"""Tables of events, of the hash chain over them, and of erasures."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from ..db.constraints import table_args
from ..db.declarative import Base, Row


class Event(Row):
    """One event about a row: `noun` is the name of its model class in lower case, and `noun_id` its ID.

    `old` and `new` are the row's states if the event changed its state. `facts` holds IDs, numbers and column names,
    never text that somebody wrote. Triggers prevent updates and deletions.
    """

    __tablename__ = "audit"
    __table_args__ = table_args(
        Index(None, "question_id", "id"),
        Index(None, "noun", "noun_id", "id"),
        Index(None, "newsletter_id", "at", "id"),
        Index(None, "newsletter_id", "actor", "at", "id"),
        Index(None, "newsletter_id", "action", "at", "id"),
    )

    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(40))
    action: Mapped[str] = mapped_column(String(40))
    noun: Mapped[str] = mapped_column(String(40))
    noun_id: Mapped[int]
    newsletter_id: Mapped[int | None] = mapped_column(ForeignKey("newsletters.id"))
    question_id: Mapped[int | None] = mapped_column(ForeignKey("questions.id"))
    old: Mapped[str | None] = mapped_column(String(40))
    new: Mapped[str | None] = mapped_column(String(40))
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class Erasure(Row):
    """The record that something was erased: a keyed hash of its kind and ID (see `erasures`), without a time.

    Given a backup and the keys, it shows what to erase from that backup again. On its own it reveals nothing.
    """

    __tablename__ = "erasures"
    __table_args__ = table_args()

    mac: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    key_no: Mapped[int]


class ChainLink(Base):
    """A link of the hash chain with the digests of some events (see `chain`). Triggers prevent updates and deletions.

    Up to and including this link, the chain covers all sequential IDs up to `line`, and the random IDs of the days up
    to `day`. If `drawn` isn't 0, only the random IDs up to `drawn` are covered on `day` itself. `digests` holds the ID
    and a keyed digest of each event in this link; `head` is a keyed digest of the link and of the previous head.
    `key_no` is the number of the key of all these digests.
    """

    __tablename__ = "chain_links"
    __table_args__ = (
        CheckConstraint("number > 0", name="number_counts"),
        CheckConstraint("drawn <= 0", name="drawn_is_drawn"),
    )

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key_no: Mapped[int]
    line: Mapped[int]
    day: Mapped[date | None]
    drawn: Mapped[int]
    digests: Mapped[bytes] = mapped_column(LargeBinary)
    head: Mapped[bytes] = mapped_column(LargeBinary)
