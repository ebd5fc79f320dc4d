"""Filling the demo newsroom at scale: questions with their fates, in the order in which they were asked."""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.db.engine import Database
from app.newsletters.models import Newsletter
from demo.house import content

from . import editions, letters, pen
from .book import Book, Chances, any_of, many_at_once
from .life import FATES, RETRACTED, Life, Slot
from .people import SLUG, Room, found
from .steps import live
from .words import Matter, any_matter

MOST = 1_000_000
SEED = 1001
RAN = 0.15  # the share of questions that are published
YEARS = 8  # the maximal age of the newsletter, which has an edition per day
SLOTS = 6
FRESH = timedelta(days=20)  # younger questions are still in progress
LEAD = timedelta(days=30)  # from the first letter to the first edition
WAITING = 0.05  # unread letters per question
REMEMBERED = 60  # the number of recent questions that a new one may repeat
UNNOTICED = 0.06  # the share of questions that repeat one without the desk noticing
JOINABLE = ("open", "cleared", "declined", "answered", "unchanged", "shelved", "kept", "published")
OLD = Chances({name: fate.old for name, fate in FATES.items()})
NEW = Chances({name: fate.fresh for name, fate in FATES.items()})

Progress = Callable[[int, int], None]


class CannotGrow(Exception):
    """The demo newsroom can't be filled like that; the message is a full sentence that says why."""


def check(database: Database, questions: int) -> None:
    """Raise `CannotGrow` if the number is out of range, or if the newsroom isn't the demo's or is already filled."""
    if not 1 <= questions <= MOST:
        raise CannotGrow(f"The demo newsroom can have 1 to {MOST:,} questions more, not {questions:,}.")
    ours = {row["slug"] for row in content("newsletters")["newsletter"]}
    with database.read() as session:
        there = set(session.scalars(select(Newsletter.slug)))
    if strange := sorted(there - ours - {SLUG}):
        raise CannotGrow(
            f"There are newsletters here that are not the demo's ({', '.join(strange)}): nothing was changed."
        )
    if SLUG in there:
        raise CannotGrow("The Long Road is here already. Take an empty database to make it another size.")


def grow(database: Database, questions: int, progress: Progress | None = None, at: datetime | None = None) -> None:
    """Add The Long Road with this many questions to the demo newsroom, as of `at` (default: now), in one transaction.

    Calls `progress` with the number of questions done and the total. Raises `CannotGrow`.
    """
    check(database, questions)
    today = (at or utc_now()).astimezone(UTC).replace(microsecond=0)
    database.write(lambda session: _fill(session, questions, today, progress))


def _fill(session: Session, questions: int, today: datetime, progress: Progress | None) -> None:
    ran = min(int(questions * RAN), YEARS * 365 * SLOTS)
    with many_at_once(session), Book(session, Random(SEED)) as book:
        since = today - LEAD - timedelta(days=(ran // SLOTS + 1) * editions.PAUSE / (editions.PAUSE - 1))
        room = found(session, book, since)
        session.refresh(room.newsletter)  # load it now, since nothing may use the session while the book writes
        dates = editions.past_dates(room.newsletter, -(-ran // SLOTS), today)
        slots = list(editions.write_past(book, room, dates, since))[:ran]
        _Years(book, room, today, since, slots).live(questions, progress)
        session.info["at"] = today
        book.turn(today + timedelta(days=YEARS * 366))
        book.close()
    editions.plan_coming(book, room)


class _Years:
    """Creates the years of the newsletter, question by question."""

    def __init__(self, book: Book, room: Room, today: datetime, since: datetime, slots: list[Slot]) -> None:
        self.book, self.room, self.today, self.since = book, room, today, since
        self.slots = slots
        self.recent: deque[tuple[int, Matter, str]] = deque(maxlen=REMEMBERED)
        self.asked: deque[Life] = deque(maxlen=REMEMBERED)  # what an expert may mail about
        self.penned = 0

    def live(self, questions: int, progress: Progress | None) -> None:
        span = self.today - self.since - timedelta(hours=2)
        old = max(1, int(questions * ((span - FRESH) / span)))  # a product of days would be too large
        waiting = int(questions * WAITING)
        ran = 0
        for number in range(questions):
            began = self.since + span * (number / questions)
            slot = None
            if number < old and ran < len(self.slots) * (number + 1) // old:
                slot, ran = self.slots[ran], ran + 1
            self._question(began, number < old, slot)
            published = next((key for key, _, name in self.recent if name == "published"), None)
            letters.loose(self.book, self.room, self._matter(0.3), began, self.today, published)
            if number >= questions - waiting:
                letters.waiting(self.book, self.room, self._matter(0.3), began, self.today)
            if self.penned < pen.MOST and number >= questions - (pen.MOST - self.penned) * pen.EVERY:
                self._mail(began)
            self.book.turn(began)
            if progress:
                progress(number + 1, questions)

    def _mail(self, at: datetime) -> None:
        """Add a mail to the holding pen, if there is an expert who may have written by then."""
        about = next((life for life in self.asked if pen.may_be_about(life, at)), None)
        if about:
            self.asked.remove(about)
            pen.put(about, at, self.penned)
            self.penned += 1

    def _matter(self, same: float) -> Matter:
        """Return the matter of a question: new, or with the probability `same` that of a recent question."""
        if self.recent and self.book.rng.random() < same:
            return any_of(self.book.rng, self.recent)[1]
        return any_matter(self.book.rng)

    def _question(self, began: datetime, old: bool, slot: Slot | None) -> None:
        rng = self.book.rng
        name = (OLD if old else NEW).drawn(rng)
        if slot:
            name = "retracted" if rng.random() < RETRACTED else "published"
        lead = None
        matter = self._matter(UNNOTICED)
        if name == "merged":
            leads = [(key, about) for key, about, fate in self.recent if fate in JOINABLE]
            if leads:
                lead, matter = rng.choice(leads)
            else:
                name = "open"
        usual = began + (FRESH if old else min(FRESH, self.today - began))
        until = slot.cutoff_at if slot else min(usual, self.today)
        life = Life(self.book, self.room, matter, began, until, self.today, slot, lead)
        live(life, FATES[name])
        if slot:
            editions.write_item(self.book, self.room, life)
        self.recent.append((life.key, matter, name))
        if life.assignment and not slot:
            self.asked.append(life)
