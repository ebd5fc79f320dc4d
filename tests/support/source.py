"""The files of the repository as tests/house reads them: parsed code, templates, and every text for people."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from jinja2 import Environment, nodes

ROOT = Path(__file__).parent.parent.parent
APP = ROOT / "app"


@cache
def list_files() -> tuple[Path, ...]:
    """Every file that is, or will be, in the repository."""
    listed = subprocess.run(
        ("git", "ls-files", "-co", "--exclude-standard"), cwd=ROOT, check=True, capture_output=True, text=True
    )
    names = listed.stdout.splitlines()
    assert len(names) > 200
    return tuple(ROOT / name for name in names if (ROOT / name).is_file())


def relative_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def list_code(*suffixes: str) -> list[Path]:
    found = [path for path in list_files() if path.suffix in suffixes]
    assert found, suffixes
    return found


def list_app_modules() -> list[tuple[str, Path]]:
    """Each module of the app with its room: the package it lies in, or its own name."""
    found = [
        (path.relative_to(APP).parts[0].removesuffix(".py"), path) for path in list_code(".py") if APP in path.parents
    ]
    assert {"questions", "mail"} <= {room for room, _ in found}
    return found


@cache
def parse_module(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


FOLDERS = (APP / "templates", APP / "mail" / "templates", APP / "typesetting" / "templates")


@cache
def parse_templates() -> dict[Path, nodes.Template]:
    """Return every template by its file."""
    parse = Environment(
        extensions=["jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols"], autoescape=True
    ).parse
    return {path: parse(path.read_text()) for path in list_code(".html", ".txt") if {*FOLDERS} & {*path.parents}}


def get_referenced_file(path: Path, name: nodes.Expr) -> Path | None:
    """Return the file that a template imports or includes; None where only rendering decides."""
    root = next(folder for folder in FOLDERS if folder in path.parents)
    return root / name.value if isinstance(name, nodes.Const) else None


def list_macros() -> list[tuple[Path, nodes.Macro]]:
    return [(path, macro) for path, template in parse_templates().items() for macro in template.find_all(nodes.Macro)]


TextKey = str | tuple[str, ...]


@cache
def list_translatable_texts() -> dict[TextKey, frozenset[str]]:
    """Every text for people, as `make words` finds it, with the files of `app` that say it."""
    makefile = (ROOT / "Makefile").read_text()
    ours = re.search(r"^KEYWORDS := (.+)$", makefile, re.MULTILINE)
    assert ours is not None
    with (ROOT / "babel.cfg").open() as config:
        methods, options = parse_mapping_cfg(config)  # type: ignore[no-untyped-call]
    found: dict[TextKey, frozenset[str]] = {}
    keywords = DEFAULT_KEYWORDS | parse_keywords(ours[1].split())
    for file, _line, words, _comments, _context in extract_from_dir(APP, methods, options, keywords):
        key = words if isinstance(words, str) else tuple(words)
        found[key] = found.get(key, frozenset()) | {file}
    assert len(found) > 1_000
    return found
