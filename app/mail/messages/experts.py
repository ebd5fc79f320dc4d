"""The editor's letters to an expert until the answer is there. Each has one link at most, and takes a reply."""

from collections.abc import Iterable
from datetime import date, datetime

from ..message import Message, Sender, quote, short, signed
from ..translation import N_, say
from .own import Own, own_words, worded

# By policy, and whether the expert can be told until when.
HOW_IT_GOES_ON = {
    ("facts", True): N_(
        "How it goes on: I may shorten. You see the edited text and have until %(until)s to tell me what is wrong; "
        "if I hear nothing, it runs as you saw it."
    ),
    ("facts", False): N_(
        "How it goes on: I may shorten. You see the edited text, with a date by which to tell me what is wrong; "
        "if I hear nothing, it runs as you saw it."
    ),
    ("approve", True): N_(
        "How it goes on: I may shorten. You see the edited text, and it won’t run without your yes. "
        "You have until %(until)s; without it I keep the text for a later edition."
    ),
    ("approve", False): N_(
        "How it goes on: I may shorten. You see the edited text, and it won’t run without your yes."
    ),
    ("off", False): N_("How it goes on: I may edit for length and clarity; I won’t change your meaning."),
}


def invitation(
    sender: Sender,
    to: str,
    name: str,
    *,
    wording: str,
    background: str | None,
    brief: str | None,
    words: int,
    reply_by: datetime,
    due_at: datetime,
    runs_on: date | None,
    lead_in: str,
    policy: str,
    check_until: datetime | None,
    link: str,
    asked_others: int,
    readers: int,
    verify: str | None = None,
    pay: str | None = None,
    rights: str | None = None,
    headline: str | None = None,
    own: Own | None = None,
) -> Message:
    """The request itself, complete without a click.

    `lead_in` is the line before the answer as it would run; `policy` is 'facts', 'approve' or 'off'; `check_until` belongs
    to the first two. `verify`, `pay` and `rights` are the newsletter's own sentences; without them the house says that it
    doesn't pay, that words stay their writer's, and how to check who writes.
    """
    language = sender.language
    _, ngettext = say(language).gettext, say(language).ngettext
    title, on = short(headline or ""), sender.short_day(due_at)
    by = {"num": words, "day": on, "headline": title}
    values = {"name": name, "newsletter": sender.newsletter, "headline": title}
    return signed(
        "expert.invitation",
        sender,
        to,
        name,
        (own_words("expert.invitation", "subject", own if headline else None,
                   values | {"words": str(words), "due": on})
         or (_("Readers’ question on “%(headline)s”: about %(num)d words by %(day)s?") if headline
             else _("A question from readers: about %(num)d words by %(day)s?")) % by),
        (
            own_words("expert.invitation", "opening", own, values) or ngettext(
                "I write %(newsletter)s. A reader asked something that you can answer better than I could:",
                "I write %(newsletter)s. %(num)d readers asked something that you can answer better than I could:",
                max(readers, 1),
            )
            % {"newsletter": sender.newsletter, "num": readers},
            quote(wording),
            _("Some background: %(text)s") % {"text": background} if background else None,
            _("What would help most: %(text)s") % {"text": brief} if brief else None,
            _("Could you answer in about %(num)d words, in your own words, by %(until)s?")
            % {"num": words, "until": sender.moment(due_at)}
            + " "
            + (_("It would run on %(day)s, after this line:") % {"day": sender.day(runs_on)} if runs_on
               else _("It would run after this line:")),
            quote(lead_in),
            _("Please correct that line if it is wrong."),
            _("Just reply to this mail. A “no” or “later” in one word is fine too. If you prefer a page that saves "
              "as you type, without an account (you can also name a colleague there):")
            + f"\n{link}",
            worded("expert.invitation", "closing", language, own, values | {"reply_by": sender.day(reply_by)}),
            " ".join(_terms(sender, policy, check_until, asked_others, pay, rights)),
            _("Is this really me? Don’t take this mail’s word.")
            + " "
            + (verify or _("Look up %(name)s yourself, and ask for me there.") % {"name": sender.newsletter})
            + " "
            + _("I’ll never ask for a password or send you a file to open."),
        ),
    )  # fmt: skip


def invitation_again(sender: Sender, to: str, name: str, headline: str, due_at: datetime, link: str) -> Message:
    """The expert's link once more, for somebody who can't find the first mail."""
    _ = say(sender.language).gettext
    return signed(
        "expert.invitation_again",
        sender,
        to,
        name,
        _("Your link again: %(headline)s") % {"headline": short(headline)},
        (
            _("here is the page for your answer to “%(headline)s” once more. What you have written is there:")
            % {"headline": short(headline)}
            + f"\n{link}",
            _("I’d like to have it by %(until)s. You can also just reply to this mail.")
            % {"until": sender.moment(due_at)},
        ),
    )


def reminder(
    sender: Sender, to: str, name: str, headline: str, due_at: datetime, link: str, *, silent: bool = False,
    own: Own | None = None,
) -> Message:  # fmt: skip
    """The one reminder before the text is due; `silent` where the expert has not even said yes or no."""
    language = sender.language
    values = {"name": name, "newsletter": sender.newsletter, "headline": short(headline), "link": link}
    on, until = {"due": sender.short_day(due_at)}, {"due": sender.moment(due_at)}
    return signed(
        "expert.reminder",
        sender,
        to,
        name,
        worded("expert.reminder", "subject", language, own, values | on),
        (worded("expert.reminder", "silent" if silent else "body", language, own, values | until),),
    )


def overdue(
    sender: Sender, to: str, name: str, headline: str, due_at: datetime, link: str, *, own: Own | None = None
) -> Message:
    """The one reminder after the date, to somebody who had said yes."""
    language = sender.language
    values = {"name": name, "newsletter": sender.newsletter, "headline": short(headline), "link": link}
    on, until = {"due": sender.short_day(due_at)}, {"due": sender.moment(due_at)}
    return signed(
        "expert.overdue",
        sender,
        to,
        name,
        worded("expert.overdue", "subject", language, own, values | on),
        (worded("expert.overdue", "body", language, own, values | until),),
    )


def returned(sender: Sender, to: str, name: str, headline: str, note: str, due_at: datetime, link: str) -> Message:
    """The editor asks for more before the answer can be used."""
    _ = say(sender.language).gettext
    return signed(
        "expert.returned",
        sender,
        to,
        name,
        _("One more thing for your answer: %(headline)s") % {"headline": short(headline)},
        (
            _("thank you for your answer to “%(headline)s”. Before I can use it I have to ask you something:")
            % {"headline": short(headline)},
            quote(note),
            _("Could I have it by %(until)s? Reply to this mail, or change your text here; it is as you left it:")
            % {"until": sender.moment(due_at)}
            + f"\n{link}",
        ),
    )


def letter_to_expert(sender: Sender, to: str, name: str, headline: str, body: str) -> Message:
    """What the editor has to say in between, in their own words. It has no link: the answer is a reply."""
    _ = say(sender.language).gettext
    subject = _("About your answer: %(headline)s") % {"headline": short(headline)}
    return signed("expert.letter", sender, to, name, subject, (body,))


def cancelled(sender: Sender, to: str, name: str, headline: str, sentence: str) -> Message:
    """The answer is no longer needed; `sentence` says why, in the editor's words."""
    _ = say(sender.language).gettext
    return signed(
        "expert.cancelled",
        sender,
        to,
        name,
        _("No answer needed any more: %(headline)s") % {"headline": short(headline)},
        (
            _("I asked you about “%(headline)s”. Please don’t spend time on it any more.")
            % {"headline": short(headline)},
            sentence,
            _("I’m sorry if you have begun already. What you wrote stays yours, and nothing of it will run."),
        ),
    )


def _terms(
    sender: Sender, policy: str, until: datetime | None, asked_others: int, pay: str | None, rights: str | None
) -> Iterable[str]:
    _, ngettext = say(sender.language).gettext, say(sender.language).ngettext
    yield _(HOW_IT_GOES_ON[policy, until is not None and policy != "off"]) % {
        "until": sender.moment(until) if until else ""
    }
    yield pay or _("We don’t pay for answers.")
    yield rights or _("Your words stay yours; we may print, keep and translate them under your name.")
    yield _("If you or your organisation have a stake in this that readers should know, add a line.")
    yield (
        ngettext("I’m asking one other expert too.", "I’m asking %(num)d other experts too.", asked_others)
        % {"num": asked_others}
        if asked_others
        else _("I’m asking only you.")
    )
    yield _("If it doesn’t run, I’ll tell you why.")
