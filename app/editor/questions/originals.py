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
from ...text.diff import Pair, compare
from ...web.formatting import tongue
from ...web.setup import get_cursor_row, or_404, paginate
from ..frame import RequestContext, editor, page, read_context
from ..letter_labels import CHANNELS

SHOWN = 12  # letters on the question's own page
PAGE = 30
TITLE = 60  # characters shown of the headline of a merged question


@dataclass(frozen=True)
class Original:
    """A letter, how its writer wants to be named, and its text compared with the wording.

    `merged` is the merged question to which it belonged, `added` the reader's additions, and `machine` its machine
    translation.
    """

    letter: Letter
    credit: Credit | None
    name: str | None
    text: QuestionText | None
    merged: Question | None = None
    added: Sequence[letters.Added] = ()
    machine: machine_translation.TranslationResult | None = None

    @property
    def source(self) -> str:
        found = [str(CHANNELS[self.letter.channel]), tongue(self.letter.language)]
        if self.merged:
            title = shortened(self.merged.title, TITLE)
            found.append(_("merged in with “%(question)s”", question=title))
        return ", ".join(filter(None, found))

    @property
    def ours(self) -> str:
        return ", ".join(filter(None, (_("The desk’s wording"), tongue(self.text.language) if self.text else "")))

    @property
    def is_translated(self) -> bool:
        tongues = {one.language.partition("-")[0] for one in (self.letter, self.text) if one}
        return len(tongues - {"und"}) > 1

    @property
    def differs(self) -> bool:
        """Return whether to show differences: both texts are in one language and not the same."""
        return bool(self.text and self.pairs and self.letter.body != self.text.body)

    @cached_property
    def pairs(self) -> list[Pair]:
        """The differences by paragraph, empty if the texts are in two languages."""
        body, ours = self.letter.body, self.text.body if self.text else None
        return compare(body, ours) if body and ours and not self.is_translated else []

    @property
    def has_both(self) -> bool:
        return bool(self.letter.body and self.text and self.text.body)


def originals(
    desk: RequestContext, question: Question, asker_letters: Sequence[Letter], merged_questions: Sequence[Question]
) -> list[Original]:
    if not asker_letters:
        return []
    session, keys = desk.session, [letter.id for letter in asker_letters]
    came_with = {one.id: one for one in merged_questions}
    credits = contacts.credits_of(session, keys)
    names = contacts.names_of(session, asker_letters, credits)
    translations = machine_translation.get_finished_translations(session, keys)
    added = letters.get_additions_by_letter(session, keys)
    return [
        Original(
            letter,
            credits.get(letter.id),
            names.get(letter.id),
            question.text,
            came_with.get(letter.question_id or 0),
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
        last = get_cursor_row(lambda key: letters.load(desk.session, desk.actor, key), "after")
        merged = queries.list_merged_questions(desk.session, question)
        behind = queries.letters_behind([question.id, *(one.id for one in merged)], rising=True)
        here = partial(url_for, "editor.question_letters", slug=slug, public_id=public_id)
        some = paginate(desk.session, behind, PAGE, last, here, "after")
        return page(
            desk,
            "editor/questions/letters.html",
            "questions",
            question=question,
            originals=originals(desk, question, some.rows, merged),
            keyset=some.keyset,
        )
