"""The newsletter's languages on the page of a question, with the progress of its translations."""

from collections.abc import Iterable
from dataclasses import dataclass

from flask import url_for
from flask_babel import gettext as _

from ...answers import translating, translators
from ...questions.models import Question, Translation
from ..frame import RequestContext
from ..settings.newsletter_page import list_languages
from .question_detail import QuestionDetail


@dataclass(frozen=True)
class LanguageRow:
    """A language, the address of its translations, and a few words on their progress."""

    language: str
    href: str
    progress: str


def list_language_rows(detail: QuestionDetail) -> list[LanguageRow]:
    """Return a row for each language into which a question can be translated; none if it has ended or has no text."""
    desk, question = detail.desk, detail.question
    if question.has_ended:
        return []
    translations = translating.get_translations(desk.session, question)
    languages = list_target_languages(desk, question, translations)
    originals = [*translating.list_wording(question), *_list_answer_originals(detail)] if languages else []
    if not originals:
        return []
    rows = []
    for language in languages:
        pairs = [(original, translations.get((original.key, language))) for original in originals]
        href = url_for(
            "editor.translations", slug=desk.newsletter.slug, public_id=question.public_id, language=language
        )
        rows.append(LanguageRow(language, href, _format_progress(desk, pairs)))
    return rows


def _format_progress(desk: RequestContext, pairs: list[tuple[translating.Original, Translation | None]]) -> str:
    """Return the progress of the translations into one language. `pairs` are all originals with their translations."""
    written = [(original, translation) for original, translation in pairs if translation and translation.is_written]
    if not written:
        return _("nothing yet")
    if not all(translating.is_current(desk.session, translation, original) for original, translation in written):
        return _("out of date")
    approved = sum(1 for _original, translation in written if translation.is_approved)
    return _("%(approved)d of %(all)d texts approved", approved=approved, all=len(pairs))


def _list_answer_originals(detail: QuestionDetail) -> list[translating.Original]:
    """Return the current texts of the question's answers that aren't withdrawn."""
    originals = []
    for part in detail.parts:
        answer = part.answer
        if answer is None or answer.is_withdrawn:
            continue
        text = next((text for text in part.texts if text.id == answer.text_id), None)
        if text is not None and text.body:
            originals.append(translating.Original(detail.question, answer, text))
    return originals


def list_target_languages(
    desk: RequestContext, question: Question, translation_keys: Iterable[tuple[str, str]] | None = None
) -> list[str]:
    """Return the languages into which a question can be translated, without its own.

    These are the newsletter's, and those with a translation or with an open invitation to a translator.
    `translation_keys` are the keys of the question's translations, if they are loaded already.
    """
    if translation_keys is None:
        translation_keys = translating.get_translations(desk.session, question)
    translated = [language for _key, language in translation_keys]
    translators_by_key = translators.get_newest_translators(desk.session, question)
    requested = [language for (_key, language), translator in translators_by_key.items() if translator.is_open]
    own_language = question.text.language if question.text else ""
    languages = dict.fromkeys([*list_languages(desk.newsletter), *translated, *requested])  # each once, in this order
    return [language for language in languages if not translating.is_same_language(language, own_language)]
