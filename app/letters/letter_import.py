"""Import letters from a file: plan what each row would become, then store the right rows in short transactions.

A row is recognised as a letter that is here already by its text alone. So the same file can be imported again, with
other choices too: an import that was interrupted goes on, and nothing is stored twice.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Staff
from ..core.state_machine import must
from ..db.session import get_keyring, now
from ..newsletters.models import Newsletter
from ..people.spreadsheet import Spreadsheet
from .blurred_time import truncate_to_day
from .letter_file import FileChoices, FileLetter, parse_letter
from .models import Letter
from .receive import FormAlreadySent, FormToken, send

LINE_KINDS = ("new", "wrong", "here")
BATCH_ROWS = 500  # rows that are looked up in one statement
MAX_STORED = 50  # letters of one transaction: on SQLite, others wait for it
CHANNEL = "api"
_COLUMNS = Letter.__table__.c


@dataclass(frozen=True)
class LetterLine:
    """A row of the file, and what becomes of it. `first_row` is the earlier row of the file with its text, or 0."""

    letter: FileLetter
    is_here: bool = False
    first_row: int = 0

    @property
    def kind(self) -> str:
        """One of `LINE_KINDS`."""
        if self.letter.faults:
            return "wrong"
        return "here" if self.is_here or self.first_row else "new"


@dataclass(frozen=True)
class LetterPlan:
    """Plan of an import. `counts` are the numbers of rows by kind."""

    lines: Sequence[LetterLine]
    counts: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", Counter(line.kind for line in self.lines))

    @property
    def new_letters(self) -> list[FileLetter]:
        return [line.letter for line in self.lines if line.kind == "new"]


def plan_letters(
    session: Session, newsletter: Newsletter, sheet: Spreadsheet, choices: FileChoices, today: date
) -> LetterPlan:
    """Return what an import of the file would do. `today` is the day of the newsletter."""
    letters = [parse_letter(row, choices, today) for row in sheet.rows]
    lines: list[LetterLine] = []
    first_rows: dict[str, int] = {}
    for start in range(0, len(letters), BATCH_ROWS):
        batch = letters[start : start + BATCH_ROWS]
        texts_here = _find_texts_here(session, newsletter, [letter for letter in batch if not letter.faults])
        for letter in batch:
            text = letter.submission.stored_body
            first_row = letter.number if letter.faults else first_rows.setdefault(text, letter.number)
            repeated_row = first_row if first_row != letter.number else 0
            lines.append(LetterLine(letter, text in texts_here, repeated_row))
    return LetterPlan(lines)


def _find_texts_here(session: Session, newsletter: Newsletter, letters: Sequence[FileLetter]) -> set[str]:
    """Return the texts of letters that were imported before, even if erased since, or came in another way.

    Of letters that came in another way, those are compared that arrived on the first day of these rows or later.
    """
    texts = {letter.submission.stored_body for letter in letters}
    keyring = get_keyring(session)
    texts_by_mac = {
        mac: text for text in texts for mac in keyring.macs("letters.form", _derive_nonce(newsletter.id, text))
    }
    imported = session.scalars(select(_COLUMNS.form_mac).where(_COLUMNS.form_mac.in_(texts_by_mac)))
    texts_here = {texts_by_mac[mac] for mac in imported if mac}
    arrivals = [letter.submission.given_at or now(session) for letter in letters]
    if arrivals:
        first_day = truncate_to_day(min(arrivals)) - timedelta(days=1)  # it is another day in other time zones
        same_texts = select(_COLUMNS.body).where(
            _COLUMNS.newsletter_id == newsletter.id, _COLUMNS.received_at >= first_day, _COLUMNS.body.in_(texts)
        )
        texts_here.update(text for text in session.scalars(same_texts) if text)
    return texts_here


def _derive_nonce(newsletter_id: int, text: str) -> str:
    """Return the nonce of an imported letter's form token.

    Of the token a letter keeps a keyed hash, also when its words are erased, and nobody gets its receipt. The day and
    the address aren't in it: what was taken back must not return because the file is read in another way.
    """
    return f"file {newsletter_id} {hashlib.sha256(text.encode()).hexdigest()}"


def split_letters(plan: LetterPlan) -> Iterator[Sequence[FileLetter]]:
    """Yield the new letters in batches, each for one transaction, with everything computed that needs no database."""
    letters = plan.new_letters
    for start in range(0, len(letters), MAX_STORED):
        batch = letters[start : start + MAX_STORED]
        for letter in batch:
            letter.submission.precompute()
        yield batch


def store_letters(session: Session, actor: Staff, newsletter: Newsletter, letters: Sequence[FileLetter]) -> int:
    """Store letters that aren't here by now. Return how many are new. Raises `PermissionDenied`."""
    must(actor, "take letters")
    texts_here = _find_texts_here(session, newsletter, letters)
    key_no = get_keyring(session).newest
    count = 0
    for letter in letters:
        submission = letter.submission
        if submission.stored_body not in texts_here:
            form = FormToken(_derive_nonce(newsletter.id, submission.stored_body), key_no)
            if submission.given_at and submission.given_at > now(session):  # noon of today, in the morning
                submission = replace(submission, given_at=now(session))
            with suppress(FormAlreadySent):  # by a colleague, since we looked
                send(session, actor, newsletter, submission, form=form, channel=CHANNEL)
                count += 1
    return count


def record_import(session: Session, actor: Staff, newsletter: Newsletter, plan: LetterPlan, new_count: int) -> None:
    """Record an import in the trail, with its numbers of rows. Raises `PermissionDenied`."""
    must(actor, "take letters")
    wrong_count = plan.counts["wrong"]
    facts = {"letters": new_count, "here": len(plan.lines) - wrong_count - new_count, "wrong": wrong_count}
    audit.record(session, actor, "newsletter.import_letters", newsletter, facts=facts)
