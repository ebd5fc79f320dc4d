"""Random keys, for rows that must not reveal more than the day of their creation.

Sequential keys would reveal the minute: somebody who mails the desk every minute knows when each of their own rows was
created, and so when the rows between them were created. Random keys are negative, so that they leave no gaps in the
sequence of the other keys.
"""

import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..core.listing import HIGHEST_KEY
from .declarative import Row


def random_key(session: Session, model: type[Row], after: int | None = None) -> int:
    """Return a random negative key that no row of the model has.

    With `after`, an earlier random key, the new one is higher, so that the children of one row stay in order.
    """
    if after is None:
        lowest, range_size = -HIGHEST_KEY, HIGHEST_KEY
    else:
        lowest, range_size = after + 1, -after // 16  # a sixteenth of the keys above, to leave room for later children
    connection = session.connection()
    id_column = model.__table__.c.id
    while True:
        key = lowest + secrets.randbelow(range_size)
        is_unused = connection.scalar(select(id_column).where(id_column == key)) is None
        if is_unused:
            return key
