"""Constraints and indexes for models, enforced by the database."""

from typing import Any

from sqlalchemy import CheckConstraint, text


def table_args(*constraints: Any) -> Any:
    """Return table arguments with AUTOINCREMENT, so that SQLite never reuses the key of an erased row."""
    return (*constraints, {"sqlite_autoincrement": True})


def enum_check(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def all_or_none_check(name: str, *columns: str) -> CheckConstraint:
    """Return a CHECK that all of these columns have a value, or none."""
    first, *others = columns
    return CheckConstraint(" AND ".join(f"({first} IS NULL) = ({other} IS NULL)" for other in others), name=name)


def partial_index_options(rule: str, on_sqlite: str = "") -> dict[str, Any]:
    """Return the options of a partial index over the rows that meet an SQL condition.

    `on_sqlite` is the condition for SQLite, if it needs another one.
    """
    return {"postgresql_where": text(rule), "sqlite_where": text(on_sqlite or rule)}


def implies_check(name: str, condition: str, needs: str) -> CheckConstraint:
    """Return a CHECK that `needs` holds wherever `condition` does.

    A CHECK passes on NULL, so a NULL in either counts as false.
    """
    return CheckConstraint(f"COALESCE(NOT ({condition}), TRUE) OR COALESCE({needs}, FALSE)", name=name)
