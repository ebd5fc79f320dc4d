"""The people of the desk and their roles; for admins also invitations, deactivation and second factors."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app.settings.sign_in_rules import SignInRules

from ...core.domain_errors import VersionConflict
from ...core.permissions import DESK_ACTS, ROLES, roles_for
from ...people import colleagues, identities, staff
from ...people.colleagues import Colleague
from ...people.models import Membership
from ...web.error_sentences import SENTENCES, format_bad_address, format_error
from ...web.setup import or_404
from ..conflict import abort_with_conflict, submitted_token
from ..frame import (
    RequestContext,
    announce,
    editor,
    page,
    read_context,
    require_row,
    rerender,
    role_label,
    run_in_transaction,
)

FAULTS = {"name": _l("Say who it is."), "role": SENTENCES["invalid.role_unknown"]}
# Actions on a colleague: the verb, and the message afterwards.
ACTIONS: dict[str, tuple[Callable[..., None], Any]] = {
    "role": (staff.set_role, _l("%(name)s has a new role.")),
    "again": (staff.invite_again, _l("A new invitation is on its way to %(name)s.")),
    "withdraw": (staff.withdraw, _l("The invitation of %(name)s is withdrawn; its link no longer works.")),
    "remove": (staff.remove, _l("%(name)s is no longer at this desk.")),
    "deactivate": (staff.deactivate, _l("%(name)s is deactivated and signed out everywhere.")),
    "reactivate": (staff.reactivate, _l("%(name)s can sign in again.")),
    "factors": (staff.reset_factors, _l("The second factors of %(name)s are removed; they are signed out everywhere.")),
    "account": (staff.release_identity, _l("The account of %(name)s at the provider is unlinked.")),
    "out": (staff.sign_out, _l("%(name)s is signed out everywhere.")),
}


@editor.get("/<slug>/people")
def people(slug: str) -> str:
    with read_context(slug) as desk:
        return _render_list(desk)


def _render_list(
    desk: RequestContext, form_data: Mapping[str, str] | None = None, faults: Mapping[str, str] | None = None
) -> str:
    can_manage = desk.may("people")
    everybody = colleagues.list_colleagues(desk.session, desk.actor, include_contacts=can_manage)
    return page(
        desk,
        "editor/settings/people.html",
        "settings",
        people=[colleague for colleague in everybody if can_manage or colleague.status == "here"],
        can_manage=can_manage,
        roles=_role_options(),
        will_need_factors=can_manage and _will_need_factors(desk, everybody),
        form_data=form_data or {"role": "editor"},
        faults=faults or {},
    )


def _will_need_factors(desk: RequestContext, everybody: Sequence[Colleague]) -> bool:
    """Return whether a second person would make a second factor necessary at this desk."""
    rules: SignInRules = desk.session.info["sign_in"]
    return rules.second_factor_if_shared and [colleague.status for colleague in everybody].count("here") == 1


def _role_options() -> list[tuple[str, str]]:
    return [(role, role_label(role)) for role in ROLES]


@editor.get("/<slug>/people/who-may-what")
def who_may_what(slug: str) -> str:
    with read_context(slug) as desk:
        groups = []
        for heading, acts in DESK_ACTS.items():
            rows = [(gettext(label), [role in roles_for(act) for role in ROLES]) for act, label in acts.items()]
            groups.append((gettext(heading), rows))
        return page(desk, "editor/settings/who_may_what.html", "settings", groups=groups, roles=_role_options())


@editor.action("/<slug>/people", permission="people")
def invite_colleague(slug: str) -> Response | tuple[str, int]:
    form_data = {name: request.form.get(name, "") for name in ("name", "email", "role")}

    def fn(desk: RequestContext) -> str:
        # The form has this field after a rejection with `PersonIsExpert`: submitting it again confirms the invitation.
        expert_id = request.form.get("known", "")
        invited = staff.invite(desk.session, desk.actor, desk.newsletter.name, **form_data, expert_public_id=expert_id)
        return invited.name

    try:
        name = run_in_transaction(slug, fn)
    except staff.BadInvitation as error:
        faults = {"email": format_bad_address(form_data["email"])} | {name: str(text) for name, text in FAULTS.items()}
        return rerender(slug, 422, _render_list, form_data, {field: faults[field] for field in error.fields})
    except staff.PersonIsExpert as error:
        fault = _(
            "%(name)s is in the directory of experts. At the desk they can read what readers wrote, even behind "
            "questions they are asked. Send it again if that is what you want.",
            name=error.name,
        )
        return rerender(slug, 422, _render_list, form_data | {"known": error.public_id}, {"email": fault})
    except staff.AlreadyAtDesk:
        fault = _("This address is of this desk already: see above.")
        return rerender(slug, 422, _render_list, form_data, {"email": fault})
    announce(_("The invitation is on its way to %(name)s.", name=name))
    return redirect(url_for("editor.people", slug=slug), code=303)


@editor.restricted_page("/<slug>/people/<public_id>", permission="people")
def colleague(slug: str, public_id: str) -> str:
    with read_context(slug) as desk:
        return _render_colleague(desk, public_id)


def _render_colleague(desk: RequestContext, public_id: str, fault: str = "") -> str:
    everybody = colleagues.list_colleagues(desk.session, desk.actor, include_contacts=True)
    colleague = or_404(next((other for other in everybody if other.person.public_id == public_id), None))
    admins = [other for other in everybody if other.membership.role in roles_for("people") and other.status == "here"]
    return page(
        desk,
        "editor/settings/colleague.html",
        "settings",
        colleague=colleague,
        roles=_role_options(),
        is_last_admin=admins == [colleague],
        is_me=colleague.person.id == desk.actor.person_id,
        has_provider_account=identities.has_identity(desk.session, colleague.person.id),
        fault=fault,
    )


def _load_membership(desk: RequestContext, public_id: str) -> Membership:
    colleague = colleagues.load(desk.session, desk.actor, public_id)
    return require_row(desk, colleague, "editor.colleague", public_id, _("Open the page again")).membership


@editor.action(f"/<slug>/people/<public_id>/<any({', '.join(ACTIONS)}):action>", permission="people")
def press_colleague(slug: str, public_id: str, action: str) -> Response | tuple[str, int]:
    verb, message = ACTIONS[action]

    def fn(desk: RequestContext) -> tuple[str, bool]:
        colleague = or_404(colleagues.load(desk.session, desk.actor, public_id))
        name = colleague.name
        shown_role = str(submitted_token().get("role", ""))
        more_arguments = {"role": (request.form.get("role", ""), shown_role), "again": (desk.newsletter.name,)}
        verb(desk.session, desk.actor, colleague, *more_arguments.get(action, ()))
        return name, colleague.person.id == desk.actor.person_id

    try:
        name, is_me = run_in_transaction(slug, fn)
    except staff.LastAdmin as error:
        return rerender(slug, 409, _render_colleague, public_id, format_error(error))
    except VersionConflict as error:
        abort_with_conflict(slug, lambda desk: _load_membership(desk, public_id), error)
    announce(str(message) % {"name": name})
    if is_me and action in ("remove", "deactivate"):
        return redirect(url_for("editor.start"), code=303)
    if action in ("withdraw", "remove"):  # the colleague's page is gone
        return redirect(url_for("editor.people", slug=slug), code=303)
    return redirect(url_for("editor.colleague", slug=slug, public_id=public_id), code=303)
