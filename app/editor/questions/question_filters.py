"""The list of questions: what in its address means what."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, select

from ...answers.closing import select_questions_of_expert
from ...core.listing import Listing
from ...people.models import Expert
from ...questions import queries
from ...questions.lifecycle import STATES
from ...questions.models import Question
from ..choices import Offer, list_topic_choices
from ..filtered_list import Declared, Filter, Options, editions
from ..frame import RequestContext
from .question_states import WORDS

RECENT = 15  # editions that the form offers, the coming ones first
# state in the address: (label, states of questions)
FILTERS = {
    "going": (_l("In work"), STATES.which("is_going")),
    **{
        words.listed: (words.label, tuple(state for state, other in WORDS.items() if other.listed == words.listed))
        for words in WORDS.values()
        if words.label
    },
    "all": (_l("All"), STATES.which("is_listed")),
}
KEYS_OF = {"topic": queries.about_topic, "edition": queries.in_edition, "expert": select_questions_of_expert}


def _topics(desk: RequestContext, _typed: str) -> Options:
    return {one.slug: (one.name, one) for one in list_topic_choices(desk.session, desk.newsletter.id)}


def _experts(desk: RequestContext, public_id: str) -> Options:
    """The expert that the address has; the page offers those of its rows."""
    one = desk.session.scalar(select(Expert).filter_by(public_id=public_id)) if public_id else None
    return {public_id: (one.name, one)} if one else {}


def _listing(desk: RequestContext, states: Sequence[str], filter_values: Mapping[str, Any]) -> Listing[Question]:
    """The keys that one filter leaves are walked, and looked up in those of the others."""
    among: Select[int] | None = None
    for keys in (KEYS_OF[name](one.id) for name, one in filter_values.items()):
        among = keys if among is None else among.where(among.selected_columns[0].in_(keys))
    return queries.listing(desk.newsletter.id, states, among)


QUESTIONS = Declared(
    noun=Question,
    endpoint="editor.questions",
    states=FILTERS,
    filters={
        "topic": Filter(_l("Topic"), _l("on %(topic)s"), _topics),
        "edition": Filter(_l("Edition"), _l("in the edition of %(day)s"), editions(Offer(RECENT))),
        "expert": Filter(_l("Who has it"), _l("with %(name)s"), _experts),
    },
    usual=lambda values: "all" if values else "going",
    listing=_listing,
    load=queries.load,
    size=30,
)
SHELF = replace(
    QUESTIONS,
    endpoint="editor.shelf",
    states={"shelved": FILTERS["shelved"]},
    filters={},
    usual=lambda _values: "shelved",
)
