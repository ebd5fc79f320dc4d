"""Helpers that build the CHECK constraints, partial indexes and table arguments of models."""

from typing import Any

from sqlalchemy import CheckConstraint, text


def table_args(*constraints: Any) -> Any:
    """Return `__table_args__` with AUTOINCREMENT, so that SQLite never reuses the key of an erased row."""
    return (*constraints, {"sqlite_autoincrement": True})


def enum_check(column: str, values: tuple[str, ...]) -> CheckConstraint:
    quoted_values = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({quoted_values})", name=f"{column}_known")


def all_or_none_check(name: str, *columns: str) -> CheckConstraint:
    """Return a CHECK that either all of these columns are NULL, or none is."""
    first, *others = columns
    same_nullness = [f"({first} IS NULL) = ({other} IS NULL)" for other in others]
    return CheckConstraint(" AND ".join(same_nullness), name=name)


def partial_index_options(condition: str, sqlite_condition: str = "") -> dict[str, Any]:
    """Return the options of an `Index` over the rows that meet an SQL condition.

    On SQLite, `sqlite_condition` replaces the condition, if SQLite needs another syntax.
    """
    return {"postgresql_where": text(condition), "sqlite_where": text(sqlite_condition or condition)}


def implies_check(name: str, condition: str, consequence: str) -> CheckConstraint:
    """Return a CHECK that every row which meets `condition` also meets `consequence`.

    Both are SQL expressions; NULL counts as false, although a plain CHECK would accept it.
    """
    return CheckConstraint(f"COALESCE(NOT ({condition}), TRUE) OR COALESCE({consequence}, FALSE)", name=name)
