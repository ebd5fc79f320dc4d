"""The form to report an error in a published answer. It sends a normal letter to the desk, with the answer's URL."""

from flask import request
from flask.typing import ResponseReturnValue

from ..core.actors import Reader
from ..editions import archive
from ..editions.models import EditionItem
from ..letters.receive import Submission, send
from ..web.setup import or_404
from . import form_token
from .page_frame import ReaderContext, open_context, reader, with_form
from .receipt import send_once
from .stories import href
from .submission import find_spam_signals, format_errors, has_no_capacity


@reader.get("/<slug>/report/<public_id>")
@with_form
def report(slug: str, public_id: str) -> str:
    with open_context(slug) as context:
        return _render_page(context, _get_item(context, public_id))


@reader.post("/<slug>/report/<public_id>/send")
def report_send(slug: str, public_id: str) -> ResponseReturnValue:
    with open_context(slug) as context:
        item = _get_item(context, public_id)
        typed = request.form.get("body", "")
        form = form_token.read(request.form.get("form", ""), context.newsletter)
        ask = Submission(typed, background=f"{item.piece['headline']}\n{href(context.newsletter, item)}")
        faults = ask.faults | ({} if form else {"form": "old"})
        if form is None or faults:
            return _render_page(context, item, typed, faults, request.form["form"] if form else None), 400
        if has_no_capacity(context, form):
            return _render_page(context, item, typed, {"form": "full"}, request.form["form"]), 503
        why = find_spam_signals(context, request.form, form, typed)

    return send_once(
        slug,
        form,
        lambda session, newsletter: send(session, Reader(), newsletter, ask, form=form, signs=why),
        lambda context, sent: _render_page(context, _get_item(context, public_id), typed, previous=sent),
    )


def _get_item(context: ReaderContext, public_id: str) -> EditionItem:
    item, _edition = or_404(archive.story(context.session, context.newsletter, public_id))
    return or_404(item if item.question.is_published else None)


def _render_page(
    context: ReaderContext,
    item: EditionItem,
    text: str = "",
    faults: dict[str, str] | None = None,
    token: str | None = None,
    previous: object = None,
) -> str:
    return context.page(
        "reader/report.html",
        "",
        public_id=item.question.public_id,
        headline=item.piece["headline"],
        story=href(context.newsletter, item),
        text=text,
        errors=format_errors(faults or {}),
        form_token=token,
        earlier_submission=previous,
    )
