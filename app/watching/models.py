"""The table of sightings."""

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from ..db.declarative import Base


class Sighting(Base):
    """The last time that a part of the installation was seen, and the count so far: a duty of the worker, a wrong
    proxy.

    Never of people: the names are constants in the code, and requests leave at most one per hour.
    """

    __tablename__ = "sightings"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    seen_at: Mapped[datetime]
    number: Mapped[int] = mapped_column(BigInteger, default=0)
