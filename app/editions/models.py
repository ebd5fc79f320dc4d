from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db.constraints import enum_check, implies_check, partial_index_options, table_args
from ..db.declarative import Editable, OfNewsletter, Public, Row
from ..db.types import UTCDateTime
from ..questions.models import Question
from ..sending_tools.asking import FAULTS
from .lifecycle import STATES, EditionStates


class Edition(Row, Public, Editable, OfNewsletter, EditionStates):
    """One issue of a newsletter.

    `rule_date` is the date the rule gave it, `local_at` when it runs by the newsletter's clock ("YYYY-MM-DDTHH:MM");
    `runs_at` and `cutoff_at` are derived in UTC and derived again when a zone's rules change. `message_id` and
    `arrived_text` are of the edition's own mail, where the desk's address is on the newsletter's list. `sha256` is of
    all that was locked into it; editions that were locked before there was one have none.
    """

    __tablename__ = "editions"
    __table_args__ = table_args(
        UniqueConstraint("newsletter_id", "rule_date"),
        UniqueConstraint("id", "newsletter_id"),
        enum_check("state", tuple(STATES)),
        CheckConstraint("runs_at >= cutoff_at", name="cutoff_before_run"),
        implies_check("locked_says_when", "state IN ('locked', 'sent')", "locked_at IS NOT NULL"),
        implies_check("sent_says_when", "state = 'sent'", "sent_at IS NOT NULL"),
        Index(None, "newsletter_id", "state", "runs_at", "id"),
        Index(None, "newsletter_id", "runs_at", "id"),
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
    sha256: Mapped[str | None] = mapped_column(String(64))

    @property
    def ran_at(self) -> datetime:
        return get_publication_time(self.runs_at, self.sent_at)


def get_publication_time(runs_at: datetime, sent_at: datetime | None) -> datetime:
    """Return when readers had an edition: at its hour, or before that where it was marked as sent earlier."""
    return min(runs_at, sent_at or runs_at)


class EditionItem(Row):
    """One Q&A as it was locked into an edition: the data it was set from, the text that came out, and its hash.

    `credits` is erasable and stands outside the hashed part, which holds placeholders in its place. Of what was
    imported, `found_sha256` is of the words as a file of back issues had them, so that it isn't imported twice.

    What was sent is never changed. `mended` is the Q&A as readers' pages show it since it was corrected: data and text
    as in `input` and `output`. For somebody's safety alone, `input` and `output` are written over, and `erased_at` says
    when; the hash of what was sent stays.
    """

    __tablename__ = "edition_items"
    __table_args__ = table_args(
        UniqueConstraint("edition_id", "position"),
        UniqueConstraint("question_id"),
        Index(None, "found_sha256"),
        Index("ix_edition_items_mended", "mended_at", "id", **partial_index_options("mended_at IS NOT NULL")),
        ForeignKeyConstraint(["edition_id"], ["editions.id"]),
    )

    edition_id: Mapped[int]
    position: Mapped[int]
    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id"))
    input: Mapped[dict[str, Any]] = mapped_column(JSON)
    output: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    found_sha256: Mapped[str | None] = mapped_column(String(64))
    credits: Mapped[list[str | None]] = mapped_column(JSON, default=list)
    mended: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    mended_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    question: Mapped[Question] = relationship(viewonly=True)

    @property
    def piece(self) -> dict[str, Any]:
        """Return the data of the Q&A as readers' pages show it, without the names of askers."""
        data: dict[str, Any] = (self.mended or self.input)["piece"]
        return data

    @property
    def own(self) -> dict[str, str]:
        """Return the newsletter's own house sentences, as they were when it was locked."""
        sentences: dict[str, str] = self.input["own"]
        return sentences

    @property
    def text(self) -> str:
        """Return it as readers' pages show it, as plain text."""
        return str(self.mended["output"]) if self.mended else self.output


class ItemTranslation(Row):
    """The same Q&A in another language, as it was approved: the newest of a language is the one that is shown.

    Like the item's own, `input` holds no reader's name; those stand with the item. It is of the words that were sent,
    also where readers' pages show others since.
    """

    __tablename__ = "item_translations"
    __table_args__ = table_args(UniqueConstraint("item_id", "language", "number"))

    item_id: Mapped[int] = mapped_column(ForeignKey("edition_items.id", ondelete="CASCADE"))
    language: Mapped[str] = mapped_column(String(35))
    number: Mapped[int]
    input: Mapped[dict[str, Any]] = mapped_column(JSON)
    output: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    item: Mapped[EditionItem] = relationship(viewonly=True)

    @property
    def question(self) -> Question:
        return self.item.question

    @property
    def credits(self) -> list[str | None]:
        return self.item.credits

    @property
    def piece(self) -> dict[str, Any]:
        data: dict[str, Any] = self.input["piece"]
        return data

    @property
    def own(self) -> dict[str, str]:
        sentences: dict[str, str] = self.input["own"]
        return sentences

    @property
    def text(self) -> str:
        return self.output


class Correction(Row, Public, OfNewsletter):
    """A note under a Q&A that ran: what was wrong in it, and what is right. It is never changed.

    `runs` says that the next edition is to carry it, and `edition_id` which one does, from its lock on. Its words are
    erased where the Q&A was reworded for somebody's safety.
    """

    __tablename__ = "corrections"
    __table_args__ = table_args(
        Index("ix_corrections_newest", "newsletter_id", "made_at", "id"),
        Index(None, "question_id", "id"),
        Index(None, "edition_id"),
        Index("ix_corrections_waiting", "newsletter_id", **partial_index_options("runs AND edition_id IS NULL")),
        CheckConstraint("(erased_at IS NULL) = (wrong <> '')", name="erased_has_no_words"),
    )

    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id"))
    wrong: Mapped[str] = mapped_column(Text)
    right: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    runs: Mapped[bool] = mapped_column(default=False)
    edition_id: Mapped[int | None] = mapped_column(ForeignKey("editions.id"))
    erased_at: Mapped[datetime | None]


# What became of an edition that was handed over, besides the faults of the tool: its draft was made, brought up to
# date, or made anew since it had been deleted there; and what kept us from asking.
HANDED = ("", "made", "brought", "anew", "unready", "no tool", "sealed", *FAULTS)


class HandedDraft(Row):
    """An edition that was handed to the tool that sends. It waits for the worker while there is a `due_at`; of several
    workers the one that has leased it asks the tool.

    `pressed_at` tells one press from the next. `their_id` is the draft at the tool at `address`, `link` where one works
    on it, and `digest` of the words that were put there. `said` is what became of the last try, `said_at` when.
    """

    __tablename__ = "handed_drafts"
    __table_args__ = table_args(
        UniqueConstraint("edition_id"),
        enum_check("said", HANDED),
        CheckConstraint("attempts >= 0", name="attempts_counted"),
        implies_check("lease_is_due", "leased_until IS NOT NULL", "due_at IS NOT NULL"),
        Index("ix_handed_drafts_due", "due_at", "id", **partial_index_options("due_at IS NOT NULL")),
    )

    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id", ondelete="CASCADE"))
    tool: Mapped[str] = mapped_column(String(20))
    address: Mapped[str] = mapped_column(String(200))
    their_id: Mapped[str] = mapped_column(String(64), default="")
    link: Mapped[str] = mapped_column(String(300), default="")
    digest: Mapped[str] = mapped_column(String(64), default="")
    pressed_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    said: Mapped[str] = mapped_column(String(20), default="")
    said_at: Mapped[datetime | None]
