"""Records of what was erased, so that it can be erased again after a backup was restored.

Each function that erases something for good records it here, in the same transaction. `app/backup` also keeps the list
outside the database, and has a function for each kind that erases it again.
"""

from collections.abc import Iterable

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ..crypto.seal import Keys
from ..db.session import get_keyring
from .models import Erasure

PURPOSE = "erasures"
# Each kind is named by a public ID: a withdrawn letter, the address and the name of a letter's writer, a received mail,
# the page of a question, the text of a published one (`wording`), a person whose invitation was erased, the `words` of
# a letter after their retention period, an expert and a colleague who left, the page of an expert who withdrew their
# consent, and a translator whose task ended.
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
    """Return the keyed hashes under which an erasure may be recorded, one for each key that is held."""
    return keyring.macs(PURPOSE, _erasure_key(kind, public_id))


def note(session: Session, kind: str, public_ids: Iterable[str]) -> None:
    """Record that these were erased, unless that is recorded already. Raises LookupError for an unknown kind."""
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
    """Have the database's log emptied after this transaction is committed, as it still holds the erased text."""
    session.info["erased"] = True


def _erasure_key(kind: str, public_id: str) -> str:
    return f"{kind} {public_id}"
