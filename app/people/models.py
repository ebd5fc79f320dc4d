"""Tables of people and experts, memberships, sign-ins, sessions, second factors, identities, links and uploads."""

from datetime import date, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    and_,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..core.fields import fields_of
from ..core.permissions import ROLES
from ..db.constraints import all_or_none_check, enum_check, implies_check, partial_index_options, table_args
from ..db.declarative import Editable, HasPublicId, OfNewsletter, Row, Verified
from ..text.translation import N_
from .profile_fields import NAME, ProfileField, profile_field, profile_line

LINK_KINDS = ("page", "reply", "stop")
FACTOR_KINDS = ("passkey", "app", "recovery")
DOORS = ("desk", "expert")  # where people sign in
# Both databases compare such strings by code points. The collations of languages ignore spaces, which would split the
# groups of experts in `duplicates`.
CODE_POINT_STRING = String(200).with_variant(String(200, collation="C"), "postgresql")


class Person(Row, HasPublicId):
    """A member of a desk or an expert. Readers are never stored in this table.

    `email_sealed` is the encrypted address, and `email_mac` a keyed hash to find it by. `key_no` is the key of both.
    `address_no` counts the addresses that the person has had, so that a mail which came back tells of one of them only.
    """

    __tablename__ = "people"
    __table_args__ = table_args(all_or_none_check("email_whole", "email_mac", "email_sealed"))

    name: Mapped[str] = mapped_column(String(200))
    email_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    email_mac: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    key_no: Mapped[int | None]
    address_no: Mapped[int] = mapped_column(default=1, server_default="1")
    language: Mapped[str] = mapped_column(String(35), default="en")
    disabled_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]


class Membership(Row):
    """A person's role at one newsletter's desk.

    Until the invitation is used, `invited_as` is the name that the inviting admin typed. The desk doesn't see the
    person's name until then, since another desk may have recorded it. `disabled_at` shuts the person out of this desk
    only.
    """

    __tablename__ = "memberships"
    __table_args__ = table_args(
        UniqueConstraint("person_id", "newsletter_id"),
        enum_check("role", tuple(ROLES)),
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
        """Return the SQL condition for members who have joined and aren't deactivated."""
        return and_(cls.joined_at.is_not(None), cls.disabled_at.is_(None))


class Expert(Row, HasPublicId, Editable, Verified):
    """A person outside the newsroom who can answer in writing.

    - `at_once`: how many questions they answer at a time, if known;
    - `merged_into_id`: the expert who has their work now, because both are the same person;
    - `leaves_at`: when they will be deleted, at their request;
    - `erased_at`: when they were deleted; since then only published answers name them;
    - `folded`, `alike`, `words`: derived from the profile, to sort, compare and search it (see `name_forms` and
      `expert_search`).
    """

    __tablename__ = "experts"
    __table_args__ = table_args(
        all_or_none_check("verification_whole", "verified_at", "verified_by_id", "verified_how"),
        CheckConstraint("at_once BETWEEN 1 AND 99", name="at_once_sane"),
        CheckConstraint("merged_into_id <> id", name="merged_into_another"),
        Index(None, "folded", "id"),
        Index(None, "alike", "id"),
    )

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), unique=True)
    title: Mapped[str] = profile_line(N_("Title"), own=N_("Title"), is_found_by=True)
    organisation: Mapped[str] = profile_line(N_("Organisation"), own=N_("Organisation"), is_found_by=True)
    place: Mapped[str] = profile_line(N_("Place"), own=N_("Place"), is_found_by=True)
    credit_line: Mapped[str] = profile_line(
        N_("Credit line"),
        N_("What follows the name in print, e.g. “campaign director at Safeguard Defenders”."),
        length=400,
        own=N_("Printed after your name"),
        own_help=N_("For instance “campaign director at Safeguard Defenders”."),
        is_found_by=True,
    )
    relation: Mapped[str] = profile_line(
        N_("Relation"), N_("Why they can answer, e.g. “which published the report”."), length=400
    )
    described_as: Mapped[str] = profile_line(
        N_("Described as"),
        N_("Printed instead of the name, e.g. “a customs broker in Osh”."),
        length=400,
        own=N_("Describe me instead of naming me"),
        own_help=N_("For instance “a customs officer who asked not to be named”."),
        is_found_by=True,
    )
    bio: Mapped[str] = profile_field(
        N_("About them"), kind="text", own=N_("A few lines about you"), longest=4_000, default=""
    )
    ties: Mapped[str] = profile_field(
        N_("Ties"),
        N_("What readers should know about their own interest."),
        "text",
        own=N_("Ties that readers should know"),
        own_help=N_("Who pays you, what you own, whom you represent."),
        longest=4_000,
        default="",
    )
    topics: Mapped[list[str]] = profile_field(
        N_("Topics"),
        N_("Separate them with commas."),
        "words",
        own=N_("Topics you know about"),
        own_help=N_("Separate them with commas."),
        default=list,
    )
    languages: Mapped[list[str]] = profile_field(
        N_("Languages"),
        N_("Codes or English names, separated by commas, e.g. en, Russian, kk-Arab."),
        "languages",
        own=N_("Languages you can write in"),
        default=list,
    )
    at_once: Mapped[int | None] = profile_field(
        N_("Questions at once"),
        N_(
            "How many they take on at a time. Experts at their limit rank lower in your searches; you can still ask "
            "them."
        ),
        "number",
        low=1,
        default=None,
    )
    away_until: Mapped[date | None] = profile_field(
        N_("Away until"), "", "date", own=N_("Away until"), own_help=N_("Until that day nobody asks you."), default=None
    )
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("experts.id"))
    leaves_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    folded: Mapped[str] = mapped_column(CODE_POINT_STRING, default="", server_default="")
    alike: Mapped[str] = mapped_column(CODE_POINT_STRING, default="", server_default="")
    words: Mapped[str] = mapped_column(Text, default="", server_default="")
    person: Mapped[Person] = relationship(foreign_keys=[person_id], lazy="joined")

    @classmethod
    def is_listed(cls) -> ColumnElement[bool]:
        """Return the SQL condition for experts in the directory: neither merged nor deleted."""
        return and_(cls.merged_into_id.is_(None), cls.erased_at.is_(None))

    @property
    def name(self) -> str:
        return self.person.name

    @property
    def printed_name(self) -> str:
        """The name, or the description of an expert who isn't named."""
        return self.described_as or self.person.name

    def format_occupation(self, comma: str = ", ") -> str:
        """Return title and organisation with `comma` between them; "" if the profile has neither."""
        return comma.join(filter(None, (self.title, self.organisation)))

    def get_default_credit_line(self, comma: str) -> str:
        """Return the credit line of the profile, or else title and organisation, joined by the `comma` of a language.

        Where the expert is described, title and organisation are left out, since they could identify them.
        """
        return self.credit_line or ("" if self.described_as else self.format_occupation(comma))

    def is_occupation(self, credit_line: str) -> bool:
        """Return whether a line says nothing but the expert's title or organisation."""
        for part in filter(None, (self.title, self.organisation)):
            credit_line = credit_line.replace(part, "")
        return not any(map(str.isalnum, credit_line))

    @property
    def beside_name(self) -> list[str]:
        """The texts printed after the name. A description has none, since they could identify the expert."""
        if self.described_as:
            return []
        texts = [str(getattr(self, key) or "") for key, field in PROFILE.items() if field.beside_name]
        return [text for text in texts if text]


# The fields of an expert's profile, in the order of the form and of the file. The name is a column of `Person`.
PROFILE: dict[str, ProfileField] = {"name": NAME, **fields_of(Expert)}


class ExpertTopic(Row):
    """A topic of an expert's profile. `term` is the topic folded, so that "Water" and "water" are the same."""

    __tablename__ = "expert_topics"
    __table_args__ = table_args(UniqueConstraint("expert_id", "term"), Index(None, "term", "expert_id"))

    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id"))
    term: Mapped[str] = mapped_column(String(60))


class Namesakes(Row):
    """Two experts who look like the same person, but aren't, as a member of the desk decided."""

    __tablename__ = "namesakes"
    __table_args__ = table_args(
        UniqueConstraint("one_id", "other_id"), CheckConstraint("one_id < other_id", name="in_order")
    )

    one_id: Mapped[int] = mapped_column(ForeignKey("experts.id"))
    other_id: Mapped[int] = mapped_column(ForeignKey("experts.id"))
    said_by_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    said_at: Mapped[datetime]


class Upload(Row, HasPublicId, OfNewsletter):
    """An encrypted file that somebody previews before its import. It is deleted with the import or after an hour."""

    __tablename__ = "uploads"
    __table_args__ = table_args(Index(None, "ends_at"))

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    ends_at: Mapped[datetime]


class SignIn(Row):
    """A link to sign in with, and if a browser requested it, a code to type there.

    Several browsers can wait for the same mail. Then each has a row, and these have the same link and code.

    - `mail_due_at`: when the mail is sent;
    - `membership_id`: an invitation that is accepted by using the link or code;
    - `session_id`: a session in which using the link or code proves the person's identity again;
    - `is_known`: it was requested on a device where the person had signed in before;
    - `tries`: the number of wrong codes.
    """

    __tablename__ = "sign_ins"
    __table_args__ = table_args(
        implies_check("code_needs_browser", "code_mac IS NOT NULL", "browser_mac IS NOT NULL"),
        CheckConstraint("tries <= 10", name="tries_limited"),
        enum_check("door", DOORS),
    )

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    door: Mapped[str] = mapped_column(String(20))
    link_mac: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    code_mac: Mapped[bytes | None] = mapped_column(LargeBinary)
    browser_mac: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)
    tries: Mapped[int] = mapped_column(default=0)
    ends_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    membership_id: Mapped[int | None] = mapped_column(ForeignKey("memberships.id", ondelete="CASCADE"))
    session_id: Mapped[int | None] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    mail_due_at: Mapped[datetime | None]
    is_known: Mapped[bool] = mapped_column(default=False, server_default=false())


class BrowserSession(Row, HasPublicId):
    """A session of a signed-in browser. It is stored here instead of in the cookie, so that it can be ended.

    `stepped_up_at` is when the person last proved their identity, and `second_at` when they last used a second factor.
    `browser` ("Firefox on Linux") and `seen_at`, the last visit, are only stored for people of the desk.
    """

    __tablename__ = "sessions"
    __table_args__ = table_args(enum_check("door", DOORS))

    token_mac: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    door: Mapped[str] = mapped_column(String(20))
    began_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    browser: Mapped[str] = mapped_column(String(60), default="", server_default="")
    seen_at: Mapped[datetime | None]
    stepped_up_at: Mapped[datetime | None]
    second_at: Mapped[datetime | None]


# The columns that refer to what a link opens. Each link has one of them.
LINK_TARGETS = ("assignment_id", "letter_id", "translator_id")


class Link(Row):
    """A link or address for one thing, which works any number of times until it expires or is revoked.

    By `kind`: "page" opens the page of an assignment or a translator, "reply" is the reply address of an assignment,
    and "stop" stops mails to a reader.
    """

    __tablename__ = "links"
    __table_args__ = table_args(
        CheckConstraint(
            " + ".join(f"CASE WHEN {key} IS NULL THEN 0 ELSE 1 END" for key in LINK_TARGETS) + " = 1", name="opens_one"
        ),
        enum_check("kind", LINK_KINDS),
        Index(None, "assignment_id"),
        Index("ix_links_letter_id", "letter_id", **partial_index_options("letter_id IS NOT NULL")),
        Index(None, "translator_id"),
    )

    token_mac: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignments.id", ondelete="CASCADE"))
    letter_id: Mapped[int | None] = mapped_column(ForeignKey("letters.id", ondelete="CASCADE"))
    translator_id: Mapped[int | None] = mapped_column(ForeignKey("translators.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20), default="page", server_default="page")
    ends_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Factor(Row, HasPublicId):
    """A second factor of a member of the desk: a passkey, an authenticator app or a recovery code.

    `last_step` is the time step of the last code of an app that was accepted, so that no code is accepted twice.
    """

    __tablename__ = "factors"
    __table_args__ = table_args(
        enum_check("kind", FACTOR_KINDS),
        implies_check("passkey_whole", "kind = 'passkey'", "credential IS NOT NULL AND public_key IS NOT NULL"),
        implies_check("recovery_whole", "kind = 'recovery'", "code_mac IS NOT NULL"),
    )

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    credential: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    sign_count: Mapped[int | None] = mapped_column(BigInteger)
    secret_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_no: Mapped[int | None]
    last_step: Mapped[int | None]
    code_mac: Mapped[bytes | None] = mapped_column(LargeBinary)


class Identity(Row):
    """The account at the OpenID Connect provider with which a member of the desk signs in: one for each person.

    `subject_mac` is a keyed hash of issuer and subject; the subject itself is not stored.
    """

    __tablename__ = "identities"
    __table_args__ = table_args()

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), unique=True)
    subject_mac: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    bound_at: Mapped[datetime]


class ApiToken(Row, HasPublicId, OfNewsletter):
    """A token with which a program reads one newsletter's desk, in the name of the person who created it.

    `token_mac` is a keyed hash of the secret; it is NULL until the secret was shown, which happens once. `acts` are
    those of `permissions.TOKEN_ACTS` that the token permits, as far as the person's role grants them too. `used_on` is
    the day (UTC) of the last call.
    """

    __tablename__ = "api_tokens"
    __table_args__ = table_args(Index(None, "newsletter_id", "id"))

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    acts: Mapped[list[str]] = mapped_column(JSON)
    token_mac: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    used_on: Mapped[date | None]
