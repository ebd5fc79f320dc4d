"""Two people at the same settings or words: the second is told who was faster, and loses nothing that they typed."""

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from ..audit import Event
from ..people.directory import staff_names
from .frame import Desk

LOOKED_AT = 20  # of the newest events, where only some are about what was open


def mark_of(texts: Mapping[str, str]) -> str:
    """What stood when a form was opened, as a mark that travels with it."""
    return sha256(json.dumps(sorted(texts.items())).encode()).hexdigest()[:20]


def faster(desk: Desk, row: Any, action: str, about: Callable[[Mapping[str, Any]], bool] = lambda facts: True) -> str:
    """Who did this to the row last, as a heading for whoever came second."""
    noun = type(row).__name__.lower()
    query = select(Event.actor, Event.facts).filter_by(noun=noun, noun_id=row.id, action=action)
    events = desk.session.execute(query.order_by(Event.id.desc()).limit(LOOKED_AT))
    ref = next((event.actor for event in events if about(event.facts or {})), "")
    if ref == desk.actor.ref:
        return _("You saved it in another window")
    return _("%(name)s was faster", name=staff_names(desk.session, [ref]).get(ref) or _("Somebody"))


def words_faster(desk: Desk, language: str, kinds: set[str]) -> str:
    """The same for some of the newsletter's own words in a language."""
    return faster(
        desk,
        desk.newsletter,
        "newsletter.word",
        lambda facts: facts.get("language") == language and bool(kinds & set(facts.get("kinds", ()))),
    )
