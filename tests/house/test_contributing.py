"""What CONTRIBUTING.md and docs/glossary.md promise to somebody new."""

import ast
import re
import subprocess
import sys

from app.cli import MACHINES
from tests.support.source import ROOT, named, of_app, tree

GLOSSARY = ROOT / "docs/glossary.md"


def rows() -> list[list[str]]:
    lines = [line for line in GLOSSARY.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_the_glossary_is_in_order_and_says_something_of_each_word() -> None:
    words = [row[0] for row in rows()]
    assert words == sorted(words)
    assert [row for row in rows() if len(row) != 3 or not row[2].endswith((".", ")."))] == []


def test_each_machine_of_the_house_is_in_the_glossary() -> None:
    known = {row[0] for row in rows()}
    assert [
        f"say in docs/glossary.md what a {machine.noun!r} is" for machine in MACHINES if machine.noun not in known
    ] == []


def test_the_one_hook_of_pre_commit_is_make_check() -> None:
    config = ROOT / ".pre-commit-config.yaml"
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-config", config], check=True, cwd=ROOT)
    entries = re.findall(r"entry: (.*)", config.read_text())
    assert entries == ["make check"]


ASKING = ("What", "Who", "Whom", "Whose", "Whether", "How", "Which", "Where", "When", "Why")


def test_a_docstring_begins_with_a_verb_or_a_noun() -> None:
    wrong = [
        f'{named(path)}:{getattr(node, "lineno", 1)}: begin with a verb or a noun, "Return the letters that ...", not with'
        f" {first[0]!r}"
        for _room, path in of_app()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if (first := (ast.get_docstring(node) or "").split()[:1]) and first[0].rstrip(",.:;") in ASKING
    ]
    assert wrong == []


def test_every_place_that_a_recipe_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    places = re.findall(r"`((?:app|docs|migrations|tests)/[\w/.-]*)`", text)
    assert len(places) > 25
    assert [
        f"CONTRIBUTING.md sends people to {place}, which isn't there" for place in places if not (ROOT / place).exists()
    ] == []


def test_every_name_that_a_recipe_mentions_is_still_called_so() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`(?:@?\w+\.)*([A-Za-z_]{6,})(?:\(.*?\))?`", text))
    code = "\n".join(path.read_text(encoding="utf-8") for _room, path in of_app())
    assert [
        f"nothing is called {name}: mend CONTRIBUTING.md"
        for name in sorted(names)
        if not re.search(rf"\b{name}\b", code)
    ] == []
