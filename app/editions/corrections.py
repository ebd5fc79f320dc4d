"""Corrections of published Q&As: under the Q&A, in the public list, and in the edition that carries them."""

from collections.abc import Sequence

from sqlalchemy import ScalarSelect, delete, select, update
from sqlalchemy.orm import Session

from ..core.listing import Listing, Place
from ..db.session import absolute_url, now
from ..newsletters.models import Newsletter
from ..questions.models import Question
from ..typesetting.block import Block, Note
from ..typesetting.house_form import set_corrections
from .archive import story_path
from .items import headline, own_phrases
from .models import Correction, Edition, EditionItem
from .queries import select_editions_to_run

MOST = 50  # corrections in one edition


def listing(newsletter: Newsletter) -> Listing[Correction]:
    """Return the listing of the public corrections, newest first: not those of retracted Q&As, and not erased ones."""
    query = select(Correction).join(Question, Question.id == Correction.question_id)
    here = (Correction.newsletter_id == newsletter.id, Correction.erased_at.is_(None), Question.is_published)
    return Listing(query.where(*here), (Correction.made_at, Correction.id))


def place_of(session: Session, newsletter: Newsletter, public_id: str) -> Place | None:
    """Return the place of a correction in `listing`, or None if it doesn't exist."""
    query = select(Correction.made_at, Correction.id).filter_by(newsletter_id=newsletter.id, public_id=public_id)
    return session.execute(query).first()


def of_questions(session: Session, question_ids: Sequence[int]) -> dict[int, list[Correction]]:
    """Return the corrections of several Q&As, keyed by question ID, oldest first, in one query."""
    found: dict[int, list[Correction]] = {key: [] for key in question_ids}
    query = select(Correction).where(Correction.question_id.in_(found), Correction.erased_at.is_(None))
    for one in session.scalars(query.order_by(Correction.question_id, Correction.id)) if found else ():
        found[one.question_id].append(one)
    return found


def notes(corrections: Sequence[Correction]) -> tuple[Note, ...]:
    return tuple(Note(one.made_at.date().isoformat(), one.wrong, one.right) for one in corrections)


def format_correction(language: str, wrong_text: str, right_text: str) -> str:
    """Return both sentences of a correction as one text; Chinese and Japanese have no space between them."""
    return f"{wrong_text}{'' if language.startswith(('zh', 'ja')) else ' '}{right_text}"


def list_carried_corrections(session: Session, edition: Edition) -> list[Correction]:
    """Return the corrections that an edition was locked with, or for the next one to lock, those that wait.

    Those of Q&As that were retracted since are left out, and so are erased ones.
    """
    readable = select(Correction).join(Question, Question.id == Correction.question_id)
    readable = readable.where(Correction.erased_at.is_(None), Question.is_published)
    if edition.is_fixed:
        query = readable.where(Correction.edition_id == edition.id)
    elif edition.is_planned:
        waits = (Correction.newsletter_id == edition.newsletter_id, Correction.runs, Correction.edition_id.is_(None))
        query = readable.where(*waits, _next_edition_id(session, edition.newsletter_id) == edition.id)
    else:
        return []
    return list(session.scalars(query.order_by(Correction.id).limit(MOST)))


def _next_edition_id(session: Session, newsletter_id: int) -> ScalarSelect[int]:
    to_run = select_editions_to_run(now(session), newsletter_id, Edition.id)
    return to_run.where(Edition.is_planned).limit(1).scalar_subquery()


def attach_corrections(session: Session, edition: Edition) -> list[Correction]:
    """Attach the corrections that wait to an edition that is being locked, and return them."""
    found = list_carried_corrections(session, edition)
    for one in found:
        one.edition_id = edition.id
    session.flush()
    return found


def detach_corrections(session: Session, edition: Edition) -> None:
    """Detach the corrections of an edition that is being unlocked, so that they wait again."""
    session.execute(update(Correction).where(Correction.edition_id == edition.id).values(edition_id=None))


def list_locked_corrections(session: Session, edition: Edition) -> list[Correction]:
    """Return all corrections that an edition was locked with, even if they aren't public any more."""
    query = select(Correction).filter_by(edition_id=edition.id)
    return list(session.scalars(query.order_by(Correction.id)))


def block_of(session: Session, newsletter: Newsletter, corrections: Sequence[Correction]) -> list[Block]:
    """Return a block with corrections for the edition that carries them, in a list that is empty without any."""
    if not corrections:
        return []
    keys = [one.question_id for one in corrections]
    ran = session.scalars(select(EditionItem).where(EditionItem.question_id.in_(keys)))
    items = {item.question_id: item for item in ran}
    lines = []
    for one in corrections:
        item = items[one.question_id]
        path = story_path(newsletter, item.question)
        note = format_correction(item.piece["language"], one.wrong, one.right)
        lines.append((headline(item), absolute_url(session, path), note))
    return [set_corrections(newsletter.language, lines, own_phrases(session, newsletter, newsletter.language))]


def uncorrect(session: Session, edition: Edition) -> None:
    """Remove all corrections of an edition's Q&As as part of its recall, as if it had never run.

    Of those that another edition was locked with, only the text is erased: that edition's hash stays.
    """
    items = select(EditionItem.question_id).where(EditionItem.edition_id == edition.id)
    mine = Correction.question_id.in_(items)
    erased = {"wrong": "", "right": "", "erased_at": now(session)}
    carried = update(Correction).where(mine, Correction.edition_id.is_not(None), Correction.erased_at.is_(None))
    session.execute(carried.values(**erased))
    session.execute(delete(Correction).where(mine, Correction.edition_id.is_(None)))
    there = update(EditionItem).where(EditionItem.edition_id == edition.id)
    session.execute(there.values(mended=None, mended_at=None))
