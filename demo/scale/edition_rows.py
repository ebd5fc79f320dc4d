"""The editions of The Long Road: past ones with their items in the house form, and the coming ones."""

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

from .bulk_writer import BulkWriter
from .long_road import LongRoadDesk
from .question_builder import EditionSlot, QuestionBuilder

SKIP_INTERVAL = 15  # every 15th edition is skipped
LOCK_DELAY = timedelta(hours=1)  # from the cut-off
PLANNING_PERIOD = timedelta(days=planning.DAYS_AHEAD)


def list_past_dates(newsletter: Newsletter, count: int, today: datetime) -> list[EditionDate]:
    """Return the dates of the last `count` editions up to `today`, and of the skipped ones between them."""
    skipped = count // (SKIP_INTERVAL - 1)
    first_day = (today - timedelta(days=count + skipped + 3)).date()
    past = [date for date in occurrences(rhythm_of(newsletter), first_day, today.date()) if date.runs_at <= today]
    return past[len(past) - count - skipped :]


def add_past_editions(
    writer: BulkWriter, desk: LongRoadDesk, dates: list[EditionDate], started_at: datetime
) -> Iterator[EditionSlot]:
    """Add the editions of these dates, and yield the slots of those that ran, in order."""
    number = 0
    for index, date in enumerate(dates, 1):
        planned_at = max(started_at, date.runs_at - PLANNING_PERIOD)
        if index % SKIP_INTERVAL == 0:
            _add_edition(writer, desk, date, planned_at, None)
        else:
            number += 1
            yield from _add_edition(writer, desk, date, planned_at, number)


def _add_edition(
    writer: BulkWriter, desk: LongRoadDesk, date: EditionDate, planned_at: datetime, number: int | None
) -> list[EditionSlot]:
    """Add an edition that was sent with this number, or skipped if that is None. Return its slots."""
    newsletter, editor = desk.newsletter, desk.editor.ref
    key = writer.next_key(Edition)
    cutoff_at = cutoff(date.local_at, newsletter.zone, newsletter.cutoff_minutes)
    locked_at = cutoff_at + LOCK_DELAY
    moves = [("plan", planned_at, "clock")]
    if number:
        moves += [("lock", locked_at, editor), ("send", date.runs_at, editor)]
    else:
        moves += [("skip", cutoff_at, editor)]
    state = None
    for action, moved_at, actor in moves:
        state = writer.move(EDITION, "edition", key, action, state, moved_at, actor, newsletter_id=newsletter.id)
    writer.add(
        Edition,
        id=key,
        newsletter_id=newsletter.id,
        rule_date=date.rule_date,
        runs_at=date.runs_at,
        cutoff_at=cutoff_at,
        local_at=date.local_at.isoformat(timespec="minutes"),
        state=state,
        state_at=moves[-1][1],
        slots=newsletter.slots,
        number=number,
        locked_at=locked_at if number else None,
        sent_at=date.runs_at if number else None,
    )
    if number is None:
        return []
    return [EditionSlot(key, position, cutoff_at, date.runs_at) for position in range(1, newsletter.slots + 1)]


def add_edition_item(writer: BulkWriter, desk: LongRoadDesk, builder: QuestionBuilder) -> None:
    """Add the item of a published question as it was locked: in the house form, with its hash and credits."""
    newsletter, expert, askers = desk.newsletter, builder.expert, builder.askers
    slot = builder.require_slot()
    name = askers[0].printed_name if len(askers) == 1 else None
    content = ItemContent(  # the names of askers are only stored in `credits`
        language=builder.text["language"],
        marks=newsletter.marks,
        section=newsletter.section,
        headline=builder.text["headline"],
        askers=(None,) * len(askers),
        question=builder.text["body"],
        voices=(Voice(LeadIn(expert.name, expert.credit_line, None), builder.answer_texts[-1]["body"]),),
    )
    data = {"piece": asdict(content), "own": {}}
    output = to_text(set_block(content, newsletter.address, {}))
    writer.add(
        EditionItem,
        edition_id=slot.edition_id,
        position=slot.position,
        question_id=builder.key,
        input=data,
        output=output,
        sha256=item_digest(data, output),
        credits=[name] if name else [None] * len(askers),
    )


def plan_coming_editions(writer: BulkWriter, desk: LongRoadDesk) -> None:
    """Plan the coming editions. Those after their cut-off are filled and locked; the next ones are partly filled."""
    session, newsletter = writer.session, desk.newsletter
    planning.plan_newsletter(session, Clock(), newsletter)
    query = select(Question).filter_by(newsletter_id=newsletter.id, state="answered").order_by(Question.id.desc())
    answered = session.scalars(query.limit(40)).all()
    today = session.info["at"]
    start = 0
    for edition in list_editions_to_run(session, newsletter.id, 3):
        is_due = edition.cutoff_at <= today
        count = edition.slots if is_due else edition.slots - 2
        for question in answered[start : start + count]:
            slots.pick(session, desk.editor, question, edition)
        start += count + 1  # one answered question stays unpicked
        if is_due and slots.list_picked_questions(session, edition):
            locking.lock_edition(session, desk.editor, edition)
