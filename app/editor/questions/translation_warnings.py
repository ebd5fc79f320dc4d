"""Warnings about a translation, in sentences for the desk."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from ...answers import translating
from ...answers.leftovers import count_paragraphs, is_untransliterated, list_empty_fields
from ...answers.translating import Original
from ...editions.item_translations import get_newsletter_text
from ...questions.models import Question, Translation
from ...web.error_sentences import format_passages
from ..frame import RequestContext


def list_warnings(original: Original, translation: Translation, labels: Mapping[str, Any]) -> list[str]:
    """Return what is left of the original in its translation, and what this lacks. `labels` are those of the fields."""
    warnings = []
    if leftovers := translating.find_leftovers_of(translation, original):
        warnings.append(_("Not translated: %(passages)s", passages=format_passages(leftovers)))
    if is_untransliterated(translation.name, translation.language):
        warning = _("The expert’s name isn’t in the letters of this language: %(name)s", name=translation.name)
        warnings.append(warning)
    if empty_fields := list_empty_fields(original.fields, translation):
        names = ", ".join(str(labels[name]) for name in empty_fields)
        warnings.append(_("Empty in the translation: %(fields)s", fields=names))
    counts = count_paragraphs(original.fields.body), count_paragraphs(translation.body)
    if counts[0] != counts[1]:
        sentence = _(
            "Paragraphs: %(original)s in the original, %(translation)s in the translation.",
            original=counts[0],
            translation=counts[1],
        )
        warnings.append(sentence)
    return warnings


def find_untranslated_section(desk: RequestContext, question: Question, language: str) -> str:
    """Return the name of the question's section if it is printed untranslated in this language, or "".

    In the newsletter's own language, it needs no translation.
    """
    if language == desk.newsletter.language or get_newsletter_text(desk.session, desk.newsletter, "section", language):
        return ""
    return desk.newsletter.sections[question.section].name
