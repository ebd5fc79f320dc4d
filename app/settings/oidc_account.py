"""The OpenID Connect provider that the desk may sign in with, from the settings OIDC_...."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from urllib.parse import urlsplit

from app.settings.mail_accounts import is_safe

LONGEST_NAME = 40  # characters on the button


@dataclass(frozen=True)
class StaffProvider:
    """A provider, by its issuer (OpenID Connect Discovery, section 2), and this installation's registration with it.

    `name` is the label of the sign-in button. A sign-in with one of the values in `second`, as `amr` or `acr`, counts
    as two-factor.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str
    second: frozenset[str]


def staff_provider_of(value: Mapping[str, str]) -> StaffProvider | None:
    """Return the provider that the settings name, or None."""
    if not value["OIDC_ISSUER"]:
        return None
    return StaffProvider(
        issuer=value["OIDC_ISSUER"],
        client_id=value["OIDC_CLIENT_ID"],
        client_secret=value["OIDC_CLIENT_SECRET"],
        name=value["OIDC_NAME"],
        second=frozenset(value["OIDC_SECOND_FACTOR"].split()),
    )


def oidc_faults(value: Mapping[str, str]) -> Iterator[str]:
    """Yield a message for each OIDC setting that is invalid or missing, or set without a provider."""
    others = ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_SECOND_FACTOR")
    if not value["OIDC_ISSUER"]:
        if given := [name for name in others if value[name]]:
            yield f"OIDC_ISSUER is empty, but these are set: {', '.join(given)}; set the issuer, or remove them"
        return
    if not is_safe(value["OIDC_ISSUER"]) or urlsplit(value["OIDC_ISSUER"]).query or "#" in value["OIDC_ISSUER"]:
        yield "OIDC_ISSUER must be a complete URL that begins with https://, exactly as your provider writes it"
    if not re.fullmatch(r"[\x21-\x7e]+", value["OIDC_CLIENT_ID"]):
        yield "OIDC_CLIENT_ID must be the client ID of this site at the provider, without spaces"
    if not re.fullmatch(r"[\x20-\x7e]+", value["OIDC_CLIENT_SECRET"]):
        yield "OIDC_CLIENT_SECRET must be the client secret that the provider issued"
    if not 0 < len(value["OIDC_NAME"].strip()) <= LONGEST_NAME or not value["OIDC_NAME"].isprintable():
        yield f"OIDC_NAME must be 1 to {LONGEST_NAME} characters, which the sign-in button shows"
    if not re.fullmatch(r"[\x20-\x7e]*", value["OIDC_SECOND_FACTOR"]):
        yield "OIDC_SECOND_FACTOR must be values of amr or acr separated by spaces, such as: mfa hwk"
    if find_spec("authlib") is None:
        yield "OIDC_ISSUER needs the extra `oidc`; docs/install.md says how to install it"
