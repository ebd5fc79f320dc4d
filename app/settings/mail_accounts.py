"""The newsroom's mail accounts from the settings: IMAP mailboxes to fetch from, and OAuth in place of passwords."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

HERE = ("127.0.0.1", "localhost", "::1")
LONGEST_NAME = 200  # characters of a mailbox's name


@dataclass(frozen=True)
class Provider:
    """An OAuth provider and this application's registration with it (RFC 6749).

    `device_url` is its device authorization endpoint (RFC 8628), empty if it offers none for mail. `scopes` are
    separated by blanks.
    """

    token_url: str
    device_url: str
    scopes: str
    client_id: str = ""
    client_secret: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.token_url).hostname or ""


# The defaults of each; `{tenant}` is MAIL_OAUTH_TENANT. Google has no device codes for mail.
PROVIDERS = {
    "microsoft": Provider(
        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/devicecode",
        "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send offline_access",
    ),
    "google": Provider("https://oauth2.googleapis.com/token", "", "https://mail.google.com/"),
    "custom": Provider("", "", ""),
}


@dataclass(frozen=True)
class OAuthAccount:
    """An account on a mail server that signs in as `user` with a token of its provider."""

    user: str
    provider: Provider


@dataclass(frozen=True)
class Mailbox:
    """An IMAP mailbox to fetch mail from. Its repr leaves out the password.

    `newsletter` is the slug of the newsletter that it belongs to; if empty, addresses decide. With `keep`, mails stay
    on the server. `secure` is 'tls', 'starttls', or '' (for this machine only). With an `account` it signs in by a
    token and has no password.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str
    secure: str
    newsletter: str = ""
    keep: bool = False
    account: OAuthAccount | None = None

    @property
    def name(self) -> str:
        """The name that its mails are stored under; it doesn't depend on port, password or options."""
        return f"{self.user}@{self.host}/{self.folder}"


def provider_of(value: Mapping[str, str]) -> Provider | None:
    """Return the provider that the settings MAIL_OAUTH... name, or None.

    Raises ValueError with the name of the invalid setting.
    """
    if not value["MAIL_OAUTH"]:
        return None
    if (known := PROVIDERS.get(value["MAIL_OAUTH"])) is None:
        raise ValueError(f"MAIL_OAUTH must be one of {', '.join(PROVIDERS)}, or empty")
    tenant = value["MAIL_OAUTH_TENANT"]
    if not re.fullmatch(r"[\w.-]+", tenant):
        raise ValueError("MAIL_OAUTH_TENANT must be a name or an ID, such as example.org")
    made = Provider(
        token_url=value["MAIL_OAUTH_TOKEN_URL"] or known.token_url.format(tenant=tenant),
        device_url=value["MAIL_OAUTH_DEVICE_URL"] or known.device_url.format(tenant=tenant),
        scopes=value["MAIL_OAUTH_SCOPES"] or known.scopes,
        client_id=value["MAIL_OAUTH_CLIENT_ID"],
        client_secret=value["MAIL_OAUTH_CLIENT_SECRET"],
    )
    for name, url in (("TOKEN_URL", made.token_url), ("DEVICE_URL", made.device_url)):
        if (url or name == "TOKEN_URL") and not is_safe(url):
            raise ValueError(f"MAIL_OAUTH_{name} must be a complete URL that begins with https://")
    if not made.client_id:
        raise ValueError("MAIL_OAUTH_CLIENT_ID is empty: set it to the client ID of your application")
    return made


def is_safe(url: str) -> bool:
    """Return whether secrets may be sent to this URL: it is encrypted, or leads to this machine."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises where it is none
    except ValueError:
        return False
    if not parts.hostname or parts.username or not re.fullmatch(r"[\x21-\x7e]+", url):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in HERE)


def smtp_account_of(value: Mapping[str, str], provider: Provider | None) -> OAuthAccount | None:
    """Return the OAuth account that mails are sent with, or None if sending takes a password or no sign-in.

    Raises ValueError if its token would be sent in the clear, or its user name can't be used.
    """
    user = value["MAIL_USERNAME"]
    if provider is None or not user or value["MAIL_PASSWORD"]:
        return None
    encrypted = "1" in (value["MAIL_USE_TLS"], value["MAIL_USE_SSL"])
    if not encrypted and value["MAIL_SERVER"] not in HERE:
        raise ValueError("MAIL_USE_TLS or MAIL_USE_SSL is needed: a token would be sent unencrypted")
    return OAuthAccount(_validate_user(user, "MAIL_USERNAME"), provider)


def accounts_of(mailboxes: Sequence[Mailbox], smtp: OAuthAccount | None) -> tuple[OAuthAccount, ...]:
    """Return the distinct accounts that sign in by token."""
    found = [*(mailbox.account for mailbox in mailboxes), smtp]
    return tuple(dict.fromkeys(account for account in found if account is not None))


def mailboxes_of(text: str, provider: Provider | None = None) -> tuple[Mailbox, ...]:
    """Parse the setting MAILBOXES. Raises ValueError, which names an invalid mailbox by its number and never quotes
    its password."""
    found = []
    for number, address in enumerate(text.split(), 1):
        try:
            found.append(_mailbox(*_split(address), provider))
        except ValueError as fault:
            raise ValueError(f"mailbox {number} {fault}") from None
    if len({mailbox.name for mailbox in found}) < len(found):
        raise ValueError("the same mailbox is listed twice")
    return tuple(found)


def _split(address: str) -> tuple[SplitResult, int | None]:
    """Split a mailbox's URL, without the errors of `urllib`, which could quote the password. Raises ValueError."""
    try:
        parts = urlsplit(address)
        return parts, parts.port
    except ValueError:
        raise ValueError("is not a valid URL (write characters like / or # in a password as %2F and %23)") from None


def _mailbox(parts: SplitResult, port: int | None, provider: Provider | None) -> Mailbox:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    by_token = options.get("oauth") == "1"
    if parts.scheme not in ("imap", "imaps"):
        raise ValueError("must begin with imaps:// (or imap://)")
    if by_token and provider is None:
        raise ValueError("has oauth=1, but MAIL_OAUTH is empty")
    if not (parts.hostname and parts.username) or (not parts.password and not by_token):
        raise ValueError("needs user, password and host: imaps://user:password@host (with %40 for an @ in the user)")
    if by_token and parts.password:
        raise ValueError("has both a password and oauth=1: use one of them")
    if unknown := sorted(set(options) - {"newsletter", "keep", "starttls", "oauth"}):
        raise ValueError(f"has unknown options: {', '.join(unknown)}")
    secure = "tls" if parts.scheme == "imaps" else "starttls" if options.get("starttls") == "1" else ""
    if not secure and parts.hostname not in HERE:
        raise ValueError("would send its password unencrypted: use imaps:// or starttls=1")
    user = unquote(parts.username)
    made = Mailbox(
        host=parts.hostname,
        port=port or (993 if secure == "tls" else 143),
        user=user,
        password=unquote(parts.password or ""),
        folder=unquote(parts.path).strip("/") or "INBOX",
        secure=secure,
        newsletter=options.get("newsletter", ""),
        keep=options.get("keep") == "1",
        account=OAuthAccount(_validate_user(user, "has a user name that"), provider) if by_token and provider else None,
    )
    if len(made.name) > LONGEST_NAME:
        raise ValueError(f"has a name of more than {LONGEST_NAME} characters")
    if not all(char.isprintable() for char in made.name + made.password):
        raise ValueError("contains a character that can't be printed")
    return made


def _validate_user(user: str, label: str) -> str:
    """Return the user name. Raises ValueError, with the label, if XOAUTH2 can't carry it."""
    if not re.fullmatch(rf"[\x21-\x7e]{{1,{LONGEST_NAME}}}", user):
        raise ValueError(f"{label} contains a character that a sign-in by token can't use")
    return user
