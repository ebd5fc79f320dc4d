from datetime import date, datetime

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    and_,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db import Editable, Public, Row, one_of, table, tied
from ..permissions import ROLES

LINKS = ("page", "reply", "stop")
DOORS = ("desk", "expert")
# Compared sign by sign on both databases: a language's own order passes over blanks, and would mix what stands together.
BY_SIGNS = String(200).with_variant(String(200, collation="C"), "postgresql")


class Person(Row, Public):
    """Somebody with an address of their own: staff or expert. Readers are never people here."""

    __tablename__ = "people"
    __table_args__ = table(CheckConstraint("(email_mac IS NULL) = (email_sealed IS NULL)", name="email_whole"))

    name: Mapped[str] = mapped_column(String(200))
    email_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    email_mac: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    key_no: Mapped[int | None]
    language: Mapped[str] = mapped_column(String(35), default="en")
    disabled_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]


class Membership(Row):
    """What somebody may do at one newsletter's desk.

    `invited_as` is the name that an admin typed, until the invitation is used: whom another desk knows by which name is
    not this one's to learn. `disabled_at` shuts somebody out of this desk alone.
    """

    __tablename__ = "memberships"
    __table_args__ = table(
        UniqueConstraint("person_id", "newsletter_id"),
        one_of("role", tuple(ROLES)),
        CheckConstraint("(joined_at IS NULL) = (invited_as IS NOT NULL)", name="invited_or_joined"),
    )

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id"), index=True)
    role: Mapped[str] = mapped_column(String(20))
    invited_as: Mapped[str | None] = mapped_column(String(200))
    joined_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]

    @classmethod
    def at_work(cls) -> ColumnElement[bool]:
        """Who has come to the desk and was not shut out since."""
        return and_(cls.joined_at.is_not(None), cls.disabled_at.is_(None))


class Expert(Row, Public, Editable):
    """Somebody outside the newsroom who can answer in writing. `credit_line` is what stands after the name in print.

    `at_once` is how many questions they take at a time, as far as it is known. `merged_into_id` is who they turned out to
    be the same person as: everything of theirs hangs on that one. `folded`, `alike` and `words` are made from the profile
    (see `naming` and `finding`), to sort, compare and find it by.
    """

    __tablename__ = "experts"
    __table_args__ = table(
        CheckConstraint(
            "(verified_at IS NULL) = (verified_by_id IS NULL) AND (verified_at IS NULL) = (verified_how IS NULL)",
            name="verification_whole",
        ),
        CheckConstraint("at_once BETWEEN 1 AND 99", name="at_once_sane"),
        CheckConstraint("merged_into_id <> id", name="merged_into_another"),
        Index(None, "folded", "id"),
        Index(None, "alike", "id"),
    )

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), unique=True)
    title: Mapped[str] = mapped_column(String(200), default="")
    organisation: Mapped[str] = mapped_column(String(200), default="")
    place: Mapped[str] = mapped_column(String(200), default="")
    credit_line: Mapped[str] = mapped_column(String(400), default="")
    relation: Mapped[str] = mapped_column(String(400), default="")
    described_as: Mapped[str] = mapped_column(String(400), default="")
    bio: Mapped[str] = mapped_column(Text, default="")
    ties: Mapped[str] = mapped_column(Text, default="")
    topics: Mapped[list[str]] = mapped_column(JSON, default=list)
    languages: Mapped[list[str]] = mapped_column(JSON, default=list)
    on_public_page: Mapped[bool] = mapped_column(default=False)
    away_until: Mapped[date | None]
    verified_at: Mapped[datetime | None]
    verified_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    verified_how: Mapped[str | None] = mapped_column(String(400))
    at_once: Mapped[int | None]
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("experts.id"))
    folded: Mapped[str] = mapped_column(BY_SIGNS, default="", server_default="")
    alike: Mapped[str] = mapped_column(BY_SIGNS, default="", server_default="")
    words: Mapped[str] = mapped_column(Text, default="", server_default="")
    person: Mapped[Person] = relationship(foreign_keys=[person_id], lazy="joined")

    @property
    def name(self) -> str:
        return self.person.name

    @property
    def printed_name(self) -> str:
        """Some experts may be described, not named."""
        return self.described_as or self.person.name


class ExpertTopic(Row):
    """A topic of an expert's profile as it is looked up by: folded, so that "Water" and "water" are one."""

    __tablename__ = "expert_topics"
    __table_args__ = table(UniqueConstraint("expert_id", "term"), Index(None, "term", "expert_id"))

    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id"))
    term: Mapped[str] = mapped_column(String(60))


class Namesakes(Row):
    """Two experts who look like one and are two people, as somebody of the desk said."""

    __tablename__ = "namesakes"
    __table_args__ = table(
        UniqueConstraint("one_id", "other_id"), CheckConstraint("one_id < other_id", name="in_order")
    )

    one_id: Mapped[int] = mapped_column(ForeignKey("experts.id"))
    other_id: Mapped[int] = mapped_column(ForeignKey("experts.id"))
    said_by_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    said_at: Mapped[datetime]


class Upload(Row, Public):
    """A file that somebody has looked at and not yet imported, sealed; it goes with the import, or within the hour."""

    __tablename__ = "uploads"
    __table_args__ = table(Index(None, "ends_at"))

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id"))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    ends_at: Mapped[datetime]


class SignIn(Row):
    """A way in that was mailed or printed: a link, and for a browser that asked also a code to type there.

    With `membership_id` it takes up that invitation; with `session_id` it proves once more who sits in that browser.
    """

    __tablename__ = "sign_ins"
    __table_args__ = table(
        tied("code_needs_browser", "code_mac IS NOT NULL", "browser_mac IS NOT NULL"),
        CheckConstraint("tries <= 10", name="tries_limited"),
        one_of("door", DOORS),
    )

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    door: Mapped[str] = mapped_column(String(20))
    link_mac: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    code_mac: Mapped[bytes | None] = mapped_column(LargeBinary)
    browser_mac: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)
    tries: Mapped[int] = mapped_column(default=0)
    ends_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    membership_id: Mapped[int | None] = mapped_column(ForeignKey("memberships.id", ondelete="CASCADE"))
    session_id: Mapped[int | None] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))


class BrowserSession(Row, Public):
    """A signed-in browser. Kept here and not in the cookie, so that it can be ended from here.

    `stepped_up_at` is when whoever sits there last proved who they are. Of the desk's people we keep which browser it is
    ("Firefox on Linux") and when it was last seen; of experts neither.
    """

    __tablename__ = "sessions"
    __table_args__ = table(one_of("door", DOORS))

    token_mac: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    door: Mapped[str] = mapped_column(String(20))
    began_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    browser: Mapped[str] = mapped_column(String(60), default="", server_default="")
    seen_at: Mapped[datetime | None]
    stepped_up_at: Mapped[datetime | None]


class Link(Row):
    """An address that opens one thing and nothing else, as often as wanted until it ends or is revoked: of a page, to
    which mails are answered ('reply'), or by which a reader stops our mails ('stop')."""

    __tablename__ = "links"
    __table_args__ = table(
        CheckConstraint("(assignment_id IS NULL) <> (letter_id IS NULL)", name="opens_one"),
        one_of("kind", LINKS),
        Index(None, "assignment_id"),
    )

    token_mac: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignments.id", ondelete="CASCADE"))
    letter_id: Mapped[int | None] = mapped_column(ForeignKey("letters.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20), default="page", server_default="page")
    ends_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
