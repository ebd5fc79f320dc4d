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
from app.editions.calendar import EditionDate, Rhythm, cutoff, next_dates, occurrences, read_rhythm
from app.editions.models import Edition
from app.newsletters import settings
from app.newsletters.models import Newsletter, Topic
from app.people import directory
from app.people.models import PROFILE, Expert
from app.questions.models import Question

CONTENT_FOLDER = Path(__file__).parent / "content"
FILE_SUFFIXES = {"shift-change": "a", "nafas": "b"}  # of a newsletter's files of questions and letters
FOUNDED_DAYS_AGO = 425  # before the first expert was verified
PLANNED_DAYS_AHEAD = 180
ONE_DAY = timedelta(days=1)

ContentRow = dict[str, Any]


def load_content(name: str) -> ContentRow:
    """Load a TOML file of the content."""
    return tomllib.loads((CONTENT_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def load_questions(slug: str) -> list[ContentRow]:
    """Load the questions of a newsletter."""
    questions: list[ContentRow] = load_content(f"questions-{FILE_SUFFIXES[slug]}")["question"]
    return questions


def load_letters(slug: str) -> list[ContentRow]:
    """Load the unfiled letters of a newsletter."""
    letters: list[ContentRow] = load_content(f"letters-{FILE_SUFFIXES[slug]}")["letter"]
    return letters


def subtract_days(time: datetime, days: float) -> datetime:
    return time - timedelta(days=days)


def delay_until_run(runs_at: datetime, time: datetime, end_time: datetime) -> datetime:
    """Return the time of something about an edition, such as a letter: `time`, if the edition has run by then.

    Otherwise return a time between the run and `end_time`; such times keep the order of the original ones.
    """
    if runs_at < time:
        return time
    share = ONE_DAY / (ONE_DAY + end_time - time)
    return (runs_at + (end_time - runs_at) * share).replace(microsecond=0)


def move_to_office_hours(time: datetime) -> datetime:
    """Return a time during office hours on the same day (UTC), which varies from day to day."""
    return time.astimezone(UTC).replace(hour=8 + time.day % 7, minute=time.day * 17 % 60, second=0)


@dataclass
class DemoDesk:
    """A newsletter with its people and editions; `assistant` is the editor if the desk has no assistant."""

    row: ContentRow
    newsletter: Newsletter
    editor: Staff
    assistant: Staff
    topics: dict[str, int] = field(default_factory=dict)
    past_editions: list[Edition] = field(default_factory=list)  # newest first
    coming_editions: list[Edition] = field(default_factory=list)  # soonest first

    def get_past_edition(self, edition_back: int) -> Edition:
        """Return a past edition by its number in the content; 1 is the last one that was sent."""
        return self.past_editions[edition_back - 1]


@dataclass
class DemoNewsroom:
    """All rows by their keys in the content, in the session that replays the year up to `loaded_at`."""

    session: Session
    loaded_at: datetime
    desks: dict[str, DemoDesk] = field(default_factory=dict)
    staff: dict[str, Staff] = field(default_factory=dict)  # each as a member of their first desk
    experts: dict[str, Expert] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)


def create_newsroom(session: Session, loaded_at: datetime) -> DemoNewsroom:
    """Create the newsletters, desks and experts. Sets the session's time to the founding and leaves it there."""
    session.info["at"] = subtract_days(loaded_at, FOUNDED_DAYS_AGO)
    newsroom = DemoNewsroom(session, loaded_at)
    people = load_content("people")
    for row in load_content("newsletters")["newsletter"]:
        _create_newsletter(newsroom, row, people["staff"])
    for row in people["expert"]:
        newsroom.experts[row["key"]] = _record_expert(newsroom, row)
    return newsroom


def _create_newsletter(newsroom: DemoNewsroom, row: ContentRow, staff: list[ContentRow]) -> None:
    session, slug = newsroom.session, row["slug"]
    names = {person["key"]: person["name"] for person in staff}
    columns = {name: row[name] for name in inspect(Newsletter).columns.keys() & row.keys()}
    columns |= {"editor": names[row["editor"]], **_list_exceptions(row, newsroom.loaded_at)}
    newsletter = Newsletter(**columns)
    newsletter.steps_hidden_at = subtract_days(newsroom.loaded_at, FOUNDED_DAYS_AGO)  # it was set up long ago
    newsletter.notes = [_build_protection_note(note, newsroom.loaded_at) for note in row["protection"]]
    session.add(newsletter)
    session.flush()
    members = _add_staff(newsroom, newsletter, staff)
    editor = members["editor"]
    desk = newsroom.desks[slug] = DemoDesk(row, newsletter, editor, members.get("assistant", editor))
    settings.save_house_sentences(session, editor, newsletter, newsletter.language, row["house"])
    for topic in load_content("topics")["topic"]:
        if topic["newsletter"] == slug:
            desk.topics[topic["slug"]] = _create_topic(session, newsletter, topic)
    _plan_editions(newsroom, desk)


def _read_rhythm(row: ContentRow) -> Rhythm:
    return read_rhythm(row["rule"], row["rule_start"], row["at"], row["zone"])


def _list_exceptions(row: ContentRow, loaded_at: datetime) -> dict[str, list[str]]:
    """Return the next skipped and extra dates, as in a newsletter's settings."""
    dates = [date.rule_date for date in next_dates(_read_rhythm(row), loaded_at, 8)]
    skips = [dates[skip["editions_ahead"] - 1] for skip in row["skip"]]
    extra = [dates[date["after_editions_ahead"] - 1] + timedelta(date["days"]) for date in row["extra"]]
    return {"skips": [day.isoformat() for day in skips], "extra": [day.isoformat() for day in extra]}


def _build_protection_note(note: ContentRow, loaded_at: datetime) -> ContentRow:
    checked_at = subtract_days(loaded_at, note["checked_days_ago"])
    return {"country": note["country"], "checked_on": f"{checked_at:%Y-%m-%d}", "text": note["text"]}


def _add_staff(newsroom: DemoNewsroom, newsletter: Newsletter, staff: list[ContentRow]) -> dict[str, Staff]:
    """Give people their roles at this desk. Return the actors by role."""
    session, members = newsroom.session, {}
    for row in staff:
        if role := row["roles"].get(newsletter.slug):
            person = directory.add_person(session, Clock(), row["name"], row["email"], row["language"])
            directory.give_role(session, Clock(), person, newsletter.id, role)
            members[role] = Staff(person.id, person.name, newsletter.id, role)
            newsroom.staff.setdefault(row["key"], members[role])
    return members


def _create_topic(session: Session, newsletter: Newsletter, row: ContentRow) -> int:
    topic = Topic(newsletter_id=newsletter.id, slug=row["slug"], name=row["names"][newsletter.language])
    session.add(topic)
    session.flush()
    return topic.id


def _plan_editions(newsroom: DemoNewsroom, desk: DemoDesk) -> None:
    """Plan from just before the cut-off of the first edition with a Q&A, so that no older edition stays planned."""
    session, loaded_at, newsletter = newsroom.session, newsroom.loaded_at, desk.newsletter
    first_date = _find_first_date(desk.row, loaded_at)
    first_cutoff = cutoff(first_date.local_at, newsletter.zone, newsletter.cutoff_minutes)
    planned_from = first_cutoff - timedelta(minutes=1)
    days = (loaded_at - planned_from).days + PLANNED_DAYS_AHEAD
    planning.plan_newsletter(session, Clock(), newsletter, days, planned_from)
    query = select(Edition).filter_by(newsletter_id=newsletter.id).order_by(Edition.runs_at)
    for edition in session.scalars(query):
        if edition.runs_at <= loaded_at:
            desk.past_editions.insert(0, edition)
        else:
            desk.coming_editions.append(edition)


def _find_first_date(row: ContentRow, loaded_at: datetime) -> EditionDate:
    """Return the date of the first edition with a Q&A: as many editions ago as the content's oldest question says."""
    editions = max(question.get("edition_back", 0) for question in load_questions(row["slug"]))
    founded_on = subtract_days(loaded_at, FOUNDED_DAYS_AGO).date()
    dates = occurrences(_read_rhythm(row), founded_on, loaded_at.date())
    return [date for date in dates if date.runs_at <= loaded_at][-editions]


def _record_expert(newsroom: DemoNewsroom, row: ContentRow) -> Expert:
    """Record an expert. The language of their pages is their first one if it is a newsletter's, else English."""
    page_languages = {desk.newsletter.language for desk in newsroom.desks.values()}
    language = row["languages"][0] if row["languages"][0] in page_languages else "en"
    profile = {name: row[name] for name in PROFILE.keys() - {"name"} if name in row}
    if "away_until_in_days" in row:
        profile["away_until"] = (newsroom.loaded_at + timedelta(row["away_until_in_days"])).date()
    topic_names = {topic["slug"]: topic["names"] for topic in load_content("topics")["topic"]}
    profile["topics"] = [topic_names[slug][language] for slug in row["topics"]]
    return directory.record_expert(newsroom.session, Clock(), row["name"], row["email"], language, **profile)
