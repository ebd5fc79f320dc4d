"""The letters of a question beside the desk's wording, with the differences if both are in one language."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from flask import url_for
from flask_babel import gettext as _

from ...letters import contacts, machine_translation
from ...letters import queries as letters
from ...letters.models import Credit, Letter
from ...mail.message import shortened
from ...questions import queries
from ...questions.models import Question, QuestionText
from ...text.diff import ParagraphPair, compare
from ...web.formatting import format_language
from ...web.setup import get_cursor_row, or_404, paginate
from ..frame import RequestContext, editor, page, read_context
from ..letter_labels import CHANNELS

MAX_ORIGINALS = 12  # letters on the question's own page
PAGE_SIZE = 30
MAX_TITLE_LENGTH = 60  # characters shown of the headline of a merged question


@dataclass(frozen=True)
class OriginalLetter:
    """A letter, how its writer wants to be named, and its text compared with the wording."""

    letter: Letter
    credit: Credit | None
    name: str | None
    wording: QuestionText | None  # the desk's
    merged_question: Question | None = None  # the letter's own question, if that was merged into this one
    additions: Sequence[letters.Added] = ()  # what its reader added later
    translation: machine_translation.TranslationResult | None = None  # by a machine

    @property
    def source(self) -> str:
        parts = [str(CHANNELS[self.letter.channel]), format_language(self.letter.language)]
        if self.merged_question:
            title = shortened(self.merged_question.title, MAX_TITLE_LENGTH)
            parts.append(_("merged in with “%(question)s”", question=title))
        return ", ".join(filter(None, parts))

    @property
    def wording_heading(self) -> str:
        """The heading above the desk's wording, with its language if that is known."""
        language = format_language(self.wording.language) if self.wording else ""
        return ", ".join(filter(None, (_("The desk’s wording"), language)))

    @property
    def is_translated(self) -> bool:
        """Return whether the letter and the wording are in two languages; false if a language is unknown ("und")."""
        languages = {text.language.partition("-")[0] for text in (self.letter, self.wording) if text}
        return len(languages - {"und"}) > 1

    @property
    def differs(self) -> bool:
        """Return whether to show differences: both texts are in one language and not the same."""
        return bool(self.wording and self.pairs and self.letter.body != self.wording.body)

    @cached_property
    def pairs(self) -> list[ParagraphPair]:
        """The differences by paragraph, empty if the texts are in two languages."""
        if self.wording is None or self.is_translated:
            return []
        letter_body, wording_body = self.letter.body, self.wording.body
        return compare(letter_body, wording_body) if letter_body and wording_body else []

    @property
    def has_both(self) -> bool:
        return bool(self.letter.body and self.wording and self.wording.body)


def build_originals(
    desk: RequestContext, question: Question, asker_letters: Sequence[Letter], merged_questions: Sequence[Question]
) -> list[OriginalLetter]:
    if not asker_letters:
        return []
    session = desk.session
    letter_ids = [letter.id for letter in asker_letters]
    merged_by_id = {merged.id: merged for merged in merged_questions}
    credits = contacts.credits_of(session, letter_ids)
    names = contacts.names_of(session, asker_letters, credits)
    translations = machine_translation.get_finished_translations(session, letter_ids)
    added = letters.get_additions_by_letter(session, letter_ids)
    return [
        OriginalLetter(
            letter,
            credits.get(letter.id),
            names.get(letter.id),
            question.text,
            merged_by_id.get(letter.question_id or 0),
            added[letter.id],
            machine_translation.read_translation(session, letter, translations[letter.id])
            if letter.id in translations
            else None,
        )
        for letter in asker_letters
    ]


@editor.get("/<slug>/questions/<public_id>/letters")
def question_letters(slug: str, public_id: str) -> str:
    """List all letters of a question."""
    with read_context(slug) as desk:
        question = or_404(queries.load(desk.session, desk.actor, public_id))
        last_shown = get_cursor_row(lambda key: letters.load(desk.session, desk.actor, key), "after")
        merged = queries.list_merged_questions(desk.session, question)
        all_letters = queries.letters_behind([question.id, *(other.id for other in merged)], rising=True)
        get_url = partial(url_for, "editor.question_letters", slug=slug, public_id=public_id)
        letters_page = paginate(desk.session, all_letters, PAGE_SIZE, last_shown, get_url, "after")
        return page(
            desk,
            "editor/questions/letters.html",
            "questions",
            question=question,
            originals=build_originals(desk, question, letters_page.rows, merged),
            page_urls=letters_page.page_urls,
        )
