"""The Jinja templates of the app, parsed, as tests/house reads them."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, nodes

from tests.support.source import APP, code

FOLDERS = (APP / "templates", APP / "mail" / "templates", APP / "typesetting" / "templates")


@cache
def parse_templates() -> dict[Path, nodes.Template]:
    """Return every template by its file."""
    parse = Environment(
        extensions=["jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols"], autoescape=True
    ).parse
    return {path: parse(path.read_text()) for path in code(".html", ".txt") if {*FOLDERS} & {*path.parents}}


def get_referenced_file(path: Path, name: nodes.Expr) -> Path | None:
    """Return the file that a template imports or includes; None where only rendering decides."""
    root = next(folder for folder in FOLDERS if folder in path.parents)
    return root / name.value if isinstance(name, nodes.Const) else None


def list_macros() -> list[tuple[Path, nodes.Macro]]:
    return [(path, macro) for path, template in parse_templates().items() for macro in template.find_all(nodes.Macro)]
