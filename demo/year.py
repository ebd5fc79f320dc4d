"""The demo's year as a list of events, each with its time."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

from app.core.actors import ExpertActor, Staff, Visitor
from app.crypto.seal import new_token
from app.editions import locking, slots
from app.editions.models import Edition
from app.people import directory, expert_pages, sign_in
from app.people.models import Expert
from app.questions import notes
from app.workflows.publishing import publication, skip
from app.workflows.publishing.publication import GRACE

from . import mails
from .house import SIDES, Desk, House, Row, ago, content, office_hours, time_after_run
from .life import LEAST, STEPS, Life, Step, arrive, path_of, take_letter

Event = tuple[datetime, Callable[[], object]]
LEAD = range(24, 36)  # days from a question's first letter to the edition that it ran in
LOCKED = timedelta(hours=1)  # from an edition's cut-off to its lock


def events(house: House) -> list[Event]:
    """Return all events after the founding, in the order of time; simultaneous ones in the order of the files."""
    found = [*_checks_of_experts(house), *_pages_of_experts(house), *_ways_in(house)]
    for slug, desk in house.desks.items():
        rows = content(f"questions-{SIDES[slug]}")["question"]
        found += _editions(house, desk, {row["edition_back"] for row in rows if "edition_back" in row})
        for row in rows:
            found += _life(house, desk, row, _lead(row, rows))
        for number, row in enumerate(content(f"letters-{SIDES[slug]}")["letter"]):
            letter = partial(take_letter, house, desk, row, f"{slug} unfiled {number}")
            found.append((_came(desk, row, _said(house, row, "") or house.at, house.at), letter))
    for row in content("mails")["mail"]:
        moment = mails.came_at(house, row)
        found.append((moment, partial(mails.arrive, house, row, moment)))
    return sorted(found, key=lambda event: event[0])


def _said(house: House, row: Row, name: str) -> datetime | None:
    """Return the time that a row of the content sets under this prefix, or None."""
    if f"{name}hours_ago" in row:
        return house.at - timedelta(hours=row[f"{name}hours_ago"])
    return office_hours(ago(house.at, row[f"{name}days_ago"])) if f"{name}days_ago" in row else None


def _checks_of_experts(house: House) -> Iterator[Event]:
    for row in content("people")["expert"]:
        if "verified" in row:
            moment = office_hours(ago(house.at, row["verified_days_ago"]))
            yield moment, partial(_check, house, house.staff[row["verified_by"]], house.experts[row["key"]], row)


def _check(house: House, staff: Staff, expert: Expert, row: Row) -> None:
    directory.verify_expert(house.session, staff, expert, row["verified"])


def _pages_of_experts(house: House) -> Iterator[Event]:
    """Yield the events in which experts agree to have a page for readers."""
    for row in content("people")["expert"]:
        if "page_in" in row:
            expert, newsletter = house.experts[row["key"]], house.desks[row["page_in"]].newsletter
            says_yes = partial(expert_pages.give_consent, house.session, ExpertActor(expert.id, expert.name))
            yield office_hours(ago(house.at, row["page_days_ago"])), partial(says_yes, expert, newsletter.id)


def _ways_in(house: House) -> Iterator[Event]:
    """Yield the event that Gulmira requests a sign-in link, from a phone that isn't at hand."""
    [email] = [row["email"] for row in content("people")["expert"] if row["key"] == "gulmira"]
    asker = sign_in.RequestingBrowser(new_token(), "en")
    yield house.at, partial(sign_in.request_sign_in, house.session, Visitor(), email, "expert", asker)


def _editions(house: House, desk: Desk, backs: set[int]) -> Iterator[Event]:
    """Yield the events of editions: past ones with a Q&A are locked and sent, the others skipped. A coming edition
    after its cut-off is filled and locked.
    """
    for back, edition in enumerate(desk.sent, 1):
        if back not in backs:
            yield edition.cutoff_at, partial(skip.skip, house.session, desk.editor, edition)
            continue
        yield _lock(house, desk, edition)
        yield edition.runs_at, partial(publication.send, house.session, desk.editor, edition)
        yield min(edition.runs_at + GRACE, house.at), _nothing  # by then its mails are due
    for edition in desk.coming:
        if edition.cutoff_at <= house.at:
            yield edition.cutoff_at, partial(_fill, house, desk, edition)
            yield _lock(house, desk, edition)


def _fill(house: House, desk: Desk, edition: Edition) -> None:
    """Pick the questions that the content reserves for open slots."""
    for row in content(f"questions-{SIDES[desk.newsletter.slug]}")["question"]:
        if row.get("reserve"):
            slots.pick(house.session, desk.editor, house.questions[row["key"]], edition)


def _lock(house: House, desk: Desk, edition: Edition) -> Event:
    moment = min(edition.cutoff_at + LOCKED, house.at)
    return moment, partial(locking.lock_edition, house.session, desk.editor, edition)


def _nothing() -> None:
    """Do nothing, for events at which only mails are due."""


def _came(desk: Desk, letter: Row, moment: datetime, until: datetime) -> datetime:
    """Return when a letter arrives: one about an edition arrives after the edition ran."""
    back = letter.get("about_edition_back")
    return time_after_run(desk.sent[back - 1].runs_at, moment, until) if back else moment


def _lead(row: Row, rows: list[Row]) -> Row:
    """Return the question that a question was merged into, or the question itself."""
    return next((one for one in rows if one["key"] == row.get("merged_into")), row)


def _for_edition(desk: Desk, row: Row) -> Edition:
    back: int | None = row.get("edition_back")
    return desk.sent[back - 1] if back else desk.coming[0 if row["state"] == "queued" else 1]


def _life(house: House, desk: Desk, row: Row, lead_row: Row) -> Iterator[Event]:
    """Yield the events of a question. If it was merged into a published one, they come before that one's edition."""
    edition = _for_edition(desk, lead_row)
    lead = LEAD[row.get("edition_back", 0) * 5 % len(LEAD)]
    life = Life(house, desk, row, edition)
    until = edition.runs_at if "edition_back" in lead_row else house.at
    first = ago(until, row.get("days_ago", lead))
    for number, letter in enumerate(row["letter"]):
        came = min(_came(desk, letter, first + timedelta(days=number), until), house.at)
        if number == 0:
            first = came
        yield came, partial(arrive, life, letter, number)
    before = first
    for name in path_of(row):
        before = _when(life, STEPS[name], first, until, before)
        yield before, partial(STEPS[name].do, life)
    for note in row.get("note", []):
        yield before + (until - before) / 2, partial(_note, life, house.staff[note["by"]], note["body"])


def _when(life: Life, step: Step, first: datetime, until: datetime, before: datetime) -> datetime:
    """Return the time of a step: set by the content or by its share of the time, and always after the previous step."""
    rows = life.row | (life.asked if "assignment" in life.row else {}) | life.row.get("translator", {})
    moment = step.said and _said(life.house, rows, f"{step.said}_")
    return max(moment or office_hours(first + step.share * (until - first)), before + LEAST)


def _note(life: Life, staff: Staff, body: str) -> None:
    notes.note(life.house.session, staff, life.question, body)
