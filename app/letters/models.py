"""Tables of letters and of what belongs to them: contacts, credits, additions, receipt notes, translations, sweeps."""

from datetime import date, datetime

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
from ..db.declarative import Editable, HasPublicId, OfNewsletter, Row, Verified
from .lifecycle import STATES, LetterStates

AUTHORS = ("reader", "expert")
CHANNELS = ("web", "mail", "api", "event", "phone", "messenger", "paper")
CHECK_REPLIES = ("fine", "wrong", "yes")  # an expert's replies to the quote check
OF_EXPERT = ("answer", "cannot", "later", "question back", *CHECK_REPLIES)
FILED_AS = ("question", "comment", "tip", "unsubscribe", "spam", *OF_EXPERT)
HEAR_BACK = ("number", "once", "while")  # only a receipt number, one e-mail, or e-mails while the desk works on it
CREDITS = ("none", "first", "full")  # no name, first name and place, or full name
MADE_ROOM = "room"  # the `end_reason` of a letter that was erased in a flood (see `making_room`)
VOUCHED = -1  # the `standing` of a letter that a person has found honest
# Columns that end an index, to list letters by time of arrival or by the time at which they entered their state.
BY_ARRIVAL = ("received_at", "id")
BY_STATE_TIME = ("state_at", "id")
UNERASED = "erased_at IS NULL"


class Letter(Row, HasPublicId, Editable, OfNewsletter, LetterStates):
    """A letter as the desk reads it. Its writer's address and name are sealed in other tables, or not stored at all.

    The form's nonce and the receipt are stored only as keyed hashes. Erasure keeps the ids, the state, the day and
    these hashes, so that sending the form again can't bring an erased letter back.
    """

    __tablename__ = "letters"
    __table_args__ = table_args(
        UniqueConstraint("id", "hear_back"),
        enum_check("state", tuple(STATES)),
        enum_check("author", AUTHORS),
        enum_check("channel", CHANNELS),
        enum_check("hear_back", HEAR_BACK),
        enum_check("filed_as", FILED_AS),
        implies_check("filed_says_as_what", "state = 'filed'", "filed_as IS NOT NULL"),
        implies_check("filed_question_has_one", "state = 'filed' AND filed_as = 'question'", "question_id IS NOT NULL"),
        implies_check(
            "filed_expert_has_assignment",
            f"state = 'filed' AND filed_as IN ({', '.join(map(repr, OF_EXPERT))})",
            "assignment_id IS NOT NULL",
        ),
        implies_check("assignment_is_of_expert", "assignment_id IS NOT NULL", "author = 'expert'"),
        implies_check("held_says_why", "state = 'held'", "held_reason IS NOT NULL"),
        implies_check("ended_says_why", "state = 'ended'", "end_reason IS NOT NULL"),
        implies_check("withdrawn_is_erased", "state = 'withdrawn'", "erased_at IS NOT NULL"),
        CheckConstraint(
            "(erased_at IS NULL) = (body IS NOT NULL)"
            " AND (erased_at IS NULL OR (background IS NULL AND desk_note IS NULL))",
            name="erased_has_no_words",
        ),
        Index(None, "newsletter_id", "received_at"),
        # One index for each filter of the list of letters; partial ones where few letters match.
        Index(None, "newsletter_id", "channel", "state", *BY_ARRIVAL),
        Index(None, "newsletter_id", "language", "state", *BY_ARRIVAL),
        Index(None, "newsletter_id", "state", *BY_ARRIVAL),
        Index(
            "ix_letters_edition",
            "about_edition_id",
            "newsletter_id",
            "state",
            *BY_ARRIVAL,
            **partial_index_options("about_edition_id IS NOT NULL"),
        ),
        Index(
            "ix_letters_filed",
            "newsletter_id",
            "filed_as",
            "state",
            *BY_ARRIVAL,
            **partial_index_options("filed_as IS NOT NULL"),
        ),
        Index(
            "ix_letters_held", "newsletter_id", "held_reason", *BY_ARRIVAL, **partial_index_options("state = 'held'")
        ),
        Index(
            "ix_letters_crowds", "newsletter_id", "standing", "crowd", "id", **partial_index_options("state = 'held'")
        ),
        Index("ix_letters_unsorted", "newsletter_id", **partial_index_options("state = 'held' AND standing = 0")),
        Index(
            "ix_letters_like_many",
            "newsletter_id",
            "crowd",
            *BY_ARRIVAL,
            **partial_index_options("state = 'received' AND crowd <> 0"),
        ),
        Index(
            "ix_letters_unplaced",
            "newsletter_id",
            "received_at",
            **partial_index_options("state = 'received' AND standing = 0"),
        ),
        Index(
            "ix_letters_alike",
            "newsletter_id",
            "state",
            *BY_ARRIVAL,
            **partial_index_options("alike", sqlite_condition="alike = 1"),
        ),
        Index("ix_letters_unlooked", "id", **partial_index_options("alike IS NULL AND state = 'received'")),
        Index(None, "question_id", *BY_ARRIVAL),
        Index(
            "ix_letters_of_experts",
            "newsletter_id",
            "state",
            "id",
            **partial_index_options("assignment_id IS NOT NULL"),
        ),
        # For letters whose retention period has ended (workflows/retention/retention_preview.py).
        Index(
            "ix_letters_with_words",
            "newsletter_id",
            "author",
            "state",
            *BY_STATE_TIME,
            **partial_index_options(f"{UNERASED} AND state <> 'filed'"),
        ),
        Index(
            "ix_letters_filed_with_words",
            "newsletter_id",
            "author",
            "filed_as",
            *BY_STATE_TIME,
            **partial_index_options(f"{UNERASED} AND state = 'filed'"),
        ),
        Index(
            "ix_letters_announced",
            "newsletter_id",
            "erase_on",
            "id",
            **partial_index_options(f"{UNERASED} AND erase_on IS NOT NULL"),
        ),
        Index(
            "ix_letters_unannounced",
            "newsletter_id",
            *BY_ARRIVAL,
            **partial_index_options(f"{UNERASED} AND erase_on IS NULL AND filed_as = 'question'"),
        ),
        Index("ix_letters_unindexed", *BY_ARRIVAL, **partial_index_options("indexed_version <> version")),
    )

    author: Mapped[str] = mapped_column(String(20), default="reader")
    channel: Mapped[str] = mapped_column(String(20))
    hear_back: Mapped[str] = mapped_column(String(20), default="number")
    filed_as: Mapped[str | None] = mapped_column(String(20))
    body: Mapped[str | None] = mapped_column(Text)
    background: Mapped[str | None] = mapped_column(Text)
    desk_note: Mapped[str | None] = mapped_column(Text)  # by the colleague who forwarded the mail, for the desk only
    forwarded_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    verbatim: Mapped[bool] = mapped_column(default=False)  # the reader wants to be printed word for word
    language: Mapped[str] = mapped_column(String(35), default="und")
    about_edition_id: Mapped[int | None] = mapped_column(ForeignKey("editions.id"))
    question_id: Mapped[int | None] = mapped_column(ForeignKey("questions.id"))
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignments.id"))
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("questions.id"))  # published, for an ended letter
    held_reason: Mapped[str | None] = mapped_column(String(40))
    # The codes of all signs of spam for which it is held; `held_reason` is the heaviest (see `spam_filter`). If
    # `is_erased_unseen`, the numbers of characters of body and background, and a keyed hash of the body.
    signs: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    # Its rank in the reading order, lowest first (see `flood_ranking`): 0 until the worker has ranked it, or VOUCHED.
    standing: Mapped[int] = mapped_column(default=0, server_default="0")
    # The id of the first letter of its crowd, or 0. An unheld letter has a crowd if many recent letters resemble it.
    crowd: Mapped[int] = mapped_column(default=0, server_default="0")
    end_reason: Mapped[str | None] = mapped_column(String(40))  # a key of `filing.ENDINGS`, "forgotten" or MADE_ROOM
    form_mac: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    receipt_mac: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    receipt_mailed: Mapped[bool] = mapped_column(default=False)
    received_at: Mapped[datetime]
    alike: Mapped[bool | None]  # another letter or question likely asks the same; None until the worker has compared
    # The day on which the words are erased although the question is still open, once the desk has been asked. It stays
    # if they were erased by that rule (workflows/retention/open_letters.py).
    erase_on: Mapped[date | None]
    erased_at: Mapped[datetime | None]
    indexed_version: Mapped[int] = mapped_column(default=0, server_default="0")

    contact: Mapped["Contact | None"] = relationship(
        primaryjoin="Letter.id == foreign(Contact.letter_id)", uselist=False, viewonly=True
    )
    credit: Mapped["Credit | None"] = relationship(uselist=False, viewonly=True)
    additions: Mapped[list["Addition"]] = relationship(order_by="Addition.id", viewonly=True)
    notes: Mapped[list["ReceiptNote"]] = relationship(order_by="ReceiptNote.id", viewonly=True)

    @property
    def was_evicted(self) -> bool:
        """Return whether its words were erased in a flood."""
        return self.end_reason == MADE_ROOM

    @property
    def is_erased_unseen(self) -> bool:
        """Return whether its words were erased in a flood today, which its reader learns only at night."""
        return self.was_evicted and self.erased_at is None


class Sweep(Row, OfNewsletter):
    """A crowd of held letters to be filed as spam, which the worker does once the undo period is over."""

    __tablename__ = "sweeps"
    __table_args__ = table_args(UniqueConstraint("newsletter_id", "crowd"))

    crowd: Mapped[int]
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    at: Mapped[datetime]  # when that person pressed the button


class Contact(Row):
    """A reader's sealed address. A constraint forbids it for readers who chose only a receipt number."""

    __tablename__ = "contacts"
    __table_args__ = table_args(
        ForeignKeyConstraint(
            ["letter_id", "hear_back"], ["letters.id", "letters.hear_back"], ondelete="CASCADE", onupdate="CASCADE"
        ),
        CheckConstraint("hear_back IN ('once', 'while')", name="hears_back"),
        Index(None, "erase_on", "id"),
    )

    letter_id: Mapped[int] = mapped_column(unique=True)
    hear_back: Mapped[str] = mapped_column(String(20))
    email_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_no: Mapped[int]
    erase_on: Mapped[date]


class Credit(Row, Verified):
    """The sealed name with which a reader wants to be printed, and the sentence and time of their consent.

    A name is printed only with consent and after the desk has checked it (`verified_*`).
    """

    __tablename__ = "credits"
    __table_args__ = table_args(
        enum_check("choice", CREDITS),
        all_or_none_check("consent_whole", "consent_text", "consented_at"),
        all_or_none_check("verification_whole", "verified_at", "verified_by_id", "verified_how"),
        implies_check("unnamed_has_no_name", "choice = 'none'", "name_sealed IS NULL AND place_sealed IS NULL"),
        implies_check("named_has_name", "choice <> 'none'", "name_sealed IS NOT NULL"),
    )

    letter_id: Mapped[int] = mapped_column(ForeignKey("letters.id", ondelete="CASCADE"), unique=True)
    choice: Mapped[str] = mapped_column(String(20))
    name_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    place_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_no: Mapped[int | None]
    consent_text: Mapped[str | None] = mapped_column(Text)
    consented_at: Mapped[datetime | None]


class Addition(Row):
    """Text that a reader adds later, with the receipt."""

    __tablename__ = "additions"
    __table_args__ = table_args(Index(None, "letter_id", "id"), Index(None, "added_at"))

    letter_id: Mapped[int] = mapped_column(ForeignKey("letters.id", ondelete="CASCADE"))
    body: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime]


class MachineTranslation(Row):
    """A letter in a language of the desk, translated by the newsroom's own server, sealed, and erased with the letter.

    `sent_at` is set just before the request. Once `ended_at` is set, there is either `found_sealed`, the translated
    body and background, or `fault`, a code that says why there is no translation.
    """

    __tablename__ = "machine_translations"
    __table_args__ = table_args(
        implies_check("ended_says_how", "ended_at IS NOT NULL", "(found_sealed IS NULL) <> (fault IS NULL)"),
        implies_check("ended_was_sent", "found_sealed IS NOT NULL", "sent_at IS NOT NULL"),
        all_or_none_check("found_whole", "found_sealed", "key_no"),
        Index("ix_machine_translations_asked", "id", **partial_index_options("sent_at IS NULL AND ended_at IS NULL")),
    )

    letter_id: Mapped[int] = mapped_column(ForeignKey("letters.id", ondelete="CASCADE"), unique=True)
    language: Mapped[str] = mapped_column(String(35))
    asked_at: Mapped[datetime]
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    sent_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    fault: Mapped[str | None] = mapped_column(String(20))
    found_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_no: Mapped[int | None]


class ReceiptNote(Row):
    """A note that the desk left at a reader's receipt, and the addition with which the reader answered it."""

    __tablename__ = "receipt_notes"
    __table_args__ = table_args(Index(None, "letter_id", "id"))

    letter_id: Mapped[int] = mapped_column(ForeignKey("letters.id", ondelete="CASCADE"))
    body: Mapped[str] = mapped_column(Text)
    left_by_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    left_at: Mapped[datetime]
    addition_id: Mapped[int | None] = mapped_column(ForeignKey("additions.id", ondelete="CASCADE"), unique=True)

    addition: Mapped["Addition | None"] = relationship(viewonly=True)
