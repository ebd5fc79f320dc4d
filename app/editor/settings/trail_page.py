"""The trail of a newsletter: all recorded events, to filter and to download as a file."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import groupby
from typing import Any

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
from ..event_sentences import HANDS, describe_events, hands
from ..frame import RequestContext, editor, page, read_context

PAGE = 100
AT_ONCE = 1_000  # events loaded at a time for a file
DESK = "desk"  # stands for everybody who works or worked at the desk
BY_ITSELF = ("clock", "mailroom")  # automatic actors; their events are shown only on request
NOUNS = (
    {"letter": _l("Letters"), "credit": _l("Readers’ names"), "question": _l("Questions")}
    | {"assignment": _l("What experts were asked"), "answer": _l("Answers"), "edition": _l("Editions")}
    | {"mail": _l("Mails that went out"), "inbound": _l("Mails that came in"), "verdict": _l("Look-alikes")}
    | {"topic": _l("Topics"), "expert": _l("The directory"), "newsletter": _l("Settings")}
    | {"membership": _l("People"), "session": _l("Ways in"), "factor": _l("Second factors")}
    | {"identity": _l("Accounts of the provider"), "program": _l("Other programs")}
    | {"translation": _l("Translations"), "translator": _l("Translators")}
)
HEADS = ("at", "who", "what", "act", "noun", "question", "from", "to")


@dataclass(frozen=True)
class Filters:
    """The filters of the trail from the address: as typed, as a query, and those that can't be parsed."""

    typed: Mapping[str, str]
    sought: trail.TrailFilters
    faults: Mapping[str, str]

    @property
    def address(self) -> dict[str, Any]:
        return {name: text for name, text in self.typed.items() if text}


@editor.sheet("/<slug>/trail", "trail", endpoint="trail")
def look_through(slug: str) -> str:
    with read_context(slug) as desk:
        people = colleagues.get_display_names(desk.session, desk.newsletter.id)
        filters, before = _filters(desk, people), parse_cursor(request.args.get("before", ""), 2)
        listing, here = trail.listing(desk.newsletter.id, filters.sought), partial(_build_url, desk, filters)
        shown = paginate(desk.session, listing, PAGE, before, here, cursor=lambda one: format_cursor((one.at, one.id)))
        return page(
            desk,
            "editor/trail/trail.html",
            "settings",
            days=_days(desk, shown.rows),
            filters=filters,
            people=_choices(desk, people),
            acts=acts(),
            keyset=shown.keyset,
        )


def _build_url(desk: RequestContext, filters: Filters, **more: Any) -> str:
    return url_for("editor.trail", slug=desk.newsletter.slug, **filters.address, **more)


def _filters(desk: RequestContext, people: Mapping[int, str]) -> Filters:
    typed = {name: request.args.get(name, "").strip()[:60] for name in ("who", "what", "from", "to", "auto")}
    faults: dict[str, str] = {}

    def read(name: str, reader: Callable[[str], Any], fault: str) -> Any:
        if not typed[name]:
            return None
        try:
            return reader(typed[name])
        except (KeyError, ValueError, OverflowError):
            faults[name] = fault
            return None

    wrong_day = _("Write the date like 2026-07-01.")
    sought = trail.TrailFilters(
        read("who", lambda who: _actors(desk, who, people), _("Nobody of this desk is meant by this.")) or (),
        read("what", _actions, _("Nothing of this kind is noted.")) or (),
        read("from", _midnight, wrong_day),
        read("to", lambda text: _midnight(text, 1), wrong_day),
    )
    if not (sought.actors or sought.actions or typed["auto"]):
        sought = replace(sought, excluded_actors=BY_ITSELF)
    return Filters(typed, sought, faults)


def _actors(desk: RequestContext, actor: str, people: Mapping[int, str]) -> tuple[str, ...]:
    """Return the `ref`s of actors in the trail. Raises KeyError for somebody who never worked at this desk."""
    if actor in HANDS:
        return (actor,)
    if actor == DESK:
        return tuple(f"staff:{key}" for key in people)
    key = desk.session.scalar(select(Person.id).filter_by(public_id=actor))
    if key not in people:
        raise KeyError(actor)
    return (f"staff:{key}",)


def _actions(action_name: str) -> tuple[str, ...]:
    """Return an event's action, or all actions of a noun. Raises KeyError for an unknown one."""
    found = tuple(action for action in EVENTS if action == action_name or action.partition(".")[0] == action_name)
    if not found:
        raise KeyError(action_name)
    return found


def _midnight(text: str, days: int = 0) -> datetime:
    """Return the beginning of a day in the newsletter's time zone, or of the day `days` later."""
    return datetime.combine(date.fromisoformat(text) + timedelta(days=days), time(), zone()).astimezone(UTC)


def _choices(desk: RequestContext, people: Mapping[int, str]) -> list[tuple[str, str]]:
    rows = desk.session.execute(select(Person.id, Person.public_id).where(Person.id.in_(people)))
    named = sorted(((row.public_id, people[row.id]) for row in rows), key=lambda one: one[1].casefold())
    return [(DESK, _("The people of the desk")), *named, *((ref, str(name)) for ref, name in HANDS.items())]


def acts() -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return the choices of the filter by action: the nouns, each with its actions in words."""
    blank = dict.fromkeys(("who", "expert", "person", "outcome", "kind", "columns", "role", "language"), "…") | {
        "version": "",
        "why": "",
    }
    words: dict[str, list[tuple[str, str]]] = {noun: [] for noun in NOUNS}
    for action, kind in EVENTS.items():
        if (noun := action.partition(".")[0]) in words:
            words[noun].append((action, _(kind.sentence, **blank).removeprefix("… ").rstrip(".")))
    return [(noun, str(label), words[noun]) for noun, label in NOUNS.items()]


def _days(desk: RequestContext, events: Sequence[Event]) -> list[tuple[str, list[dict[str, Any]]]]:
    about = _load_subjects(desk, events)
    lines = []
    for event, text in zip(events, describe_events(desk, events), strict=True):
        page_of = about.get(("question", event.question_id or 0)) or about.get((event.noun, event.noun_id))
        lines.append(_format_time(event) | {"text": text, "about": page_of})
    return [(day(when), list(some)) for when, some in groupby(lines, key=lambda line: line["date"])]


def _format_time(event: Event) -> dict[str, Any]:
    """Return the time of an event as shown. For a reader's letter without an address only the day is stored, in UTC."""
    if event.noun == "letter" and event.at.time() == time():
        hourless = _("The hour of a letter without an address isn’t kept.")
        return {"time": event.at, "date": event.at.date(), "label": "–", "exact": hourless}
    local = event.at.astimezone(zone()).date()
    return {"time": event.at, "date": local, "label": clock_time(event.at), "exact": exact(event.at)}


def _load_subjects(desk: RequestContext, events: Iterable[Event]) -> dict[tuple[str, int], tuple[str, str]]:
    """Return the title and the address of the questions and editions that events are about."""
    slug, found = desk.newsletter.slug, dict[tuple[str, int], tuple[str, str]]()
    keys = {event.question_id for event in events if event.question_id}
    for question in desk.session.scalars(select(Question).where(Question.id.in_(keys))):
        words = question.title or _("A question")
        found["question", question.id] = words, url_for("editor.question", slug=slug, public_id=question.public_id)
    keys = {event.noun_id for event in events if event.noun == "edition"}
    for edition in desk.session.scalars(select(Edition).where(Edition.id.in_(keys))):
        href = url_for("editor.edition", slug=slug, public_id=edition.public_id)
        found["edition", edition.id] = day(edition.runs_at), href
    return found


@editor.sheet("/<slug>/trail/<any(csv, jsonl):form>", "trail")
def take_trail(slug: str, form: str) -> BaseResponse:
    """Return the filtered trail as a file, including automatic events. Questions appear by id, without their text."""
    with read_context(slug) as desk:
        filters = _filters(desk, colleagues.get_display_names(desk.session, desk.newsletter.id))
        if filters.faults:  # ignoring a filter would make the file look complete
            return redirect(_build_url(desk, filters), code=303)
    lines = stream_with_context(FORMS[form](slug, replace(filters.sought, excluded_actors=())))
    response = Response(lines, mimetype="text/csv" if form == "csv" else "application/x-ndjson")
    response.headers["Content-Disposition"] = f'attachment; filename="{slug}-trail.{form}"'
    return response


def _with_sentences(slug: str, sought: trail.TrailFilters) -> Iterator[tuple[Event, str, str, str]]:
    """Yield each event with its actor's name, its sentence, and the public id of its question."""
    with read_context(slug) as desk:
        for events in trail.listing(desk.newsletter.id, sought).iter_batches(desk.session, AT_ONCE):
            who = hands(desk, (event.actor for event in events))
            keys = {event.question_id for event in events if event.question_id}
            rows = desk.session.execute(select(Question.id, Question.public_id).where(Question.id.in_(keys)))
            ids: dict[int, str] = {row.id: row.public_id for row in rows}
            for event, text in zip(events, describe_events(desk, events), strict=True):
                named = who.get(event.actor) or str(HANDS.get(event.actor, ""))
                yield event, named, text, ids.get(event.question_id or 0, "")


def _csv(slug: str, sought: trail.TrailFilters) -> Iterator[str]:
    rows = (
        (event.at.isoformat(), who, text, event.action, event.noun, question, event.old or "", event.new or "")
        for event, who, text, question in _with_sentences(slug, sought)
    )
    return write_csv(HEADS, rows)


def _jsonl(slug: str, sought: trail.TrailFilters) -> Iterator[str]:
    for event, who, text, question in _with_sentences(slug, sought):
        # Without the event's id: compared with its neighbours, it would reveal the hour of a reader's event.
        row: dict[str, Any] = {"at": event.at.isoformat(), "actor": event.actor, "who": who, "what": text}
        row |= {"act": event.action, "noun": event.noun, "question": question or None}
        row |= {"from": event.old, "to": event.new, "facts": event.facts}
        yield json.dumps(row, ensure_ascii=False) + "\n"


FORMS: dict[str, Callable[[str, trail.TrailFilters], Iterator[str]]] = {"csv": _csv, "jsonl": _jsonl}
