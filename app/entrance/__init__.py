"""Signing in and out, for staff and experts: by mail or a provider, second factors, and browser sessions."""

from flask import Blueprint

from ..web import errors

entrance = Blueprint("entrance", __name__)
entrance.before_request(errors.use_browser_language)  # until a view knows the person

from . import browsers, by_provider, login, lost_links, two_factor  # noqa: E402, F401 - each registers its views
