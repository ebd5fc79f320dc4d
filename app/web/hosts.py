"""Only who asks for one of our own hosts is answered: no page, redirect or cache may repeat another's name."""

import logging
import time
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, Response, request

from app.settings.mail_accounts import HERE

log = logging.getLogger(__name__)

BETWEEN_WARNINGS = 3600.0  # seconds
LONGEST = 300  # characters of a host with its port; names are of 253 at most (RFC 1035, section 2.3.4)
MISDIRECTED = "There is no such site at this address.\n"


def register(app: Flask) -> None:
    """Refuse requests for hosts that are neither BASE_URL's, nor of HOSTS, nor this machine, with 421 (RFC 9110,
    section 15.5.20). Health checks ask by any address."""
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
    """Return whether a request for this host, with or without a port, is for us."""
    return len(host) < LONGEST and _name(host) in app.extensions["hosts"]


@lru_cache(maxsize=256)
def _name(host: str) -> str | None:
    """Return a host without its port; None where it can't be one."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
