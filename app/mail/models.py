"""Tables of mail: the outbox, inbound mail, usage counts, and OAuth sign-ins of mail accounts."""

from datetime import date, datetime

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ..db.constraints import enum_check, implies_check, partial_index_options, table_args
from ..db.declarative import Base, Editable, HasPublicId, Row
from .lifecycle import ENDED, PLACES_OF_MAIL, STATES, InboundStates, MailStates

CHANNELS = ("mail",)

_ended = ", ".join(f"'{state}'" for state in ENDED)
_queued = partial_index_options("state = 'queued'")


class OutboxMail(Row, HasPublicId, Editable, MailStates):
    """One mail to one person, inserted in the transaction of the change that caused it.

    `once_key` names the cause, so that one cause sends one mail. `message_id` is fixed from the start, so that
    receivers recognize a mail that is sent again after a crash. `said` is the server's last reply, without addresses.
    `asked_others` is the number of other experts asked, as stated in the mail. `return_mac` is the keyed hash of the
    token in the return path, which matches a bounce to its mail. `address_no` is the `Person.address_no` of the address
    that it goes to. The content is sealed in `outbox_contents`, and can be deleted separately.
    """

    __tablename__ = "outbox"
    __table_args__ = table_args(
        enum_check("channel", CHANNELS),
        enum_check("state", tuple(STATES)),
        CheckConstraint("lane BETWEEN 0 AND 2", name="lane_known"),
        CheckConstraint("attempts >= 0", name="attempts_counted"),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_says_when"),
        CheckConstraint(f"(state IN ({_ended})) = (ended_at IS NOT NULL)", name="ended_says_when"),
        implies_check("failed_says_why", "state = 'failed'", "said IS NOT NULL"),
        implies_check("lease_is_queued", "leased_until IS NOT NULL", "state = 'queued'"),
        Index("ix_outbox_queued", "lane", "due_at", "id", **_queued),
        Index("ix_outbox_expiring", "expires_at", **_queued),
        Index(None, "newsletter_id", "state", "id"),
        *(Index(None, name, "id") for name in ("question_id", "letter_id", "ended_at", "assignment_id")),
        Index("uq_outbox_return_mac", "return_mac", unique=True),
        Index("ix_outbox_person_id", "person_id", "id", **partial_index_options("person_id IS NOT NULL")),
    )

    version: Mapped[int] = mapped_column(default=1, server_default="1")
    channel: Mapped[str] = mapped_column(String(20), default="mail")
    kind: Mapped[str] = mapped_column(String(40))
    lane: Mapped[int]
    newsletter_id: Mapped[int | None] = mapped_column(ForeignKey("newsletters.id"))
    question_id: Mapped[int | None] = mapped_column(ForeignKey("questions.id"))
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignments.id"))
    letter_id: Mapped[int | None] = mapped_column(ForeignKey("letters.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    edition_id: Mapped[int | None] = mapped_column(ForeignKey("editions.id"))
    once_key: Mapped[str | None] = mapped_column(String(120), unique=True)
    message_id: Mapped[str] = mapped_column(String(250), unique=True)
    due_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    said: Mapped[str | None] = mapped_column(String(400))
    asked_others: Mapped[int | None]
    return_mac: Mapped[bytes | None] = mapped_column(LargeBinary)
    address_no: Mapped[int] = mapped_column(default=1, server_default="1")
    sent_at: Mapped[datetime | None]
    bounced_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class OutboxContent(Base):
    """The sealed content of an outbox mail, which may include addresses and sign-in links."""

    __tablename__ = "outbox_contents"

    outbox_id: Mapped[int] = mapped_column(ForeignKey("outbox.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_no: Mapped[int]


SOURCES = ("imap", "lmtp", "pipe", "webhook")

# Only one delivery of the same mail can have each of these places; the others are duplicates.
_in_place_of_original = partial_index_options("state IN ('letter', 'edition', 'pen')")


class Inbound(Row, HasPublicId, Editable, InboundStates):
    """One inbound mail. `state` is its place; the content is sealed in `inbound_raw`, and destroyed separately.

    `content_mac` is the keyed hash of its canonical content, independent of what mail servers add. It outlives the
    content, so that a withdrawn mail is recognized if it is delivered again. `reasons` are codes that explain the
    place. `assignment_id` and `outbox_id` refer to the assignment and the sent mail that it seems to be about.
    `uidvalidity` and `uid` identify it in its IMAP mailbox.
    """

    __tablename__ = "inbound"
    __table_args__ = table_args(
        enum_check("state", tuple(PLACES_OF_MAIL)),
        enum_check("source", SOURCES),
        UniqueConstraint("mailbox", "uidvalidity", "uid"),
        CheckConstraint("(state = 'stored') = (placed_at IS NULL)", name="placed_says_when"),
        implies_check("letter_has_one", "state = 'letter'", "letter_id IS NOT NULL"),
        implies_check("edition_has_one", "state = 'edition'", "edition_id IS NOT NULL"),
        implies_check("duplicate_has_first", "state = 'duplicate'", "duplicate_of_id IS NOT NULL"),
        implies_check("lease_is_unplaced", "leased_until IS NOT NULL", "state = 'stored'"),
        CheckConstraint("attempts >= 0", name="attempts_counted"),
        Index("ix_inbound_unplaced", "due_at", "id", **partial_index_options("state = 'stored'")),
        Index("uq_inbound_content", "content_mac", "state", unique=True, **_in_place_of_original),
        Index(None, "content_mac"),
        Index(None, "outbox_id"),
        Index(None, "newsletter_id", "state", "id"),
        Index(None, "letter_id"),
        Index(None, "assignment_id", "id"),
        Index(None, "stored_at", "id"),
    )

    source: Mapped[str] = mapped_column(String(20))
    mailbox: Mapped[str] = mapped_column(String(200), default="")
    uidvalidity: Mapped[int | None] = mapped_column(BigInteger)
    uid: Mapped[int | None] = mapped_column(BigInteger)
    size: Mapped[int]
    stored_at: Mapped[datetime]
    placed_at: Mapped[datetime | None]
    due_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    content_mac: Mapped[bytes | None] = mapped_column(LargeBinary)
    reasons: Mapped[list[str]] = mapped_column(JSON, default=list)
    newsletter_id: Mapped[int | None] = mapped_column(ForeignKey("newsletters.id"))
    letter_id: Mapped[int | None] = mapped_column(ForeignKey("letters.id"))
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignments.id"))
    edition_id: Mapped[int | None] = mapped_column(ForeignKey("editions.id"))
    outbox_id: Mapped[int | None] = mapped_column(ForeignKey("outbox.id"))
    duplicate_of_id: Mapped[int | None] = mapped_column(ForeignKey("inbound.id"))


class InboundRaw(Base):
    """The sealed bytes of an inbound mail as received, and the sealed `inbound.MailContent` of it."""

    __tablename__ = "inbound_raw"

    inbound_id: Mapped[int] = mapped_column(ForeignKey("inbound.id", ondelete="CASCADE"), primary_key=True)
    raw_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    reading_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_no: Mapped[int]


class Spent(Row):
    """One counted use, as a keyed hash, for limits such as one acknowledgement per sender and day (see `usage`)."""

    __tablename__ = "spent"
    __table_args__ = table_args(UniqueConstraint("kind", "mac"), Index(None, "ends_on", "id"))

    kind: Mapped[str] = mapped_column(String(40))
    mac: Mapped[bytes] = mapped_column(LargeBinary)
    ends_on: Mapped[date]


SIGN_IN_FAULTS = ("", "out", "settings", "away")


class MailSignIn(Row, HasPublicId):
    """The OAuth sign-in of one of the installation's mail accounts at its provider.

    It is valid only for the provider with this `token_url`. The access token is used until `good_until`, which is
    before it expires, and then renewed by the process that holds the lease. After a `fault` the provider may be asked
    again at `again_at`. After "out" there are no tokens left, and an operator has to sign in again.
    """

    __tablename__ = "mail_sign_ins"
    __table_args__ = table_args(enum_check("fault", SIGN_IN_FAULTS), UniqueConstraint("account"))

    account: Mapped[str] = mapped_column(String(200))
    token_url: Mapped[str] = mapped_column(String(400))
    refresh_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    access_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    good_until: Mapped[datetime | None]
    renewed_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    again_at: Mapped[datetime | None]
    fault: Mapped[str] = mapped_column(String(20), default="")
    key_no: Mapped[int]
