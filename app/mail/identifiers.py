"""The names that our mails bear in the world, made of the configured address of the house."""

import secrets
from urllib.parse import urlsplit


def message_id(base_url: str, public_id: str) -> str:
    """A Message-ID with its angle brackets (RFC 5322, section 3.6.4)."""
    return f"<{public_id.lower()}.{secrets.token_hex(8)}@{_domain(base_url)}>"


def bracketed(message_id: str) -> str:
    """Return a Message-ID that a mail names in the form that ours have; empty where it names none."""
    bare = message_id.strip("<> ")
    return f"<{bare}>" if bare else ""


def list_id(base_url: str, kind: str, newsletter_id: int | None) -> str | None:
    """Return what a newsletter's mails of one kind are called as a list: "reader-news.n7.ask.example" (RFC 2919,
    section 2).

    None for a house that has only a number.
    """
    domain = _domain(base_url)
    return None if "[" in domain else f"{kind.replace('.', '-').replace('_', '-')}.n{newsletter_id}.{domain}"


def _domain(base_url: str) -> str:
    host = urlsplit(base_url).hostname or "localhost"
    return f"[IPv6:{host}]" if ":" in host else host.encode("idna").decode()
