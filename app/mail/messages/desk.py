"""Mails to the people of the house: the ways in, and what the editor should know at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from ..message import Message, Sender, compose, quote, short
from ..translation import N_, say

HOUSE = "Readers Asked"

# Subject and first line of what the desk is told, by what the expert did.
NOTICES = {
    "answer": (
        N_("%(expert)s has answered: %(headline)s"),
        N_("%(expert)s has answered “%(headline)s”. The text begins:"),
    ),
    "declined": (
        N_("%(expert)s can’t answer: %(headline)s"),
        N_("%(expert)s won’t answer “%(headline)s”, and gave this reason:"),
    ),
    "objection": (
        N_("%(expert)s says something is wrong: %(headline)s"),
        N_("%(expert)s looked at the edited answer to “%(headline)s” and says that something is wrong:"),
    ),
    "fine": (
        N_("%(expert)s says it is right: %(headline)s"),
        N_("%(expert)s looked at the edited answer to “%(headline)s” and says that it can run as it is."),
    ),
    "withdrawn": (
        N_("%(expert)s takes the answer back: %(headline)s"),
        N_("%(expert)s takes the answer to “%(headline)s” back, and says:"),
    ),
    "suggestion": (
        N_("%(expert)s suggests somebody else: %(headline)s"),
        N_("%(expert)s suggests somebody else for “%(headline)s”:"),
    ),
    "question back": (
        N_("%(expert)s asks you something: %(headline)s"),
        N_("%(expert)s has a question before answering “%(headline)s”:"),
    ),
}


def sign_in(language: str, to: str, name: str, link: str, code: str, minutes: int) -> Message:
    """The way in for somebody who has just asked for it; `minutes` is how long it opens."""
    words = say(language)
    _ = words.gettext
    return compose(
        "sign_in",
        language,
        to,
        name,
        _("Your way in"),
        (
            _("Hello %(name)s,") % {"name": name},
            _("this opens a page with a button that signs you in, in the browser where you asked for it:")
            + f"\n{link}",
            _("In any other browser, type this code there:") + f"\n{code[:4]} {code[4:]}".rstrip(),
            words.ngettext("Both work once, within %(num)d minute.", "Both work once, within %(num)d minutes.", minutes)
            % {"num": minutes},
            _("If you didn’t ask for this, somebody may have typed your address by mistake. You need do nothing."),
        ),
        HOUSE,
    )


def staff_invitation(language: str, to: str, name: str, newsroom: str, link: str, days: int) -> Message:
    """The first way in for somebody who joins the desk."""
    words = say(language)
    _ = words.gettext
    return compose(
        "staff.invitation",
        language,
        to,
        name,
        _("Your place at the desk of %(newsroom)s") % {"newsroom": newsroom},
        (
            _("Hello %(name)s,") % {"name": name},
            _("%(newsroom)s has made you an account at its desk for readers’ questions. Come in here:")
            % {"newsroom": newsroom}
            + f"\n{link}",
            words.ngettext(
                "The link works once, within %(num)d day. There is no password: later a mail like this lets you in.",
                "The link works once, within %(num)d days. There is no password: later a mail like this lets you in.",
                days,
            )
            % {"num": days},
            _("If you don’t know why you get this, ask your newsroom before you press anything."),
        ),
        newsroom,
    )


def mention(language: str, to: str, name: str, newsletter: str, who: str, link: str) -> Message:
    """A colleague calls somebody to a question. Neither the note nor a word of the question is in it."""
    _ = say(language).gettext
    values = {"who": who, "newsletter": newsletter}
    return compose(
        "desk.mention",
        language,
        to,
        name,
        _("%(who)s calls you to a question: %(newsletter)s") % values,
        (
            _("Hello %(name)s,") % {"name": name},
            _("%(who)s has called you in a note on a question of %(newsletter)s. The note stands at the desk:") % values
            + f"\n{link}",
        ),
        newsletter,
    )


def letter_withdrawn(sender: Sender, to: str, name: str, runs_unnamed: bool, link: str) -> Message:
    """A reader has taken a letter back that was filed to a question. Not a word of the letter is left to repeat."""
    _ = say(sender.language).gettext
    return compose(
        "desk.letter_withdrawn",
        sender.language,
        to,
        name,
        _("A reader has taken a letter back"),
        (
            _("A reader has taken back a letter that was filed to a question. Its words and contact are erased."),
            _("The edition is locked, so the question runs, without a name.")
            if runs_unnamed
            else _("Where nobody else asks, the question is closed and its wording erased as well."),
            _("It is here:") + f"\n{link}",
        ),
        sender.newsletter,
    )


def desk_notice(
    sender: Sender, to: str, name: str, kind: str, expert: str, headline: str, said: str | None, link: str
) -> Message:
    """What an expert did, for the editor. `kind` is a key of `NOTICES`; KeyError for any other."""
    _ = say(sender.language).gettext
    subject, opening = NOTICES[kind]
    values = {"expert": expert, "headline": short(headline)}
    return compose(
        f"desk.{kind.replace(' ', '_')}",
        sender.language,
        to,
        name,
        _(subject) % values,
        (_(opening) % values, quote(said or ""), _("It is here:") + f"\n{link}"),
        sender.newsletter,
    )


def mail_waits(
    sender: Sender, to: str, name: str, expert: str, headline: str, cutoff_at: datetime, link: str
) -> Message:
    """A mail waits to be filed, and the cut-off is near. `expert` is empty where nobody knows yet who wrote it."""
    _ = say(sender.language).gettext
    values = {
        "expert": expert or _("Somebody"),
        "headline": short(headline),
        "until": sender.moment(cutoff_at),
    }
    return compose(
        "desk.mail_waits",
        sender.language,
        to,
        name,
        _("%(expert)s has mailed you: %(headline)s") % values,
        (
            _("%(expert)s has mailed something on “%(headline)s”. It waits to be filed; the cut-off is %(until)s.")
            % values,
            _("It is here:") + f"\n{link}",
        ),
        sender.newsletter,
    )


def mail_failed(
    sender: Sender, to: str, name: str, expert: str, headline: str, said: str, cutoff_at: datetime, link: str
) -> Message:
    """A mail to an expert did not arrive, and the cut-off is near. `said` is what the other server answered."""
    _ = say(sender.language).gettext
    values = {
        "expert": expert,
        "headline": short(headline),
        "until": sender.moment(cutoff_at),
    }
    return compose(
        "desk.mail_failed",
        sender.language,
        to,
        name,
        _("A mail to %(expert)s didn’t arrive: %(headline)s") % values,
        (
            _("A mail to %(expert)s about “%(headline)s” didn’t arrive; the cut-off is %(until)s.") % values,
            _("The other server said:") if said else None,
            quote(said),
            _("See what can be done, perhaps by phone:") + f"\n{link}",
        ),
        sender.newsletter,
    )


def edition_missing(sender: Sender, to: str, name: str, runs_at: datetime, link: str) -> Message:
    """A locked edition should have run and nobody has said that it did. The editor is asked once."""
    _ = say(sender.language).gettext
    on = {"day": sender.day(runs_at)}
    return compose(
        "desk.edition_missing",
        sender.language,
        to,
        name,
        _("Has the edition of %(day)s gone out?") % on,
        (
            _("The edition of %(day)s is locked and should have run two hours ago. It has not been marked as sent.") % on,
            _("If it has gone out, mark it: then its answers are public, and the experts and readers hear of it. "
              "If it hasn’t, you can unlock it and change the date.")
            + f"\n{link}",
            _("You are asked only this once."),
        ),
        sender.newsletter,
    )  # fmt: skip


@dataclass(frozen=True)
class Section:
    """A part of the morning mail: `kind` is a key of `DIGEST`, `number` how many there are, `lines` the first of them."""

    kind: str
    number: int
    lines: tuple[str, ...]
    link: str


DIGEST = {
    "failed": (N_("One mail can’t be delivered"), N_("%(num)d mails can’t be delivered")),
    "late": (N_("One expert is late"), N_("%(num)d experts are late")),
    "answers": (N_("One answer has arrived"), N_("%(num)d answers have arrived")),
    "checks": (N_("One quote check has ended"), N_("%(num)d quote checks have ended")),
    "refusals": (N_("One expert said no"), N_("%(num)d experts said no")),
    "letters": (N_("One letter to file"), N_("%(num)d letters to file")),
    "held": (N_("One held letter to look at"), N_("%(num)d held letters to look at")),
    "pen": (N_("One mail in the holding pen"), N_("%(num)d mails in the holding pen")),
    "slots": (N_("One slot is still open"), N_("%(num)d slots are still open")),
}


def digest(
    sender: Sender, to: str, name: str, on: date, sections: Sequence[Section], cutoff_at: datetime | None, settings: str
) -> Message:
    """The desk's one mail of the morning: counts, the first lines of each, and where they are. No reader's word is in it.

    `cutoff_at` is that of the coming edition; `settings` is where the mail can be switched off.
    """
    _ = say(sender.language).gettext
    when = _("The next cut-off is %(until)s.") % {"until": sender.moment(cutoff_at)} if cutoff_at else None
    return compose(
        "desk.digest",
        sender.language,
        to,
        name,
        _("%(newsletter)s, %(day)s: what waits") % {"newsletter": sender.newsletter, "day": sender.short_day(on)},
        (
            when,
            *(_section(sender.language, section) for section in sections),
            _("This mail comes on days when there is something to say. Switch it off here:") + f"\n{settings}",
        ),
        sender.newsletter,
    )


def _section(language: str, section: Section) -> str:
    ngettext = say(language).ngettext
    title = ngettext(*DIGEST[section.kind], section.number) % {"num": section.number}
    more = section.number - len(section.lines)
    rest = ngettext("and one more", "and %(num)d more", more) % {"num": more} if section.lines and more > 0 else None
    return "\n".join(
        filter(None, (f"{title}:", *(f"- {line}" for line in section.lines), rest and f"- {rest}", section.link))
    )
