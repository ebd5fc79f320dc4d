"""A fresh proof of who somebody of the desk is: by their second factor, or by a code that was mailed to whoever has
none. It counts for ten minutes in the browser in which it was given.

What asks for one says so at the desk's door (`editor/reauthentication.py`); the verbs that would do the most harm ask
by themselves as well, whatever door they are called through.
"""

from datetime import timedelta

from sqlalchemy.orm import Session

from ..core.actors import Staff
from ..core.state_machine import DomainError, must
from ..db.session import now

FRESH = timedelta(minutes=10)  # how long a proof of who somebody is lasts for what needs one


class NotFresh(DomainError):
    """Raised where the proof of who this is was too long ago for what they want to do."""


def is_fresh(session: Session, actor: Staff) -> bool:
    # Either way: what a clock that ran ahead has noted must not hold until the day it meant.
    return actor.proved_at is not None and abs(now(session) - actor.proved_at) < FRESH


def must_be_fresh(session: Session, actor: Staff, act: str) -> None:
    """Let an act be done by whoever may and has just proved who they are. Raises `PermissionDenied`, then
    `NotFresh`."""
    must(actor, act)
    if not is_fresh(session, actor):
        raise NotFresh(actor.ref)
