"""Mails to the people of the house: the ways in, and what the editor should know at once."""

from .letter import Message, Sender, compose, quote, short
from .words import N_, say

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
