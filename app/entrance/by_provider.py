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
from ..people.identities import CameIn
from ..web.setup import db, limiter
from . import devices, entrance
from .login import family_seen, let_in
from .onward import local

log = logging.getLogger(__name__)

# By reason of a refusal: the status, and the sentence.
WHY = {
    oidc.Away: (503, _l("%(provider)s can’t be reached just now. The way in by mail works as ever.")),
    oidc.Declined: (403, _l("%(provider)s didn’t let you in, or you turned back there.")),
    oidc.Unfit: (
        400,
        _l("What came back doesn’t belong to what was asked for in this browser, or it is too old. Begin once more."),
    ),
    "unverified": (
        403,
        _l(
            "%(provider)s doesn’t vouch for your address: it isn’t confirmed there. "
            "Confirm it there, or come in by mail."
        ),
    ),
    "unknown": (
        403,
        _l(
            "Nobody at work here has the address that %(provider)s knows you by. "
            "Ask an admin of your desk for an invitation to it."
        ),
    ),
    "another account": (
        403,
        _l(
            "Whoever has this address here came in by another account before, and only that one counts. "
            "Sign in with that one, or by mail; an admin of your desk can have it forgotten."
        ),
    ),
}
WORTH_ANOTHER_TRY = (oidc.Away, oidc.Declined, oidc.Unfit)


def provider() -> StaffProvider | None:
    """Return the configured provider, or None if there is none or it would redirect back to another host."""
    one: StaffProvider | None = current_app.config["OIDC"]
    return one if one and request.host == urlsplit(current_app.config["BASE_URL"]).netloc else None


@entrance.app_template_global("newsroom_account")
def newsroom_account() -> str:
    """Return the name of the provider for its button, or "" without one."""
    one = provider()
    return one.name if one else ""


def _callback_url() -> str:
    """Return the redirect URI. It is built from the settings, never from the request."""
    return str(current_app.config["BASE_URL"]) + url_for("entrance.provider_back")


def _current_timestamp() -> int:
    with db.read() as rows:
        return int(now(rows).timestamp())


@entrance.get("/sign-in/provider")
@limiter.limit("10 per minute; 60 per hour", key_func=devices.asker, on_breach=devices.wait)
def to_provider() -> Response:
    """Redirect to the provider. Requests from other sites are refused, since they could choose the moment."""
    one = _set()
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        return redirect(url_for("entrance.ask", next=local(request.args.get("next"))), code=303)
    try:
        address, asked = oidc.begin(one, _callback_url(), _current_timestamp())
    except oidc.NotVouched as fault:
        return _render_refusal(one, type(fault), fault.why)
    session["provider"] = {**asdict(asked), "next": local(request.args.get("next"))}
    g.leaves = True
    return redirect(address, code=303)


@entrance.get("/sign-in/provider/back")
@limiter.limit("20 per minute; 100 per hour", key_func=devices.asker, on_breach=devices.wait)
def provider_back() -> Response:
    """Sign in with the provider's response. The state kept for it is used only once."""
    one, kept = _set(), session.pop("provider", None)
    if not kept:
        return _render_refusal(one, oidc.Unfit, "nothing was asked for")
    onward = kept.pop("next")
    try:
        vouched = oidc.finish(
            one, _callback_url(), oidc.AuthorizationRequest(**kept), request.args, _current_timestamp()
        )
    except oidc.NotVouched as fault:
        return _render_refusal(one, type(fault), fault.why)
    seen = family_seen()

    def come_in(rows: Session) -> CameIn:
        return identities.come_in(rows, Visitor(), vouched, one.second, seen)

    came = db.write(come_in)
    if not came.token:
        return _render_refusal(one, came.why, came.why)
    session["next"] = onward
    return let_in(came.token)


def _set() -> StaffProvider:
    one = provider()
    if one is None:
        raise NotFound
    return one


def _render_refusal(staff_provider: StaffProvider, reason: type[oidc.NotVouched] | str, logged: str) -> Response:
    """Say why the provider's response was refused, and offer the other ways to sign in."""
    log.warning("nobody was let in by the provider: %s", logged)
    status, sentence = WHY[reason]
    said = sentence % {"provider": staff_provider.name[:1].upper() + staff_provider.name[1:]}
    html = render_template("entrance/provider_failed.html", sentence=said, can_retry=reason in WORTH_ANOTHER_TRY)
    return make_response(html, status)
