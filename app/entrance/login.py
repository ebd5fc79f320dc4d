"""Requesting a sign-in by mail and using its link or code. A GET never signs anybody in, since scanners open links."""

import re
import time
from collections.abc import Mapping
from datetime import timedelta

from flask import g, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..core.actors import Visitor
from ..crypto.seal import new_token
from ..people import sessions, sign_in
from ..people.directory import BadAddress, checked_address
from ..people.models import DOORS, Person
from ..people.sign_in import RequestingBrowser
from ..server.page_server import delay_response
from ..text.clean import single_line
from ..text.word_tables import word_tables
from ..web.formatting import language
from ..web.setup import SignedIn, db, hash_identifier, limiter
from . import devices, entrance, two_factor
from .onward import home_of, local


def family(user_agent: str) -> str:
    """Return a browser's name, e.g. "Firefox on Linux", as far as it is known."""
    tables = word_tables(__file__, "browser_names")
    browser = _find_name(tables["browsers"], user_agent)
    system = _find_name(tables["systems"], user_agent)
    return f"{browser} on {system}" if browser and system else browser


def _find_name(patterns: Mapping[str, str], user_agent: str) -> str:
    for name, pattern in patterns.items():
        if re.search(pattern, user_agent):
            return name
    return ""


MINUTE = timedelta(minutes=1)
LEAST_DURATION = 0.25  # of a request in seconds, so that timing doesn't reveal which addresses are known


def _door() -> str:
    door = request.values.get("to", "")
    return door if door in DOORS else "desk"


@entrance.get("/sign-in")
def ask() -> Response:
    return _ask_page()


def _ask_page(status: int = 200, email: str = "", error: str = "") -> Response:
    next_path = local(request.values.get("next"))
    html = render_template("entrance/ask.html", door=_door(), next_path=next_path, email=email, error=error)
    return make_response(html, status)


@entrance.post("/sign-in")
@limiter.limit("10 per minute; 60 per hour", key_func=devices.asker, on_breach=devices.wait)
def ask_for_it() -> Response:
    """Mail a link and a code. The response is the same for unknown addresses, and takes as long."""
    began = time.monotonic()
    email = single_line(request.form.get("email", ""))
    try:
        checked_address(email)
    except BadAddress:
        return _ask_page(400, email, _("This is not a whole address. It looks like name@newsroom.org."))
    asker, door = _asker(language()), _door()
    db.write(lambda rows: sign_in.request_sign_in(rows, Visitor(), email, door, asker))
    session.update(browser=asker.secret, to=door, next=local(request.form.get("next")))
    delay_response(request.environ, began + LEAST_DURATION)
    return redirect(url_for("entrance.code"), code=303)


def _asker(language_code: str) -> RequestingBrowser:
    return RequestingBrowser(session.get("browser") or new_token(), language_code, devices.get_known_device()[0])


@entrance.get("/sign-in/code")
def code() -> Response:
    """Show the page for the code from the mail. A browser that has requested none is redirected to do so."""
    if "browser" not in session:
        return redirect(url_for("entrance.ask"), code=303)
    return _code_page()


def _code_page(status: int = 200, error: str = "") -> Response:
    endpoint = "entrance.again" if current_user.is_authenticated else "entrance.ask"
    html = render_template(
        "entrance/code.html",
        error=error,
        retry_url=url_for(endpoint, to=session.get("to"), next=session.get("next")),
        minutes=sign_in.LINK_LIFE // MINUTE,
        wait_minutes=sign_in.MAIL_WAITS[-1] // MINUTE,
    )
    return make_response(html, status)


@entrance.post("/sign-in/code")
@limiter.limit("20 per minute; 100 per hour", key_func=devices.typing, on_breach=devices.wait)
def use_code() -> Response:
    browser = session.get("browser")
    typed_code = request.form.get("code", "")
    if browser is None:
        return redirect(url_for("entrance.ask"), code=303)
    browser_name = family_seen()
    token = db.write(lambda rows: sign_in.use_code(rows, Visitor(), browser, typed_code, browser_name))
    if token is None:
        return _code_page(400, _("This code does not fit. Ten wrong ones end it; then ask for a new mail."))
    return let_in(token)


@entrance.get("/sign-in/<token>")
def link(token: str) -> Response:
    """Show the page of a mailed link. Scanners open it too, so only its button signs in."""
    return _link_page(token)


@entrance.post("/sign-in/<token>")
@limiter.limit("20 per minute", key_func=lambda: hash_identifier(request.path))
def use_link(token: str) -> Response:
    browser = session.get("browser")
    browser_name = family_seen()
    session_token = db.write(lambda rows: sign_in.use_link(rows, Visitor(), token, browser, browser_name))
    if not session_token:
        return _link_page(token, status=403)
    return let_in(session_token)


def _link_page(token: str, status: int = 200) -> Response:
    with db.read() as rows:
        mailed_link = sign_in.find(rows, token, session.get("browser"))
        if mailed_link is None:
            return make_response(render_template("entrance/gone.html"), 410)
        is_for_browser = sign_in.is_for_browser(rows, mailed_link, session.get("browser"))
        name = rows.get_one(Person, mailed_link.person_id).name
    template = "entrance/link.html" if is_for_browser else "entrance/elsewhere.html"
    return make_response(render_template(template, token=token, door=mailed_link.door, name=name), status)


def let_in(token: str) -> Response:
    """Sign this browser in and redirect. The session starts empty, so nothing that was planted in it stays."""
    with db.read() as rows:
        found = sessions.find_session(rows, token)
        home = home_of(rows, found[0].id, found[1].door) if found else ""
    next_path = session.get("next")
    previous_token = current_user.token if current_user.is_authenticated else None
    session.clear()
    if previous_token is not None:
        db.write(lambda rows: sessions.end_session(rows, previous_token))
    if found is None:
        return redirect(url_for("entrance.ask"), code=303)
    login_user(SignedIn(token, *found))
    response = redirect(next_path or home, code=303)
    person, browser_session, _is_half = found
    if browser_session.door == "desk":  # nothing is stored on the devices of experts
        with db.read() as rows:
            devices.remember(rows, response, person)
    return response


@entrance.get("/sign-in/again")
def again() -> str | Response:
    """Show the page on which a signed-in person proves again who they are, before a sensitive action."""
    if not current_user.is_authenticated:
        return redirect(url_for("entrance.ask", next=local(request.args.get("next"))), code=303)
    if two_factor.has_second_factor():
        return redirect(url_for("entrance.second", next=local(request.args.get("next"))), code=303)
    g.language = current_user.language
    return render_template("entrance/again.html", next_path=local(request.args.get("next")), name=current_user.name)


@entrance.post("/sign-in/again")
@limiter.limit("10 per hour", key_func=lambda: hash_identifier(current_user.get_id() or "nobody"))
def mail_again() -> Response:
    if not current_user.is_authenticated:
        return redirect(url_for("entrance.ask"), code=303)
    if two_factor.has_second_factor():  # people with a second factor have to show that one
        return redirect(url_for("entrance.second"), code=303)
    asker = _asker(current_user.language)
    token = current_user.token

    def ask_again(rows: Session) -> None:
        if found := sessions.find_session(rows, token):
            person, browser_session, _is_half = found
            sign_in.request_proof(rows, Visitor(person.id), browser_session, asker)

    db.write(ask_again)
    session.update(browser=asker.secret, to=current_user.door, next=local(request.form.get("next")))
    return redirect(url_for("entrance.code"), code=303)


def family_seen() -> str:
    return family(request.headers.get("User-Agent", ""))
