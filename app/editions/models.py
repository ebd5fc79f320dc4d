"""Tables of editions, their locked items and translations, corrections, and drafts at the sending tool."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db.constraints import enum_check, implies_check, partial_index_options, table_args
from ..db.declarative import Editable, HasPublicId, OfNewsletter, Row
from ..db.types import UTCDateTime
from ..questions.models import Question
from ..sending_tools.tool_api import FAULTS
from .lifecycle import STATES, EditionStates


class Edition(Row, HasPublicId, Editable, OfNewsletter, EditionStates):
    """One issue of a newsletter.

    `rule_date` is its date in the calendar, `local_at` when it runs in the newsletter's zone ("YYYY-MM-DDTHH:MM").
    `runs_at` and `cutoff_at` are in UTC. They are derived from `local_at`, and derived again in case the rules of the
    zone changed. `message_id`, `arrived_at` and `arrived_text` belong to the mail with the edition, which arrives if
    the desk's address is on the newsletter's list. `sha256` is the hash of everything that was locked into the edition;
    editions that were locked before this column existed have none.
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
    """Return when readers get an edition: at `runs_at`, or at `sent_at` if it was marked as sent before that."""
    return min(runs_at, sent_at or runs_at)


class EditionItem(Row):
    """One Q&A as it was locked into an edition: the data it was typeset from, the resulting text, and their hash.

    `credits` can be erased and is not part of the hash; the hashed data has placeholders instead. For an imported Q&A,
    `found_sha256` is the hash of the text in the file of back issues, so that it isn't imported twice.

    `input` and `output` are the data and text as sent. They are only overwritten for somebody's safety: then
    `erased_at` is set, and the hash stays. After a correction, readers' pages show the changed data and text in
    `mended` instead.
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
        """Return the data of the Q&A as readers' pages show it, without the names of the askers."""
        data: dict[str, Any] = (self.mended or self.input)["piece"]
        return data

    @property
    def own(self) -> dict[str, str]:
        """Return the newsletter's own sentences of the house form, as they were at the lock."""
        sentences: dict[str, str] = self.input["own"]
        return sentences

    @property
    def text(self) -> str:
        """Return the Q&A as readers' pages show it, in plain text."""
        return str(self.mended["output"]) if self.mended else self.output


class ItemTranslation(Row):
    """A Q&A in another language, from approved translations. The newest of each language is shown.

    As in the item, `input` has no reader's name; the names are in the item's `credits`. The translated text is the one
    that was sent, even if it has been corrected since.
    """

    __tablename__ = "item_translations"
    __table_args__ = table_args(UniqueConstraint("item_id", "language", "number"), Index(None, "language", "item_id"))

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


class Correction(Row, HasPublicId, OfNewsletter):
    """A note under a published Q&A: what was wrong in it, and what is right.

    If `runs` is set, the next edition carries it; `edition_id` is that edition once it is locked. The text never
    changes, but it can be erased: for somebody's safety, or if the Q&A's edition is recalled after another edition was
    locked with the correction.
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


# Outcomes of handing over an edition: none yet (""); the draft was made, updated ("brought"), or made again as it had
# been deleted at the tool ("anew"); the tool was not asked, as the edition isn't ready, there is no tool, or its key
# can't be unsealed ("sealed"); or the tool reported a fault.
HANDED = ("", "made", "brought", "anew", "unready", "no tool", "sealed", *FAULTS)


class HandedDraft(Row):
    """An edition that the desk handed over to the sending tool, where a worker creates or updates a draft.

    The worker's next attempt is at `due_at`, or None if there is nothing to do. `pressed_at` is the time of the request
    from the desk, by which the request is recognised. `their_id` is the ID of the draft at the tool, whose API is at
    `address`; `link` is the page where the draft is edited, and `digest` the digest of its contents. `said` is the
    outcome of the last attempt (one of `HANDED`), and `said_at` its time.
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
