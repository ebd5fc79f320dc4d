"""Usage counts: how often something was done for somebody in a period, counted without storing for whom.

Each use in a period is stored as a hash, keyed with the server's secret, of its number n (from 0) and the caller's
`key`.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date
from itertools import chain
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

    def mac_of_use(key: str, number: int) -> bytes:
        return ring.mac(f"spent.{kind}", f"{number} {key}")

    # Most keys occur once: look for further uses only where there is a first one.
    first_macs = {key: mac_of_use(key, 0) for key in keys}
    spent_macs = _find_spent_macs(session, kind, first_macs.values())
    # By key, the hashes of its second and further uses.
    later_macs = {
        key: [mac_of_use(key, number) for number in range(1, limit)]
        for key, mac in first_macs.items()
        if mac in spent_macs
    }
    spent_macs |= _find_spent_macs(session, kind, list(chain.from_iterable(later_macs.values())))
    # A `Counter` returns 0 for the keys that were never used.
    uses = Counter({key: 1 + len(spent_macs.intersection(macs)) for key, macs in later_macs.items()})
    is_counted: list[bool] = []
    rows: list[dict[str, Any]] = []
    for key in keys:
        is_below_limit = uses[key] < limit
        if is_below_limit:
            rows.append({"kind": kind, "mac": mac_of_use(key, uses[key]), "ends_on": ends_on})
            uses[key] += 1
        is_counted.append(is_below_limit)
    if rows:
        session.connection().execute(insert(Spent), rows)  # without the ORM, which would process every value
    return is_counted


def _find_spent_macs(session: Session, kind: str, macs: Collection[bytes]) -> set[bytes]:
    if not macs:
        return set()
    return set(session.scalars(select(Spent.mac).where(Spent.kind == kind, Spent.mac.in_(macs))))


def delete_expired(session: Session) -> None:
    """Delete the counts of periods that are over."""
    session.execute(delete(Spent).where(Spent.ends_on < now(session).date()))
