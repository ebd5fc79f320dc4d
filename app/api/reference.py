"""The reference of the API as Markdown (docs/api-reference.md), derived from its OpenAPI document."""

from collections.abc import Iterator, Mapping
from typing import Any

from .openapi import ABOUT, ERRORS, build_document

EXAMPLE_URL = "https://ask.newsroom.example"
EXAMPLE_VALUES = {"slug": "steppe", "id": "4TQ8ZK2M9VXA"}
INTRODUCTION = """# Reference of the API

This page is the output of `readers-asked api reference`. [How programs read the desk](api.md) explains tokens and has a
program to begin with. The same as a machine reads it: `/api/v1/openapi.json` ([OpenAPI](https://www.openapis.org) 3.1),
here as [openapi.json](openapi.json).
"""


def list_reference_lines() -> Iterator[str]:
    """Yield the lines of docs/api-reference.md."""
    yield from INTRODUCTION.splitlines()
    yield ""
    yield from ABOUT.splitlines()
    document = build_document(EXAMPLE_URL)
    for path, methods in document["paths"].items():
        yield from _list_operation_lines(path, methods["get"])
    yield from ("", "## Errors", "", "| Status | When |", "|---|---|")
    yield from (f"| {status} | {about} |" for status, about in ERRORS.items())
    yield from (
        "",
        "The body is `application/problem+json` (RFC 9457) with `status`, `title`, `detail` in English, and `code`,",
        "which keeps its meaning.",
    )


def _list_operation_lines(path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", f"## {operation['operationId'].replace('_', ' ')}", "", f"{operation['summary']}.")
    if "description" in operation:
        yield from ("", operation["description"])
    header = "" if operation.get("security") == [] else '-H "Authorization: Bearer $TOKEN" '
    yield from ("", "```sh", f"curl {header}{EXAMPLE_URL}{path.format(**EXAMPLE_VALUES)}", "```")
    query_params = [parameter for parameter in operation["parameters"] if parameter["in"] == "query"]
    if query_params:
        yield from ("", "| Parameter | What it does | Values |", "|---|---|---|")
    for parameter in query_params:
        values = ", ".join(f"`{value}`" for value in parameter["schema"].get("enum", ()))
        yield f"| `{parameter['name']}` | {parameter['description']} | {values or _describe(parameter['schema'])} |"


def _describe(schema: Mapping[str, Any]) -> str:
    if schema["type"] == "integer":
        return f"{schema['minimum']} to {schema['maximum']}, by default {schema['default']}"
    return "an `id`"
