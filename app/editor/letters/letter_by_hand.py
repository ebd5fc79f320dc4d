"""Form for a question heard elsewhere, e.g. at an event or on the phone, which is stored as a letter."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ...db.session import now
from ...letters import receive
from ...web.formatting import zone
from ..form_fields import parse_day
from ..frame import RequestContext, editor, page, read_context, rerender, run_in_transaction
from ..letter_labels import BY_HAND, CHANNELS, FAULTS


@editor.sheet("/<slug>/letters/new", "take letters")
def letter_new(slug: str) -> str:
    with read_context(slug) as desk:
        return _form(desk, {"hear_back": "number", "credit": "none", "channel": "event"}, {})


@editor.press("/<slug>/letters/new", "take letters")
def letter_write_down(slug: str) -> Response | tuple[str, int]:
    typed = request.form.to_dict()

    def fn(desk: RequestContext) -> str:
        ask, channel, given = (_ask(desk, typed), typed.get("channel", ""), parse_day(typed.get("given_on", "")))
        faults = ask.faults
        if channel not in BY_HAND:
            faults["channel"] = "unknown"
        if given is None or given > now(desk.session).astimezone(zone()).date():
            faults["given_on"] = "bad"
        if faults or given is None:
            raise receive.ValidationError(faults)
        moment = min(datetime(given.year, given.month, given.day, 12, tzinfo=UTC), now(desk.session))
        letter = receive.send(desk.session, desk.actor, desk.newsletter, replace(ask, given_at=moment), channel=channel)
        return letter.public_id

    try:
        public_id = run_in_transaction(slug, fn)
    except receive.ValidationError as faulty:
        return rerender(slug, 422, _form, typed, faulty.faults)
    return redirect(url_for("editor.letter", slug=slug, public_id=public_id), code=303)


def _ask(desk: RequestContext, form_data: dict[str, str]) -> receive.Submission:
    named = form_data.get("credit", "none") != "none"
    agreed = _("Agreed to be named, says %(name)s, who wrote the question down.", name=desk.actor.name)
    known = {one.name for one in fields(receive.Submission)} - {"consent", "verbatim", "about_edition_id"}
    values: dict[str, Any] = {"body": "", **{name: text for name, text in form_data.items() if name in known}}
    return receive.Submission(**values, consent=agreed if named and form_data.get("agreed") else "")


def _form(desk: RequestContext, form_data: dict[str, str], faults: dict[str, str]) -> str:
    today: Any = now(desk.session).astimezone(zone()).date().isoformat()
    return page(
        desk,
        "editor/letters/new.html",
        "letters",
        form_data={"given_on": today, **form_data},
        faults={name: FAULTS.get((name, code), _("Choose one of the listed ways")) for name, code in faults.items()},
        channels=[(key, CHANNELS[key]) for key in BY_HAND],
    )
