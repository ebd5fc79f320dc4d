"""Refusal of requests with a foreign Host header, so that no page, redirect or cache repeats a forged name."""

import logging
import time
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, Response, request

from app.settings.mail_accounts import HERE

log = logging.getLogger(__name__)

BETWEEN_WARNINGS = 3600.0  # seconds
LONGEST = 300  # characters of a host with its port; names have 253 at most (RFC 1035, section 2.3.4)
MISDIRECTED = "There is no such site at this address.\n"


def register(app: Flask) -> None:
    """Refuse requests for hosts other than BASE_URL's, those of HOSTS and this machine's, with 421 (RFC 9110, section
    15.5.20). Health checks may use any host."""
    own = {*HERE, str(urlsplit(app.config["BASE_URL"]).hostname), *app.config["HOSTS"]}
    app.extensions["hosts"] = own
    warned_at = [float("-inf")]

    def refuse_others() -> Response | None:
        if request.blueprint == "health" or is_own_host(app, request.host):
            return None
        if time.monotonic() - warned_at[0] > BETWEEN_WARNINGS:
            warned_at[0] = time.monotonic()
            log.warning("requests come for a host that is not ours: let the proxy pass on Host, or name it in HOSTS")
        return Response(MISDIRECTED, 421, mimetype="text/plain")

    app.before_request(refuse_others)


def is_own_host(app: Flask, host: str) -> bool:
    """Return whether a Host header, with or without a port, names one of our hosts."""
    return len(host) < LONGEST and _name(host) in app.extensions["hosts"]


@lru_cache(maxsize=256)
def _name(host: str) -> str | None:
    """Return a host without its port, or None if it is invalid."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
