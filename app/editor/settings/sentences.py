"""The house sentences of a newsletter by language, with an example of the house form."""

from typing import Any

from flask import abort, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...core.domain_errors import VersionConflict
from ...core.fields import FieldError
from ...newsletters import settings
from ...newsletters.models import Newsletter
from ...newsletters.sentence_placeholders import DEFAULT_SUBJECT, PLACEHOLDERS_BY_KIND
from ...text.languages import direction
from ...typesetting.house_form import ItemContent, LeadIn, Voice, set_block
from ...typesetting.house_languages import phrases_for
from ...typesetting.renderers import to_text
from ..conflict import check_form_unchanged, find_last_text_save, merge_form
from ..form_fields import format_fault
from ..frame import RequestContext, announce, editor, page, read_context, rerender, run_in_transaction
from .newsletter_page import list_languages

# By kind of sentence: its label and help text. The example contains the sentences of the house form.
SENTENCES = {
    "subject": (
        _l("Subject of an edition"),
        _l("{newsletter}, {headlines} and {date} are filled in: as many headlines as fit."),
    ),
    "heading": (_l("Heading"), _l("{section} and {headline} are filled in.")),
    "asked_many": (_l("Several readers asked"), ""),
    "asked_one": (_l("One reader asked, unnamed"), ""),
    "asked_credit": (_l("One reader asked, named"), _l("{credit} is the name as they want it printed.")),
    "lead_in": (
        _l("Lead-in to an answer"),
        _l(
            "%(places)s are filled in; what an expert lacks is left out.",
            places=", ".join(PLACEHOLDERS_BY_KIND["lead_in"]),
        ),
    ),
    "also": (_l("Lead-in to a second answer"), _l("As above.")),
    "translation": (
        _l("Who translated it"),
        _l("{translator} is filled in, in brackets in the lead-in of a translated answer."),
    ),
    "ask_here": (
        _l("After the standing call, to copy"),
        _l("{link} is the short address of the ask page. It is in what you copy for the newsletter."),
    ),
    "verify": (_l("In the invitation: how to check that it is you"), ""),
    "pay": (_l("In the invitation: pay"), ""),
    "rights": (_l("In the invitation: rights"), ""),
}
# Sentences for other languages than the newsletter's own, for which they are settings.
OF_TRANSLATIONS = {
    "translated_section": (_l("Section"), _l("Printed before each headline in this language. Empty: the usual one.")),
    "translated_call": (
        _l("Standing call"),
        _l("Printed below an edition in this language; {address} is filled in. Empty: none."),
    ),
}


@editor.restricted_page("/<slug>/settings/sentences/<language>", permission="words of the house")
def sentences(slug: str, language: str) -> str:
    with read_context(slug) as desk:
        return _render_form(desk, language)


def _labels_of_page(newsletter: Newsletter, language: str) -> dict[str, tuple[Any, Any]]:
    return SENTENCES if language == newsletter.language else SENTENCES | OF_TRANSLATIONS


def _get_stored_sentences(desk: RequestContext, language: str) -> dict[str, str]:
    """Return the stored sentences of this page by kind, "" for those that use the default."""
    stored = settings.sentences_of(desk.session, desk.newsletter, language)
    return {kind: stored.get(kind, "") for kind in _labels_of_page(desk.newsletter, language)}


def _render_form(
    desk: RequestContext,
    language: str,
    form_data: dict[str, str] | None = None,
    faults: dict[str, FieldError] | None = None,
    has_conflict: bool = False,
) -> str:
    if language not in list_languages(desk.newsletter):
        abort(404)
    sentences = _labels_of_page(desk.newsletter, language)
    labels = {kind: label for kind, (label, _help) in sentences.items()}
    other_save = find_last_text_save(desk, language, set(sentences)) if has_conflict else None
    form = merge_form(desk, _get_stored_sentences(desk, language), form_data, labels, other_save)
    return page(
        desk,
        "editor/settings/sentences.html",
        "settings",
        language=language,
        direction=direction(language),
        sentences=sentences,
        **form._asdict(),
        default_sentences=get_default_sentences(language),
        faults={kind: format_fault(fault) for kind, fault in (faults or {}).items()},
        example=build_example(desk.newsletter, language, form.values),
        is_preview=form_data is not None and not faults and not has_conflict,
    )


def get_default_sentences(language: str) -> dict[str, str]:
    """Return the sentences that stand where a newsletter has no wording of its own, by kind."""
    return {**phrases_for(language), "subject": DEFAULT_SUBJECT}


def build_example(newsletter: Newsletter, language: str, own_sentences: dict[str, str]) -> str:
    """Return an example in the house form: a question of two readers with two answers, and one of a named reader."""
    marks, section = newsletter.marks, newsletter.sections[0].name
    phrases = {kind: body for kind, body in own_sentences.items() if kind in phrases_for(language)}
    leyla = LeadIn(_("Leyla Aydın"), _("soil scientist"), _("which keeps the gauges"))
    marc = LeadIn(_("Marc Delvaux"), _("lawyer"))
    # Each with the credits of its readers, None for an unnamed one, and its answers.
    blocks = (
        ((None, None), (Voice(leyla, _("The answer goes here.")), Voice(marc, _("And the second one here.")))),
        ((_("Timur, Osh"),), (Voice(marc, _("The answer goes here.")),)),
    )
    pieces = [
        ItemContent(language, marks, section, _("The Salt Wind"), askers, _("Who measures it?"), voices)
        for askers, voices in blocks
    ]
    return "\n".join(to_text(set_block(piece, newsletter.address, phrases)) for piece in pieces)


def get_submitted_sentences() -> dict[str, str]:
    optional_kinds = [kind for kind in OF_TRANSLATIONS if kind in request.form]
    return {kind: request.form.get(kind, "").replace("\r\n", "\n") for kind in (*SENTENCES, *optional_kinds)}


@editor.action("/<slug>/settings/sentences/<language>", permission="words of the house")
def change_sentences(slug: str, language: str) -> Response | tuple[str, int]:
    """Save the sentences, or with the button "look" only preview them."""
    form_data = get_submitted_sentences()
    faults = settings.faults_of_sentences(form_data)
    if faults or "look" in request.form:
        return rerender(slug, 422 if faults else 200, _render_form, language, form_data, faults)

    def fn(desk: RequestContext) -> None:
        if language not in list_languages(desk.newsletter):
            abort(404)
        check_form_unchanged(desk, desk.newsletter, lambda: _get_stored_sentences(desk, language), form_data)
        settings.save_house_sentences(desk.session, desk.actor, desk.newsletter, language, form_data)

    try:
        run_in_transaction(slug, fn)
    except VersionConflict:
        return rerender(slug, 409, _render_form, language, form_data, has_conflict=True)
    announce(_("The sentences are saved."))
    return redirect(url_for("editor.sentences", slug=slug, language=language), code=303)
