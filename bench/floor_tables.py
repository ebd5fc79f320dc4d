"""The tables of the floors: one for inserted rows, one with the rows that are listed."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from app.db.engine import Database

LISTED_ROWS = 1_000


class Base(DeclarativeBase):
    pass


class InsertedRow(Base):
    __tablename__ = "floor_rows"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str] = mapped_column(String(2_000))
    at: Mapped[datetime]


class ListedRow(Base):
    __tablename__ = "floor_shown"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str] = mapped_column(String(2_000))
    at: Mapped[datetime] = mapped_column(index=True)


def create_floor_tables(database: Database) -> None:
    """Create both tables and fill the one that is listed, unless they exist from an earlier run."""
    Base.metadata.create_all(database.writer)

    def fill(session: Session) -> None:
        if session.get(ListedRow, 1) is not None:
            return
        start = datetime(2026, 1, 1, tzinfo=UTC)
        session.add_all(
            ListedRow(id=number, body="Who pays for the water? " * 6, at=start + timedelta(hours=number))
            for number in range(1, LISTED_ROWS + 1)
        )

    database.write(fill)
