"""Changes of an OpenAPI document that would break a program which was written against an earlier one."""

from collections.abc import Iterator
from typing import Any


def list_breaking_changes(former: dict[str, Any], current: dict[str, Any]) -> list[str]:
    """Return a sentence for each change that breaks programs: what is gone, narrower, or of another type."""
    return list(_compare_paths(former["paths"], current["paths"])) + [
        change
        for name, schema in former["components"]["schemas"].items()
        for change in _compare_schemas(name, schema, current["components"]["schemas"].get(name))
    ]


def _compare_paths(former: dict[str, Any], current: dict[str, Any]) -> Iterator[str]:
    for path, operations in former.items():
        for method, operation in operations.items():
            present = current.get(path, {}).get(method)
            if present is None:
                yield f"{method.upper()} {path} is gone"
                continue
            yield from _compare_parameters(f"{method.upper()} {path}", operation, present)


def _compare_parameters(location: str, former: dict[str, Any], current: dict[str, Any]) -> Iterator[str]:
    before, after = ({one["name"]: one for one in operation["parameters"]} for operation in (former, current))
    for name in before.keys() - after.keys():
        yield f"{location} has lost the parameter {name}"
    for name, parameter in after.items():
        if parameter.get("required") and not before.get(name, {}).get("required"):
            yield f"{location} requires the parameter {name}"
        lost = set(before.get(name, parameter)["schema"].get("enum", ())) - set(parameter["schema"].get("enum", ()))
        yield from (f"{location} doesn't take {name}={value} any more" for value in sorted(lost))


def _compare_schemas(location: str, former: Any, current: Any) -> Iterator[str]:
    """Yield the breaking changes of what responses have: a program relies on each field and its type."""
    if not isinstance(current, dict):
        yield f"{location} is gone"
        return
    for name, schema in former.get("properties", {}).items():
        yield from _compare_schemas(f"{location}.{name}", schema, current.get("properties", {}).get(name))
    if "items" in former:
        yield from _compare_schemas(f"{location}[]", former["items"], current.get("items"))
    for key in ("type", "format", "anyOf"):
        if former.get(key) != current.get(key) and key in former:
            yield f"{location} has another {key}"
    for name in sorted({*former.get("required", ())} - {*current.get("required", ())}):
        yield f"{location}.{name} may be missing"
