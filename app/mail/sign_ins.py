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
from .token_requests import Ended, Misconfigured, NotGiven, Tokens, renewed

LEASE = timedelta(seconds=60)  # longer than the timeout of a request to a provider
PATIENCE = 30.0  # seconds that the others wait for the renewal
LOOK = 0.2  # seconds between two checks while waiting
EARLY = 300.0  # seconds before its expiry that an access token is renewed, or a quarter of its life if that is shorter
YOUNG = timedelta(seconds=60)  # if a younger token is refused, the token is not the reason
SAVED = 10  # attempts to store a new token, which may be the only valid one from now on

COMMAND = "readers-asked mail sign-in"
MENDS = f"run `{COMMAND}`"
SIGNED_OUT = f"the mail account is signed out: {MENDS}"
# By fault: how long the provider is not asked again, and the message for the operator.
FAULTS = {
    "out": (timedelta(0), SIGNED_OUT),
    "settings": (timedelta(minutes=5), f"the provider refuses our application: check MAIL_OAUTH_..., then {MENDS}"),
    "away": (timedelta(minutes=1), "the provider gives no token now, which is tried again by itself"),
}
_CODES: dict[type[NotGiven], str] = {Ended: "out", Misconfigured: "settings"}

log = logging.getLogger(__name__)


class NoToken(Exception):
    """There is no token for an account; the message says how to fix that, and names nobody."""


@dataclass(frozen=True)
class Renewal:
    """A lease to renew a sign-in, identified by its end `until`."""

    row_id: int
    refresh: str = field(repr=False)
    until: datetime


def access_token(database: Database, account: OAuthAccount) -> str:
    """Return a valid access token for the account, renewing it if it is about to expire. Raises `NoToken` and `Busy`.

    Don't call it within a transaction: it may wait for the provider.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with database.read() as session:
            if token := _current(session, account):
                return token
            _renewable(session, account)
        renewal = database.write(partial(_begin, account=account))
        if renewal is None:
            time.sleep(LOOK)
        elif token := _renew(database, account, renewal):
            return token
    raise NoToken(FAULTS["away"][1])


def xoauth2(user: str, token: str) -> str:
    """Return the initial response of SASL XOAUTH2, as documented by Google and Microsoft."""
    return f"user={user}\x01auth=Bearer {token}\x01\x01"


def mark_token_refused(database: Database, account: OAuthAccount, token: str) -> None:
    """Expire an access token that a mail server has refused, unless it was renewed less than `YOUNG` ago.

    Raises `Busy`.
    """

    def forget(session: Session) -> None:
        row = _find_sign_in(session, account)
        if row is not None and _current(session, account) == token and row.renewed_at < now(session) - YOUNG:
            row.good_until = now(session)

    database.write(forget)


def keep(session: Session, account: OAuthAccount, tokens: Tokens) -> None:
    """Store the tokens of a new sign-in, and make the mails due that waited for it."""
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
    _write_down(session, row, tokens)
    execute_without_version_bump(
        session,
        update(OutboxMail)
        .where(OutboxMail.is_queued, OutboxMail.said.in_([said for _, said in FAULTS.values()]))
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
    """Return the sign-in of an account at its current provider, since tokens must not be sent to another one."""
    wanted = {"account": account.user, "token_url": account.provider.token_url}
    return session.scalars(select(MailSignIn).filter_by(**wanted)).one_or_none()


def _place(row: MailSignIn, column: str) -> str:
    return f"mail_sign_ins.{column}.{row.public_id}"


def _current(session: Session, account: OAuthAccount) -> str | None:
    row = _find_sign_in(session, account)
    if row is None or row.access_sealed is None or row.good_until is None or row.good_until <= now(session):
        return None
    try:
        return get_keyring(session).open(_place(row, "access"), row.access_sealed)
    except Unsealable:
        return None


def _renewable(session: Session, account: OAuthAccount) -> tuple[MailSignIn, str]:
    """Return the sign-in and its refresh token. Raises `NoToken` if there is none, or a fault is too recent."""
    row = _find_sign_in(session, account)
    if row is None or row.refresh_sealed is None:
        raise NoToken(SIGNED_OUT)
    if row.again_at is not None and row.again_at > now(session):
        raise NoToken(FAULTS[row.fault or "away"][1])
    try:
        return row, get_keyring(session).open(_place(row, "refresh"), row.refresh_sealed)
    except Unsealable:
        raise NoToken(SIGNED_OUT) from None


def _begin(session: Session, account: OAuthAccount) -> Renewal | None:
    """Lease the sign-in for a renewal; None if another process is renewing it or just has. Raises `NoToken`."""
    at, mine = now(session), select(MailSignIn).filter_by(account=account.user)
    session.scalars(mine.with_for_update()).one_or_none()  # lock the row until the commit
    row, refresh = _renewable(session, account)
    if (row.leased_until is not None and row.leased_until > at) or _current(session, account):
        return None
    row.leased_until = at + LEASE
    return Renewal(row.id, refresh, row.leased_until)


def _renew(database: Database, account: OAuthAccount, renewal: Renewal) -> str | None:
    """Return a new access token, or None if the lease was lost in the meantime. Raises `NoToken` and `Busy`."""
    try:
        tokens = renewed(account.provider, renewal.refresh)
    except NotGiven as fault:
        code = _CODES.get(type(fault), "away")
        log.error("no token for a mail account at %s: %s; %s", account.provider.host, fault, FAULTS[code][1])
        database.write(partial(_note, renewal=renewal, code=code))
        raise NoToken(FAULTS[code][1]) from None
    for attempt in range(1, SAVED + 1):
        try:
            return tokens.access if database.write(partial(_end, renewal=renewal, tokens=tokens)) else None
        except Busy:
            if attempt == SAVED:
                raise
    return None


def _lock_leased(session: Session, renewal: Renewal) -> MailSignIn | None:
    row = lock_row(session, session.get_one(MailSignIn, renewal.row_id))
    return row if row.leased_until == renewal.until else None


def _note(session: Session, renewal: Renewal, code: str) -> None:
    if (row := _lock_leased(session, renewal)) is not None:
        row.fault, row.leased_until, row.again_at = code, None, now(session) + FAULTS[code][0]
        if code == "out":
            row.refresh_sealed = row.access_sealed = row.good_until = None


def _end(session: Session, renewal: Renewal, tokens: Tokens) -> bool:
    if (row := _lock_leased(session, renewal)) is None:
        return False
    _write_down(session, row, tokens)
    return True


def _write_down(session: Session, row: MailSignIn, tokens: Tokens) -> None:
    ring, at = get_keyring(session), now(session)
    refresh = tokens.refresh or ring.open(_place(row, "refresh"), row.refresh_sealed or b"")
    row.refresh_sealed = ring.seal(_place(row, "refresh"), refresh)
    row.access_sealed = ring.seal(_place(row, "access"), tokens.access)
    row.key_no = ring.newest
    row.renewed_at, row.fault, row.leased_until, row.again_at = at, "", None, None
    row.good_until = at + timedelta(seconds=math.ceil(tokens.life - min(EARLY, tokens.life / 4)))
