"""Usage counts: things done for somebody in a stretch of time, counted without keeping who it was."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from ..db.session import get_keyring, now
from .models import Spent


def spend(session: Session, kind: str, key: str, ends_on: date, limit: int = 1) -> bool:
    """Count one more for `key`; False where there were `limit` already. `key` also names the stretch, a day for
    example.

    Two workers who count the same at one moment: the second one's transaction fails and is run again.
    """
    return spend_each(session, kind, [key], ends_on, limit)[0]


def spend_each(session: Session, kind: str, keys: Sequence[str], ends_on: date, limit: int = 1) -> list[bool]:
    """Do the same for several, one after the other; somebody may be among them more than once."""
    if not keys:
        return []
    ring = get_keyring(session)

    def mac(who: str, number: int) -> bytes:
        return ring.mac(f"spent.{kind}", f"{number} {who}")

    # Most come once: only of those who have their first, the others are looked for.
    first = {who: mac(who, 0) for who in keys}
    there = _find_spent_macs(session, kind, first.values())
    others = {who: [mac(who, number) for number in range(1, limit)] for who in first if first[who] in there}
    there |= _find_spent_macs(session, kind, [one for several in others.values() for one in several])
    before = Counter({who: 1 + len(there.intersection(several)) for who, several in others.items()})
    free: list[bool] = []
    spent: list[dict[str, Any]] = []
    for who in keys:
        if is_free := before[who] < limit:
            spent.append({"kind": kind, "mac": mac(who, before[who]), "ends_on": ends_on})
            before[who] += 1
        free.append(is_free)
    if spent:
        session.connection().execute(insert(Spent), spent)
    return free


def _find_spent_macs(session: Session, kind: str, macs: Collection[bytes]) -> set[bytes]:
    return set(session.scalars(select(Spent.mac).where(Spent.kind == kind, Spent.mac.in_(macs)))) if macs else set()


def sweep(session: Session) -> None:
    """Delete what was counted for a time that is over."""
    session.execute(delete(Spent).where(Spent.ends_on < now(session).date()))
