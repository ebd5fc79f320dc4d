"""Sentences for the events of the trail. The names in them are loaded in a fixed number of queries."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import literal, select, union_all

from ..answers.models import Answer, AnswerText, Assignment
from ..audit import Event
from ..audit.events import EVENTS
from ..core.permissions import ROLES
from ..editions.models import Edition
from ..newsletters.models import SETTINGS
from ..people import colleagues
from ..people.directory import expert_names, names_of
from ..people.models import Expert, Person
from ..questions.models import Question, QuestionText
from ..web.formatting import day, format_language
from .form_fields import field_labels
from .frame import RequestContext, role_label
from .letter_labels import FILED

OUTCOMES = {
    "fine": _l("it is right"),
    "approved": _l("it is approved"),
    "silent": _l("silence, so it runs"),
    "wrong": _l("something is wrong"),
}
# By actor of the trail who is neither a person of the desk nor an expert.
ACTOR_LABELS = {
    "reader": _l("A reader"),
    "translator": _l("A translator"),
    "clock": _l("The calendar"),
    "mailroom": _l("The mailroom"),
}
ExpertNames = Mapping[tuple[str, int], str]  # by noun and id of a profile, an assignment or an answer


class PreloadedNames(NamedTuple):
    """Names and numbers that a page has loaded already, by id."""

    people: Mapping[int, str]
    experts: Mapping[int, str]
    versions: Mapping[int, int]  # the numbers of answers' texts


NO_NAMES = PreloadedNames({}, {}, {})


def describe_events(
    desk: RequestContext,
    events: Sequence[Event],
    experts: ExpertNames | None = None,
    page: Question | Edition | None = None,
    viewer_name: str = "",
    preloaded: PreloadedNames = NO_NAMES,
) -> list[str]:
    """Return a sentence for each event.

    `experts` and `preloaded` are names that aren't queried again. `page` is the question or edition on whose page the
    sentences are shown. `viewer_name` replaces the name of the person who looks at them.
    """
    actor_names = get_actor_names(desk, (event.actor for event in events), preloaded)
    if viewer_name:
        actor_names[desk.actor.ref] = viewer_name
    version_numbers = _load_version_numbers(desk, events, preloaded.versions)
    people: Mapping[int, str] = {}
    if any(_get_person_id(event) for event in events):
        people = colleagues.get_display_names(desk.session, desk.newsletter.id)
    if experts is None:
        experts = _load_expert_names(desk, events)
    reasons = _load_reasons(desk, events)

    def build_values(event: Event) -> dict[str, str]:
        facts = event.facts or {}
        number = version_numbers.get(facts.get("text", 0))
        # A wording in a reader's own words is cleared with a reason.
        reason = reasons.get(facts["text"]) if facts.get("own") else ""
        return {
            "who": actor_names.get(event.actor) or str(ACTOR_LABELS.get(event.actor, _("Somebody"))),
            "expert": experts.get((event.noun, event.noun_id), _("the expert")),
            "version": _(" (version %(number)s)", number=number) if number else "",
            "why": _(", in a reader’s own words: “%(reason)s”", reason=reason) if reason else "",
            "outcome": str(OUTCOMES.get(facts.get("outcome", ""), "")),
            "kind": str(FILED.get(facts.get("kind", ""), "")),
            "person": people.get(_get_person_id(event) or 0) or _("somebody"),
            "role": role_label(event.new) if event.new in ROLES else "",
            "language": format_language(facts.get("language", "")),
            "until": day(date.fromisoformat(facts["until"])) if facts.get("until") else "",
            "numbers": _format_import(facts) if event.action == "newsletter.import_letters" else "",
            "columns": ", ".join(field_labels(SETTINGS).get(column, column) for column in facts.get("columns", ())),
        }

    return [_(_get_sentence(event, page), **build_values(event)) for event in events]


def _format_import(facts: Mapping[str, Any]) -> str:
    """Return what became of the rows of an imported file of letters."""
    numbers = {name: facts.get(name, 0) for name in ("letters", "here", "wrong")}
    return _(": %(letters)d new, %(here)d here already, %(wrong)d wrong", **numbers)


def _get_sentence(event: Event, page: Question | Edition | None) -> str:
    kind = EVENTS[event.action]
    if kind.here and page and _is_arrival(event, page):
        return kind.here
    return kind.sentence


def _is_arrival(event: Event, page: Question | Edition) -> bool:
    """Return whether an event brought a question to this edition, or a letter or question to this question."""
    if isinstance(page, Edition):
        return (event.facts or {}).get("to") == page.id
    return event.noun == "letter" or (event.noun == "question" and event.noun_id != page.id)


def add_question_title(title: str | None, text: str) -> str:
    """Return a sentence with the title of its question in front, or without a title the sentence alone."""
    return _("“%(question)s”: %(what)s", question=title, what=text) if title else text


def get_actor_names(
    desk: RequestContext, actors: Iterable[str], preloaded: PreloadedNames = NO_NAMES
) -> dict[str, str]:
    """Return the names of actors such as "staff:5" and "expert:7", in at most two queries."""
    ids_by_kind: dict[str, set[int]] = {"staff": set(), "expert": set()}
    for ref in actors:
        kind, colon, key = ref.partition(":")
        if colon and kind in ids_by_kind:
            ids_by_kind[kind].add(int(key))
    staff = names_of(desk.session, list(ids_by_kind["staff"]), preloaded.people)
    experts = expert_names(desk.session, list(ids_by_kind["expert"]), preloaded.experts)
    return {f"staff:{key}": name for key, name in staff.items()} | {
        f"expert:{key}": name for key, name in experts.items()
    }


def _load_version_numbers(
    desk: RequestContext, events: Iterable[Event], preloaded: Mapping[int, int]
) -> Mapping[int, int]:
    facts_of_answers = (event.facts or {} for event in events if event.noun == "answer")
    text_ids = [facts["text"] for facts in facts_of_answers if facts.get("text")]
    if preloaded.keys() >= {*text_ids}:
        return preloaded
    query = select(AnswerText.id, AnswerText.number).where(AnswerText.id.in_(text_ids))
    return {row.id: row.number for row in desk.session.execute(query)} if text_ids else {}


def _load_reasons(desk: RequestContext, events: Iterable[Event]) -> dict[int, str | None]:
    """Return the reasons with which wordings in readers' own words were cleared, by wording id.

    A reason is None if it has been erased since.
    """
    text_ids = [event.facts["text"] for event in events if event.facts and event.facts.get("own")]
    query = select(QuestionText.id, QuestionText.own_words_reason).where(QuestionText.id.in_(text_ids))
    return {row.id: row.own_words_reason for row in desk.session.execute(query)} if text_ids else {}


def _get_person_id(event: Event) -> int | None:
    """Return the id of the person at the desk whom an event is about, or None."""
    return (event.facts or {}).get("person") or (event.noun_id if event.noun == "person" else None)


def _load_expert_names(desk: RequestContext, events: Sequence[Event]) -> dict[tuple[str, int], str]:
    """Return the names of the experts whose profile, assignment or answer each event is about, by noun and id."""
    ids_by_noun = {
        noun: {event.noun_id for event in events if event.noun == noun} for noun in ("expert", "assignment", "answer")
    }
    if not any(ids_by_noun.values()):
        return {}
    # By noun: the columns of the row's id and of its expert's.
    columns = {
        "expert": (Expert.id, Expert.id),
        "assignment": (Assignment.id, Assignment.expert_id),
        "answer": (Answer.id, Answer.expert_id),
    }
    queries = (
        select(literal(noun), row_id, Person.name)
        .select_from(Person)
        .join(Expert, Expert.person_id == Person.id)
        .where(expert_id == Expert.id, row_id.in_(ids_by_noun[noun]))
        for noun, (row_id, expert_id) in columns.items()
        if ids_by_noun[noun]
    )
    return {(noun, row_id): name for noun, row_id, name in desk.session.execute(union_all(*queries))}
