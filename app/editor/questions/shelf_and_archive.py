"""The shelf of questions for later, and the archive of published ones."""

from functools import partial

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from ...answers.closing import unshelve
from ...db.session import get_many
from ...editions import archive as ran
from ...editions.models import Edition
from ...newsletters.queries import topics_of
from ...questions import queries as questions
from ...questions.lifecycle import STATES
from ...questions.models import Question
from ...web.setup import get_cursor_row, paginate
from ..frame import RequestContext, editor, page, read_context
from .question_list import SHELF
from .question_page import question_action

PAGE_SIZE = 30


@editor.get("/<slug>/shelf")
def shelf(slug: str) -> str | Response:
    """List the questions on the shelf: good, but not now."""
    with read_context(slug) as desk:
        filtered_list = SHELF.parse(desk, {})
        if above := request.args.get("above"):
            return redirect(filtered_list.url_of_page_above(above))
        list_page = filtered_list.get_page()
        return page(
            desk,
            "editor/questions/shelf.html",
            "shelf",
            questions=list_page.rows,
            askers=questions.count_askers(desk.session, list_page.rows),
            topics=questions.topics_of(desk.session, [question.id for question in list_page.rows]),
            all_topics=topics_of(desk.session, desk.newsletter.id),
            **filtered_list.template_values(list_page),
        )


@question_action("/<slug>/shelf/<public_id>/take", permission="word")
def take_from_shelf(desk: RequestContext, question: Question) -> None:
    unshelve(desk.session, desk.actor, question)


@editor.get("/<slug>/archive")
def archive(slug: str) -> str:
    """List the published Q&As, newest first."""
    with read_context(slug) as desk:
        last_shown = get_cursor_row(lambda key: ran.find_cursor(desk.session, desk.newsletter, key))
        get_url = partial(url_for, "editor.archive", slug=slug)
        published = ran.listing(desk.newsletter, states=STATES.which("has_run"))
        items_page = paginate(desk.session, published, PAGE_SIZE, last_shown, get_url, cursor=ran.get_public_id)
        return page(
            desk,
            "editor/questions/archive.html",
            "archive",
            items=items_page.rows,
            editions=get_many(desk.session, Edition, {item.edition_id for item in items_page.rows}),
            page_urls=items_page.page_urls,
        )
