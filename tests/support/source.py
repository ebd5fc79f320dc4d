"""The files of the repository for the tests that read them: parsed code and templates, and translatable texts."""

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
    """Return every file that is in the repository, or will be when it is committed."""
    result = subprocess.run(
        ("git", "ls-files", "-co", "--exclude-standard"), cwd=ROOT, check=True, capture_output=True, text=True
    )
    names = result.stdout.splitlines()
    assert len(names) > 200
    return tuple(ROOT / name for name in names if (ROOT / name).is_file())


def relative_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def list_code(*suffixes: str) -> list[Path]:
    paths = [path for path in list_files() if path.suffix in suffixes]
    assert paths, suffixes
    return paths


def list_app_modules() -> list[tuple[str, Path]]:
    """Return each module of the app with its package, or its own name if it is in none."""
    modules = [
        (path.relative_to(APP).parts[0].removesuffix(".py"), path) for path in list_code(".py") if APP in path.parents
    ]
    assert {"questions", "mail"} <= {package for package, _ in modules}
    return modules


@cache
def parse_module(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


TEMPLATE_FOLDERS = (APP / "templates", APP / "mail" / "templates", APP / "typesetting" / "templates")


@cache
def parse_templates() -> dict[Path, nodes.Template]:
    """Return every template by its file."""
    parse = Environment(
        extensions=["jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols"], autoescape=True
    ).parse
    return {
        path: parse(path.read_text()) for path in list_code(".html", ".txt") if {*TEMPLATE_FOLDERS} & {*path.parents}
    }


def get_referenced_file(path: Path, name: nodes.Expr) -> Path | None:
    """Return the file that a template imports or includes, or None if its name is only known when rendering."""
    root = next(folder for folder in TEMPLATE_FOLDERS if folder in path.parents)
    return root / name.value if isinstance(name, nodes.Const) else None


def list_macros() -> list[tuple[Path, nodes.Macro]]:
    return [(path, macro) for path, template in parse_templates().items() for macro in template.find_all(nodes.Macro)]


TextKey = str | tuple[str, ...]


@cache
def list_translatable_texts() -> dict[TextKey, frozenset[str]]:
    """Return every translatable text, as `make words` finds it, with the files of `app` that contain it."""
    makefile = (ROOT / "Makefile").read_text()
    match = re.search(r"^KEYWORDS := (.+)$", makefile, re.MULTILINE)
    assert match is not None
    with (ROOT / "babel.cfg").open() as config:
        methods, options = parse_mapping_cfg(config)  # type: ignore[no-untyped-call]
    files_by_text: dict[TextKey, frozenset[str]] = {}
    keywords = DEFAULT_KEYWORDS | parse_keywords(match[1].split())
    for file, _line, text, _comments, _context in extract_from_dir(APP, methods, options, keywords):
        key = text if isinstance(text, str) else tuple(text)  # a tuple has a singular and its plural
        files_by_text[key] = files_by_text.get(key, frozenset()) | {file}
    assert len(files_by_text) > 1_000
    return files_by_text
