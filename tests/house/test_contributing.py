"""What CONTRIBUTING.md and docs/glossary.md promise to somebody new."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

from app.cli.commands import MACHINES
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
    places = [
        *(path for _room, path in of_app()),
        ROOT / "config.py",
        ROOT / "migrations/checks.py",
        ROOT / "tests/workflows/test_who_is_told.py",
    ]
    code = "\n".join(path.read_text(encoding="utf-8") for path in places)
    assert [
        f"nothing is called {name}: mend CONTRIBUTING.md"
        for name in sorted(names)
        if not re.search(rf"\b{name}\b", code)
    ] == []


def test_a_migration_is_drafted_in_a_fresh_clone(tmp_path: Path) -> None:
    """`make migration` needs no settings and no database, and writes what the formatter would."""
    for name in ("app", "migrations", "config.py", "pyproject.toml", "Makefile"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    models = tmp_path / "app" / "questions" / "models.py"
    before, row, after = models.read_text().partition("    opened_at: Mapped[datetime]\n")
    models.write_text(f"{before}{row}    slowly: Mapped[str | None] = mapped_column(String(20))\n{after}")
    there = set((tmp_path / "migrations" / "versions").glob("*.py"))
    # `-o`: what is installed already is as new as it has to be.
    make = ("make", "-o", ".venv/development", "migration", "M=A question can go slowly.")
    run = subprocess.run(make, cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (draft,) = set((tmp_path / "migrations" / "versions").glob("*.py")) - there
    newest = max(int(path.name[:4]) for path in there if path.name[:4].isdigit())
    assert draft.name == f"{newest + 1:04}_a_question_can_go_slowly.py"
    words = draft.read_text()
    assert words.startswith('"""A question can go slowly."""\n')
    for step in ('add_column(sa.Column("slowly", sa.String(length=20), nullable=True))', 'drop_column("slowly")'):
        assert step in words, words
    subprocess.run((sys.executable, "-m", "ruff", "format", "--check", "-q", draft), cwd=tmp_path, check=True)
