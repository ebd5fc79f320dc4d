"""Reauthentication: sensitive actions ask for a new proof of identity unless the last one is at most ten minutes old.

`PROOFS` lists the actions; a new one needs only a row there. The submitted form is held in the meantime, with all that
was typed.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from flask import current_app, g, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from werkzeug.wrappers import Response

from ..forms import held_presses, idempotency
from ..people import colleagues
from ..people.sessions import NotFresh, has_fresh_proof
from ..web import errors
from .frame import RequestContext, announce, editor, page, page_of_form, read_context, run_in_transaction


class ProofRequirement(NamedTuple):
    """An action that needs a fresh proof."""

    title: str  # the heading of the page that continues the action
    # Returns the name of the person that the action is about, given the values of the URL.
    get_name: Callable[[RequestContext, Mapping[str, Any]], str] = lambda _desk, _values: ""


def _get_colleague_name(desk: RequestContext, values: Mapping[str, Any]) -> str:
    colleague = colleagues.load(desk.session, desk.actor, values["public_id"])
    return colleague.name if colleague else ""


# By view name, followed by the last segment of the path if a view serves several actions. Pages and downloads can be
# listed too. Urgent actions are missing on purpose: signing a colleague out, withdrawing a page, removing a reader's
# name.
PROOFS: dict[str, ProofRequirement] = {
    "invite_colleague": ProofRequirement(_l("Invite somebody to this desk")),
    "press_colleague role": ProofRequirement(_l("Give %(whom)s another role"), _get_colleague_name),
    "press_colleague withdraw": ProofRequirement(_l("Withdraw the invitation of %(whom)s"), _get_colleague_name),
    "press_colleague remove": ProofRequirement(_l("Remove %(whom)s from this desk"), _get_colleague_name),
    "press_colleague deactivate": ProofRequirement(_l("Deactivate %(whom)s"), _get_colleague_name),
    "press_colleague reactivate": ProofRequirement(_l("Reactivate %(whom)s"), _get_colleague_name),
    "press_colleague factors": ProofRequirement(_l("Remove the second factors of %(whom)s"), _get_colleague_name),
    "press_colleague account": ProofRequirement(
        _l("Unlink the account of %(whom)s at the provider"), _get_colleague_name
    ),
    "expert_address": ProofRequirement(_l("Show an expert’s address")),
    "change_expert_address": ProofRequirement(_l("Change an expert’s address")),
    "expert_addresses": ProofRequirement(_l("Show the addresses of two experts")),
    "mail_address": ProofRequirement(_l("Show whom a mail is to")),
    "pen_address": ProofRequirement(_l("Show the address that a mail says it is from")),
    "leave_expert leave": ProofRequirement(_l("Delete an expert")),
    "expert_export": ProofRequirement(_l("Export the directory")),
    "take_trail": ProofRequirement(_l("Export the trail")),
    "export_newsletter": ProofRequirement(_l("Export the newsletter to a file")),
    "export_contacts": ProofRequirement(_l("Export the newsletter with readers’ contacts")),
    "export_letters": ProofRequirement(_l("Export letters")),
    "export_questions": ProofRequirement(_l("Export questions")),
    "add_program": ProofRequirement(_l("Connect another program")),
    "show_program_secret": ProofRequirement(_l("Show the secret of another program")),
    "press_program renew": ProofRequirement(_l("Make a new secret for another program")),
    "press_program resume": ProofRequirement(_l("Re-enable the webhook")),
    "press_program remove": ProofRequirement(_l("Remove another program")),
    "add_token": ProofRequirement(_l("Let a program read the desk")),
    "show_token_secret": ProofRequirement(_l("Show the secret of a program’s token")),
    "keep_sending_tool": ProofRequirement(_l("Change the sending tool or its key")),
    "change_settings keeping": ProofRequirement(_l("Change how long words are kept")),
}
TECHNICAL_FIELDS = ("csrf_token", "once")  # fields that get new values when the form is shown again
LABELS = errors.FIELD_LABELS | {"role": _l("Role"), "address": _l("Address")}
PROOF_REQUIRED = errors.ErrorMessage(
    _l("Confirm that it is you"),
    _l("You showed that it is you some time ago, and somebody else could be at your screen. Nothing was changed."),
    _l("Show that it is you; then do it again within ten minutes."),
)


def find_proof(endpoint: str, path: str) -> ProofRequirement | None:
    """Return the row of `PROOFS` for an address, or None."""
    name, last_segment = endpoint.removeprefix("editor."), path.rpartition("/")[2]
    return PROOFS.get(f"{name} {last_segment}") or PROOFS.get(name)


@editor.app_template_global("asks_for_proof")
def asks_for_proof(address: str) -> bool:
    """Return whether a form that posts to `address` will first ask for a fresh proof."""
    url_adapter = current_app.create_url_adapter(request)
    path = address.removeprefix(request.script_root).partition("?")[0]
    endpoint = url_adapter.match(path, method="POST")[0] if url_adapter else ""
    desk = cast(RequestContext | None, g.get("desk"))
    return find_proof(endpoint, path) is not None and not (desk and has_fresh_proof(desk.session, desk.actor))


@editor.before_request
def prove_first() -> Response | None:
    """Hold the request and ask for a proof of identity if the last one is too old."""
    values = request.view_args or {}
    if "slug" not in values or find_proof(request.endpoint or "", request.path) is None:
        return None
    slug = values["slug"]
    with read_context(slug) as desk:  # check the permission first
        if has_fresh_proof(desk.session, desk.actor):
            return None
    if request.method == "POST":
        next_url = url_for("editor.go_on", slug=slug, public_id=_hold_press(slug))
    else:  # a download: return to the page that links to it
        query_string = request.query_string.decode("ascii", "ignore")  # e.g. a list's filters
        next_url = request.path.rpartition("/")[0] + (f"?{query_string}" if query_string else "")
    return redirect(url_for("entrance.prove_again_page", next=next_url), code=303)


def _hold_press(slug: str) -> str:
    fields = [(name, text) for name, text in request.form.items(multi=True) if name not in TECHNICAL_FIELDS]
    form_digest = idempotency.compute_form_digest(current_user.person_id, request.form.get("once", ""))
    g.pop("press", None)  # the form isn't submitted yet, so its idempotency key must not be claimed
    address = request.full_path.rstrip("?")
    return run_in_transaction(
        slug, lambda desk: held_presses.hold(desk.session, desk.actor, address, fields, form_digest)
    )


@editor.get("/<slug>/go-on/<public_id>")
def go_on(slug: str, public_id: str) -> str | Response:
    """Show the held form again after the proof, for the person to confirm."""
    with read_context(slug) as desk:
        held = held_presses.load(desk.session, desk.actor, public_id)
        if held is None:
            announce(
                _("What you wanted to do isn’t kept any more: it is done, or too long ago. Nothing else was changed.")
            )
            return redirect(url_for("editor.home", slug=slug), code=303)
        if not has_fresh_proof(desk.session, desk.actor):
            return redirect(url_for("entrance.prove_again_page", next=request.path), code=303)
        address, fields = held
        path = address.removeprefix(request.script_root).partition("?")[0]
        url_adapter = current_app.create_url_adapter(request)
        endpoint, values = url_adapter.match(path, method="POST") if url_adapter else ("", {})
        required = find_proof(endpoint, path)
        # The held form is stored as a draft. Named here, it is deleted on submission, unless the form names another.
        hidden_fields = fields if dict(fields).get("draft") else [*fields, ("draft", f"{public_id}.1")]
        return page(
            desk,
            "editor/go_on.html",
            "",
            title=str(required.title) % {"whom": required.get_name(desk, values)} if required else _("Go on"),
            shown_fields=[(LABELS[name], text) for name, text in fields if name in LABELS and text],
            address=address,
            hidden_fields=hidden_fields,
            cancel_url=url_for("editor.home", slug=slug),
        )


@editor.errorhandler(NotFresh)
def not_fresh(_error: NotFresh) -> Response:
    """Answer an action that raised `NotFresh`: it has no row in `PROOFS`, or the ten minutes have just ended."""
    g.back = (url_for("entrance.prove_again_page", next=page_of_form()), _("Show that it is you, then do it again"))
    return errors.render_error(403, message=PROOF_REQUIRED)
