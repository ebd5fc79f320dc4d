"""The questions of a newsletter in a list: each row says who has it and until when."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import redirect, request
from werkzeug.wrappers import Response

from ...answers import queries as answers
from ...db.session import get_many
from ...editions.models import Edition
from ...questions import queries
from ...questions.models import Question
from ..choices import EditionChoice
from ..filtered_list import Hits
from ..frame import RequestContext, editor, page, read_context
from .question_filters import QUESTIONS
from .question_states import WORDS
from .question_status import OVER, Place, day_of_run, find_most_urgent, place_of, says_who_has_it


@editor.get("/<slug>/questions")
def questions(slug: str) -> str | Response:
    with read_context(slug) as desk:
        if above := request.args.get("above"):
            return redirect(QUESTIONS.read(desk, request.args).above(above))
        return page(desk, "editor/questions/questions.html", "questions", **list_of(desk))


def list_of(desk: RequestContext) -> dict[str, Any]:
    listed = QUESTIONS.read(desk, request.args)
    shown = listed.page()
    places = places_of(desk, shown.rows)
    editions = {one.id: one for _words, one in listed.options["edition"].values()}
    has = [one for some in places.values() for one in some]
    experts = {one.assignment.expert.public_id: (one.name, one.assignment.expert) for one in has}
    by_name = sorted({**experts, **listed.options["expert"]}.items(), key=lambda pair: pair[1][0])
    return listed.frame(shown, expert=dict(by_name)) | {
        "rows": _rows(desk, shown, places, editions),
        "topics": [one for _name, one in listed.options["topic"].values()],
    }


def places_of(desk: RequestContext, questions: Sequence[Question]) -> dict[int, list[Place]]:
    """Return where each expert's part of several questions stands, in one query."""
    places: dict[int, list[Place]] = {question.id: [] for question in questions}
    for assignment, answer, check in answers.parts_of(desk.session, list(places)):
        places[assignment.question_id].append(place_of(assignment, answer, check))
    return places


def _rows(
    desk: RequestContext, hits: Hits[Question], places: Mapping[int, list[Place]], editions: Mapping[int, EditionChoice]
) -> list[dict[str, Any]]:
    askers = queries.askers(desk.session, hits.rows)
    dates: dict[int, Edition | EditionChoice] = {**editions}
    ran_long_ago = {one.edition_id for one in hits.rows if one.edition_id} - set(dates)
    dates |= get_many(desk.session, Edition, ran_long_ago)
    return [
        {
            "question": one,
            "readers": askers[one.id],
            "pieces": hits.pieces.get(one.id, ()),
            **_format_status(one, places[one.id], dates.get(one.edition_id or 0)),
        }
        for one in hits.rows
    ]


def _format_status(question: Question, places: list[Place], edition: Edition | EditionChoice | None) -> dict[str, str]:
    """Return in words, and with a mark, where a question stands."""
    words = WORDS[str(question.state)]
    if words.says:
        return {"mark": words.mark, "says": str(words.says) % {"edition": day_of_run(question, edition)}}
    pressing = find_most_urgent(places)
    mark = pressing.mark if pressing and pressing.key not in OVER else "new"
    return {"mark": mark, "says": says_who_has_it(question, places)}
