"""Translators outside of the desk: each is asked for one text by a link, and what they type is kept here."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ..db.constraints import all_or_none_check, enum_check, partial_index_options, table_args
from ..db.declarative import Editable, OfNewsletter, Public, Row
from .lifecycle import TRANSLATOR_STATES, TranslatorStates

_open = ", ".join(map(repr, TRANSLATOR_STATES.which("is_open")))


class Translator(Row, Public, Editable, OfNewsletter, TranslatorStates):
    """Somebody outside who is asked to translate one text into one language.

    `of_*_text_id` is the version that was sent out: no other is ever shown to them. Their address is kept as long as
    the link is open, and their name until it has had its time.
    """

    __tablename__ = "translators"
    __table_args__ = table_args(
        enum_check("state", tuple(TRANSLATOR_STATES)),
        all_or_none_check("email_whole", "email_sealed", "key_no"),
        CheckConstraint(f"(state IN ({_open})) = (email_sealed IS NOT NULL)", name="open_has_address"),
        CheckConstraint("(of_question_text_id IS NULL) <> (of_answer_text_id IS NULL)", name="of_one_text"),
        CheckConstraint("(answer_id IS NULL) = (of_answer_text_id IS NULL)", name="of_text_of_its_noun"),
        Index(
            "uq_translators_question",
            "question_id",
            "language",
            unique=True,
            **partial_index_options(f"answer_id IS NULL AND state IN ({_open})"),
        ),
        Index(
            "uq_translators_answer",
            "answer_id",
            "language",
            unique=True,
            **partial_index_options(f"answer_id IS NOT NULL AND state IN ({_open})"),
        ),
        Index(None, "question_id", "id"),
        Index(None, "of_question_text_id"),
        Index(None, "of_answer_text_id"),
        Index(None, "newsletter_id", "state_at"),
    )

    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id"))
    answer_id: Mapped[int | None] = mapped_column(ForeignKey("answers.id"))
    language: Mapped[str] = mapped_column(String(35))
    of_question_text_id: Mapped[int | None] = mapped_column(ForeignKey("question_texts.id"))
    of_answer_text_id: Mapped[int | None] = mapped_column(ForeignKey("answer_texts.id"))
    name: Mapped[str] = mapped_column(String(200))
    email_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_no: Mapped[int | None]


class TranslatorDraft(Row):
    """Words that a translator types, by the fields: one row for each tab, so that a stale one never overwrites
    newer words, and under `HANDED_IN` what they handed in."""

    __tablename__ = "translator_drafts"
    __table_args__ = table_args(UniqueConstraint("translator_id", "tab"))

    translator_id: Mapped[int] = mapped_column(ForeignKey("translators.id", ondelete="CASCADE"))
    tab: Mapped[str] = mapped_column(String(40))
    words: Mapped[dict[str, str]] = mapped_column(JSON)
    saved_at: Mapped[datetime]
    count: Mapped[int] = mapped_column(default=0)

    @property
    def body(self) -> str:
        return join_fields(self.words)


HANDED_IN = "handed in"  # no page's own name


def join_fields(fields: Mapping[str, str]) -> str:
    """Return all that stands in the fields as one text, by which two drafts are compared."""
    return "\n\n".join(fields[name] for name in sorted(fields) if fields[name])
