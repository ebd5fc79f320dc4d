"""The questions of a newsletter in a list: each row says who has it and until when."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import redirect, request, url_for
from flask_babel import gettext as _
from sqlalchemy import Select
from werkzeug.wrappers import Response

from ...answers import queries as answers
from ...editions.models import Edition
from ...formatting import age, day, exact
from ...matching.search import Piece
from ...questions import queries
from ...questions.models import Question
from ..frame import Desk, at_desk, editor, found, page
from ..letters.letter_filters import named
from ..letters.letter_words import ENDS
from ..list_search import search
from ..shortcuts import KEYS
from .question_filters import FILTERS, Chosen, chosen
from .question_status import OF_QUESTION, OVER, Place, most_pressing, place_of, says_who_has_it

PAGE = 30


@editor.get("/<slug>/questions")
def questions(slug: str) -> str | Response:
    with at_desk(slug) as desk:
        if above := request.args.get("above"):
            listed = chosen(desk, request.args)
            return redirect(listed.address(before=page_above(desk, above, listed.states, PAGE, listed.among)))
        return page(desk, "editor/questions/questions.html", "questions", **list_of(desk))


def list_of(desk: Desk) -> dict[str, Any]:
    listed = chosen(desk, request.args)
    before = request.args.get("before") or None
    rows, pieces, older = _page(desk, listed, before)
    places = places_of(desk, rows)
    return {
        "listed": listed,
        "here": urlencode({**listed.values, **({"before": before} if before else {})}),
        "rows": _rows(desk, rows, places, listed.editions, pieces),
        "state": listed.state,
        "state_label": FILTERS[listed.state][0],
        "filters": [(name, words, listed.address(state=name)) for name, (words, _states) in FILTERS.items()],
        "choices": _choices(listed, places),
        "keyset": {
            # Of what a search found, the page before can't be walked to: it leads to the first.
            "newer": listed.address(above=None if listed.search else before) if before else None,
            "older": listed.address(before=older) if older else None,
        },
        "tick_all": listed.address(before=before, tick="all"),
        "ticked": request.args.get("tick") == "all",
        "ends": ENDS,
        "keys": KEYS,
    }


def page_above(desk: Desk, of: str, states: Sequence[str], size: int, among: Select[int] | None = None) -> str | None:
    """Behind which question the page begins that ends with the question `of`; None for the first page."""
    last = found(queries.load(desk.session, desk.actor, of))
    front = queries.page(desk.session, desk.newsletter.id, states, last.id, size, among, up=True)
    return front[-1].public_id if len(front) == size else None


def _page(
    desk: Desk, listed: Chosen, before: str | None
) -> tuple[Sequence[Question], Mapping[int, Sequence[Piece]], str | None]:
    """The questions of a page, where the searched words stand in them, and where the next page begins."""
    session, key = desk.session, desk.newsletter.id
    after = found(queries.load(session, desk.actor, before)) if before else None
    if not listed.search:
        rows = queries.page(session, key, listed.states, after.id if after else None, PAGE + 1, listed.among)
        return rows[:PAGE], {}, rows[PAGE - 1].public_id if rows[PAGE:] else None

    def among(keys: list[int]) -> list[Question]:
        return queries.among(session, key, listed.states, keys, listed.among)

    hits = search(desk, Question, listed.search, after, PAGE, among)
    return hits.rows, hits.pieces, hits.older


def _choices(listed: Chosen, places: Mapping[int, Sequence[Place]]) -> list[tuple[str, str, list[tuple[str, Any]]]]:
    """The selects of the form of filters: (name, label, [(value, words)])."""
    experts = {one.assignment.expert.public_id: one.name for some in places.values() for one in some}
    if listed.expert:
        experts[listed.expert.public_id] = listed.expert.name
    by_name = sorted(experts.items(), key=lambda pair: pair[1])
    return [
        ("topic", _("Topic"), [(one.slug, one.name) for one in listed.topics]),
        ("edition", _("Edition"), [(one.public_id, named(one)) for one in listed.editions.values()]),
        ("expert", _("Who has it"), by_name),
    ]


def places_of(desk: Desk, questions: Sequence[Question]) -> dict[int, list[Place]]:
    """Where each expert's part of several questions stands, in one query."""
    places: dict[int, list[Place]] = {question.id: [] for question in questions}
    for assignment, answer, check in answers.parts_of(desk.session, list(places)):
        places[assignment.question_id].append(place_of(assignment, answer, check))
    return places


def _rows(
    desk: Desk,
    questions: Sequence[Question],
    places: Mapping[int, list[Place]],
    editions: Mapping[int, Edition],
    pieces: Mapping[int, Sequence[Piece]],
) -> list[dict[str, Any]]:
    askers, dates = queries.askers(desk.session, questions), dict(editions)
    if ran_long_ago := {one.edition_id for one in questions if one.edition_id} - set(dates):
        dates |= {one.id: one for one in desk.session.query(Edition).where(Edition.id.in_(ran_long_ago))}
    return [
        _row(desk, one, places[one.id], askers[one.id], dates.get(one.edition_id or 0))
        | {"pieces": pieces.get(one.id, ())}
        for one in questions
    ]


def _row(
    desk: Desk,
    question: Question,
    places: list[Place],
    readers: int,
    edition: Edition | None,
) -> dict[str, Any]:
    pressing = most_pressing(places)
    state = str(question.state)
    if state in OF_QUESTION:
        mark = "good" if state in ("queued", "published") else "none"
        says = str(OF_QUESTION[state]) % {"edition": day(edition.runs_at) if edition else ""}
    else:
        mark = pressing.mark if pressing and pressing.key not in OVER else "new"
        says = says_who_has_it(question, places)
    return {
        "id": f"{question.public_id}.{question.version}",
        "href": url_for("editor.question", slug=desk.newsletter.slug, public_id=question.public_id),
        "text": question.title,
        "language": question.text.language if question.text else None,
        "mark": mark,
        "late": mark == "late",
        "says": says,
        "readers": readers,
        "age": age(question.opened_at),
        "time": question.opened_at,
        "exact": exact(question.opened_at),
    }
