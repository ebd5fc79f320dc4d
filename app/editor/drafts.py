"""Autosaved drafts of the desk's forms: what is typed is saved every few seconds and offered when the form is opened
again.

A template calls `autosave(action)` above a form (`editor/_drafts.html`); `static/desk-drafts.js` does the rest. The
form's token (`seen`, see `conflict.py`) is saved like any field, so an edit conflict is noticed even a day later.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from flask import abort, current_app, g, jsonify, redirect, request
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from ..core.state_machine import must
from ..forms import form_drafts, idempotency
from ..forms.form_drafts import FormState, OpenDraft
from ..letters import queries as letters
from ..questions import queries as questions
from ..web.errors import FIELD_LABELS
from ..web.formatting import clock_time
from .event_sentences import get_actor_names
from .form_fields import parse_number
from .frame import RequestContext, announce, editor, get_sidebar, page_of_form, read_context, run_in_transaction
from .undo_press import get_safe_return_url

TECHNICAL_FIELDS = ("csrf_token", "once", "draft", "act", "look", "looked")  # not saved in a draft
SAVE_AS_DRAFT = "keep for later"  # the value of the button on the page of an edit conflict
MAX_ADDRESS_LENGTH = 200  # characters of a form's address; longer than any that the desk has


def _is_letter_withdrawn(desk: RequestContext, public_id: str) -> bool:
    letter = letters.load(desk.session, desk.actor, public_id)
    return letter is not None and letter.is_withdrawn


def _is_question_withdrawn(desk: RequestContext, public_id: str) -> bool:
    question = questions.load(desk.session, desk.actor, public_id)
    return question is not None and question.closed_reason == "withdrawn"


# By the noun in a form's address: a function that returns whether a reader has withdrawn the row with this public id.
# Drafts about such a row aren't saved.
WITHDRAWAL_CHECKS: Mapping[str, Callable[[RequestContext, str], bool]] = {
    "letters": _is_letter_withdrawn,
    "questions": _is_question_withdrawn,
}


@dataclass(frozen=True)
class FormDrafts:
    """The drafts of a form on the page."""

    offered: list[OpenDraft]  # those that the person may continue
    id_and_count: str  # of the draft that this window has saved, e.g. "K3VJ09BQ2MTX.4" after four saves, or ""
    is_typed: bool  # the form is shown again with what was submitted
    slug: str


@editor.app_template_global("drafts_of")
def drafts_of(action: str) -> FormDrafts:
    """Return the drafts of the form that posts to `action`."""
    desk = cast(RequestContext, g.desk)
    path = urlsplit(action).path
    if request.method == "POST":
        return FormDrafts([], request.form.get("draft", ""), is_typed=request.path == path, slug=desk.newsletter.slug)
    if "drafts" not in g:
        has_drafts = get_sidebar(desk).has_drafts
        g.drafts = form_drafts.get_drafts_by_form(desk.session, desk.actor) if has_drafts else defaultdict(list)
    offered = [form_drafts.open_draft(desk.session, draft) for draft in g.drafts[path]]
    return FormDrafts(offered, id_and_count="", is_typed=False, slug=desk.newsletter.slug)


@editor.app_template_filter("draft_texts")
def draft_texts(draft: OpenDraft) -> list[tuple[str, str]]:
    """Return the texts of a draft, each with the label of its field."""
    return [(str(FIELD_LABELS[name]), text) for name, text in draft.fields if name in FIELD_LABELS and text]


def _check_form_address(desk: RequestContext, address: str) -> str:
    """Return the address of a form, if it is one of this desk.

    Raises `PermissionDenied` if the actor may not submit the form. Aborts with 404 for any other address, and with 410
    for a form about something that a reader has withdrawn.
    """
    url_adapter = current_app.create_url_adapter(request)
    try:
        endpoint, values = url_adapter.match(address, method="POST") if url_adapter else ("", {})
    except HTTPException:
        abort(404)
    is_form_of_desk = endpoint in editor.permissions and values.get("slug") == desk.newsletter.slug
    if not is_form_of_desk or len(address) > MAX_ADDRESS_LENGTH:
        abort(404)
    must(desk.actor, editor.get_permission(endpoint, address))
    noun = address.split("/")[3] if address.count("/") > 3 else ""  # e.g. "letters" of /desk/<slug>/letters/<id>/file
    is_withdrawn = WITHDRAWAL_CHECKS.get(noun)
    if is_withdrawn is not None and is_withdrawn(desk, str(values.get("public_id", ""))):
        abort(410)
    return address


def _list_co_editors(desk: RequestContext, address: str) -> list[dict[str, Any]]:
    """Return the names of the other people who are typing into a form at the moment, each with the changed fields."""
    fields_by_person = form_drafts.find_others_typing(desk.session, desk.actor, address)
    names = get_actor_names(desk, [f"staff:{person_id}" for person_id in fields_by_person])
    return [
        {"name": names[f"staff:{person_id}"], "fields": sorted(fields)}
        for person_id, fields in fields_by_person.items()
    ]


@editor.before_request
def keep_for_later() -> Response | None:
    """Save the submitted texts as a draft instead, if that was chosen on the page of an edit conflict.

    The other person's version then remains, and these texts aren't lost.
    """
    if request.method == "GET" or request.form.get("act") != SAVE_AS_DRAFT:
        return None
    fields = [(name, text) for name, text in request.form.items(multi=True) if name not in TECHNICAL_FIELDS]
    changed = [name for name, _text in fields if name != "seen"]

    def fn(desk: RequestContext) -> None:
        form_digest = idempotency.compute_form_digest(desk.actor.person_id, request.form.get("once", ""))
        form_drafts.save(desk.session, desk.actor, request.path, FormState(fields, changed, form_digest))

    run_in_transaction(str((request.view_args or {})["slug"]), fn)
    announce(_("Yours is kept as a draft, and theirs was saved."))
    return redirect(page_of_form(), code=303)


@editor.get("/<slug>/drafts")
def who_types(slug: str) -> Response:
    """Return who else is typing into a form, as JSON for its script."""
    with read_context(slug) as desk:
        return jsonify(beside=_list_co_editors(desk, _check_form_address(desk, request.args.get("form", ""))))


@editor.action("/<slug>/drafts", permission="read")
def keep_draft(slug: str) -> Response:
    """Save a draft of a form.

    410 if the form has been submitted, or a reader has withdrawn what it is about. 413 if it is too large.
    """
    payload: Any = request.get_json(silent=True) or abort(400)
    fields = [(str(name), str(text)) for name, text in payload.get("fields", ())]
    draft_id, _dot, count = str(payload.get("draft", "")).partition(".")
    if sum(len(text) for _name, text in fields) > form_drafts.MAX_CHARACTERS:
        abort(413)

    idempotency_key = dict(fields).get("once", "")
    typed_fields = [(name, text) for name, text in fields if name not in TECHNICAL_FIELDS]

    def fn(desk: RequestContext) -> Response:
        address = _check_form_address(desk, str(payload.get("form", "")))
        form_digest = idempotency.compute_form_digest(desk.actor.person_id, idempotency_key)
        if idempotency.is_form_sent(desk.session, form_digest):
            abort(410)
        changed = [str(name) for name in payload.get("changed", ())]
        state = FormState(typed_fields, changed, form_digest, draft_id, parse_number(count))
        draft = form_drafts.save(desk.session, desk.actor, address, state)
        message = _("Kept as a draft at %(time)s, not saved yet.", time=clock_time(draft.saved_at))
        return jsonify(draft=f"{draft.public_id}.{draft.count}", said=message, beside=_list_co_editors(desk, address))

    return run_in_transaction(slug, fn)


@editor.action("/<slug>/drafts/<public_id>/drop", permission="read")
def drop_draft(slug: str, public_id: str) -> Response:
    """Delete the actor's own draft."""
    if run_in_transaction(slug, lambda desk: form_drafts.drop(desk.session, desk.actor, public_id)):
        announce(_("The draft is thrown away."))
    return redirect(get_safe_return_url(slug, request.form.get("back", "")), code=303)
