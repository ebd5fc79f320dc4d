"""Tokens with which programs read the desk, for admins: the list, and a token's page with its secret, shown once."""

from collections.abc import Mapping
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response

from ...core.domain_errors import MissingPrecondition, TooLong, VersionConflict
from ...core.permissions import TOKEN_ACTS
from ...db.session import now
from ...forms.version_tokens import encode_token
from ...people import api_tokens
from ...people.colleagues import get_display_names
from ...people.models import ApiToken
from ...web.error_sentences import format_error
from ..conflict import submitted_token
from ..form_fields import parse_number
from ..frame import RequestContext, announce, editor, page, read_context, require_row, rerender, run_in_transaction

DEFAULT_FORM: Mapping[str, Any] = {"name": "", "acts": ["read"], "days": 90}
NO_NAME = _l("Say which program it is for.")


@editor.restricted_page("/<slug>/tokens", permission="programs")
def tokens(slug: str) -> str:
    with read_context(slug) as desk:
        return _render_list(desk)


def _render_list(
    desk: RequestContext, form_data: Mapping[str, Any] = DEFAULT_FORM, faults: Mapping[str, str] | None = None
) -> str:
    own_tokens = api_tokens.listing(desk.newsletter.id).page(desk.session, None, api_tokens.MAX_TOKENS)
    names = get_display_names(desk.session, desk.newsletter.id)
    return page(
        desk,
        "editor/settings/tokens.html",
        "settings",
        tokens=[(token, names.get(token.person_id, ""), *format_token_status(desk, token)) for token in own_tokens],
        acts=[(act, _(label)) for act, label in TOKEN_ACTS.items() if desk.may(act)],
        lifetimes=[(days, ngettext("one day", "%(num)s days", days)) for days in api_tokens.LIFETIMES],
        form_data=form_data,
        faults=faults or {},
        name_length=api_tokens.LONGEST_NAME,
    )


def format_token_status(desk: RequestContext, token: ApiToken) -> tuple[str, str]:
    """Return the mark and the label of a token's status."""
    if token.ends_at <= now(desk.session):
        return "late", _("expired")
    return ("good", _("valid")) if token.token_mac else ("wait", _("its secret wasn’t shown yet"))


@editor.action("/<slug>/tokens", permission="programs")
def add_token(slug: str) -> Response | tuple[str, int]:
    name, acts = request.form.get("name", "").strip(), request.form.getlist("acts")
    days = parse_number(request.form.get("days", ""))
    form_data = {"name": name, "acts": acts, "days": days}

    def fn(desk: RequestContext) -> str:
        return api_tokens.create(desk.session, desk.actor, name, acts, days).public_id

    try:
        public_id = run_in_transaction(slug, fn)
    except TooLong as error:
        return rerender(slug, 422, _render_list, form_data, {error.field: format_error(error)})
    except MissingPrecondition as error:
        fault = str(NO_NAME) if error.code == "required.name" else format_error(error)
        return rerender(slug, 422, _render_list, form_data, {error.field or "name": fault})
    announce(_("The token is created. Show its secret now, and put it into the program."))
    return _redirect_to_token(slug, public_id)


@editor.restricted_page("/<slug>/tokens/<public_id>", permission="programs")
def token(slug: str, public_id: str) -> str:
    with read_context(slug) as desk:
        return _render_token(desk, public_id)


def _render_token(desk: RequestContext, public_id: str, secret: str = "") -> str:
    token = _load_token(desk, public_id)
    mark, status = format_token_status(desk, token)
    return page(
        desk,
        "editor/settings/token.html",
        "settings",
        token=token,
        creator=get_display_names(desk.session, desk.newsletter.id).get(token.person_id, ""),
        is_own=token.person_id == desk.actor.person_id,
        acts=[_(TOKEN_ACTS[act]) for act in token.acts],
        status_mark=mark,
        status=status,
        secret=secret,
        version_token=encode_token({"has_secret": token.token_mac is not None}),
        api_url=url_for("api.newsletter", slug=desk.newsletter.slug, _external=True),
    )


def _load_token(desk: RequestContext, public_id: str) -> ApiToken:
    token = api_tokens.load(desk.session, desk.actor, public_id)
    return require_row(desk, token, "editor.token", public_id, _("Back to the token"))


@editor.action("/<slug>/tokens/<public_id>/secret", permission="programs")
def show_token_secret(slug: str, public_id: str) -> str:
    """Create the secret of a token and show it, which is possible only in this response."""

    def fn(desk: RequestContext) -> str:
        token = _load_token(desk, public_id)
        if submitted_token().get("has_secret") != (token.token_mac is not None):
            raise VersionConflict("the secret was shown")  # it may be in use already
        return api_tokens.show_secret(desk.session, desk.actor, token)

    secret = run_in_transaction(slug, fn)
    with read_context(slug) as desk:
        return _render_token(desk, public_id, secret)


@editor.action("/<slug>/tokens/<public_id>/revoke", permission="programs")
def revoke_token(slug: str, public_id: str) -> Response:
    def fn(desk: RequestContext) -> str:
        token = _load_token(desk, public_id)
        name = token.name
        api_tokens.revoke(desk.session, desk.actor, token)
        return name

    name = run_in_transaction(slug, fn)
    announce(_("The token of %(name)s is revoked: it opens nothing any more.", name=name))
    return redirect(url_for("editor.tokens", slug=slug), code=303)


def _redirect_to_token(slug: str, public_id: str) -> Response:
    return redirect(url_for("editor.token", slug=slug, public_id=public_id), code=303)
