"""The edited text goes back to the expert who wrote it: for the quote check, or with what was changed without one."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from ..message import Message, Sender, quote, short, signed
from ..message import shortened as by_its_ends
from ..translation import N_, hour, say
from .own import Own, own_words, worded

SHOWN = 160  # characters of a changed passage; all of the text follows below the list of changes

# What is wanted from the expert under each policy that has a quote check.
PLEASE_LOOK = {
    "facts": N_(
        "If it is right, you need do nothing: it runs as you see it. If a fact or your meaning is wrong, "
        "reply by %(until)s, or mark it here:"
    ),
    "approve": N_(
        "It won’t run without your yes. Answer “yes” to this mail and I’ll note it, by %(until)s; "
        "without it I keep the text for a later edition. You can also press “Approve” here:"
    ),
}

CHANGES = {
    (True, True): N_("%(number)d. “%(before)s” becomes “%(after)s”"),
    (True, False): N_("%(number)d. (cut) “%(before)s”"),
    (False, True): N_("%(number)d. (added) “%(after)s”"),
}


def quote_check(
    sender: Sender,
    to: str,
    name: str,
    *,
    headline: str,
    changes: Sequence[tuple[str, str, str]],
    full_text: str,
    words_before: int,
    words_after: int,
    policy: str,
    due_at: datetime,
    runs_on: date | None,
    link: str,
    own: Own | None = None,
) -> Message:
    """The edited text goes back to who wrote it. A change is (kind, before, after); an empty side means cut or added.

    `policy` is 'facts' or 'approve'; under 'off' no such mail exists, and KeyError is raised.
    """
    language = sender.language
    _ = say(language).gettext
    values = {"name": name, "newsletter": sender.newsletter, "headline": short(headline)}
    return signed(
        "expert.check",
        sender,
        to,
        name,
        _check_subject(sender, len(changes), due_at, runs_on, values, own),
        (
            worded("expert.check", "opening", language, own, values)
            + " "
            + _what_i_did(language, len(changes), words_before, words_after),
            _listed(language, changes),
            (_("Here is all of it as it will run on %(day)s:") % {"day": sender.day(runs_on)} if runs_on
             else _("Here is all of it as it will run:")),
            quote(full_text),
            _(PLEASE_LOOK[policy]) % {"until": sender.moment(due_at)} + f"\n{link}",
            _("Errors of fact and of meaning I mend, always, also after that day and after printing. "
              "The headline, the question and the length are mine to decide."),
        ),
    )  # fmt: skip


def shortened(
    sender: Sender,
    to: str,
    name: str,
    *,
    headline: str,
    changes: Sequence[tuple[str, str, str]],
    full_text: str,
    words_before: int,
    words_after: int,
) -> Message:
    """The text was approved with changes that its expert has not been shown: what they are, and how it will run."""
    language = sender.language
    _ = say(language).gettext
    return signed(
        "expert.shortened",
        sender,
        to,
        name,
        _("What I changed in your answer: %(headline)s") % {"headline": short(headline)},
        (
            _("your answer to “%(headline)s” is ready to run.") % {"headline": short(headline)}
            + " "
            + _what_i_did(language, len(changes), words_before, words_after),
            _listed(language, changes),
            _("Here is all of it as it will run:"),
            quote(full_text),
            _("You need do nothing. If a fact or your meaning has suffered, tell me by a reply: that I mend, always, "
              "also after printing."),
        ),
    )  # fmt: skip


def _check_subject(
    sender: Sender, changes: int, due_at: datetime, runs_on: date | None, values: Mapping[str, str], own: Own | None
) -> str:
    language = sender.language
    _, ngettext = say(language).gettext, say(language).ngettext
    about = _("Your answer for %(day)s") % {"day": sender.short_day(runs_on)} if runs_on else _("Your answer")
    said = ngettext("one change", "%(num)d changes", changes) % {"num": changes} if changes else _("no change")
    until = f"{sender.short_day(due_at)} {hour(language, due_at, sender.zone)}"
    named = own_words("expert.check", "subject", own, {**values, "about": about, "changes": said, "due": until})
    if named:
        return named
    subject = (
        _("%(about)s: %(changes)s, please look by %(until)s") if changes else _("%(about)s: please look by %(until)s")
    )
    return subject % {"about": about, "changes": said, "until": until}


def _what_i_did(language: str, changes: int, before: int, after: int) -> str:
    _, ngettext = say(language).gettext, say(language).ngettext
    if not changes:
        return _("I changed nothing in it.")
    listed = ngettext("I changed one thing:", "I changed %(num)d things:", changes) % {"num": changes}
    if after == before:
        return listed
    length = (
        _("I cut it from %(before)d to %(after)d words.")
        if after < before
        else _("It has grown from %(before)d to %(after)d words.")
    )
    return length % {"before": before, "after": after} + " " + listed


def _listed(language: str, changes: Sequence[tuple[str, str, str]]) -> str:
    return "\n".join(_change(language, number, change) for number, change in enumerate(changes, 1))


def _change(language: str, number: int, change: tuple[str, str, str]) -> str:
    _kind, before, after = change
    sentence = say(language).gettext(CHANGES[bool(before), bool(after)])
    return sentence % {"number": number, "before": by_its_ends(before, SHOWN), "after": by_its_ends(after, SHOWN)}
