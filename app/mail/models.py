from datetime import date, datetime

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ..db.constraints import enum_check, implies_check, partial_index_options, table_args
from ..db.declarative import Base, Editable, Public, Row
from .lifecycle import ENDED, PLACES_OF_MAIL, STATES, InboundStates, MailStates

CHANNELS = ("mail",)

_ended = ", ".join(f"'{state}'" for state in ENDED)
_queued = partial_index_options("state = 'queued'")


class OutboxMail(Row, Public, Editable, MailStates):
    """One mail to one person, written in the transaction of the change that caused it.

    `once_key` names the cause, so that one cause writes one mail. `message_id` is fixed from the start: a mail that is
    sent again after a crash is recognised by the receiving side. `said` is what the other server answered, without
    addresses. `asked_others` is how many others are asked too, as the mail tells its expert. `return_mac` is the keyed
    hash of the token in its return path, by which a bounce finds its mail. What is in the mail stands sealed in
    `outbox_contents`, which can be deleted by itself.
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
    sent_at: Mapped[datetime | None]
    bounced_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class OutboxContent(Base):
    """The sealed mail itself: addresses and sign-in links stand in it."""

    __tablename__ = "outbox_contents"

    outbox_id: Mapped[int] = mapped_column(ForeignKey("outbox.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_no: Mapped[int]


SOURCES = ("imap", "lmtp", "pipe", "webhook")

# One mail has one place, however often it was delivered; a failed try does not count as one.
_once = partial_index_options("state IN ('letter', 'edition', 'pen')")


class Inbound(Row, Public, Editable, InboundStates):
    """One mail that came in. `state` is its place; what is in it stands sealed in `inbound_raw`, which is destroyed.

    `content_mac` is the keyed hash of what makes it this mail, whatever servers wrote onto it; it outlives the mail, so
    that one that was taken back can't come again. `reasons` are the codes of why it has its place. `assignment_id` and
    `outbox_id` are what it seems to be about. An IMAP server's `uidvalidity` and `uid` name it in its mailbox.
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
        Index("uq_inbound_content", "content_mac", "state", unique=True, **_once),
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
    """The sealed bytes of a mail as they came, and, sealed as well, what was read in them."""

    __tablename__ = "inbound_raw"

    inbound_id: Mapped[int] = mapped_column(ForeignKey("inbound.id", ondelete="CASCADE"), primary_key=True)
    raw_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    reading_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_no: Mapped[int]


class Spent(Row):
    """Something that was done for somebody today, as a keyed hash: a sender gets one acknowledgement a day."""

    __tablename__ = "spent"
    __table_args__ = table_args(UniqueConstraint("kind", "mac"), Index(None, "ends_on", "id"))

    kind: Mapped[str] = mapped_column(String(40))
    mac: Mapped[bytes] = mapped_column(LargeBinary)
    ends_on: Mapped[date]


SIGN_IN_FAULTS = ("", "out", "settings", "away")


class MailSignIn(Row, Public):
    """The sign-in of one of the newsroom's own mail accounts at its provider, by token.

    `token_url` is where its tokens are renewed: at another provider it is no sign-in. The access token opens the
    account until `good_until`, and is renewed by whoever holds the lease; `again_at` is when the provider may be asked
    again after the `fault`. After "out" there is no token: somebody has to sign in again.
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
