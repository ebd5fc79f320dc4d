"""The declarative base, and mixins for columns that several tables share."""

from datetime import datetime
from typing import Any, ClassVar, TypeVar

from sqlalchemy import ForeignKey, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from .ids import new_public_id
from .types import UTCDateTime

R = TypeVar("R", bound="Row")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UTCDateTime}


class Row(Base):
    """A table with an integer key that is never exposed and, with `table_args`, never reused."""

    __abstract__ = True
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)


class Public:
    """A row with a public ID for URLs, which SQLAlchemy also uses to match the rows of a bulk insert."""

    public_id: Mapped[str] = mapped_column(String(12), unique=True, default=new_public_id, insert_sentinel=True)


class OfNewsletter:
    """A row that belongs to one newsletter."""

    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id"))


class Verified:
    """A row with a name that a member of the desk can verify: when, by whom and how it was checked."""

    verified_at: Mapped[datetime | None]
    verified_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    verified_how: Mapped[str | None] = mapped_column(String(400))


class Editable:
    """A row with a version column: a concurrent second write raises StaleDataError (optimistic locking)."""

    version: Mapped[int] = mapped_column(default=1)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - it is called with the class
        return {"version_id_col": cls.version}
