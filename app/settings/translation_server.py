"""The newsroom's own LibreTranslate server for letters, from the settings LIBRETRANSLATE_...."""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True)
class TranslationServer:
    """A LibreTranslate server. `key` is the API key, or empty if it requires none."""

    url: str
    key: str = field(repr=False)

    @property
    def translate_url(self) -> str:
        return f"{self.url.rstrip('/')}/translate"


def get_translation_server(settings: Mapping[str, str]) -> TranslationServer | None:
    """Return the configured server, or None if there is none; then no letter is sent anywhere."""
    url = settings["LIBRETRANSLATE_URL"]
    return TranslationServer(url, settings["LIBRETRANSLATE_KEY"]) if url else None


def translation_faults(settings: Mapping[str, str]) -> Iterator[str]:
    """Yield a message for each invalid setting.

    HTTP without TLS is only allowed in a private network, since the server receives readers' letters.
    """
    url = settings["LIBRETRANSLATE_URL"]
    if not url:
        if settings["LIBRETRANSLATE_KEY"]:
            yield "LIBRETRANSLATE_URL is empty, but LIBRETRANSLATE_KEY is set: set the URL, or remove the key"
        return
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        parts.port  # noqa: B018 - raises ValueError for an invalid port
    except ValueError:
        host, parts = "", urlsplit("")
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment or parts.username is not None:
        yield "LIBRETRANSLATE_URL must be a URL such as http://127.0.0.1:5000, without user, password or query"
    elif parts.scheme == "http" and not _is_private_host(host):
        yield "LIBRETRANSLATE_URL must begin with https:// unless the server is on this machine or in its network"


def _is_private_host(host: str) -> bool:
    """Return whether a host is this machine or in a private network (RFC 1918, RFC 4193).

    A name without a dot is private too: containers use such names for each other.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host
    return address.is_private and not address.is_unspecified
