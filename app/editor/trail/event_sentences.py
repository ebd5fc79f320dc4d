"""Events of the trail as sentences with the names in them, in a fixed number of queries however many there are."""

from collections.abc import Iterable, Mapping, Sequence

from flask_babel import gettext as _
from sqlalchemy import select

from ...answers.models import Answer, AnswerText, Assignment
from ...audit import Event
from ...people import colleagues
from ...people.directory import expert_names, names_of
from ...permissions import ROLES
from ..frame import Desk, role_label
from ..settings.newsletter_page import LABELS
from .event_words import HANDS, MERGED_HERE, OUTCOMES, SENTENCES

Experts = Mapping[tuple[str, int], str]


def tell(desk: Desk, events: Sequence[Event], experts: Experts | None = None, lead: int = 0) -> list[str]:
    """A sentence for each event; `experts` are names by noun and key, looked up where they are not at hand. `lead` is the
    question on whose page others, which were merged into it, are told of."""
    who, versions, people = hands(desk, events), _versions(desk, events), _people(desk, events)
    experts = _experts(desk, events) if experts is None else experts
    return [_sentence(event, who, versions, people, experts, lead) for event in events]


def _sentence(
    event: Event,
    who: Mapping[str, str],
    versions: Mapping[int, int],
    people: Mapping[int, str],
    experts: Experts,
    lead: int,
) -> str:
    facts = event.facts or {}
    number = versions.get(facts.get("text", 0))
    values = {
        "who": who.get(event.actor) or str(HANDS.get(event.actor, _("Somebody"))),
        "expert": experts.get((event.noun, event.noun_id), _("the expert")),
        "version": _(" (version %(number)s)", number=number) if number else "",
        "outcome": str(OUTCOMES.get(facts.get("outcome", ""), "")),
        "person": people.get(_person(event) or 0) or _("somebody"),
        "role": role_label(event.new) if event.new in ROLES else "",
        "columns": ", ".join(str(LABELS.get(column, column)) for column in facts.get("columns", ())),
    }
    if event.action == "question.merge" and lead and event.question_id != lead:
        return str(MERGED_HERE) % values
    told = SENTENCES.get(event.action)
    return str(told.sentence) % values if told else event.action


def hands(desk: Desk, events: Iterable[Event]) -> dict[str, str]:
    """The names behind "staff:5" and "expert:7", in two queries."""
    refs = {event.actor for event in events if ":" in event.actor}
    kinds = {"staff": names_of, "expert": expert_names}
    return {
        f"{kind}:{key}": name
        for kind, look_up in kinds.items()
        for key, name in look_up(desk.session, _keys(refs, kind)).items()
    }


def _keys(refs: Iterable[str], kind: str) -> list[int]:
    return [int(key) for found, _colon, key in (ref.partition(":") for ref in refs) if found == kind]


def _versions(desk: Desk, events: Iterable[Event]) -> dict[int, int]:
    told = (event.facts or {} for event in events if event.noun == "answer")
    keys = [facts["text"] for facts in told if facts.get("text")]
    rows = desk.session.execute(select(AnswerText.id, AnswerText.number).where(AnswerText.id.in_(keys)))
    return {row.id: row.number for row in rows}


def _person(event: Event) -> int | None:
    """Whom of the desk's people an event is about."""
    return (event.facts or {}).get("person") or (event.noun_id if event.noun == "person" else None)


def _people(desk: Desk, events: Iterable[Event]) -> dict[int, str]:
    return colleagues.known_as(desk.session, desk.newsletter.id) if any(map(_person, events)) else {}


def _experts(desk: Desk, events: Sequence[Event]) -> dict[tuple[str, int], str]:
    """Whose assignment, answer or profile it was."""
    keys = {
        noun: {event.noun_id for event in events if event.noun == noun} for noun in ("expert", "assignment", "answer")
    }
    found = {("expert", key): key for key in keys["expert"]}
    for noun, table in (("assignment", Assignment), ("answer", Answer)):
        rows = desk.session.execute(select(table.id, table.expert_id).where(table.id.in_(keys[noun])))
        found |= {(noun, key): expert for key, expert in rows}
    names = expert_names(desk.session, sorted(set(found.values())))
    return {place: names[key] for place, key in found.items() if key in names}
