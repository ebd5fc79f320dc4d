"""The newsroom's mail accounts, from the settings: the IMAP mailboxes to fetch, and OAuth sign-in without passwords."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
MAX_NAME_LENGTH = 200  # characters of a mailbox's name, and of a user name


@dataclass(frozen=True)
class Provider:
    """An OAuth provider and this application's registration with it (RFC 6749).

    `device_url` is its device authorization endpoint (RFC 8628), or empty if it has none for mail. `scopes` are
    separated by spaces.
    """

    token_url: str
    device_url: str
    scopes: str
    client_id: str = ""
    client_secret: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.token_url).hostname or ""


# The default values for each MAIL_OAUTH; `{tenant}` is MAIL_OAUTH_TENANT. Google offers no device codes for mail.
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
    """An account on a mail server, to which we sign in as `user` with a token of the provider."""

    user: str
    provider: Provider


@dataclass(frozen=True)
class ImapMailbox:
    """An IMAP mailbox to fetch mail from.

    `secure` is "tls", "starttls" or, only on this machine, "". `newsletter` is the slug of the newsletter to which all
    its mails belong; if it is empty, the recipient of each mail decides. With `keep`, mails stay on the server. With an
    `account`, we sign in with a token instead of a password.
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
        """The name under which fetched mails are stored. It doesn't change with the port, password or options."""
        return f"{self.user}@{self.host}/{self.folder}"


def get_oauth_provider(settings: Mapping[str, str]) -> Provider | None:
    """Return the provider of the settings MAIL_OAUTH..., or None if MAIL_OAUTH is empty.

    Raises ValueError with the name of an invalid setting.
    """
    if not settings["MAIL_OAUTH"]:
        return None
    defaults = PROVIDERS.get(settings["MAIL_OAUTH"])
    if defaults is None:
        raise ValueError(f"MAIL_OAUTH must be one of {', '.join(PROVIDERS)}, or empty")
    tenant = settings["MAIL_OAUTH_TENANT"]
    if not re.fullmatch(r"[\w.-]+", tenant):
        raise ValueError("MAIL_OAUTH_TENANT must be a name or an ID, such as example.org")
    provider = Provider(
        token_url=settings["MAIL_OAUTH_TOKEN_URL"] or defaults.token_url.format(tenant=tenant),
        device_url=settings["MAIL_OAUTH_DEVICE_URL"] or defaults.device_url.format(tenant=tenant),
        scopes=settings["MAIL_OAUTH_SCOPES"] or defaults.scopes,
        client_id=settings["MAIL_OAUTH_CLIENT_ID"],
        client_secret=settings["MAIL_OAUTH_CLIENT_SECRET"],
    )
    for name, url in (("TOKEN_URL", provider.token_url), ("DEVICE_URL", provider.device_url)):
        is_required = name == "TOKEN_URL"
        if (url or is_required) and not is_safe(url):
            raise ValueError(f"MAIL_OAUTH_{name} must be a complete URL that begins with https://")
    if not provider.client_id:
        raise ValueError("MAIL_OAUTH_CLIENT_ID is empty: set it to the client ID of your application")
    return provider


def is_safe(url: str) -> bool:
    """Return whether secrets may be sent to this URL: by HTTPS, or to this machine."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises ValueError for an invalid port
    except ValueError:
        return False
    if not parts.hostname or parts.username or not re.fullmatch(r"[\x21-\x7e]+", url):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL_HOSTS)


def get_smtp_account(settings: Mapping[str, str], provider: Provider | None) -> OAuthAccount | None:
    """Return the OAuth account for sending mails, or None if the SMTP server takes a password or no sign-in.

    Raises ValueError if the token would be sent unencrypted, or XOAUTH2 can't carry the user name.
    """
    user = settings["MAIL_USERNAME"]
    if provider is None or not user or settings["MAIL_PASSWORD"]:
        return None
    is_encrypted = "1" in (settings["MAIL_USE_TLS"], settings["MAIL_USE_SSL"])
    if not is_encrypted and settings["MAIL_SERVER"] not in LOCAL_HOSTS:
        raise ValueError("MAIL_USE_TLS or MAIL_USE_SSL is needed: a token would be sent unencrypted")
    return OAuthAccount(_validate_user(user, "MAIL_USERNAME"), provider)


def list_oauth_accounts(mailboxes: Sequence[ImapMailbox], smtp: OAuthAccount | None) -> tuple[OAuthAccount, ...]:
    """Return the distinct OAuth accounts of the mailboxes and of the SMTP server."""
    accounts = [*(mailbox.account for mailbox in mailboxes), smtp]
    return tuple(dict.fromkeys(account for account in accounts if account is not None))


def parse_mailboxes(text: str, provider: Provider | None = None) -> tuple[ImapMailbox, ...]:
    """Parse the setting MAILBOXES: URLs separated by spaces.

    Raises ValueError for an invalid mailbox, with its number, or one that is listed twice. The message never quotes a
    password.
    """
    mailboxes = []
    for number, url in enumerate(text.split(), 1):
        try:
            mailboxes.append(_build_mailbox(*_split_url(url), provider))
        except ValueError as error:
            raise ValueError(f"mailbox {number} {error}") from None
    if len({mailbox.name for mailbox in mailboxes}) < len(mailboxes):
        raise ValueError("the same mailbox is listed twice")
    return tuple(mailboxes)


def _split_url(url: str) -> tuple[SplitResult, int | None]:
    """Return the parts of a URL and its port.

    Raises ValueError, without the message of `urllib`, which could quote the password.
    """
    try:
        parts = urlsplit(url)
        return parts, parts.port
    except ValueError:
        raise ValueError("is not a valid URL (write characters like / or # in a password as %2F and %23)") from None


def _build_mailbox(parts: SplitResult, port: int | None, provider: Provider | None) -> ImapMailbox:
    """Return the mailbox with the parts of this URL. Raises ValueError; the messages continue "mailbox 1 ..."."""
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    uses_oauth = options.get("oauth") == "1"
    if parts.scheme not in ("imap", "imaps"):
        raise ValueError("must begin with imaps:// (or imap://)")
    if uses_oauth and provider is None:
        raise ValueError("has oauth=1, but MAIL_OAUTH is empty")
    if not (parts.hostname and parts.username) or (not parts.password and not uses_oauth):
        raise ValueError("needs user, password and host: imaps://user:password@host (with %40 for an @ in the user)")
    if uses_oauth and parts.password:
        raise ValueError("has both a password and oauth=1: use one of them")
    if unknown := sorted(set(options) - {"newsletter", "keep", "starttls", "oauth"}):
        raise ValueError(f"has unknown options: {', '.join(unknown)}")
    secure = "starttls" if options.get("starttls") == "1" else ""
    if parts.scheme == "imaps":
        secure = "tls"
    if not secure and parts.hostname not in LOCAL_HOSTS:
        raise ValueError("would send its password unencrypted: use imaps:// or starttls=1")
    user = unquote(parts.username)
    account = None
    if uses_oauth and provider:
        account = OAuthAccount(_validate_user(user, "has a user name that"), provider)
    mailbox = ImapMailbox(
        host=parts.hostname,
        port=port or (993 if secure == "tls" else 143),
        user=user,
        password=unquote(parts.password or ""),
        folder=unquote(parts.path).strip("/") or "INBOX",
        secure=secure,
        newsletter=options.get("newsletter", ""),
        keep=options.get("keep") == "1",
        account=account,
    )
    if len(mailbox.name) > MAX_NAME_LENGTH:
        raise ValueError(f"has a name of more than {MAX_NAME_LENGTH} characters")
    if not all(char.isprintable() for char in mailbox.name + mailbox.password):
        raise ValueError("contains a character that can't be printed")
    return mailbox


def _validate_user(user: str, label: str) -> str:
    """Return the user name. Raises ValueError if XOAUTH2 can't carry it, with a message that begins with `label`."""
    if not re.fullmatch(rf"[\x21-\x7e]{{1,{MAX_NAME_LENGTH}}}", user):
        raise ValueError(f"{label} contains a character that a sign-in by token can't use")
    return user
