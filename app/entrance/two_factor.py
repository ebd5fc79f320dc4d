"""Second factors: the page that asks for one after signing in, and the pages on which people manage their own."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar
from urllib.parse import urlsplit

import segno
from flask import current_app, g, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_user
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..core.actors import Visitor
from ..people import factors, sessions
from ..people.factors import ProofFailed, Site
from ..people.models import BrowserSession, Person
from ..people.sessions import PROOF_LIFE
from ..web.formatting import is_past
from ..web.setup import SignedIn, db, hash_identifier, limit_requests
from . import entrance
from .one_time_values import store_values, take_values
from .redirect_targets import get_home_url, get_local_path

Result = TypeVar("Result")
# How many codes of a person may be tried. Three codes of a million are right at any time, so somebody with the person's
# mailbox finds one with a chance of 3 % in a year.
CODES_TRIED = "10 per hour; 30 per day"
ISSUER = "Readers Asked"  # the name that authenticator apps and passkeys show


def get_site() -> Site:
    """Return the relying party for passkeys. It is built from the settings, never from the request."""
    origin = current_app.config["BASE_URL"]
    return Site(urlsplit(origin).hostname or "", origin)


def has_second_factor() -> bool:
    """Return whether the signed-in person is staff and has a second factor."""
    if not current_user.is_authenticated or current_user.door != "desk":
        return False
    with db.read() as db_session:
        return bool(factors.list_factors(db_session, current_user.person_id))


Change = Callable[[Session, Visitor, BrowserSession], Result]


def change_as_current_user(change: Change[Result]) -> Result:
    """Run a change in a transaction, as the signed-in person. Raises `ProofFailed` if their session has ended."""
    token = current_user.token

    def run(db_session: Session) -> Result:
        authenticated = sessions.find_session(db_session, token)
        if authenticated is None:
            raise ProofFailed("session")
        return change(db_session, Visitor(authenticated.person.id), authenticated.browser_session)

    return db.write(run)


def prove_as_current_user(change: Change[Result]) -> Result:
    """Run a change that proves who somebody is, and renew the token of their session. Raises `ProofFailed`."""

    def run(db_session: Session, actor: Visitor, browser_session: BrowserSession) -> tuple[Result, str]:
        return change(db_session, actor, browser_session), sessions.renew_token(db_session, browser_session)

    result, token = change_as_current_user(run)
    with db.read() as db_session:
        authenticated = sessions.find_session(db_session, token)
    if authenticated is None:
        raise ProofFailed("session")
    login_user(SignedIn(token, *authenticated))
    return result


# The purposes of a passkey's challenge: one that was asked for to prove who somebody is registers no passkey.
TO_REGISTER, TO_PROVE = "passkey registration", "passkey proof"


def store_challenge(purpose: str, challenge: bytes) -> None:
    store_values(purpose, {"challenge": challenge.hex()})


def take_challenge(purpose: str) -> bytes:
    """Return the challenge that this browser got for the purpose, and use it up. b"" if there is none."""
    return bytes.fromhex(take_values(purpose).get("challenge", ""))


@entrance.get("/sign-in/second")
def second_factor_page() -> Response:
    """Ask for the second factor. People who need a second factor and have none are redirected to add one."""
    next_path = get_local_path(request.args.get("next"))
    if not current_user.is_authenticated:
        return redirect(url_for("entrance.sign_in_page", next=next_path), code=303)
    if has_second_factor():
        return _render_second_factor()
    if current_user.needs_second_factor:
        session["next"] = next_path
        return redirect(url_for("entrance.factors_page"), code=303)
    return redirect(next_path or "/desk/", code=303)


def _render_second_factor(status: int = 200, error: str = "") -> Response:
    g.language = current_user.language
    with db.read() as db_session:
        own_factors = factors.list_factors(db_session, current_user.person_id)
        options, challenge = factors.authentication_options(db_session, current_user.person_id, get_site())
    kinds = {factor.kind for factor in own_factors}
    if "passkey" in kinds:
        store_challenge(TO_PROVE, challenge)
    next_path = get_local_path(request.values.get("next"))
    html = render_template("entrance/second.html", kinds=kinds, options=options, error=error, next_path=next_path)
    return make_response(html, status)


@entrance.post("/sign-in/second")
@limit_requests(CODES_TRIED, lambda: hash_identifier(f"second {getattr(current_user, 'person_id', '')}"))
def verify_second_factor_code() -> Response:
    """Verify a code of an authenticator app, or a recovery code."""
    return _verify_second_factor(partial(factors.use_code, code=request.form.get("code", "")))


@entrance.post("/sign-in/second/passkey")
def verify_second_factor_passkey() -> Response:
    """Verify the response of a passkey, which passkeys.js puts into the form."""
    credential = request.form.get("credential", "")
    return _verify_second_factor(
        partial(factors.use_passkey, credential=credential, challenge=take_challenge(TO_PROVE), site=get_site())
    )


def _verify_second_factor(use_factor: Change[None]) -> Response:
    if not has_second_factor():
        return redirect(url_for("entrance.sign_in_page"), code=303)
    try:
        prove_as_current_user(use_factor)
    except ProofFailed:
        return _render_second_factor(
            400, _("That code is wrong. A code from an app works once, and for a minute; a recovery code works once.")
        )
    with db.read() as db_session:
        home_url = get_home_url(db_session, current_user.person_id, current_user.door)
    return redirect(get_local_path(request.form.get("next")) or home_url, code=303)


View = Callable[..., Response]


def _require_fresh_proof(view: View) -> View:
    """Wrap a view for staff that needs a fresh proof of identity, with the second factor if they have one."""

    @wraps(view)
    def guarded_view(**view_args: Any) -> Response:
        factors_url = url_for("entrance.factors_page")
        if not current_user.is_authenticated or current_user.door != "desk":
            return redirect(url_for("entrance.sign_in_page", next=factors_url), code=303)
        if current_user.needs_second_factor and has_second_factor():
            return redirect(url_for("entrance.second_factor_page", next=factors_url), code=303)
        if current_user.proved_at is None or is_past(current_user.proved_at + PROOF_LIFE):
            return redirect(url_for("entrance.prove_again_page", next=factors_url), code=303)
        g.language = current_user.language
        return view(**view_args)

    return guarded_view


@entrance.get("/signed-in/factors")
@_require_fresh_proof
def factors_page() -> Response:
    return _render_factors()


def _render_factors(status: int = 200, codes: list[str] | None = None, error: str = "") -> Response:
    with db.read() as db_session:
        own_factors = factors.list_factors(db_session, current_user.person_id)
        codes_left = factors.count_unused_codes(db_session, current_user.person_id)
        home_url = get_home_url(db_session, current_user.person_id, current_user.door)
    html = render_template(
        "entrance/factors.html",
        factors=own_factors,
        codes_left=codes_left,
        codes=codes,
        error=error,
        is_needed=current_user.needs_second_factor and not own_factors,
        desk_url=get_local_path(session.get("next")) or home_url,
    )
    return make_response(html, status)


@entrance.get("/signed-in/factors/app")
@_require_fresh_proof
def app_page() -> Response:
    return _render_app_page(factors.new_secret())


def _render_app_page(secret: str, status: int = 200, error: str = "") -> Response:
    uri = factors.otpauth_uri(secret, current_user.name, ISSUER)
    html = render_template(
        "entrance/factor_app.html", secret=secret, address=uri, qr_code=_render_qr_code(uri), error=error
    )
    return make_response(html, status)


def _render_qr_code(uri: str) -> Markup:
    """Return a URI as a QR code (ISO/IEC 18004) in SVG.

    It is dark on light in either theme, has the margin of four modules that readers need, and contains no inline
    styles, which the CSP forbids.
    """
    code = segno.make(uri, micro=False)
    svg = code.svg_inline(border=4, light="white", omitsize=True, svgclass="qr", lineclass=None)
    return Markup(svg)  # noqa: S704 - it contains only squares, and no text


@entrance.post("/signed-in/factors/app")
@_require_fresh_proof
def add_app() -> Response:
    secret, code = request.form.get("secret", ""), request.form.get("code", "")
    name = request.form.get("name", "").strip() or _("App")
    try:
        codes = prove_as_current_user(partial(factors.add_app, name=name, secret=secret, code=code))
    except ProofFailed:
        return _render_app_page(secret, 400, _("This code is wrong. Check that the clock of your device is right."))
    return _show_recovery_codes(codes)


@entrance.get("/signed-in/factors/passkey")
@_require_fresh_proof
def passkey_page() -> Response:
    with db.read() as db_session:
        person = db_session.get_one(Person, current_user.person_id)
        options, challenge = factors.registration_options(db_session, person, get_site(), ISSUER)
    store_challenge(TO_REGISTER, challenge)
    return make_response(render_template("entrance/factor_passkey.html", options=options))


@entrance.post("/signed-in/factors/passkey")
@_require_fresh_proof
def add_passkey() -> Response:
    credential, challenge = request.form.get("credential", ""), take_challenge(TO_REGISTER)
    name = request.form.get("name", "").strip() or _("Passkey")
    try:
        codes = prove_as_current_user(
            partial(factors.add_passkey, name=name, credential=credential, challenge=challenge, site=get_site())
        )
    except ProofFailed:
        return _render_factors(400, error=_("This passkey didn’t work. Try again."))
    return _show_recovery_codes(codes)


def _show_recovery_codes(codes: list[str]) -> Response:
    """Show the recovery codes that come with the first factor. This is the only time: only their hashes are stored."""
    return _render_factors(codes=codes) if codes else redirect(url_for("entrance.factors_page"), code=303)


@entrance.post("/signed-in/factors/codes")
@_require_fresh_proof
def new_codes() -> Response:
    """Replace the recovery codes, and show the new ones."""

    def replace_codes(db_session: Session, actor: Visitor, browser_session: BrowserSession) -> list[str]:
        return factors.new_codes(db_session, actor, db_session.get_one(Person, browser_session.person_id))

    if not has_second_factor():
        return redirect(url_for("entrance.factors_page"), code=303)
    return _render_factors(codes=change_as_current_user(replace_codes))


@entrance.post("/signed-in/factors/<public_id>/rename")
@_require_fresh_proof
def rename_factor(public_id: str) -> Response:
    name = request.form.get("name", "")

    def rename(db_session: Session, actor: Visitor, browser_session: BrowserSession) -> None:
        factors.rename(db_session, actor, browser_session.person_id, public_id, name)

    change_as_current_user(rename)
    return redirect(url_for("entrance.factors_page"), code=303)


@entrance.post("/signed-in/factors/<public_id>/remove")
@_require_fresh_proof
def remove_factor(public_id: str) -> Response:
    def remove(db_session: Session, actor: Visitor, browser_session: BrowserSession) -> None:
        factors.remove(db_session, actor, browser_session.person_id, public_id)

    change_as_current_user(remove)
    return redirect(url_for("entrance.factors_page"), code=303)
