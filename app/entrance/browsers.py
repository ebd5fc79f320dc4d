"""Where I am signed in, and the ways out. Sessions are rows: what is ended here is out at once, whatever the cookie says."""

from flask import g, redirect, render_template, session, url_for
from flask_login import current_user, logout_user
from werkzeug.wrappers import Response

from ..actors import Visitor
from ..people import sign_in
from ..people.models import Person
from ..web import db
from . import entrance
from .ways_in import home_of


@entrance.post("/sign-out")
def sign_out() -> Response:
    if current_user.is_authenticated:
        token = current_user.token
        db.write(lambda rows: sign_in.end_session(rows, token))
    return _out()


@entrance.get("/signed-in")
def browsers() -> str | Response:
    """The browsers in which I am signed in. No more is known of them than since when and to which door."""
    if not current_user.is_authenticated:
        return redirect(url_for("entrance.ask", next=url_for("entrance.browsers")), code=303)
    g.language = current_user.language
    with db.read() as rows:
        found = sign_in.sessions_of(rows, current_user.person_id)
        mine = [(row, sign_in.is_of_token(rows, row, current_user.token)) for row in found]
        home = home_of(rows, current_user.person_id, current_user.door)
        return render_template("entrance/browsers.html", browsers=mine, name=current_user.name, home=home)


@entrance.post("/sign-out/everywhere")
def sign_out_everywhere() -> Response:
    if current_user.is_authenticated:
        person_id = current_user.person_id
        db.write(lambda rows: sign_in.end_all_sessions(rows, Visitor(person_id), rows.get_one(Person, person_id)))
    return _out()


def _out() -> Response:
    logout_user()
    session.clear()
    return redirect(url_for("entrance.ask"), code=303)
