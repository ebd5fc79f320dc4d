"""`readers-asked editions ...`: typesetting in the house form, rendering editions, and importing back issues."""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..back_issues.finding import as_data
from ..back_issues.issue_files import FAULTS, MOST_BYTES, Unreadable
from ..back_issues.reading_issues import ParsedIssue, read_issues
from ..core.actors import Clock
from ..db.ids import new_public_id
from ..editions import locking, slots
from ..editions.locking import list_lock_blockers
from ..editions.models import Edition
from ..editions.queries import title_of
from ..editions.ready_questions import load_ready_questions
from ..newsletters.models import Newsletter
from ..newsletters.queries import by_slug
from ..typesetting.exports import EXPORTS
from ..typesetting.from_json import TypesetError, read_piece
from ..typesetting.house_form import set_block
from ..web.current import db
from ..workflows.back_issues import import_issues as taking_in_issues

editions = AppGroup("editions", help="Render editions in the house form, and import back issues.")
_form = click.option("--format", "form", type=click.Choice(list(EXPORTS)), default="text", show_default=True)

UNFIT = {"words": "its newest wording is not cleared", "answer": "it has no approved answer"}


@editions.command("typeset", with_appcontext=False)
@_form
@click.option("--address", help="The address that replaces {address} in the call.")
def typeset(form: str, address: str | None) -> None:
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
    click.echo(EXPORTS[form].write([set_block(piece, address)], piece.headline), nl=False)


@editions.command("render")
@click.argument("newsletter")
@click.argument("day", metavar="DATE", type=click.DateTime(["%Y-%m-%d"]))
@_form
@click.option(
    "--language", default="", help="Such as ru: print what is fully translated into it, and the rest in the original."
)
def render(newsletter: str, day: date, form: str, language: str) -> None:
    """Print the blocks of NEWSLETTER's edition of DATE: as they ran, as they were locked, or as they would run now.

    Prints nothing and exits with 1 if a reader's name lacks consent or a check, or if a question's wording is not
    cleared or has no approved answer; the message says which.
    """
    with db.read() as session:
        edition = _edition(session, newsletter, day)
        if troubles := locking.name_troubles(session, edition):
            raise click.ClickException(
                "\n".join(f"question {t.headline!r}: a reader's name without {t.fault}" for t in troubles)
            )
        newsletter_row = session.get_one(Newsletter, edition.newsletter_id)
        picked = (
            load_ready_questions(session, newsletter_row, slots.list_picked_questions(session, edition))
            if edition.is_planned
            else []
        )
        if matters := list_lock_blockers(picked):
            raise click.ClickException(
                "\n".join(f"question {m.question.headline!r}: {UNFIT[m.kind]}" for m in matters if m.question)
            )
        seen, title = locking.preview(session, edition, language), title_of(session, edition)
    if language and not seen.language:
        there = f"it is in {', '.join(seen.left)}" if seen.left else "nothing in it is translated"
        raise click.UsageError(f"Nothing in this edition is translated into {language}: {there}.")
    for headline in seen.left.get(seen.language, ()):
        click.echo(f"not fully translated into {language}, printed in the original: {headline}", err=True)
    blocks = seen.blocks
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


@editions.command("import")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--newsletter", help="The newsletter's short name, as in its URL; not needed with --dry-run.")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="The date of editions whose file has none.")
@click.option("--dry-run", is_flag=True, help="Report what is in the files, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: print the Q&As as JSON.")
def import_issues(
    files: Sequence[Path], newsletter: str | None, day: date | None, dry_run: bool, as_json: bool
) -> None:
    """Import the Q&As of back issues into the archive, from text, HTML, Markdown, .eml, .mbox or Ghost's JSON.

    Nobody is notified, no expert is created, and Q&As that are already there are skipped. A file that can't be read is
    reported, the others are imported, and the command exits with 1.
    """
    if as_json and not dry_run:
        raise click.UsageError("--json requires --dry-run")
    if not dry_run and not newsletter:
        raise click.UsageError("choose the newsletter with --newsletter NAME, or use --dry-run")
    undated = date.fromisoformat(f"{day:%Y-%m-%d}") if day else None
    key = None if dry_run else _key_of(newsletter or "")
    run = new_public_id()  # identifies all that this run imports, to undo it
    faults, found, lines = 0, [], []
    with click.progressbar(files, label="Reading", file=sys.stderr) as bar:
        for file in bar:
            try:
                for issue in _issues_of(file):
                    if key is None:
                        found += [as_data(qa, str(file)) for qa in issue.found_qas]
                        continue
                    lines += _take_in(key, issue, str(file), undated, run)
            except (Unreadable, OSError) as fault:
                faults += 1
                lines.append(f"{file}: {_format_fault(fault)}")
    for line in lines:
        click.echo(line, err=True)
    if as_json:
        click.echo((json.dumps(found, ensure_ascii=False, indent=2) + "\n").encode(), nl=False)
    elif dry_run:
        for one in found:
            name = one["lead_in"]["name"] or "nobody named"
            click.echo(
                f"{one['file']}, {one['edition_date'] or 'no date'}: {one['headline'] or one['question']} ({name})"
            )
        click.echo(f"{len(found)} Q&As found in {len(files)} files, nothing was imported")
    if faults:
        raise click.exceptions.Exit(1)


def _issues_of(file: Path) -> Iterator[ParsedIssue]:
    if file.stat().st_size > MOST_BYTES:
        raise Unreadable("large")
    return read_issues(file.name, file.read_bytes())


def _format_fault(fault: Unreadable | OSError) -> str:
    return FAULTS[fault.code] if isinstance(fault, Unreadable) else fault.strerror or str(fault)


def _key_of(slug: str) -> int:
    with db.read() as session:
        found = by_slug(session, slug)
        if found is None:
            raise click.UsageError(f"No newsletter is called {slug}.")
        return found.id


def _take_in(newsletter_id: int, issue: ParsedIssue, file: str, undated: date | None, run: str) -> list[str]:
    """Import an edition in one transaction, and return a line with the outcome for each of its Q&As."""
    qas = issue.qas(undated)
    done = db.write(lambda session: taking_in_issues.import_all(session, Clock(), newsletter_id, qas, run))
    return [f"{file}: {qa.title}: {taking_in_issues.OUTCOMES[outcome]}" for qa, outcome in done]
