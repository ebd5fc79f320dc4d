"""The pages of a newsletter's settings, and the choices and validators of their fields."""

import re
from urllib.parse import urlsplit

from app.settings.mail_accounts import LOCAL_HOSTS

from ..core.fields import FieldError
from ..mail.kinds import KINDS
from ..text.clean import for_print
from ..text.translation import N_
from .keeping import KEEPING
from .sentence_placeholders import find_unknown_placeholder

# The pages of the settings: each constant is a page's name in the URL, and `PARTS` has the titles, in order.
WHO, WHEN, READS, PROMISES, SITES, MAIL = "name", "dates", "texts", "promises", "sites", "mail"
PARTS = {
    WHO: N_("Name and address"),
    WHEN: N_("When it runs"),
    READS: N_("Texts and length"),
    PROMISES: N_("Quote check and readers’ addresses"),
    SITES: N_("Other sites"),
    MAIL: N_("Mail"),
    KEEPING: N_("How long words are kept"),
}
# Policies of the quote check: value, label and help.
CHECKS = (
    ("off", N_("No check"), N_("The invitation says that you may edit for length and clarity.")),
    (
        "facts",
        N_("Facts only"),
        N_("Silence means it runs. What the desk took down or translated is always read back."),
    ),
    ("approve", N_("Full approval"), N_("Nothing runs without the expert’s yes.")),
)
# Quotation marks: value and label.
MARKS = (("typographic", N_("Typographic, by the language: “ ” « » „ “")), ("straight", N_("Straight: \" '")))
# The kinds of mail that can be held for a second person, as options: those to people outside the newsroom.
HOLDABLE = tuple((kind,) for kind in KINDS if kind.startswith(("expert.", "translator.", "reader.")))
PORTS = {"https": 443, "http": 80}  # default ports, which an origin leaves out
HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
EMPTY_BY_DEFAULT = {"default": "", "server_default": ""}


def validate_standing_call(text: str) -> str:
    text = for_print(text)
    if placeholder := find_unknown_placeholder("call", text):
        raise FieldError("place", place=placeholder)
    return text


def validate_onion_address(text: str) -> str:
    """Return the URL of an onion service, version 3 (rend-spec-v3, section 6). Raises ValueError for anything else."""
    if not re.fullmatch(r"http://([a-z0-9-]+\.)*[a-z2-7]{56}\.onion/?", text):
        raise ValueError(text)
    return text


def validate_web_address(text: str) -> str:
    """Return an https URL. Raises ValueError for anything else."""
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname or parts.username:
        raise ValueError(text)
    return text


def validate_origin(text: str) -> str:
    """Return the origin of a site that may frame our pages, as browsers compare it: scheme, host, non-default port.

    See RFC 6454, section 6.1, and CSP Level 3, section 2.3.1. Plain http is accepted for onion services and for this
    machine, which need no TLS. Raises `FieldError` for a wildcard, a path, and anything else.
    """
    try:
        parts = urlsplit(text.lower())
        host = (parts.hostname or "").encode("idna").decode()
        port = f":{parts.port}" if parts.port not in (None, PORTS.get(parts.scheme)) else ""
    except ValueError:
        raise FieldError("origin", word=text[:60]) from None
    is_allowed_http = parts.scheme == "http" and (host in LOCAL_HOSTS or host.endswith(".onion"))
    has_allowed_scheme = parts.scheme == "https" or is_allowed_http
    is_more_than_origin = bool(parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc)
    if is_more_than_origin or not has_allowed_scheme or not HOST.fullmatch(host):
        raise FieldError("origin", word=text[:60])
    return f"{parts.scheme}://{host}{port}"


def parse_time_of_day(text: str) -> str:
    """Return a time of day as it is stored, "07:30". Raises ValueError for anything else."""
    if not re.fullmatch(r"(?:[01]\d|2[0-3]):[0-5]\d", text.zfill(5)):
        raise ValueError(text)
    return text.zfill(5)
