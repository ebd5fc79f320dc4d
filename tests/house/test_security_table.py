"""The table of `make test-security` tells what the run itself found: what was tried how often, what broke, what nobody looked at."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.docs import THREATS
from tests.support.source import ROOT

HELD = """
import pytest

@pytest.mark.threat("flood")
def test_many(attempts):
    attempts(1_500)
    attempts(500)

@pytest.mark.threat("flood", "old backup")
@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"])
def test_on_both(database_url):
    pass

def test_of_something_else():
    raise RuntimeError
"""
# Files that the plugin is tried with, in a folder of their own: none of ours is broken, skipped or misspelt.
BROKEN = """
import pytest

@pytest.mark.threat("hostile mail")
@pytest.mark.parametrize("size", [1, 2, 3])
def test_sizes(size):
    assert size < 3
"""
SKIPPED = """
import pytest

@pytest.mark.threat("slow clients")
def test_elsewhere():
    pytest.skip("there is none here")
"""
UNKNOWN = """
import pytest

@pytest.mark.threat("flod")
def test_misspelt():
    pass
"""
INI = "[pytest]\nmarkers =\n  threat: of the threat model\naddopts = --strict-markers -p no:cacheprovider\n"


def run_tests(folder: Path, source: str, *words: str) -> tuple[int, dict[str, list[str]], str]:
    """Run tests with the plugin. Returns the exit status, the rows of the table by threat, and all that was printed."""
    (folder / "pytest.ini").write_text(INI)
    (folder / "test_it.py").write_text(source)
    command = (
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.support.security_table",
        "--threats",
        "-q",
        *words,
        "-c",
        folder / "pytest.ini",
    )
    run = subprocess.run((*command, folder), cwd=ROOT, capture_output=True, text=True, check=False)
    drawn = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in run.stdout.splitlines()
        if line.startswith("|")
    ]
    return run.returncode, {row[0]: row[1:] for row in drawn[2:]}, run.stdout + run.stderr


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_what_was_tried_is_counted_by_the_tests_themselves(tmp_path: Path, workers: tuple[str, ...]) -> None:
    status, rows, said = run_tests(tmp_path, HELD, *workers)
    assert (status, list(rows)) == (0, list(THREATS)), said
    assert rows["flood"] == ["2", "1", "1", "2,000", "held"]
    assert rows["old backup"] == ["1", "1", "1", "0", "held"]
    assert rows["hostile mail"] == ["0", "0", "0", "0", "not covered"]


def test_what_broke_is_named_and_no_good_end(tmp_path: Path) -> None:
    status, rows, said = run_tests(tmp_path, BROKEN)
    assert (status, rows["hostile mail"]) == (1, ["1", "0", "0", "3", "BROKEN: 1 case of 3"])
    assert "hostile mail: " in said and "test_sizes[3]" in said


def test_what_this_machine_could_not_try_is_named_and_no_good_end(tmp_path: Path) -> None:
    status, rows, _said = run_tests(tmp_path, SKIPPED)
    assert (status, rows["slow clients"]) == (1, ["1", "0", "0", "0", "NOT TESTED here: 1 case of 1"])


def test_a_threat_that_the_model_does_not_know_ends_the_run(tmp_path: Path) -> None:
    status, rows, said = run_tests(tmp_path, UNKNOWN)
    assert (status, rows, "docs/threat-model.md knows no threat 'flod'" in said) == (4, {}, True)


def test_the_command_runs_it() -> None:
    make = ("make", "-n", "-o", ".venv/development", "-o", "programs", "test-security")
    said = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line for line in said.splitlines() if "pytest" in line and line.endswith("--threats")] != []
