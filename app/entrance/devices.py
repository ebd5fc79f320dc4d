"""Askers at the door, as the limits count them: a device that is known, a browser that has waited, or a network.

A stranger can fill what their network may ask, and may share that network with the honest: a whole office, everybody
behind one exit of Tor. So a device on which somebody of the desk was signed in before counts alone, and so does any
browser that has waited for `WAIT` seconds.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from flask import abort, current_app, g, request, session
from flask_babel import lazy_gettext as _l
from flask_limiter import RequestLimit
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..core.clock import unix_time
from ..crypto.seal import Unsealable, new_token
from ..db.session import get_keyring
from ..people.models import Person
from ..web import errors
from ..web.setup import caller, db, hash_identifier

PLACE = "devices.cookie"
LIFE = 180 * 86_400  # seconds that a device stays known after somebody was signed in there
WAIT = 60  # seconds
MATURE = 3_600  # seconds in which a browser that has waited counts alone

BUSY = errors.ErrorMessage(
    _l("Many ask from your network"),
    _l("There were more tries from your network than one person makes. They need not be yours; nothing was sent."),
    _l("Wait for a minute, go back in this browser and press again: then you are counted alone."),
)


def _name() -> str:
    """Return the cookie's name: with the prefix, browsers take it from us alone (RFC 6265bis, section 4.1.3.2)."""
    return "__Host-known" if current_app.config["SESSION_COOKIE_SECURE"] else "known"


def remember(rows: Session, response: Response, person: Person) -> None:
    """Let this device be known as one of somebody of the desk. Sealed: whoever finds it reads nobody's name in it."""
    sealed = get_keyring(rows).seal(PLACE, f"{person.public_id} {new_token()} {int(unix_time())}")
    response.set_cookie(
        _name(),
        urlsafe_b64encode(sealed).decode(),
        max_age=LIFE,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )


def get_known_device() -> tuple[str, str]:
    """Return whose device this is, as a public id, and the device's own sign; both empty where it isn't known."""
    if "known_device" not in g:
        g.known_device = _read_device_cookie(request.cookies.get(_name(), ""))
    found: tuple[str, str] = g.known_device
    return found


def _read_device_cookie(cookie: str) -> tuple[str, str]:
    if not cookie:
        return "", ""
    try:
        with db.read() as rows:
            person, sign, since = get_keyring(rows).open(PLACE, urlsafe_b64decode(cookie)).split()
    except (ValueError, Unsealable):  # binascii.Error is a ValueError
        return "", ""
    return (person, sign) if unix_time() - int(since) < LIFE else ("", "")


def asker() -> str:
    """Return who counts as one in asking for a way in."""
    sign = get_known_device()[1] or _get_wait_token()
    return hash_identifier(sign) if sign else caller()


def _get_wait_token() -> str:
    """Return the sign of a browser that was sent to wait and has done so."""
    sign, _, since = session.get("waits", "").partition(" ")
    return sign if since and WAIT <= unix_time() - int(since) < MATURE else ""


def wait(limit: RequestLimit) -> None:
    """Answer whoever is over a limit: say how long to wait, and note in their browser since when they do."""
    _, _, since = session.get("waits", "").partition(" ")
    if not since or unix_time() - int(since) >= WAIT:
        session["waits"] = f"{new_token()} {int(unix_time())}"
    abort(errors.render_error(429, message=BUSY))


def typing() -> str:
    """Return who counts as one in typing codes: the browser that asked."""
    return hash_identifier(session["browser"]) if "browser" in session else caller()
