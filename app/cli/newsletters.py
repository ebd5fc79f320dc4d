"""`readers-asked newsletters ...`: creating, renaming, pausing, resuming and closing newsletters."""

from collections.abc import Callable
from datetime import datetime

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from ..core.actors import Clock
from ..core.domain_errors import DomainError, InvalidTransition
from ..core.fields import FAULTS, FieldError
from ..db.session import absolute_url
from ..editions.rhythm import Choices
from ..newsletters.models import SETTINGS, Newsletter
from ..newsletters.queries import all_newsletters, by_slug
from ..newsletters.settings import InvalidSettings
from ..web.current import db
from ..workflows.newsletters import founding, pausing, renaming

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
        columns = founding.validate_newsletter(session, Choices("rule", rule=rule), {}, typed)
        return absolute_url(session, f"/{founding.create_newsletter(session, Clock(), columns, {}).slug}/")

    try:
        click.echo(db.write(make))
    except InvalidSettings as faulty:
        raise click.UsageError(_faults_in_words(faulty)) from faulty


def _change_newsletter(short_name: str, action: Callable[[Session, Newsletter], object], message: str) -> None:
    """Run `action` on the newsletter that has or had this slug, and print the message.

    Raises UsageError for an unknown newsletter or invalid settings, and ClickException if the action is refused.
    """

    def change(session: Session) -> str:
        found = by_slug(session, short_name)
        if found is None:
            known = ", ".join(one.slug for one in all_newsletters(session)) or "none yet"
            raise click.UsageError(f"no newsletter is called {short_name} (known: {known})")
        action(session, found)
        return message.format(name=found.name, address=absolute_url(session, f"/{found.slug}/"))

    try:
        click.echo(db.write(change))
    except InvalidSettings as faulty:
        raise click.UsageError(_faults_in_words(faulty)) from faulty
    except InvalidTransition as refused:
        raise click.ClickException(f"{short_name} is {refused.state} already") from refused
    except DomainError as refused:
        raise click.ClickException(str(refused)) from refused


@newsletters.command("rename")
@click.argument("short_name")
@click.option("--name", help="Its new name; without it the name stays.")
@click.option("--to", "new", help="Its new short name; addresses with the old one lead to it for good.")
def rename(short_name: str, name: str | None, new: str | None) -> None:
    """Give the newsletter SHORT_NAME another name, another short name, or both."""

    def verb(session: Session, one: Newsletter) -> None:
        renaming.rename(session, Clock(), one, one.name if name is None else name, new or one.slug)

    _change_newsletter(short_name, verb, "{name} is at {address}")


@newsletters.command("pause")
@click.argument("short_name")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The day on which it goes on by itself.")
def pause(short_name: str, until: datetime | None) -> None:
    """Let a newsletter pause: no questions on its pages, no editions, no reminders; mails are kept as letters."""
    day = until.date() if until else None
    _change_newsletter(short_name, lambda session, one: pausing.pause(session, Clock(), one, day), "{name} pauses.")


@newsletters.command("resume")
@click.argument("short_name")
def resume(short_name: str) -> None:
    """Let a newsletter go on that pauses, or was closed."""
    _change_newsletter(short_name, lambda session, one: pausing.resume(session, Clock(), one), "{name} goes on.")


@newsletters.command("close")
@click.argument("short_name")
@click.option("--sentence", default="", help="Why, to experts with something open: each is told once.")
@click.option("--yes", is_flag=True, help="Don't ask first.")
def close(short_name: str, sentence: str, yes: bool) -> None:
    """Close a newsletter: its archive stays to read, receipts still tell, and it takes no questions any more."""
    if not yes:
        click.confirm(f"Close {short_name}?", abort=True)
    _change_newsletter(
        short_name, lambda session, one: pausing.close(session, Clock(), one, sentence), "{name} is closed."
    )


def _faults_in_words(faulty: InvalidSettings) -> str:
    return "\n".join(f"{name}: {_format_fault(fault)}" for name, fault in sorted(faulty.faults.items()))


def _format_fault(fault: object) -> str:
    return FAULTS[fault.key] % fault.values if isinstance(fault, FieldError) else str(fault)
