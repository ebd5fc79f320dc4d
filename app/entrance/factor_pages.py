"""Somebody's own second factors: added, renamed, removed, with the recovery codes for when they are lost."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import segno
from flask import g, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..core.actors import Visitor
from ..people import factors
from ..people.factors import Unproved
from ..people.models import BrowserSession, Person
from ..people.sessions import PROOF_LIFE
from ..web.formatting import is_past
from ..web.setup import db
from . import entrance
from .second import HOUSE, challenge, has_second_factor, in_this_browser, keep_challenge, site

View = Callable[..., Response]


def _fresh(view: View) -> View:
    """Let only somebody of the desk in who has just proved who they are, by their second factor if they have one."""

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
    return _page()


def _page(status: int = 200, codes: list[str] | None = None, error: str = "") -> Response:
    with db.read() as rows:
        mine = factors.list_factors(rows, current_user.person_id)
        left = factors.codes_left(rows, current_user.person_id)
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
    address = factors.address_of(secret, current_user.name, HOUSE)
    html = render_template(
        "entrance/factor_app.html", secret=secret, address=address, qr_code=_render_qr_code(address), error=error
    )
    return make_response(html, status)


def _render_qr_code(address: str) -> Markup:
    """Draw an address as a QR code (ISO/IEC 18004) for the camera of a telephone: dark on light in either theme, with
    the margin of four that readers need, and nothing in it that the policy for styles forbids."""
    code = segno.make(address, micro=False)
    return Markup(code.svg_inline(border=4, light="white", omitsize=True, svgclass="qr", lineclass=None))  # noqa: S704 - of squares alone


@entrance.post("/signed-in/factors/app")
@_fresh
def add_app() -> Response:
    secret, code, name = (request.form.get(part, "") for part in ("secret", "code", "name"))
    name = name.strip() or _("App")
    try:
        codes = in_this_browser(lambda rows, actor, began: factors.add_app(rows, actor, began, name, secret, code))
    except Unproved:
        return _app_page(secret, 400, _("This code doesn’t fit. Look whether the clock of your device is right."))
    return _show_recovery_codes(codes)


@entrance.get("/signed-in/factors/passkey")
@_fresh
def passkey_page() -> Response:
    with db.read() as rows:
        person = rows.get_one(Person, current_user.person_id)
        options, fresh = factors.options_to_make(rows, person, site(), HOUSE)
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
    except Unproved:
        return _page(400, error=_("This passkey couldn’t be taken. Try again."))
    return _show_recovery_codes(codes)


def _show_recovery_codes(codes: list[str]) -> Response:
    """Show the recovery codes that come with the first factor, once; they are kept as hashes."""
    return _page(codes=codes) if codes else redirect(url_for("entrance.factors_page"), code=303)


@entrance.post("/signed-in/factors/codes")
@_fresh
def new_codes() -> Response:
    def make(rows: Session, actor: Visitor, began: BrowserSession) -> list[str]:
        return factors.new_codes(rows, actor, rows.get_one(Person, began.person_id))

    return (
        _page(codes=in_this_browser(make))
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
