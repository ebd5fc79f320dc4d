"""A question that was heard elsewhere, at an event or on the phone, is written down as a letter like any other."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ...db.session import now
from ...letters import receive
from ...web.formatting import zone
from ..form_values import typed_day
from ..frame import Desk, at_desk, change, editor, page, redrawn
from .letter_words import BY_HAND, CHANNELS, FAULTS


@editor.sheet("/<slug>/letters/new", "take letters")
def letter_new(slug: str) -> str:
    with at_desk(slug) as desk:
        return _form(desk, {"hear_back": "number", "credit": "none", "channel": "event"}, {})


@editor.press("/<slug>/letters/new", "take letters")
def letter_write_down(slug: str) -> Response | tuple[str, int]:
    typed = request.form.to_dict()

    def fn(desk: Desk) -> str:
        ask, channel, given = (_ask(desk, typed), typed.get("channel", ""), typed_day(typed.get("given_on", "")))
        faults = ask.faults
        if channel not in BY_HAND:
            faults["channel"] = "unknown"
        if given is None or given > now(desk.session).astimezone(zone()).date():
            faults["given_on"] = "bad"
        if faults or given is None:
            raise receive.Faulty(faults)
        moment = min(datetime(given.year, given.month, given.day, 12, tzinfo=UTC), now(desk.session))
        letter = receive.send(desk.session, desk.actor, desk.newsletter, replace(ask, given_at=moment), channel=channel)
        return letter.public_id

    try:
        public_id = change(slug, fn)
    except receive.Faulty as faulty:
        return redrawn(slug, 422, _form, typed, faulty.faults)
    return redirect(url_for("editor.letter", slug=slug, public_id=public_id), code=303)


def _ask(desk: Desk, typed: dict[str, str]) -> receive.Submission:
    named = typed.get("credit", "none") != "none"
    agreed = _("Agreed to be named, says %(name)s, who wrote the question down.", name=desk.actor.name)
    known = {one.name for one in fields(receive.Submission)} - {"consent", "verbatim", "about_edition_id"}
    values: dict[str, Any] = {"body": "", **{name: text for name, text in typed.items() if name in known}}
    return receive.Submission(**values, consent=agreed if named and typed.get("agreed") else "")


def _form(desk: Desk, typed: dict[str, str], faults: dict[str, str]) -> str:
    today: Any = now(desk.session).astimezone(zone()).date().isoformat()
    return page(
        desk,
        "editor/letters/new.html",
        "letters",
        typed={"given_on": today, **typed},
        faults={name: FAULTS.get((name, code), _("Choose one of the listed ways")) for name, code in faults.items()},
        channels=[(key, CHANNELS[key]) for key in BY_HAND],
    )
