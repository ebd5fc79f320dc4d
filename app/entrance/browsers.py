"""Browser sessions: listing them and signing out. Each session is a row; once it has ended, its cookie is useless."""

from datetime import timedelta

from flask import g, redirect, render_template, session, url_for
from flask_login import current_user, logout_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..core.actors import Visitor
from ..people import sessions
from ..people.models import Person
from ..web.setup import db
from . import entrance
from .redirect_targets import get_home_url

HOUR = timedelta(hours=1)


@entrance.post("/sign-out")
def sign_out() -> Response:
    if current_user.is_authenticated:
        token = current_user.token
        db.write(lambda db_session: sessions.end_session(db_session, token))
    return _log_out_and_redirect()


@entrance.get("/signed-in")
def browsers() -> str | Response:
    """List the browsers in which this person is signed in.

    For experts only the start of each session is stored, neither the browser nor the last visit.
    """
    if not current_user.is_authenticated:
        return redirect(url_for("entrance.sign_in_page", next=url_for("entrance.browsers")), code=303)
    if current_user.needs_second_factor:
        return redirect(url_for("entrance.second_factor_page", next=url_for("entrance.browsers")), code=303)
    g.language = current_user.language
    with db.read() as db_session:
        browser_sessions = sessions.sessions_of(db_session, current_user.person_id)
        limits = sessions.get_limits(db_session, current_user.door)
        return render_template(
            "entrance/browsers.html",
            browsers=[
                (browser_session, sessions.is_of_token(db_session, browser_session, current_user.token))
                for browser_session in browser_sessions
            ],
            staff=current_user.door == "desk",
            home=get_home_url(db_session, current_user.person_id, current_user.door),
            hours=limits.idle // HOUR,
            days=limits.total.days,
        )


@entrance.post("/sign-out/everywhere")
def sign_out_everywhere() -> Response:
    if current_user.is_authenticated:
        _end_sessions()
    return _log_out_and_redirect()


@entrance.post("/signed-in/others")
def sign_out_others() -> Response:
    """Sign out all browsers except this one."""
    if not current_user.is_authenticated or current_user.needs_second_factor:
        return _log_out_and_redirect()
    _end_sessions(except_token=current_user.token)
    return redirect(url_for("entrance.browsers"), code=303)


@entrance.post("/signed-in/<public_id>/end")
def sign_out_one(public_id: str) -> Response:
    """Sign out another browser of this person."""
    if not current_user.is_authenticated or current_user.needs_second_factor:
        return _log_out_and_redirect()
    person_id = current_user.person_id
    db.write(lambda db_session: sessions.end_one(db_session, Visitor(person_id), person_id, public_id))
    return redirect(url_for("entrance.browsers"), code=303)


def _end_sessions(except_token: str | None = None) -> None:
    """Sign this person out everywhere, except in the browser with `except_token`."""
    person_id = current_user.person_id

    def end_sessions(db_session: Session) -> None:
        person = db_session.get_one(Person, person_id)
        sessions.end_all(db_session, Visitor(person_id), person, except_token)

    db.write(end_sessions)


def _log_out_and_redirect() -> Response:
    logout_user()
    session.clear()
    return redirect(url_for("entrance.sign_in_page"), code=303)
