"""Pages for embedding in other sites: a newsletter's latest answers, and a text box to begin a question.

Only the sites in the newsletter's settings may frame them (CSP Level 3, section 6.4.2). The box doesn't submit a
question: it opens the ask page, on our own site, with the text. So other sites never show a receipt or hold a token.
"""

from collections.abc import Callable
from functools import wraps

from flask import request
from flask.typing import ResponseReturnValue

from ..editions import archive
from ..web.setup import accepts_cross_site, set_frame_ancestors
from .ask_form import Draft, form_page, resting_page
from .page_frame import ReaderContext, open_context, public, reader
from .stories import stories_of

MOST, LATEST = 10, 3  # answers in a frame


def allow_framing(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Let the listed sites frame a page. A 304 response has the header too, as browsers update the headers that they
    have stored from it (RFC 9111, section 3.2).
    """

    @wraps(view)
    def answer(slug: str) -> ResponseReturnValue:
        with open_context(slug) as context:
            set_frame_ancestors(context.newsletter.framed_by)
        return view(slug)

    return answer


@reader.get("/<slug>/framed/answers")
@allow_framing
@public
def framed_answers(context: ReaderContext) -> str:
    """Show the latest answers; `n` in the query is their number."""
    asked = request.args.get("n", "")
    many = min(int(asked), MOST) if asked.isdecimal() and len(asked) < 4 and int(asked) else LATEST
    items = archive.listing(context.newsletter).page(context.session, None, many)
    return context.page("reader/framed_answers.html", "", stories=stories_of(context.newsletter, items))


@reader.get("/<slug>/framed/ask")
@allow_framing
@public
def framed_ask(context: ReaderContext) -> str:
    return context.page("reader/framed_ask.html", "")


@reader.post("/<slug>/begin")
@accepts_cross_site
def begin(slug: str) -> ResponseReturnValue:
    """Show the ask page with the text typed on another site, or into a frame there. Stores nothing."""
    with open_context(slug) as context:
        body = request.form.get("body", "")
        if not context.newsletter.takes_questions:
            return resting_page(context, body)
        return form_page(context, Draft({"body": body}))
