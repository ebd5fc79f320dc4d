from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from ..db.declarative import Base


class Sighting(Base):
    """A note of when something of the machines was last seen, and how often ever: a duty of the worker, a wrong proxy.

    Never of people: names are written in the code, and requests leave at most one an hour.
    """

    __tablename__ = "sightings"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    seen_at: Mapped[datetime]
    number: Mapped[int] = mapped_column(BigInteger, default=0)
