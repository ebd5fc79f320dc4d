"""The generator of The Long Road: its questions in the order in which they were asked, each with a scenario."""

from collections import deque
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.db.engine import Database
from app.newsletters.models import Newsletter
from demo.newsroom import load_content
from demo.progress import Progress

from . import edition_rows, letter_rows, pen_mails
from .bulk_writer import BulkWriter, bulk_insert_mode, pick_random
from .long_road import SLUG, LongRoadDesk, create_long_road
from .phrasebooks import Subject, pick_subject
from .question_builder import EditionSlot, QuestionBuilder
from .scenarios import MERGE_TARGETS, OLD_SCENARIOS, RECENT_SCENARIOS, RETRACTED_SHARE, SCENARIOS
from .steps import build_question

MAX_QUESTIONS = 1_000_000
SEED = 1001
PUBLISHED_SHARE = 0.15  # the share of questions that are published
MAX_YEARS = 8  # the maximal age of the newsletter, which has an edition per day
SLOTS_PER_EDITION = 6
RECENT_AGE = timedelta(days=20)  # younger questions are still in progress
LEAD_TIME = timedelta(days=30)  # from the first letter to the first edition
UNREAD_SHARE = 0.05  # unread letters per question
RECENT_COUNT = 60  # the number of recent questions that later letters, mails and merges can refer to
REPEATED_QUESTIONS = 0.06  # the share of questions that repeat one without the desk noticing
REPEATED_LETTERS = 0.3  # the share of other letters that are about the subject of a recent question


class CannotGenerate(Exception):
    """The Long Road can't be generated like that; the message is a full sentence that says why."""


def check_can_generate(database: Database, question_count: int) -> None:
    """Raise `CannotGenerate` if the newsroom isn't the demo's or has The Long Road, or the number is out of range."""
    if not 1 <= question_count <= MAX_QUESTIONS:
        raise CannotGenerate(
            f"The demo newsroom can have 1 to {MAX_QUESTIONS:,} questions more, not {question_count:,}."
        )
    demo_slugs = {row["slug"] for row in load_content("newsletters")["newsletter"]}
    with database.read() as session:
        slugs = set(session.scalars(select(Newsletter.slug)))
    if foreign_slugs := sorted(slugs - demo_slugs - {SLUG}):
        raise CannotGenerate(
            f"There are newsletters here that are not the demo's ({', '.join(foreign_slugs)}): nothing was changed."
        )
    if SLUG in slugs:
        raise CannotGenerate("The Long Road is here already. Take an empty database to make it another size.")


def generate_newsletter(
    database: Database, question_count: int, progress: Progress | None = None, loaded_at: datetime | None = None
) -> None:
    """Add The Long Road with `question_count` questions as of `loaded_at` (default: now), in one transaction.

    Calls `progress` with the number of questions done and the total. Raises `CannotGenerate`.
    """
    check_can_generate(database, question_count)
    today = (loaded_at or utc_now()).astimezone(UTC).replace(microsecond=0)
    database.write(lambda session: _generate(session, question_count, today, progress))


def _generate(session: Session, question_count: int, today: datetime, progress: Progress | None) -> None:
    published_count = min(int(question_count * PUBLISHED_SHARE), MAX_YEARS * 365 * SLOTS_PER_EDITION)
    edition_count = -(-published_count // SLOTS_PER_EDITION)  # rounded up
    # One more edition, and the skipped ones between them.
    days = (published_count // SLOTS_PER_EDITION + 1) * edition_rows.SKIP_INTERVAL / (edition_rows.SKIP_INTERVAL - 1)
    started_at = today - LEAD_TIME - timedelta(days=days)
    with bulk_insert_mode(session), BulkWriter(session, Random(SEED)) as writer:
        desk = create_long_road(session, writer, started_at)
        session.refresh(desk.newsletter)  # load it now, since nothing may use the session while the writer does
        dates = edition_rows.list_past_dates(desk.newsletter, edition_count, today)
        slots = list(edition_rows.add_past_editions(writer, desk, dates, started_at))[:published_count]
        _Generator(writer, desk, today, started_at, slots).run(question_count, progress)
        session.info["at"] = today
        writer.add_events_until(today + timedelta(days=MAX_YEARS * 366))
        writer.close()
    edition_rows.plan_coming_editions(writer, desk)


class _RecentQuestion(NamedTuple):
    key: int
    subject: Subject
    scenario: str


class _Generator:
    """Generates the questions, letters and held mails from `started_at` until today.

    `slots` are those of the past editions, one for each published question.
    """

    def __init__(
        self, writer: BulkWriter, desk: LongRoadDesk, today: datetime, started_at: datetime, slots: list[EditionSlot]
    ) -> None:
        self.writer, self.desk, self.today, self.started_at, self.slots = writer, desk, today, started_at, slots
        self.recent: deque[_RecentQuestion] = deque(maxlen=RECENT_COUNT)
        self.assigned: deque[QuestionBuilder] = deque(maxlen=RECENT_COUNT)  # those that an expert may write about
        self.pen_mail_count = 0

    def run(self, question_count: int, progress: Progress | None) -> None:
        """Generate the questions, and with each the letters and mails of its time."""
        period = self.today - self.started_at - timedelta(hours=2)
        # The share is computed first, because a product of two periods could be too large for a timedelta.
        old_count = max(1, int(question_count * ((period - RECENT_AGE) / period)))
        unread_count = int(question_count * UNREAD_SHARE)
        used_slots = 0
        for number in range(question_count):
            started_at = self.started_at + period * (number / question_count)
            is_old = number < old_count
            slot = None
            if is_old and used_slots < len(self.slots) * (number + 1) // old_count:
                slot = self.slots[used_slots]
                used_slots += 1
            self._add_question(started_at, is_old, slot)
            self._add_other_letters(started_at)
            questions_left = question_count - number
            if questions_left <= unread_count:
                subject = self._pick_subject(REPEATED_LETTERS)
                letter_rows.add_unread_letter(self.writer, self.desk, subject, started_at, self.today)
            missing_mails = pen_mails.MAX_MAILS - self.pen_mail_count
            if missing_mails > 0 and questions_left <= missing_mails * pen_mails.QUESTIONS_PER_MAIL:
                self._add_pen_mail(started_at)
            self.writer.add_events_until(started_at)
            if progress:
                progress(number + 1, question_count)

    def _add_other_letters(self, sent_at: datetime) -> None:
        published_id = next((question.key for question in self.recent if question.scenario == "published"), None)
        subject = self._pick_subject(REPEATED_LETTERS)
        letter_rows.add_other_letters(self.writer, self.desk, subject, sent_at, self.today, published_id)

    def _add_pen_mail(self, stored_at: datetime) -> None:
        """Add a mail to the holding pen, if there is an expert who can have written by then."""
        candidates = (builder for builder in self.assigned if pen_mails.can_write_about(builder, stored_at))
        builder = next(candidates, None)
        if builder:
            self.assigned.remove(builder)
            pen_mails.add_pen_mail(builder, stored_at, self.pen_mail_count)
            self.pen_mail_count += 1

    def _pick_subject(self, repeated_share: float) -> Subject:
        """Return a new subject, or with the probability `repeated_share` that of a recent question."""
        rng = self.writer.rng
        if self.recent and rng.random() < repeated_share:
            return pick_random(rng, self.recent).subject
        return pick_subject(rng)

    def _add_question(self, started_at: datetime, is_old: bool, slot: EditionSlot | None) -> None:
        rng = self.writer.rng
        scenario = (OLD_SCENARIOS if is_old else RECENT_SCENARIOS).pick(rng)
        if slot:
            scenario = "retracted" if rng.random() < RETRACTED_SHARE else "published"
        subject = self._pick_subject(REPEATED_QUESTIONS)
        merge_target = None
        if scenario == "merged":
            targets = [question for question in self.recent if question.scenario in MERGE_TARGETS]
            if targets:
                target = rng.choice(targets)
                subject, merge_target = target.subject, target.key
            else:
                scenario = "open"
        ends_at = slot.cutoff_at if slot else min(started_at + RECENT_AGE, self.today)
        builder = QuestionBuilder(self.writer, self.desk, subject, started_at, ends_at, self.today, slot, merge_target)
        build_question(builder, SCENARIOS[scenario])
        if slot:
            edition_rows.add_edition_item(self.writer, self.desk, builder)
        self.recent.append(_RecentQuestion(builder.key, subject, scenario))
        if builder.assignment and not slot:
            self.assigned.append(builder)
