"""Keys that are drawn by lot, for rows of which only the day is kept.

A key that is next in line lies between two others, and of one of those the minute is known: whoever mails the desk each
minute makes such neighbours. A drawn key lies below zero and takes none of the line, so that there it leaves no gap.
"""

import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..core.listing import HIGHEST_KEY
from .declarative import Row


def random_key(session: Session, model: type[Row], after: int | None = None) -> int:
    """Return a free key of the model. With `after`, a drawn key too, it is higher than that one: a row's own children
    stay in their order.
    """
    least, room = (-HIGHEST_KEY, HIGHEST_KEY) if after is None else (after + 1, -after // 16)
    connection, column = session.connection(), model.__table__.c.id
    while True:
        key = least + secrets.randbelow(room)
        if connection.scalar(select(column).where(column == key)) is None:
            return key
