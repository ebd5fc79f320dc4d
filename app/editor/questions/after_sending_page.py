"""Changes to a Q&A after it was sent: corrections, typo fixes, and rewording to protect somebody."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...core.domain_errors import MissingPrecondition, TooLong
from ...editions import corrections, item_translations, typos
from ...editions.items import PrintedExpert
from ...editions.models import EditionItem
from ...questions.models import Question
from ...questions.source_protection import LeakDetected
from ...questions.wording import LONGEST_HEADLINE
from ...web.error_sentences import format_error
from ...web.formatting import format_language
from ...workflows.publishing import after_sending
from ...workflows.publishing.after_sending import CorrectionNote, PublishedText
from ...workflows.retention import erase_published
from ..conflict import check_unchanged, save_unless_changed, version_token_of
from ..frame import RequestContext, announce, editor, page, read_context
from .question_page import ADDRESS, question_action, redirect_to_question, require_question

MAX_ANSWERS = 50  # fields for answers that are read from a form
TEXT_FIELDS = ("headline", "wording", "wrong", "right", "why")
# The field of the form that an error is about, by its code.
FIELD_BY_ERROR_CODE = {
    "invalid.text_unchanged": "headline",
    "invalid.more_than_a_typo": "quietly",
    "invalid.note_with_typo_fix": "quietly",
    "leak.contact_details": "looked",
    "leak.private_details": "looked",
    "leak.reader_words": "looked",
    "required.answer": "answer-1",
    "required.headline": "headline",
    "required.name": "name-1",
    "required.own_words_reason": "wording",
    "required.right": "right",
    "required.why": "why",
    "required.wording": "wording",
    "required.wrong": "wrong",
    "too_long.answer": "answer-1",
    "too_long.credit_line": "credit_line-1",
    "too_long.name": "name-1",
}
# A published text can't keep a reader's own words, whatever the reason.
OWN_WORDS = _l("It is still in a reader’s own words. Reword it.")


def _get_form_data() -> dict[str, Any]:
    numbers = [number for number in range(1, MAX_ANSWERS + 1) if f"answer-{number}" in request.form]
    answers = [request.form[f"answer-{number}"].replace("\r\n", "\n") for number in numbers]
    experts = [
        PrintedExpert(*(request.form.get(f"{name}-{number}", "") for name in PrintedExpert._fields))
        for number in numbers
        if f"name-{number}" in request.form  # the form for somebody's safety doesn't have it
    ]
    texts = {name: request.form.get(name, "").replace("\r\n", "\n") for name in TEXT_FIELDS}
    texts_and_experts = texts | {"answers": answers, "experts": experts}
    return texts_and_experts | {"runs": "runs" in request.form, "quietly": "quietly" in request.form}


def _build_published_text(form_data: dict[str, Any]) -> PublishedText:
    experts = tuple(form_data["experts"]) or None
    return PublishedText(form_data["headline"], form_data["wording"], tuple(form_data["answers"]), experts)


def _get_published_values(item: EditionItem) -> dict[str, Any]:
    published = after_sending.get_published_text(item)
    texts: dict[str, Any] = {
        "headline": published.headline,
        "wording": published.question,
        "answers": list(published.answers),
    }
    texts |= {"experts": list(published.experts or ())}
    return texts | {"wrong": "", "right": "", "why": "", "runs": True, "quietly": False}


class FormFault(NamedTuple):
    """The fault for which a form was rejected; empty if it wasn't."""

    field: str = ""
    message: str = ""
    passages: Sequence[str] = ()  # readers' words that were found in the text


def _render_form(
    desk: RequestContext,
    question: Question,
    for_safety: bool,
    form_data: dict[str, Any] | None = None,
    fault: FormFault = FormFault(),  # noqa: B008 - it is immutable
) -> str:
    item = after_sending.get_published_item(desk.session, question)
    return page(
        desk,
        "editor/questions/after_sending.html",
        "archive",
        question=question,
        item=item,
        version_token=request.form.get("seen") or version_token_of(question),
        values=form_data or _get_published_values(item),
        names=[voice["lead_in"]["name"] for voice in item.piece["voices"]],
        for_safety=for_safety,
        languages=[
            format_language(version.language)
            for version in item_translations.list_visible_translations(desk.session, item)
        ],
        corrections=corrections.of_questions(desk.session, [question.id])[question.id],
        error_field=fault.field,
        error_message=fault.message,
        passages=fault.passages,
        typo_limit=typos.MAX_CHANGED_CHARACTERS,
        word_limit=typos.MAX_MISSPELT_WORDS,
        note_limit=after_sending.LONGEST_NOTE,
        headline_limit=LONGEST_HEADLINE,
        days=erase_published.RESTORE_PERIOD.days,
    )


@editor.restricted_page(f"{ADDRESS}/correct", permission="correct", endpoint="correction")
def question_correction(slug: str, public_id: str) -> str:
    """Show the form for a correction."""
    with read_context(slug) as desk:
        return _render_form(desk, require_question(desk, public_id), for_safety=False)


@editor.restricted_page(f"{ADDRESS}/protect", permission="correct", endpoint="safer_words")
def question_safer_words(slug: str, public_id: str) -> str:
    """Show the form for a rewording that protects somebody, which can't be undone."""
    with read_context(slug) as desk:
        return _render_form(desk, require_question(desk, public_id), for_safety=True)


@editor.action(f"{ADDRESS}/correct", permission="correct")
def question_correct(slug: str, public_id: str) -> Response | tuple[str, int]:
    typed = _get_form_data()
    note = CorrectionNote(typed["wrong"], typed["right"], typed["runs"])

    def fn(desk: RequestContext) -> bool:
        question = check_unchanged(desk, require_question(desk, public_id))
        text = _build_published_text(typed)
        correction = after_sending.correct(
            desk.session, desk.actor, question, text, note, typed["quietly"], typed["why"]
        )
        return correction is not None  # None: only a typo was fixed

    try:
        is_correction = save_unless_changed(slug, lambda desk: require_question(desk, public_id), fn)
    except (MissingPrecondition, TooLong) as error:
        return _render_form_again(slug, public_id, typed, error, for_safety=False)
    if is_correction:
        announce(
            _("It is corrected on its page, in the feeds and in the list of corrections, and its experts are told.")
        )
    else:
        announce(_("The typo is corrected. Readers see it within a minute, and nobody is told."))
    return redirect_to_question(slug, public_id, "end")


@editor.action(f"{ADDRESS}/protect", permission="correct")
def question_protect(slug: str, public_id: str) -> Response | tuple[str, int]:
    typed = _get_form_data()

    def fn(desk: RequestContext) -> None:
        question = check_unchanged(desk, require_question(desk, public_id))
        after_sending.reword_for_safety(desk.session, desk.actor, question, _build_published_text(typed))

    try:
        save_unless_changed(slug, lambda desk: require_question(desk, public_id), fn)
    except (MissingPrecondition, TooLong) as error:
        return _render_form_again(slug, public_id, typed, error, for_safety=True)
    announce(
        _("The new words are in place, and the former ones are erased here. What was mailed or copied stays out there.")
    )
    return redirect_to_question(slug, public_id, "end")


@question_action(f"{ADDRESS}/forget-words", permission="correct", chapter="end")
def question_forget_words(desk: RequestContext, question: Question) -> None:
    """Erase the texts of a withdrawn page immediately instead of after a week."""
    erase_published.forget_withdrawn(desk.session, desk.actor, check_unchanged(desk, question))


def _render_form_again(
    slug: str, public_id: str, form_data: dict[str, Any], error: MissingPrecondition | TooLong, for_safety: bool
) -> tuple[str, int]:
    """Render the form again with the message at its field. Raises `error` again if no field is at fault."""
    passages = error.passages if isinstance(error, LeakDetected) else ()
    default_field = error.field if isinstance(error, TooLong) else ""
    field = FIELD_BY_ERROR_CODE.get(error.code, default_field)
    if not field:
        raise error
    message = str(OWN_WORDS) if error.code == "required.own_words_reason" else format_error(error)
    fault = FormFault(field, message, passages)
    with read_context(slug) as desk:
        return _render_form(desk, require_question(desk, public_id), for_safety, form_data, fault), 422
