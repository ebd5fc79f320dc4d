"""I'd like to know this too: one press on a question that others ask."""

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from ..core.actors import Reader
from ..core.state_machine import MissingPrecondition
from ..letters.models import Letter
from ..letters.receive import Submission, must_take, send
from ..letters.spam_filter import SpamEvidence, weigh_signs
from ..newsletters.models import Newsletter
from ..questions.me_too import ask_too, shown_question
from ..web import errors
from . import form_token
from .ask_form import Draft, form_page
from .page_frame import open_context, or_404, reader
from .receipt import send_once
from .submission import get_submission_traits, has_no_capacity


@reader.post("/<slug>/ask/<public_id>")
def join(slug: str, public_id: str) -> ResponseReturnValue:
    with open_context(slug) as place:
        form = form_token.read(request.form.get("form", ""), place.newsletter)
        must_take(place.session, place.newsletter, form)
        question = shown_question(place.session, place.newsletter, public_id)
        if form is None:
            # The form page takes the question over, with a token that is fresh.
            return form_page(place, Draft({"body": or_404(question).wording}, {"form": "old"})), 400
        if has_no_capacity(place, form):
            return form_page(place, Draft({"body": or_404(question).wording}, {"form": "full"})), 503
        wording = question.wording if question else ""
        why = weigh_signs(SpamEvidence(wording, (), get_submission_traits(place.newsletter, request.form, form)))

    def make(session: Session, newsletter: Newsletter) -> Letter:
        must_take(session, newsletter, form)
        if why and wording:
            return send(session, Reader(), newsletter, Submission(wording), form=form, signs=why)
        return ask_too(session, Reader(), newsletter, public_id, form)

    try:
        return send_once(slug, form, make, lambda place, sent: form_page(place, Draft({"body": wording}, before=sent)))
    except MissingPrecondition:
        return errors.render_error(409, happened=_("The desk has taken this question off the page meanwhile."))
