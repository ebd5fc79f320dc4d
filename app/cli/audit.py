"""`readers-asked audit verify` detects if the audit trail was rewritten; `audit acknowledge` accepts a restored one."""

import re
import sys
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from .. import audit as trail
from ..audit import chain
from ..audit.chain_check import ChainFault, check, count_links
from ..audit.known_head import KnownHead, find_fault
from ..backup.erasure_list import NotOurList, read_head, write_head
from ..core.actors import Clock
from ..newsletters.queries import all_newsletters
from ..web.current import db
from .command_faults import require_settings

audit = AppGroup("audit", help="Verify the audit trail.")
IF_RESTORED = (
    "If you restored an older backup, run `readers-asked audit acknowledge`; otherwise somebody has changed the "
    "database: keep a copy of it as it is."
)
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

    Compare the chain with the head that the worker noted in the list of erasures (ERASURES) too, since a chain that was
    rebuilt or shortened verifies on its own. Somebody who has SECRET_KEYS can rewrite that list as well, but not the
    heads in the desk's morning mails: pass one or more of those with --head. Exits with 1 if anything differs.
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
    known_head = _read_known_head()
    with db.read() as session:
        waiting_count, is_late = chain.get_backlog(session)
        broken = find_fault(session, known_head)
    click.echo(f"{result.events:,} events in {result.links:,} links; {waiting_count:,} not in the chain yet.")
    if result.end.head:
        click.echo(f"Head: {result.end.short_head}")
    errors = [f"{result.faults:,} differ; the first: {first_fault}."] if first_fault else []
    if broken:
        errors.append(f"{broken[0].upper()}{broken[1:]}. {IF_RESTORED}")
    elif known_head.number:
        click.echo(f"The list of erasures knows link {known_head.number:,}, which is in the chain.")
    else:
        click.echo("The list of erasures knows no head yet: only --head shows that the chain wasn't rebuilt.")
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


@audit.command("acknowledge")
@click.option("--yes", "is_confirmed", is_flag=True, help="Don't ask for confirmation.")
def acknowledge(is_confirmed: bool) -> None:
    """Accept a chain that lacks the head in the list of erasures, after an older backup was restored.

    From then on the worker chains events again, and `verify` and `doctor` no longer report the missing head. The trail
    of each newsletter records it. Run this on each machine with a list of erasures of its own.
    """
    known_head = _read_known_head()
    with db.read() as session:
        broken = find_fault(session, known_head)
    if broken is None:
        raise click.ClickException("The chain contains the head in the list of erasures: there is nothing to accept.")
    click.echo(f"{broken[0].upper()}{broken[1:]}. Events after the restored backup are lost.")
    if not is_confirmed:
        click.confirm("Accept this chain?", abort=True)

    def record(session: Session) -> KnownHead:
        # Without a valid newest link, no head is known until the worker adds one.
        new_head = chain.advance_known_head(session, KnownHead(known_head.acknowledgements + 1))
        facts = {"known": known_head.number, "found": new_head.number}
        for newsletter in all_newsletters(session):
            trail.record(session, Clock(), "newsletter.accept_trail", newsletter, facts=facts)
        return new_head

    write_head(Path(current_app.config["ERASURES"]), db.write(record), current_app.extensions["database"].keyring)
    click.echo("Accepted. The worker extends this chain within ten seconds.")


def _read_known_head() -> KnownHead:
    """Return the head in the list of erasures. Raises ClickException if the list can't be read."""
    require_settings()
    path = Path(current_app.config["ERASURES"])
    try:
        return read_head(path, current_app.extensions["database"].keyring)
    except OSError as error:
        raise click.ClickException(f"The list of erasures at {path} can't be read ({error.strerror}).") from error
    except NotOurList as error:
        raise click.ClickException(f"{path} is not a list of erasures of this newsroom.") from error
