"""Notes of what was erased, so that it can be erased once more: a backup that is restored holds it again.

Each verb that erases for good notes it here, in its own transaction. `app/backup` keeps the list beside the database
too, and knows for each kind the verb by which it is erased again.
"""

from collections.abc import Iterable

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ..crypto.seal import Keys
from ..db.session import get_keyring
from .models import Erasure

PURPOSE = "erasures"
# Of each kind, whose public id names it: letter (taken back), address and name of a letter's writer, mail that came in,
# page of a question, words of one that ran (`wording`), person who was invited and forgotten, words of a letter that
# had had their time; an expert and a colleague who left; the page of an expert who took their yes back; a translator
# outside whose link ended.
KINDS = (
    "letter",
    "address",
    "name",
    "mail",
    "page",
    "wording",
    "person",
    "words",
    "expert",
    "colleague",
    "expert page",
    "translator",
)


def hashes(keyring: Keys, kind: str, public_id: str) -> list[bytes]:
    """Return what an erasure may stand in the list as, under each key that is held."""
    return keyring.macs(PURPOSE, _erasure_key(kind, public_id))


def note(session: Session, kind: str, public_ids: Iterable[str]) -> None:
    """Note that these were erased; what is noted already stays so. Raises LookupError for a kind that has no row."""
    if kind not in KINDS:
        raise LookupError(f"{kind} has no row in app/audit/erasures.py")
    mark_erasure(session)
    ring = get_keyring(session)
    macs = sorted({ring.mac(PURPOSE, _erasure_key(kind, public_id)) for public_id in public_ids})
    if macs:
        insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert
        rows = [{"mac": mac, "key_no": ring.newest} for mac in macs]
        session.execute(insert(Erasure).on_conflict_do_nothing(), rows)


def mark_erasure(session: Session) -> None:
    """Let the database's own log be emptied once this transaction is committed: words went in it."""
    session.info["erased"] = True


def _erasure_key(kind: str, public_id: str) -> str:
    return f"{kind} {public_id}"
