"""What the page of an edition says: what others did, what to know before it is locked, why a press did nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_babel.speaklater import LazyString
from sqlalchemy import select

from ...audit import Event
from ...editions.before_lock import Matter
from ...editions.models import Edition
from ...errors import REASONS
from ...formatting import day, moment
from ...lifecycle import Refused, Stale
from ...mail.outbox import OnItsWay
from ...people.directory import staff_names
from ...questions.models import Question
from ..frame import Desk

# What somebody did to an edition and its slots. {what} is the headline of the question.
DEEDS = {
    "question.pick": _l("%(who)s put “%(what)s” in a slot."),
    "question.drop": _l("%(who)s took “%(what)s” out."),
    "question.move": _l("%(who)s moved “%(what)s”."),
    "question.carry": _l("%(who)s carried “%(what)s” over."),
    "question.carry_back": _l("%(who)s put “%(what)s” back into the edition that it was picked for."),
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
CARRIED_HERE = _l("%(who)s carried “%(what)s” over to this edition.")
TAKEN_BACK = _l("A reader took their question back. It is out of this edition, and its words are erased.")
HANDS = {"clock": _l("The calendar"), "mailroom": _l("The mailroom"), "reader": _l("A reader")}
FOLLOWS = ("question.publish", "question.recall")  # of what is told by itself


def deeds(desk: Desk, events: Sequence[Event]) -> list[str]:
    """What was done, in its order, each a sentence. When a reader did something is not told: it is nobody's business."""
    told = [event for event in events if event.action in DEEDS and event.action not in FOLLOWS]
    return _sentences(desk, told, _names(desk, told) | {desk.actor.ref: _("You")})


def happened(desk: Desk, edition: Edition, events: Sequence[Event]) -> list[tuple[datetime, str, str]]:
    """What was done to an edition and in its slots: the time of each, how that is shown, and the sentence."""
    told = [event for event in events if event.action in DEEDS]
    said = _sentences(desk, told, _names(desk, told), edition)
    return [(event.at, _time(event), words) for event, words in zip(told, said, strict=True)]


def _time(event: Event) -> str:
    """Of what a reader did only the day is kept."""
    return day(event.at.date()) if event.actor == "reader" else moment(event.at)


def _sentences(
    desk: Desk, events: Sequence[Event], names: Mapping[str, str], edition: Edition | None = None
) -> list[str]:
    keys = {event.question_id for event in events if event.question_id}
    rows = desk.session.scalars(select(Question).where(Question.id.in_(keys))) if keys else ()
    titles = {row.id: row.headline or row.wording[:80] for row in rows}
    return [
        str(_deed(event, edition))
        % {"who": names[event.actor], "what": titles.get(event.question_id or 0) or _("a question")}
        for event in events
    ]


def _deed(event: Event, edition: Edition | None) -> LazyString:
    if (event.actor, event.action) == ("reader", "question.drop"):
        return TAKEN_BACK
    carried_here = event.action == "question.carry" and edition and (event.facts or {}).get("to") == edition.id
    return CARRIED_HERE if carried_here else DEEDS[event.action]


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
             "answer", _l("Cut it")),
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
    addresses: dict[str, tuple[str, Any, str | None] | None] = {
        "question": ("editor.question", question.public_id, None) if question else None,
        "answer": ("editor.question", question.public_id, f"acts-{matter.answer}") if question else None,
        "letter": ("editor.letter", matter.letter, None),
    }
    where = addresses.get(leads)
    return {
        "kind": matter.kind,
        "stops": matter.stops,
        "about": (question.headline or question.wording) if question else "",
        "says": says(matter),
        "href": url_for(where[0], slug=desk.newsletter.slug, public_id=where[1], _anchor=where[2]) if where else "",
        "label": label,
    }


def where_to(moved: Iterable[tuple[Question, Edition | None]]) -> list[str]:
    """A sentence for each question that was picked for a date which was left out: where it stands now."""
    return [
        _("“%(what)s” runs on %(day)s.", what=what, day=day(edition.runs_at))
        if edition
        else _("“%(what)s” is ready to run another time.", what=what)
        for what, edition in ((question.headline or question.wording[:80], edition) for question, edition in moved)
    ]


def why_not(refused: Refused) -> str:
    if isinstance(refused, Stale):
        return _("This edition was changed after you opened this page, so nothing was done. This is how it stands now.")
    if isinstance(refused, OnItsWay):
        return _("One of its mails is being handed over at this moment. Look again in a minute.")
    return str(REASONS.get(getattr(refused, "fact", ""), _("That can’t be done from where it stands now.")))
