"""`readers-asked audit ...`: detects whether the audit trail was rewritten."""

import re
import sys

import click
from flask.cli import AppGroup

from ..audit import chain
from ..audit.chain_check import Fault, check, count_links
from ..web.current import db

audit = AppGroup("audit", help="Verify the audit trail.")
LEAST, MOST = 16, 64  # hexadecimal digits of a head; a shorter one could be forged by trial and error


def _parse_heads(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> list[str]:
    """Normalise heads, which people copy with blanks. Raises BadParameter."""
    heads = ["".join(head.split()).lower() for head in values]
    for head in heads:
        if not re.fullmatch(rf"[0-9a-f]{{{LEAST},{MOST}}}", head):
            raise click.BadParameter(f"a head is {LEAST} to {MOST} hexadecimal digits, copied from the mail")
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
    first: list[Fault] = []

    def tell(fault: Fault) -> None:
        first[:] = first or [fault]
        click.echo(str(fault))

    with db.read() as session:
        links = count_links(session)
    with click.progressbar(length=links, label="Comparing", file=sys.stderr) as bar:
        looked = check(db, tell, head_prefixes=heads, on_batch=bar.update)
    with db.read() as session:
        waits, is_late = chain.get_backlog(session)
    click.echo(f"{looked.events:,} events in {looked.links:,} links; {waits:,} not in the chain yet.")
    if looked.end.head:
        click.echo(f"Head: {looked.end.short_head}")
    wrong = [f"{looked.faults:,} differ; the first: {first[0]}."] if first else []
    if is_late:
        wrong.append("No event was added to the chain for an hour: no worker is running, or links were removed.")
    for head in heads:
        if head in looked.found_heads:
            click.echo(f"Head {head} belongs to link {looked.found_heads[head]:,}.")
        else:
            wrong.append(
                f"Head {head} is not in the chain: since that mail, the trail was rewritten or truncated, "
                "or an older backup was restored."
            )
    if wrong:
        raise click.ClickException("\n  ".join(wrong))
    click.echo("The trail is unchanged.")
