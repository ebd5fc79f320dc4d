"""Look-alikes of a question: similar questions, waiting letters, and published answers.

A question's `family` consists of its id and the ids of the questions merged into it.
"""

from collections.abc import Sequence
from enum import StrEnum

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from ...answers.candidates import score_similar_texts
from ...db.session import get_many
from ...letters.models import Letter
from ...newsletters.models import Topic
from ...questions import actions
from ...questions.lifecycle import QUESTION
from ...questions.models import Question
from ...search import DESK
from ...search.alike import Comparison, Match, find_matches
from ...web.formatting import age
from ..frame import RequestContext
from ..letter_labels import received_age
from ..letters.letter_look_alikes import LookAlike, build_look_alike
from ..question_labels import STATE_LABELS

MAX_LOOK_ALIKES = 5


class JoinChoice(StrEnum):
    """The actions of the button that joins a question with its look-alike."""

    ADD_LETTER = "join"  # file the letter to the question
    TAKE_IN = "take in"  # merge the look-alike into the question
    MERGE_INTO_LOOK_ALIKE = "give"
    CLOSE_WITH_ANSWER = "end"  # close the question with the published answer of the look-alike


LABELS = {
    JoinChoice.ADD_LETTER: _l("Add it to this question"),
    JoinChoice.TAKE_IN: _l("Merge it into this one"),
    JoinChoice.MERGE_INTO_LOOK_ALIKE: _l("Merge this one into it"),
    JoinChoice.CLOSE_WITH_ANSWER: _l("Close this with that answer"),
}


def compare_question(desk: RequestContext, question: Question, topics: Sequence[Topic]) -> Comparison | None:
    """Compare a question with all others, for look-alikes and to rank experts; None if settled or without wording."""
    if question.is_settled or not question.wording:
        return None
    return score_similar_texts(desk.session, question, tuple(topic.name for topic in topics))


def find_candidates(desk: RequestContext, comparison: Comparison | None) -> list[Match]:
    if comparison is None:
        return []
    return find_matches(
        desk.session, DESK, desk.newsletter.id, comparison.probe, limit=3 * MAX_LOOK_ALIKES, comparison=comparison
    )


def list_look_alikes(
    desk: RequestContext, question: Question, comparison: Comparison | None, family: Sequence[int], was_asked: bool
) -> list[LookAlike]:
    """Return the look-alikes of a question, best first, without questions of its family."""
    pairs = _load_rows(desk, find_candidates(desk, comparison), family)
    return [_build_look_alike(desk, question, match, row, was_asked) for match, row in pairs[:MAX_LOOK_ALIKES]]


def _load_rows(
    desk: RequestContext, matches: Sequence[Match], family: Sequence[int]
) -> list[tuple[Match, Question | Letter]]:
    """Return the matches with their rows, in two queries. Filed letters are left out: their questions match instead."""
    questions_by_id = get_many(desk.session, Question, [match.noun_id for match in matches if match.noun == "question"])
    letters_by_id = get_many(desk.session, Letter, [match.noun_id for match in matches if match.noun == "letter"])
    pairs: list[tuple[Match, Question | Letter]] = []
    for match in matches:
        rows = questions_by_id if match.noun == "question" else letters_by_id
        row = rows.get(match.noun_id)
        if row is not None and _is_eligible(row, family):
            pairs.append((match, row))
    return pairs


def _is_eligible(row: Question | Letter, family: Sequence[int]) -> bool:
    if isinstance(row, Letter):
        return row.is_received and row.author == "reader"
    return row.id not in family and not row.is_merged and not row.is_retracted


def _build_look_alike(
    desk: RequestContext, question: Question, match: Match, row: Question | Letter, was_asked: bool
) -> LookAlike:
    choice = get_join_choice(desk, question, row)
    label = str(LABELS[choice]) if choice else ""
    if choice is JoinChoice.CLOSE_WITH_ANSWER and was_asked:
        label = _("Close this with that answer …")  # leads to the form that asks for a sentence to the expert
    return build_look_alike(desk, match, row, _format_row_status(row), choice or "", label)


def _format_row_status(row: Question | Letter) -> str:
    if isinstance(row, Letter):
        return _("A waiting letter: %(age)s.", age=received_age(row.received_at))
    if row.published_at is not None:
        return _("It ran %(age)s ago.", age=age(row.published_at))
    return str(STATE_LABELS[str(row.state)].beside_question)


def get_join_choice(desk: RequestContext, question: Question, row: Question | Letter) -> JoinChoice | None:
    """Return how the question and its look-alike `row` can be joined, or None if they can't."""
    if isinstance(row, Letter):
        return JoinChoice.ADD_LETTER if question.takes_letters else None
    if row.is_published:
        may_close = "close" in QUESTION.list_allowed_actions(desk.actor, question)
        return JoinChoice.CLOSE_WITH_ANSWER if may_close else None
    if not actions.find_merge_error(row, question):
        return JoinChoice.TAKE_IN
    if not actions.find_merge_error(question, row):
        return JoinChoice.MERGE_INTO_LOOK_ALIKE
    return None
