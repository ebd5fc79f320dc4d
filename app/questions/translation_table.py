"""Translations of wordings and answers: rows beside the originals, which they never replace."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from ..db.constraints import enum_check, implies_check, partial_index_options, table_args
from ..db.declarative import Editable, OfNewsletter, Public, Row
from .lifecycle import TRANSLATION_STATES, TranslationStates


class Translation(Row, Public, Editable, OfNewsletter, TranslationStates):
    """One text in another language: of a question's wording, or with `answer_id` of an answer to it.

    `of_*_text_id` is the version that it was made from: once the original says something else, it is out of date, and
    doesn't run. `name`, `credit_line` and `relation` are what the lead-in says of the expert in that language, `ties`
    their stake. `translator` is named in print where `is_credited`. At `checked_at` the expert said that these very
    words are right; where they read the language and didn't, `unread_reason` is why it runs all the same.
    """

    __tablename__ = "translations"
    __table_args__ = table_args(
        enum_check("state", tuple(TRANSLATION_STATES)),
        implies_check("approved_says_by_whom", "state = 'approved'", "approved_by_id IS NOT NULL"),
        CheckConstraint("(of_question_text_id IS NULL) <> (of_answer_text_id IS NULL)", name="of_one_text"),
        CheckConstraint("(answer_id IS NULL) = (of_answer_text_id IS NULL)", name="of_text_of_its_noun"),
        Index(
            "uq_translations_question",
            "question_id",
            "language",
            unique=True,
            **partial_index_options("answer_id IS NULL"),
        ),
        Index(
            "uq_translations_answer",
            "answer_id",
            "language",
            unique=True,
            **partial_index_options("answer_id IS NOT NULL"),
        ),
        Index(None, "question_id", "state", "language"),
        Index(None, "of_question_text_id"),
        Index(None, "of_answer_text_id"),
    )

    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id"))
    answer_id: Mapped[int | None] = mapped_column(ForeignKey("answers.id"))
    language: Mapped[str] = mapped_column(String(35))
    of_question_text_id: Mapped[int | None] = mapped_column(ForeignKey("question_texts.id"))
    of_answer_text_id: Mapped[int | None] = mapped_column(ForeignKey("answer_texts.id"))
    headline: Mapped[str] = mapped_column(String(300), default="")
    body: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(String(400), default="")
    credit_line: Mapped[str] = mapped_column(String(400), default="")
    relation: Mapped[str] = mapped_column(String(400), default="")
    ties: Mapped[str] = mapped_column(Text, default="")
    translator: Mapped[str] = mapped_column(String(200), default="")
    is_credited: Mapped[bool] = mapped_column(default=False, server_default=false())
    written_at: Mapped[datetime]
    written_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    approved_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    checked_at: Mapped[datetime | None]
    unread_reason: Mapped[str | None] = mapped_column(String(400))

    @property
    def label(self) -> str:
        """The name of these very words in a form."""
        return f"{self.public_id}.{self.version}"

    @property
    def credited(self) -> str:
        """Return whom print names as its translator, "" where nobody is to be named."""
        return self.translator if self.is_credited else ""
