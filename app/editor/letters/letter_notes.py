"""A note at a reader's receipt: left from the letter that it asks about, and taken back while nobody has answered."""

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...core.state_machine import MissingPrecondition, TooLong
from ...letters.models import Letter
from ...workflows.letters import receipt_notes
from ..conflict import check_unchanged
from ..frame import RequestContext, editor, read_context
from .letter_pages import Done, letter_address, letter_press, open_letter, press, the_letter

FAULTS = {
    MissingPrecondition: _l("Write what you want to ask"),
    TooLong: _l("A note has 500 characters at most: it asks one thing"),
}


def _leave(desk: RequestContext, letter: Letter) -> Done:
    check_unchanged(desk, letter)
    receipt_notes.leave(desk.session, desk.actor, letter, request.form.get("note", ""))
    return Done(
        letter_address(desk, letter), _("It stands at the receipt now. Its reader finds it there, if they come back.")
    )


@editor.press("/<slug>/letters/<public_id>/note", "take letters")
def letter_note(slug: str, public_id: str) -> Response | tuple[str, int]:
    try:
        return press(slug, public_id, _leave)
    except (MissingPrecondition, TooLong) as fault:
        with read_context(slug) as desk:
            tried = {"note": request.form.get("note", ""), "note_fault": FAULTS[type(fault)]}
            return open_letter(desk, the_letter(desk, public_id), **tried), 422


@letter_press("note/back")
def letter_note_back(desk: RequestContext, letter: Letter) -> Done:
    check_unchanged(desk, letter)
    receipt_notes.take_back(desk.session, desk.actor, letter)
    return Done(letter_address(desk, letter), _("The note is taken back."))
