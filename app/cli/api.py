"""Commands about the API: its OpenAPI document and its reference, for docs and for generators of clients."""

import json

import click
from flask.cli import AppGroup

from ..api.openapi import build_document
from ..api.reference import EXAMPLE_URL, list_reference_lines

api = AppGroup("api", help="The API for programs: what it offers.")


@api.command("openapi", with_appcontext=False)
def print_document() -> None:
    """Print the OpenAPI document, as in docs/openapi.json. An installation serves its own at /api/v1/openapi.json."""
    click.echo(json.dumps(build_document(EXAMPLE_URL), indent=1, ensure_ascii=False))


@api.command("reference", with_appcontext=False)
def print_reference() -> None:
    """Print the reference as Markdown, as in docs/api-reference.md."""
    click.echo("\n".join(list_reference_lines()))
