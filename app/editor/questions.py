"""The questions of a newsletter in a list: each row says who has it and until when."""

from typing import Any

from flask import abort, request, url_for
from flask_babel import lazy_gettext as _l

from ..answers import queries as answers
from ..editions.models import Edition
from ..questions import queries
from ..questions.models import Question
from ..wording import age, day, exact
from .frame import GOING, Desk, at_desk, editor, found, page
from .standing import OF_QUESTION, OVER, Place, most_pressing, place_of, says_who_has_it

PAGE = 30
# state in the address: (label, states of questions)
FILTERS = {
    "going": (_l("In work"), GOING),
    "open": (_l("Open"), ("open",)),
    "seeking": (_l("With an expert"), ("seeking",)),
    "answered": (_l("Answered"), ("answered",)),
    "queued": (_l("Picked"), ("queued",)),
    "published": (_l("Ran"), ("published", "retracted")),
    "shelved": (_l("Shelf"), ("shelved",)),
    "closed": (_l("Closed"), ("closed",)),
    "merged": (_l("Merged"), ("merged",)),
}


@editor.get("/<slug>/questions")
def questions(slug: str) -> str:
    with at_desk(slug) as desk:
        state = request.args.get("state", "going")
        label, states = FILTERS.get(state) or abort(404)
        before = request.args.get("before")
        key = found(queries.load(desk.session, desk.actor, before)).id if before else None
        rows = queries.page(desk.session, desk.newsletter.id, states, key, PAGE + 1)
        older = (
            url_for(
                "editor.questions",
                slug=slug,
                state=state,
                before=rows[PAGE - 1].public_id,
            )
            if rows[PAGE:]
            else None
        )
        return page(
            desk,
            "editor/questions.html",
            "questions",
            rows=_rows(desk, rows[:PAGE]),
            state=state,
            state_label=label,
            filters=[(name, words, url_for("editor.questions", slug=slug, state=name)) for name, (words, _s) in FILTERS.items()],
            keyset={"newer": url_for("editor.questions", slug=slug, state=state) if before else None, "older": older},
        )  # fmt: skip


def places_of(desk: Desk, questions: list[Question]) -> dict[int, list[Place]]:
    """Where each expert's part of several questions stands, in three queries."""
    ids = [question.id for question in questions]
    found_answers = answers.answers_of(desk.session, ids)
    checks = answers.newest_checks(desk.session, [answer.id for answer in found_answers.values()])
    places: dict[int, list[Place]] = {key: [] for key in ids}
    for assignment in answers.assignments_of(desk.session, ids):
        answer = found_answers.get(assignment.id)
        check = checks.get(answer.id) if answer else None
        places[assignment.question_id].append(place_of(assignment, answer, check))
    return places


def _rows(desk: Desk, questions: list[Question]) -> list[dict[str, Any]]:
    places, askers = places_of(desk, questions), queries.askers(desk.session, questions)
    editions = {
        edition.id: edition
        for edition in desk.session.query(Edition).where(
            Edition.id.in_([q.edition_id for q in questions if q.edition_id])
        )
    }
    return [
        _row(desk, question, places[question.id], askers[question.id], editions.get(question.edition_id or 0))
        for question in questions
    ]  # fmt: skip


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
        "href": url_for("editor.question", slug=desk.newsletter.slug, public_id=question.public_id),
        "text": question.headline or question.wording,
        "language": question.text.language if question.text else None,
        "mark": mark,
        "late": mark == "late",
        "says": says,
        "readers": readers,
        "age": age(question.opened_at),
        "time": question.opened_at,
        "exact": exact(question.opened_at),
    }
