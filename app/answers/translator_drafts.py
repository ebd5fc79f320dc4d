"""Drafts of a translator outside: what they type in each tab, and what they handed in, word for word."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..core.state_machine import InvalidTransition
from ..db.session import lock_row, now
from ..questions.translator_table import HANDED_IN, Translator, TranslatorDraft
from ..text.clean import single_line
from .translating import LINES, Words
from .writing import MAXIMUM

Typed = Mapping[str, str]  # what stands in the fields; a box that is ticked has a value
FIELDS = (*LINES, "body", "ties", "is_credited")
MOST_TABS = 20


def save_draft(session: Session, translator: Translator, form_values: Typed, tab: str, count: int) -> TranslatorDraft:
    """Keep what is typed in one tab, also once the words have changed; see `writing.save_draft`. Raises
    `InvalidTransition`."""
    if not lock_row(session, translator).is_open:
        raise InvalidTransition("translator", "save a draft of", translator.state)
    tab = single_line(tab)[:40]
    return store_draft(session, translator, form_values, tab if tab not in ("", HANDED_IN) else "page", count)


def store_draft(session: Session, translator: Translator, form_values: Typed, tab: str, count: int) -> TranslatorDraft:
    draft = session.scalar(select(TranslatorDraft).filter_by(translator_id=translator.id, tab=tab).with_for_update())
    if draft is None:
        draft = TranslatorDraft(translator_id=translator.id, tab=tab, words={}, saved_at=now(session), count=-1)
        session.add(draft)
    if count >= draft.count:
        draft.words = {name: form_values.get(name, "").replace("\0", "")[: 2 * MAXIMUM] for name in FIELDS}
        draft.saved_at, draft.count = now(session), count
    session.flush()
    for oldest in drafts_of(session, translator)[MOST_TABS:]:
        session.delete(oldest)
    return draft


def drafts_of(session: Session, translator: Translator) -> list[TranslatorDraft]:
    """Every tab's draft, newest first."""
    query = select(TranslatorDraft).where(
        TranslatorDraft.translator_id == translator.id, TranslatorDraft.tab != HANDED_IN
    )
    return list(session.scalars(query.order_by(TranslatorDraft.saved_at.desc(), TranslatorDraft.id.desc())))


def get_handed_in_text(session: Session, translator: Translator) -> Words | None:
    """Return what was handed in, word for word."""
    draft = get_handed_in_draft(session, translator)
    return parse_translation(draft.words) if draft else None


def get_handed_in_draft(session: Session, translator: Translator) -> TranslatorDraft | None:
    return session.scalar(select(TranslatorDraft).filter_by(translator_id=translator.id, tab=HANDED_IN))


def parse_translation(form_values: Typed) -> Words:
    texts = {name: form_values.get(name, "") for name in FIELDS if name != "is_credited"}
    return Words(**texts, is_credited=bool(form_values.get("is_credited")))
