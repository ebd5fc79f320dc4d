"""`readers-asked editions ...`: typesetting in the house form, rendering editions, and importing back issues."""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..back_issues.finding import to_json_dict
from ..back_issues.issue_files import FAULTS, MAX_FILE_BYTES, UnreadableIssue
from ..back_issues.reading_issues import ParsedIssue, read_issues
from ..core.actors import Clock
from ..db.ids import new_public_id
from ..editions import locking, slots
from ..editions.locking import list_lock_blockers
from ..editions.models import Edition
from ..editions.ready_questions import load_ready_questions
from ..newsletters.models import Newsletter
from ..newsletters.queries import by_slug
from ..typesetting.exports import EXPORTS
from ..typesetting.from_json import TypesetError, read_piece
from ..typesetting.house_form import set_block
from ..web.current import db
from ..workflows.back_issues import import_issues as issue_import
from .counts import count_of

editions = AppGroup("editions", help="Render editions in the house form, and import back issues.")
_format_option = click.option(
    "--format", "format_name", type=click.Choice(list(EXPORTS)), default="text", show_default=True
)

# The reasons that prevent the lock, by `LockWarning.kind`.
LOCK_BLOCKER_MESSAGES = {"words": "its newest wording is not cleared", "answer": "it has no approved answer"}


@editions.command("typeset", with_appcontext=False)
@_format_option
@click.option("--address", help="The address that replaces {address} in the call.")
def typeset(format_name: str, address: str | None) -> None:
    """Typeset one block from JSON on standard input, without a database.

    Errors in the JSON are printed to standard error, and the command exits with 2. Input and output are UTF-8, whatever
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
    click.echo(EXPORTS[format_name].write([set_block(piece, address)], piece.headline), nl=False)


@editions.command("render")
@click.argument("newsletter")
@click.argument("day", metavar="DATE", type=click.DateTime(["%Y-%m-%d"]))
@_format_option
@click.option(
    "--language", default="", help="Such as ru: print what is fully translated into it, and the rest in the original."
)
def render(newsletter: str, day: datetime, format_name: str, language: str) -> None:
    """Print the blocks of NEWSLETTER's edition of DATE: as they ran, as they were locked, or as they would run now.

    Prints nothing and exits with 1 if a reader's name lacks consent or a check, or if a question's wording is not
    cleared or has no approved answer; the message says which.
    """
    with db.read() as session:
        edition = _get_edition(session, newsletter, day.date())
        errors = _list_export_errors(session, edition)
        if errors:
            raise click.ClickException("\n".join(errors))
        preview = locking.preview(session, edition, language)
    if language and not preview.language:
        languages = ", ".join(preview.untranslated_headlines)  # its keys: all languages with a translation
        existing = f"it is in {languages}" if languages else "nothing in it is translated"
        raise click.UsageError(f"Nothing in this edition is translated into {language}: {existing}.")
    for headline in preview.untranslated_headlines.get(preview.language, ()):
        click.echo(f"not fully translated into {language}, printed in the original: {headline}", err=True)
    click.echo(EXPORTS[format_name].write(preview.blocks, preview.subject.line), nl=False)


def _list_export_errors(session: Session, edition: Edition) -> list[str]:
    """Return the reasons why an edition can't be printed: readers' names, or if these are right, its questions."""
    name_troubles = locking.name_troubles(session, edition)
    if name_troubles:
        return [f"question {trouble.headline!r}: a reader's name without {trouble.fault}" for trouble in name_troubles]
    if not edition.is_planned:
        return []
    newsletter = session.get_one(Newsletter, edition.newsletter_id)
    picked_questions = slots.list_picked_questions(session, edition)
    blockers = list_lock_blockers(load_ready_questions(session, newsletter, picked_questions))
    return [
        f"question {blocker.question.headline!r}: {LOCK_BLOCKER_MESSAGES[blocker.kind]}"
        for blocker in blockers
        if blocker.question  # always set for blockers; only other kinds of `LockWarning` have none
    ]


def _get_newsletter(session: Session, slug: str) -> Newsletter:
    newsletter: Newsletter | None = by_slug(session, slug)
    if newsletter is None:
        raise click.UsageError(f"No newsletter is called {slug}.")
    return newsletter


def _get_edition(session: Session, slug: str, day: date) -> Edition:
    """Return the edition that was planned for this day or runs on it, in local time. Raises UsageError."""
    newsletter = _get_newsletter(session, slug)
    iso_day = day.isoformat()
    is_on_day = (Edition.rule_date == day) | Edition.local_at.startswith(iso_day)
    query = select(Edition).where(Edition.newsletter_id == newsletter.id, is_on_day)
    edition = session.scalar(query.order_by(Edition.id))
    if edition is None:
        raise click.UsageError(f"{newsletter.name} has no edition on {iso_day}.")
    return edition


@editions.command("import")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--newsletter", help="The newsletter's short name, as in its URL; not needed with --dry-run.")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="The date of editions whose file has none.")
@click.option("--dry-run", is_flag=True, help="Report what is in the files, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: print the Q&As as JSON.")
def import_issues(
    files: Sequence[Path], newsletter: str | None, day: datetime | None, dry_run: bool, as_json: bool
) -> None:
    """Import the Q&As of back issues into the archive, from text, HTML, Markdown, .eml, .mbox or Ghost's JSON.

    Nobody is notified, no expert is created, and Q&As that are already there are skipped. A file that can't be read is
    reported, the others are imported, and the command exits with 1.
    """
    if as_json and not dry_run:
        raise click.UsageError("--json requires --dry-run")
    if not dry_run and not newsletter:
        raise click.UsageError("choose the newsletter with --newsletter NAME, or use --dry-run")
    default_day = day.date() if day else None
    newsletter_id = None if dry_run else _get_newsletter_id(newsletter or "")
    import_key = new_public_id()  # by which the whole import can be undone
    has_errors = False
    dry_run_qas: list[dict[str, Any]] = []
    report_lines: list[str] = []
    with click.progressbar(files, label="Reading", file=sys.stderr) as bar:
        for file in bar:
            try:
                for issue in _read_issues(file):
                    if newsletter_id is None:
                        dry_run_qas += [to_json_dict(qa, str(file)) for qa in issue.found_qas]
                    else:
                        report_lines += _import_issue(newsletter_id, issue, str(file), default_day, import_key)
            except (UnreadableIssue, OSError) as error:
                has_errors = True
                report_lines.append(f"{file}: {_format_error(error)}")
    for line in report_lines:
        click.echo(line, err=True)
    if as_json:
        click.echo((json.dumps(dry_run_qas, ensure_ascii=False, indent=2) + "\n").encode(), nl=False)
    elif dry_run:
        for qa in dry_run_qas:
            name = qa["lead_in"]["name"] or "nobody named"
            click.echo(f"{qa['file']}, {qa['edition_date'] or 'no date'}: {qa['headline'] or qa['question']} ({name})")
        found = f"{count_of(len(dry_run_qas), 'Q&As')} found in {count_of(len(files), 'files')}"
        click.echo(f"{found}, nothing was imported")
    if has_errors:
        raise click.exceptions.Exit(1)


def _read_issues(file: Path) -> Iterator[ParsedIssue]:
    if file.stat().st_size > MAX_FILE_BYTES:
        raise UnreadableIssue("large")
    return read_issues(file.name, file.read_bytes())


def _format_error(error: UnreadableIssue | OSError) -> str:
    if isinstance(error, UnreadableIssue):
        return FAULTS[error.code]
    return error.strerror or str(error)


def _get_newsletter_id(slug: str) -> int:
    with db.read() as session:
        return _get_newsletter(session, slug).id


def _import_issue(
    newsletter_id: int, issue: ParsedIssue, file: str, default_day: date | None, import_key: str
) -> list[str]:
    """Import an edition in one transaction, and return a line with the outcome for each of its Q&As."""
    qas = issue.qas(default_day)
    outcomes = db.write(lambda session: issue_import.import_all(session, Clock(), newsletter_id, qas, import_key))
    return [f"{file}: {qa.title}: {issue_import.OUTCOMES[outcome]}" for qa, outcome in outcomes]
