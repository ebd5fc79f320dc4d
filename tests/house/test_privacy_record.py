"""The record of processing: every column that can hold something of a person stands in it, and every time limit as it is."""

import re
from datetime import timedelta
from importlib import import_module

import pytest
from sqlalchemy import JSON, Column, LargeBinary, String, Table

from app.answers import translators, writing
from app.mailroom import retention
from app.models import Base
from app.newsletters.keeping import Keeping
from app.newsletters.models import SETTINGS
from app.server import worker
from app.settings import settings_table
from app.workflows.key_rotation import SEALED
from tests.support.required_rows import compare_names
from tests.support.source import ROOT

PAGE = "docs/privacy-record.md"
RECORD = (ROOT / PAGE).read_text()
CODE = re.compile(r"`([^`]+)`")
SIZES = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
NOBODYS = ("id", "public_id", "state")  # every table's own
BY_SETTING = {"keep_days", "raw_days", *Keeping.__annotations__}
OF_THE_SITE = settings_table.SETTINGS


def part(heading: str) -> str:
    return RECORD.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(heading: str) -> list[list[str]]:
    lines = [line for line in part(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def can_hold_a_person(column: Column[object]) -> bool:
    """Words, bytes, and who of the desk or of the experts it is; numbers and times are somebody's only by these."""
    of_somebody = any(key.column.table.name in ("people", "experts") for key in column.foreign_keys)
    return column.name not in NOBODYS and (of_somebody or isinstance(column.type, String | LargeBinary | JSON))


WITH_SOMETHING = {CODE.findall(row[0])[0]: row for row in rows("Where it stands")}
WITH_NOTHING = set(
    CODE.findall(part("Where it stands").partition("These hold nothing of a person:")[2].partition("\n")[0])
)


@pytest.mark.threat("court order")
def test_every_table_is_in_the_record_as_one_that_holds_something_or_as_one_that_does_not() -> None:
    found = compare_names(
        Base.metadata.tables,
        [*WITH_SOMETHING, *WITH_NOTHING],
        missing=f"{PAGE} says nothing of the table {{name}}: give it a row under “Where it stands”, or name it there "
        "among those that hold nothing of a person.",
        surplus=f"{PAGE} speaks of a table {{name}}, which no model has: take it out.",
    )
    found += [
        f"{PAGE} says of the table {name!r} both what it holds and that it holds nothing: take one of them out."
        for name in sorted(WITH_SOMETHING.keys() & WITH_NOTHING)
    ]
    assert not found, "\n".join(found)


# Where most columns say nothing of anybody: settings, and when an edition runs.
ONLY_SOME = {
    "newsletters": {"editor", "address", "inbox", "list_address", "imprint"},
    "editions": {"arrived_text", "message_id"},
}


@pytest.mark.threat("court order")
@pytest.mark.parametrize(
    "table", [table for name, table in Base.metadata.tables.items() if name in WITH_SOMETHING], ids=str
)
def test_every_column_that_can_hold_something_of_a_person_is_named(table: Table) -> None:
    wanted = ONLY_SOME.get(table.name) or {column.name for column in table.columns if can_hold_a_person(column)}
    named = set(CODE.findall(WITH_SOMETHING[table.name][2]))
    found = [
        f"{PAGE} does not name the column {name!r} of {table.name}, which can hold something of a person: say in the "
        f"row of {table.name} what it holds."
        for name in sorted(wanted - named)
    ]
    found += [
        f"{PAGE} names a column {name!r} of {table.name}, which the table does not have: take it out."
        for name in sorted(named - {column.name for column in table.columns})
    ]
    assert not found, "\n".join(found)


def test_what_it_calls_sealed_is_what_the_keys_seal() -> None:
    rotated = {
        (sealed.table.__tablename__, f"{column}_sealed" if column else "sealed")
        for sealed in SEALED
        for column in sealed.columns
    }
    short_lived = {("uploads", "sealed"), ("press_keys", "outcome_sealed")}  # gone before anybody rotates
    in_record = {
        (name, column)
        for name, row in WITH_SOMETHING.items()
        for column in CODE.findall(row[2])
        if column.endswith("sealed")
    }
    found = [
        f"{PAGE} does not say that {table}.{column} is sealed, which `SEALED` of app/workflows/key_rotation.py "
        f"rotates: name it in the row of {table}."
        for table, column in sorted((rotated | short_lived) - in_record)
    ]
    found += [
        f"{PAGE} calls {table}.{column} sealed, and no key is rotated for it: give it a row in `SEALED` of "
        "app/workflows/key_rotation.py."
        for table, column in sorted(in_record - rotated - short_lived)
    ]
    assert not found, "\n".join(found)


def constant(path: str) -> object:
    """Return what a dotted path names; the test fails where there is no such thing."""
    module, _dot, name = path.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError):
        pass
    pytest.fail(f"{PAGE} says that {path} decides a limit, and there is no such thing: name what does.", pytrace=False)


def limits() -> dict[str, str]:
    """What decides each limit, and the limit as the record words it."""
    return {CODE.findall(row[2])[0]: row[1] for row in rows("Time limits") if CODE.search(row[2])}


@pytest.mark.threat("court order")
def test_every_limit_is_what_the_code_holds() -> None:
    found = [
        f"{PAGE} says {worded!r} where {decided_by} decides, which is {right}: correct the row under “Time limits”."
        for decided_by, worded in limits().items()
        if (right := correct_limit(decided_by, worded))
    ]
    assert not found, "\n".join(found)


def correct_limit(decided_by: str, worded: str) -> str:
    """Return what decides a limit where the record words it otherwise; "" where both say the same."""
    size = re.match(r"(\d+) (minute|hour|day)s?\b", worded)
    if decided_by.startswith("newsletters."):
        name = decided_by.partition(".")[2]
        if name not in SETTINGS:
            return "no setting of newsletters"
        setting, column = SETTINGS[name], Base.metadata.tables["newsletters"].c[name]
        days, bounds = column.default.arg, f"{setting.low} to {setting.high}"  # type: ignore[union-attr]
        is_so = size and int(size[1]) == days and worded.endswith(bounds)
        return "" if is_so else f"{days} days, {bounds}"
    if decided_by.isupper():
        default = OF_THE_SITE[decided_by].default if decided_by in OF_THE_SITE else "no setting of the server"
        return "" if size and size[1] == default else default
    value = constant(decided_by)
    if size is None:
        return "" if callable(value) else f"{value}, no function"
    return "" if int(size[1]) * SIZES[size[2]] == value else str(value)


def test_every_erasing_duty_of_the_worker_has_its_limit_in_the_record() -> None:
    modules = {decided_by.rpartition(".")[0] for decided_by in limits()}
    by_setting = {
        worker.forget_overdue.__module__,
        writing.delete_old_drafts.__module__,
        translators.delete_expired.__module__,
    }  # keep_days and draft_days, below
    swept = {sweep.__module__ for sweep in worker.CLEANUPS} - by_setting
    found = [
        f"{PAGE} has no limit for what the duty of {module} erases: give it a row under “Time limits” with what decides it."
        for module in sorted(swept - modules)
    ]
    found += compare_names(
        sorted(BY_SETTING),
        [decided_by.partition(".")[2] for decided_by in limits() if decided_by.startswith("newsletters.")],
        missing=f"{PAGE} has no limit for the setting {{name}} of newsletters: give it a row under “Time limits”.",
        surplus=f"{PAGE} has a limit that the setting {{name}} of newsletters decides, which erases nothing: take it "
        "out.",
    )
    assert not found, "\n".join(found)
    assert worker.forget_overdue in worker.CLEANUPS  # the addresses: keep_days
    assert retention.destroy_old.__module__ and any(
        duty.run is worker.destroy_old for duty in worker.DUTIES
    )  # raw_days
    assert "app.mail.usage" in modules  # swept with old mail


def test_what_the_operator_has_to_complete_is_marked() -> None:
    gaps = re.findall(r"\[\[ (.+?) \]\]", RECORD)
    assert len(gaps) > 15
    assert RECORD.count("[[") == RECORD.count("]]") == len(gaps) + 1  # and once where the mark is explained
    for need in ("Controller", "Data protection officer", "Transfers out of the Union", "supervisory authority"):
        assert re.search(rf"{need}.*\[\[ |\[\[ [^\]]*{need}", RECORD), need
