"""The OpenID Connect provider whose accounts the desk can sign in with, from the settings OIDC_...."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from urllib.parse import urlsplit

from app.settings.mail_accounts import is_safe

MAX_NAME_LENGTH = 40  # characters that fit on the sign-in button


@dataclass(frozen=True)
class StaffProvider:
    """A provider, and this installation's registration with it.

    `issuer` identifies the provider (OpenID Connect Discovery, section 2). `name` is shown on the sign-in button. A
    sign-in whose `amr` or `acr` is one of the `second_factor_methods` counts as two-factor.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str
    second_factor_methods: frozenset[str]


def get_staff_provider(settings: Mapping[str, str]) -> StaffProvider | None:
    """Return the configured provider, or None if there is none."""
    if not settings["OIDC_ISSUER"]:
        return None
    return StaffProvider(
        issuer=settings["OIDC_ISSUER"],
        client_id=settings["OIDC_CLIENT_ID"],
        client_secret=settings["OIDC_CLIENT_SECRET"],
        name=settings["OIDC_NAME"],
        second_factor_methods=frozenset(settings["OIDC_SECOND_FACTOR"].split()),
    )


def oidc_faults(settings: Mapping[str, str]) -> Iterator[str]:
    """Yield a message for each OIDC setting that is missing or invalid, or that is set without an issuer."""
    other_names = ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_SECOND_FACTOR")
    if not settings["OIDC_ISSUER"]:
        if set_names := [name for name in other_names if settings[name]]:
            yield f"OIDC_ISSUER is empty, but these are set: {', '.join(set_names)}; set the issuer, or remove them"
        return
    issuer = settings["OIDC_ISSUER"]
    if not is_safe(issuer) or urlsplit(issuer).query or "#" in issuer:
        yield "OIDC_ISSUER must be a complete URL that begins with https://, exactly as your provider writes it"
    if not re.fullmatch(r"[\x21-\x7e]+", settings["OIDC_CLIENT_ID"]):
        yield "OIDC_CLIENT_ID must be the client ID of this site at the provider, without spaces"
    if not re.fullmatch(r"[\x20-\x7e]+", settings["OIDC_CLIENT_SECRET"]):
        yield "OIDC_CLIENT_SECRET must be the client secret that the provider issued"
    name = settings["OIDC_NAME"]
    if not 0 < len(name.strip()) <= MAX_NAME_LENGTH or not name.isprintable():
        yield f"OIDC_NAME must be 1 to {MAX_NAME_LENGTH} characters, which the sign-in button shows"
    if not re.fullmatch(r"[\x20-\x7e]*", settings["OIDC_SECOND_FACTOR"]):
        yield "OIDC_SECOND_FACTOR must be values of amr or acr separated by spaces, such as: mfa hwk"
    if find_spec("authlib") is None:
        yield "OIDC_ISSUER needs the extra `oidc`; docs/install.md says how to install it"
