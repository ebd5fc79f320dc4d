"""`flask editions ...`: the house form on the command line."""

from datetime import date

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..newsletters.models import Newsletter
from ..newsletters.queries import by_slug
from ..running import db
from ..typesetting.exports import EXPORTS
from ..typesetting.from_json import TypesetError, read_piece
from ..typesetting.house_form import set_block
from . import locking
from .models import Edition
from .queries import title_of

editions = AppGroup("editions", help="Editions and the house form.")
_form = click.option("--format", "form", type=click.Choice(list(EXPORTS)), default="text", show_default=True)


@editions.command("typeset", with_appcontext=False)
@_form
@click.option("--address", help="What stands where the call says {address}.")
def typeset(form: str, address: str | None) -> None:
    """Set one block from JSON on standard input, without a database.

    What is wrong with the JSON goes to standard error, with exit status 2. Bytes are read and written as UTF-8 whatever
    the terminal's locale is.
    """
    try:
        piece = read_piece(click.open_file("-", "rb").read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise click.UsageError(f"The input is not UTF-8: byte {error.start} can't be read.") from error
    except TypesetError as error:
        for message in error.messages:
            click.echo(message, err=True)
        raise click.exceptions.Exit(2) from error
    click.echo(EXPORTS[form].write([set_block(piece, address)], piece.headline), nl=False)


@editions.command("render")
@click.argument("newsletter")
@click.argument("day", metavar="DATE", type=click.DateTime(["%Y-%m-%d"]))
@_form
def render(newsletter: str, day: date, form: str) -> None:
    """Print the blocks of NEWSLETTER's edition of DATE: as they ran, as they were locked, or as they would run now.

    A reader's name without consent or check is not printed: the command says so and ends with exit status 1.
    """
    with db.read() as session:
        edition = _edition(session, newsletter, day)
        if troubles := locking.name_troubles(session, edition):
            raise click.ClickException(
                "\n".join(f"question {t.headline!r}: a reader's name without {t.fault}" for t in troubles)
            )
        blocks, title = locking.blocks(session, edition), title_of(session, edition)
    click.echo(EXPORTS[form].write(blocks, title), nl=False)


def _edition(session: Session, slug: str, day: date) -> Edition:
    found: Newsletter | None = by_slug(session, slug)
    if found is None:
        raise click.UsageError(f"No newsletter is called {slug}.")
    wanted = f"{day:%Y-%m-%d}"
    of_day = (Edition.rule_date == date.fromisoformat(wanted)) | Edition.local_at.startswith(wanted)
    query = select(Edition).where(Edition.newsletter_id == found.id, of_day)
    edition = session.scalar(query.order_by(Edition.id))
    if edition is None:
        raise click.UsageError(f"{found.name} has no edition on {wanted}.")
    return edition
