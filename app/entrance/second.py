"""The second factor: shown after the mail that let somebody in, and again before what is not for a borrowed screen."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from flask import current_app, g, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..core.actors import Visitor
from ..people import factors, sessions
from ..people.factors import Site, Unproved
from ..people.models import BrowserSession
from ..web.setup import db, hash_identifier, limiter
from . import entrance
from .onward import home_of, local

T = TypeVar("T")
HOUSE = "Readers Asked"


def site() -> Site:
    """Return the house as passkeys know it: by the settings, never by what a request says."""
    origin = current_app.config["BASE_URL"]
    return Site(urlsplit(origin).hostname or "", origin)


def has_second_factor() -> bool:
    """Return whether whoever is signed in here has a second factor to show."""
    if not current_user.is_authenticated or current_user.door != "desk":
        return False
    with db.read() as rows:
        return bool(factors.list_factors(rows, current_user.person_id))


def in_this_browser(fn: Callable[[Session, Visitor, BrowserSession], T]) -> T:
    """Run one change as whoever is signed in here. Raises `Unproved` where they were signed out meanwhile."""
    token = current_user.token

    def once(rows: Session) -> T:
        found = sessions.find_session(rows, token)
        if found is None:
            raise Unproved("session")
        return fn(rows, Visitor(found[0].id), found[1])

    return db.write(once)


def keep_challenge(challenge: bytes) -> None:
    session["challenge"] = urlsafe_b64encode(challenge).decode()


def challenge() -> bytes:
    """Return the challenge that this browser was given; it serves once."""
    return urlsafe_b64decode(session.pop("challenge", ""))


@entrance.get("/sign-in/second")
def second() -> Response:
    """Ask for the second factor; lead to making one whoever needs one and has none."""
    onward = local(request.args.get("next"))
    if not current_user.is_authenticated:
        return redirect(url_for("entrance.ask", next=onward), code=303)
    if not has_second_factor():
        return redirect(url_for("entrance.factors_page") if current_user.is_half else onward or "/desk/", code=303)
    return _page()


def _page(status: int = 200, error: str = "") -> Response:
    g.language = current_user.language
    with db.read() as rows:
        mine = factors.list_factors(rows, current_user.person_id)
        options, fresh = factors.options_to_show(rows, current_user.person_id, site())
    keep_challenge(fresh)
    kinds = {one.kind for one in mine}
    onward = local(request.values.get("next"))
    html = render_template("entrance/second.html", kinds=kinds, options=options, error=error, next_path=onward)
    return make_response(html, status)


@entrance.post("/sign-in/second")
@limiter.limit("10 per hour", key_func=lambda: hash_identifier(f"second {getattr(current_user, 'person_id', '')}"))
def second_code() -> Response:
    """Take a code of an app, or a recovery code."""
    typed = request.form.get("code", "")
    return _verify_second_factor(lambda rows, actor, began: factors.show_code(rows, actor, began, typed))


@entrance.post("/sign-in/second/passkey")
def second_passkey() -> Response:
    """Take what a passkey has signed; the module passkeys.js puts it into the form."""
    given, fresh = request.form.get("credential", ""), challenge()
    return _verify_second_factor(
        lambda rows, actor, began: factors.show_passkey(rows, actor, began, given, fresh, site())
    )


def _verify_second_factor(show: Callable[[Session, Visitor, BrowserSession], None]) -> Response:
    if not has_second_factor():
        return redirect(url_for("entrance.ask"), code=303)
    try:
        in_this_browser(show)
    except Unproved:
        return _page(400, _("That doesn’t fit. A code of an app fits once, and for a minute; a recovery code once."))
    with db.read() as rows:
        home = home_of(rows, current_user.person_id, current_user.door)
    return redirect(local(request.form.get("next")) or home, code=303)
