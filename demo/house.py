"""The demo newsroom as it was founded over a year ago: newsletters, calendars, topics, desks and experts."""

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
SIDES = {"shift-change": "a", "nafas": "b"}  # the suffix of a newsletter's files of questions and letters
FOUNDED = 425  # days ago: before the first expert was checked
PLANNED = 180  # days ahead of today
A_DAY = timedelta(days=1)

Row = dict[str, Any]


def content(name: str) -> Row:
    """Load a TOML file of the content."""
    return tomllib.loads((CONTENT / f"{name}.toml").read_text(encoding="utf-8"))


def ago(at: datetime, days: float) -> datetime:
    return at - timedelta(days=days)


def time_after_run(runs_at: datetime, moment: datetime, until: datetime) -> datetime:
    """Return the time of something about an edition: `moment`, or if the edition had not run by then, a time between
    its run and `until`. The order of such times is that of their moments.
    """
    if runs_at < moment:
        return moment
    return (runs_at + (until - runs_at) * (A_DAY / (A_DAY + until - moment))).replace(microsecond=0)


@dataclass
class Desk:
    """A newsletter with its people and editions; `assistant` is the editor if the desk has no assistant."""

    row: Row
    newsletter: Newsletter
    editor: Staff
    assistant: Staff
    topics: dict[str, int] = field(default_factory=dict)
    sent: list[Edition] = field(default_factory=list)  # newest first: number 0 is `edition_back = 1`
    coming: list[Edition] = field(default_factory=list)  # soonest first


@dataclass
class House:
    """All rows by their keys in the content, in the session that creates the year up to `at`."""

    session: Session
    at: datetime
    desks: dict[str, Desk] = field(default_factory=dict)
    staff: dict[str, Staff] = field(default_factory=dict)  # each as a member of their first desk
    experts: dict[str, Expert] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)


def found(session: Session, at: datetime) -> House:
    """Create the newsletters, desks and experts. The session's time is set to the founding and left there."""
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
    newsletter.steps_hidden_at = ago(house.at, FOUNDED)  # it was set up long ago
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
    """Return the next skipped and extra dates, as in a newsletter's settings."""
    usual = next_dates(read_rhythm(row["rule"], row["rule_start"], row["at"], row["zone"]), at, 8)
    skips = [usual[skip["editions_ahead"] - 1].rule_date for skip in row["skip"]]
    extra = [usual[date["after_editions_ahead"] - 1].rule_date + timedelta(date["days"]) for date in row["extra"]]
    return {"skips": [day.isoformat() for day in skips], "extra": [day.isoformat() for day in extra]}


def _hire(house: House, newsletter: Newsletter, staff: list[Row]) -> dict[str, Staff]:
    """Give people their roles at this desk. Return the actors by role."""
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
    """Plan from just before the cut-off of the first edition with a Q&A, so that no older edition stays planned."""
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
    """Record an expert. The language of their pages is their first one if it is a newsletter's, else English."""
    languages = {desk.newsletter.language for desk in house.desks.values()}
    profile = {name: row[name] for name in PROFILE.keys() - {"name"} if name in row}
    if "away_until_in_days" in row:
        profile["away_until"] = ago(house.at, -row["away_until_in_days"]).date()
    spoken = row["languages"][0] if row["languages"][0] in languages else "en"
    names = {topic["slug"]: topic["names"] for topic in content("topics")["topic"]}
    profile["topics"] = [names[slug][spoken] for slug in row["topics"]]
    return directory.record_expert(house.session, Clock(), row["name"], row["email"], spoken, **profile)


def office_hours(moment: datetime) -> datetime:
    """Return a time during working hours on the same day (UTC), which varies from day to day."""
    return moment.astimezone(UTC).replace(hour=8 + moment.day % 7, minute=moment.day * 17 % 60, second=0)
