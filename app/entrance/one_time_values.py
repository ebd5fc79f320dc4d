"""Values that a browser keeps for its next step of signing in, such as a passkey's challenge, and that work once.

They are sealed in the browser's cookie: a row for each would let strangers fill the database. Removing them from the
cookie doesn't use them up, since a cookie can be copied, so the database records each use.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import timedelta

from flask import session
from sqlalchemy.orm import Session

from ..crypto.seal import Unsealable, new_token
from ..db.session import get_keyring, now
from ..mail.usage import spend
from ..web.setup import db

LIFE = timedelta(minutes=10)


def store_values(purpose: str, values: Mapping[str, str]) -> None:
    """Store values in this browser for `take_values` with the same purpose. They replace those of that purpose."""
    with db.read() as db_session:
        content = {"values": dict(values), "id": new_token(), "stored_at": now(db_session).timestamp()}
        sealed = get_keyring(db_session).seal(_seal_context(purpose), json.dumps(content))
    session[purpose] = urlsafe_b64encode(sealed).decode()


def take_values(purpose: str) -> dict[str, str]:
    """Return the values that this browser stored within LIFE, and use them up. {} if there are none that still work."""
    try:
        sealed = urlsafe_b64decode(session.pop(purpose, ""))
    except ValueError:
        return {}

    def use(db_session: Session) -> dict[str, str]:
        try:
            content = json.loads(get_keyring(db_session).open(_seal_context(purpose), sealed))
        except Unsealable:
            return {}
        age = now(db_session).timestamp() - content["stored_at"]
        if not 0 <= age <= LIFE.total_seconds():
            return {}
        tomorrow = now(db_session).date() + timedelta(days=1)  # by then, the values are too old
        if not spend(db_session, "one-time values", content["id"], tomorrow):
            return {}
        values: dict[str, str] = content["values"]
        return values

    return db.write(use) if sealed else {}


def _seal_context(purpose: str) -> str:
    return f"one_time_values.{purpose}"
