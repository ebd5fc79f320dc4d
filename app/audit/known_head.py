"""The newest head of the chain that is remembered outside the database, and the comparison of the chain with it.

Whoever can write to the database can delete links, and events with them; what is left verifies. So the list of erasures
(`backup.erasure_list`), a file, remembers the newest head. Each head covers all links before it.
"""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from .models import ChainLink


class ChainBroken(Exception):
    """The chain lacks a remembered head, so it must not be extended. The message tells the operator why."""


@dataclass(frozen=True, order=True)
class KnownHead:
    """The remembered head of the link `number`; 0 if no link is known.

    `acknowledgements` counts how often the operator accepted a chain without the head that was remembered before. A
    head with fewer of them is out of date, so of two heads the greater one counts.
    """

    acknowledgements: int = 0
    number: int = 0
    head: bytes = b""


NO_HEAD = KnownHead()


def find_fault(session: Session, known_head: KnownHead) -> str | None:
    """Return what is wrong with the chain, for the operator, if it lacks the remembered head, or None."""
    number = known_head.number
    if number == 0:
        return None
    try:
        head = session.scalar(select(ChainLink.head).where(ChainLink.number == number))
    except (ValueError, TypeError):  # a value that the column type can't load
        head = b""
    if head == known_head.head:
        return None
    if head is not None:
        return f"the chain was rebuilt: link {number:,} has another head than the one that was noted"
    last_number = session.scalar(select(func.max(ChainLink.number))) or 0
    if last_number > number:
        return f"the chain was rebuilt: link {number:,}, whose head was noted, is missing"
    return f"the chain was shortened: link {number:,} was noted, and the chain ends at link {last_number:,}"
