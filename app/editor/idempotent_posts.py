"""A press that comes twice, by a double click or a form that is sent again, counts once: both get the same page.

Each form of the desk carries a key of its own (`token()` of macros/forms.html), which `change` takes in the transaction
of the press.
"""

import hashlib
import time
from contextlib import suppress
from datetime import timedelta

from flask import flash, g, redirect, request, session
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from ..crypto.seal import new_token
from ..db.fault_kinds import Busy
from ..db.session import now
from ..forms import press_keys
from ..forms.press_keys import AlreadyPressed, Outcome, Press
from ..web.setup import db
from .frame import editor, page_of_form

PATIENCE = 5.0  # seconds that the second of two presses waits until the first one knows where it leads
FRESH = timedelta(minutes=2)  # for which the page says the same once more; later it could be untrue


@editor.app_template_global("form_key")
def form_key() -> str:
    """Return a key for one form of the page; elsewhere than at the desk nothing."""
    return new_token() if "may" in g else ""


@editor.before_request
def read_key() -> None:
    """Note which press this is. What carries no key, as an old page does, is pressed as often as it is sent."""
    key = request.form.get("once", "") if request.method == "POST" else ""
    if key and current_user.is_authenticated:
        sent = [(name, text) for name, text in request.form.items(multi=True) if name != "csrf_token"]
        g.press = press_keys.press_of(current_user.person_id, key, request.path, [*sent, *_files()])


def _files() -> list[tuple[str, str]]:
    """Return each file that was sent by a digest of it."""
    found = []
    for name, file in request.files.items(multi=True):
        found.append((name, hashlib.sha256(file.read()).hexdigest()))
        file.seek(0)
    return found


@editor.after_request
def note_outcome(response: Response) -> Response:
    """Note where a press led that was taken; one that gave something to take along may be made again."""
    if g.get("taken"):
        press, said = g.press, g.get("announced", [])
        with suppress(Busy):  # then the second of two presses is told that it was the second
            if response.status_code == 303:
                db.write(lambda session: press_keys.settle(session, press, response.location, said))
            elif response.status_code == 200:
                db.write(lambda session: press_keys.release(session, press))
    return response


@editor.errorhandler(AlreadyPressed)
def handle_repeated_press(_error: AlreadyPressed) -> Response:
    """Lead to the page that the first of the two presses led to, with what was said there."""
    outcome, is_fresh = _wait_for(g.press)
    if outcome is None or not outcome.href or not is_fresh:
        said = {"text": _("This was done already: the same form had been sent before. Nothing is done twice.")}
        _say([{**dict.fromkeys(("href", "label", "undo", "back"), ""), **said}])
    else:
        _say(list(outcome.said))
    return redirect((outcome and outcome.href) or page_of_form(), code=303)


def _wait_for(press: Press) -> tuple[Outcome | None, bool]:
    until = time.monotonic() + PATIENCE
    while True:
        with db.read() as at:
            outcome = press_keys.outcome_of(at, press)
            is_fresh = outcome is not None and now(at) - outcome.at < FRESH
        if outcome is None or outcome.is_settled or time.monotonic() > until:
            return outcome, is_fresh
        time.sleep(0.05)


def _say(messages: list[dict[str, str]]) -> None:
    """Say on the next page what isn't waiting to be said there already, by the first press."""
    waiting = [words for _category, words in session.get("_flashes", [])]
    for words in messages:
        if words not in waiting:
            flash(words)  # type: ignore[arg-type]  # as `announce` does
