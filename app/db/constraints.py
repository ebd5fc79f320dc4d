"""Rules that the database itself keeps, as models say them."""

from typing import Any

from sqlalchemy import CheckConstraint, text


def table_args(*constraints: Any) -> Any:
    """Table arguments with AUTOINCREMENT, so that SQLite never gives an erased row's key to a new one."""
    return (*constraints, {"sqlite_autoincrement": True})


def enum_check(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def all_or_none_check(name: str, *columns: str) -> CheckConstraint:
    """Return that these columns have a value all together, or none of them."""
    first, *others = columns
    return CheckConstraint(" AND ".join(f"({first} IS NULL) = ({other} IS NULL)" for other in others), name=name)


def partial_index_options(rule: str, on_sqlite: str = "") -> dict[str, Any]:
    """Return the options of an index that is kept of those rows alone in which a rule in SQL holds."""
    return {"postgresql_where": text(rule), "sqlite_where": text(on_sqlite or rule)}


def implies_check(name: str, condition: str, needs: str) -> CheckConstraint:
    """Return where `condition` holds, `needs` must hold. A CHECK passes on NULL, so neither side may yield NULL."""
    return CheckConstraint(f"COALESCE(NOT ({condition}), TRUE) OR COALESCE({needs}, FALSE)", name=name)
