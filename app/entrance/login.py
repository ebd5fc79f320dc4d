"""Requesting a sign-in by mail and using its link or code. A GET never signs anybody in, since scanners open links."""

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from flask import g, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_user
from limits import RateLimitItemPerHour
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
from ..web.setup import SignedIn, apply_limits, caller, db, hash_identifier, limit_requests, limiter
from . import devices, entrance, two_factor
from .redirect_targets import get_home_url, get_local_path

MINUTE = timedelta(minutes=1)
# The number of sign-in mails for one address that don't wait for those that others requested in its name: for each
# network from which somebody asks, and in all.
PROMPT_MAILS_PER_NETWORK, PROMPT_MAILS = RateLimitItemPerHour(2), RateLimitItemPerHour(20)
LEAST_DURATION = 0.25  # seconds of each request, at least: the time must not reveal which addresses are known


def describe_browser(user_agent: str) -> str:
    """Return a browser's name and system, such as "Firefox on Linux"; "" for an unknown browser."""
    tables = word_tables(__file__, "browser_names")
    browser = _find_name(tables["browsers"], user_agent)
    system = _find_name(tables["systems"], user_agent)
    return f"{browser} on {system}" if browser and system else browser


def _find_name(patterns: Mapping[str, str], user_agent: str) -> str:
    for name, pattern in patterns.items():
        if re.search(pattern, user_agent):
            return name
    return ""


def get_browser_name() -> str:
    return describe_browser(request.headers.get("User-Agent", ""))


def _get_requested_door() -> str:
    door = request.values.get("to", "")
    return door if door in DOORS else "desk"


@entrance.get("/sign-in")
def sign_in_page() -> Response:
    return _render_request_page()


def _render_request_page(status: int = 200, email: str = "", error: str = "") -> Response:
    next_path = get_local_path(request.values.get("next"))
    html = render_template(
        "entrance/ask.html", door=_get_requested_door(), next_path=next_path, email=email, error=error
    )
    return make_response(html, status)


@entrance.post("/sign-in")
@limit_requests("10 per minute; 60 per hour", devices.get_request_key, devices.require_wait)
def request_sign_in() -> Response:
    """Mail a link and a code. For an unknown address the response is the same, and takes as long."""
    started_at = time.monotonic()
    email = single_line(request.form.get("email", ""))
    try:
        checked_address(email)
    except BadAddress:
        return _render_request_page(400, email, _("This address is incomplete. It looks like name@newsroom.org."))
    browser, door = _get_requesting_browser(language()), _get_requested_door()
    browser = replace(browser, is_prompt=_count_prompt_mail(email))
    db.write(lambda db_session: sign_in.request_sign_in(db_session, Visitor(), email, door, browser))
    session.update(browser=browser.secret, to=door, next=get_local_path(request.form.get("next")))
    delay_response(request.environ, started_at + LEAST_DURATION)
    return redirect(url_for("entrance.code_page"), code=303)


def _count_prompt_mail(email: str) -> bool:
    """Count a request, for a known address or not, and return whether its mail may be sent at once."""
    address_key = hash_identifier(email.casefold())
    return limiter.enabled and apply_limits(
        lambda counters: (
            counters.hit(PROMPT_MAILS_PER_NETWORK, "sign-in mail", address_key, caller())
            and counters.hit(PROMPT_MAILS, "sign-in mail", address_key)
        )
    )


def _get_requesting_browser(language_code: str) -> RequestingBrowser:
    secret = session.get("browser") or new_token()
    return RequestingBrowser(secret, language_code, devices.get_known_device().person_public_id)


@entrance.get("/sign-in/code")
def code_page() -> Response:
    """Show the page for the code from the mail, or redirect a browser that has requested no code."""
    if "browser" not in session:
        return redirect(url_for("entrance.sign_in_page"), code=303)
    return _render_code_page()


def _render_code_page(status: int = 200, error: str = "") -> Response:
    endpoint = "entrance.prove_again_page" if current_user.is_authenticated else "entrance.sign_in_page"
    html = render_template(
        "entrance/code.html",
        error=error,
        retry_url=url_for(endpoint, to=session.get("to"), next=session.get("next")),
        minutes=sign_in.LINK_LIFE // MINUTE,
        wait_minutes=sign_in.MAIL_WAITS[-1] // MINUTE,
    )
    return make_response(html, status)


@entrance.post("/sign-in/code")
@limit_requests("20 per minute; 100 per hour", devices.get_code_key, devices.require_wait)
def use_code() -> Response:
    """Sign in with the mailed code, in the browser that requested it."""
    browser_secret = session.get("browser")
    entered_code = request.form.get("code", "")
    if browser_secret is None:
        return redirect(url_for("entrance.sign_in_page"), code=303)
    browser_name = get_browser_name()

    def sign_in_by_code(db_session: Session) -> str | None:
        return sign_in.use_code(db_session, Visitor(), browser_secret, entered_code, browser_name)

    token = db.write(sign_in_by_code)
    if token is None:
        return _render_code_page(400, _("This code is wrong. After ten wrong codes you need a new mail."))
    return log_in_and_redirect(token)


@entrance.get("/sign-in/<token>")
def link_page(token: str) -> Response:
    """Show the page of a mailed link. Scanners open it too, so only its button signs in."""
    return _render_link_page(token)


@entrance.post("/sign-in/<token>")
@limit_requests("20 per minute", lambda: hash_identifier(request.path))
def use_link(token: str) -> Response:
    """Sign in with the mailed link, after its button was pressed."""
    browser_secret = session.get("browser")
    browser_name = get_browser_name()

    def sign_in_by_link(db_session: Session) -> str | None:
        return sign_in.use_link(db_session, Visitor(), token, browser_secret, browser_name)

    session_token = db.write(sign_in_by_link)
    if not session_token:
        return _render_link_page(token, status=403)
    return log_in_and_redirect(session_token)


def _render_link_page(token: str, status: int = 200) -> Response:
    with db.read() as db_session:
        mailed_link = sign_in.find(db_session, token, session.get("browser"))
        if mailed_link is None:
            return make_response(render_template("entrance/gone.html"), 410)
        is_for_browser = sign_in.is_for_browser(db_session, mailed_link, session.get("browser"))
        name = db_session.get_one(Person, mailed_link.person_id).name
    template = "entrance/link.html" if is_for_browser else "entrance/elsewhere.html"
    return make_response(render_template(template, token=token, door=mailed_link.door, name=name), status)


def log_in_and_redirect(token: str) -> Response:
    """Sign this browser in and redirect. Its session cookie is emptied first, which prevents session fixation."""
    with db.read() as db_session:
        authenticated = sessions.find_session(db_session, token)
        home_url = ""
        if authenticated:
            home_url = get_home_url(db_session, authenticated.person.id, authenticated.browser_session.door)
    next_path = session.get("next")
    previous_token = current_user.token if current_user.is_authenticated else None
    session.clear()
    if previous_token is not None:
        db.write(lambda db_session: sessions.end_session(db_session, previous_token))
    if authenticated is None:
        return redirect(url_for("entrance.sign_in_page"), code=303)
    login_user(SignedIn(token, *authenticated))
    response = redirect(next_path or home_url, code=303)
    if authenticated.browser_session.door == "desk":  # nothing is stored on the devices of experts
        with db.read() as db_session:
            devices.set_device_cookie(db_session, response, authenticated.person)
    return response


@entrance.get("/sign-in/again")
def prove_again_page() -> str | Response:
    """Show the page on which a signed-in person proves their identity again, before a sensitive action."""
    next_path = get_local_path(request.args.get("next"))
    if not current_user.is_authenticated:
        return redirect(url_for("entrance.sign_in_page", next=next_path), code=303)
    if two_factor.has_second_factor():
        return redirect(url_for("entrance.second_factor_page", next=next_path), code=303)
    g.language = current_user.language
    return render_template("entrance/again.html", next_path=next_path, name=current_user.name)


@entrance.post("/sign-in/again")
@limit_requests("10 per hour", lambda: hash_identifier(current_user.get_id() or "nobody"))
def mail_proof_link() -> Response:
    """Mail a link and a code by which a signed-in person proves their identity again."""
    if not current_user.is_authenticated:
        return redirect(url_for("entrance.sign_in_page"), code=303)
    if two_factor.has_second_factor():  # people with a second factor prove their identity with that
        return redirect(url_for("entrance.second_factor_page"), code=303)
    browser = _get_requesting_browser(current_user.language)
    token = current_user.token

    def request_proof(db_session: Session) -> None:
        if authenticated := sessions.find_session(db_session, token):
            actor = Visitor(authenticated.person.id)
            sign_in.request_proof(db_session, actor, authenticated.browser_session, browser)

    db.write(request_proof)
    session.update(browser=browser.secret, to=current_user.door, next=get_local_path(request.form.get("next")))
    return redirect(url_for("entrance.code_page"), code=303)
