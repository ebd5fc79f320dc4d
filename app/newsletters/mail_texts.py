"""A newsletter's own wordings of mails, by language: `NewsletterText` rows of kind `mail.<mail>.<part>`."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..core.actors import Staff
from ..core.state_machine import must
from ..mail.kinds import KINDS
from ..mail.mail_templates import default_wording, find_part_fault, parts_of
from ..text.clean import clean, for_print, single_line
from . import settings
from .models import Newsletter, NewsletterText

REWORDABLE_KINDS = [kind for kind, row in KINDS.items() if row.parts]
MAX_PART_LENGTHS = {"subject": 200}  # other parts may be as long as a sentence of the house form


def text_key(kind: str, mail_part: str) -> str:
    return f"mail.{kind}.{mail_part}"


def get_custom_texts(
    session: Session, newsletter: Newsletter, kind: str, language: str | None = None
) -> dict[str, str]:
    """Return the newsletter's own wordings for a kind of mail, keyed by part."""
    parts = {text_key(KINDS[kind].template_kind or kind, part): part for part in parts_of(kind)}
    if not parts:
        return {}
    query = select(NewsletterText.kind, NewsletterText.body).where(
        NewsletterText.newsletter_id == newsletter.id,
        NewsletterText.language == (language or newsletter.language),
        NewsletterText.kind.in_(parts),
    )
    return {parts[row.kind]: row.body for row in session.execute(query)}


def kinds_of(newsletter: Newsletter, language: str) -> list[str]:
    """Return the kinds of mail that can be reworded in a language.

    Mails to readers can be reworded in any language, other mails only in the newsletter's own.
    """
    return [kind for kind in REWORDABLE_KINDS if language == newsletter.language or kind.startswith("reader.")]


def choose_language(newsletter: Newsletter, language: str) -> str:
    """Return the language of mails to somebody who uses `language`: this one if the newsletter has it, else its own."""
    return language if language in newsletter.languages else newsletter.language


def faults_of(kind: str, texts: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the faults of a wording, keyed by part: a code and a placeholder, which is "" for the code "long".

    An empty part is valid.
    """
    faults = {}
    for part in parts_of(kind):
        text = texts.get(part, "").strip()
        if not text:
            continue
        if len(text) > MAX_PART_LENGTHS.get(part, settings.MAX_SENTENCE_LENGTH):
            faults[part] = ("long", "")
        elif fault := find_part_fault(kind, part, text):
            faults[part] = fault
    return faults


def save_custom_texts(
    session: Session, actor: Staff, newsletter: Newsletter, language: str, kind: str, texts: Mapping[str, str]
) -> None:
    """Store the newsletter's wording of a mail in a language. A part that is empty, or the default, isn't stored.

    Raises `settings.InvalidSettings` and `PermissionDenied`.
    """
    must(actor, "words of the house")
    if faults := faults_of(kind, texts):
        raise settings.InvalidSettings({part: code for part, (code, _placeholder) in faults.items()})
    custom_texts = {}
    for part in parts_of(kind):
        raw_text = texts.get(part, "")
        text = single_line(raw_text) if part == "subject" else for_print(clean(raw_text))
        if text == default_wording(kind, part, language):
            text = ""
        custom_texts[text_key(kind, part)] = text
    settings.store_valid_texts(session, actor, newsletter, language, custom_texts)
