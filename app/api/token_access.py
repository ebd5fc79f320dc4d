"""The blueprint of the API: who calls, how often, and what their token permits."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from flask import Blueprint, Response, abort, g, request
from sqlalchemy.orm import Session

from ..core.actors import Staff
from ..core.permissions import may
from ..db.fault_kinds import Busy
from ..newsletters.models import Newsletter
from ..newsletters.queries import by_slug
from ..people import api_tokens
from ..people.models import ApiToken
from ..web.problems import render_problem
from ..web.setup import caller, csrf, db, hash_identifier, limit_requests, newsletter_or_404

CALLS = "300 per minute"  # of each token
# Calls without a valid token, of each network address. Nobody can guess a secret of 256 bits; this saves work.
REFUSALS = "60 per minute"
UNAUTHENTICATED = "This needs a token: send the header “Authorization: Bearer …”. In a URL, tokens are never read."

api = Blueprint("api", __name__, url_prefix="/api/v1")
csrf.exempt(api)  # No cookie is read here.


@dataclass(frozen=True)
class ApiContext:
    """One call: the database session, the token, and the person in whose name its program acts."""

    session: Session
    token: ApiToken
    actor: Staff
    newsletter: Newsletter


@api.before_request
def use_english() -> None:
    """Describe errors in English only: they are for programmers."""
    g.language = "en"


def _get_secret() -> str:
    """Return the secret in the header of a Bearer token (RFC 6750, section 2.1); "" without one."""
    authorization = request.authorization
    if authorization is None or authorization.type != "bearer":
        return ""
    return authorization.token or ""


def _get_limit_key() -> str:
    """Return whom to count: the token, whose secret must not stay in Redis, or without one the network address."""
    secret = _get_secret()
    return hash_identifier(secret) if secret else caller()


@api.before_request
@limit_requests(CALLS, _get_limit_key, scope="api")
def _count_call() -> None:
    """Count the call, and refuse one beyond the limit."""


@limit_requests(REFUSALS, scope="api refusals")
def _refuse() -> Response:
    response = render_problem(401, UNAUTHENTICATED)
    response.headers["WWW-Authenticate"] = 'Bearer realm="api"'
    return response


@contextmanager
def read_context(slug: str, act: str = "read") -> Iterator[ApiContext]:
    """Yield the context of a call that reads. `slug` is the newsletter's short name, "" for that of the token.

    Aborts with 401 without a valid token, 404 for another newsletter than the token's, and 403 if the token doesn't
    permit the act.
    """
    with db.read() as session:
        access = api_tokens.find(session, _get_secret())
        is_first_use = access is not None and api_tokens.is_first_use_today(session, access.token)
    if access is None:
        abort(_refuse())
    if is_first_use:
        with suppress(Busy):  # a call that can't be recorded is no reason to fail it
            token_id = access.token.id
            db.write(lambda session: api_tokens.record_use(session, token_id))
    with db.read() as session:
        newsletter = session.get_one(Newsletter, access.actor.newsletter_id)
        if slug:
            newsletter_or_404(slug, newsletter if _has_slug(session, newsletter, slug) else None)
        if not may(access.actor, act):
            abort(render_problem(403, "This token doesn’t permit that. Its creator can make one that does."))
        g.zone = newsletter.zone
        yield ApiContext(session, access.token, access.actor, newsletter)


def _has_slug(session: Session, newsletter: Newsletter, slug: str) -> bool:
    """Return whether a newsletter has this short name now, or had it before."""
    found = by_slug(session, slug)
    return found is not None and found.id == newsletter.id
