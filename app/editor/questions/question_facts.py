"""Facts on which a decision about a question can rest, as a form of its page shows it."""

from collections.abc import Sequence
from typing import Any

from ...editions.models import Edition
from ...newsletters.models import Topic
from ...questions.models import Question


def facts_of_question(
    question: Question, newest_event_id: int, edition: Edition | None, topics: Sequence[Topic]
) -> dict[str, Any]:
    """Return the facts by their names; `newest_event_id` is the key of its newest change, 0 where there is none."""
    return {
        "newest": newest_event_id,
        "label": question.text.label if question.text else "",
        "edition": edition.public_id if edition else "",
        "must_run_by": str(question.must_run_by or ""),
        "topics": [topic.name for topic in topics],
    }
