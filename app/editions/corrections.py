"""Corrections of published Q&As: under the Q&A, in the public list, and in the edition that carries them."""

from collections.abc import Sequence

from sqlalchemy import ScalarSelect, delete, select, update
from sqlalchemy.orm import Session

from ..answers.models import Answer
from ..core.listing import Cursor, Listing
from ..db.session import absolute_url, now
from ..newsletters.models import Newsletter
from ..questions.models import Question
from ..typesetting.block import Block, PrintedCorrection
from ..typesetting.house_form import CarriedCorrection, set_corrections
from .archive import items_of_questions, story_path
from .items import PrintedExpert, headline, list_printed_experts, own_phrases
from .models import Correction, Edition, EditionItem
from .queries import select_editions_to_run

MAX_CORRECTIONS = 50  # in one edition


def listing(newsletter: Newsletter) -> Listing[Correction]:
    """Return the listing of the public corrections, newest first, without erased ones and those of retracted Q&As."""
    query = select(Correction).join(Question, Question.id == Correction.question_id)
    query = query.where(
        Correction.newsletter_id == newsletter.id, Correction.erased_at.is_(None), Question.is_published
    )
    return Listing(query, (Correction.made_at, Correction.id))


def find_cursor(session: Session, newsletter: Newsletter, public_id: str) -> Cursor | None:
    """Return the cursor of a correction in `listing`, or None if it doesn't exist."""
    query = select(Correction.made_at, Correction.id).filter_by(newsletter_id=newsletter.id, public_id=public_id)
    return session.execute(query).first()


def of_questions(session: Session, question_ids: Sequence[int]) -> dict[int, list[Correction]]:
    """Return the corrections of several Q&As, keyed by question ID, oldest first, in one query."""
    corrections: dict[int, list[Correction]] = {question_id: [] for question_id in question_ids}
    if not corrections:
        return corrections
    query = select(Correction).where(Correction.question_id.in_(corrections), Correction.erased_at.is_(None))
    for correction in session.scalars(query.order_by(Correction.question_id, Correction.id)):
        corrections[correction.question_id].append(correction)
    return corrections


def notes(corrections: Sequence[Correction]) -> tuple[PrintedCorrection, ...]:
    """Return the notes that are typeset under a Q&A for its corrections."""
    return tuple(
        PrintedCorrection(correction.made_at.date().isoformat(), correction.wrong, correction.right)
        for correction in corrections
    )


def format_correction(language: str, wrong_text: str, right_text: str) -> str:
    """Return both sentences of a correction as one text; Chinese and Japanese have no space between them."""
    separator = "" if language.startswith(("zh", "ja")) else " "
    return f"{wrong_text}{separator}{right_text}"


def list_carried_corrections(session: Session, edition: Edition) -> list[Correction]:
    """Return the corrections that an edition carries.

    A locked or sent edition carries the corrections that it was locked with. The next planned edition carries all that
    wait for one, and other editions carry none. Erased corrections, and those of retracted Q&As, are left out.
    """
    query = select(Correction).join(Question, Question.id == Correction.question_id)
    query = query.where(Correction.erased_at.is_(None), Question.is_published)
    if edition.is_fixed:
        query = query.where(Correction.edition_id == edition.id)
    elif edition.is_planned:
        query = query.where(
            Correction.newsletter_id == edition.newsletter_id,
            Correction.runs,
            Correction.edition_id.is_(None),
            _next_edition_id(session, edition.newsletter_id) == edition.id,
        )
    else:
        return []
    return list(session.scalars(query.order_by(Correction.id).limit(MAX_CORRECTIONS)))


def _next_edition_id(session: Session, newsletter_id: int) -> ScalarSelect[int]:
    to_run = select_editions_to_run(now(session), newsletter_id, Edition.id)
    return to_run.where(Edition.is_planned).limit(1).scalar_subquery()


def attach_corrections(session: Session, edition: Edition) -> list[Correction]:
    """Attach the waiting corrections to an edition that is being locked, and return them."""
    corrections = list_carried_corrections(session, edition)
    for correction in corrections:
        correction.edition_id = edition.id
    session.flush()
    return corrections


def detach_corrections(session: Session, edition: Edition) -> None:
    """Detach the corrections of an edition that is being unlocked, so that they wait again."""
    session.execute(update(Correction).where(Correction.edition_id == edition.id).values(edition_id=None))


def list_locked_corrections(session: Session, edition: Edition) -> list[Correction]:
    """Return all corrections that an edition was locked with, even if they aren't public any more."""
    query = select(Correction).filter_by(edition_id=edition.id)
    return list(session.scalars(query.order_by(Correction.id)))


def typeset_corrections(session: Session, newsletter: Newsletter, corrections: Sequence[Correction]) -> list[Block]:
    """Typeset the corrections that an edition carries as one block. Without corrections, return no block."""
    if not corrections:
        return []
    items = items_of_questions(session, [correction.question_id for correction in corrections])
    carried = []
    for correction in corrections:
        item = items[correction.question_id]
        url = absolute_url(session, story_path(newsletter, item.question))
        text = format_correction(item.piece["language"], correction.wrong, correction.right)
        carried.append(CarriedCorrection(headline(item), url, text))
    return [set_corrections(newsletter.language, carried, own_phrases(session, newsletter, newsletter.language))]


def remove_corrections(session: Session, edition: Edition) -> None:
    """Remove all corrections of the Q&As of an edition that is being recalled, and the changed texts of these Q&As.

    A correction that another edition was locked with is part of that edition's hash, so only its text is erased.
    """
    question_ids = select(EditionItem.question_id).where(EditionItem.edition_id == edition.id)
    is_of_edition = Correction.question_id.in_(question_ids)
    carried = update(Correction).where(
        is_of_edition, Correction.edition_id.is_not(None), Correction.erased_at.is_(None)
    )
    session.execute(carried.values(wrong="", right="", erased_at=now(session)))
    session.execute(delete(Correction).where(is_of_edition, Correction.edition_id.is_(None)))
    items = select(EditionItem).where(EditionItem.edition_id == edition.id, EditionItem.mended_at.is_not(None))
    for item in session.scalars(items):
        replace_credits(session, item, list_printed_experts(item.piece), list_printed_experts(item.input["piece"]))
        item.mended = item.mended_at = None


def replace_credits(
    session: Session, item: EditionItem, former_experts: Sequence[PrintedExpert], new_experts: Sequence[PrintedExpert]
) -> None:
    """Give the answers of a Q&A the names and credit lines that are printed now.

    Experts' pages, and the list of what experts disclose, find a Q&A by the name in its answers.
    """
    if tuple(former_experts) == tuple(new_experts):
        return
    query = select(Answer).where(Answer.question_id == item.question_id, Answer.is_approved)
    answers = list(session.scalars(query.order_by(Answer.run_position, Answer.id)))
    for former, new in zip(former_experts, new_experts, strict=True):
        for answer in answers:
            if answer.credit and answer.credit["name"] == former.name:
                answer.credit = {**answer.credit, **new._asdict()}
                answers.remove(answer)
                break
