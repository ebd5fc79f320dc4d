from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from ..db.constraints import table_args
from ..db.declarative import Base, Row


class Event(Row):
    """One change. `facts` holds ids, numbers and names of columns, never a person's words; triggers forbid a change."""

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
    """That something of a reader's was erased, as a keyed hash of its kind and public id: whoever has a backup and the
    keys can find out what is to be erased from it again, and who has neither learns nothing. Without a time.
    """

    __tablename__ = "erasures"
    __table_args__ = table_args()

    mac: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    key_no: Mapped[int]


class ChainLink(Base):
    """Some events of the trail as they were when the chain took them in; triggers forbid a change (chain.py).

    `line` is the key up to which all events in line are in this link or one before. `day` is the last day of which
    drawn keys are in, all of them up to the key `drawn`, which is 0 where the day is whole. `digests` holds each event
    of this link, by its key and a keyed digest of it; `head` is a keyed digest of the link and of the head before. Both
    are made with the key `key_no`. Without a time.
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
