"""OAuth sign-ins of mail accounts (XOAUTH2): refresh tokens are stored sealed, access tokens are renewed on demand.

A provider may accept each refresh token once and return the next one with its answer, so only one process at a time may
renew: it leases the row by compare-and-set, calls the provider outside of any transaction, and stores the new tokens
only if it still holds the lease. All others wait.
"""

import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from app.settings.mail_accounts import OAuthAccount

from ..crypto.seal import Unsealable
from ..db.engine import Database
from ..db.fault_kinds import Busy
from ..db.ids import new_public_id
from ..db.session import add_and_flush, execute_without_version_bump, get_keyring, lock_row, now
from .models import MailSignIn, OutboxMail
from .token_requests import Ended, Misconfigured, NotGiven, Tokens, request_access_token

LEASE = timedelta(seconds=60)  # longer than the timeout of a request to a provider
PATIENCE = 30.0  # seconds that the others wait for the renewal
POLL = 0.2  # seconds between two checks while waiting
RENEWED_BEFORE = 300.0  # seconds before an access token expires, or a quarter of its lifetime if that is shorter
FRESH = timedelta(seconds=60)  # if a token is refused this soon after its renewal, the refusal has another reason
SAVE_ATTEMPTS = 10  # attempts to store a new token, which may be the only valid one from now on

COMMAND = "readers-asked mail sign-in"
REMEDY = f"run `{COMMAND}`"
SIGNED_OUT = f"the mail account is signed out: {REMEDY}"
# For each fault how long the provider is not asked again, and the message for the operator.
FAULTS = {
    "out": (timedelta(0), SIGNED_OUT),
    "settings": (timedelta(minutes=5), f"the provider refuses our application: check MAIL_OAUTH_..., then {REMEDY}"),
    "away": (timedelta(minutes=1), "the provider gives no token now, which is tried again by itself"),
}
_CODES: dict[type[NotGiven], str] = {Ended: "out", Misconfigured: "settings"}

log = logging.getLogger(__name__)


class NoToken(Exception):
    """There is no token for an account; the message says how to fix that, and names nobody."""


@dataclass(frozen=True)
class Renewal:
    """A lease to renew a sign-in with its refresh token, identified by its end `until`."""

    row_id: int
    refresh: str = field(repr=False)
    until: datetime


def access_token(database: Database, account: OAuthAccount) -> str:
    """Return a valid access token for the account, renewing it if it is about to expire. Raises `NoToken` and `Busy`.

    Don't call it within a transaction: it may wait for the provider.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with database.read() as session:
            if token := _get_valid_token(session, account):
                return token
            _open_refresh_token(session, account)  # raises `NoToken` without waiting for the write lock
        renewal = database.write(partial(_begin_renewal, account=account))
        if renewal is None:
            time.sleep(POLL)
        elif token := _renew(database, account, renewal):
            return token
    raise NoToken(FAULTS["away"][1])


def xoauth2(user: str, token: str) -> str:
    """Return the initial response of SASL XOAUTH2, as documented by Google and Microsoft."""
    return f"user={user}\x01auth=Bearer {token}\x01\x01"


def mark_token_refused(database: Database, account: OAuthAccount, token: str) -> None:
    """Expire an access token that a mail server has refused, unless it was renewed less than `FRESH` ago.

    Raises `Busy`.
    """

    def expire(session: Session) -> None:
        row = _find_sign_in(session, account)
        if row is None or row.renewed_at >= now(session) - FRESH:
            return
        if _get_valid_token(session, account) == token:
            row.good_until = now(session)

    database.write(expire)


def store_tokens(session: Session, account: OAuthAccount, tokens: Tokens) -> None:
    """Store the tokens of a new sign-in. Mails whose last attempt failed for lack of a token become due."""
    row = session.scalars(select(MailSignIn).filter_by(account=account.user).with_for_update()).one_or_none()
    if row is None:
        row = add_and_flush(
            session,
            MailSignIn(
                public_id=new_public_id(),
                account=account.user,
                token_url=account.provider.token_url,
                renewed_at=now(session),
                key_no=get_keyring(session).newest,
            ),
        )
    row.token_url = account.provider.token_url
    _set_tokens(session, row, tokens)
    execute_without_version_bump(
        session,
        update(OutboxMail)
        .where(OutboxMail.is_queued, OutboxMail.said.in_([message for _wait, message in FAULTS.values()]))
        .where(or_(OutboxMail.leased_until.is_(None), OutboxMail.leased_until <= now(session)))
        .values(due_at=now(session)),
    )


def faults(session: Session, accounts: Sequence[OAuthAccount]) -> Iterator[tuple[OAuthAccount, str]]:
    """Yield each account that can't be used at present, with its fault, a key of `FAULTS`."""
    for account in accounts:
        row = _find_sign_in(session, account)
        if row is None:
            yield account, "out"
        elif row.fault:
            yield account, row.fault


def _find_sign_in(session: Session, account: OAuthAccount) -> MailSignIn | None:
    """Return the sign-in of an account at its current provider, since no other provider may get its tokens."""
    query = select(MailSignIn).filter_by(account=account.user, token_url=account.provider.token_url)
    return session.scalars(query).one_or_none()


def _seal_context(row: MailSignIn, column: str) -> str:
    return f"mail_sign_ins.{column}.{row.public_id}"


def _get_valid_token(session: Session, account: OAuthAccount) -> str | None:
    """Return the stored access token; None if there is none, if it has to be renewed, or if it can't be decrypted."""
    row = _find_sign_in(session, account)
    if row is None or row.access_sealed is None or row.good_until is None or row.good_until <= now(session):
        return None
    try:
        return get_keyring(session).open(_seal_context(row, "access"), row.access_sealed)
    except Unsealable:
        return None


def _open_refresh_token(session: Session, account: OAuthAccount) -> tuple[MailSignIn, str]:
    """Return the sign-in and its refresh token. Raises `NoToken` without a usable one, or after a too recent fault."""
    row = _find_sign_in(session, account)
    if row is None or row.refresh_sealed is None:
        raise NoToken(SIGNED_OUT)
    if row.again_at is not None and row.again_at > now(session):
        raise NoToken(FAULTS[row.fault or "away"][1])
    try:
        return row, get_keyring(session).open(_seal_context(row, "refresh"), row.refresh_sealed)
    except Unsealable:
        raise NoToken(SIGNED_OUT) from None


def _begin_renewal(session: Session, account: OAuthAccount) -> Renewal | None:
    """Lease the sign-in for a renewal; None if another process is renewing it or just has. Raises `NoToken`."""
    at = now(session)
    query = select(MailSignIn).filter_by(account=account.user)
    session.scalars(query.with_for_update()).one_or_none()  # lock the row until the commit
    row, refresh = _open_refresh_token(session, account)
    is_leased = row.leased_until is not None and row.leased_until > at
    if is_leased or _get_valid_token(session, account):
        return None
    row.leased_until = at + LEASE
    return Renewal(row.id, refresh, row.leased_until)


def _renew(database: Database, account: OAuthAccount, renewal: Renewal) -> str | None:
    """Return a new access token, or None if the lease was lost in the meantime. Raises `NoToken` and `Busy`."""
    try:
        tokens = request_access_token(account.provider, renewal.refresh)
    except NotGiven as error:
        code = _CODES.get(type(error), "away")
        _wait, message = FAULTS[code]
        log.error("no token for a mail account at %s: %s; %s", account.provider.host, error, message)
        database.write(partial(_record_fault, renewal=renewal, code=code))
        raise NoToken(message) from None
    for attempt in range(1, SAVE_ATTEMPTS + 1):
        try:
            is_stored = database.write(partial(_end_renewal, renewal=renewal, tokens=tokens))
            return tokens.access if is_stored else None
        except Busy:
            if attempt == SAVE_ATTEMPTS:
                raise
    return None


def _lock_leased(session: Session, renewal: Renewal) -> MailSignIn | None:
    row = lock_row(session, session.get_one(MailSignIn, renewal.row_id))
    return row if row.leased_until == renewal.until else None


def _record_fault(session: Session, renewal: Renewal, code: str) -> None:
    row = _lock_leased(session, renewal)
    if row is None:
        return
    wait, _message = FAULTS[code]
    row.fault = code
    row.leased_until = None
    row.again_at = now(session) + wait
    if code == "out":
        row.refresh_sealed = row.access_sealed = row.good_until = None


def _end_renewal(session: Session, renewal: Renewal, tokens: Tokens) -> bool:
    """Store the new tokens and return True, or return False if the lease was lost."""
    row = _lock_leased(session, renewal)
    if row is None:
        return False
    _set_tokens(session, row, tokens)
    return True


def _set_tokens(session: Session, row: MailSignIn, tokens: Tokens) -> None:
    """Store the tokens in the row, end its lease, and clear its fault."""
    ring = get_keyring(session)
    at = now(session)
    refresh = tokens.refresh or ring.open(_seal_context(row, "refresh"), row.refresh_sealed or b"")
    row.refresh_sealed = ring.seal(_seal_context(row, "refresh"), refresh)
    row.access_sealed = ring.seal(_seal_context(row, "access"), tokens.access)
    row.key_no = ring.newest
    row.renewed_at = at
    row.fault = ""
    row.leased_until = None
    row.again_at = None
    row.good_until = at + timedelta(seconds=math.ceil(tokens.lifetime - min(RENEWED_BEFORE, tokens.lifetime / 4)))
