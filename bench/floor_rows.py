"""The tables of the floors: one for inserted rows, one with the rows that are shown."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from app.db.engine import Database

NUMBER = 1_000


class Base(DeclarativeBase):
    pass


class FloorRow(Base):
    __tablename__ = "floor_rows"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str] = mapped_column(String(2_000))
    at: Mapped[datetime]


class Shown(Base):
    __tablename__ = "floor_shown"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str] = mapped_column(String(2_000))
    at: Mapped[datetime] = mapped_column(index=True)


def prepare(database: Database) -> None:
    """Create both tables and fill the one that is shown, unless they exist from an earlier run."""
    Base.metadata.create_all(database.writer)

    def fill(session: Session) -> None:
        began = datetime(2026, 1, 1, tzinfo=UTC)
        if session.get(Shown, 1) is None:
            session.add_all(
                Shown(id=one, body="Who pays for the water? " * 6, at=began + timedelta(hours=one))
                for one in range(1, NUMBER + 1)
            )

    database.write(fill)
