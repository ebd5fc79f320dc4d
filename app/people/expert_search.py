"""Finding experts: what their profiles are looked up by, and the directory in pages."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, Text, cast, delete, exists, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from ..core.listing import Listing
from .models import PROFILE, Expert, ExpertTopic
from .name_forms import LONGEST, fold, language_words, phonetic_key

SAID = tuple(name for name, field in PROFILE.items() if field.is_found_by)
LONGEST_TERM = 60


def columns(name: str, profile: Mapping[str, Any]) -> dict[str, str]:
    """Return what an expert is sorted, compared and found by. A language stands as "=kk-arab=" so that it can be asked
    for alone.
    """
    topics, languages = profile.get("topics") or (), profile.get("languages") or ()
    said = fold(" ".join((name, *(profile.get(part) or "" for part in SAID), *topics)))
    tongues = " ".join(f"{language_words(code)} {_tag(code)}" for code in languages)
    return {"folded": fold(name)[:LONGEST], "alike": phonetic_key(name), "words": f"{said} {tongues}".strip()}


def _tag(code: str) -> str:
    return f"={fold(code).replace(' ', '-')}="


def terms(topics: Sequence[str]) -> list[str]:
    """Topics as they are looked up by, each once."""
    return [term for term in dict.fromkeys(fold(topic)[:LONGEST_TERM] for topic in topics) if term]


def describe(session: Session, expert: Expert) -> None:
    """Make anew what an expert is found by: the profile or the name has changed. The expert has been flushed."""
    made = columns(expert.person.name, {part: getattr(expert, part) for part in (*SAID, "topics", "languages")})
    for column, value in made.items():
        setattr(expert, column, value)
    session.execute(delete(ExpertTopic).where(ExpertTopic.expert_id == expert.id))
    session.add_all(ExpertTopic(expert_id=expert.id, term=term) for term in terms(expert.topics))
    session.flush()


def directory(
    search_text: str = "", language: str = "", topic: str = "", *rules: ColumnElement[bool]
) -> Listing[Expert]:
    """Return the list of the experts of whom each of the `search_text` is said, wherever, in the order of their names;
    nobody who was merged into somebody else, or deleted.
    """
    query = select(Expert).where(Expert.is_listed(), *rules)
    for word in fold(search_text).split():
        query = query.where(Expert.words.contains(word, autoescape=True))
    if search_text and not fold(search_text):
        query = query.where(Expert.id < 0)  # signs alone say nothing of anybody
    if language:
        query = query.where(Expert.words.contains(_tag(language), autoescape=True))
    if topic:
        about = exists().where(ExpertTopic.expert_id == Expert.id, ExpertTopic.term == fold(topic)[:LONGEST_TERM])
        query = query.where(about)
    return Listing(query, (Expert.folded, Expert.id), rising=True)


def tongues(session: Session) -> set[str]:
    """The languages that somebody in the directory writes."""
    query = select(cast(Expert.languages, Text)).where(Expert.is_listed()).distinct()
    return {code for listed in session.scalars(query) for code in json.loads(listed)}


def select_ids_by_topics(topic_terms: Sequence[str]) -> Select[int]:
    """The keys of experts who name one of some topics, given as `terms`, those who were recorded last first."""
    chosen = select(ExpertTopic.expert_id).where(ExpertTopic.term.in_(topic_terms)).distinct()
    return chosen.order_by(ExpertTopic.expert_id.desc())
