"""`readers-asked audit verify`: detects whether the audit trail was rewritten."""

import re
import sys

import click
from flask.cli import AppGroup

from ..audit import chain
from ..audit.chain_check import ChainFault, check, count_links
from ..web.current import db

audit = AppGroup("audit", help="Verify the audit trail.")
# Hexadecimal digits of a head, the hash of the chain up to a link. A shorter prefix could be forged by trial and error.
MIN_DIGITS, MAX_DIGITS = 16, 64


def _parse_heads(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> list[str]:
    """Return the heads in lower case, without the spaces that a copy may have. Raises BadParameter."""
    heads = ["".join(value.split()).lower() for value in values]
    for head in heads:
        if not re.fullmatch(rf"[0-9a-f]{{{MIN_DIGITS},{MAX_DIGITS}}}", head):
            raise click.BadParameter(f"a head is {MIN_DIGITS} to {MAX_DIGITS} hexadecimal digits, copied from the mail")
    return heads


@audit.command("verify")
@click.option(
    "--head", "heads", multiple=True, callback=_parse_heads, help="A head from a morning's mail. Can be repeated."
)
def verify(heads: list[str]) -> None:
    """Compare the trail with its hash chain, and list each event that was changed, removed, inserted or moved.

    Somebody who has SECRET_KEYS can rewrite trail and chain together, but not the heads in the desk's morning mails:
    pass one or more of those with --head. Exits with 1 if anything differs.
    """
    first_fault: ChainFault | None = None

    def print_fault(fault: ChainFault) -> None:
        nonlocal first_fault
        if first_fault is None:
            first_fault = fault
        click.echo(str(fault))

    with db.read() as session:
        link_count = count_links(session)
    with click.progressbar(length=link_count, label="Comparing", file=sys.stderr) as bar:
        result = check(db, print_fault, head_prefixes=heads, on_batch=bar.update)
    with db.read() as session:
        waiting_count, is_late = chain.get_backlog(session)
    click.echo(f"{result.events:,} events in {result.links:,} links; {waiting_count:,} not in the chain yet.")
    if result.end.head:
        click.echo(f"Head: {result.end.short_head}")
    errors = [f"{result.faults:,} differ; the first: {first_fault}."] if first_fault else []
    if is_late:
        errors.append("No event was added to the chain for an hour: no worker is running, or links were removed.")
    for head in heads:
        if head in result.found_heads:
            click.echo(f"Head {head} belongs to link {result.found_heads[head]:,}.")
        else:
            errors.append(
                f"Head {head} is not in the chain: since that mail, the trail was rewritten or truncated, "
                "or an older backup was restored."
            )
    if errors:
        raise click.ClickException("\n  ".join(errors))
    click.echo("The trail is unchanged.")
