"""Signing in with an account of the newsroom's OpenID Connect provider, if one is configured.

Signing in by mail stays possible, whatever the provider does.
"""

import logging
from dataclasses import asdict
from urllib.parse import urlsplit

from flask import current_app, g, make_response, redirect, render_template, request, session, url_for
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from app.settings.oidc_account import StaffProvider

from ..core.actors import Visitor
from ..db.session import now
from ..people import identities, oidc
from ..people.identities import SignInResult
from ..web.setup import db, limit_requests
from . import devices, entrance
from .login import get_browser_name, log_in_and_redirect
from .one_time_values import store_values, take_values
from .redirect_targets import get_local_path

log = logging.getLogger(__name__)
PURPOSE = "provider request"  # of what the browser keeps while it is at the provider

# The status and the message for each refusal.
REFUSALS = {
    oidc.ProviderUnavailable: (503, _l("%(provider)s can’t be reached right now. You can still sign in by mail.")),
    oidc.SignInDeclined: (403, _l("%(provider)s refused the sign-in, or you cancelled it there.")),
    oidc.InvalidResponse: (
        400,
        _l("The response doesn’t match what this browser asked for, or it is too old. Start again."),
    ),
    "unverified": (403, _l("%(provider)s hasn’t confirmed your address. Confirm it there, or sign in by mail.")),
    "unknown": (
        403,
        _l(
            "Nobody at this desk has the address that %(provider)s has for you. Ask an admin of your desk to "
            "invite that address."
        ),
    ),
    "another account": (
        403,
        _l(
            "The person with this address signed in with another account before, and only that one works. Use "
            "that account, or sign in by mail. An admin of your desk can remove it."
        ),
    ),
}
RETRYABLE = (oidc.ProviderUnavailable, oidc.SignInDeclined, oidc.InvalidResponse)


def get_provider() -> StaffProvider | None:
    """Return the configured provider, or None.

    Also return None if this page is at another host than BASE_URL, to which the provider redirects back.
    """
    configured: StaffProvider | None = current_app.config["OIDC"]
    own_host = urlsplit(current_app.config["BASE_URL"]).netloc
    return configured if request.host == own_host else None


@entrance.app_template_global("newsroom_account")
def newsroom_account() -> str:
    """Return the name of the provider for its button, or "" without one."""
    staff_provider = get_provider()
    return staff_provider.name if staff_provider else ""


def _callback_url() -> str:
    """Return the redirect URI. It is built from the settings, never from the request."""
    return str(current_app.config["BASE_URL"]) + url_for("entrance.provider_callback")


def _current_timestamp() -> int:
    with db.read() as db_session:
        return int(now(db_session).timestamp())


@entrance.get("/sign-in/provider")
@limit_requests("10 per minute; 60 per hour", devices.get_request_key, devices.require_wait)
def redirect_to_provider() -> Response:
    """Redirect to the provider. Requests from other sites are refused: only this site may start a sign-in."""
    staff_provider = _provider_or_404()
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        return redirect(url_for("entrance.sign_in_page", next=get_local_path(request.args.get("next"))), code=303)
    try:
        url, authorization_request = oidc.begin(staff_provider, _callback_url())
    except oidc.OidcError as error:
        return _render_refusal(staff_provider, type(error), error.reason)
    next_path = get_local_path(request.args.get("next")) or ""
    store_values(PURPOSE, {**asdict(authorization_request), "next": next_path})
    g.is_external_redirect = True
    return redirect(url, code=303)


@entrance.get("/sign-in/provider/back")
@limit_requests("20 per minute; 100 per hour", devices.get_request_key, devices.require_wait)
def provider_callback() -> Response:
    """Sign in with the provider's response, if this browser asked for it, and not too long ago."""
    staff_provider = _provider_or_404()
    stored_request = take_values(PURPOSE)
    if not stored_request:
        return _render_refusal(staff_provider, oidc.InvalidResponse, "no request, or an old or used one")
    next_path = stored_request.pop("next")
    try:
        account = oidc.finish(
            staff_provider,
            _callback_url(),
            oidc.AuthorizationRequest(**stored_request),
            request.args,
            _current_timestamp(),
        )
    except oidc.OidcError as error:
        return _render_refusal(staff_provider, type(error), error.reason)
    browser_name = get_browser_name()

    def sign_in(db_session: Session) -> SignInResult:
        return identities.sign_in_with_account(
            db_session, Visitor(), account, staff_provider.second_factor_methods, browser_name
        )

    result = db.write(sign_in)
    if not result.token:
        return _render_refusal(staff_provider, result.refusal, result.refusal)
    session["next"] = next_path
    return log_in_and_redirect(result.token)


def _provider_or_404() -> StaffProvider:
    staff_provider = get_provider()
    if staff_provider is None:
        raise NotFound
    return staff_provider


def _render_refusal(staff_provider: StaffProvider, refusal: type[oidc.OidcError] | str, log_text: str) -> Response:
    """Say why the sign-in was refused, and offer the other ways to sign in. `refusal` is a key of `REFUSALS`."""
    log.warning("nobody was let in by the provider: %s", log_text)
    status, sentence = REFUSALS[refusal]
    capitalized_name = staff_provider.name[:1].upper() + staff_provider.name[1:]
    message = sentence % {"provider": capitalized_name}
    html = render_template("entrance/provider_failed.html", sentence=message, can_retry=refusal in RETRYABLE)
    return make_response(html, status)
