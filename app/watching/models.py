"""The table of sightings."""

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from ..db.declarative import Base


class Sighting(Base):
    """The time when something was last seen, such as a duty of the worker or a wrong proxy, and how often so far.

    It never concerns people: the names are constants in the code, and requests cause at most one sighting per hour.
    """

    __tablename__ = "sightings"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    seen_at: Mapped[datetime]
    number: Mapped[int] = mapped_column(BigInteger, default=0)
