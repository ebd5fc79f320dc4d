"""The big newsletter's editions: those sent over the years, with items in the house form, and the coming ones."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import select

from app.core.actors import Clock
from app.editions import locking, planning, slots
from app.editions.calendar import EditionDate, cutoff, occurrences
from app.editions.items import item_digest
from app.editions.lifecycle import EDITION
from app.editions.models import Edition, EditionItem
from app.editions.planning import rhythm_of
from app.editions.queries import list_editions_to_run
from app.newsletters.models import Newsletter
from app.questions.models import Question
from app.typesetting.house_form import ItemContent, LeadIn, Voice, set_block
from app.typesetting.renderers import to_text

from .book import Book
from .life import Life, Slot
from .people import Room

PAUSE = 15  # every 15th date has no edition
LOCKED_AFTER = timedelta(hours=1)  # after the cut-off
PLANNED = timedelta(days=planning.DAYS_AHEAD)


def past_dates(newsletter: Newsletter, wanted: int, today: datetime) -> list[EditionDate]:
    """Return the dates of `wanted` editions and of the pauses between them, up to `today`."""
    days = wanted + wanted // (PAUSE - 1) + 3
    found = occurrences(rhythm_of(newsletter), (today - timedelta(days=days)).date(), today.date())
    ran = [date for date in found if date.runs_at <= today]
    return ran[len(ran) - wanted - wanted // (PAUSE - 1) :]


def write_past(book: Book, room: Room, dates: list[EditionDate], since: datetime) -> Iterator[Slot]:
    """Write the editions of these dates; yield the slots of those that ran, in order."""
    number = 0
    for index, date in enumerate(dates, 1):
        paused = index % PAUSE == 0
        number += not paused
        planned = max(since, date.runs_at - PLANNED)
        yield from _edition(book, room, date, None if paused else number, planned)


def _edition(book: Book, room: Room, date: EditionDate, number: int | None, planned: datetime) -> Iterator[Slot]:
    newsletter, key, editor = room.newsletter, book.key(Edition), room.editor.ref
    cutoff_at = cutoff(date.local_at, newsletter.zone, newsletter.cutoff_minutes)
    locked_at = cutoff_at + LOCKED_AFTER
    moves = [("plan", planned, "clock")]
    moves += [("lock", locked_at, editor), ("send", date.runs_at, editor)] if number else [("skip", cutoff_at, editor)]
    state = None
    for action, moment, actor in moves:
        state = book.move(EDITION, "edition", key, action, state, moment, actor, newsletter_id=newsletter.id)
    book.add(
        Edition,
        id=key,
        newsletter_id=newsletter.id,
        rule_date=date.rule_date,
        runs_at=date.runs_at,
        cutoff_at=cutoff_at,
        local_at=date.local_at.isoformat(timespec="minutes"),
        state=state,
        state_at=moment,
        slots=newsletter.slots,
        number=number,
        locked_at=locked_at if number else None,
        sent_at=date.runs_at if number else None,
    )
    if number:
        yield from (Slot(key, position, cutoff_at, date.runs_at) for position in range(1, newsletter.slots + 1))


def write_item(book: Book, room: Room, life: Life) -> None:
    """Write the item of a published question as it was locked: in the house form, with its hash and credits."""
    newsletter, slot, expert = room.newsletter, life.slot, life.expert
    if slot is None:
        raise ValueError("only what has a slot has run")
    name = life.askers[0][2] if len(life.askers) == 1 else None
    nameless = ItemContent(
        language=life.text["language"],
        marks=newsletter.marks,
        section=newsletter.section,
        headline=life.text["headline"],
        askers=(None,) * len(life.askers),
        question=life.text["body"],
        voices=(Voice(LeadIn(expert.name, expert.credit_line, None), life.texts[-1]["body"]),),
    )
    data, output = {"piece": asdict(nameless), "own": {}}, to_text(set_block(nameless, newsletter.address, {}))
    book.add(
        EditionItem,
        edition_id=slot.edition_id,
        position=slot.position,
        question_id=life.key,
        input=data,
        output=output,
        sha256=item_digest(data, output),
        credits=[name] if name else [None] * len(life.askers),
    )


def plan_coming(book: Book, room: Room) -> None:
    """Plan the coming editions. Those after their cut-off are filled and locked; the next ones are partly filled."""
    session, newsletter = book.session, room.newsletter
    planning.plan_newsletter(session, Clock(), newsletter)
    ready = session.scalars(
        select(Question).filter_by(newsletter_id=newsletter.id, state="answered").order_by(Question.id.desc()).limit(40)
    ).all()
    waiting = iter(ready)
    today = session.info["at"]
    for edition in list_editions_to_run(session, newsletter.id, 3):
        is_due = edition.cutoff_at <= today
        for question, _ in zip(waiting, range(edition.slots if is_due else edition.slots - 2), strict=False):
            slots.pick(session, room.editor, question, edition)
        if is_due and slots.list_picked_questions(session, edition):
            locking.lock_edition(session, room.editor, edition)
