"""Other rules for CHECKs that are there, a state's for example. Alembic compares no CHECKs, so no draft names them."""

from alembic import op


def change_checks(table: str, rules: dict[str, str]) -> None:
    """Give CHECKs of a table, by the names that the models give them, other rules. SQLite makes the table anew."""
    with op.batch_alter_table(table, table_kwargs={"sqlite_autoincrement": True}) as batch:
        for name, rule in rules.items():
            batch.drop_constraint(op.f(f"ck_{table}_{name}"), type_="check")
            batch.create_check_constraint(op.f(f"ck_{table}_{name}"), rule)
