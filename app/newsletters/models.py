"""Tables of newsletters with their settings, of their own wordings and of topics.

A setting is a column with a label, help and checks. Forms, pages and the trail are made from these. A new setting needs
a column here and a migration; its effect is in the code that uses it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from ..core.fields import fields_of
from ..db.constraints import enum_check, table_args
from ..db.declarative import Editable, HasPublicId, OfNewsletter, Row
from ..mail.reply_address import checked_pattern, forward_address
from ..people.directory import checked_address
from ..text.translation import N_
from .keeping import Keeping
from .lifecycle import FIRST, STATES, NewsletterStates
from .setting_columns import NewsletterSetting, line, number, setting
from .setting_fields import (
    CHECKS,
    EMPTY_BY_DEFAULT,
    HOLDABLE,
    MAIL,
    MARKS,
    PROMISES,
    READS,
    SITES,
    WHEN,
    WHO,
    parse_time_of_day,
    validate_onion_address,
    validate_origin,
    validate_standing_call,
    validate_web_address,
)


@dataclass(frozen=True)
class Section:
    """A section of every edition: its name, the maximum of words of an answer, and the number of slots."""

    name: str
    words: int
    slots: int


DEFAULT_SECTION = "Questions and answers"  # not "Readers asked", which stands before the question too
USUAL_CUTOFF_MINUTES = 2 * 24 * 60


class Newsletter(Row, HasPublicId, Editable, NewsletterStates, Keeping):
    """A newsletter and its settings, in the order of their pages.

    - dek: what the newsletter is about, in one sentence.
    - paused_until: the local date on which a paused newsletter resumes by itself, if it is set.
    - rule, rule_start, zone, at: an RFC 5545 recurrence rule, the date it counts from, and the time zone and time
      ("HH:MM") of its dates.
    - skips, extra: dates on which no edition runs, and dates of additional ones.
    - cutoff_minutes: the time between the cut-off and the run of an edition.
    - section, words, slots: the name, words and slots of its only `Section`.
    - keep_days: after how many days a reader's address is erased.
    - inbox: "ask@steppe.example", or "*@reply.steppe.example" for a subdomain whose addresses hold tokens; empty if no
      mail comes in.
    - digest_at: the local time of the editors' morning mail, or empty.
    - raw_days: after how many days a mail in its original form is erased.
    """

    __tablename__ = "newsletters"
    __table_args__ = table_args(
        enum_check("check_policy", tuple(value for value, _label, _help in CHECKS)),
        enum_check("marks", ("straight", "typographic")),
        enum_check("state", (*STATES,)),
    )

    slug: Mapped[str] = mapped_column(String(60), unique=True)
    language: Mapped[str] = mapped_column(String(35))
    state: Mapped[str | None] = mapped_column(String(20), nullable=False, default=FIRST, server_default=FIRST)
    state_at: Mapped[datetime | None]
    paused_until: Mapped[date | None]
    steps_hidden_at: Mapped[datetime | None]  # when somebody dismissed the list of first steps

    name: Mapped[str] = line(WHO, N_("Name"))
    dek: Mapped[str] = line(
        WHO, N_("What it is about"), N_("One sentence under the name, for readers."), length=400, default=""
    )
    publisher: Mapped[str] = line(WHO, N_("Publisher"))
    editor: Mapped[str] = line(WHO, N_("Editor"), N_("Who signs the letters to experts."))
    address: Mapped[str] = line(
        WHO,
        N_("Address"),
        N_("Letters come from it, and replies go to it."),
        length=320,
        kind="email",
        check=checked_address,
    )
    imprint: Mapped[str] = line(WHO, N_("Imprint"), length=400, default="")
    languages: Mapped[list[str]] = setting(
        WHO,
        N_("Languages"),
        N_("Codes, separated by commas, e.g. en, ru, kk-Arab: the languages of the ask page."),
        "languages",
        default=list,
    )
    rule: Mapped[str] = line(WHEN, N_("Rhythm"), kind="rule")
    at: Mapped[str] = line(WHEN, N_("Time"), length=5, kind="time")
    zone: Mapped[str] = line(WHEN, N_("Time zone"), N_("E.g. Europe/Prague."), length=60, kind="zone")
    rule_start: Mapped[date] = setting(
        WHEN, N_("Counted from"), N_("The date from which every second week, for instance, is counted."), "date"
    )
    skips: Mapped[list[str]] = setting(
        WHEN,
        N_("Pauses"),
        N_("One per line: a day, or first and last day: 2026-07-01/2026-08-31."),
        "days",
        default=list,
    )
    extra: Mapped[list[str]] = setting(
        WHEN,
        N_("Extra dates"),
        N_("One per line: a day at the usual hour, or with its own: 2026-12-23T17:00."),
        "days",
        default=list,
    )
    cutoff_minutes: Mapped[int] = setting(
        WHEN, N_("Cut-off"), N_("Hours before it runs."), "hours", high=40_320, default=USUAL_CUTOFF_MINUTES
    )
    slots: Mapped[int] = number(WHEN, N_("Slots"), N_("How many Q&As a new edition takes."), low=1, high=12, default=2)
    section: Mapped[str] = line(READS, N_("Section"), N_("Printed before each headline."))
    call: Mapped[str] = setting(
        READS,
        N_("Standing call"),
        N_("The standing call for questions; {address} is filled in."),
        "text",
        check=validate_standing_call,
        default="",
    )
    words: Mapped[int] = number(READS, N_("Words"), N_("How long an answer may be."), low=20, high=2_000, default=180)
    marks: Mapped[str] = setting(
        READS, N_("Quotation marks"), "", "choice", length=20, options=MARKS, default="typographic"
    )
    names_readers: Mapped[bool] = setting(
        READS,
        N_("Readers who want it are named"),
        N_("Only with their consent and after a check."),
        "tick",
        default=True,
    )
    notes: Mapped[list[dict[str, Any]]] = setting(
        PROMISES,
        N_("Notes to readers in one country"),
        N_(
            "What they should know before they send. A paragraph each: “Uzbekistan, 2026-10-12”, the country and the "
            "day on which you checked it; below it a line for each language, “en: Don’t use a phone of your workplace.”"
        ),
        "notes",
        default=list,
    )
    check_policy: Mapped[str] = setting(
        PROMISES, N_("Quote check"), "", "choice", length=20, options=CHECKS, default="facts"
    )
    check_hours: Mapped[int] = number(
        PROMISES,
        N_("Time to check"),
        N_(
            "Hours that an expert has for it. It ends on a weekday between 9:00 and 17:00 in the newsletter’s time "
            "zone, and before the cut-off if that leaves a day for it."
        ),
        low=1,
        high=336,
        default=48,
    )
    keep_days: Mapped[int] = number(
        PROMISES,
        N_("Readers’ addresses"),
        N_("Latest erasure of a reader’s address, in days."),
        low=1,
        high=365,
        default=90,
    )
    onion: Mapped[str] = line(
        PROMISES,
        N_("Onion address"),
        N_("For this site or your SecureDrop: http://, 56 letters and digits, .onion. Readers see it."),
        length=200,
        check=validate_onion_address,
        **EMPTY_BY_DEFAULT,
    )
    leave_to: Mapped[str] = line(
        PROMISES,
        N_("Where “Leave this page” leads"),
        N_("An https address that says nothing about its reader. The link is at the top of each page for readers."),
        length=200,
        check=validate_web_address,
        **EMPTY_BY_DEFAULT,
    )
    framed_by: Mapped[list[str]] = setting(
        SITES,
        N_("Sites that may show them"),
        N_(
            "One per line, e.g. https://news.example: the whole origin as browsers know it, without a path or a star. "
            "Browsers show your frames on no other site."
        ),
        "lines",
        check=validate_origin,
        default=list,
        server_default="[]",
    )
    inbox: Mapped[str] = line(
        MAIL,
        N_("Where mail comes in"),
        N_(
            "E.g. ask@steppe.example; or *@reply.steppe.example for a whole domain. Replies are then matched to our "
            "mails. Empty: no mail comes in."
        ),
        length=320,
        check=checked_pattern,
        **EMPTY_BY_DEFAULT,
    )
    list_address: Mapped[str] = line(
        MAIL,
        N_("The newsletter’s own sender"),
        N_("The address your editions are mailed from, so that one that arrives here is recognised."),
        length=320,
        kind="email",
        check=checked_address,
        **EMPTY_BY_DEFAULT,
    )
    acknowledges: Mapped[bool] = setting(
        MAIL,
        N_("Readers who mail a question hear that it arrived"),
        N_(
            "Once a day to each address, without a word of what they asked. Anyone who watches their mail sees that "
            "they wrote to you. Only a mail whose sender our server has checked is answered."
        ),
        "tick",
        default=False,
        server_default=false(),
    )
    digest_at: Mapped[str] = line(
        MAIL,
        N_("Morning mail"),
        N_(
            "When the editors’ one mail of the morning goes out, e.g. 07:30, on days when there is something to say. "
            "Empty: none."
        ),
        length=5,
        check=parse_time_of_day,
        default="07:30",
        server_default="07:30",
    )
    undo_seconds: Mapped[int] = number(
        MAIL,
        N_("Time to undo"),
        N_("Seconds in which a mail that you cause can be stopped: 0 to 600."),
        low=0,
        high=600,
        default=60,
        server_default="60",
    )
    raw_days: Mapped[int] = number(
        MAIL,
        N_("Mails as they came"),
        N_(
            "Days after filing until the original mail is destroyed: 1 to 90. Until then it is kept sealed and can be "
            "read again."
        ),
        low=1,
        high=90,
        default=14,
        server_default="14",
    )
    held_kinds: Mapped[list[str]] = setting(
        MAIL,
        N_("Mails that wait for a second person"),
        N_("They stay in the outbox until an editor sends them."),
        "ticks",
        options=HOLDABLE,
        default=list,
        server_default="[]",
    )

    @property
    def forwards_to(self) -> str:
        """Return the address to which the desk forwards readers' mails, or "" if no mail comes in."""
        return forward_address(self.inbox) if self.inbox else ""

    @property
    def sections(self) -> tuple[Section, ...]:
        """Return the sections of its editions, in order; `Question.section` is an index into them."""
        return (Section(self.section, self.words, self.slots),)


SETTINGS: dict[str, NewsletterSetting] = fields_of(Newsletter)


class NewsletterText(Row, Editable, OfNewsletter):
    """A newsletter's own wording of a sentence of the product. `kind` is "lead_in" or "ended.later", for example."""

    __tablename__ = "newsletter_texts"
    __table_args__ = table_args(UniqueConstraint("newsletter_id", "kind", "language"))

    kind: Mapped[str] = mapped_column(String(40))
    language: Mapped[str] = mapped_column(String(35))
    body: Mapped[str] = mapped_column(Text)


class Topic(Row, OfNewsletter):
    __tablename__ = "topics"
    __table_args__ = table_args(UniqueConstraint("newsletter_id", "slug"))

    slug: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(120))
