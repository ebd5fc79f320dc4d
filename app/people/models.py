from datetime import date, datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db import Editable, Public, Row, one_of, table, tied

ROLES = ("admin", "editor", "assistant")
LINKS = ("page", "reply", "stop")
DOORS = ("desk", "expert")


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
    """What somebody may do at one newsletter's desk."""

    __tablename__ = "memberships"
    __table_args__ = table(UniqueConstraint("person_id", "newsletter_id"), one_of("role", ROLES))

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id"), index=True)
    role: Mapped[str] = mapped_column(String(20))


class Expert(Row, Public, Editable):
    """Somebody outside the newsroom who can answer in writing. `credit_line` is what stands after the name in print."""

    __tablename__ = "experts"
    __table_args__ = table(
        CheckConstraint(
            "(verified_at IS NULL) = (verified_by_id IS NULL) AND (verified_at IS NULL) = (verified_how IS NULL)",
            name="verification_whole",
        )
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
    person: Mapped[Person] = relationship(foreign_keys=[person_id], lazy="joined")

    @property
    def name(self) -> str:
        return self.person.name

    @property
    def printed_name(self) -> str:
        """Some experts may be described, not named."""
        return self.described_as or self.person.name


class SignIn(Row):
    """A way in that was mailed or printed: a link, and for a browser that asked also a code to type there."""

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


class BrowserSession(Row):
    """A signed-in browser. Kept here and not in the cookie, so that it can be ended from here."""

    __tablename__ = "sessions"
    __table_args__ = table(one_of("door", DOORS))

    token_mac: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    door: Mapped[str] = mapped_column(String(20))
    began_at: Mapped[datetime]
    ends_at: Mapped[datetime]


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
