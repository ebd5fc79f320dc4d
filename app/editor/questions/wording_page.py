"""The wording of a question: editing it without losing anybody's text, and confirming that nobody can be recognised."""

from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...core.domain_errors import MissingPrecondition, TooLong, VersionConflict
from ...questions import notes, wording
from ...questions.models import Question
from ...web.error_sentences import format_error
from ...web.formatting import format_language
from ...web.setup import or_404
from ...workflows.version_facts import WORDING, facts_of
from ..conflict import check_unchanged, find_last_save, merge_form, submitted_token
from ..frame import RequestContext, editor, page, read_context, run_in_transaction
from .question_page import ADDRESS, question_action, redirect_to_question, require_question

LABELS = dict(
    zip(WORDING, (_l("Headline"), _l("The question"), _l("Background for the expert"), _l("Language")), strict=True)
)


@editor.action(f"{ADDRESS}/wording", permission="word")
def question_wording(slug: str, public_id: str) -> Response | tuple[str, int]:
    typed = {name: request.form.get(name, "").strip().replace("\r\n", "\n") for name in LABELS}
    if request.form.get("act") == "give way":
        run_in_transaction(slug, lambda desk: _keep_other_wording(desk, public_id, typed))
        return redirect_to_question(slug, public_id, "wording")
    if typed["language"] and not format_language(typed["language"]):
        return _render_form_again(slug, public_id, typed, {"language": _("No language has this code")})

    def fn(desk: RequestContext) -> None:
        question = require_question(desk, public_id)
        shown = submitted_token()  # the label and the language of the wording that the form showed
        language = typed["language"]
        if language == shown.get("language"):
            language = ""  # unchanged in this form
        # With None, `reword` keeps the language, unless the text looks like another one.
        fields: dict[str, Any] = typed | {"language": language or None}
        wording.reword(desk.session, desk.actor, question, **fields, base_label=str(shown.get("label", "")))

    try:
        run_in_transaction(slug, fn)
    except MissingPrecondition as error:
        return _render_form_again(slug, public_id, typed, {"body": format_error(error)})
    except TooLong as error:
        return _render_form_again(slug, public_id, typed, {error.field: format_error(error)})
    except VersionConflict:
        return _render_form_again(slug, public_id, typed, {})
    return redirect_to_question(slug, public_id, "wording")


def _keep_other_wording(desk: RequestContext, public_id: str, form_data: dict[str, str]) -> None:
    """Keep the other person's wording, and store what was typed in a note."""
    parts = [(str(LABELS[name]), form_data[name]) for name in ("headline", "body", "background")]
    title = _("My wording, which I didn’t save over the newer one:")
    notes.note_unsaved(desk.session, desk.actor, require_question(desk, public_id), title, parts)


def _format_field(name: str, value: str) -> str:
    if name == "language":
        return format_language(value) or value
    return value


def _render_form_again(slug: str, public_id: str, form_data: dict[str, str], faults: dict[str, str]) -> tuple[str, int]:
    """Render the form again, with its `faults`, or without any as an edit conflict, beside the other wording."""
    with read_context(slug) as desk:
        question = require_question(desk, public_id)
        current = facts_of(question.text) if question.text else {}
        other_save = None if faults else find_last_save(desk, question, "question.reword")
        form = merge_form(desk, current, form_data, LABELS, other_save, format_value=_format_field)
        values = {"question": question, "faults": faults, "overwritten": {}, **form._asdict()}
        return page(desk, "editor/questions/wording.html", "questions", **values), 422 if faults else 409


@question_action(f"{ADDRESS}/clear", permission="clear")
def question_clear(desk: RequestContext, question: Question) -> None:
    """Confirm that nobody could recognise the asker in the wording that the page showed."""
    check_unchanged(desk, question, "label")
    wording.clear(desk.session, desk.actor, question, or_404(question.text_id), request.form.get("own", ""))
