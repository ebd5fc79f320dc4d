"""`readers-asked export NEWSLETTER FILE`: a newsletter as one file."""

from pathlib import Path

import click
from flask.cli import with_appcontext

from ..backup.atomic_file import atomic_file
from ..crypto.seal import Unsealable
from ..newsletters.queries import all_newsletters, by_slug
from ..workflows.transfer import export_archive
from .backup import FILE, get_database, report_errors


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
