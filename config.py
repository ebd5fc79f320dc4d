"""One configuration, by environment variables. `load` checks it and refuses to start unsafe in production, saying why."""

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).parent
DEMO_SECRET = "the demo newsroom keeps no secrets from anyone"  # noqa: S105 - refused outside the demo

# name: (default, what it is)
SETTINGS: dict[str, tuple[str, str]] = {
    "READERS_ASKED_ENV": ("production", "`production`, or `demo` for trying it out on one machine"),
    "SECRET_KEYS": ("", "`1:base64,2:base64`: secrets of 32 bytes or more by number; the highest seals, all open"),
    "DATABASE_URL": (f"sqlite:///{ROOT / 'var' / 'newsroom.db'}", "SQLite or PostgreSQL (`postgresql+psycopg://`)"),
    "BASE_URL": ("", "the address that mailed links begin with, e.g. https://ask.example.org"),
    "REDIS_URL": ("", "where limits are counted when several processes serve; in memory otherwise"),
    "TRUSTED_PROXIES": ("0", "how many reverse proxies stand in front and set X-Forwarded-*"),
    "MAIL_TRANSPORT": ("smtp", "`smtp`, or `folder` to write mails as files"),
    "MAIL_FOLDER": (str(ROOT / "var" / "mail"), "where `folder` writes"),
    "MAIL_FROM": ("", "the address that mails come from"),
    "MAIL_SERVER": ("localhost", "SMTP server"),
    "MAIL_PORT": ("25", "SMTP port"),
    "MAIL_USE_TLS": ("0", "1 for STARTTLS"),
    "MAIL_USE_SSL": ("0", "1 for TLS from the start"),
    "MAIL_USERNAME": ("", "SMTP user"),
    "MAIL_PASSWORD": ("", "SMTP password"),
    "LIMITS": ("1", "0 switches the limits on guessing off (load tests)"),
}


class Unsafe(Exception):
    """The configuration can't be used; each fault says what to set."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def secrets_of(text: str) -> dict[int, bytes]:
    """`1:base64,2:base64` as a mapping. Raises ValueError."""
    found = {}
    for part in filter(None, text.split(",")):
        number, _, secret = part.partition(":")
        found[int(number)] = base64.b64decode(secret, validate=True)
    return found


def load(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The settings for the app. Raises `Unsafe` with every fault at once."""
    value = {name: environ.get(name, default) for name, (default, _) in SETTINGS.items()}
    demo = value["READERS_ASKED_ENV"] == "demo"
    faults = [] if value["READERS_ASKED_ENV"] in ("production", "demo") else ["READERS_ASKED_ENV: production or demo"]
    try:
        secrets = secrets_of(value["SECRET_KEYS"])
    except ValueError:
        secrets = {}
        faults.append("SECRET_KEYS can't be read: write 1: and the base64 of 32 random bytes")
    if demo:
        port = environ.get("PORT", "8000")
        secrets = secrets or {1: DEMO_SECRET.encode()}
        value["BASE_URL"] = value["BASE_URL"] or f"http://127.0.0.1:{port}"
        value["MAIL_FROM"] = value["MAIL_FROM"] or "desk@newsroom.example"
        value["MAIL_TRANSPORT"] = environ.get("MAIL_TRANSPORT", "folder")
    faults += _faults(value, secrets, demo)
    if faults:
        raise Unsafe(faults)
    return {
        "ENV": value["READERS_ASKED_ENV"],
        "DEMO": demo,
        "SECRETS": secrets,
        "SECRET_KEY": _signing(secrets[max(secrets)]),
        "SECRET_KEY_FALLBACKS": [_signing(secrets[n]) for n in sorted(secrets) if n != max(secrets)],
        "DATABASE_URL": value["DATABASE_URL"],
        "BASE_URL": value["BASE_URL"].rstrip("/"),
        "REDIS_URL": value["REDIS_URL"],
        "TRUSTED_PROXIES": int(value["TRUSTED_PROXIES"]),
        "LIMITS": value["LIMITS"] != "0",
        "MAIL_TRANSPORT": value["MAIL_TRANSPORT"],
        "MAIL_FOLDER": value["MAIL_FOLDER"],
        "MAIL_FROM": value["MAIL_FROM"],
        "MAIL_DEFAULT_SENDER": value["MAIL_FROM"],
        "MAIL_SERVER": value["MAIL_SERVER"],
        "MAIL_PORT": int(value["MAIL_PORT"]),
        "MAIL_USE_TLS": value["MAIL_USE_TLS"] == "1",
        "MAIL_USE_SSL": value["MAIL_USE_SSL"] == "1",
        "MAIL_USERNAME": value["MAIL_USERNAME"] or None,
        "MAIL_PASSWORD": value["MAIL_PASSWORD"] or None,
        # A question is 2,000 characters; nothing that a page takes comes near this.
        "MAX_CONTENT_LENGTH": 256 * 1024,
        "MAX_FORM_MEMORY_SIZE": 256 * 1024,
        "SESSION_COOKIE_NAME": "desk",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": value["BASE_URL"].startswith("https://"),
        "WTF_CSRF_TIME_LIMIT": None,
    }


def _signing(secret: bytes) -> bytes:
    """The key that signs cookies and forms is not the one that seals."""
    return hashlib.blake2b(secret, digest_size=32, person=b"signing").digest()


def _faults(value: dict[str, str], secrets: dict[int, bytes], demo: bool) -> list[str]:
    faults = []
    if not secrets:
        faults.append("SECRET_KEYS is empty: write 1: and the base64 of 32 random bytes")
    elif any(len(secret) < 32 for secret in secrets.values()):
        faults.append("SECRET_KEYS: each secret needs 32 bytes or more")
    elif not demo and DEMO_SECRET.encode() in secrets.values():
        faults.append("SECRET_KEYS: that is the demo's secret, which everybody knows")
    onion = re.match(r"http://[a-z2-7]{56}\.onion$", value["BASE_URL"])
    if not demo and not onion and not value["BASE_URL"].startswith("https://"):
        faults.append("BASE_URL must begin with https:// (or be an onion address)")
    if demo and urlsplit(value["BASE_URL"]).hostname not in ("127.0.0.1", "localhost", "::1"):
        faults.append("BASE_URL: the demo has a secret that everybody knows, so it stays on this machine")
    if "@" not in value["MAIL_FROM"]:
        faults.append("MAIL_FROM needs the address that mails come from")
    if value["MAIL_TRANSPORT"] not in ("smtp", "folder"):
        faults.append("MAIL_TRANSPORT is smtp or folder")
    if not demo and value["MAIL_TRANSPORT"] == "folder":
        faults.append("MAIL_TRANSPORT: folder is for the demo, nobody would get a mail")
    if not value["DATABASE_URL"].startswith(("sqlite:///", "postgresql+psycopg://")):
        faults.append("DATABASE_URL must begin with sqlite:/// or postgresql+psycopg://")
    return faults + [
        f"{name} must be a number" for name in ("TRUSTED_PROXIES", "MAIL_PORT") if not value[name].isdigit()
    ]
