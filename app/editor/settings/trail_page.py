"""The trail of a newsletter: all recorded events, to filter and to download as a file."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from flask import Response, redirect, request, stream_with_context, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from ...audit import Event, trail
from ...audit.events import EVENTS
from ...core.listing import format_cursor, parse_cursor
from ...editions.models import Edition
from ...people import colleagues
from ...people.models import Person
from ...people.spreadsheet import write_csv
from ...questions.models import Question
from ...web.formatting import clock_time, day, exact, zone
from ...web.setup import paginate
from ..event_sentences import ACTOR_LABELS, describe_events, get_actor_names
from ..frame import RequestContext, editor, page, read_context

PAGE_SIZE = 100
BATCH_SIZE = 1_000  # events loaded at a time for a file
DESK = "desk"  # value of the filter by actor: everybody who works or worked at the desk
AUTOMATIC_ACTORS = ("clock", "mailroom")  # most of their events are shown only with a filter (`trail.ALWAYS_SHOWN`)
NOUNS = (
    {"letter": _l("Letters"), "credit": _l("Readers’ names"), "question": _l("Questions")}
    | {"assignment": _l("What experts were asked"), "answer": _l("Answers"), "edition": _l("Editions")}
    | {"mail": _l("Mails that went out"), "inbound": _l("Mails that came in"), "verdict": _l("Look-alikes")}
    | {"topic": _l("Topics"), "expert": _l("The directory"), "newsletter": _l("Settings")}
    | {"membership": _l("People"), "session": _l("Signing in"), "factor": _l("Second factors")}
    | {"identity": _l("Accounts of the provider"), "program": _l("Other programs"), "token": _l("Tokens for programs")}
    | {"translation": _l("Translations"), "translator": _l("Translators")}
)
FILTER_PARAMS = ("who", "what", "from", "to", "auto")  # in the query string
MAX_PARAM_LENGTH = 60  # longer than any valid value
CSV_HEADERS = ("at", "who", "what", "act", "noun", "question", "from", "to")


@dataclass(frozen=True)
class Filters:
    """The filters of the trail in the query string."""

    params: Mapping[str, str]  # as submitted; a missing one is ""
    parsed: trail.TrailFilters
    faults: Mapping[str, str]  # messages about filters that can't be parsed, by parameter

    @property
    def url_params(self) -> dict[str, Any]:
        return {name: text for name, text in self.params.items() if text}


@editor.restricted_page("/<slug>/trail", permission="trail", endpoint="trail")
def look_through(slug: str) -> str:
    with read_context(slug) as desk:
        people = colleagues.get_display_names(desk.session, desk.newsletter.id)
        filters = _parse_filters(desk, people)
        before = parse_cursor(request.args.get("before", ""), 2)
        listing = trail.listing(desk.newsletter.id, filters.parsed)
        make_url = partial(_build_url, desk, filters)
        events_page = paginate(desk.session, listing, PAGE_SIZE, before, make_url, cursor=_format_event_cursor)
        return page(
            desk,
            "editor/trail/trail.html",
            "settings",
            days=_group_by_day(desk, events_page.rows),
            filters=filters,
            people=_actor_options(desk, people),
            acts=list_action_options(),
            page_urls=events_page.page_urls,
        )


def _format_event_cursor(event: Event) -> str:
    return format_cursor((event.at, event.id))


def _build_url(desk: RequestContext, filters: Filters, **more: Any) -> str:
    return url_for("editor.trail", slug=desk.newsletter.slug, **filters.url_params, **more)


def _parse_filters(desk: RequestContext, people: Mapping[int, str]) -> Filters:
    params = {name: request.args.get(name, "").strip()[:MAX_PARAM_LENGTH] for name in FILTER_PARAMS}
    faults: dict[str, str] = {}

    def parse(name: str, parser: Callable[[str], Any], fault: str) -> Any:
        if not params[name]:
            return None
        try:
            return parser(params[name])
        except (KeyError, ValueError, OverflowError):
            faults[name] = fault
            return None

    date_fault = _("Write the date like 2026-07-01.")
    parsed = trail.TrailFilters(
        parse("who", lambda who: _parse_actor(desk, who, people), _("This matches nobody at this desk.")) or (),
        parse("what", _parse_action, _("Nothing of this kind is noted.")) or (),
        parse("from", _parse_midnight, date_fault),
        parse("to", lambda text: _parse_midnight(text, days=1), date_fault),
    )
    if not (parsed.actors or parsed.actions or params["auto"]):
        parsed = replace(parsed, excluded_actors=AUTOMATIC_ACTORS)
    return Filters(params, parsed, faults)


def _parse_actor(desk: RequestContext, actor: str, people: Mapping[int, str]) -> tuple[str, ...]:
    """Return the references in the trail of the selected actor, or for `DESK` of everybody at this desk.

    `people` are the names of everybody who works or worked here, by person id. Raises KeyError for anybody else.
    """
    if actor in ACTOR_LABELS:
        return (actor,)
    if actor == DESK:
        return tuple(f"staff:{person_id}" for person_id in people)
    person_id = desk.session.scalar(select(Person.id).filter_by(public_id=actor))
    if person_id not in people:
        raise KeyError(actor)
    return (f"staff:{person_id}",)


def _parse_action(action_name: str) -> tuple[str, ...]:
    """Return the action with this name, or all actions of the noun with this name. Raises KeyError without any."""
    actions = tuple(action for action in EVENTS if action == action_name or action.partition(".")[0] == action_name)
    if not actions:
        raise KeyError(action_name)
    return actions


def _parse_midnight(text: str, days: int = 0) -> datetime:
    """Return the beginning of a day in the newsletter's time zone, or of the day `days` later."""
    return datetime.combine(date.fromisoformat(text) + timedelta(days=days), time(), zone()).astimezone(UTC)


def _actor_options(desk: RequestContext, people: Mapping[int, str]) -> list[tuple[str, str]]:
    rows = desk.session.execute(select(Person.id, Person.public_id).where(Person.id.in_(people)))
    options = sorted(((row.public_id, people[row.id]) for row in rows), key=lambda option: option[1].casefold())
    return [(DESK, _("The people of the desk")), *options, *((ref, str(name)) for ref, name in ACTOR_LABELS.items())]


def list_action_options() -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return the options of the filter by action, as (noun, label, actions); an action is (key, sentence)."""
    placeholders = dict.fromkeys(
        ("who", "expert", "person", "outcome", "kind", "columns", "role", "language", "until"), "…"
    )
    placeholders |= {"version": "", "why": "", "numbers": ""}  # additions that a sentence can do without
    actions_by_noun: dict[str, list[tuple[str, str]]] = {noun: [] for noun in NOUNS}
    for action, kind in EVENTS.items():
        noun, _dot, _verb = action.partition(".")
        if noun in actions_by_noun:
            sentence = _(kind.sentence, **placeholders)
            actions_by_noun[noun].append((action, sentence.removeprefix("… ").rstrip(".")))
    return [(noun, str(label), actions_by_noun[noun]) for noun, label in NOUNS.items()]


def _group_by_day(desk: RequestContext, events: Sequence[Event]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the events as lines, grouped by the day that is shown for them."""
    subjects = _load_subjects(desk, events)
    lines = []
    for event, text in zip(events, describe_events(desk, events), strict=True):
        subject = subjects.get(("question", event.question_id or 0)) or subjects.get((event.noun, event.noun_id))
        lines.append(_format_time(event) | {"text": text, "about": subject})
    return [(day(date_), list(day_lines)) for date_, day_lines in groupby(lines, key=itemgetter("date"))]


def _format_time(event: Event) -> dict[str, Any]:
    """Return the time of an event as shown. A letter without an address has only a day, stored as midnight in UTC."""
    if event.noun == "letter" and event.at.time() == time():
        explanation = _("The hour of a letter without an address isn’t kept.")
        return {"time": event.at, "date": event.at.date(), "label": "–", "exact": explanation}
    local_date = event.at.astimezone(zone()).date()
    return {"time": event.at, "date": local_date, "label": clock_time(event.at), "exact": exact(event.at)}


def _load_subjects(desk: RequestContext, events: Iterable[Event]) -> dict[tuple[str, int], tuple[str, str]]:
    """Return the title and the address of the questions and editions that events are about."""
    slug, subjects = desk.newsletter.slug, dict[tuple[str, int], tuple[str, str]]()
    question_ids = {event.question_id for event in events if event.question_id}
    for question in desk.session.scalars(select(Question).where(Question.id.in_(question_ids))):
        title = question.title or _("A question")
        subjects["question", question.id] = title, url_for("editor.question", slug=slug, public_id=question.public_id)
    edition_ids = {event.noun_id for event in events if event.noun == "edition"}
    for edition in desk.session.scalars(select(Edition).where(Edition.id.in_(edition_ids))):
        href = url_for("editor.edition", slug=slug, public_id=edition.public_id)
        subjects["edition", edition.id] = day(edition.runs_at), href
    return subjects


@editor.restricted_page("/<slug>/trail/<any(csv, jsonl):form>", permission="trail")
def take_trail(slug: str, form: str) -> BaseResponse:
    """Return the filtered trail as a file, including automatic events. Questions appear by id, without their text."""
    with read_context(slug) as desk:
        filters = _parse_filters(desk, colleagues.get_display_names(desk.session, desk.newsletter.id))
        if filters.faults:  # ignoring a filter would make the file look complete
            return redirect(_build_url(desk, filters), code=303)
    lines = stream_with_context(WRITERS[form](slug, replace(filters.parsed, excluded_actors=())))
    response = Response(lines, mimetype="text/csv" if form == "csv" else "application/x-ndjson")
    response.headers["Content-Disposition"] = f'attachment; filename="{slug}-trail.{form}"'
    return response


class DescribedEvent(NamedTuple):
    """An event as the files have it."""

    event: Event
    actor_name: str
    sentence: str
    question_id: str  # the public id, or ""


def _describe_all(slug: str, filters: trail.TrailFilters) -> Iterator[DescribedEvent]:
    with read_context(slug) as desk:
        for events in trail.listing(desk.newsletter.id, filters).iter_batches(desk.session, BATCH_SIZE):
            names = get_actor_names(desk, (event.actor for event in events))
            question_ids = {event.question_id for event in events if event.question_id}
            rows = desk.session.execute(select(Question.id, Question.public_id).where(Question.id.in_(question_ids)))
            public_ids: dict[int, str] = {row.id: row.public_id for row in rows}
            for event, text in zip(events, describe_events(desk, events), strict=True):
                name = names.get(event.actor) or str(ACTOR_LABELS.get(event.actor, ""))
                yield DescribedEvent(event, name, text, public_ids.get(event.question_id or 0, ""))


def _write_csv_lines(slug: str, filters: trail.TrailFilters) -> Iterator[str]:
    rows = (
        (event.at.isoformat(), name, sentence, event.action, event.noun, question_id, event.old or "", event.new or "")
        for event, name, sentence, question_id in _describe_all(slug, filters)
    )
    return write_csv(CSV_HEADERS, rows)


def _write_json_lines(slug: str, filters: trail.TrailFilters) -> Iterator[str]:
    for event, name, sentence, question_id in _describe_all(slug, filters):
        # Without the event's id: compared with its neighbours, it would reveal the hour of a reader's event.
        row: dict[str, Any] = {"at": event.at.isoformat(), "actor": event.actor, "who": name, "what": sentence}
        row |= {"act": event.action, "noun": event.noun, "question": question_id or None}
        row |= {"from": event.old, "to": event.new, "facts": event.facts}
        yield json.dumps(row, ensure_ascii=False) + "\n"


# By format: the function that yields the lines of the file.
WRITERS: dict[str, Callable[[str, trail.TrailFilters], Iterator[str]]] = {
    "csv": _write_csv_lines,
    "jsonl": _write_json_lines,
}
