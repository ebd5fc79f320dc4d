"""Queries for editions: the coming ones, the one in production, and a search by date or number."""

import re
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from babel.dates import get_month_names
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ..answers.models import Assignment
from ..core.actors import Staff
from ..core.listing import Key, Listing
from ..db.session import now
from ..questions.models import Question
from .models import Edition


def load(session: Session, actor: Staff, public_id: str) -> Edition | None:
    """Return an edition of the actor's newsletter, or None."""
    return session.scalar(select(Edition).filter_by(public_id=public_id, newsletter_id=actor.newsletter_id))


# "The coming edition" means three things, and each has a query:
#   for readers  the next ones that run            select_editions_to_run
#   for experts  the next ones that take texts     schedules.iter_editions_taking_answers
#   at the desk  the one in production             select_edition_in_production
# They differ from the days before an edition's cut-off, when no text could be written and checked in time, until it
# runs: it runs next, and the desk still fills and locks it, but no expert is asked to write for it any more.


def select_editions_to_run(current_time: Any, newsletter_id: Key, columns: Any) -> Select[Any]:
    """Select the editions that run after `current_time`, or columns of them, soonest first."""
    query = select(columns).where(
        Edition.newsletter_id == newsletter_id, Edition.is_ahead, Edition.runs_at > current_time
    )
    return query.order_by(Edition.runs_at, Edition.id)


def list_editions_to_run(session: Session, newsletter_id: int, limit: int = 2) -> list[Edition]:
    """Return the next editions that run, soonest first. Readers are told their dates."""
    return list(session.scalars(select_editions_to_run(now(session), newsletter_id, Edition).limit(limit)))


def select_edition_in_production(current_time: Any, newsletter_id: Key, columns: Any) -> Select[Any]:
    """Select the edition that the desk works on, the first that is still to run, or columns of it."""
    return select_editions_to_run(current_time, newsletter_id, columns).limit(1)


def find_edition_in_production(session: Session, newsletter_id: int) -> Edition | None:
    """Return the edition that the desk works on until it has run, or None if there is none."""
    edition: Edition | None = session.scalar(select_edition_in_production(now(session), newsletter_id, Edition))
    return edition


def next_run(session: Session, newsletter_id: int) -> datetime | None:
    """Return when the next edition is to run, or None."""
    query = select_editions_to_run(now(session), newsletter_id, Edition.runs_at)
    runs_at: datetime | None = session.scalar(query.limit(1))
    return runs_at


class EditionSummary(NamedTuple):
    """An edition as the sidebar of the desk shows it. `filled` counts its filled slots."""

    public_id: str
    runs_at: datetime
    cutoff_at: datetime
    slots: int
    is_locked: bool
    filled: int


def summarize_edition_in_production(session: Session, newsletter_id: int) -> EditionSummary | None:
    """Return a summary of the edition that the desk works on, or None if there is none."""
    filled = select(func.count()).where(Question.edition_id == Edition.id).correlate(Edition).scalar_subquery()
    query = select_edition_in_production(now(session), newsletter_id, Edition.public_id).add_columns(
        Edition.runs_at, Edition.cutoff_at, Edition.slots, Edition.is_locked, filled
    )
    row = session.execute(query).first()
    return EditionSummary(*row) if row else None


def run_of(session: Session, assignment: Assignment) -> Edition | None:
    """Return the edition that an assignment is for, or None.

    It is the edition with the question, or else the one for which the expert was asked.
    """
    question = session.get_one(Question, assignment.question_id)
    edition_id = question.edition_id or assignment.for_edition_id
    return session.get(Edition, edition_id) if edition_id else None


MONTH_LANGUAGE = "en"  # language of the month names in a search
DATE_PART_SIZES = (("year", 4), ("month", 2), ("day", 2))  # digits of each part in `Edition.local_at`
_DATE_PART = re.compile(r"[^\W\d_]+|\d+")
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})(?:-(\d{1,2}))?")


@cache
def _month_numbers() -> dict[str, int]:
    """Return the number of each month by its name, in full and abbreviated, in lower case."""
    return {
        name.casefold().rstrip("."): month
        for width in ("wide", "abbreviated")
        for month, name in get_month_names(width, locale=MONTH_LANGUAGE).items()
    }


def _parse_date_parts(text: str) -> dict[str, int] | None:
    """Return the "year", "month" and "day" of a date, as far as a text names them, or None if it is not a date."""
    if iso := _ISO_DATE.fullmatch(text.strip()):
        return {name: int(part) for name, part in zip(("year", "month", "day"), iso.groups(), strict=True) if part}
    numbers: dict[str, int] = {}
    for part in _DATE_PART.findall(text.casefold()):
        if part in _month_numbers():
            name, number = "month", _month_numbers()[part]
        elif part.isdecimal() and len(part) == 4:
            name, number = "year", int(part)
        elif part.isdecimal() and len(part) <= 2:
            name, number = ("month" if "day" in numbers else "day"), int(part)  # "24.12."
        else:
            return None
        if name in numbers:
            return None
        numbers[name] = number
    return numbers


def find_editions_by_date(newsletter_id: int, text: str) -> Listing[Edition] | None:
    """Return the editions of a day, month or year, or with a number, newest first; None if the text is neither."""
    query = select(Edition).where(Edition.newsletter_id == newsletter_id)
    order = (Edition.runs_at, Edition.id)
    if text.strip().isdecimal() and len(text.strip()) < 4:  # four digits are a year
        return Listing(query.where(Edition.number == int(text)), order)
    numbers = _parse_date_parts(text)
    if not numbers or not {"year", "month"} & numbers.keys():
        return None
    # A LIKE pattern such as "2026-12-__", in which an underscore is any character.
    date_pattern = "-".join(
        f"{numbers[name]:0{size}d}" if name in numbers else "_" * size for name, size in DATE_PART_SIZES
    )
    return Listing(query.where(Edition.local_at.like(f"{date_pattern}T%")), order)
