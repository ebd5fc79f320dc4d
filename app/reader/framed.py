"""Pages for embedding in other sites: the latest answers, a single Q&A, an edition, and a box to begin a question.

Only the sites in the newsletter's settings may frame them (CSP Level 3, section 6.4.2). The box doesn't submit a
question: it opens the ask page, on our own site, with the text. So no receipt or form token gets into other sites.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from ..editions import archive
from ..editions.item_translations import list_versions_in
from ..web.formatting import language
from ..web.setup import accepts_cross_site, or_404, set_frame_ancestors
from .ask_form import RejectedQuestion, form_page, resting_page
from .page_frame import ReaderContext, open_context, public, reader
from .stories import find_sent_edition, list_stories, list_stories_of_edition, stories_of

MAX_ANSWERS, DEFAULT_ANSWERS = 10, 3  # in a frame


def allow_framing(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Let the sites in the newsletter's settings frame a page.

    The header is set before the view runs, so that a 304 response has it too: browsers update the headers of the stored
    page from this response (RFC 9111, section 3.2).
    """

    @wraps(view)
    def framed_view(slug: str, **values: Any) -> ResponseReturnValue:
        with open_context(slug) as context:
            set_frame_ancestors(context.newsletter.framed_by)
        return view(slug, **values)

    return framed_view


@reader.get("/<slug>/framed/answers")
@allow_framing
@public
def framed_answers(context: ReaderContext) -> str:
    """Show the latest answers. The parameter `n` is their number, which is limited to `MAX_ANSWERS`."""
    requested = request.args.get("n", "")
    is_valid = requested.isdecimal() and len(requested) < 4 and int(requested) > 0
    limit = min(int(requested), MAX_ANSWERS) if is_valid else DEFAULT_ANSWERS
    items = archive.listing(context.newsletter).page(context.session, None, limit)
    return context.page("reader/framed_answers.html", "", stories=list_stories(context, items))


@reader.get("/<slug>/framed/q/<public_id>")
@allow_framing
@public
def framed_story(context: ReaderContext, public_id: str) -> ResponseReturnValue:
    """Show how a Q&A begins, with a link to it, in the language `lang` if it is translated into it."""
    session, newsletter = context.session, context.newsletter
    item, _edition = or_404(archive.story(session, newsletter, public_id))
    if item.question.is_retracted:
        return context.page("reader/framed_story.html", "", story=None), 410
    code = request.args.get("lang") or language()
    [story] = stories_of(newsletter, list_versions_in(session, [item], code))
    return context.page("reader/framed_story.html", "", story=story)


@reader.get("/<slug>/framed/editions/<public_id>")
@allow_framing
@public
def framed_edition(context: ReaderContext, public_id: str) -> str:
    edition = find_sent_edition(context, public_id)
    stories = list_stories_of_edition(context, edition)
    return context.page("reader/framed_edition.html", "", edition=edition, stories=stories)


@reader.get("/<slug>/framed/ask")
@allow_framing
@public
def framed_ask(context: ReaderContext) -> str:
    return context.page("reader/framed_ask.html", "")


@reader.post("/<slug>/begin")
@accepts_cross_site
def begin(slug: str) -> ResponseReturnValue:
    """Show the ask page with a text typed on another site or in a frame there. Store nothing."""
    with open_context(slug) as context:
        body = request.form.get("body", "")
        if not context.newsletter.takes_questions:
            return resting_page(context, body)
        return form_page(context, RejectedQuestion({"body": body}))
