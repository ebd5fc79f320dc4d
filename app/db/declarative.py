"""The declarative base class of all models, and mixins for columns that several tables share."""

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
    """Base of tables with an integer key, which never appears in URLs.

    A table never reuses a key if its `__table_args__` come from `constraints.table_args`.
    """

    __abstract__ = True
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)


class HasPublicId:
    """Mixin: a random public ID for URLs. SQLAlchemy also uses it to match the rows that a bulk insert returns."""

    public_id: Mapped[str] = mapped_column(String(12), unique=True, default=new_public_id, insert_sentinel=True)


class OfNewsletter:
    """Mixin: the row belongs to one newsletter."""

    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id"))


class Verified:
    """Mixin for a row that holds a person's name: when, by whom and how the desk verified the name."""

    verified_at: Mapped[datetime | None]
    verified_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    verified_how: Mapped[str | None] = mapped_column(String(400))


class Editable:
    """Mixin for optimistic locking: of two concurrent updates, the second raises StaleDataError."""

    version: Mapped[int] = mapped_column(default=1)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - SQLAlchemy passes the class
        return {"version_id_col": cls.version}
