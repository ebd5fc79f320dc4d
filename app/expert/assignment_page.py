"""The page of an assignment, by where things stand: to answer, to check, or thanks."""

from collections.abc import Callable

from flask import abort
from werkzeug.wrappers import Response

from ..answers import editing, writing
from ..answers.models import AnswerText
from ..editions import archive
from ..editions.archive import story_path
from ..editions.items import block_from
from .access import Visit, assignment_route, page, to_assignment, visit
from .quote_check import check_page
from .writing_page import answer_page, other_texts, sheets_of


@assignment_route("", "GET")
def assignment(**way: str) -> Response:
    with visit(way) as found:
        return PAGES[found.task.stage](found)


@assignment_route("/<any(draft, preview, send, accept, decline, suggest, ask, 'take-back', check, report):verb>", "GET")
def back(verb: str, **way: str) -> Response:
    """A browser that opens a tab again asks for where it last sent something to; the page is what it wants."""
    return to_assignment(way)


def _thanks(context: Visit) -> Response:
    """From sent to ready to run: the text as it was sent, or as it was passed and will run."""
    newest = context.session.get_one(AnswerText, context.answer.text_id)
    sent = editing.submitted_text(context.session, context.answer) or newest
    text = newest if context.task.stage in ("passed", "approved") else sent
    return page(
        context,
        "thanks",
        text=text,
        block=context.as_it_would_run(text.body),
        runs_at=context.runs_at,
        other_sheets=other_texts(sheets_of(context), text.body, sent.body),
        replies=[
            one for one in writing.drafts_of(context.session, context.task.assignment, "reply") if one.body.strip()
        ],
    )


def published_page(context: Visit, status: int = 200, body: str = "", errors: dict[str, str] | None = None) -> Response:
    """Show what ran. The line that says who asked is left out: readers are named to the public, never to an expert by
    us.
    """
    newsletter, question = context.task.newsletter, context.task.assignment.question
    story = archive.story(context.session, newsletter, question.public_id)
    if story is None:
        abort(404)
    item, edition = story
    return page(
        context,
        "published",
        status,
        block=block_from(item),
        published_at=edition.runs_at,
        path=story_path(newsletter, question),
        body=body,
        errors=errors or {},
    )


def _ended_page(context: Visit) -> Response:
    return page(context, "ended")


PAGES: dict[str, Callable[[Visit], Response]] = {
    "answer": answer_page,
    "check": check_page,
    "sent": _thanks,
    "edited": _thanks,
    "passed": _thanks,
    "approved": _thanks,
    "published": published_page,
    "retracted": _ended_page,
    "held over": _ended_page,
    "declined": _ended_page,
    "cancelled": _ended_page,
}
