from datetime import date, datetime
from typing import ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db.constraints import all_or_none_check, enum_check, implies_check, partial_index_options, table_args
from ..db.declarative import Editable, OfNewsletter, Public, Row
from .lifecycle import STATES, QuestionStates


class Question(Row, Public, Editable, OfNewsletter, QuestionStates):
    """The desk's question: one wording for one to many letters."""

    __tablename__ = "questions"
    __table_args__ = table_args(
        UniqueConstraint("id", "newsletter_id"),
        ForeignKeyConstraint(["text_id", "id"], ["question_texts.id", "question_texts.question_id"], use_alter=True),
        ForeignKeyConstraint(["edition_id", "newsletter_id"], ["editions.id", "editions.newsletter_id"]),
        UniqueConstraint("edition_id", "position"),
        enum_check("state", tuple(STATES)),
        all_or_none_check("slot_whole", "edition_id", "position"),
        implies_check("queued_has_slot", "state IN ('queued', 'published')", "edition_id IS NOT NULL"),
        implies_check("slot_is_queued", "edition_id IS NOT NULL", "state IN ('queued', 'published', 'retracted')"),
        implies_check("published_says_when", "state IN ('published', 'retracted')", "published_at IS NOT NULL"),
        implies_check("closed_says_why", "state = 'closed'", "closed_reason IS NOT NULL"),
        implies_check("merged_says_into", "state = 'merged'", "merged_into_id IS NOT NULL AND merged_into_id <> id"),
        Index(None, "newsletter_id", "state", "id"),
        Index("ix_questions_archive", "newsletter_id", "published_at", "id"),
        Index(None, "merged_into_id"),
        Index(
            "ix_questions_unindexed", "id", **partial_index_options("indexed_version <> version")
        ),  # see app/workflows/indexing.py
        Index("ix_questions_shown", "newsletter_id", "id", **partial_index_options("shown_at IS NOT NULL")),
        Index("ix_questions_closed", "newsletter_id", "state_at", "id", **partial_index_options("state = 'closed'")),
        Index(
            "ix_questions_must_run", "newsletter_id", "must_run_by", **partial_index_options("must_run_by IS NOT NULL")
        ),
    )

    text_id: Mapped[int | None]
    edition_id: Mapped[int | None]
    position: Mapped[int | None]
    published_at: Mapped[datetime | None]
    closed_reason: Mapped[str | None] = mapped_column(String(40))
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("questions.id"))
    shown_at: Mapped[datetime | None]
    must_run_by: Mapped[date | None]
    opened_at: Mapped[datetime]
    indexed_version: Mapped[int] = mapped_column(default=0, server_default="0")

    # The place of its section among its newsletter's, counted from 0. There is one: with a second one it is a column.
    section: ClassVar[int] = 0

    text: Mapped["QuestionText | None"] = relationship(
        primaryjoin="foreign(Question.text_id) == QuestionText.id", viewonly=True, lazy="joined"
    )

    @property
    def headline(self) -> str:
        return self.text.headline if self.text else ""

    @property
    def wording(self) -> str:
        return (self.text.body or "") if self.text else ""

    @property
    def title(self) -> str:
        """Return what it is called where it is named: its headline, else its wording."""
        return self.headline or self.wording

    @property
    def short_title(self) -> str:
        return self.headline or self.wording[:80]

    @property
    def is_cleared(self) -> bool:
        """Return whether an editor confirmed that nobody could recognise the asker in its wording of now."""
        return bool(self.text and self.text.cleared_at)


class Version:
    """One of several texts of a thing, which are counted in each language."""

    language: Mapped[str] = mapped_column(String(35))
    number: Mapped[int]

    @property
    def label(self) -> str:
        """The name of this version in a form, "en.3"."""
        return f"{self.language}.{self.number}"


class QuestionText(Row, Version):
    """One version of the desk's words. `cleared_*`: an editor confirmed that nobody could recognise the asker in it."""

    __tablename__ = "question_texts"
    __table_args__ = table_args(
        UniqueConstraint("question_id", "language", "number"),
        UniqueConstraint("id", "question_id"),
        all_or_none_check("clearance_whole", "cleared_at", "cleared_by_id"),
        CheckConstraint("(erased_at IS NULL) = (body IS NOT NULL)", name="erased_has_no_words"),
    )

    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id"))
    headline: Mapped[str] = mapped_column(String(300), default="")
    body: Mapped[str | None] = mapped_column(Text)
    background: Mapped[str] = mapped_column(Text, default="")
    slug: Mapped[str] = mapped_column(String(80))
    written_at: Mapped[datetime]
    written_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    cleared_at: Mapped[datetime | None]
    cleared_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    own_words_reason: Mapped[str | None] = mapped_column(String(400))  # why it was cleared in a reader's own words
    erased_at: Mapped[datetime | None]

    @property
    def parts(self) -> tuple[str, str, str]:
        """All that leaves the house."""
        return self.headline, self.body or "", self.background

    @property
    def whole(self) -> str:
        return "\n".join(self.parts)


class QuestionTopic(Row):
    __tablename__ = "question_topics"
    __table_args__ = table_args(UniqueConstraint("question_id", "topic_id"), Index(None, "topic_id", "question_id"))

    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id"))
    topic_id: Mapped[int] = mapped_column(ForeignKey("topics.id"))


class Note(Row):
    """A note of the desk to itself about a question."""

    __tablename__ = "notes"
    __table_args__ = table_args(Index(None, "question_id", "id"))

    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    body: Mapped[str] = mapped_column(Text)
    written_at: Mapped[datetime]
