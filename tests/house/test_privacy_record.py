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
from tests.support.source import ROOT

RECORD = (ROOT / "docs" / "privacy-record.md").read_text()
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
    tables = set(Base.metadata.tables)
    assert tables - WITH_SOMETHING.keys() - WITH_NOTHING == set(), "say in docs/privacy-record.md what it holds of whom"
    assert {*WITH_SOMETHING, *WITH_NOTHING} - tables == set()
    assert WITH_SOMETHING.keys() & WITH_NOTHING == set()


# Where most columns say nothing of anybody: settings, and when an edition runs.
ONLY_SOME = {
    "newsletters": {"editor", "address", "inbox", "list_address", "imprint"},
    "editions": {"arrived_text", "message_id"},
}


@pytest.mark.threat("court order")
@pytest.mark.parametrize("table", [Base.metadata.tables[name] for name in WITH_SOMETHING], ids=str)
def test_every_column_that_can_hold_something_of_a_person_is_named(table: Table) -> None:
    wanted = ONLY_SOME.get(table.name) or {column.name for column in table.columns if can_hold_a_person(column)}
    named = set(CODE.findall(WITH_SOMETHING[table.name][2]))
    assert wanted - named == set()
    assert named - {column.name for column in table.columns} == set()


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
    assert in_record == rotated | short_lived


def constant(path: str) -> object:
    """Return what a dotted path names."""
    module, _dot, name = path.rpartition(".")
    return getattr(import_module(module), name)


def limits() -> dict[str, str]:
    """What decides each limit, and the limit as the record words it."""
    return {CODE.findall(row[2])[0]: row[1] for row in rows("Time limits") if CODE.search(row[2])}


@pytest.mark.threat("court order")
def test_every_limit_is_what_the_code_holds() -> None:
    for decided_by, worded in limits().items():
        size = re.match(r"(\d+) (minute|hour|day)s?\b", worded)
        if decided_by.startswith("newsletters."):
            setting = SETTINGS[decided_by.partition(".")[2]]
            column = Base.metadata.tables["newsletters"].c[decided_by.partition(".")[2]]
            assert size and int(size[1]) == column.default.arg  # type: ignore[union-attr]
            assert worded.endswith(f"{setting.low} to {setting.high}")
        elif decided_by.isupper():
            assert size and size[1] == OF_THE_SITE[decided_by].default
        elif size:
            assert int(size[1]) * SIZES[size[2]] == constant(decided_by), decided_by
        else:
            assert callable(constant(decided_by)), decided_by


def test_every_erasing_duty_of_the_worker_has_its_limit_in_the_record() -> None:
    modules = {decided_by.rpartition(".")[0] for decided_by in limits()}
    by_setting = {
        worker.forget_overdue.__module__,
        writing.delete_old_drafts.__module__,
        translators.sweep.__module__,
    }  # keep_days and draft_days, below
    swept = {sweep.__module__ for sweep in worker.SWEEPS} - by_setting
    assert swept - modules == set()
    assert {
        decided_by.partition(".")[2] for decided_by in limits() if decided_by.startswith("newsletters.")
    } == BY_SETTING
    assert worker.forget_overdue in worker.SWEEPS  # the addresses: keep_days
    assert retention.destroy_old.__module__ and any(duty.do is worker.destroy_old for duty in worker.DUTIES)  # raw_days
    assert "app.mail.usage" in modules  # swept with old mail


def test_what_the_operator_has_to_complete_is_marked() -> None:
    gaps = re.findall(r"\[\[ (.+?) \]\]", RECORD)
    assert len(gaps) > 15
    assert RECORD.count("[[") == RECORD.count("]]") == len(gaps) + 1  # and once where the mark is explained
    for need in ("Controller", "Data protection officer", "Transfers out of the Union", "supervisory authority"):
        assert re.search(rf"{need}.*\[\[ |\[\[ [^\]]*{need}", RECORD), need
