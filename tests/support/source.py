"""The files of the repository, as the rules of the house read them."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
APP = ROOT / "app"


@cache
def files() -> tuple[Path, ...]:
    """Every file that is, or will be, in the repository."""
    listed = subprocess.run(
        ("git", "ls-files", "-co", "--exclude-standard"), cwd=ROOT, check=True, capture_output=True, text=True
    )
    names = listed.stdout.splitlines()
    assert len(names) > 200
    return tuple(ROOT / name for name in names if (ROOT / name).is_file())


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def code(*suffixes: str) -> list[Path]:
    found = [path for path in files() if path.suffix in suffixes]
    assert found, suffixes
    return found


def of_app() -> list[tuple[str, Path]]:
    """Each module of the app with its room: the package it lies in, or its own name."""
    found = [(path.relative_to(APP).parts[0].removesuffix(".py"), path) for path in code(".py") if APP in path.parents]
    assert {"questions", "mail"} <= {room for room, _ in found}
    return found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())
