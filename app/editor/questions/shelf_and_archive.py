"""The shelf and the archive: what rests, and what ran."""

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from ...answers.closing import take
from ...editions import archive as ran
from ...newsletters.queries import topics_of
from ...questions import queries as questions
from ...questions.lifecycle import STATES
from ...questions.models import Question
from ..frame import at_desk, editor, found, page
from ..letters.letter_words import ENDS
from ..shortcuts import KEYS
from .question_list import page_above
from .question_page import decide, the_question

PAGE = 30


@editor.get("/<slug>/shelf")
def shelf(slug: str) -> str | Response:
    """Good questions for which it wasn't the time."""
    with at_desk(slug) as desk:
        if above := request.args.get("above"):
            return redirect(
                url_for("editor.shelf", slug=slug, before=page_above(desk, above, STATES.which("is_shelved"), PAGE))
            )
        before = request.args.get("before")
        last = found(questions.load(desk.session, desk.actor, before)).id if before else None
        rows = questions.page(desk.session, desk.newsletter.id, STATES.which("is_shelved"), last, PAGE + 1)
        shelved, more = rows[:PAGE], len(rows) > PAGE
        return page(
            desk,
            "editor/questions/shelf.html",
            "shelf",
            questions=shelved,
            askers=questions.askers(desk.session, shelved),
            topics=questions.topics_of(desk.session, [question.id for question in shelved]),
            all_topics=topics_of(desk.session, desk.newsletter.id),
            ends=ENDS,
            keys=KEYS,
            ticked=request.args.get("tick") == "all",
            tick_all=url_for("editor.shelf", slug=slug, before=before, tick="all"),
            keyset={
                "newer": url_for("editor.shelf", slug=slug, above=before) if before else None,
                "older": url_for("editor.shelf", slug=slug, before=shelved[-1].public_id) if more else None,
            },
        )


@editor.press("/<slug>/shelf/<public_id>/take", "word")
def take_from_shelf(slug: str, public_id: str) -> Response | tuple[str, int]:
    return decide(slug, public_id, lambda desk: take(desk.session, desk.actor, the_question(desk, public_id)))


@editor.get("/<slug>/archive")
def archive(slug: str) -> str:
    """What ran, newest first."""
    with at_desk(slug) as desk:
        before = request.args.get("before")
        mark = found(ran.mark_of(desk.session, desk.newsletter, before)) if before else None
        rows = ran.page(desk.session, desk.newsletter, before=mark, limit=PAGE + 1, which=Question.has_run)
        items, more = rows[:PAGE], len(rows) > PAGE
        editions = ran.editions_of(desk.session, items)
        return page(
            desk,
            "editor/questions/archive.html",
            "archive",
            items=items,
            editions=editions,
            keyset={
                "newer": url_for("editor.archive", slug=slug) if before else None,
                "older": url_for("editor.archive", slug=slug, before=items[-1].question.public_id) if more else None,
            },
        )
