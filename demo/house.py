"""The demo's house: newsletters with their calendars and topics, the desks and the experts, as they were over a year
ago."""

import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.core.actors import Clock, Staff
from app.editions import planning
from app.editions.calendar import EditionDate, cutoff, next_dates, occurrences, read_rhythm
from app.editions.models import Edition
from app.newsletters import settings
from app.newsletters.models import Newsletter, Topic
from app.people import directory
from app.people.models import PROFILE, Expert
from app.questions.models import Question

CONTENT = Path(__file__).parent / "content"
SIDES = {"shift-change": "a", "nafas": "b"}  # which questions and letters are whose
FOUNDED = 425  # days ago: before the first expert was checked
PLANNED = 180  # days ahead of today
A_DAY = timedelta(days=1)

Row = dict[str, Any]


def content(name: str) -> Row:
    """A file of the content."""
    return tomllib.loads((CONTENT / f"{name}.toml").read_text(encoding="utf-8"))


def ago(at: datetime, days: float) -> datetime:
    return at - timedelta(days=days)


def time_after_run(runs_at: datetime, moment: datetime, until: datetime) -> datetime:
    """Return when something about an edition comes: at `moment`. Where that is before the edition ran, it comes between
    the run and `until`; what has the later `moment` still comes later."""
    if runs_at < moment:
        return moment
    return (runs_at + (until - runs_at) * (A_DAY / (A_DAY + until - moment))).replace(microsecond=0)


@dataclass
class Desk:
    """A newsletter with its people and editions; `assistant` is the editor where the desk has no other."""

    row: Row
    newsletter: Newsletter
    editor: Staff
    assistant: Staff
    topics: dict[str, int] = field(default_factory=dict)
    sent: list[Edition] = field(default_factory=list)  # newest first: number 0 is `edition_back = 1`
    coming: list[Edition] = field(default_factory=list)  # soonest first


@dataclass
class House:
    """All rows that the content's keys stand for, in the one session that lives through the year up to `at`."""

    session: Session
    at: datetime
    desks: dict[str, Desk] = field(default_factory=dict)
    staff: dict[str, Staff] = field(default_factory=dict)  # each at the first of their desks
    experts: dict[str, Expert] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)


def found(session: Session, at: datetime) -> House:
    """Found the house, so that `at` is in mid-season. The session's time is left at the founding."""
    session.info["at"] = ago(at, FOUNDED)
    house = House(session, at)
    people = content("people")
    for row in content("newsletters")["newsletter"]:
        _found_newsletter(house, row, people["staff"])
    for row in people["expert"]:
        house.experts[row["key"]] = _record(house, row)
    return house


def _found_newsletter(house: House, row: Row, staff: list[Row]) -> None:
    session, slug = house.session, row["slug"]
    back = max(question.get("edition_back", 0) for question in content(f"questions-{SIDES[slug]}")["question"])
    rhythm = read_rhythm(row["rule"], row["rule_start"], row["at"], row["zone"])
    past = occurrences(rhythm, ago(house.at, FOUNDED).date(), house.at.date())
    first = [date for date in past if date.runs_at <= house.at][-back]
    names = {person["key"]: person["name"] for person in staff}
    columns = {name: row[name] for name in inspect(Newsletter).columns.keys() & row.keys()}
    newsletter = Newsletter(**columns | {"editor": names[row["editor"]]} | _exceptions(row, house.at))
    newsletter.steps_hidden_at = ago(house.at, FOUNDED)  # it has been running for long
    newsletter.notes = [
        {
            "country": note["country"],
            "checked_on": f"{ago(house.at, note['checked_days_ago']):%Y-%m-%d}",
            "text": note["text"],
        }
        for note in row["protection"]
    ]
    session.add(newsletter)
    session.flush()
    crew = _hire(house, newsletter, staff)
    desk = house.desks[slug] = Desk(row, newsletter, crew["editor"], crew.get("assistant", crew["editor"]))
    settings.save_house_sentences(session, desk.editor, newsletter, newsletter.language, row["house"])
    for topic in content("topics")["topic"]:
        if topic["newsletter"] == slug:
            desk.topics[topic["slug"]] = _topic(session, newsletter, topic)
    _plan(house, desk, first)


def _exceptions(row: Row, at: datetime) -> dict[str, list[str]]:
    """The coming pauses and extra dates, as a newsletter's settings write them down."""
    usual = next_dates(read_rhythm(row["rule"], row["rule_start"], row["at"], row["zone"]), at, 8)
    skips = [usual[skip["editions_ahead"] - 1].rule_date for skip in row["skip"]]
    extra = [usual[date["after_editions_ahead"] - 1].rule_date + timedelta(date["days"]) for date in row["extra"]]
    return {"skips": [day.isoformat() for day in skips], "extra": [day.isoformat() for day in extra]}


def _hire(house: House, newsletter: Newsletter, staff: list[Row]) -> dict[str, Staff]:
    """Give everybody their place at this desk. Returns the actors by role."""
    crew = {}
    for row in staff:
        if role := row["roles"].get(newsletter.slug):
            person = directory.add_person(house.session, Clock(), row["name"], row["email"], row["language"])
            directory.give_role(house.session, Clock(), person, newsletter.id, role)
            crew[role] = Staff(person.id, person.name, newsletter.id, role)
            house.staff.setdefault(row["key"], crew[role])
    return crew


def _topic(session: Session, newsletter: Newsletter, row: Row) -> int:
    topic = Topic(newsletter_id=newsletter.id, slug=row["slug"], name=row["names"][newsletter.language])
    session.add(topic)
    session.flush()
    return topic.id


def _plan(house: House, desk: Desk, first: EditionDate) -> None:
    """Plan from the first edition that had a Q&A, when its cut-off was ahead, so that no older date waits for ever."""
    since = cutoff(first.local_at, desk.newsletter.zone, desk.newsletter.cutoff_minutes) - timedelta(minutes=1)
    ahead = (house.at - since).days + PLANNED
    planning.plan_newsletter(house.session, Clock(), desk.newsletter, ahead, since)
    query = select(Edition).filter_by(newsletter_id=desk.newsletter.id).order_by(Edition.runs_at)
    for edition in house.session.scalars(query):
        if edition.runs_at <= house.at:
            desk.sent.insert(0, edition)
        else:
            desk.coming.append(edition)


def _record(house: House, row: Row) -> Expert:
    """Record an expert. Their pages speak the language of a newsletter if it is their first one, else English."""
    languages = {desk.newsletter.language for desk in house.desks.values()}
    profile = {name: row[name] for name in PROFILE.keys() - {"name"} if name in row}
    if "away_until_in_days" in row:
        profile["away_until"] = ago(house.at, -row["away_until_in_days"]).date()
    spoken = row["languages"][0] if row["languages"][0] in languages else "en"
    names = {topic["slug"]: topic["names"] for topic in content("topics")["topic"]}
    profile["topics"] = [names[slug][spoken] for slug in row["topics"]]
    return directory.record_expert(house.session, Clock(), row["name"], row["email"], spoken, **profile)


def office_hours(moment: datetime) -> datetime:
    """The same day (UTC) at a time at which a desk works, another one from day to day."""
    return moment.astimezone(UTC).replace(hour=8 + moment.day % 7, minute=moment.day * 17 % 60, second=0)
