"""The newsletter's languages on the page of a question, with the progress of its translations."""

from collections.abc import Iterable
from dataclasses import dataclass

from flask import url_for
from flask_babel import gettext as _

from ...answers import translating, translators
from ...questions.models import Question
from ..frame import RequestContext
from ..settings.newsletter_page import languages_of
from .question_detail import QuestionDetail


@dataclass(frozen=True)
class Listed:
    """A language with the address of its translations and their progress."""

    language: str
    href: str
    words: str


def languages_to(detail: QuestionDetail) -> list[Listed]:
    """Return the languages into which a question can be translated; none if it has ended or has no text."""
    desk, question = detail.desk, detail.question
    if question.has_ended:
        return []
    made = translating.get_translations(desk.session, question)
    listed = list_target_languages(desk, question, made)
    originals = [*translating.list_wording(question), *_list_answer_originals(detail)] if listed else []
    if not originals:
        return []
    found = []
    for language in listed:
        ones = [(made.get((one.key, language)), one) for one in originals]
        there = [(one, of) for one, of in ones if one and one.is_written]
        late = any(not translating.is_current(desk.session, one, of) for one, of in there)
        approved = sum(1 for one, _of in there if one.is_approved)
        words = (
            _("out of date")
            if late
            else _("nothing yet")
            if not there
            else _("%(approved)d of %(all)d texts approved", approved=approved, all=len(originals))
        )
        href = url_for(
            "editor.translations", slug=desk.newsletter.slug, public_id=question.public_id, language=language
        )
        found.append(Listed(language, href, words))
    return found


def _list_answer_originals(detail: QuestionDetail) -> list[translating.Original]:
    """Return the current texts of the question's answers."""
    found = [(part.place.answer, {text.id: text for text in part.texts}) for part in detail.parts]
    return [
        translating.Original(detail.question, answer, texts[answer.text_id])
        for answer, texts in found
        if answer and not answer.is_withdrawn and answer.text_id in texts and texts[answer.text_id].body
    ]


def list_target_languages(
    desk: RequestContext, question: Question, translation_keys: Iterable[tuple[str, str]] | None = None
) -> list[str]:
    """Return the newsletter's languages except the question's own, those into which it has been translated, and those
    of open invitations to translators.

    `translation_keys` are the keys of its translations, if they are loaded already.
    """
    before = [
        language
        for _key, language in (
            translating.get_translations(desk.session, question) if translation_keys is None else translation_keys
        )
    ]
    asked = translators.get_newest_translators(desk.session, question).items()
    open_in = [language for (_key, language), one in asked if one.is_open]
    own = question.text.language if question.text else ""
    listed = dict.fromkeys([*languages_of(desk.newsletter), *before, *open_in])
    return [one for one in listed if not translating.is_same_language(one, own)]
