"""Private names of libraries that we use: one module for each library, which is pinned exactly. A row for each name.

A name that a library documents despite its underscore (`DOCUMENTED`) is public.
"""

import ast
import importlib
import inspect
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

import app
from tests.support.source import ROOT


@dataclass(frozen=True)
class PrivateName:
    """`source` stands in the code of `owner`, a class of the library, as long as `relied_on` holds."""

    library: str
    owner: str
    name: str
    module: str
    relied_on: str
    source: str


PRIVATE_NAMES = (
    PrivateName(
        "aiosmtpd",
        "aiosmtpd.smtp.SMTP",
        "_reader",
        "app/mailroom/lmtp.py",
        "it is the connection's asyncio.StreamReader, whose limit is line_length_limit",
        "self._reader = reader",
    ),
    PrivateName(
        "aiosmtpd",
        "aiosmtpd.smtp.SMTP",
        "_reset_timeout",
        "app/mailroom/lmtp.py",
        "it gives a client that is alive another `timeout` seconds, also within DATA",
        "def _reset_timeout(self, duration: Optional[float] = None) -> None:",
    ),
)
DOCUMENTED = {
    *("_asdict", "_fields", "_replace"),  # of named tuples
    "_get_current_object",  # of Werkzeug's proxies
    *("_anchor", "_external"),  # arguments of Flask's url_for
    "_mapping",  # of SQLAlchemy's rows
}
SOURCES = sorted(path for folder in ("app", "bench", "demo") for path in (ROOT / folder).rglob("*.py"))


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and len(name) > 1


def own_names(tree: ast.AST) -> Iterator[str]:
    """Every name that a module itself gives to something."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def foreign_names(path: Path) -> set[str]:
    """The private names that a module reads, imports or passes an argument by, and that nothing in it defines."""
    tree = ast.parse(path.read_text("utf-8"))
    read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    read |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg}
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0]
    read |= {alias.name for node in imports for alias in node.names}
    read |= {part for node in imports for part in (node.module or "").split(".")}
    return {name for name in read if is_private(name)} - set(own_names(tree)) - DOCUMENTED


def overridden_names() -> Iterator[tuple[str, str]]:
    """The modules of app/ and the private names of a library's class that a class in them replaces."""
    for module in pkgutil.walk_packages(app.__path__, "app."):
        for made in vars(importlib.import_module(module.name)).values():
            if not isinstance(made, type) or made.__module__ != module.name:
                continue
            bases = [
                base for base in made.__mro__ if base.__module__.split(".")[0] not in ("app", "builtins", "typing")
            ]
            path = Path(inspect.getfile(made)).relative_to(ROOT).as_posix()
            for name, value in vars(made).items():
                is_ours = inspect.isfunction(value) and value.__module__ == module.name
                if is_ours and any(name in vars(base) for base in bases):
                    yield path, name


@pytest.mark.parametrize("row", PRIVATE_NAMES, ids=lambda row: f"{row.library} {row.name}")
def test_what_we_rely_on_still_holds(row: PrivateName) -> None:
    module, _, owner = row.owner.rpartition(".")
    source = inspect.getsource(getattr(importlib.import_module(module), owner))
    assert row.source in source, (
        f"{row.library} {version(row.library)} changed {row.owner}.{row.name}, of which {row.module} relies on this: "
        f"{row.relied_on}; look there, and at `{row.source}` in the version that was pinned before."
    )


def test_a_library_with_a_private_name_is_pinned_exactly() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    exact = dict(found.groups() for one in wanted if (found := re.fullmatch(r"([\w.-]+)==([\w.]+)", one)))
    for library in {row.library for row in PRIVATE_NAMES}:
        assert exact.get(library) == version(library), f"pyproject.toml has to say {library}=={version(library)}."


def test_each_library_has_one_module_that_uses_its_private_names() -> None:
    modules = {(row.library, row.module) for row in PRIVATE_NAMES}
    assert len(modules) == len({library for library, _ in modules})


def test_no_other_module_uses_a_private_name_of_a_library() -> None:
    found = {(path.relative_to(ROOT).as_posix(), name) for path in SOURCES for name in foreign_names(path)}
    found |= {pair for pair in overridden_names() if is_private(pair[1])}
    allowed = {(row.module, row.name) for row in PRIVATE_NAMES}
    others = sorted(f"{path}: {name}" for path, name in found - allowed)
    assert others == [], f"Private names of a library: use a public way, or add a row to PRIVATE_NAMES: {others}"
    gone = sorted(f"{path}: {name}" for path, name in allowed - found)
    assert gone == [], f"These are used no more; take their rows out, and the pin with the last one: {gone}"
