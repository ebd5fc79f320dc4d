"""Tables of questions, their wordings, topics and notes, of translations, and of outside translators."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import ClassVar

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db.constraints import all_or_none_check, enum_check, implies_check, partial_index_options, table_args
from ..db.declarative import Editable, HasPublicId, OfNewsletter, Row
from .asker_levels import SENTENCES
from .lifecycle import (
    STATES,
    TRANSLATION_STATES,
    TRANSLATOR_STATES,
    QuestionStates,
    TranslationStates,
    TranslatorStates,
)


class Question(Row, HasPublicId, Editable, OfNewsletter, QuestionStates):
    """A question in the desk's wording, asked by one or more letters."""

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
        # For the queries of app/workflows/indexing.py.
        Index("ix_questions_unindexed", "id", **partial_index_options("indexed_version <> version")),
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
    # How many readers ask it, as readers are told: the `minimum` of an `AskerLevel`.
    asker_level: Mapped[int] = mapped_column(default=0, server_default="0")

    # The index of its section in `Newsletter.sections`. There is only one so far; for a second, make this a column.
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
        """The headline, or the wording if there is none."""
        return self.headline or self.wording

    @property
    def short_title(self) -> str:
        return self.headline or self.wording[:80]

    @property
    def asker_sentence(self) -> str:
        """The sentence that says how many readers ask it, in English; "" if that isn't known yet."""
        return SENTENCES[self.asker_level]

    @property
    def is_cleared(self) -> bool:
        """Return whether an editor has confirmed that nobody could recognise the asker in the current wording."""
        return bool(self.text and self.text.cleared_at)


class VersionColumns:
    """Columns of a text that has several versions, numbered in each language."""

    language: Mapped[str] = mapped_column(String(35))
    number: Mapped[int]

    @property
    def label(self) -> str:
        """The name of this version in a form, such as "en.3"."""
        return f"{self.language}.{self.number}"


class QuestionText(Row, VersionColumns):
    """A version of the desk's wording.

    `cleared_*` says when and by which editor it was confirmed that nobody could recognise the asker in it.
    """

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
    own_words_reason: Mapped[str | None] = mapped_column(String(400))  # why it was cleared with a reader's own words
    erased_at: Mapped[datetime | None]

    @property
    def parts(self) -> tuple[str, str, str]:
        """All texts of this version that leave the newsroom."""
        return self.headline, self.body or "", self.background

    @property
    def full_text(self) -> str:
        return "\n".join(self.parts)


class QuestionTopic(Row):
    __tablename__ = "question_topics"
    __table_args__ = table_args(UniqueConstraint("question_id", "topic_id"), Index(None, "topic_id", "question_id"))

    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id"))
    topic_id: Mapped[int] = mapped_column(ForeignKey("topics.id"))


class Note(Row):
    """A note of the desk about a question."""

    __tablename__ = "notes"
    __table_args__ = table_args(Index(None, "question_id", "id"))

    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    body: Mapped[str] = mapped_column(Text)
    written_at: Mapped[datetime]


class Translation(Row, HasPublicId, Editable, OfNewsletter, TranslationStates):
    """A question's wording, or with `answer_id` an answer to it, in another language.

    `of_*_text_id` is the version that was translated: if the original's text changes, the translation is outdated and
    doesn't run. `name`, `credit_line`, `relation` and `ties` are the translated texts about the expert.
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
        Index(None, "newsletter_id", "state", "id"),
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
    checked_at: Mapped[datetime | None]  # when the expert confirmed the translation
    # Why the translation runs although the expert reads the language and hasn't confirmed it.
    unread_reason: Mapped[str | None] = mapped_column(String(400))

    @property
    def label(self) -> str:
        """The name of this version of the text in a form."""
        return f"{self.public_id}.{self.version}"

    @property
    def credited(self) -> str:
        """The name of the translator in print, or "" if nobody is to be named."""
        return self.translator if self.is_credited else ""


_OPEN_STATES = ", ".join(map(repr, TRANSLATOR_STATES.which("is_open")))


class Translator(Row, HasPublicId, Editable, OfNewsletter, TranslatorStates):
    """Somebody outside the desk who is asked to translate one text into one language.

    `of_*_text_id` is the version that was sent to them; they never see another version. Their address is stored only as
    long as their link is open.
    """

    __tablename__ = "translators"
    __table_args__ = table_args(
        enum_check("state", tuple(TRANSLATOR_STATES)),
        all_or_none_check("email_whole", "email_sealed", "key_no"),
        CheckConstraint(f"(state IN ({_OPEN_STATES})) = (email_sealed IS NOT NULL)", name="open_has_address"),
        CheckConstraint("(of_question_text_id IS NULL) <> (of_answer_text_id IS NULL)", name="of_one_text"),
        CheckConstraint("(answer_id IS NULL) = (of_answer_text_id IS NULL)", name="of_text_of_its_noun"),
        Index(
            "uq_translators_question",
            "question_id",
            "language",
            unique=True,
            **partial_index_options(f"answer_id IS NULL AND state IN ({_OPEN_STATES})"),
        ),
        Index(
            "uq_translators_answer",
            "answer_id",
            "language",
            unique=True,
            **partial_index_options(f"answer_id IS NOT NULL AND state IN ({_OPEN_STATES})"),
        ),
        Index(None, "question_id", "id"),
        Index(None, "of_question_text_id"),
        Index(None, "of_answer_text_id"),
        Index(None, "newsletter_id", "state_at"),
        Index("ix_translators_open", "id", **partial_index_options("email_sealed IS NOT NULL")),
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
    """Unsent text of a translator, by field: one row per browser tab, so that an old tab never overwrites newer text.

    The row whose tab is `HANDED_IN` has the text that they handed in.
    """

    __tablename__ = "translator_drafts"
    __table_args__ = table_args(UniqueConstraint("translator_id", "tab"))

    translator_id: Mapped[int] = mapped_column(ForeignKey("translators.id", ondelete="CASCADE"))
    tab: Mapped[str] = mapped_column(String(40))
    words: Mapped[dict[str, str]] = mapped_column(JSON)
    saved_at: Mapped[datetime]
    count: Mapped[int] = mapped_column(default=0)  # the tab's number of saves: a save that arrives late is ignored
    known_counts: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)  # as those of `answers.models.Draft`

    @property
    def body(self) -> str:
        return join_fields(self.words)


HANDED_IN = "handed in"  # no page uses it as the name of a tab


def join_fields(fields: Mapping[str, str]) -> str:
    """Return the non-empty fields as one text, to compare drafts."""
    return "\n\n".join(fields[name] for name in sorted(fields) if fields[name])
