"""Approving and dropping translations, with the effect on locked and published items."""

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
from ...questions.wording import index_again


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
    """Approve a translation, end the request to its translator, and add it to the locked or published item, if any.

    Raises as `translating.approve` does.
    """
    translating.approve(session, actor, translation, original, has_compared=compared, reason=reason, version=version)
    translators.finish(session, actor, translation)
    if item := _find_item(session, translation):
        item_translations.freeze(session, session.get_one(Newsletter, translation.newsletter_id), item)
        index_again(session, item.question_id)


def drop(session: Session, actor: Staff, translation: Translation) -> None:
    """Drop a translation, and remove its language from the locked or published item, and so from pages and exports.

    Removal from an item requires the permission to approve. Raises as `translating.drop` does.
    """
    item = _find_item(session, translation)
    item_id = item.id if item else None
    conditions = (ItemTranslation.item_id == item_id, ItemTranslation.language == translation.language)
    if session.scalar(select(ItemTranslation.id).where(*conditions).limit(1)) is not None:
        must(actor, "approve")
    translating.drop(session, actor, translation)
    session.execute(delete(ItemTranslation).where(*conditions))
    if item:
        index_again(session, item.question_id)


def _find_item(session: Session, translation: Translation) -> EditionItem | None:
    return session.scalar(select(EditionItem).filter_by(question_id=translation.question_id))
