"""Keys that are drawn by lot, for rows of which only the day is kept.

A key that is next in line lies between two others, and of one of those the minute is known: whoever mails the desk each
minute makes such neighbours. A drawn key lies below zero and takes none of the line, so that there it leaves no gap.
"""

import secrets

from sqlalchemy.orm import Session

from .db import Row
from .driver_statements import run
from .listing import HIGHEST_KEY


def drawn_key(session: Session, model: type[Row], above: int | None = None) -> int:
    """Return a free key of the model. With `above`, a drawn key too, it is higher than that one: a row's own children
    stay in their order.
    """
    least, room = (-HIGHEST_KEY, HIGHEST_KEY) if above is None else (above + 1, -above // 16)
    connection, name = session.connection(), model.__tablename__
    while True:
        key = least + secrets.randbelow(room)
        # In plain words: this stands in each submission, where building the query costs more than asking it.
        if not run(connection, f"SELECT 1 FROM {name} WHERE id = {key}", ()).fetchall():  # noqa: S608
            return key
