"""Searching the directory of experts: the derived columns that are searched, and the directory as a listing."""

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
MAX_TERM_LENGTH = 60  # of a topic


def search_columns(name: str, profile: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns of `Expert` that are derived from a profile, for sorting, comparing and searching.

    In `words`, each language also stands in the form "=kk-arab=", for exact searches.
    """
    topics = profile.get("topics") or ()
    field_texts = [profile.get(field) or "" for field in SEARCHED_FIELDS]
    text = fold(" ".join((name, *field_texts, *topics)))
    languages = " ".join(f"{language_words(code)} {_exact_language(code)}" for code in profile.get("languages") or ())
    return {"folded": fold(name)[:LONGEST], "alike": phonetic_key(name), "words": f"{text} {languages}".strip()}


def _exact_language(code: str) -> str:
    return f"={fold(code).replace(' ', '-')}="


def topic_terms(topics: Sequence[str]) -> list[str]:
    """Return the topics as `ExpertTopic` stores them: folded, without duplicates."""
    folded_topics = dict.fromkeys(fold(topic)[:MAX_TERM_LENGTH] for topic in topics)
    return [term for term in folded_topics if term]


def update_search_columns(session: Session, expert: Expert) -> None:
    """Derive the searched columns and topics again after a change of the profile. The expert must have been flushed."""
    profile = {field: getattr(expert, field) for field in (*SEARCHED_FIELDS, "topics", "languages")}
    for column, value in search_columns(expert.person.name, profile).items():
        setattr(expert, column, value)
    session.execute(delete(ExpertTopic).where(ExpertTopic.expert_id == expert.id))
    session.add_all(ExpertTopic(expert_id=expert.id, term=term) for term in topic_terms(expert.topics))
    session.flush()


def directory(
    search_text: str = "", language: str = "", topic: str = "", *conditions: ColumnElement[bool]
) -> Listing[Expert]:
    """Return a listing, by name, of experts who match all of the arguments, without merged and deleted experts.

    Their profiles contain every word of `search_text`.
    """
    query = select(Expert).where(Expert.is_listed(), *conditions)
    for word in fold(search_text).split():
        query = query.where(Expert.words.contains(word, autoescape=True))
    if search_text and not fold(search_text):
        query = query.where(Expert.id < 0)  # punctuation alone matches nobody
    if language:
        query = query.where(Expert.words.contains(_exact_language(language), autoescape=True))
    if topic:
        term = fold(topic)[:MAX_TERM_LENGTH]
        query = query.where(exists().where(ExpertTopic.expert_id == Expert.id, ExpertTopic.term == term))
    return Listing(query, (Expert.folded, Expert.id), rising=True)


def list_languages(session: Session) -> set[str]:
    """Return the codes of the languages that experts in the directory write."""
    # As text, since PostgreSQL can't compare JSON for DISTINCT.
    query = select(cast(Expert.languages, Text)).where(Expert.is_listed()).distinct()
    return {code for codes in session.scalars(query) for code in json.loads(codes)}


def select_ids_by_terms(terms: Sequence[str]) -> Select[int]:
    """Select the IDs of experts who have at least one of these topics, newest first. `terms` are from `topic_terms`."""
    query = select(ExpertTopic.expert_id).where(ExpertTopic.term.in_(terms)).distinct()
    return query.order_by(ExpertTopic.expert_id.desc())
