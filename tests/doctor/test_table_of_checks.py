"""The table of checks: docs/maintain.md says the same, and a test sees each check."""

import ast
import re
from functools import cache

import pytest

from app.doctor.checks import CHECKS, DoctorCheck
from tests.support.required_rows import compare_names
from tests.support.source import ROOT, list_code, parse_module


def test_the_page_on_maintenance_says_what_the_rows_say() -> None:
    part = (ROOT / "docs" / "maintain.md").read_text("utf-8").partition("\n## The checks\n")[2].partition("\n## ")[0]
    found = compare_names(
        [f"| {check.name} | {check.looks_at} | {check.remedy} |" for check in CHECKS],
        [line for line in part.splitlines() if line.startswith("| ")][1:],
        missing="“The checks” of docs/maintain.md lacks a row: {name}",
        surplus="“The checks” of docs/maintain.md has a row that no check has, or has otherwise: {name}",
    )
    assert not found, "\n".join(found)


@cache
def checks_in_tests() -> frozenset[str]:
    """What a check may be seen by: its name or `module.function` in a test of the doctor, or `FAULT name` in any."""
    found = set[str]()
    for path in list_code(".py"):
        nodes = [*ast.walk(parse_module(path))] if ROOT / "tests" in path.parents else []
        texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        found |= {name[0] for text in texts if (name := re.match(r"FAULT [a-z ]+", text))}
        if any(isinstance(node, ast.ImportFrom) and (node.module or "").startswith("app.doctor") for node in nodes):
            found |= texts | {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)}
    return frozenset(found)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_each_check_is_seen_by_a_test(check: DoctorCheck) -> None:
    function = f"{check.run.__module__.rpartition('.')[2]}.{check.run.__name__}"
    seen = checks_in_tests() & {check.name, f"FAULT {check.name}", function}
    assert seen, (
        f"No test looks at the check {check.name!r}: let one in tests/doctor/test_checks.py see it red and green."
    )
