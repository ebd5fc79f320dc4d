"""Usage counts: things done for somebody in a stretch of time, counted without keeping who it was."""

from datetime import date

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ..db import keys, now
from .models import Spent


def spend(session: Session, kind: str, who: str, ends_on: date, most: int = 1) -> bool:
    """Count one more for `who`; False where there were `most` already. `who` also names the stretch, a day for example.

    Two workers who count the same at one moment: the second one's transaction fails and is run again.
    """
    ring = keys(session)
    numbered = [ring.mac(f"spent.{kind}", f"{number} {who}") for number in range(most)]
    query = select(func.count()).select_from(Spent).where(Spent.kind == kind, Spent.mac.in_(numbered))
    before = session.scalar(query) or 0
    if before >= most:
        return False
    session.add(Spent(kind=kind, mac=numbered[before], ends_on=ends_on))
    return True


def sweep(session: Session) -> None:
    """Delete what was counted for a time that is over."""
    session.execute(delete(Spent).where(Spent.ends_on < now(session).date()))
