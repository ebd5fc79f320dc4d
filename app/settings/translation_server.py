"""The newsroom's own server for translating letters, from the settings LIBRETRANSLATE_...."""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True)
class TranslationServer:
    """A LibreTranslate server. `key` is its API key, or empty."""

    url: str
    key: str = field(repr=False)

    @property
    def translate(self) -> str:
        return f"{self.url.rstrip('/')}/translate"


def translation_server_of(value: Mapping[str, str]) -> TranslationServer | None:
    """Return the server that the settings name. Without one it is None, and no letter is sent anywhere."""
    url = value["LIBRETRANSLATE_URL"]
    return TranslationServer(url, value["LIBRETRANSLATE_KEY"]) if url else None


def translation_faults(value: Mapping[str, str]) -> Iterator[str]:
    """Yield a message for each invalid setting. Readers' letters must be encrypted on a public network."""
    url = value["LIBRETRANSLATE_URL"]
    if not url:
        if value["LIBRETRANSLATE_KEY"]:
            yield "LIBRETRANSLATE_URL is empty, but LIBRETRANSLATE_KEY is set: set the URL, or remove the key"
        return
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment or parts.username is not None:
        yield "LIBRETRANSLATE_URL must be a URL such as http://127.0.0.1:5000, without user, password or query"
    elif parts.scheme == "http" and not _is_private_host(host):
        yield "LIBRETRANSLATE_URL must begin with https:// unless the server is on this machine or in its network"


def _is_private_host(host: str) -> bool:
    """Return whether a host is this machine, in a private network (RFC 1918, RFC 4193), or a name without a dot, as
    containers use for each other."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host
    return address.is_private and not address.is_unspecified
