"""Browser sessions: listing them and signing out. A session is a row; once it has ended, its cookie is useless."""

from flask import g, redirect, render_template, session, url_for
from flask_login import current_user, logout_user
from werkzeug.wrappers import Response

from ..core.actors import Visitor
from ..people import sessions
from ..people.models import Person
from ..web.setup import db
from . import entrance
from .onward import home_of


@entrance.post("/sign-out")
def sign_out() -> Response:
    if current_user.is_authenticated:
        token = current_user.token
        db.write(lambda rows: sessions.end_session(rows, token))
    return _log_out_and_redirect()


@entrance.get("/signed-in")
def browsers() -> str | Response:
    """List the browsers in which this person is signed in. For experts only the beginning of each session is known."""
    if not current_user.is_authenticated:
        return redirect(url_for("entrance.ask", next=url_for("entrance.browsers")), code=303)
    if current_user.is_half:
        return redirect(url_for("entrance.second", next=url_for("entrance.browsers")), code=303)
    g.language = current_user.language
    with db.read() as rows:
        found = sessions.sessions_of(rows, current_user.person_id)
        mine = [(row, sessions.is_of_token(rows, row, current_user.token)) for row in found]
        home = home_of(rows, current_user.person_id, current_user.door)
        staff = current_user.door == "desk"
        limits = sessions.get_limits(rows, current_user.door)
        hours, days = int(limits.idle.total_seconds() // 3600), limits.total.days
        return render_template("entrance/browsers.html", browsers=mine, staff=staff, home=home, hours=hours, days=days)


@entrance.post("/sign-out/everywhere")
def sign_out_everywhere() -> Response:
    if current_user.is_authenticated:
        _end_all()
    return _log_out_and_redirect()


@entrance.post("/signed-in/others")
def sign_out_others() -> Response:
    """Sign out all browsers except this one."""
    if not current_user.is_authenticated or current_user.is_half:
        return _log_out_and_redirect()
    _end_all(but=current_user.token)
    return redirect(url_for("entrance.browsers"), code=303)


@entrance.post("/signed-in/<public_id>/end")
def sign_out_one(public_id: str) -> Response:
    """Sign out another browser of this person."""
    if not current_user.is_authenticated or current_user.is_half:
        return _log_out_and_redirect()
    person_id = current_user.person_id
    db.write(lambda rows: sessions.end_one(rows, Visitor(person_id), person_id, public_id))
    return redirect(url_for("entrance.browsers"), code=303)


def _end_all(but: str | None = None) -> None:
    person_id = current_user.person_id
    db.write(lambda rows: sessions.end_all(rows, Visitor(person_id), rows.get_one(Person, person_id), but))


def _log_out_and_redirect() -> Response:
    logout_user()
    session.clear()
    return redirect(url_for("entrance.ask"), code=303)
