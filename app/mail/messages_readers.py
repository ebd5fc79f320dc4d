"""Mails to readers. Somebody else may read over their shoulder: nothing in them says what they asked."""

from .letter import Message, compose
from .words import N_, say

OPENINGS = {
    "answered": N_("You wanted to hear from us. There is something to read for you now."),
    "ended": N_("You wanted to hear from us. This is what we can tell you:"),
    "joined": N_(
        "You wanted to hear from us. Others wrote about the same, and we look into it for all of you together."
    ),
}


def reader_news(
    newsletter: str, language: str, to: str, kind: str, sentence: str, link: str | None, *, once: bool = False
) -> Message:
    """What became of a reader's question, with none of its words; `kind` is a key of `OPENINGS`.

    `link` leads to an address without a slug, because the slug is made of the question's words. With `once` the reader
    chose one e-mail: the kind `reader.once` has the address erased in the transaction that marks the mail sent.
    """
    _ = say(language).gettext
    promise = (
        _("This is the only mail you get from us. With it we erase your address.")
        if once
        else _("We erase your address as soon as there is nothing more to tell you.")
    )
    return compose(
        "reader.once" if once else "reader.news",
        language,
        to,
        "",
        _("News from %(newsletter)s") % {"newsletter": newsletter},
        (_("Hello,"), _(OPENINGS[kind]), sentence, link, promise, newsletter),
        newsletter,
    )
