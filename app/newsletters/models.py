from datetime import date
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from ..db import Editable, Public, Row, one_of, table

CHECK_POLICIES = ("off", "facts", "approve")
MARKS = ("straight", "typographic")


class Newsletter(Row, Public, Editable):
    """A newsletter's settings and house sentences.

    `rule` is an RFC 5545 recurrence rule whose dates are local in `zone`, at the local time `at` ("HH:MM"); the cut-off
    lies `cutoff_minutes` before an edition runs. `slots` is how many Q&As an edition takes, `words` how long an answer may
    be. `inbox` is where mails come in: "ask@steppe.example", or "*@reply.steppe.example" for a sub-domain of tokens; empty
    where none do. `list_address` is what editions are mailed from. Mails of `held_kinds` wait for a person; others can be
    stopped for `undo_seconds`. `digest_at` is when the desk's morning mail goes out ("HH:MM"). What came in is destroyed
    `raw_days` after filing. `check_hours` is how long an expert has for the quote check, `keep_days` how long a reader's address is kept at most.
    """

    __tablename__ = "newsletters"
    __table_args__ = table(one_of("check_policy", CHECK_POLICIES), one_of("marks", MARKS))

    slug: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    publisher: Mapped[str] = mapped_column(String(200))
    editor: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(35))
    languages: Mapped[list[str]] = mapped_column(JSON, default=list)
    address: Mapped[str] = mapped_column(String(320))
    dek: Mapped[str] = mapped_column(String(400), default="")
    imprint: Mapped[str] = mapped_column(String(400), default="")
    section: Mapped[str] = mapped_column(String(200))
    call: Mapped[str] = mapped_column(Text, default="")
    zone: Mapped[str] = mapped_column(String(60))
    rule: Mapped[str] = mapped_column(String(200))
    rule_start: Mapped[date]
    at: Mapped[str] = mapped_column(String(5))
    skips: Mapped[list[str]] = mapped_column(JSON, default=list)
    extra: Mapped[list[str]] = mapped_column(JSON, default=list)
    cutoff_minutes: Mapped[int] = mapped_column(default=2880)
    slots: Mapped[int] = mapped_column(default=2)
    words: Mapped[int] = mapped_column(default=180)
    marks: Mapped[str] = mapped_column(String(20), default="typographic")
    check_policy: Mapped[str] = mapped_column(String(20), default="facts")
    check_hours: Mapped[int] = mapped_column(default=48)
    keep_days: Mapped[int] = mapped_column(default=90)
    names_readers: Mapped[bool] = mapped_column(default=True)
    inbox: Mapped[str] = mapped_column(String(320), default="", server_default="")
    list_address: Mapped[str] = mapped_column(String(320), default="", server_default="")
    held_kinds: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    undo_seconds: Mapped[int] = mapped_column(default=60, server_default="60")
    acknowledges: Mapped[bool] = mapped_column(default=False, server_default=false())
    digest_at: Mapped[str] = mapped_column(String(5), default="07:30", server_default="07:30")
    raw_days: Mapped[int] = mapped_column(default=14, server_default="14")
    notes: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    public_version: Mapped[int] = mapped_column(default=1)


class NewsletterText(Row, Editable):
    """A house sentence that the newsletter words its own way; `kind` is e.g. `lead_in`, `ended.later`."""

    __tablename__ = "newsletter_texts"
    __table_args__ = table(UniqueConstraint("newsletter_id", "kind", "language"))

    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id"))
    kind: Mapped[str] = mapped_column(String(40))
    language: Mapped[str] = mapped_column(String(35))
    body: Mapped[str] = mapped_column(Text)


class Topic(Row):
    __tablename__ = "topics"
    __table_args__ = table(UniqueConstraint("newsletter_id", "slug"))

    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id"))
    slug: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(120))
