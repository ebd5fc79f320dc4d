"""Tables that SQLite makes anew, and other rules for CHECKs that are there, a state's for example. Alembic compares no
CHECKs, so no draft names them."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op
from alembic.operations import BatchOperations
from sqlalchemy import text

INDEXES = text(
    "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :name AND sql IS NOT NULL ORDER BY rowid"
)


@contextmanager
def made_anew(table: str) -> Iterator[BatchOperations]:
    """Change a table, which SQLite makes anew for that. Its indexes come back in the order in which they were made: by it
    SQLite chooses among those that are alike."""
    here = op.get_bind()
    is_sqlite = here.dialect.name == "sqlite"
    before = here.execute(INDEXES, {"name": table}).all() if is_sqlite else []
    with op.batch_alter_table(
        table, table_kwargs={"sqlite_autoincrement": True}, reflect_kwargs={"resolve_fks": False}
    ) as batch:
        yield batch
    after = {row.name for row in here.execute(INDEXES, {"name": table})} if is_sqlite else set()
    for name, made in before:
        if name in after:
            op.execute(f"DROP INDEX {name}")
            op.execute(made)


def change_checks(table: str, rules: dict[str, str]) -> None:
    """Give CHECKs of a table, by the names that the models give them, other rules. SQLite makes the table anew."""
    with made_anew(table) as batch:
        for name, rule in rules.items():
            batch.drop_constraint(op.f(f"ck_{table}_{name}"), type_="check")
            batch.create_check_constraint(op.f(f"ck_{table}_{name}"), rule)
