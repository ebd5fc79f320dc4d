"""The kind sentences with which a letter or a question ends; the newsletter can word each its own way
(`ended.<key>`)."""

from typing import NamedTuple

from sqlalchemy.orm import Session

from ..newsletters.models import Newsletter
from ..newsletters.queries import house_text
from ..text.translation import N_, interface_language, say

# The key is kept as the reason; mails and receipts show the sentence, so none of them may say what was asked.
ENDINGS = {
    "later": N_("It is a good question, but not one for the coming editions. We keep it in mind."),
    "answered": N_("We have answered this already. You find the answer on our pages."),
    "outside": N_("It lies outside of what this newsletter can look into well. Thank you for asking all the same."),
    "nobody": N_("We have looked for somebody who can answer this well in writing, and found nobody."),
    "personal": N_("It is about one person’s own case, and we can’t give good advice on that from here."),
    "read": N_("We have read it, and there is nothing more for us to do. Thank you for writing."),
}


class Sentence(NamedTuple):
    text: str
    language: str  # of its words


def sentence_of(session: Session, newsletter: Newsletter, reason: str, language: str) -> Sentence | None:
    """The sentence for a reason in a language of the newsletter; an unknown reason gets none.

    The newsletter's own wording is in that language also where our words can only be English.
    """
    if reason not in ENDINGS:
        return None
    tongue = language if language in newsletter.languages else newsletter.language
    if own := house_text(session, newsletter, f"ended.{reason}", tongue):
        return Sentence(own, tongue)
    return Sentence(say(tongue).gettext(ENDINGS[reason]), interface_language(tongue))
