"""The keys of the rate limits for signing in: a known device, a browser that has waited, or a network.

Strangers can use up the limit of their network, which others may share: a whole office, or everybody behind one Tor
exit. So a device on which staff was signed in before counts alone, and so does a browser that has waited for `WAIT`
seconds.
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
LIFE = 180 * 86_400  # seconds for which a device stays known after a sign-in
WAIT = 60  # seconds
MATURE = 3_600  # seconds for which a browser that has waited counts alone

BUSY = errors.ErrorMessage(
    _l("Many ask from your network"),
    _l("There were more tries from your network than one person makes. They need not be yours; nothing was sent."),
    _l("Wait for a minute, go back in this browser and press again: then you are counted alone."),
)


def _name() -> str:
    """Return the name of the cookie. Its prefix ties it to this host (RFC 6265bis, section 4.1.3.2)."""
    return "__Host-known" if current_app.config["SESSION_COOKIE_SECURE"] else "known"


def remember(rows: Session, response: Response, person: Person) -> None:
    """Set the cookie by which this device is known as one of a staff member. It is sealed and reveals no name."""
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
    """Return the public id of this device's person and the device's own token; both "" if it isn't known."""
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
    """Return the key under which requests to sign in are counted."""
    sign = get_known_device()[1] or _get_wait_token()
    return hash_identifier(sign) if sign else caller()


def _get_wait_token() -> str:
    """Return the token of a browser that was told to wait and has done so, or ""."""
    sign, _, since = session.get("waits", "").partition(" ")
    return sign if since and WAIT <= unix_time() - int(since) < MATURE else ""


def wait(limit: RequestLimit) -> None:
    """Answer a request over the limit: say how long to wait, and store in the session since when the browser does."""
    _, _, since = session.get("waits", "").partition(" ")
    if not since or unix_time() - int(since) >= WAIT:
        session["waits"] = f"{new_token()} {int(unix_time())}"
    abort(errors.render_error(429, message=BUSY))


def typing() -> str:
    """Return the key under which typed codes are counted: the browser that requested the code."""
    return hash_identifier(session["browser"]) if "browser" in session else caller()
