"""Message-IDs and list identifiers of our mails, derived from the configured base URL."""

import secrets
from urllib.parse import urlsplit


def new_message_id(base_url: str, public_id: str) -> str:
    """Return a new Message-ID with its angle brackets (RFC 5322, section 3.6.4)."""
    return f"<{public_id.lower()}.{secrets.token_hex(8)}@{_domain(base_url)}>"


def bracketed(message_id: str) -> str:
    """Return a Message-ID with exactly one pair of angle brackets; empty if there is none."""
    bare = message_id.strip("<> ")
    return f"<{bare}>" if bare else ""


def list_id(base_url: str, kind: str, newsletter_id: int | None) -> str | None:
    """Return the list identifier of a newsletter's mails of one kind, such as "reader-news.n7.ask.example".

    See RFC 2919, section 2. None if the host of `base_url` is an IPv6 address.
    """
    domain = _domain(base_url)
    return None if "[" in domain else f"{kind.replace('.', '-').replace('_', '-')}.n{newsletter_id}.{domain}"


def _domain(base_url: str) -> str:
    host = urlsplit(base_url).hostname or "localhost"
    return f"[IPv6:{host}]" if ":" in host else host.encode("idna").decode()
