"""What somebody else did while one had a letter, a question or a mail open, in their name: from the trail."""

from typing import Any

from flask import request
from flask_babel import gettext as _
from sqlalchemy import select

from ..audit import Event
from ..audit.events import changing
from ..db import lock
from ..formatting import ago
from ..lifecycle import Stale
from ..mail.models import OutboxMail
from ..questions.models import Question
from .frame import Desk
from .trail.event_sentences import HANDS, tell

NAMES = {OutboxMail: "mail"}  # what the table of events calls the rows of a model, where that isn't its name


def newest_change(desk: Desk, row: Any) -> Event | None:
    noun = type(row).__name__.lower()
    about = (
        (Event.question_id == row.id,) if isinstance(row, Question) else (Event.noun == noun, Event.noun_id == row.id)
    )
    query = select(Event).where(*about, Event.action.in_(changing(NAMES.get(type(row), noun))))
    return desk.session.scalar(query.order_by(Event.id.desc()).limit(1))


def mark_of(desk: Desk, row: Any) -> int:
    """What a page's forms carry as `newest`: the last change that stands on it."""
    event = newest_change(desk, row)
    return event.id if event else 0


def as_seen(desk: Desk, row: Any) -> None:
    """Lock a row that a decision is about. Raises `Stale` where something was done that the page didn't show."""
    lock(desk.session, row)
    if was_changed(desk, row):
        raise Stale(row.public_id)


def was_changed(desk: Desk, row: Any) -> bool:
    return request.form.get("newest", "") != str(mark_of(desk, row))


def meanwhile(desk: Desk, row: Any) -> str:
    """Who did what to it last: "Ilya Brandt filed the letter as: Tip"; empty where the trail doesn't say."""
    event = newest_change(desk, row)
    return tell(desk, [event], own=_("you, in another window,"))[0].rstrip(".") if event else ""


def told(desk: Desk, row: Any) -> str:
    """The same as a sentence for whoever came second."""
    event, said = newest_change(desk, row), meanwhile(desk, row)
    if event is None:
        return ""
    first = _("%(said)s, %(ago)s ago.", said=said[:1].upper() + said[1:], ago=ago(event.at))
    if event.actor in HANDS:
        return first + " " + _("Nothing was written over it.")
    return first + " " + _("What they did stands, and nothing was written over it.")
