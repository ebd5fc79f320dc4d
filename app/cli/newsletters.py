"""`readers-asked newsletters ...`: creating, renaming, pausing, resuming and closing newsletters."""

from collections.abc import Callable
from datetime import datetime

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from ..core.actors import Clock
from ..core.domain_errors import DomainError, InvalidTransition
from ..core.fields import FieldError
from ..db.session import absolute_url
from ..editions.rhythm import Choices
from ..newsletters.models import DEFAULT_SECTION, SETTINGS, Newsletter
from ..newsletters.queries import all_newsletters, by_slug
from ..newsletters.settings import InvalidSettings
from ..web.current import db
from ..web.error_sentences import format_error
from ..workflows.newsletters import founding, pausing, renaming

newsletters = AppGroup("newsletters", help="Create, rename, pause and close newsletters.")


@newsletters.command("create")
@click.argument("short_name")
@click.option("--name", required=True, help="Its name, as readers know it.")
@click.option("--publisher", required=True, help="Its publisher.")
@click.option("--editor", required=True, help=SETTINGS["editor"].help)
@click.option("--address", "mailbox", required=True, help=SETTINGS["address"].help)
@click.option(
    "--languages", default="en", show_default=True, help="Language codes, separated by commas; the first is its own."
)
@click.option("--section", default=DEFAULT_SECTION, show_default=True, help=SETTINGS["section"].help)
@click.option(
    "--rule", default="FREQ=MONTHLY;BYDAY=1WE,3WE", show_default=True, help="When it runs, as a rule of RFC 5545."
)
@click.option("--at", default="09:00", show_default=True, help="The time at which it runs.")
@click.option("--zone", default="UTC", show_default=True, help=SETTINGS["zone"].help)
def create(short_name: str, mailbox: str, rule: str, **fields: str) -> None:
    """Create a newsletter whose URLs begin with SHORT_NAME, and its editions; everything else is in its settings.

    Then invite its first admin: readers-asked staff invite ADDRESS --name NAME --newsletter SHORT_NAME --role admin
    """
    fields |= {"slug": short_name, "address": mailbox, "dek": "", "call": ""}

    def create_newsletter(session: Session) -> str:
        columns = founding.validate_newsletter(session, Choices("rule", rule=rule), {}, fields)
        newsletter = founding.create_newsletter(session, Clock(), columns, {})
        return absolute_url(session, f"/{newsletter.slug}/")

    try:
        click.echo(db.write(create_newsletter))
    except InvalidSettings as error:
        raise click.UsageError(_format_errors(error)) from error


def _change_newsletter(short_name: str, action: Callable[[Session, Newsletter], object], message: str) -> None:
    """Run `action` on the newsletter that has or had this slug. Print `message`, with {name} and {address} filled in.

    Raises UsageError for an unknown newsletter or invalid settings, and ClickException if the action is refused.
    """

    def change(session: Session) -> str:
        newsletter = by_slug(session, short_name)
        if newsletter is None:
            slugs = [newsletter.slug for newsletter in all_newsletters(session)]
            raise click.UsageError(f"no newsletter is called {short_name} (known: {', '.join(slugs) or 'none yet'})")
        action(session, newsletter)
        return message.format(name=newsletter.name, address=absolute_url(session, f"/{newsletter.slug}/"))

    try:
        click.echo(db.write(change))
    except InvalidSettings as error:
        raise click.UsageError(_format_errors(error)) from error
    except InvalidTransition as error:
        raise click.ClickException(f"{short_name} is already {error.state}") from error
    except DomainError as error:
        raise click.ClickException(format_error(error)) from error


@newsletters.command("rename")
@click.argument("short_name")
@click.option("--name", help="Its new name; unchanged if omitted.")
@click.option("--to", "new_short_name", help="Its new short name; URLs with the old one redirect for good.")
def rename(short_name: str, name: str | None, new_short_name: str | None) -> None:
    """Change the name of the newsletter SHORT_NAME, its short name, or both."""

    def action(session: Session, newsletter: Newsletter) -> None:
        new_name = newsletter.name if name is None else name
        renaming.rename(session, Clock(), newsletter, new_name, new_short_name or newsletter.slug)

    _change_newsletter(short_name, action, "{name} is at {address}")


@newsletters.command("pause")
@click.argument("short_name")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The day on which it resumes by itself.")
def pause(short_name: str, until: datetime | None) -> None:
    """Pause a newsletter: no questions on its pages, no editions, no reminders. Incoming mails become letters."""
    day = until.date() if until else None

    def action(session: Session, newsletter: Newsletter) -> None:
        pausing.pause(session, Clock(), newsletter, day)

    _change_newsletter(short_name, action, "{name} is paused.")


@newsletters.command("resume")
@click.argument("short_name")
def resume(short_name: str) -> None:
    """Resume a newsletter that is paused or closed."""

    def action(session: Session, newsletter: Newsletter) -> None:
        pausing.resume(session, Clock(), newsletter)

    _change_newsletter(short_name, action, "{name} has resumed.")


@newsletters.command("close")
@click.argument("short_name")
@click.option("--sentence", default="", help="The reason, sent once to each expert with something open.")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
def close(short_name: str, sentence: str, yes: bool) -> None:
    """Close a newsletter: its archive stays readable and receipts still work, but it takes no more questions."""
    if not yes:
        click.confirm(f"Close {short_name}?", abort=True)

    def action(session: Session, newsletter: Newsletter) -> None:
        pausing.close(session, Clock(), newsletter, sentence)

    _change_newsletter(short_name, action, "{name} is closed.")


def _format_errors(error: InvalidSettings) -> str:
    """Return a line for each setting that is wrong."""
    return "\n".join(f"{name}: {_format_fault(fault)}" for name, fault in sorted(error.faults.items()))


def _format_fault(fault: object) -> str:
    return fault.message if isinstance(fault, FieldError) else str(fault)
