from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from ..db.constraints import table_args
from ..db.declarative import Row


class Identity(Row):
    """The account at the newsroom's provider by which somebody of the desk comes in: one for each person.

    `subject_mac` is a keyed hash of issuer and subject: the provider's number of them stands nowhere.
    """

    __tablename__ = "identities"
    __table_args__ = table_args()

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), unique=True)
    subject_mac: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    bound_at: Mapped[datetime]
