"""The table of all kinds of mail, with their names for the desk, their urgency, and their rewordable parts.

The text of each kind is a file of the same name in `templates`. A new kind is one such file and one row here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from ..text.translation import N_
from . import mail_values
from .lifecycle import ENDED, STATES

LIFETIME = timedelta(days=5)  # as long as mail servers try (RFC 5321, section 4.5.4.1: at least 4 to 5 days)
GENERATED = "auto-generated"
REPLIED = "auto-replied"
DAY = timedelta(days=1)

# Why a mail is sent to an expert: to ask for something, to announce another edition or date, or for any other news.
Purpose = Literal["ask", "reschedule", "inform"]

# The states in which the contents of a mail are deleted.
NEVER = frozenset[str]()
WHEN_ENDED = frozenset(ENDED)  # sent, failed, discarded or expired
WHEN_SETTLED = frozenset(STATES.which("is_settled"))  # only sent or discarded: a failed or expired mail can be retried


@dataclass(frozen=True)
class RewordablePart:
    """A part of a mail, a block of its template, that a newsletter may reword.

    A wording of it may use the `placeholders`, and must use the `required` ones.
    """

    placeholders: tuple[str, ...]
    required: tuple[str, ...] = ()


@dataclass(frozen=True)
class MailKind:
    """A row of the table.

    `name` is the desk's name for the kind, empty if the desk never sees it. `values_class` is the class of its values.
    `lane` 0 is delivered before all others. `lifetime` is how long after its due time a mail is still worth sending.
    `is_recurring` marks mails to subscribers, which get a List-Id if they can be unsubscribed from (RFC 2919).
    `automatic` is the Auto-Submitted value (RFC 3834, section 5) of mails that nobody at the desk wrote.
    The contents are deleted when the mail reaches one of the states in `erase_in`, for example because they include a
    sign-in link or a reader's address. Mails to experts have a `purpose`: unsent mails with the purpose "ask" are
    recalled when the assignment ends, and those with "reschedule" when the change of date is undone. With `is_padded`,
    mails are padded, so that their sizes reveal neither the language nor what became of a letter.

    A kind with a `template_kind` uses the template and the parts of that kind. A newsletter may reword the `parts`;
    `fixed_note` tells the editor what the mail says in any case. The preview shows the mail once for each of
    `examples`, with the values in the example and those in `EXAMPLES` for its class. A timedelta among the values is
    added to the time of the preview.
    """

    name: str
    values_class: type[mail_values.Values]
    erase_in: frozenset[str]
    purpose: Purpose | None = None
    lane: int = 1
    lifetime: timedelta = LIFETIME
    automatic: str = ""
    is_recurring: bool = False
    is_padded: bool = False
    template_kind: str = ""
    parts: Mapping[str, RewordablePart] = field(default_factory=dict)
    fixed_note: str = ""
    examples: tuple[Mapping[str, Any], ...] = ({},)


def _expert_part(extra_placeholders: str = "", required: str = "") -> RewordablePart:
    """Return a part of a mail to an expert; the arguments are names of placeholders, separated by spaces."""
    return RewordablePart(("name", "newsletter", "headline", *extra_placeholders.split()), tuple(required.split()))


def _expert_mail(
    name: str,
    purpose: Purpose,
    values_class: type[mail_values.Values] = mail_values.AssignmentMail,
    *,
    erase_in: frozenset[str],
    **options: Any,
) -> MailKind:
    return MailKind(name, values_class, erase_in, purpose, **options)


def _desk_mail(name: str, **options: Any) -> MailKind:
    """Return the kind of a mail that tells editors what an expert, a translator or a reader did."""
    return MailKind(name, mail_values.DeskMail, NEVER, automatic=GENERATED, **options)


def _reader_news(name: str, **options: Any) -> MailKind:
    """Return the kind of a mail that tells a reader what became of their letter."""
    return MailKind(
        name, mail_values.LetterMail, lane=2, automatic=GENERATED, erase_in=WHEN_SETTLED, is_padded=True, **options
    )


_NEWS_PART = RewordablePart(("newsletter",))
_REASON_PARTS = {"subject": _expert_part(), "body": _expert_part("why", "why")}
_REASON_EXAMPLES = ({"typed": N_("The edition is full this time.")},)

# Fictitious values for the examples of each class; `mail_templates.render_examples` adds the links.
LEYLA = N_("Leyla Aydın")
_SALT = {
    "headline": N_("The Salt Wind"),
    "due_at": 6 * DAY,
    "runs_on": 10 * DAY,
    "typed": N_("Who measures the salt in the wind?"),
}
EXAMPLES: dict[type[mail_values.Values], Mapping[str, Any]] = {
    mail_values.AccountMail: {"code": "12345678", "minutes": 10, "days": 3, "stays": 14, "idle": 24},
    mail_values.AssignmentMail: _SALT,
    mail_values.InvitationMail: {
        **_SALT,
        "wording": N_("Who measures the salt in the wind?"),
        "background": None,
        "brief": None,
        "words": 180,
        "reply_by": 3 * DAY,
        "lead_in": N_("To find out more, I asked Leyla Aydın, soil scientist:"),
        "policy": "facts",
        "check_until": 8 * DAY,
        "asked_others": 0,
    },
    mail_values.EditedTextMail: {
        **_SALT,
        "edits": [(N_("a number of plates"), N_("forty plates"))],
        "words_before": 214,
        "words_after": 169,
        "full_text": N_("We put up forty plates and count what falls on them."),
        "policy": "facts",
        "due_at": 2 * DAY,
        "runs_on": 4 * DAY,
    },
    mail_values.TranslatorMail: {"language": "fa", "words": 180},
    mail_values.LinksMail: {"pages": (mail_values.PageLink(N_("The Salt Wind"), "https://ask.example.org/a/x"),)},
    mail_values.AddressMail: {},
    mail_values.LetterMail: {"opening": "answered", "receipt": "1234" * 5},
    mail_values.DeskMail: {"who": LEYLA, "headline": N_("The Salt Wind"), "cutoff_at": 2 * DAY},
    mail_values.RemovalMail: {"who": LEYLA, "works": ()},
    mail_values.EditionMail: {"runs_at": 0 * DAY},
    mail_values.EditionCopy: {"title": N_("The Salt Wind"), "text": N_("The answer goes here.")},
    mail_values.TestMail: {"site": "ask.example.org"},
    mail_values.MorningMail: {"on": 0 * DAY, "sections": (), "cutoff_at": 2 * DAY, "head": "7c1e 09af 44d2 8b10 e3f5"},
}

KINDS = {
    "sign_in": MailKind(
        "", mail_values.AccountMail, lane=0, lifetime=timedelta(minutes=10), automatic=GENERATED, erase_in=WHEN_ENDED
    ),
    "house.test": MailKind("", mail_values.TestMail, lane=0, lifetime=DAY, erase_in=WHEN_ENDED),
    "staff.invitation": MailKind(
        N_("Invitation to the desk"), mail_values.AccountMail, automatic=GENERATED, erase_in=WHEN_ENDED
    ),
    "expert.invitation": _expert_mail(
        N_("Invitation"),
        "ask",
        mail_values.InvitationMail,
        erase_in=NEVER,
        parts={
            "subject": _expert_part("words due", "due"),
            "opening": _expert_part(),
            "closing": _expert_part("reply_by", "reply_by"),
        },
        fixed_note=N_(
            "It always has the question, length and date, the line before the answer, the link, the terms, and "
            "how to check that the mail is from you."
        ),
    ),
    "expert.invitation_again": _expert_mail(N_("Invitation, with a new link"), "ask", erase_in=NEVER),
    "expert.reminder": _expert_mail(
        N_("Reminder before the date"),
        "ask",
        erase_in=NEVER,
        lifetime=DAY,
        automatic=GENERATED,
        parts={
            "subject": _expert_part("due"),
            "body": _expert_part("due link", "due link"),
            "silent": _expert_part("due link", "due link"),
        },
        examples=({"due_at": 2 * DAY}, {"silent": True}),
    ),
    "expert.overdue": _expert_mail(
        N_("Reminder after the date"),
        "ask",
        erase_in=NEVER,
        lifetime=DAY,
        automatic=GENERATED,
        parts={"subject": _expert_part("due"), "body": _expert_part("due link", "link")},
        examples=({"due_at": -DAY},),
    ),
    "expert.returned": _expert_mail(N_("Text sent back"), "ask", erase_in=NEVER),
    # If a reader withdrew the question, this mail would be the last record of its words.
    "expert.cancelled": _expert_mail(N_("No longer needed"), "inform", erase_in=WHEN_ENDED),
    "expert.check": _expert_mail(
        N_("Quote check"),
        "ask",
        mail_values.EditedTextMail,
        erase_in=NEVER,
        parts={"subject": _expert_part("about changes due", "due"), "opening": _expert_part()},
        fixed_note=N_("It always has the list of changes, the whole text, what silence means, the date and the link."),
    ),
    # These two contain links, or an address that is out of use.
    "expert.links": _expert_mail(N_("Links again"), "inform", mail_values.LinksMail, erase_in=WHEN_ENDED),
    "expert.address_changed": _expert_mail(
        N_("New address (notice to the old one)"), "inform", mail_values.AddressMail, lane=0, erase_in=WHEN_ENDED
    ),
    "expert.letter": _expert_mail(N_("A letter from you"), "inform", erase_in=NEVER),
    "expert.published": _expert_mail(
        N_("Thanks, with the link"),
        "inform",
        erase_in=NEVER,
        lane=2,
        automatic=GENERATED,
        parts={"subject": _expert_part("day"), "body": _expert_part("day link", "link")},
        examples=({"runs_on": 0 * DAY},),
    ),
    "expert.carried_over": _expert_mail(
        N_("Moved to a later edition"),
        "reschedule",
        erase_in=NEVER,
        lane=2,
        parts={"subject": _expert_part("day"), "body": _expert_part("day", "day")},
        examples=({"runs_on": 14 * DAY},),
    ),
    "expert.moved": _expert_mail(
        N_("Another date for the edition"),
        "reschedule",
        erase_in=NEVER,
        lane=2,
        parts={
            "subject": _expert_part("day"),
            "body": _expert_part("day due", "day due"),
            "checking": _expert_part("day due", "day due"),
            "settled": _expert_part("day", "day"),
        },
        examples=(
            {"runs_on": 17 * DAY, "due_at": 13 * DAY},
            {"runs_on": 17 * DAY, "due_at": None, "check_until": 14 * DAY},
            {"runs_on": 17 * DAY, "due_at": None},
        ),
    ),
    "expert.shortened": _expert_mail(
        N_("Shortened after the check"), "inform", mail_values.EditedTextMail, erase_in=NEVER
    ),
    "expert.corrected": _expert_mail(
        N_("A correction of what ran"),
        "inform",
        erase_in=NEVER,
        examples=({"typed": N_("We wrote that the plates were put up in 2008. It was in 2009.")},),
    ),
    # The mail says that there was another text, and so leads to the removed words (docs/adr/0022-corrections.md).
    "expert.reworded": _expert_mail(N_("Reworded for somebody’s safety"), "inform", erase_in=WHEN_ENDED),
    "expert.dropped": _expert_mail(
        N_("Why it didn’t run"), "reschedule", erase_in=NEVER, lane=2, parts=_REASON_PARTS, examples=_REASON_EXAMPLES
    ),
    "expert.ran_without": _expert_mail(
        N_("It ran without their text"),
        "inform",
        erase_in=NEVER,
        lane=2,
        parts={"subject": _expert_part(), "body": _expert_part("day", "day")},
        fixed_note=N_("It always says whether a text is kept for a later edition."),
        examples=({"runs_on": 0 * DAY, "kept": True}, {"runs_on": 0 * DAY}),
    ),
    # If a reader withdrew the question, this mail would be the last record of its words.
    "expert.not_used": _expert_mail(
        N_("It won’t run"), "inform", erase_in=WHEN_ENDED, lane=2, parts=_REASON_PARTS, examples=_REASON_EXAMPLES
    ),
    # The mail contains the translator's address and link.
    "translator.invitation": MailKind(
        N_("A text to translate"),
        mail_values.TranslatorMail,
        erase_in=WHEN_ENDED,
        examples=({}, {"of_answer": True}, {"of_answer": True, "again": True}),
    ),
    "translator.links": MailKind(
        N_("Links again"), mail_values.LinksMail, erase_in=WHEN_ENDED, template_kind="expert.links"
    ),
    "reader.once": _reader_news(N_("News for a reader, the only mail"), template_kind="reader.news"),
    "reader.news": _reader_news(
        N_("News for a reader"),
        is_recurring=True,
        parts={"subject": _NEWS_PART, "answered": _NEWS_PART, "ended": _NEWS_PART, "joined": _NEWS_PART},
        fixed_note=N_("The link, and what happens to the address, are always below it. The question is never in it."),
        examples=(
            {"opening": "answered"},
            {
                "opening": "ended",
                "sentence": N_("It is a good question, but not one for the coming editions. We keep it in mind."),
            },
            {"opening": "joined"},
        ),
    ),
    "reader.acknowledgement": MailKind(
        N_("A reader’s mail has arrived"),
        mail_values.LetterMail,
        lane=2,
        lifetime=DAY,
        automatic=REPLIED,
        erase_in=WHEN_ENDED,
        is_padded=True,
        parts={"subject": _NEWS_PART, "body": _NEWS_PART},
        fixed_note=N_("The number, where to type it and how to stop our mails are always below it."),
    ),
    "desk.answer": _desk_mail(N_("An answer is here")),
    "desk.declined": _desk_mail(N_("An expert said no")),
    "desk.translation": _desk_mail(N_("A translation is here")),
    "desk.translator_declined": _desk_mail(N_("A translator said no")),
    "desk.objection": _desk_mail(N_("An expert objects")),
    "desk.withdrawn": _desk_mail(N_("An answer was withdrawn")),
    "desk.letter_withdrawn": _desk_mail(N_("A letter was taken back")),
    "desk.fine": _desk_mail(N_("An expert agrees")),
    "desk.suggestion": _desk_mail(N_("A colleague was suggested")),
    "desk.question_back": _desk_mail(N_("An expert asks back")),
    # The mail is the last one that names the expert.
    "desk.removed": MailKind(
        N_("An expert removed themself"), mail_values.RemovalMail, WHEN_ENDED, automatic=GENERATED
    ),
    "desk.mention": _desk_mail(N_("Mentioned in a note")),
    "desk.mail_waits": _desk_mail(N_("A mail from an expert is waiting to be filed"), lifetime=DAY),
    "desk.mail_failed": _desk_mail(N_("A mail can’t be delivered"), lifetime=DAY),
    "desk.edition_missing": MailKind(
        N_("Has the edition gone out?"), mail_values.EditionMail, NEVER, lifetime=DAY, automatic=GENERATED
    ),
    # The mail contains what readers asked, and may not outlive a withdrawal in the outbox.
    "desk.edition_copy": MailKind(
        N_("An edition, to look at"),
        mail_values.EditionCopy,
        WHEN_ENDED,
        lane=0,
        lifetime=timedelta(minutes=10),
        automatic=GENERATED,
    ),
    "desk.factors_reset": MailKind(
        N_("Second factors were removed"), mail_values.DeskMail, WHEN_ENDED, automatic=GENERATED
    ),
    "desk.program_paused": _desk_mail(N_("Another program no longer gets events")),
    # The mail contains headlines, which may have to be erased.
    "desk.digest": MailKind(
        N_("The morning’s mail"),
        mail_values.MorningMail,
        lifetime=DAY,
        automatic=GENERATED,
        is_recurring=True,
        erase_in=WHEN_ENDED,
    ),
}


def list_kinds_with_purpose(purpose: Purpose) -> list[str]:
    """Return the kinds of mails to experts that are sent for this purpose."""
    return [name for name, kind in KINDS.items() if kind.purpose == purpose]
