"""The form for a question that the desk was asked elsewhere, e.g. at an event, which is stored as a letter."""

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
from ..letter_labels import CHANNELS, CHANNELS_BY_HAND, FAULTS


@editor.restricted_page("/<slug>/letters/new", permission="take letters")
def letter_new(slug: str) -> str:
    with read_context(slug) as desk:
        return _render_form(desk, {"hear_back": "number", "credit": "none", "channel": "event"}, {})


@editor.action("/<slug>/letters/new", permission="take letters")
def letter_write_down(slug: str) -> Response | tuple[str, int]:
    form_data = request.form.to_dict()

    def fn(desk: RequestContext) -> str:
        submission = _build_submission(desk, form_data)
        faults = submission.faults
        channel = form_data.get("channel", "")
        if channel not in CHANNELS_BY_HAND:
            faults["channel"] = "unknown"
        asked_on = parse_day(form_data.get("given_on", ""))
        if asked_on is None or asked_on > now(desk.session).astimezone(zone()).date():
            faults["given_on"] = "bad"
        if faults or asked_on is None:
            raise receive.ValidationError(faults)
        # Only the day is known; noon in UTC is on the same day almost everywhere.
        noon = datetime(asked_on.year, asked_on.month, asked_on.day, 12, tzinfo=UTC)
        submission = replace(submission, given_at=min(noon, now(desk.session)))
        return receive.send(desk.session, desk.actor, desk.newsletter, submission, channel=channel).public_id

    try:
        public_id = run_in_transaction(slug, fn)
    except receive.ValidationError as error:
        return rerender(slug, 422, _render_form, form_data, error.faults)
    return redirect(url_for("editor.letter", slug=slug, public_id=public_id), code=303)


def _build_submission(desk: RequestContext, form_data: dict[str, str]) -> receive.Submission:
    field_names = {field.name for field in fields(receive.Submission)} - {"consent", "verbatim", "about_edition_id"}
    values: dict[str, Any] = {"body": "", **{name: text for name, text in form_data.items() if name in field_names}}
    consent = ""
    if form_data.get("credit", "none") != "none" and form_data.get("agreed"):
        consent = _("Agreed to be named, says %(name)s, who wrote the question down.", name=desk.actor.name)
    return receive.Submission(**values, consent=consent)


def _render_form(desk: RequestContext, form_data: dict[str, str], faults: dict[str, str]) -> str:
    today = now(desk.session).astimezone(zone()).date().isoformat()
    return page(
        desk,
        "editor/letters/new.html",
        "letters",
        form_data={"given_on": today, **form_data},
        faults={name: FAULTS.get((name, code), _("Choose one of the listed ways")) for name, code in faults.items()},
        channels=[(key, CHANNELS[key]) for key in CHANNELS_BY_HAND],
    )
