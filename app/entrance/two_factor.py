"""Second factors: showing one after signing in, and managing one's own: adding, renaming and removing them."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlsplit

import segno
from flask import current_app, g, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..core.actors import Visitor
from ..people import factors, sessions
from ..people.factors import ProofFailed, Site
from ..people.models import BrowserSession, Person
from ..people.sessions import PROOF_LIFE
from ..web.formatting import is_past
from ..web.setup import db, hash_identifier, limiter
from . import entrance
from .onward import home_of, local

T = TypeVar("T")
HOUSE = "Readers Asked"


def site() -> Site:
    """Return the relying party for passkeys. It is built from the settings, never from the request."""
    origin = current_app.config["BASE_URL"]
    return Site(urlsplit(origin).hostname or "", origin)


def has_second_factor() -> bool:
    """Return whether the signed-in person is staff and has a second factor."""
    if not current_user.is_authenticated or current_user.door != "desk":
        return False
    with db.read() as rows:
        return bool(factors.list_factors(rows, current_user.person_id))


def in_this_browser(fn: Callable[[Session, Visitor, BrowserSession], T]) -> T:
    """Run one change as the signed-in person. Raises `ProofFailed` if their session has ended."""
    token = current_user.token

    def once(rows: Session) -> T:
        found = sessions.find_session(rows, token)
        if found is None:
            raise ProofFailed("session")
        return fn(rows, Visitor(found[0].id), found[1])

    return db.write(once)


def keep_challenge(challenge: bytes) -> None:
    session["challenge"] = urlsafe_b64encode(challenge).decode()


def challenge() -> bytes:
    """Return the challenge that this browser was given, and remove it: it is valid once."""
    return urlsafe_b64decode(session.pop("challenge", ""))


@entrance.get("/sign-in/second")
def second() -> Response:
    """Ask for the second factor. People who need one and have none are redirected to add it."""
    onward = local(request.args.get("next"))
    if not current_user.is_authenticated:
        return redirect(url_for("entrance.ask", next=onward), code=303)
    if not has_second_factor():
        return redirect(url_for("entrance.factors_page") if current_user.is_half else onward or "/desk/", code=303)
    return _render_second()


def _render_second(status: int = 200, error: str = "") -> Response:
    g.language = current_user.language
    with db.read() as rows:
        mine = factors.list_factors(rows, current_user.person_id)
        options, fresh = factors.authentication_options(rows, current_user.person_id, site())
    keep_challenge(fresh)
    kinds = {one.kind for one in mine}
    onward = local(request.values.get("next"))
    html = render_template("entrance/second.html", kinds=kinds, options=options, error=error, next_path=onward)
    return make_response(html, status)


@entrance.post("/sign-in/second")
@limiter.limit("10 per hour", key_func=lambda: hash_identifier(f"second {getattr(current_user, 'person_id', '')}"))
def second_code() -> Response:
    """Verify a code of an authenticator app, or a recovery code."""
    typed = request.form.get("code", "")
    return _verify_second_factor(lambda rows, actor, began: factors.use_code(rows, actor, began, typed))


@entrance.post("/sign-in/second/passkey")
def second_passkey() -> Response:
    """Verify the response of a passkey, which passkeys.js puts into the form."""
    given, fresh = request.form.get("credential", ""), challenge()
    return _verify_second_factor(
        lambda rows, actor, began: factors.use_passkey(rows, actor, began, given, fresh, site())
    )


def _verify_second_factor(show: Callable[[Session, Visitor, BrowserSession], None]) -> Response:
    if not has_second_factor():
        return redirect(url_for("entrance.ask"), code=303)
    try:
        in_this_browser(show)
    except ProofFailed:
        return _render_second(
            400, _("That doesn’t fit. A code of an app fits once, and for a minute; a recovery code once.")
        )
    with db.read() as rows:
        home = home_of(rows, current_user.person_id, current_user.door)
    return redirect(local(request.form.get("next")) or home, code=303)


View = Callable[..., Response]


def _fresh(view: View) -> View:
    """Wrap a view for staff that needs a fresh proof of identity, with the second factor if they have one."""

    @wraps(view)
    def guarded(**parts: Any) -> Response:
        here = url_for("entrance.factors_page")
        if not current_user.is_authenticated or current_user.door != "desk":
            return redirect(url_for("entrance.ask", next=here), code=303)
        if current_user.is_half and has_second_factor():
            return redirect(url_for("entrance.second", next=here), code=303)
        if current_user.proved_at is None or is_past(current_user.proved_at + PROOF_LIFE):
            return redirect(url_for("entrance.again", next=here), code=303)
        g.language = current_user.language
        return view(**parts)

    return guarded


@entrance.get("/signed-in/factors")
@_fresh
def factors_page() -> Response:
    return _render_factors()


def _render_factors(status: int = 200, codes: list[str] | None = None, error: str = "") -> Response:
    with db.read() as rows:
        mine = factors.list_factors(rows, current_user.person_id)
        left = factors.count_unused_codes(rows, current_user.person_id)
    is_needed = current_user.is_half and not mine
    html = render_template(
        "entrance/factors.html", factors=mine, codes_left=left, codes=codes, error=error, is_needed=is_needed
    )
    return make_response(html, status)


@entrance.get("/signed-in/factors/app")
@_fresh
def app_page() -> Response:
    return _app_page(factors.new_secret())


def _app_page(secret: str, status: int = 200, error: str = "") -> Response:
    address = factors.otpauth_uri(secret, current_user.name, HOUSE)
    html = render_template(
        "entrance/factor_app.html", secret=secret, address=address, qr_code=_render_qr_code(address), error=error
    )
    return make_response(html, status)


def _render_qr_code(address: str) -> Markup:
    """Return an address as a QR code (ISO/IEC 18004) in SVG.

    It is dark on light in either theme, has the margin of four modules that readers need, and contains no inline
    styles, which the CSP forbids.
    """
    code = segno.make(address, micro=False)
    return Markup(code.svg_inline(border=4, light="white", omitsize=True, svgclass="qr", lineclass=None))  # noqa: S704 - of squares alone


@entrance.post("/signed-in/factors/app")
@_fresh
def add_app() -> Response:
    secret, code, name = (request.form.get(part, "") for part in ("secret", "code", "name"))
    name = name.strip() or _("App")
    try:
        codes = in_this_browser(lambda rows, actor, began: factors.add_app(rows, actor, began, name, secret, code))
    except ProofFailed:
        return _app_page(secret, 400, _("This code doesn’t fit. Look whether the clock of your device is right."))
    return _show_recovery_codes(codes)


@entrance.get("/signed-in/factors/passkey")
@_fresh
def passkey_page() -> Response:
    with db.read() as rows:
        person = rows.get_one(Person, current_user.person_id)
        options, fresh = factors.registration_options(rows, person, site(), HOUSE)
    keep_challenge(fresh)
    return make_response(render_template("entrance/factor_passkey.html", options=options))


@entrance.post("/signed-in/factors/passkey")
@_fresh
def add_passkey() -> Response:
    made, name, fresh = request.form.get("credential", ""), request.form.get("name", "").strip(), challenge()
    name = name or _("Passkey")
    try:
        codes = in_this_browser(
            lambda rows, actor, began: factors.add_passkey(rows, actor, began, name, made, fresh, site())
        )
    except ProofFailed:
        return _render_factors(400, error=_("This passkey couldn’t be taken. Try again."))
    return _show_recovery_codes(codes)


def _show_recovery_codes(codes: list[str]) -> Response:
    """Show the recovery codes that come with the first factor, this once: only their hashes are stored."""
    return _render_factors(codes=codes) if codes else redirect(url_for("entrance.factors_page"), code=303)


@entrance.post("/signed-in/factors/codes")
@_fresh
def new_codes() -> Response:
    def make(rows: Session, actor: Visitor, began: BrowserSession) -> list[str]:
        return factors.new_codes(rows, actor, rows.get_one(Person, began.person_id))

    return (
        _render_factors(codes=in_this_browser(make))
        if has_second_factor()
        else redirect(url_for("entrance.factors_page"), code=303)
    )


@entrance.post("/signed-in/factors/<public_id>/rename")
@_fresh
def rename_factor(public_id: str) -> Response:
    name = request.form.get("name", "")
    in_this_browser(lambda rows, actor, began: factors.rename(rows, actor, began.person_id, public_id, name))
    return redirect(url_for("entrance.factors_page"), code=303)


@entrance.post("/signed-in/factors/<public_id>/remove")
@_fresh
def remove_factor(public_id: str) -> Response:
    in_this_browser(lambda rows, actor, began: factors.remove(rows, actor, began.person_id, public_id))
    return redirect(url_for("entrance.factors_page"), code=303)
