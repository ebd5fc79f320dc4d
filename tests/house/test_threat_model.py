"""docs/threat-model.md: its cells speak the words of its legend, and each claim of protection names a test that is there."""

import ast
import re
from functools import cache

import pytest

from app.letters.receive import MOST_A_DAY
from tests.support.docs import THREAT_MODEL, THREATS, find_section, list_table_rows
from tests.support.payloads import PAYLOAD_FAMILIES, PAYLOADS
from tests.support.source import ROOT, list_code, parse_module, relative_name

MATRICES = ("What they learn of a reader", "What they learn of an expert", "What they learn of the desk's people")
LEGEND = tuple(row[0] for row in list_table_rows(find_section("The words of the matrices")))
PEOPLE = tuple(row[0] for row in list_table_rows(find_section("Who they are, and what they hold")))
TRIED = {row[0]: row for row in list_table_rows(find_section("What is tried, and what holds it"))}
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@cache
def marked() -> dict[tuple[str, str], tuple[str, ...]]:
    """Each test of the house, by file and name, with the threats that it is marked with."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for path in list_code(".py"):
        if path.name.startswith("test_"):
            for node in parse_module(path).body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                    found[relative_name(path), node.name] = tuple(_threats(node))
    return found


def _threats(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    marks = [
        mark
        for mark in node.decorator_list
        if isinstance(mark, ast.Call) and ast.unparse(mark.func).endswith("mark.threat")
    ]
    return [str(ast.literal_eval(arg)) for mark in marks for arg in mark.args]


@pytest.mark.parametrize("matrix", MATRICES)
def test_each_cell_of_a_matrix_speaks_the_words_of_the_legend(matrix: str) -> None:
    table = list_table_rows(find_section(matrix))
    assert [row[0] for row in table] == list(PEOPLE), f"“{matrix}” has a row for each of “Who they are”, in that order."
    found = [
        f"“{matrix}” says {cell!r} of {row[0]}: write words of its legend, or explain new ones there."
        for row in table
        for cell in row[1:-1]
        if not set(cell.split(", ")) <= set(LEGEND) or ("nothing" in cell and cell != "nothing")
    ]
    found += [
        f"“{matrix}” says of {row[0]} that the threat is {row[-1]!r}, which “What is tried” has no row for."
        for row in table
        if row[-1] not in THREATS
    ]
    assert not found, "\n".join(found)


def test_every_word_of_the_legend_is_used() -> None:
    used = {
        word
        for matrix in MATRICES
        for row in list_table_rows(find_section(matrix))
        for cell in row[1:-1]
        for word in cell.split(", ")
    }
    unused = sorted(set(LEGEND) - used)
    assert not unused, f"No matrix says {', '.join(unused)}: take them out of “The words of the matrices”."


def test_each_test_that_it_names_is_there() -> None:
    claims = NAMED.findall(THREAT_MODEL.read_text(encoding="utf-8"))
    assert len(claims) > 60
    found = [
        f"docs/threat-model.md names {file}::{name}, which isn't there: name the test as it is called now."
        for file, name in claims
        if (file, name) not in marked()
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("threat", THREATS)
def test_what_holds_a_threat_is_run_for_it(threat: str) -> None:
    claims = NAMED.findall(TRIED[threat][2])
    assert claims, (
        f"Name a test of {threat!r} in docs/threat-model.md, or say in “What isn't covered” that nothing holds."
    )
    found = [
        f'Mark {name} of {file} with threat("{threat}"), as docs/threat-model.md names it for that.'
        for file, name in claims
        if threat not in marked().get((file, name), (threat,))
    ]
    assert not found, "\n".join(found)


def test_its_numbers_are_those_of_the_code() -> None:
    tried, held = TRIED["hostile words"][1], TRIED["flood"][2]
    assert re.findall(r"(\d+) payloads of (\w+) families", tried) == [(str(len(PAYLOADS)), "ten")]
    assert len(PAYLOAD_FAMILIES) == 10
    said = re.findall(r"([\d,]+) (?:letters )?a day", THREAT_MODEL.read_text(encoding="utf-8"))
    assert (set(said), "up to" in held) == ({f"{MOST_A_DAY:,}"}, True)


def test_no_test_is_of_a_threat_that_the_page_does_not_know() -> None:
    found = [
        f"{name} of {file} is marked with threat({one!r}): give it a row under “What is tried” in docs/threat-model.md."
        for (file, name), threats in marked().items()
        for one in threats
        if one not in THREATS
    ]
    assert not found, "\n".join(found)
    assert len([test for test, threats in marked().items() if threats]) > 200


def test_each_place_that_it_leads_to_is_there() -> None:
    places = re.findall(r"\]\(([\w./-]+)\)", THREAT_MODEL.read_text(encoding="utf-8"))
    assert len(places) > 5
    gone = [place for place in places if not (THREAT_MODEL.parent / place).exists()]
    assert not gone, f"docs/threat-model.md leads to what isn't there: {', '.join(gone)}"
    for paper in ("SECURITY.md", "docs/privacy-record.md"):
        assert re.search(r"\]\((docs/)?threat-model\.md\)", (ROOT / paper).read_text(encoding="utf-8")), paper
