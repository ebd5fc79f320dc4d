"""Every macro of the templates is used, and every name that a template imports."""

from pathlib import Path

from jinja2 import nodes

from tests.support.source import get_referenced_file, list_macros, parse_templates, relative_name


def names_read(path: Path) -> set[str]:
    """Return the names that a template reads, and those that it passes on: includes see what the template imports."""
    template = parse_templates()[path]
    names = {node.name for node in template.find_all(nodes.Name) if node.ctx == "load"}
    includes = (get_referenced_file(path, node.template) for node in template.find_all(nodes.Include))
    return names.union(*(names_read(include) for include in includes if include))


def imported_macros() -> set[tuple[Path, str]]:
    """Return the macros that other templates import and use, by name or through a module."""
    used: set[tuple[Path, str]] = set()
    for path, template in parse_templates().items():
        for node in template.find_all(nodes.FromImport):
            target = get_referenced_file(path, node.template)
            pairs = [(name, name) if isinstance(name, str) else name for name in node.names]
            used |= {(target, name) for name, alias in pairs if target and alias in names_read(path)}
        modules = {node.target: get_referenced_file(path, node.template) for node in template.find_all(nodes.Import)}
        for attribute in template.find_all(nodes.Getattr):
            if isinstance(attribute.node, nodes.Name) and (target := modules.get(attribute.node.name)):
                used.add((target, attribute.attr))
    return used


def test_every_macro_is_used() -> None:
    imported, macros = imported_macros(), list_macros()
    assert len(macros) > 30
    dead = [
        f"nobody calls {macro.name}() of {relative_name(path)}: delete it"
        for path, macro in macros
        if (path, macro.name) not in imported and macro.name not in names_read(path)
    ]
    assert dead == []


def test_every_imported_name_is_used() -> None:
    unused = [
        f"{relative_name(path)} imports {alias} and does not use it: take it out of the import"
        for path, template in parse_templates().items()
        for node in template.find_all(nodes.FromImport)
        for alias in (name if isinstance(name, str) else name[1] for name in node.names)
        if alias not in names_read(path)
    ]
    assert unused == []
