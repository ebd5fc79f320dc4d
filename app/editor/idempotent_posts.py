"""Idempotent forms: if a form is submitted twice, e.g. by a double click, it counts once and leads to the same page.

Each form of the desk carries its own key (`token()` of macros/forms.html), which `run_in_transaction` claims in the
transaction of the change.
"""

import hashlib
from contextlib import suppress

from flask import flash, g, redirect, request, session
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from ..core.clock import utc_now
from ..core.domain_errors import PressedTooSoon
from ..db.fault_kinds import Busy
from ..forms import idempotency
from ..forms.idempotency import AlreadyPressed
from ..web.error_sentences import format_error
from ..web.setup import db
from .frame import announce, editor, page_of_form


@editor.app_template_global("form_key")
def form_key() -> str:
    """Return a new idempotency key for a form of this page, or "" outside the desk."""
    return idempotency.new_key(utc_now()) if "may" in g else ""


@editor.before_request
def read_key() -> None:
    """Set `g.press` from the form's key. A form without a key, e.g. of an old page, is not deduplicated."""
    key = request.form.get("once", "") if request.method == "POST" else ""
    if key and current_user.is_authenticated:
        fields = [(name, text) for name, text in request.form.items(multi=True) if name != "csrf_token"]
        g.press = idempotency.identify_press(
            current_user.person_id, key, request.path, [*fields, *_list_file_digests()]
        )


def _list_file_digests() -> list[tuple[str, str]]:
    """Return the name and the SHA-256 digest of each uploaded file."""
    digests = []
    for name, file in request.files.items(multi=True):
        digests.append((name, hashlib.sha256(file.read()).hexdigest()))
        file.seek(0)
    return digests


@editor.after_request
def note_outcome(response: Response) -> Response:
    """Store where a submission led. If the response is a file or page and no redirect, allow the same form again."""
    if g.get("is_key_claimed"):
        press, messages = g.press, g.get("announced", [])
        with suppress(Busy):  # if nothing is stored, a second submission only learns that it was a repetition
            if response.status_code == 303:
                db.write(lambda session: idempotency.settle(session, press, response.location, messages))
            elif response.status_code == 200:
                db.write(lambda session: idempotency.release(session, press))
    return response


@editor.errorhandler(AlreadyPressed)
def handle_repeated_press(_error: AlreadyPressed) -> Response:
    """Redirect to the page to which the first submission led, or if that is unknown, to the page of the form.

    The messages of the first submission are shown again only if it is fresh: later they could be outdated.
    """
    outcome, is_fresh = idempotency.wait_for_outcome(db, g.press)
    href = outcome.href if outcome else ""
    if outcome is not None and href and is_fresh:
        _flash_once(list(outcome.messages))
    else:
        text = _("This was done already: the same form had been sent before. Nothing is done twice.")
        _flash_once([{"text": text, "href": "", "label": "", "undo": "", "back": ""}])
    return redirect(href or page_of_form(), code=303)


@editor.errorhandler(PressedTooSoon)
def handle_early_press(error: PressedTooSoon) -> Response:
    """Show the page again, with the reason why nothing was done. Its form is new, so it needs the pause once more."""
    announce(format_error(error))
    return redirect(page_of_form(), code=303)


def _flash_once(messages: list[dict[str, str]]) -> None:
    """Flash the messages that aren't flashed for the next page already."""
    flashed_messages = [message for _category, message in session.get("_flashes", [])]
    for message in messages:
        if message not in flashed_messages:
            flash(message)  # type: ignore[arg-type]  # as in `announce`
