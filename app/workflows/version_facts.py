"""The facts about a row that a form's version token holds, and the check that they are still the same.

Two people may decide about the same row. The second decision is rejected if a fact that it depends on has changed since
the form was shown.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session, object_session

from ..answers.models import AnswerText
from ..audit import Event
from ..audit.events import list_actions_changing
from ..db.declarative import Row
from ..db.session import lock_row
from ..editions.models import Edition
from ..forms.version_tokens import Facts, require_same_facts
from ..newsletters.models import Topic
from ..people.models import Expert, Membership
from ..questions.models import Question, QuestionText
from ..questions.queries import topics_of

AnyRow = TypeVar("AnyRow", bound=Row)
WORDING = ("headline", "body", "background", "language")  # the fields of a question's wording


def facts_of(row: Any) -> Facts:
    """Return the facts about a row on which a decision may depend. For most models this is only the version."""
    list_facts = FACTS.get(type(row))
    return list_facts(row) if list_facts else {"version": row.version}


def get_main_fact(row: Any) -> str:
    """Return the name of the fact on which every decision about a row depends."""
    return MAIN_FACTS.get(type(row), "version")


def check_unchanged(session: Session, row: AnyRow, shown_facts: Facts, *names: str) -> AnyRow:
    """Lock a row and return it. Raises `VersionConflict` if one of the facts `names` is no longer as it was shown.

    Without `names`, the main fact is compared.
    """
    current_facts = facts_of(lock_row(session, row))
    compared_names = names or (get_main_fact(row),)
    require_same_facts(type(row).__name__.lower(), current_facts, shown_facts, compared_names)
    return row


def newest_change(row: Any) -> Event | None:
    """Return the last event that made open forms about the row outdated, or None."""
    noun = type(row).__name__.lower()
    query = select(Event).where(Event.action.in_(list_actions_changing(noun)))
    if noun == "question":  # events of its assignments and answers count too
        query = query.where(Event.question_id == row.id)
    else:
        query = query.where(Event.noun == noun, Event.noun_id == row.id)
    return _session_of(row).scalar(query.order_by(Event.id.desc()).limit(1))


def facts_of_question(
    question: Question, newest_event_id: int, edition: Edition | None, topics: Sequence[Topic]
) -> dict[str, Any]:
    """Return the facts about a question; `newest_event_id` is the id of its newest change, or 0."""
    return {
        "newest": newest_event_id,
        "label": question.text.label if question.text else "",
        "edition": edition.public_id if edition else "",
        "must_run_by": str(question.must_run_by or ""),
        "topics": [topic.name for topic in topics],
    }


def _list_question_facts(question: Question) -> Facts:
    session = _session_of(question)
    newest = newest_change(question)
    edition = session.get(Edition, question.edition_id) if question.edition_id else None
    topics = topics_of(session, [question.id])[question.id]
    return facts_of_question(question, newest.id if newest else 0, edition, topics)


def _list_edition_facts(edition: Edition) -> Facts:
    # The newest event of the whole trail: all later events have happened since the page was opened.
    newest_event_id = _session_of(edition).scalar(select(func.max(Event.id))) or 0
    return {"version": edition.version, "newest": newest_event_id}


def _session_of(row: Any) -> Session:
    return cast(Session, object_session(row))


# The functions that list the facts about a row; for other models the only fact is the version.
FACTS: dict[type, Callable[[Any], Facts]] = {
    Question: _list_question_facts,
    QuestionText: lambda text: {name: getattr(text, name) or "" for name in ("label", *WORDING)},
    AnswerText: lambda text: {"label": text.label, "answer": text.body},
    Edition: _list_edition_facts,
    Expert: lambda expert: {"version": expert.version, "address": expert.person.address_no},
    Membership: lambda membership: {"role": membership.role},
}
# The fact that every decision depends on, where it isn't the version.
MAIN_FACTS = {Question: "newest", Membership: "role"}
