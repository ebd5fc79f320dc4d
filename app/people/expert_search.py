"""Search for experts: the columns by which profiles are found, and the directory as a listing."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, Text, cast, delete, exists, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from ..core.listing import Listing
from .models import PROFILE, Expert, ExpertTopic
from .name_forms import LONGEST, fold, language_words, phonetic_key

SEARCHED_FIELDS = tuple(name for name, field in PROFILE.items() if field.is_found_by)
LONGEST_TERM = 60


def columns(name: str, profile: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns by which an expert is sorted, compared and found.

    Each language is included as "=kk-arab=", so that it can be searched for exactly.
    """
    topics = profile.get("topics") or ()
    field_texts = [profile.get(field) or "" for field in SEARCHED_FIELDS]
    text = fold(" ".join((name, *field_texts, *topics)))
    languages = " ".join(f"{language_words(code)} {_tag(code)}" for code in profile.get("languages") or ())
    return {"folded": fold(name)[:LONGEST], "alike": phonetic_key(name), "words": f"{text} {languages}".strip()}


def _tag(code: str) -> str:
    return f"={fold(code).replace(' ', '-')}="


def terms(topics: Sequence[str]) -> list[str]:
    """Return the topics as they are looked up, without duplicates."""
    folded_topics = dict.fromkeys(fold(topic)[:LONGEST_TERM] for topic in topics)
    return [term for term in folded_topics if term]


def describe(session: Session, expert: Expert) -> None:
    """Update the columns and topics by which an expert is found, after a change. The expert must have been flushed."""
    profile = {field: getattr(expert, field) for field in (*SEARCHED_FIELDS, "topics", "languages")}
    for column, value in columns(expert.person.name, profile).items():
        setattr(expert, column, value)
    session.execute(delete(ExpertTopic).where(ExpertTopic.expert_id == expert.id))
    session.add_all(ExpertTopic(expert_id=expert.id, term=term) for term in terms(expert.topics))
    session.flush()


def directory(
    search_text: str = "", language: str = "", topic: str = "", *rules: ColumnElement[bool]
) -> Listing[Expert]:
    """Return a listing, by name, of the experts whose profiles contain every word of `search_text`.

    Merged and deleted experts are left out.
    """
    query = select(Expert).where(Expert.is_listed(), *rules)
    for word in fold(search_text).split():
        query = query.where(Expert.words.contains(word, autoescape=True))
    if search_text and not fold(search_text):
        query = query.where(Expert.id < 0)  # punctuation alone matches nobody
    if language:
        query = query.where(Expert.words.contains(_tag(language), autoescape=True))
    if topic:
        term = fold(topic)[:LONGEST_TERM]
        query = query.where(exists().where(ExpertTopic.expert_id == Expert.id, ExpertTopic.term == term))
    return Listing(query, (Expert.folded, Expert.id), rising=True)


def tongues(session: Session) -> set[str]:
    """Return the languages that anybody in the directory writes."""
    query = select(cast(Expert.languages, Text)).where(Expert.is_listed()).distinct()
    return {code for listed in session.scalars(query) for code in json.loads(listed)}


def select_ids_by_topics(topic_terms: Sequence[str]) -> Select[int]:
    """Select the ids of experts who have one of these topics, given as `terms`, the latest recorded first."""
    chosen = select(ExpertTopic.expert_id).where(ExpertTopic.term.in_(topic_terms)).distinct()
    return chosen.order_by(ExpertTopic.expert_id.desc())
