"""Signing in and out, for staff and experts: by mail or a provider, second factors, and browser sessions."""

from flask import Blueprint, g, request, session

from ..web import errors

entrance = Blueprint("entrance", __name__)


@entrance.before_request
def use_language() -> None:
    """Show the page in the language of the page that led here, or of the browser, until a view knows the person.

    The session remembers it for the page of the code, the mail and the page of its link.
    """
    errors.use_browser_language(request.args.get("lang") or session.get("language", ""))
    if "lang" in request.args:
        session["language"] = g.language


from . import browsers, by_provider, login, lost_links, two_factor  # noqa: E402, F401 - each registers its views
