"""What a newsletter may word its own way in our mails, part by part, and with which places to fill.

A part that it words replaces the product's words of that part. What safety and fairness need is never among them or has to
stand in them: the link, the date, how to make sure who writes, what silence means.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..translation import N_, say
from .placeholders import fault_of, fill, from_gettext

Own = Mapping[str, str]  # what a newsletter words of one mail, by part

LINK = "%(link)s"  # a paragraph of its own that stands on the next line


@dataclass(frozen=True)
class Part:
    """`usual` are the paragraphs of the product's own text, as gettext knows them; `names` renames their places.

    `holes` may be filled in, and the `needed` of them have to stand in the text.
    """

    usual: tuple[str, ...]
    holes: tuple[str, ...]
    needed: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)


_ABOUT = ("name", "newsletter", "headline")

PARTS: dict[str, dict[str, Part]] = {
    "expert.invitation": {
        "subject": Part(
            (N_("Readers’ question on “%(headline)s”: about %(num)d words by %(day)s?"),),
            (*_ABOUT, "words", "due"),
            ("due",),
            {"num": "words", "day": "due"},
        ),
        "opening": Part(
            (N_("I write %(newsletter)s. Readers asked something that you can answer better than I could:"),),
            _ABOUT,
        ),
        "closing": Part(
            (
                N_(
                    "If you can’t, a word by %(reply_by)s helps me. I remind you once; if I hear nothing then either, "
                    "I’ll ask somebody else, no hard feelings."
                ),
            ),
            (*_ABOUT, "reply_by"),
            ("reply_by",),
        ),
    },
    "expert.reminder": {
        "subject": Part((N_("A reminder for %(due)s: %(headline)s"),), (*_ABOUT, "due")),
        "body": Part(
            (
                N_("a reminder, the only one before the date: I hope to have your answer to “%(headline)s” by %(due)s."),
                N_(
                    "Just reply to this mail; a “no” or “later” in one word is fine too. Or write on the page, which has "
                    "all that you have written so far:"
                ),
                LINK,
            ),
            (*_ABOUT, "due", "link"),
            ("due", "link"),
        ),
        "silent": Part(
            (
                N_(
                    "I asked you whether you could answer a question from readers, “%(headline)s”, and have heard "
                    "nothing yet. By %(due)s it would still be in time."
                ),
                N_(
                    "Just reply to this mail; a “no” or “later” in one word is fine too. All of the question, and a page "
                    "to write on, is here:"
                ),
                LINK,
                N_("I won’t remind you again. If I hear nothing, I’ll ask somebody else, no hard feelings."),
            ),
            (*_ABOUT, "due", "link"),
            ("due", "link"),
        ),
    },
    "expert.overdue": {
        "subject": Part((N_("Is it still coming? %(headline)s"),), (*_ABOUT, "due")),
        "body": Part(
            (
                N_(
                    "I hoped to have your answer to “%(headline)s” by %(due)s, and it has not reached me. If you have sent "
                    "it, please send it once more."
                ),
                N_(
                    "If it needs more time, tell me until when: just reply to this mail. You can also write here, where "
                    "all is kept that you have written so far:"
                ),
                LINK,
                N_("If you can’t after all, a “no” in one word is enough. I won’t remind you again."),
            ),
            (*_ABOUT, "due", "link"),
            ("link",),
        ),
    },
    "expert.check": {
        "subject": Part(
            (N_("%(about)s: %(changes)s, please look by %(until)s"),),
            (*_ABOUT, "about", "changes", "due"),
            ("due",),
            {"until": "due"},
        ),
        "opening": Part((N_("thank you for your answer to “%(headline)s”."),), _ABOUT),
    },
    "expert.published": {
        "subject": Part((N_("Your answer has run: %(headline)s"),), (*_ABOUT, "day")),
        "body": Part(
            (
                N_("your answer to “%(headline)s” ran in the edition of %(day)s. It stays at this address, under your name:"),
                LINK,
                N_("If anything in it is wrong, tell me now or later by a reply: errors of fact and of meaning I mend."),
                N_("Thank you for the time you gave the readers."),
            ),
            (*_ABOUT, "day", "link"),
            ("link",),
        ),
    },
    "expert.carried_over": {
        "subject": Part((N_("Your answer now runs on %(day)s: %(headline)s"),), (*_ABOUT, "day")),
        "body": Part(
            (
                N_("your answer to “%(headline)s” moves to a later edition: it is now to run on %(day)s."),
                N_(
                    "Nothing in it has changed and you need do nothing. If something in it won’t hold until then, just reply."
                ),
            ),
            (*_ABOUT, "day"),
            ("day",),
        ),
    },
    "expert.dropped": {
        "subject": Part((N_("About your answer: %(headline)s"),), _ABOUT),
        "body": Part(
            (
                N_("your answer to “%(headline)s” does not appear as planned, and you should know why."),
                "%(why)s",
                N_("Thank you for writing it. If you want to say something to this, just reply."),
            ),
            (*_ABOUT, "why"),
            ("why",),
        ),
    },
    "expert.not_used": {
        "subject": Part((N_("About your answer: %(headline)s"),), _ABOUT),
        "body": Part(
            (
                N_("your answer to “%(headline)s” will not run, and you should know why."),
                "%(why)s",
                N_("What you wrote stays yours, to print wherever you like. Thank you for the time you gave the readers."),
            ),
            (*_ABOUT, "why"),
            ("why",),
        ),
    },
    "reader.news": {
        "subject": Part((N_("News from %(newsletter)s"),), ("newsletter",)),
        "answered": Part((N_("You wanted to hear from us. There is something to read for you now."),), ("newsletter",)),
        "ended": Part((N_("You wanted to hear from us. This is what we can tell you:"),), ("newsletter",)),
        "joined": Part(
            (
                N_(
                    "You wanted to hear from us. Others wrote about the same, and we look into it for all of you together."
                ),
            ),
            ("newsletter",),
        ),
    },
    "reader.acknowledgement": {
        "subject": Part((N_("Your mail to %(newsletter)s"),), ("newsletter",)),
        "body": Part(
            (N_("your mail has arrived, and somebody at the desk reads it. You need do nothing more."),), ("newsletter",)
        ),
    },
}  # fmt: skip


def usual(kind: str, name: str, language: str) -> str:
    """The product's own text of a part in a language, with its places as a newsletter writes them."""
    part, _ = PARTS[kind][name], say(language).gettext
    text = "\n\n".join(from_gettext(_(paragraph), part.names) for paragraph in part.usual)
    return text.replace("\n\n{link}", "\n{link}")


def fault_of_part(kind: str, name: str, text: str) -> tuple[str, str] | None:
    """What is wrong with a newsletter's wording of a part, as `placeholders.fault_of` says it."""
    part = PARTS[kind][name]
    return fault_of(text, part.holes, part.needed)


def own_words(kind: str, name: str, own: Own | None, values: Mapping[str, str]) -> str | None:
    """The newsletter's wording of a part, filled; None without one, and for one that lacks what has to stand in it."""
    text = (own or {}).get(name, "")
    if not text.strip() or fault_of_part(kind, name, text):
        return None
    return fill(text, values)


def worded(kind: str, name: str, language: str, own: Own | None, values: Mapping[str, str]) -> str:
    """A part of a mail: as the newsletter words it, else as the product does."""
    return own_words(kind, name, own, values) or fill(usual(kind, name, language), values)
