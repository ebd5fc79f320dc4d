"""Mailing experts and translators their links again, where a truncated or mistyped link has led them."""

import time

from flask import redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ..answers import own_links
from ..core.actors import Visitor
from ..people.directory import BadAddress
from ..server.page_server import delay_response
from ..text.clean import single_line
from ..web import errors
from ..web.setup import csrf, db, limit_requests
from . import devices, entrance
from .login import LEAST_DURATION


@entrance.get("/a")
@entrance.get("/a/", endpoint="lost_token")
@entrance.get("/a/<path:cut_path>", endpoint="cut_link")
def links_page(cut_path: str = "") -> Response:
    """Show the page for a link that opens nothing, also if it was cut off before its token or after it."""
    return errors.render_lost_link()


@entrance.get("/a/asked")
def links_requested() -> str:
    return render_template("entrance/links_requested.html")


@entrance.post("/a")
@limit_requests("10 per minute; 60 per hour", devices.get_request_key, devices.require_wait)
def request_links() -> Response:
    """Mail the links of an address to it. For an unknown address the response is the same, and takes as long."""
    started_at = time.monotonic()
    email = single_line(request.form.get("email", ""))
    try:
        db.write(lambda session: own_links.request_links(session, Visitor(), email))
    except BadAddress:
        fault = _("This address is incomplete. It looks like name@newsroom.org.")
        return errors.render_lost_link(400, email, fault)
    delay_response(request.environ, started_at + LEAST_DURATION)
    return redirect(url_for("entrance.links_requested"), code=303)


csrf.exempt(request_links)  # pages behind links work without cookies, and this does nothing for whoever is signed in
