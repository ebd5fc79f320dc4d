"""Usage counts: things done for somebody in a stretch of time, counted without keeping who it was."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from ..db import keys, now
from .models import Spent


def spend(session: Session, kind: str, who: str, ends_on: date, most: int = 1) -> bool:
    """Count one more for `who`; False where there were `most` already. `who` also names the stretch, a day for example.

    Two workers who count the same at one moment: the second one's transaction fails and is run again.
    """
    return spend_each(session, kind, [who], ends_on, most)[0]


def spend_each(session: Session, kind: str, whose: Sequence[str], ends_on: date, most: int = 1) -> list[bool]:
    """Do the same for several, one after the other; somebody may be among them more than once."""
    if not whose:
        return []
    ring = keys(session)
    numbered = {who: [ring.mac(f"spent.{kind}", f"{number} {who}") for number in range(most)] for who in whose}
    macs = [mac for several in numbered.values() for mac in several]
    there = set(session.scalars(select(Spent.mac).where(Spent.kind == kind, Spent.mac.in_(macs))))
    before = Counter({who: len(there.intersection(several)) for who, several in numbered.items()})
    free: list[bool] = []
    spent: list[dict[str, Any]] = []
    for who in whose:
        if is_free := before[who] < most:
            spent.append({"kind": kind, "mac": numbered[who][before[who]], "ends_on": ends_on})
            before[who] += 1
        free.append(is_free)
    if spent:
        session.connection().execute(insert(Spent), spent)
    return free


def sweep(session: Session) -> None:
    """Delete what was counted for a time that is over."""
    session.execute(delete(Spent).where(Spent.ends_on < now(session).date()))
