"""What CONTRIBUTING.md and docs/glossary.md promise to somebody new."""

import ast
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from app.cli.commands import COMMANDS, MACHINES
from demo.cli import demo
from tests.support.source import APP, ROOT, list_app_modules, list_code, list_files, parse_module, relative_name

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
        f'{relative_name(path)}:{getattr(node, "lineno", 1)}: begin with a verb or a noun, "Return the letters that ...", not with'
        f" {first[0]!r}"
        for _room, path in list_app_modules()
        for node in ast.walk(parse_module(path))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if (first := (ast.get_docstring(node) or "").split()[:1]) and first[0].rstrip(",.:;") in ASKING
    ]
    assert wrong == []


GUIDES = ("CONTRIBUTING.md", "STYLE.md")
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BAD = re.compile(r"\bBad:.*?(?=\n\n|\n#|\Z)", re.DOTALL)
CALL = re.compile(r"(?:raise |\{\{ |\*\*|@)?(?:\w+\.)*(\w+)\(.*\)(?: \}\})?", re.DOTALL)


def cited(text: str) -> list[str]:
    """The code that a text cites between backticks, without its blocks and its bad examples."""
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", BAD.sub("", BLOCK.sub("", text)))]


def place(name: str) -> Path | None:
    """Where something is that a guide names by its path, from the top, from app/ or from the templates."""
    roots = (ROOT, APP, APP / "templates")
    return next((root / name for root in roots if (root / name).exists()), None)


@pytest.mark.parametrize("guide", GUIDES)
def test_every_place_that_a_guide_names_is_there(guide: str) -> None:
    names = [name for name in cited((ROOT / guide).read_text("utf-8")) if re.fullmatch(r"\w[\w.-]*/[\w/.-]*", name)]
    assert len(names) > 5
    gone = [f"{guide} names {name}, which isn't there: say where it is now." for name in names if place(name) is None]
    assert not gone, "\n".join(gone)


@pytest.mark.parametrize("guide", GUIDES)
def test_every_test_that_a_guide_names_is_there(guide: str) -> None:
    tests = {
        node.name
        for path in list_code(".py")
        if path.name.startswith("test_")
        for node in ast.walk(parse_module(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    names = re.findall(r"\btest_\w+\b(?!\.py)", " ".join(cited((ROOT / guide).read_text("utf-8"))))
    gone = [
        f"{guide} names {name}, and no test is called so: name one that is there."
        for name in names
        if name not in tests
    ]
    assert not gone, "\n".join(gone)


@cache
def defined() -> frozenset[str]:
    """Every function and class of the code, every macro of the pages, and what a table in the code is called."""
    found = {
        node.name
        for path in list_code(".py")
        for node in ast.walk(parse_module(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    return frozenset(
        found.union(*(re.findall(r"\{%-? macro (\w+)", path.read_text("utf-8")) for path in list_code(".html")))
    )


@pytest.mark.parametrize("guide", GUIDES)
def test_every_name_that_a_guide_mentions_is_still_called_so(guide: str) -> None:
    names = cited((ROOT / guide).read_text("utf-8"))
    calls = [found[1] for name in names if (found := CALL.fullmatch(name))]
    plain = {name.rpartition(".")[2] for name in names if re.fullmatch(r"(?:\w+\.)*[A-Za-z_]{6,}", name)}
    text = "\n".join(path.read_text("utf-8") for path in list_code(".py", ".html", ".toml"))
    gone = [
        f"{guide} calls {name}(), which nothing defines: say what it is called now."
        for name in calls
        if name not in defined()
    ]
    gone += [
        f"{guide} mentions {name}, and nothing is called so: say what it is called now."
        for name in sorted(plain)
        if not re.search(rf"\b{name}\b", text)
    ]
    assert not gone, "\n".join(gone)


def test_every_table_that_a_recipe_names_is_in_a_file_of_its_step() -> None:
    steps = re.split(r"\n\n|\n(?=\d+\. )", BLOCK.sub("", (ROOT / "CONTRIBUTING.md").read_text("utf-8")))
    gone = []
    for step in steps:
        files = [path for name in cited(step) if "/" in name and (path := place(name)) is not None]
        files += [path for folder in files if folder.is_dir() for path in folder.glob("*.*")]
        text = "\n".join(path.read_text("utf-8") for path in files if path.suffix in (".py", ".toml", ".html", ".md"))
        gone += [
            f"CONTRIBUTING.md names {name} beside {relative_name(files[0])}, where it isn't: say where, or what it is "
            "called now."
            for name in cited(step)
            if files and re.fullmatch(r"[A-Z][A-Z_]+", name) and not re.search(rf"\b{name}\b", text)
        ]
    assert not gone, "\n".join(gone)


FILE = re.compile(r"(?<![\w/.-])(?:app|docs|migrations|tests)/[\w/.-]+\.(?:css|html|js|md|py|toml|txt)\b")
EXAMPLES = {"app/rare.py", "app/typesetting/languages/it.toml"}  # that are nowhere, in tests of what is said of them


def test_every_file_that_a_sentence_of_the_code_or_of_a_test_names_is_there() -> None:
    """A test that fails sends people to the place to mend; so do docstrings and faults."""
    gone = {
        f"{relative_name(path)}:{node.lineno} names {file}, which isn't there: say where it is now."
        for path in list_code(".py")
        for node in ast.walk(parse_module(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for file in FILE.findall(node.value)
        if not (ROOT / file).exists() and file not in EXAMPLES
    }
    assert not gone, "\n".join(sorted(gone))


def test_each_good_block_of_the_style_guide_is_in_the_code() -> None:
    blocks = re.findall(
        r"(Bad:\n)?^```python\n(.*?)^```$", (ROOT / "STYLE.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    good = [block for bad, block in blocks if not bad]
    assert len(good) > 2
    lines = "\n".join(
        line.strip() for _room, path in list_app_modules() for line in path.read_text("utf-8").splitlines()
    )
    gone = [
        f"STYLE.md shows a good example that is nowhere in app/: take one from the code.\n{block}"
        for block in good
        if "\n".join(line.strip() for line in block.splitlines()) not in lines
    ]
    assert not gone, "\n".join(gone)


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


def test_commands_have_one_name() -> None:
    """`flask` runs them too, but only from a clone: whoever installed the program has `readers-asked` alone."""
    commands = "|".join(f"{command.name}" for command in (*COMMANDS, demo))
    other_name = re.compile(rf"(?<!from )\bflask\s+(?:--app \w+\s+)?(?:{commands})\b")
    texts = [path for path in list_files() if path.suffix not in (".png", ".svg") and path != ROOT / "CONTRIBUTING.md"]
    found = [
        f"{relative_name(path)}: write `readers-asked` in place of `flask` in {match[0]!r}"
        for path in texts
        for match in other_name.finditer(path.read_text(encoding="utf-8", errors="ignore"))
    ]
    assert found == []
