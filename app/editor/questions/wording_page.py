"""The wording of a question: changed by one, confirmed by an editor, and by two at once without loss."""

from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...db import lock
from ...formatting import tongue
from ...lifecycle import Missing, Stale, TooLong
from ...questions import notes, queries
from ...questions import wording as words
from ...questions.models import Question
from ..conflict import Conflict, Part, conflict_with, kept_in_note
from ..form_values import too_long
from ..frame import Desk, at_desk, change, editor, page
from .question_page import decide, the_question, to_question

LABELS = {
    "headline": _l("Headline"),
    "body": _l("The question"),
    "background": _l("Background for the expert"),
    "language": _l("Language"),
}


@editor.press("/<slug>/questions/<public_id>/wording", "word")
def question_wording(slug: str, public_id: str) -> Response | tuple[str, int]:
    typed = {name: request.form.get(name, "").strip().replace("\r\n", "\n") for name in LABELS}
    seen = request.form.get("seen", "")
    if request.form.get("act") == "give way":
        change(slug, lambda desk: _give_way(desk, public_id, typed))
        return to_question(slug, public_id, "wording")
    if typed["language"] and not tongue(typed["language"]):
        return _again(slug, public_id, typed, 422, {"language": _("No language has this code")}, seen)

    def fn(desk: Desk) -> None:
        one = the_question(desk, public_id)
        fields: dict[str, Any] = typed | {"language": typed["language"] or None}
        words.reword(desk.session, desk.actor, one, **fields, seen=seen)

    try:
        change(slug, fn)
    except Missing:
        return _again(slug, public_id, typed, 422, {"body": _("The question needs a wording")}, seen)
    except TooLong as error:
        return _again(slug, public_id, typed, 422, {error.field: too_long(error)}, seen)
    except Stale:
        return _again(slug, public_id, typed, 409, {}, seen)
    return to_question(slug, public_id, "recognise")


def _give_way(desk: Desk, public_id: str, typed: dict[str, str]) -> None:
    """Theirs stays; what was typed here is kept in a note."""
    parts = [(str(LABELS[name]), typed[name]) for name in ("headline", "body", "background")]
    body = kept_in_note(_("My wording, which I didn’t save over the newer one:"), parts)
    notes.note(desk.session, desk.actor, the_question(desk, public_id), body)


def _again(
    slug: str, public_id: str, typed: dict[str, str], status: int, faults: dict[str, str], seen: str
) -> tuple[str, int]:
    """The form with all that was typed; after somebody else's change, with their words and the difference beside it."""
    with at_desk(slug) as desk:
        one = the_question(desk, public_id)
        conflict = None if faults else _conflict(desk, one, typed, seen)
        newest = one.text.label if one.text and conflict else seen
        if conflict:
            typed = {name: part.mine for name, part in zip(LABELS, conflict.parts, strict=True)}
        values = {"question": one, "typed": typed, "faults": faults, "conflict": conflict, "seen": newest}
        return page(desk, "editor/questions/wording.html", "questions", **values), status


def _conflict(desk: Desk, one: Question, typed: dict[str, str], seen: str) -> Conflict | None:
    text = one.text
    if text is None:
        return None
    before = next((old for old in queries.texts_of(desk.session, one) if old.label == seen), None)
    parts = [
        Part(str(label), (getattr(before, name) or "") if before else None, getattr(text, name) or "", typed[name])
        for name, label in LABELS.items()
    ]
    return conflict_with(desk, f"staff:{text.written_by_id}" if text.written_by_id else "", text.written_at, parts)


@editor.press("/<slug>/questions/<public_id>/clear", "clear")
def question_clear(slug: str, public_id: str) -> Response | tuple[str, int]:
    """Confirm that nobody could recognise the asker, in the very text that was on the page."""
    looked = request.form.get("looked", "")

    def fn(desk: Desk) -> None:
        one = the_question(desk, public_id)
        words.clear(desk.session, desk.actor, one, words_seen(desk, one), looked)

    return decide(slug, public_id, fn)


def words_seen(desk: Desk, one: Question) -> int:
    """The key of the wording that was on the page. Raises `Stale` where it has another one by now."""
    text = lock(desk.session, one).text
    if text is None or text.label != request.form.get("seen"):
        raise Stale(one.public_id)
    return text.id
