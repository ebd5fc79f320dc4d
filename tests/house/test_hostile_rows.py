"""Words in every row of the database that would be something else to a browser: they are words on every page."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import JSON, Column, String, select
from sqlalchemy.exc import DBAPIError

from app.db.engine import Database
from app.models import Base
from demo.entry_urls import list_entry_urls
from tests.support.app import BASE_URL
from tests.support.crawler import (
    EDITOR,
    EXPERT,
    POLYGLOT,
    SCRIPT_CALL,
    crawl,
    find_injections,
    open_demo_app,
    sign_in_browser,
)
from tests.support.pages import Browser


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Walk the spoilt newsroom on SQLite, and by `make test-security` on both: its pages are made by the same code."""
    if "poisoned_platan" in metafunc.fixturenames:
        both = metafunc.config.getoption("threats")
        metafunc.parametrize("poisoned_platan", ["sqlite", *["postgresql"] * both], indirect=True)


@pytest.fixture
def poisoned_platan(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """Another one, whose rows are to be spoilt."""
    yield from open_demo_app(request, tmp_path)


def poison(app: Flask) -> tuple[int, set[str]]:
    """Put `POLYGLOT` into every text of every row, where words can stand. Returns how many rows took it, and which columns none."""
    database: Database = app.extensions["database"]
    took, refused = set[tuple[str, int]](), set[str]()
    for table in Base.metadata.sorted_tables:
        texts = [one for one in table.columns if isinstance(one.type, String | JSON) and not one.foreign_keys]
        with database.read() as session:
            found = (
                {row["id"]: dict(row) for row in session.execute(select(table)).mappings()} if "id" in table.c else {}
            )
        for column in texts:
            new = {key: poisoned(row[column.name], column) for key, row in found.items()}
            changed = {key: value for key, value in new.items() if value != found[key][column.name]}
            with suppress(DBAPIError):
                if changed:
                    database.write(lambda s, t=table, c=column, rows=changed: [
                        s.execute(t.update().where(t.c.id == key).values({c.name: value})) for key, value in rows.items()
                    ])  # fmt: skip
                    took |= {(table.name, key) for key in changed}
                    continue
            if changed:
                refused.add(f"{table.name}.{column.name}")
    return len(took), refused


def poisoned(value: object, column: Column[object]) -> object:
    """Return a text that somebody wrote with `POLYGLOT` in it, and whatever is none as it was: a word of the code, a key, a time."""
    if isinstance(value, dict):
        return {key: poisoned(one, column) for key, one in value.items()}
    if isinstance(value, list):
        return [poisoned(one, column) for one in value]
    if not isinstance(value, str) or " " not in value.strip():
        return value
    room = getattr(column.type, "length", None) or 100_000
    return f"{POLYGLOT} {value}" if len(value) + len(POLYGLOT) < room else value


KEPT = {"audit.facts": "the trail takes no change", "newsletters.rhythm": "is parsed, and no words"}


@pytest.mark.threat("hostile words")
def test_words_that_mean_something_to_a_browser_are_words_on_every_page(
    poisoned_platan: Flask, attempts: Callable[[int], None]
) -> None:
    """In every row that holds somebody's words, looked at by a reader, an editor and an expert on every page they have."""
    rows, refused = poison(poisoned_platan)
    attempts(rows)
    unsaid = sorted(refused - set(KEPT))
    assert not unsaid, f"The database takes no other words in {', '.join(unsaid)}: say in KEPT of this file why not."
    assert rows > 300
    database: Database = poisoned_platan.extensions["database"]
    shown = [address.removeprefix(BASE_URL) for _, address in list_entry_urls(database)]
    made = {
        "a reader": crawl(poisoned_platan, Browser(poisoned_platan), ["/", *shown]),
        "Tereza the editor": crawl(
            poisoned_platan, sign_in_browser(poisoned_platan, EDITOR, "desk"), ["/desk/", "/signed-in"]
        ),
        "Gulmira the expert": crawl(poisoned_platan, sign_in_browser(poisoned_platan, EXPERT, "expert"), ["/expert/"]),
    }
    assert [(name, *which) for name, one in made.items() for which in sorted(one.injections)] == []
    assert {name: one.escaped_count > 20 for name, one in made.items()} == dict.fromkeys(made, True)
    assert [(name, *which) for name, one in made.items() for which in one.status_codes.items() if which[1] >= 500] == []


@pytest.mark.parametrize(
    "page",
    [f"<p>{POLYGLOT}</p>", f'<input value="{POLYGLOT}">', f"<textarea>{POLYGLOT}</textarea>", f"<title>{POLYGLOT}</title>",
     f'<a href="javascript:{SCRIPT_CALL}">x</a>'],
)  # fmt: skip
def test_what_would_run_is_seen(page: str) -> None:
    assert list(find_injections(page)) != []
