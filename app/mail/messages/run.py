"""What became of an expert's answer: it ran, it moved, or it did not run, and then why."""

from datetime import date

from ..message import Message, Sender, short, signed
from ..translation import say
from .own import Own, worded


def published(
    sender: Sender, to: str, name: str, headline: str, link: str, edition_on: date, *, own: Own | None = None
) -> Message:
    """Thanks, and the lasting address of what ran."""
    return _told("expert.published", sender, to, name, headline, own, edition_on, link=link)


def carried_over(
    sender: Sender, to: str, name: str, headline: str, runs_on: date, *, own: Own | None = None
) -> Message:
    """The answer waits for a later edition than the expert was told; `runs_on` is its day now."""
    return _told("expert.carried_over", sender, to, name, headline, own, runs_on)


def dropped(sender: Sender, to: str, name: str, headline: str, why: str, *, own: Own | None = None) -> Message:
    """The answer does not run as announced; `why` says it, and whether it is kept for later."""
    return _told("expert.dropped", sender, to, name, headline, own, why=why)


def not_used(sender: Sender, to: str, name: str, headline: str, why: str = "", *, own: Own | None = None) -> Message:
    """An answer that was sent will not run at all; `why` is the editor's word on it."""
    said = why or say(sender.language).gettext("The question has been settled in another way.")
    return _told("expert.not_used", sender, to, name, headline, own, why=said)


def _told(
    kind: str, sender: Sender, to: str, name: str, headline: str, own: Own | None, on: date | None = None, **more: str
) -> Message:
    language = sender.language
    values = {"name": name, "newsletter": sender.newsletter, "headline": short(headline), **more}
    in_subject, in_body = ({"day": sender.short_day(on)}, {"day": sender.day(on)}) if on else ({}, {})
    return signed(
        kind,
        sender,
        to,
        name,
        worded(kind, "subject", language, own, values | in_subject),
        (worded(kind, "body", language, own, values | in_body),),
    )
