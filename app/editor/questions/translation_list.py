"""The newsletter's languages on the page of a question, with the progress of its translations."""

from collections.abc import Iterable
from dataclasses import dataclass

from flask import url_for
from flask_babel import gettext as _

from ...answers import translating, translators
from ...questions.models import Question
from ..frame import RequestContext
from ..settings.newsletter_page import list_languages
from .question_detail import QuestionDetail


@dataclass(frozen=True)
class Listed:
    """A language with the address of its translations and their progress."""

    language: str
    href: str
    words: str  # the progress


def languages_to(detail: QuestionDetail) -> list[Listed]:
    """Return the languages into which a question can be translated; none if it has ended or has no text."""
    desk, question = detail.desk, detail.question
    if question.has_ended:
        return []
    translations = translating.get_translations(desk.session, question)
    listed = list_target_languages(desk, question, translations)
    originals = [*translating.list_wording(question), *_list_answer_originals(detail)] if listed else []
    if not originals:
        return []
    found = []
    for language in listed:
        pairs = [(original, translations.get((original.key, language))) for original in originals]
        written = [(original, translation) for original, translation in pairs if translation and translation.is_written]
        if not written:
            progress = _("nothing yet")
        elif all(translating.is_current(desk.session, translation, original) for original, translation in written):
            approved = sum(1 for _original, translation in written if translation.is_approved)
            progress = _("%(approved)d of %(all)d texts approved", approved=approved, all=len(originals))
        else:
            progress = _("out of date")
        href = url_for(
            "editor.translations", slug=desk.newsletter.slug, public_id=question.public_id, language=language
        )
        found.append(Listed(language, href, progress))
    return found


def _list_answer_originals(detail: QuestionDetail) -> list[translating.Original]:
    """Return the current texts of the question's answers."""
    originals = []
    for part in detail.parts:
        answer = part.place.answer
        if answer is None or answer.is_withdrawn:
            continue
        text = next((text for text in part.texts if text.id == answer.text_id), None)
        if text is not None and text.body:
            originals.append(translating.Original(detail.question, answer, text))
    return originals


def list_target_languages(
    desk: RequestContext, question: Question, translation_keys: Iterable[tuple[str, str]] | None = None
) -> list[str]:
    """Return the newsletter's languages except the question's own, those into which it has been translated, and those
    of open invitations to translators.

    `translation_keys` are the keys of its translations, if they are loaded already.
    """
    if translation_keys is None:
        translation_keys = translating.get_translations(desk.session, question)
    translated = [language for _key, language in translation_keys]
    translators_by_key = translators.get_newest_translators(desk.session, question)
    requested = [language for (_key, language), translator in translators_by_key.items() if translator.is_open]
    own_language = question.text.language if question.text else ""
    languages = dict.fromkeys([*list_languages(desk.newsletter), *translated, *requested])  # each once, in this order
    return [language for language in languages if not translating.is_same_language(language, own_language)]
