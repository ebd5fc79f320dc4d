"""Report an error in a published answer: a letter to the desk like any other, that says which answer it is about."""

from flask import request
from flask.typing import ResponseReturnValue

from ..core.actors import Reader
from ..editions import archive
from ..editions.models import EditionItem
from ..letters.receive import Submission, send
from . import form_token
from .page_frame import Place, at, found, reader, with_form
from .receipt import send_once
from .stories import href
from .submission import has_no_place, hold, in_words


@reader.get("/<slug>/report/<public_id>")
@with_form
def report(slug: str, public_id: str) -> str:
    with at(slug) as place:
        return _page(place, _item(place, public_id))


@reader.post("/<slug>/report/<public_id>/send")
def report_send(slug: str, public_id: str) -> ResponseReturnValue:
    with at(slug) as place:
        item = _item(place, public_id)
        typed = request.form.get("body", "")
        form = form_token.read(request.form.get("form", ""), place.newsletter)
        ask = Submission(typed, background=f"{item.piece['headline']}\n{href(place.newsletter, item)}")
        faults = ask.faults | ({} if form else {"form": "old"})
        if form is None or faults:
            return _page(place, item, typed, faults, request.form["form"] if form else None), 400
        if has_no_place(place, form):
            return _page(place, item, typed, {"form": "full"}, request.form["form"]), 503
        why = hold(place, request.form, form, typed)

    return send_once(
        slug,
        form,
        lambda session, newsletter: send(session, Reader(), newsletter, ask, form=form, signs=why),
        lambda place, sent: _page(place, _item(place, public_id), typed, before=sent),
    )


def _item(place: Place, public_id: str) -> EditionItem:
    item, _edition = found(archive.story(place.session, place.newsletter, public_id))
    return found(item if item.question.is_published else None)


def _page(
    place: Place,
    item: EditionItem,
    typed: str = "",
    faults: dict[str, str] | None = None,
    token: str | None = None,
    before: object = None,
) -> str:
    return place.page(
        "reader/report.html",
        "",
        public_id=item.question.public_id,
        headline=item.piece["headline"],
        story=href(place.newsletter, item),
        typed=typed,
        errors=in_words(faults or {}),
        form_token=token,
        before=before,
    )
