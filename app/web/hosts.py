"""Refuse requests with an unknown Host header, so that no forged name gets into a page, redirect or cache."""

import logging
import time
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, Response, request

from app.settings.mail_accounts import LOCAL_HOSTS

log = logging.getLogger(__name__)

WARNING_INTERVAL = 3600.0  # seconds
MAX_HOST_LENGTH = 300  # characters, with the port; a host name has 253 at most (RFC 1035, section 2.3.4)
MISDIRECTED = "There is no such site at this address.\n"


def register(app: Flask) -> None:
    """Refuse requests for any host but those of BASE_URL, HOSTS and this machine, with 421 (RFC 9110, 15.5.20).

    Health checks may use any host.
    """
    app.extensions["hosts"] = {*LOCAL_HOSTS, str(urlsplit(app.config["BASE_URL"]).hostname), *app.config["HOSTS"]}
    last_warning = float("-inf")

    def refuse_others() -> Response | None:
        nonlocal last_warning
        if request.blueprint == "health" or is_own_host(app, request.host):
            return None
        if time.monotonic() - last_warning > WARNING_INTERVAL:
            last_warning = time.monotonic()
            log.warning("requests come for a host that is not ours: let the proxy pass on Host, or name it in HOSTS")
        return Response(MISDIRECTED, 421, mimetype="text/plain")

    app.before_request(refuse_others)


def is_own_host(app: Flask, host: str) -> bool:
    """Return whether a Host header, with or without a port, names one of our hosts."""
    return len(host) < MAX_HOST_LENGTH and _strip_port(host) in app.extensions["hosts"]


@lru_cache(maxsize=256)
def _strip_port(host: str) -> str | None:
    """Return the host name in a Host header, or None if it is invalid."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
