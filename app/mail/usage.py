"""Usage counts: how often something was done for somebody in a period, counted without storing who it was."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from ..db.session import get_keyring, now
from .models import Spent


def spend(session: Session, kind: str, key: str, ends_on: date, limit: int = 1) -> bool:
    """Count one more use for `key` and return True, or return False if `limit` is reached.

    `key` includes the period, for example the day. If two workers count the same use concurrently, the transaction of
    the second one fails and is retried.
    """
    return spend_each(session, kind, [key], ends_on, limit)[0]


def spend_each(session: Session, kind: str, keys: Sequence[str], ends_on: date, limit: int = 1) -> list[bool]:
    """Count a use for each key in order, as `spend` does; a key may occur more than once."""
    if not keys:
        return []
    ring = get_keyring(session)

    def mac(who: str, number: int) -> bytes:
        return ring.mac(f"spent.{kind}", f"{number} {who}")

    # Most keys occur once: look for further uses only where there is a first one.
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
    """Delete the counts of periods that are over."""
    session.execute(delete(Spent).where(Spent.ends_on < now(session).date()))
