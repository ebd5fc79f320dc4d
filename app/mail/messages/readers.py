"""Mails to readers. Somebody else may read over their shoulder: nothing in them says what they asked."""

from dataclasses import replace

from ...text import group_digits
from ..message import Message, compose
from ..translation import say
from .own import PARTS, Own, worded

# What can have become of a question; each opens the notice in its own way.
OPENINGS = tuple(part for part in PARTS["reader.news"] if part != "subject")


def reader_news(
    newsletter: str,
    language: str,
    to: str,
    kind: str,
    sentence: str,
    link: str | None,
    *,
    once: bool = False,
    stop: str | None = None,
    own: Own | None = None,
) -> Message:
    """What became of a reader's question, with none of its words; `kind` is one of `OPENINGS`, KeyError for any other.

    `link` leads to an address without a slug, because the slug is made of the question's words. With `once` the reader
    chose one e-mail: the kind `reader.once` has the address erased in the transaction that marks the mail sent. `stop`
    is where a reader to whom more may be written has that stopped (RFC 8058).
    """
    _ = say(language).gettext
    values = {"newsletter": newsletter}
    promise = (
        _("This is the only mail you get from us. With it we erase your address.")
        if once
        else _("We erase your address as soon as there is nothing more to tell you.")
    )
    message = compose(
        "reader.once" if once else "reader.news",
        language,
        to,
        "",
        worded("reader.news", "subject", language, own, values),
        (
            _("Hello,"),
            worded("reader.news", kind, language, own, values),
            sentence,
            link,
            promise + (" " + _("To have it erased now, press the button here:") + f"\n{stop}" if stop else ""),
            newsletter,
        ),
        newsletter,
    )
    return replace(message, unsubscribe=stop)


def acknowledgement(
    newsletter: str, language: str, to: str, *, receipt: str, page: str, stop: str, own: Own | None = None
) -> Message:
    """A mailed question has arrived. The 20 digits of its `receipt` stand in the text only, never in a subject or an
    address; `page` is where they are typed in, and `stop` where the writer has us write no more.
    """
    _ = say(language).gettext
    values = {"newsletter": newsletter}
    message = compose(
        "reader.acknowledgement",
        language,
        to,
        "",
        worded("reader.acknowledgement", "subject", language, own, values),
        (
            _("Hello,"),
            worded("reader.acknowledgement", "body", language, own, values),
            _("If you want to see later what became of it, or take it back, type this number:")
            + f"\n{group_digits(receipt)}",
            _("Here is where:") + f"\n{page}",
            _(
                "Whoever has the number can do the same, so keep it to yourself. It came by mail, so it opens nothing more."
            ),
            _("If we are not to write to you again, press the button here:") + f"\n{stop}",
            _("This answer was sent by itself, once a day at most, and does not repeat what you wrote."),
            newsletter,
        ),
        newsletter,
    )
    return replace(message, unsubscribe=stop)
