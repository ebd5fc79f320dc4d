"""The demo's year as a list of events, each with its time."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

from app.core.actors import ExpertActor, Staff, Visitor
from app.crypto.seal import new_token
from app.editions import locking, slots
from app.editions.models import Edition
from app.people import directory, expert_pages, sign_in
from app.questions import notes
from app.workflows.publishing import publication, skip
from app.workflows.publishing.publication import GRACE

from . import inbound_mails
from .newsroom import (
    ContentRow,
    DemoDesk,
    DemoNewsroom,
    delay_until_run,
    load_content,
    load_letters,
    load_questions,
    move_to_office_hours,
    subtract_days,
)
from .question_script import STEPS, QuestionScript, Step, list_steps, receive_letter, receive_question_letter

TimedEvent = tuple[datetime, Callable[[], object]]
LEAD_DAYS = range(24, 36)  # from a question's first letter to the edition that it ran in
LOCK_DELAY = timedelta(hours=1)  # from an edition's cut-off to its lock
MIN_INTERVAL = timedelta(minutes=10)  # between two steps of a question


def list_events(newsroom: DemoNewsroom) -> list[TimedEvent]:
    """Return all events after the founding in the order of time; simultaneous ones in the order of the files."""
    events: list[TimedEvent] = [
        *_list_expert_verifications(newsroom),
        *_list_page_consents(newsroom),
        _build_sign_in_request(newsroom),
    ]
    for slug, desk in newsroom.desks.items():
        rows = load_questions(slug)
        events += _list_edition_events(newsroom, desk, {row["edition_back"] for row in rows if "edition_back" in row})
        for row in rows:
            events += _list_question_events(newsroom, desk, row, _find_lead(row, rows))
        for number, row in enumerate(load_letters(slug)):
            written_at = _get_content_time(newsroom, row) or newsroom.loaded_at
            received_at = _get_letter_time(desk, row, written_at, newsroom.loaded_at)
            events.append((received_at, partial(receive_letter, newsroom, desk, row, f"{slug} unfiled {number}")))
    for row in load_content("mails")["mail"]:
        arrived_at = inbound_mails.get_arrival_time(newsroom, row)
        events.append((arrived_at, partial(inbound_mails.store_mail, newsroom, row, arrived_at)))
    return sorted(events, key=lambda event: event[0])


def _get_content_time(newsroom: DemoNewsroom, row: ContentRow, prefix: str = "") -> datetime | None:
    """Return the time in a row's key `<prefix>hours_ago` or `<prefix>days_ago`, or None if it has neither."""
    if f"{prefix}hours_ago" in row:
        return newsroom.loaded_at - timedelta(hours=row[f"{prefix}hours_ago"])
    if f"{prefix}days_ago" in row:
        return move_to_office_hours(subtract_days(newsroom.loaded_at, row[f"{prefix}days_ago"]))
    return None


def _list_expert_verifications(newsroom: DemoNewsroom) -> Iterator[TimedEvent]:
    for row in load_content("people")["expert"]:
        if "verified" in row:
            verified_at = move_to_office_hours(subtract_days(newsroom.loaded_at, row["verified_days_ago"]))
            staff, expert = newsroom.staff[row["verified_by"]], newsroom.experts[row["key"]]
            yield verified_at, partial(directory.verify_expert, newsroom.session, staff, expert, row["verified"])


def _list_page_consents(newsroom: DemoNewsroom) -> Iterator[TimedEvent]:
    """Yield the events in which experts agree to have a page for readers."""
    for row in load_content("people")["expert"]:
        if "page_in" in row:
            expert, newsletter = newsroom.experts[row["key"]], newsroom.desks[row["page_in"]].newsletter
            actor = ExpertActor(expert.id, expert.name)
            agreed_at = move_to_office_hours(subtract_days(newsroom.loaded_at, row["page_days_ago"]))
            yield agreed_at, partial(expert_pages.give_consent, newsroom.session, actor, expert, newsletter.id)


def _build_sign_in_request(newsroom: DemoNewsroom) -> TimedEvent:
    """Return the event that Gulmira requests a sign-in link in a browser that nobody has."""
    [email] = [row["email"] for row in load_content("people")["expert"] if row["key"] == "gulmira"]
    browser = sign_in.RequestingBrowser(new_token(), "en")
    request = partial(sign_in.request_sign_in, newsroom.session, Visitor(), email, "expert", browser)
    return newsroom.loaded_at, request


def _list_edition_events(newsroom: DemoNewsroom, desk: DemoDesk, used_numbers: set[int]) -> Iterator[TimedEvent]:
    """Yield the events of editions.

    Past editions with a Q&A, whose `edition_back` is in `used_numbers`, are locked and sent; the others are skipped. A
    coming edition after its cut-off is filled and locked.
    """
    session, editor = newsroom.session, desk.editor
    for edition_back, edition in enumerate(desk.past_editions, 1):
        if edition_back not in used_numbers:
            yield edition.cutoff_at, partial(skip.skip, session, editor, edition)
            continue
        yield _build_lock(newsroom, desk, edition)
        yield edition.runs_at, partial(publication.send, session, editor, edition)
        yield min(edition.runs_at + GRACE, newsroom.loaded_at), _do_nothing  # by then its mails are due
    for edition in desk.coming_editions:
        if edition.cutoff_at <= newsroom.loaded_at:
            yield edition.cutoff_at, partial(_pick_reserve, newsroom, desk, edition)
            yield _build_lock(newsroom, desk, edition)


def _build_lock(newsroom: DemoNewsroom, desk: DemoDesk, edition: Edition) -> TimedEvent:
    locked_at = min(edition.cutoff_at + LOCK_DELAY, newsroom.loaded_at)
    return locked_at, partial(locking.lock_edition, newsroom.session, desk.editor, edition)


def _pick_reserve(newsroom: DemoNewsroom, desk: DemoDesk, edition: Edition) -> None:
    """Pick the questions that the content reserves for open slots."""
    for row in load_questions(desk.newsletter.slug):
        if row.get("reserve"):
            slots.pick(newsroom.session, desk.editor, newsroom.questions[row["key"]], edition)


def _do_nothing() -> None:
    """Do nothing, for events at which only mails are due."""


def _get_letter_time(desk: DemoDesk, row: ContentRow, time: datetime, end_time: datetime) -> datetime:
    """Return when a letter arrives: at `time`, or if it is about an edition, not before that has run."""
    edition_back = row.get("about_edition_back")
    if edition_back is None:
        return time
    return delay_until_run(desk.get_past_edition(edition_back).runs_at, time, end_time)


def _find_lead(row: ContentRow, rows: list[ContentRow]) -> ContentRow:
    """Return the question that a question was merged into, or the question itself."""
    return next((lead for lead in rows if lead["key"] == row.get("merged_into")), row)


def _get_edition(desk: DemoDesk, row: ContentRow) -> Edition:
    """Return the edition that a question ran in or is meant for."""
    if "edition_back" in row:
        return desk.get_past_edition(row["edition_back"])
    return desk.coming_editions[0 if row["state"] == "queued" else 1]


def _list_question_events(
    newsroom: DemoNewsroom, desk: DemoDesk, row: ContentRow, lead_row: ContentRow
) -> Iterator[TimedEvent]:
    """Yield the events of a question. If it was merged into a published one, they come before that one's edition."""
    edition = _get_edition(desk, lead_row)
    script = QuestionScript(newsroom, desk, row, edition)
    ends_at = edition.runs_at if "edition_back" in lead_row else newsroom.loaded_at
    lead_days = LEAD_DAYS[row.get("edition_back", 0) * 5 % len(LEAD_DAYS)]
    started_at = subtract_days(ends_at, row.get("days_ago", lead_days))
    for number, letter in enumerate(row["letter"]):
        arrived_at = _get_letter_time(desk, letter, started_at + timedelta(days=number), ends_at)
        arrived_at = min(arrived_at, newsroom.loaded_at)
        if number == 0:
            started_at = arrived_at
        yield arrived_at, partial(receive_question_letter, script, letter, number)
    time = started_at
    for name in list_steps(row):
        time = max(_get_step_time(script, STEPS[name], started_at, ends_at), time + MIN_INTERVAL)
        yield time, partial(STEPS[name].run, script)
    for note in row.get("note", []):
        yield time + (ends_at - time) / 2, partial(_add_note, script, newsroom.staff[note["by"]], note["body"])


def _get_step_time(script: QuestionScript, step: Step, started_at: datetime, ends_at: datetime) -> datetime:
    """Return the time of a step: set by the content, or by the step's share of the question's time."""
    if step.time_prefix:
        row = script.row | script.row.get("translator", {})
        if "assignment" in script.row:
            row |= script.assignment_row
        if content_time := _get_content_time(script.newsroom, row, f"{step.time_prefix}_"):
            return content_time
    return move_to_office_hours(started_at + step.share * (ends_at - started_at))


def _add_note(script: QuestionScript, staff: Staff, body: str) -> None:
    notes.note(script.newsroom.session, staff, script.question, body)
