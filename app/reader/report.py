"""The form to report an error in a published answer. A report is a normal letter to the desk, with the answer's URL."""

from flask import request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from ..core.actors import Reader
from ..editions import archive
from ..editions.models import EditionItem
from ..letters.models import Letter
from ..letters.receive import Submission, find_sent_letter, send
from ..newsletters.models import Newsletter
from ..web.setup import or_404
from . import form_token
from .page_frame import ReaderContext, open_context, reader, with_form
from .receipt import send_once
from .stories import story_href
from .submission import find_spam_signs, format_errors, has_no_capacity


@reader.get("/<slug>/report/<public_id>")
@with_form
def report(slug: str, public_id: str) -> str:
    with open_context(slug) as context:
        return _render_page(context, _get_item(context, public_id))


@reader.post("/<slug>/report/<public_id>/send")
def report_send(slug: str, public_id: str) -> ResponseReturnValue:
    with open_context(slug) as context:
        item = _get_item(context, public_id)
        body = request.form.get("body", "")
        form = form_token.read(request.form.get("form", ""), context.newsletter)
        submission = Submission(body, background=f"{item.piece['headline']}\n{story_href(context.newsletter, item)}")
        faults = submission.faults | ({} if form else {"form": "old"})
        # A report that was sent before has no faults to mend: the page would show its words to whoever went back.
        if form is None or (faults and not find_sent_letter(context.session, form)):
            return _render_page(context, item, body, faults, request.form["form"] if form else None), 400
        if has_no_capacity(context, form, request.form, submission.stored_body):
            return _render_page(context, item, body, {"form": "full"}, request.form["form"]), 503
        spam_signs = find_spam_signs(context, request.form, form, body)

    def make(session: Session, newsletter: Newsletter) -> Letter:
        return send(session, Reader(), newsletter, submission, form=form, signs=spam_signs)

    def render_duplicate(context: ReaderContext) -> str:
        return _render_page(context, _get_item(context, public_id), body, was_sent_before=True)

    return send_once(slug, form, make, render_duplicate)


def _get_item(context: ReaderContext, public_id: str) -> EditionItem:
    item, _edition = or_404(archive.story(context.session, context.newsletter, public_id))
    return or_404(item if item.question.is_published else None)


def _render_page(
    context: ReaderContext,
    item: EditionItem,
    text: str = "",
    faults: dict[str, str] | None = None,
    token: str | None = None,
    was_sent_before: bool = False,
) -> str:
    return context.page(
        "reader/report.html",
        "",
        public_id=item.question.public_id,
        headline=item.piece["headline"],
        story=story_href(context.newsletter, item),
        text=text,
        errors=format_errors(faults or {}),
        form_token=token,
        was_sent_before=was_sent_before,
    )
