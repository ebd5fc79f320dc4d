"""The declarative base, and what tables have in common."""

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
    """A table whose integer key stays inside the house and is never used twice."""

    __abstract__ = True
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)


class Public:
    """A row with an address of its own, by which SQLAlchemy tells several rows apart that one statement inserts."""

    public_id: Mapped[str] = mapped_column(String(12), unique=True, default=new_public_id, insert_sentinel=True)


class OfNewsletter:
    """A row of one newsletter."""

    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id"))


class Verified:
    """A row with a name that somebody of the desk has checked, or nobody yet."""

    verified_at: Mapped[datetime | None]
    verified_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    verified_how: Mapped[str | None] = mapped_column(String(400))


class Editable:
    """A row that two people can edit: the second of two writers is refused by its version."""

    version: Mapped[int] = mapped_column(default=1)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - it is called with the class
        return {"version_id_col": cls.version}
