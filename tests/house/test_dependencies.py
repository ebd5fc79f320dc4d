"""What is declared in pyproject.toml is used: imported somewhere, or needed for a reason that stands here."""

import ast
import re
import tomllib
from importlib.metadata import packages_distributions

from tests.support.source import ROOT, list_code, parse_module

# Needed without an import.
REASONS = {
    "tzdata": "zoneinfo reads its files where the system has none",
    "mypy": "make check",
    "ruff": "make check",
    "djlint": "make check",
    "import-linter": "make check",
    "pip-audit": "make audit",
    "py-spy": "python -m bench flames",
    "pre-commit": ".pre-commit-config.yaml",
}


def list_declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    ]
    return {re.split(r"[\[<>=~!; ]", line)[0].lower() for group in groups for line in group if isinstance(line, str)}


def list_imported() -> set[str]:
    """The distributions whose packages some file imports."""
    packages = {
        name.split(".")[0]
        for path in list_code(".py")
        for node in ast.walk(parse_module(path))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }
    return {
        name.lower().replace("_", "-")
        for package, names in packages_distributions().items()
        if package in packages
        for name in names
    }


def test_each_dependency_is_used() -> None:
    used = list_imported()
    unused = [
        f"{name} is declared in pyproject.toml and imported nowhere: take it out, there and with `make lock`,"
        " or say in REASONS what needs it"
        for name in sorted(list_declared() - used - set(REASONS))
    ]
    assert unused == []
    assert [
        f"{name} is imported or no longer declared: take its reason out"
        for name in REASONS
        if name in used or name not in list_declared()
    ] == []
