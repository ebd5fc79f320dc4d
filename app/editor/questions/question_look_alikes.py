"""Look-alikes of a question: others, letters that wait, and published answers that fit."""

from collections.abc import Callable, Sequence

from flask_babel import gettext as _

from ...answers.candidates import compared
from ...db.session import get_many
from ...letters.models import Letter
from ...newsletters.models import Topic
from ...questions import moves as questions
from ...questions.lifecycle import QUESTION
from ...questions.models import Question
from ...search import DESK
from ...search.alike import Compared, Match, alike
from ...web.formatting import age
from ..frame import Desk
from ..letters.letter_look_alikes import Shown, shown_as
from .question_states import WORDS

SHOWN = 5


def near(desk: Desk, one: Question, topics: Sequence[Topic]) -> Compared | None:
    """The question among all others, compared once for what is like it and for whom to ask; None where neither is
    shown.
    """
    if one.is_settled or not one.wording:
        return None
    return compared(desk.session, one, tuple(topic.name for topic in topics))


def looked_up(desk: Desk, found: Compared | None) -> list[Match]:
    if found is None:
        return []
    return alike(desk.session, DESK, desk.newsletter.id, found.probe, limit=3 * SHOWN, compared=found)


def alike_of(desk: Desk, one: Question, found: Compared | None, family: Sequence[int], was_asked: bool) -> list[Shown]:
    """Return what is like a question, best first; those that are merged with it are the question itself."""
    rows = _rows(desk, looked_up(desk, found), family)
    return [_shown(desk, one, each, row, was_asked) for each, row in rows[:SHOWN]]


def _rows(desk: Desk, some: Sequence[Match], family: Sequence[int]) -> list[tuple[Match, Question | Letter]]:
    """The rows of the look-alikes in two queries; a letter that was filed is shown as its question, or nowhere."""
    asked = get_many(desk.session, Question, [each.noun_id for each in some if each.noun == "question"])
    written = get_many(desk.session, Letter, [each.noun_id for each in some if each.noun == "letter"])
    pairs = [(each, (asked if each.noun == "question" else written).get(each.noun_id)) for each in some]
    return [(each, row) for each, row in pairs if row is not None and _stands(row, family)]


def _stands(row: Question | Letter, family: Sequence[int]) -> bool:
    if isinstance(row, Letter):
        return row.is_received and row.author == "reader"
    return row.id not in family and not row.is_merged and not row.is_retracted


def _shown(desk: Desk, one: Question, each: Match, row: Question | Letter, was_asked: bool) -> Shown:
    act = act_of(desk, one, row)
    label = LABELS["end with a sentence" if act == "end" and was_asked else act]() if act else ""
    return shown_as(desk, each, row, _place(row), act, label)


def _place(row: Question | Letter) -> str:
    if isinstance(row, Letter):
        return _("A letter that has waited for %(age)s.", age=age(row.received_at))
    if row.published_at is not None:
        return _("It ran %(age)s ago.", age=age(row.published_at))
    return str(WORDS[str(row.state)].near)


def act_of(desk: Desk, one: Question, row: Question | Letter) -> str:
    """Return what one press does: take the letter or the question in, give this one to the other, or end it with what
    ran.
    """
    may = QUESTION.open_to(desk.actor, one)
    if isinstance(row, Letter):
        return "join" if one.takes_letters else ""
    if row.is_published:
        return "end" if "close" in may else ""
    if not questions.fault_of_merge(row, one):
        return "take in"
    return "give" if not questions.fault_of_merge(one, row) else ""


LABELS: dict[str, Callable[[], str]] = {
    "join": lambda: _("Add it to this question"),
    "take in": lambda: _("Merge it into this one"),
    "give": lambda: _("Merge this one into it"),
    "end": lambda: _("Close this with that answer"),
    "end with a sentence": lambda: _("Close this with that answer …"),  # the form that asks for it comes first
}
