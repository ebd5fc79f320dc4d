"""Signing in and out, for staff and experts: by mail or a provider, second factors, and browser sessions."""

from flask import Blueprint

entrance = Blueprint("entrance", __name__)

from . import browsers, by_provider, login, lost_links, two_factor  # noqa: E402, F401 - each registers its views
