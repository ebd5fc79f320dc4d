"""Sentences on the page of an edition: what others did, what to know before it is locked, why a press did nothing."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from ...audit import Event
from ...core.state_machine import DomainError, VersionConflict
from ...db.session import get_many
from ...editions.locking import LockWarning
from ...editions.models import Edition
from ...mail.outbox import OnItsWay
from ...questions.models import Question
from ...web.errors import REASONS
from ...web.formatting import day, moment
from ..frame import RequestContext
from ..trail.event_sentences import describe_events, naming

TAKEN_BACK = _l("A reader took their question back. It is out of this edition, and its words are erased.")


def describe_changes(
    desk: RequestContext, edition: Edition, events: Sequence[Event], viewer_name: str = ""
) -> list[str]:
    """Return a sentence for each thing that was done to an edition and in its slots.

    `viewer_name` is what whoever reads it is called there, if not by name.
    """
    rows = get_many(desk.session, Question, {event.question_id for event in events if event.question_id})
    titles = {key: row.short_title for key, row in rows.items()}
    return [
        str(TAKEN_BACK)
        if (event.actor, event.action) == ("reader", "question.drop")
        else naming((titles.get(event.question_id) or _("a question")) if event.question_id else None, text)
        for event, text in zip(
            events, describe_events(desk, events, page=edition, viewer_name=viewer_name), strict=True
        )
    ]


def happened(desk: RequestContext, edition: Edition, events: Sequence[Event]) -> list[tuple[datetime, str, str]]:
    """Return what was done to an edition and in its slots: the time of each, how that is shown, and the sentence."""
    return [  # of what a reader did only the day is kept
        (event.at, day(event.at.date()) if event.actor == "reader" else moment(event.at), words)
        for event, words in zip(events, describe_changes(desk, edition, events), strict=True)
    ]


def _day(matter: LockWarning) -> str:
    return day(matter.day, "short") if matter.day else ""


# What to know before an edition is locked.
MATTERS: dict[str, Callable[[LockWarning], str]] = {
    "words": lambda _one: _("its newest words are not cleared yet: could anybody recognise the asker?"),
    "answer": lambda _one: _("it has no approved answer."),
    "mail": lambda one: _("%(name)s has written by mail, and nobody has filed it.", name=one.expert),
    "asked": lambda one: _(
        "%(name)s is still asked. If it runs without their answer, they are told, and a text that is here is kept.",
        name=one.expert,
    ),
    "twice": lambda one: ngettext(
        "%(name)s answers %(num)s question of it.",
        "%(name)s answers %(num)s questions of it.",
        one.number,
        name=one.expert,
    ),
    "late": lambda one: _("it was to run by %(day)s, before this edition.", day=_day(one)),
    "long": lambda one: ngettext("it is one word too long.", "it is %(num)s words too long.", one.number),
    "left out": lambda one: _("it must run by %(day)s, and the edition after this one is too late.", day=_day(one)),
    "open": lambda one: ngettext("One slot is open.", "%(num)s slots are open.", one.number),
}
# Where it is mended, and the words of that link.
MENDED = {
    "words": ("question", _l("Look at the wording")),
    "answer": ("question", _l("Look at the answers")),
    "mail": ("letter", _l("Read it")),
    "asked": ("question", _l("Look at it")),
    "long": ("answer", _l("Cut it")),
    "left out": ("question", _l("Look at it")),
}


def line_of(desk: RequestContext, matter: LockWarning) -> dict[str, Any]:
    """Return a matter as the page says it."""
    leads, label = MENDED.get(matter.kind, ("", ""))
    question = matter.question
    href, slug = "", desk.newsletter.slug
    if leads == "letter":
        href = url_for("editor.letter", slug=slug, public_id=matter.letter)
    elif leads and question:
        chapter = f"answer-{matter.answer}" if leads == "answer" else None
        href = url_for("editor.question", slug=slug, public_id=question.public_id, open=chapter, _anchor=chapter)
    return {
        "kind": matter.kind,
        "stops": matter.stops,
        "about": question.title if question else "",
        "says": MATTERS[matter.kind](matter),
        "href": href,
        "label": label,
    }


def describe_moved_questions(moves: Iterable[tuple[Question, Edition | None]]) -> list[str]:
    """Say of each question that was picked for a date which was left out where it stands now."""
    return [
        _("“%(what)s” runs on %(day)s.", what=question.short_title, day=day(edition.runs_at))
        if edition
        else _("“%(what)s” is ready to run another time.", what=question.short_title)
        for question, edition in moves
    ]


def format_refusal(error: DomainError) -> str:
    if isinstance(error, VersionConflict):
        return _("This edition was changed after you opened this page, so nothing was done. This is how it stands now.")
    if isinstance(error, OnItsWay):
        return _("One of its mails is being handed over at this moment. Look again in a minute.")
    return str(REASONS.get(getattr(error, "fact", ""), _("That can’t be done from where it stands now.")))
