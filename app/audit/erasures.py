"""Records of what was erased, so that it can be erased again after a backup was restored.

Each function that erases something permanently records it here, in the same transaction. `app/backup` also keeps these
records outside the database, and has a function for each kind that erases it again.
"""

from collections.abc import Iterable

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ..crypto.seal import Keys
from ..db.session import get_keyring
from .models import Erasure

PURPOSE = "erasures"
# The kinds of erasures. An erasure is identified by its kind and the public ID of a row, which a comment names if the
# erased thing is only a part of it.
KINDS = (
    "letter",  # a withdrawn letter
    "address",  # the address of a letter's writer (ID of the letter)
    "name",  # the name of a letter's writer (ID of the letter)
    "mail",  # a received mail
    "page",  # the page of a question (ID of the question)
    "wording",  # the text of a published question (ID of the question, and a number, since it may be erased repeatedly)
    "person",  # the address of somebody whose invitation was withdrawn
    "words",  # the text of a letter after its retention period (ID of the letter)
    "expert",  # an expert who was deleted
    "colleague",  # a colleague who left
    "expert page",  # the page of an expert who withdrew their consent
    "photo",  # a photo of an expert that was removed or replaced
    "shown photo",  # the consent of an expert to show a photo to the readers of a newsletter
    "translator",  # the address and the link of a translator, once they are no longer asked
)


def hashes(keyring: Keys, kind: str, public_id: str) -> list[bytes]:
    """Return the keyed hashes under which an erasure may be recorded, one for each known key."""
    return keyring.macs(PURPOSE, _erasure_key(kind, public_id))


def note(session: Session, kind: str, public_ids: Iterable[str]) -> None:
    """Record an erasure of this kind for each of these public IDs, unless it is recorded already.

    Raises LookupError for an unknown kind.
    """
    if kind not in KINDS:
        raise LookupError(f"{kind} has no row in app/audit/erasures.py")
    mark_erasure(session)
    keyring = get_keyring(session)
    macs = sorted({keyring.mac(PURPOSE, _erasure_key(kind, public_id)) for public_id in public_ids})
    if macs:
        insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert
        rows = [{"mac": mac, "key_no": keyring.newest} for mac in macs]
        session.execute(insert(Erasure).on_conflict_do_nothing(), rows)


def mark_erasure(session: Session) -> None:
    """Request that the database's log, which still holds the erased text, is emptied after this transaction."""
    session.info["erased"] = True


def _erasure_key(kind: str, public_id: str) -> str:
    return f"{kind} {public_id}"
