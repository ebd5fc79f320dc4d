"""`readers-asked export NEWSLETTER FILE` and `import FILE`: a newsletter moves to another installation."""

import shlex
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.orm import Session

from .. import audit
from ..backup.atomic_file import atomic_file
from ..core.actors import Clock
from ..crypto.seal import Unsealable
from ..db.session import absolute_url
from ..newsletters.queries import all_newsletters, by_slug
from ..workflows.transfer import export_archive
from ..workflows.transfer.archive_reader import ArchiveReader, UnusableArchive
from ..workflows.transfer.import_archive import import_newsletter
from .backup import EXISTING_FILE, FILE, get_database, report_errors
from .counts import count_of


@click.command("export")
@click.argument("newsletter")
@click.argument("file", type=FILE)
@click.option(
    "--with-readers-contacts", "with_contacts", is_flag=True, help="Readers' addresses and names too, in plain text."
)
@click.option("--replace", is_flag=True, help="Replace FILE once the new one is complete.")
@with_appcontext
def export_newsletter(newsletter: str, file: Path, with_contacts: bool, replace: bool) -> None:
    """Write NEWSLETTER's questions, letters, answers and editions to FILE, a ZIP file; see docs/exports.md.

    Web and worker may keep running. No receipt, link, key or mail is in FILE, and no address, unless you ask for those
    of readers.
    """
    database = get_database()
    outcome = "Nothing was written."
    with report_errors(file, outcome, can_replace=True):
        if with_contacts:
            database.write(lambda session: _record_export(session, newsletter))
    with report_errors(file, outcome, can_replace=True), database.read() as session:
        export_archive.begin_snapshot(session)
        row = by_slug(session, newsletter)
        if row is None:
            slugs = ", ".join(row.slug for row in all_newsletters(session))
            raise click.UsageError(f"no newsletter is called {newsletter} (known: {slugs or 'none yet'})")
        steps = export_archive.count_steps(session, row)
        try:
            with (
                atomic_file(file, replace) as archive,
                click.progressbar(length=max(steps, 1), label="Exporting") as progress_bar,
            ):
                for chunk in export_archive.stream_archive(
                    session, row, with_contacts=with_contacts, progress=progress_bar.update
                ):
                    archive.write(chunk)
        except Unsealable:
            raise click.ClickException(
                f"A reader's contact can't be opened with the SECRET_KEYS of the settings. {outcome}"
            ) from None
    contents = "with readers' contacts, in plain text" if with_contacts else "without readers' contacts"
    click.echo(f"{newsletter} is in {file}, {file.stat().st_size} bytes, {contents}")


def _record_export(session: Session, slug: str) -> None:
    row = by_slug(session, slug)
    if row is not None:
        audit.record(session, Clock(), "newsletter.export_contacts", row)


@click.command("import")
@click.argument("file", type=EXISTING_FILE)
@click.option("--check", is_flag=True, help="Read FILE to its end and report what is in it; change nothing.")
@click.option("--short-name", default="", help="Another short name for the newsletter, if its own is taken here.")
@with_appcontext
def import_archive(file: Path, check: bool, short_name: str) -> None:
    """Create a newsletter here from FILE, which `export` wrote elsewhere; see docs/exports.md.

    The whole file is checked first, and everything is imported or nothing. Nobody is mailed, nobody gets access, and
    readers' receipts don't work here: they hold where they were made.
    """
    database = get_database()
    with report_errors(file, "Nothing was imported."):
        try:
            with ArchiveReader(file) as reader:
                reader.check()
                counts = ", ".join(
                    count_of(count, name.replace("_", " "))
                    for name, count in reader.counts.items()
                    if name != "newsletter"
                )
                contacts = "with" if reader.with_contacts else "without"
                click.echo(f"{counts}, {contacts} readers' contacts")
                if check:
                    return

                def run(session: Session) -> tuple[str, str]:
                    record_count = sum(reader.counts.values())
                    with click.progressbar(length=record_count, label="Importing") as progress_bar:
                        newsletter = import_newsletter(session, reader, short_name, progress_bar.update)
                    return newsletter.slug, absolute_url(session, f"/{newsletter.slug}/")

                slug, url = database.write(run)
        except UnusableArchive as error:
            raise click.ClickException(f"{error} Nothing was imported.") from None
    env_file = current_app.config["ENV_FILE"]
    command = shlex.join(["readers-asked", *(["--env-file", env_file] if env_file else [])])
    click.echo(
        f"Imported: {url}\n"
        f"Invite its first admin: {command} staff invite ADDRESS --name NAME --newsletter {slug} --role admin"
    )
