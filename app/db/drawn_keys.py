"""Random keys, for rows that only keep the day of their creation.

A sequential key would reveal more: anyone who mails the desk every minute creates neighbouring rows whose minute they
know. Random keys are negative, so they also leave no gaps in the sequence.
"""

import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..core.listing import HIGHEST_KEY
from .declarative import Row


def random_key(session: Session, model: type[Row], after: int | None = None) -> int:
    """Return a random unused key for the model. With `after`, itself a random key, the new one is higher, so that the
    children of one row stay in order.
    """
    least, room = (-HIGHEST_KEY, HIGHEST_KEY) if after is None else (after + 1, -after // 16)
    connection, column = session.connection(), model.__table__.c.id
    while True:
        key = least + secrets.randbelow(room)
        if connection.scalar(select(column).where(column == key)) is None:
            return key
