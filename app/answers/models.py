"""Tables of assignments, answers and their versions, quote checks and drafts."""

from datetime import date, datetime
from typing import Any

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
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db.constraints import all_or_none_check, enum_check, implies_check, partial_index_options, table_args
from ..db.declarative import Editable, HasPublicId, OfNewsletter, Row
from ..people.models import Expert
from ..questions.models import Question, VersionColumns
from .lifecycle import ANSWER_STATES, ASSIGNMENT_STATES, AnswerStates, AssignmentStates

DECLINE_REASONS = ("no time", "not my field", "conflict of interest", "other")
TEXT_KINDS = ("submitted", "edited")
VERIFIED_CHANNELS = ("page", "mail")  # they verify the author; a text from another one is read back to the expert
DRAFT_PARTS = ("answer", "reply")  # of an assignment; "reply" is the reply to a quote check
CHECK_OUTCOMES = ("fine", "wrong", "approved", "silent", "recalled")

# Conditions of partial indexes, in SQL.
IS_LIVE = f"state IN ({', '.join(map(repr, ASSIGNMENT_STATES.which('is_live')))})"
IS_OPEN_CHECK = "ended_at IS NULL"
IS_OPEN_OBJECTION = "outcome = 'wrong' AND settled_at IS NULL"


class Assignment(Row, HasPublicId, Editable, OfNewsletter, AssignmentStates):
    """One question put to one expert.

    - `brief`: what the desk asks for;
    - `words`: the wanted length;
    - `credit_line`: who the expert is, in print;
    - `relation`: what follows the credit line in print;
    - `reply_by`, `due_at`: the deadlines of the reply to the invitation, and of the text;
    - `later_on`: the day from which an expert who declined has time;
    - `suggestion_sealed`: a colleague whom the expert suggested;
    - `after_id`: the predecessor on the ladder (see `ladder`);
    - `step_at`: until when the predecessor's expert may stay silent; None means until the predecessor's `reply_by`.
    """

    __tablename__ = "assignments"
    __table_args__ = table_args(
        enum_check("state", tuple(ASSIGNMENT_STATES)),
        enum_check("decline_reason", DECLINE_REASONS),
        implies_check(
            "asked_has_dates",
            "state IN ('invited', 'accepted')",
            "invited_at IS NOT NULL AND reply_by IS NOT NULL AND due_at IS NOT NULL",
        ),
        # An expert who was phoned instead of invited has no dates, but a returned text always has a deadline.
        implies_check("returned_has_date", "state = 'returned'", "due_at IS NOT NULL"),
        implies_check("declined_says_why", "state = 'declined'", "decline_reason IS NOT NULL"),
        implies_check("later_has_date", "later_on IS NOT NULL", "decline_reason = 'no time'"),
        implies_check("received_says_when", "state IN ('received', 'done')", "received_at IS NOT NULL"),
        CheckConstraint("words BETWEEN 20 AND 2000", name="words_sane"),
        CheckConstraint("after_id <> id", name="after_another"),
        implies_check("step_is_on_ladder", "step_at IS NOT NULL", "after_id IS NOT NULL"),
        Index("uq_assignments_live", "question_id", "expert_id", unique=True, **partial_index_options(IS_LIVE)),
        Index(None, "question_id", "id"),
        Index(None, "expert_id", "due_at", "id"),
        Index(None, "newsletter_id", "state", "due_at", "id"),
        Index(None, "newsletter_id", "state", "reply_by", "id"),
        Index(None, "newsletter_id", "invited_at"),
        Index(None, "newsletter_id", "id"),
        Index(None, "newsletter_id", "state", "id"),
        Index(None, "newsletter_id", "expert_id", "id"),
        Index(None, "expert_id", "state", "id"),
        Index(None, "expert_id", "id"),
    )

    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id"))
    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id"))
    for_edition_id: Mapped[int | None] = mapped_column(ForeignKey("editions.id"))
    brief: Mapped[str] = mapped_column(Text, default="")
    words: Mapped[int]
    credit_line: Mapped[str] = mapped_column(String(400), default="")
    relation: Mapped[str] = mapped_column(String(400), default="")
    reply_by: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    invited_at: Mapped[datetime | None]
    received_at: Mapped[datetime | None]
    decline_reason: Mapped[str | None] = mapped_column(String(40))
    later_on: Mapped[date | None]
    suggestion_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_no: Mapped[int | None]
    after_id: Mapped[int | None] = mapped_column(ForeignKey("assignments.id"))
    step_at: Mapped[datetime | None]

    expert: Mapped[Expert] = relationship(viewonly=True, lazy="joined")
    after: Mapped["Assignment | None"] = relationship(remote_side="Assignment.id", viewonly=True)
    question: Mapped[Question] = relationship(viewonly=True)
    answer: Mapped["Answer | None"] = relationship(viewonly=True, uselist=False)

    @property
    def credit(self) -> dict[str, Any]:
        """Return the expert's details for the lead-in, with fields of `LeadIn` as keys. An approval stores a copy.

        An expert who asked later to be described isn't identified by the line that their profile gave.
        """
        is_hidden = self.expert.described_as and self.expert.is_occupation(self.credit_line)
        return {
            "name": self.expert.printed_name,
            "credit_line": "" if is_hidden else self.credit_line,
            "relation": self.relation,
            "beside_name": self.expert.beside_name,
        }


class Answer(Row, HasPublicId, Editable, OfNewsletter, AnswerStates):
    """One expert's answer to one question.

    - `text_id`: the newest version of the text;
    - `approved_text_id`: the version that may be published;
    - `credit`: the expert's details for the lead-in, as approved (see `Assignment.credit`);
    - `override_reason`: why the text was approved without the quote check that it needs;
    - `run_position`: the place of the answer among those to the same question.
    """

    __tablename__ = "answers"
    __table_args__ = table_args(
        ForeignKeyConstraint(["text_id", "id"], ["answer_texts.id", "answer_texts.answer_id"], use_alter=True),
        enum_check("state", tuple(ANSWER_STATES)),
        implies_check("sent_has_text", "state NOT IN ('draft', 'withdrawn')", "text_id IS NOT NULL"),
        implies_check(
            "approved_is_whole",
            "state = 'approved'",
            "approved_text_id = text_id AND approved_by_id IS NOT NULL AND credit IS NOT NULL",
        ),
        Index(None, "newsletter_id", "state", "state_at", "id"),
        Index(None, "newsletter_id", "state", "id"),
        Index(None, "expert_id", "state", "question_id"),
        Index(None, "question_id"),
    )

    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id"))
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"), unique=True)
    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id"), index=True)
    text_id: Mapped[int | None]
    approved_text_id: Mapped[int | None] = mapped_column(ForeignKey("answer_texts.id", use_alter=True))
    approved_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    credit: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    checklist: Mapped[list[str]] = mapped_column(JSON, default=list)
    override_reason: Mapped[str | None] = mapped_column(String(400))
    run_position: Mapped[int] = mapped_column(default=1)

    text: Mapped["AnswerText | None"] = relationship(
        primaryjoin="foreign(Answer.text_id) == AnswerText.id", viewonly=True
    )
    assignment: Mapped[Assignment] = relationship(viewonly=True)
    expert: Mapped[Expert] = relationship(viewonly=True, lazy="joined")


class AnswerText(Row, VersionColumns):
    """One immutable version of an answer.

    - `words`: the number of words in `body`;
    - `ties`: the expert's interests in the matter, as they state them;
    - `own_words`: the expert states that they wrote the text themselves;
    - `channel`: how the text came;
    - `given_on`: the day on which it came, for every channel but the page;
    - `by`: the actor who wrote this version.
    """

    __tablename__ = "answer_texts"
    __table_args__ = table_args(
        UniqueConstraint("answer_id", "language", "number"),
        UniqueConstraint("id", "answer_id"),
        enum_check("kind", TEXT_KINDS),
        implies_check("by_hand_says_when", "channel <> 'page'", "given_on IS NOT NULL"),
    )

    answer_id: Mapped[int] = mapped_column(ForeignKey("answers.id"))
    kind: Mapped[str] = mapped_column(String(20))
    body: Mapped[str] = mapped_column(Text)
    words: Mapped[int]
    ties: Mapped[str] = mapped_column(Text, default="")
    own_words: Mapped[bool] = mapped_column(default=False)
    channel: Mapped[str] = mapped_column(String(20), default="page")
    given_on: Mapped[date | None]
    by: Mapped[str] = mapped_column(String(40))
    written_at: Mapped[datetime]


class Check(Row):
    """The quote check of one text. It is open until it has an outcome; an answer has at most one open check.

    - `policy`: "facts" (the expert checks the facts, and silence until `due_at` means consent) or "approve" (the expert
      must approve the text);
    - `settled_at`: when the desk settled an objection to a text that is approved or has run (see `objections`).
    """

    __tablename__ = "checks"
    __table_args__ = table_args(
        all_or_none_check("end_whole", "outcome", "ended_at"),
        enum_check("outcome", CHECK_OUTCOMES),
        enum_check("policy", ("facts", "approve")),
        implies_check("wrong_says_what", "outcome = 'wrong'", "reply_text IS NOT NULL"),
        Index("uq_checks_open", "answer_id", unique=True, **partial_index_options(IS_OPEN_CHECK)),
        Index("ix_checks_open", "due_at", "id", **partial_index_options(IS_OPEN_CHECK)),
        Index("ix_checks_objections", "answer_id", **partial_index_options(IS_OPEN_OBJECTION)),
    )

    answer_id: Mapped[int] = mapped_column(ForeignKey("answers.id"), index=True)
    text_id: Mapped[int] = mapped_column(ForeignKey("answer_texts.id"))
    policy: Mapped[str] = mapped_column(String(20))
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime]
    outcome: Mapped[str | None] = mapped_column(String(20))
    ended_at: Mapped[datetime | None]
    reply_text: Mapped[str | None] = mapped_column(Text)
    settled_at: Mapped[datetime | None]

    @property
    def is_open_objection(self) -> bool:
        return self.outcome == "wrong" and self.settled_at is None


class Draft(Row):
    """An unsent text, one row per browser tab, so that a stale tab never overwrites newer text.

    - `part`: one of `DRAFT_PARTS`;
    - `ties`, `credit_line`: belong to an answer;
    - `count`: grows with each save of a tab;
    - `known_counts`: the counts of the drafts that its page had shown, by tab; this draft takes their place.
    """

    __tablename__ = "drafts"
    __table_args__ = table_args(UniqueConstraint("assignment_id", "tab"), enum_check("part", DRAFT_PARTS))

    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id", ondelete="CASCADE"))
    tab: Mapped[str] = mapped_column(String(40))
    part: Mapped[str] = mapped_column(String(20), default="answer")
    body: Mapped[str] = mapped_column(Text)
    ties: Mapped[str] = mapped_column(Text, default="")
    credit_line: Mapped[str | None] = mapped_column(String(400))
    saved_at: Mapped[datetime]
    count: Mapped[int] = mapped_column(default=0)
    known_counts: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
