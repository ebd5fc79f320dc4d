"""Every macro of the pages is used, and every name that a page imports."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, nodes

from tests.support.source import APP, code, named

PAGES = (APP / "templates", APP / "mail" / "templates", APP / "typesetting" / "templates")


@cache
def pages() -> dict[Path, nodes.Template]:
    """Every template by its file."""
    parse = Environment(
        extensions=["jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols"], autoescape=True
    ).parse
    return {path: parse(path.read_text()) for path in code(".html", ".txt") if {*PAGES} & {*path.parents}}


def file_of(path: Path, name: nodes.Expr) -> Path | None:
    """The file that a page names when it imports or includes another; None where only the run decides."""
    root = next(folder for folder in PAGES if folder in path.parents)
    return root / name.value if isinstance(name, nodes.Const) else None


def read(path: Path) -> set[str]:
    """The names that a page reads, and those that the pages read which it includes: they see what it imports."""
    page = pages()[path]
    own = {one.name for one in page.find_all(nodes.Name) if one.ctx == "load"}
    within = (file_of(path, one.template) for one in page.find_all(nodes.Include))
    return own.union(*(read(other) for other in within if other))


def imported() -> set[tuple[Path, str]]:
    """The macros that other pages import and use, by name or through a module."""
    used: set[tuple[Path, str]] = set()
    for path, page in pages().items():
        for one in page.find_all(nodes.FromImport):
            target = file_of(path, one.template)
            pairs = [(name, name) if isinstance(name, str) else name for name in one.names]
            used |= {(target, name) for name, alias in pairs if target and alias in read(path)}
        modules = {one.target: file_of(path, one.template) for one in page.find_all(nodes.Import)}
        for got in page.find_all(nodes.Getattr):
            if isinstance(got.node, nodes.Name) and (target := modules.get(got.node.name)):
                used.add((target, got.attr))
    return used


def test_every_macro_is_used() -> None:
    elsewhere = imported()
    macros = [(path, macro) for path, page in pages().items() for macro in page.find_all(nodes.Macro)]
    assert len(macros) > 30
    dead = [
        f"nobody calls {macro.name}() of {named(path)}: delete it"
        for path, macro in macros
        if (path, macro.name) not in elsewhere and macro.name not in read(path)
    ]
    assert dead == []


def test_every_imported_name_is_used() -> None:
    unused = [
        f"{named(path)} imports {alias} and does not use it: take it out of the import"
        for path, page in pages().items()
        for one in page.find_all(nodes.FromImport)
        for alias in (name if isinstance(name, str) else name[1] for name in one.names)
        if alias not in read(path)
    ]
    assert unused == []
