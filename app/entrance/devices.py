"""The keys of the rate limits for signing in: a known device, a browser that has waited, or a network.

A stranger can use up the limit of a network that others share, such as a whole office, or everybody behind one Tor
exit. So a device on which staff was signed in before is counted separately, and so is a browser that has waited for
`WAIT` seconds.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

from flask import Response as FlaskResponse
from flask import current_app, g, request, session
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..core.clock import unix_time
from ..crypto.seal import Unsealable, new_token
from ..db.session import get_keyring
from ..people.models import Person
from ..web import errors
from ..web.setup import caller, db, hash_identifier

SEAL_CONTEXT = "devices.cookie"
COOKIE_LIFE = 180 * 86_400  # seconds for which a device stays known after a sign-in
WAIT = 60  # seconds that a browser over the limit has to wait
WAIT_LIFE = 3_600  # seconds from the start of the wait, after which the browser isn't counted separately any more

BUSY = errors.ErrorMessage(
    _l("Too many attempts from your network"),
    _l("There were more attempts from your network than one person makes. They may not be yours. Nothing was sent."),
    _l("Wait for a minute, go back in this browser and press again."),
)


def _cookie_name() -> str:
    """Return the name of the cookie. Its prefix ties it to this host (RFC 6265bis, section 4.1.3.2)."""
    return "__Host-known" if current_app.config["SESSION_COOKIE_SECURE"] else "known"


def set_device_cookie(db_session: Session, response: Response, person: Person) -> None:
    """Set the cookie by which this device is recognized as a staff member's. It is sealed and reveals no name."""
    sealed = get_keyring(db_session).seal(SEAL_CONTEXT, f"{person.public_id} {new_token()} {int(unix_time())}")
    response.set_cookie(
        _cookie_name(),
        urlsafe_b64encode(sealed).decode(),
        max_age=COOKIE_LIFE,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )


class KnownDevice(NamedTuple):
    """A device on which staff was signed in before. Both fields are empty if it isn't known."""

    person_public_id: str = ""
    token: str = ""  # identifies the device


def get_known_device() -> KnownDevice:
    """Return this device, read from its cookie once for each request."""
    if "known_device" not in g:
        g.known_device = _read_device_cookie(request.cookies.get(_cookie_name(), ""))
    device: KnownDevice = g.known_device
    return device


def _read_device_cookie(cookie: str) -> KnownDevice:
    if not cookie:
        return KnownDevice()
    try:
        with db.read() as db_session:
            opened = get_keyring(db_session).open(SEAL_CONTEXT, urlsafe_b64decode(cookie))
        person_public_id, token, set_at = opened.split()
    except (ValueError, Unsealable):  # binascii.Error is a ValueError
        return KnownDevice()
    has_expired = unix_time() - int(set_at) >= COOKIE_LIFE
    return KnownDevice() if has_expired else KnownDevice(person_public_id, token)


def get_request_key() -> str:
    """Return the key under which requests to sign in are counted."""
    token = get_known_device().token or _get_wait_token()
    return hash_identifier(token) if token else caller()


def _get_wait_token() -> str:
    """Return the token of a browser that was told to wait and has done so, or ""."""
    token, _, began_at = session.get("waits", "").partition(" ")
    return token if began_at and WAIT <= unix_time() - int(began_at) < WAIT_LIFE else ""


def require_wait() -> FlaskResponse:
    """Return the page for a request over the limit. In the session, store when the browser's wait began."""
    _, _, began_at = session.get("waits", "").partition(" ")
    is_waiting = began_at and unix_time() - int(began_at) < WAIT
    if not is_waiting:
        session["waits"] = f"{new_token()} {int(unix_time())}"
    return errors.render_error(429, message=BUSY)


def get_code_key() -> str:
    """Return the key under which entered codes are counted: of the browser that requested one, else of the network."""
    return hash_identifier(session["browser"]) if "browser" in session else caller()
