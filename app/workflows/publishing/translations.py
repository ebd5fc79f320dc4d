"""Translations that an editor approved or took away, as they reach what is locked and what readers see."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ...answers import translating, translators
from ...answers.translating import Original
from ...core.actors import Staff
from ...core.state_machine import must
from ...editions import item_translations
from ...editions.models import EditionItem, ItemTranslation
from ...newsletters.models import Newsletter
from ...questions.models import Translation


def approve(
    session: Session,
    actor: Staff,
    translation: Translation,
    original: Original,
    *,
    compared: bool,
    reason: str = "",
    version: int | None = None,
) -> None:
    """Approve a translation; where its Q&A is locked or ran, it is set beside it at once, and a
    translator who was asked for it is asked no longer. Raises what
    `translating.approve` does."""
    translating.approve(session, actor, translation, original, has_compared=compared, reason=reason, version=version)
    translators.finish(session, actor, translation)
    if item := _find_item(session, translation):
        item_translations.freeze(session, session.get_one(Newsletter, translation.newsletter_id), item)


def drop(session: Session, actor: Staff, translation: Translation) -> None:
    """Take a translation away: with it goes, from the page of what ran and from exports, all that was set in its
    language, for which one has to be somebody who approves. Raises what `translating.drop` does."""
    item = _find_item(session, translation)
    theirs = (ItemTranslation.item_id == (item.id if item else None), ItemTranslation.language == translation.language)
    if session.scalar(select(ItemTranslation.id).where(*theirs).limit(1)) is not None:
        must(actor, "approve")
    translating.drop(session, actor, translation)
    session.execute(delete(ItemTranslation).where(*theirs))


def _find_item(session: Session, translation: Translation) -> EditionItem | None:
    return session.scalar(select(EditionItem).filter_by(question_id=translation.question_id))
