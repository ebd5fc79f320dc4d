"""`readers-asked staff ...` and `readers-asked experts ...`.

`staff` invites people of the desk with a link that works without mail, disables and enables their access, and resets
their second factors. `experts` imports and exports the directory of experts.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..core.actors import Clock
from ..core.domain_errors import VersionConflict
from ..core.permissions import ROLES
from ..db.session import absolute_url
from ..editor.experts.file_pages import write_wrong_rows
from ..newsletters.models import Newsletter
from ..people import directory, directory_import, expert_file, sign_in, spreadsheet
from ..people.models import Membership, Person
from ..people.staff import LastAdmin, disable_person, enable_person
from ..web.current import db
from ..workflows import lost_factors

staff = AppGroup("staff", help="Invite, disable and enable the people of the desk, and reset their second factors.")
experts = AppGroup("experts", help="Import and export the directory of experts.")
FILE = click.Path(dir_okay=False, path_type=Path)


@staff.command("invite")
@click.argument("email")
@click.option("--name", required=True, help="The person's name at the desk.")
@click.option("--newsletter", required=True, help="The newsletter's short name, as in its URL.")
@click.option("--role", type=click.Choice([*ROLES]), default="editor", show_default=True)
@click.option("--language", default="en", show_default=True, help="The person's language at the desk.")
def invite(email: str, name: str, newsletter: str, role: str, language: str) -> None:
    """Give EMAIL a role at a newsletter, and print a link to sign in with, once, within seven days."""

    def change(session: Session) -> str:
        newsletter_row = session.query(Newsletter).filter_by(slug=newsletter).one_or_none()
        if newsletter_row is None:
            slugs = [row.slug for row in session.query(Newsletter)]
            raise click.UsageError(f"no newsletter is called {newsletter} (known: {', '.join(slugs) or 'none yet'})")
        try:
            person = directory.add_person(session, Clock(), name, email, language)
        except directory.BadAddress as error:
            raise click.UsageError(f"{email} is not an e-mail address") from error
        if person.disabled_at is not None:
            raise click.ClickException(f"{person.name} is disabled: run readers-asked staff enable {email} first")
        directory.give_role(session, Clock(), person, newsletter_row.id, role)
        return absolute_url(session, sign_in.invite(session, Clock(), person, "desk"))

    click.echo(db.write(change))


@staff.command("disable")
@click.argument("email")
def disable(email: str) -> None:
    """Disable the person with EMAIL: sign them out everywhere, and refuse every sign-in until they are enabled again.

    Links to assignments that they have as an expert keep working.
    """

    def change(session: Session) -> tuple[str, int, int]:
        person = _get_person(session, email)
        try:
            browser_count, link_count = disable_person(session, Clock(), person)
        except LastAdmin as error:
            newsletter = session.get_one(Newsletter, error.newsletter_id)
            raise click.ClickException(
                f"nothing was changed: {person.name} is the only admin of {newsletter.name}. "
                "Give somebody else this role first"
            ) from error
        except VersionConflict as error:
            raise click.ClickException(f"{person.name} is already disabled") from error
        return person.name, browser_count, link_count

    name, browser_count, link_count = db.write(change)
    click.echo(f"{name} is disabled. Browsers signed out: {browser_count}; open links and codes revoked: {link_count}.")


@staff.command("enable")
@click.argument("email")
def enable(email: str) -> None:
    """Enable the person with EMAIL after `disable`; they sign in with a mail that they request."""

    def change(session: Session) -> str:
        person = _get_person(session, email)
        try:
            enable_person(session, Clock(), person)
        except VersionConflict as error:
            raise click.ClickException(f"{person.name} isn't disabled") from error
        return person.name

    click.echo(f"{db.write(change)} can sign in again, with a mail that they request.")


@staff.command("reset")
@click.argument("name")
def reset(name: str) -> None:
    """Let the person with this NAME or e-mail address back in, who has lost every second factor.

    Remove their passkeys, authenticator apps and recovery codes, sign them out everywhere, and print a link to sign in
    with, once, within a day. They and all admins of their desks get a mail. Make sure first that it is them who asks.
    """

    def change(session: Session) -> tuple[str, str]:
        person = _get_person(session, name) if "@" in name else _get_person_by_name(session, name)
        try:
            path = lost_factors.reset_person(session, Clock(), person)
        except VersionConflict as error:
            is_disabled = person.disabled_at is not None
            why = "is disabled: run readers-asked staff enable first" if is_disabled else "works at no desk"
            raise click.ClickException(f"{person.name} {why}") from error
        return person.name, absolute_url(session, path)

    person_name, link = db.write(change)
    click.echo(f"The second factors of {person_name} are removed, and all their browsers are signed out.", err=True)
    click.echo("Give them this link in person or by a channel that you trust. It works once, within a day:", err=True)
    click.echo(link)


def _get_person_by_name(session: Session, name: str) -> Person:
    """Return the only person of the desks with this name. Raises UsageError."""
    works_at_desk = Person.id.in_(select(Membership.person_id))
    people = session.scalars(select(Person).where(Person.name == name, works_at_desk)).all()
    if len(people) == 1:
        return people[0]
    if people:
        raise click.UsageError(f"{len(people)} people are called {name}: use the e-mail address")
    raise click.UsageError(f"nobody at a desk is called {name}")


def _get_person(session: Session, email: str) -> Person:
    """Return the person with this address. Raises UsageError."""
    try:
        person = directory.by_email(session, directory.checked_address(email))
    except directory.BadAddress as error:
        raise click.UsageError(f"{email} is not an e-mail address") from error
    if person is None:
        raise click.UsageError(f"nobody has the address {email}")
    return person


@experts.command("import")
@click.argument("file", type=FILE)
@click.option("--dry-run", is_flag=True, help="Report what each row would do, and change nothing.")
@click.option(
    "--encoding", type=click.Choice(list(spreadsheet.ENCODINGS)), help="The encoding of FILE; guessed if omitted."
)
@click.option("--language", default="en", show_default=True, help="The language of mails to new experts.")
@click.option(
    "--wrong-rows", type=FILE, help="Where to write the wrong rows; by default beside FILE, as NAME-wrong.csv."
)
def import_experts(file: Path, dry_run: bool, encoding: str | None, language: str, wrong_rows: Path | None) -> None:
    """Import experts from a CSV FILE.

    Wrong rows are left out and written to a new file beside it, with a column that says why; then the exit status is 1.
    """
    wrong_file = wrong_rows or file.with_name(f"{file.stem}-wrong{file.suffix}")
    try:
        table = spreadsheet.read(
            file.read_bytes(), expert_file.columns_by_header(), expert_file.REQUIRED_COLUMNS, encoding or ""
        )
    except spreadsheet.UnreadableSpreadsheet as error:
        raise click.ClickException(f"{file.name} can't be read: {error.code} {error.values or ''}".strip()) from error
    with db.read() as session:
        plan = directory_import.plan_import(session, table)
    for line in plan.lines:
        for column, code, values in line.faults:
            click.echo(f"row {line.number}, {column or 'cells'}: {code} {values or ''}".strip())
    counts = plan.counts
    if not dry_run:
        change_count = counts["new"] + counts["changed"]
        with (
            _wrong_rows_file(wrong_file, table, plan) if counts["wrong"] else nullcontext(),
            click.progressbar(length=change_count, label="Importing") as bar,  # a retry counts rows twice
        ):
            db.write(lambda session: directory_import.run_import(session, Clock(), plan, language, bar.update))
    click.echo(f"{counts['new']} new, {counts['changed']} changed, {counts['same']} unchanged")
    if not counts["wrong"]:
        return
    if dry_run:
        raise click.ClickException(f"{counts['wrong']} rows have errors and would be left out")
    raise click.ClickException(
        f"{counts['wrong']} rows have errors and were left out: {wrong_file} has them, with a column that says why"
    )


@contextmanager
def _wrong_rows_file(file: Path, table: spreadsheet.Spreadsheet, plan: directory_import.ImportPlan) -> Iterator[None]:
    """Create the file before the import, so that no wrong row can get lost; delete it if the import fails."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        exists = isinstance(error, FileExistsError)
        fault = "exists already: move it away, or" if exists else f"can't be created ({error.strerror}):"
        raise click.ClickException(
            f"nothing was imported, because {file} {fault} name another file for the wrong rows with --wrong-rows"
        ) from error
    try:
        with current_app.test_request_context():  # for the sentences of the desk's page
            content = write_wrong_rows(table, plan)
        with open(descriptor, "wb") as output:
            output.write(content)
        yield
    except BaseException:
        file.unlink()
        raise


@experts.command("export")
@click.argument("file", type=FILE)
def export_experts(file: Path) -> None:
    """Write the whole directory, with addresses, to a CSV FILE."""
    with db.read() as session, file.open("w", encoding="utf-8", newline="") as output:
        output.writelines(spreadsheet.write_csv(expert_file.export_headers(), expert_file.export_rows(session)))
