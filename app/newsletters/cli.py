"""`flask newsletters`: how the first newsletter of a house is made, and any other one."""

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from ..actors import Clock
from ..db import address
from ..editions.rhythm import Choices
from ..fields import FAULTS, Wrong
from ..newsroom import founding
from ..running import db
from .models import SETTINGS
from .settings import Faulty

newsletters = AppGroup("newsletters", help="The newsletters of the house.")


@newsletters.command("create")
@click.argument("short_name")
@click.option("--name", required=True, help="Its name, as readers know it.")
@click.option("--publisher", required=True, help="Who publishes it.")
@click.option("--editor", required=True, help=SETTINGS["editor"].help)
@click.option("--address", "mailbox", required=True, help=SETTINGS["address"].help)
@click.option("--languages", default="en", show_default=True, help="Codes with commas between; the first is its own.")
@click.option("--section", default="Readers asked", show_default=True, help=SETTINGS["section"].help)
@click.option("--rule", default="FREQ=MONTHLY;BYDAY=1WE,3WE", show_default=True, help="When it runs, by RFC 5545.")
@click.option("--at", default="09:00", show_default=True, help="The hour at which it runs.")
@click.option("--zone", default="UTC", show_default=True, help=SETTINGS["zone"].help)
def create(short_name: str, mailbox: str, rule: str, **typed: str) -> None:
    """Make a newsletter whose addresses begin with SHORT_NAME, with its editions; the rest stands in its settings.

    Invite its first admin then: flask staff invite ADDRESS --name NAME --newsletter SHORT_NAME --role admin
    """

    typed |= {"slug": short_name, "address": mailbox, "dek": "", "call": ""}

    def make(session: Session) -> str:
        columns = founding.checked(session, Choices("rule", rule=rule), {}, typed)
        return address(session, f"/{founding.found(session, Clock(), columns, {}).slug}/")

    try:
        click.echo(db.write(make))
    except Faulty as faulty:
        told = (f"{name}: {_words(fault)}" for name, fault in sorted(faulty.faults.items()))
        raise click.UsageError("\n".join(told)) from faulty


def _words(fault: object) -> str:
    return FAULTS[fault.code] % fault.values if isinstance(fault, Wrong) else str(fault)
