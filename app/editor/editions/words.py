"""What the page of an edition says: what others did, what to know before it is locked, why a press did nothing."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import select

from ...audit import Event
from ...editions.before_lock import Matter
from ...errors import REASONS
from ...lifecycle import Refused, Stale
from ...mail.outbox import OnItsWay
from ...people.directory import staff_names
from ...questions.models import Question
from ...wording import day
from ..frame import Desk

# What somebody did to an edition and its slots. {what} is the headline of the question.
DEEDS = {
    "question.pick": _l("%(who)s put “%(what)s” in a slot."),
    "question.drop": _l("%(who)s took “%(what)s” out."),
    "question.move": _l("%(who)s moved “%(what)s”."),
    "question.carry": _l("%(who)s carried “%(what)s” over."),
    "question.date": _l("%(who)s set by when “%(what)s” must run."),
    "question.publish": _l("“%(what)s” is public."),
    "question.recall": _l("“%(what)s” is not public any more."),
    "answer.first": _l("%(who)s changed which answer to “%(what)s” stands first."),
    "edition.plan": _l("%(who)s planned it."),
    "edition.arrange": _l("%(who)s put the slots in another order."),
    "edition.slots": _l("%(who)s changed the number of slots."),
    "edition.lock": _l("%(who)s locked it."),
    "edition.unlock": _l("%(who)s unlocked it."),
    "edition.send": _l("%(who)s marked it as sent."),
    "edition.recall": _l("%(who)s recalled it."),
    "edition.skip": _l("%(who)s skipped this date."),
    "edition.unskip": _l("%(who)s let this date run after all."),
    "edition.arrive": _l("It arrived at the desk’s own address."),
}
TAKEN_BACK = _l("A reader took their question back. It is out of this edition, and its words are erased.")
HANDS = {"clock": _l("The calendar"), "mailroom": _l("The mailroom"), "reader": _l("A reader")}
FOLLOWS = ("question.publish", "question.recall")  # of what is told by itself


def deeds(desk: Desk, events: Sequence[Event]) -> list[str]:
    """What was done, in its order, each a sentence. When a reader did something is not told: it is nobody's business."""
    told = [event for event in events if event.action in DEEDS and event.action not in FOLLOWS]
    names = _names(desk, told) | {desk.actor.ref: _("You")}
    keys = {event.question_id for event in told if event.question_id}
    rows = desk.session.scalars(select(Question).where(Question.id.in_(keys))) if keys else ()
    titles = {row.id: row.headline or row.wording[:80] for row in rows}
    return [
        str(TAKEN_BACK)
        if (event.actor, event.action) == ("reader", "question.drop")
        else str(DEEDS[event.action])
        % {"who": names[event.actor], "what": titles.get(event.question_id or 0) or _("a question")}
        for event in told
    ]


def happened(desk: Desk, events: Sequence[Event]) -> list[tuple[datetime, str]]:
    """What was done to an edition itself, with the time of each."""
    told = [event for event in events if event.action in DEEDS]
    names = _names(desk, told)
    return [(event.at, str(DEEDS[event.action]) % {"who": names[event.actor], "what": ""}) for event in told]


def _names(desk: Desk, events: Iterable[Event]) -> dict[str, str]:
    refs = {event.actor for event in events}
    found = staff_names(desk.session, refs)
    return {ref: found.get(ref) or str(HANDS.get(ref, _("Somebody"))) for ref in refs}


# What to know before an edition is locked: the sentence, where it is mended, and the words of that link.
MATTERS: dict[str, tuple[Callable[[Matter], str], str, Any]] = {
    "words": (lambda one: _("its newest words are not cleared yet: could anybody recognise the asker?"),
              "question", _l("Look at the wording")),
    "answer": (lambda one: _("it has no approved answer."), "question", _l("Look at the answers")),
    "mail": (lambda one: _("%(name)s has written by mail, and nobody has filed it.", name=one.expert),
             "letter", _l("Read it")),
    "late": (lambda one: _("it was to run by %(day)s, before this edition.", day=day(one.day, "short") if one.day else ""),
             "", ""),
    "long": (lambda one: ngettext("it is one word too long.", "it is %(num)s words too long.", one.number),
             "question", _l("Cut it")),
    "left out": (lambda one: _("it must run by %(day)s, and the edition after this one is too late.",
                               day=day(one.day, "short") if one.day else ""), "question", _l("Look at it")),
    "open": (lambda one: ngettext("One slot is open.", "%(num)s slots are open.", one.number), "", ""),
}  # fmt: skip


def lines_of(desk: Desk, matters: Iterable[Matter]) -> list[dict[str, Any]]:
    """Each matter as the page says it."""
    return [_line(desk, matter) for matter in matters]


def _line(desk: Desk, matter: Matter) -> dict[str, Any]:
    says, leads, label = MATTERS[matter.kind]
    question = matter.question
    addresses: dict[str, tuple[str, Any] | None] = {
        "question": ("editor.question", question.public_id) if question else None,
        "letter": ("editor.letter", matter.letter),
    }
    where = addresses.get(leads)
    return {
        "kind": matter.kind,
        "stops": matter.stops,
        "about": (question.headline or question.wording) if question else "",
        "says": says(matter),
        "href": url_for(where[0], slug=desk.newsletter.slug, public_id=where[1]) if where else "",
        "label": label,
    }


def why_not(refused: Refused) -> str:
    if isinstance(refused, Stale):
        return _("This edition was changed after you opened this page, so nothing was done. This is how it stands now.")
    if isinstance(refused, OnItsWay):
        return _("One of its mails is being handed over at this moment. Look again in a minute.")
    return str(REASONS.get(getattr(refused, "fact", ""), _("That can’t be done from where it stands now.")))
