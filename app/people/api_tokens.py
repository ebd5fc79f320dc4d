"""Tokens with which programs read a desk: create one, show its secret once, revoke it, and find it by its secret.

Whoever has the act "programs" may create tokens. A token can do no more than its creator: it ends with their work at
the desk, and their role limits it. Of the secret only a keyed hash is stored.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Staff
from ..core.domain_errors import InvalidField, MissingField, MissingPrecondition
from ..core.listing import Listing
from ..core.permissions import TOKEN_ACTS
from ..core.state_machine import must, require_length, require_text
from ..crypto.seal import new_token
from ..db.ids import new_public_id
from ..db.session import add_and_flush, get_keyring, lock_row, now
from ..text.clean import clean, for_print
from .models import ApiToken, Membership, Person
from .sessions import require_fresh_proof

MAX_TOKENS = 20  # tokens of a newsletter
LONGEST_NAME = 80  # characters
LIFETIMES = (30, 90, 365)  # days, of which the creator chooses one
PREFIX = "readersasked_"  # of every secret, so that scanners of source code and logs recognise one
KEPT = timedelta(days=30)  # how long an expired token is listed


class TokenAccess(NamedTuple):
    """A token that is valid, and the person in whose name its program acts."""

    token: ApiToken
    actor: Staff


def listing(newsletter_id: int) -> Listing[ApiToken]:
    """Return a listing of a newsletter's tokens, oldest first."""
    return Listing(select(ApiToken).where(ApiToken.newsletter_id == newsletter_id), (ApiToken.id,), rising=True)


def load(session: Session, actor: Staff, public_id: str) -> ApiToken | None:
    """Return a token of the actor's newsletter, or None. Raises `PermissionDenied`."""
    must(actor, "programs")
    return session.scalar(select(ApiToken).filter_by(newsletter_id=actor.newsletter_id, public_id=public_id))


def create(session: Session, actor: Staff, name: str, acts: Collection[str], days: int) -> ApiToken:
    """Create a token without a secret. `days` is one of `LIFETIMES`.

    Raises `MissingField` (name, acts), `TooLong` (name), `InvalidField` (acts, days), `NotFresh`, `PermissionDenied`,
    and `MissingPrecondition` if the desk has too many tokens.
    """
    require_fresh_proof(session, actor, "programs")
    name = require_length("name", require_text("name", for_print(clean(name))), LONGEST_NAME)
    if not acts:
        raise MissingField("acts")
    if not set(acts) <= TOKEN_ACTS.keys():
        raise InvalidField("act_unknown", "acts")
    for act in acts:
        must(actor, act)
    if days not in LIFETIMES:
        raise InvalidField("lifetime_unknown", "days")
    if listing(actor.newsletter_id).count(session) >= MAX_TOKENS:
        raise MissingPrecondition("too_many_tokens")
    token = ApiToken(
        public_id=new_public_id(),
        newsletter_id=actor.newsletter_id,
        person_id=actor.person_id,
        name=name,
        acts=[act for act in TOKEN_ACTS if act in acts],
        created_at=now(session),
        ends_at=now(session) + timedelta(days=days),
    )
    audit.record(session, actor, "token.create", add_and_flush(session, token))
    return token


def show_secret(session: Session, actor: Staff, token: ApiToken) -> str:
    """Create the secret of the actor's own token and return it. A former secret ends at once.

    Raises `MissingPrecondition` for a token of somebody else, `NotFresh` and `PermissionDenied`.
    """
    require_fresh_proof(session, actor, "programs")
    if lock_row(session, token).person_id != actor.person_id:
        raise MissingPrecondition("token_of_colleague")
    secret = PREFIX + new_token(256)
    token.token_mac = get_keyring(session).mac("api_tokens.token", secret)
    audit.record(session, actor, "token.show", token)
    return secret


def revoke(session: Session, actor: Staff, token: ApiToken) -> None:
    """Delete a token: its program gets nothing from now on. Raises `PermissionDenied`."""
    must(actor, "programs")
    audit.record(session, actor, "token.revoke", lock_row(session, token))
    session.delete(token)
    session.flush()


def find(session: Session, secret: str) -> TokenAccess | None:
    """Return the access of a secret, or None if it is unknown, expired, or its creator doesn't work here any more."""
    if not secret.startswith(PREFIX):
        return None
    macs = list(get_keyring(session).macs("api_tokens.token", secret))
    query = (
        select(ApiToken, Person.name, Membership.role)
        .join(Person, Person.id == ApiToken.person_id)
        .join(Membership, (Membership.person_id == Person.id) & (Membership.newsletter_id == ApiToken.newsletter_id))
        .where(ApiToken.token_mac.in_(macs), ApiToken.ends_at > now(session))
        .where(Person.disabled_at.is_(None), Membership.at_work())
    )
    row = session.execute(query).first()
    if row is None:
        return None
    token, name, role = row
    acts = frozenset(token.acts)
    return TokenAccess(token, Staff(token.person_id, name, token.newsletter_id, role, token_acts=acts))


def is_first_use_today(session: Session, token: ApiToken) -> bool:
    return token.used_on != now(session).date()


def record_use(session: Session, token_id: int) -> None:
    """Store the day of a call."""
    session.execute(update(ApiToken).where(ApiToken.id == token_id).values(used_on=now(session).date()))


def delete_expired(session: Session) -> None:
    """Delete the tokens that expired more than `KEPT` ago."""
    session.execute(delete(ApiToken).where(ApiToken.ends_at < now(session) - KEPT))


def delete_tokens_of(session: Session, membership: Membership) -> None:
    """Delete the tokens of somebody who doesn't work at this desk any more. If they come back, they create new ones."""
    own_tokens = (ApiToken.person_id == membership.person_id, ApiToken.newsletter_id == membership.newsletter_id)
    session.execute(delete(ApiToken).where(*own_tokens))
