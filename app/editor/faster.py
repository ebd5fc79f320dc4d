"""Two people at one form: what the second left alone follows the first, what both changed is shown twice, and nothing typed
is lost. A form carries what its fields showed when it was opened; that, what stands now and what was typed settle each field."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import request
from flask_babel import gettext as _
from sqlalchemy import select

from ..audit import Event
from ..db import lock
from ..lifecycle import Stale
from ..people.directory import expert_names, staff_names
from .frame import Desk

LOOKED_AT = 20  # of the newest events, where only some are about what was open
Fields = Mapping[str, Any]  # what a form holds by field: texts, a tick, the ticked of several


def mark_of(stands: Fields) -> str:
    """What a form showed when it was opened, as a mark that travels with it in the field `seen`."""
    return urlsafe_b64encode(json.dumps(dict(stands), ensure_ascii=False).encode()).decode()


def seen_in_form() -> dict[str, Any] | None:
    """What the sender of this form had before their eyes; nothing known of it where its mark can't be read, None without one."""
    mark = request.form.get("seen")
    if mark is None:
        return None
    try:
        seen = json.loads(urlsafe_b64decode(mark))
    except ValueError:
        return {}
    return seen if isinstance(seen, dict) else {}


def settled(seen: Fields, stands: Fields, typed: dict[str, Any]) -> dict[str, Any]:
    """The fields as the second to save would have them: what they didn't touch as it stands now, the rest as typed."""
    return {
        name: stands[name] if name in seen and value == seen[name] else value
        for name, value in typed.items()
    }  # fmt: skip


def as_opened(desk: Desk, row: Any, stands: Callable[[], Fields], typed: Fields) -> None:
    """Lock the row whose form was sent. Raises `Stale` where a field isn't as it was shown, unless what was typed stands there."""
    lock(desk.session, row)
    seen, there = seen_in_form(), stands()
    if seen is not None and any(seen.get(name) != value for name, value in there.items()) and typed != there:
        raise Stale(f"{type(row).__name__.lower()} {row.id}")


def ticked(_name: str, value: Any) -> str:
    """A field's value in words, of a form whose fields are texts and ticks."""
    if isinstance(value, bool):
        return _("ticked") if value else _("not ticked")
    return str(value)


@dataclass(frozen=True)
class Field:
    """One that somebody else changed meanwhile: as it was, as it is saved and as it was typed, in words; "" for nothing."""

    name: str
    label: str
    before: str
    theirs: str
    mine: str
    both: bool  # changed it; otherwise it was left alone here, and is now as they saved it

    @property
    def note(self) -> str:
        if self.both:
            return _("Now it says: %(text)s", text=self.theirs or _("nothing"))
        return _("Changed meanwhile. Until then it said: %(text)s", text=self.before or _("nothing"))


@dataclass(frozen=True)
class Meeting:
    """Who was faster, as a heading; the form again; and the fields in which they differ."""

    who: str
    values: dict[str, Any]
    fields: list[Field]

    @property
    def both(self) -> list[Field]:
        return [field for field in self.fields if field.both]

    @property
    def taken_over(self) -> list[Field]:
        return [field for field in self.fields if not field.both]

    @property
    def notes(self) -> dict[str, str]:
        return {field.name: field.note for field in self.fields}


def meeting(
    who: str,
    stands: Fields,
    typed: dict[str, Any],
    labels: Mapping[str, Any],
    said: Callable[[str, Any], str] = ticked,
) -> Meeting:
    """How whoever came second meets the first; `said` puts the value of a field into words."""
    seen = seen_in_form() or {}

    fields = [
        Field(name, str(labels[name]), said(name, seen.get(name, "")), said(name, there), said(name, typed[name]),
              name not in seen or typed[name] != seen[name])
        for name, there in stands.items()
        if there != typed[name] and there != seen.get(name)
    ]  # fmt: skip
    return Meeting(who, settled(seen, stands, typed), fields)


def faster(desk: Desk, row: Any, action: str, about: Callable[[Mapping[str, Any]], bool] = lambda facts: True) -> str:
    """Who did this to the row last, as a heading for whoever came second."""
    noun = type(row).__name__.lower()
    query = select(Event.actor, Event.facts).filter_by(noun=noun, noun_id=row.id, action=action)
    events = desk.session.execute(query.order_by(Event.id.desc()).limit(LOOKED_AT))
    ref = next((event.actor for event in events if about(event.facts or {})), "")
    if ref == desk.actor.ref:
        return _("You saved it in another window")
    return _("%(name)s was faster", name=_name(desk, ref) or _("Somebody"))


def _name(desk: Desk, ref: str) -> str | None:
    kind, _colon, key = ref.partition(":")
    if kind == "expert":  # who keeps their profile themselves
        return expert_names(desk.session, [int(key)]).get(int(key))
    return staff_names(desk.session, [ref]).get(ref)


def words_faster(desk: Desk, language: str, kinds: set[str]) -> str:
    """The same for some of the newsletter's own words in a language."""
    return faster(
        desk,
        desk.newsletter,
        "newsletter.word",
        lambda facts: facts.get("language") == language and bool(kinds & set(facts.get("kinds", ()))),
    )
