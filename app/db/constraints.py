"""Helpers that build the CHECK constraints, partial indexes and table arguments of models."""

from typing import Any

from sqlalchemy import CheckConstraint, Table, text


def table_args(*constraints: Any) -> Any:
    """Return `__table_args__` with AUTOINCREMENT, so that SQLite never reuses the key of an erased row."""
    return (*constraints, {"sqlite_autoincrement": True})


def enum_check(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """Return a CHECK that a column has one of these values, which `list_known_values` returns again."""
    quoted_values = ", ".join(f"'{value}'" for value in values)
    check = f"{column} IN ({quoted_values})"
    return CheckConstraint(check, name=f"{column}_known", info={"column": column, "values": values})


def list_known_values(table: Table, column: str) -> tuple[str, ...]:
    """Return the values that an `enum_check` allows in a column; empty if it allows any."""
    for constraint in table.constraints:
        if constraint.info.get("column") == column:
            values: tuple[str, ...] = constraint.info["values"]
            return values
    return ()


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
