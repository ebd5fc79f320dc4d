"""Tell how it stands with a translator outside whom the desk asked for a text."""

from typing import NamedTuple

from flask_babel import gettext as _

from ...answers import translators
from ...answers.translating import Words
from ...questions.models import Question, Translation, Translator
from ...text.clean import clean, for_print, single_line
from ...web.formatting import day
from ..frame import RequestContext
from .translation_words import TRANSLATOR_STANDING


class Asked(NamedTuple):
    """A translator whom the desk asked last for a text. `words` are what they handed in, or have typed, where it is
    to be seen beside the translation that stands.
    """

    translator: Translator
    is_current: bool
    words: Words | None

    @property
    def standing(self) -> str:
        one = self.translator
        words = str(TRANSLATOR_STANDING[one.state or ""]) % {"name": one.name, "day": day(one.state_at)}
        late = one.is_open and not self.is_current
        return f"{words} {_('The words have changed since: their page shows none.')}" if late else words


def get_translator_status(desk: RequestContext, outside: Translator, current: Translation | None) -> Asked:
    """Return how it is with whom the desk asked; `current` is the translation that stands, where it is up to date."""
    original = translators.original_of(desk.session, outside, desk.session.get_one(Question, outside.question_id))
    words = translators.get_handed_in_text(desk.session, outside) if outside.is_handed_in else None
    if words and current and current.is_written:
        same = (current.body, current.headline) == (
            for_print(clean(words.body)),
            for_print(single_line(words.headline)),
        )
        words = None if same else words  # it stands there
    if outside.is_invited and original is None and (drafts := translators.list_drafts(desk.session, outside)):
        words = translators.parse_translation(drafts[0].words)
    return Asked(outside, original is not None, words)
