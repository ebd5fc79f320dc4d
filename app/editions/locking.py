"""Locking fixes what runs: each Q&A is set once and kept; until then the blocks are set from the rows as they stand."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ..core.actors import Staff
from ..core.state_machine import MissingPrecondition, check_version
from ..db.session import add_and_flush, lock_row, now
from ..newsletters.models import Newsletter
from ..programs.telling import queue_deliveries
from ..questions.models import Question
from ..typesetting.block import Block
from . import corrections, in_languages
from .block_data import NameTrouble, phrases_in, pieces_of
from .items import edition_digest, freeze, piece_as_sent
from .lifecycle import EDITION
from .models import Correction, Edition, EditionItem
from .slots import list_picked_questions


def lock_edition(session: Session, actor: Staff, edition: Edition, version: int | None = None) -> None:
    """Freeze what runs: each piece is set, kept with its data and its hash, and so are the corrections that it carries.

    Raises `MissingPrecondition`: "picked question"; "consent" or "verified" for a reader's name that may not be
    printed.
    """
    check_version(lock_row(session, edition), version)
    EDITION.move("lock", edition.state)
    questions = list_picked_questions(session, edition)
    if not questions:
        raise MissingPrecondition("picked question")
    newsletter = session.get_one(Newsletter, edition.newsletter_id)
    carries = corrections.attach_corrections(session, edition)
    items = [add_and_flush(session, freeze(session, newsletter, edition, question)) for question in questions]
    for item in items:
        in_languages.freeze(session, newsletter, item)
    edition.sha256 = edition_digest(items, carries)
    if edition.number is None:
        newest = session.scalar(select(func.max(Edition.number)).filter_by(newsletter_id=newsletter.id))
        edition.number = (newest or 0) + 1
    EDITION.apply(session, actor, edition, "lock", why={"questions": [q.id for q in questions]}, locked_at=now(session))
    queue_deliveries(session, newsletter.id, "edition.locked", edition_id=edition.id)


def unlock(session: Session, actor: Staff, edition: Edition, version: int | None = None) -> None:
    """Open a locked edition again; what was frozen is frozen anew at the next lock. Raises `VersionConflict`."""
    check_version(lock_row(session, edition), version)
    EDITION.apply(session, actor, edition, "unlock", locked_at=None, sha256=None)
    corrections.detach_corrections(session, edition)
    session.execute(delete(EditionItem).where(EditionItem.edition_id == edition.id))


def items_of(session: Session, edition: Edition) -> list[EditionItem]:
    """Return what was locked into an edition, in order."""
    return list(session.scalars(select(EditionItem).filter_by(edition_id=edition.id).order_by(EditionItem.position)))


class LockedItems(NamedTuple):
    """The items that were locked into an edition, in order, and by question what was corrected in it since; nothing
    while it is planned.
    """

    items: list[EditionItem]
    since: dict[int, list[Correction]]


def get_locked_items(session: Session, edition: Edition) -> LockedItems:
    items = [] if edition.is_planned else items_of(session, edition)
    return LockedItems(items, corrections.of_questions(session, [item.question_id for item in items]))


class Preview(NamedTuple):
    """An edition's blocks as they will run, or ran, with the corrections of earlier ones last; and while it is planned
    the readers' names in it that may not be printed: as long as there is one, nothing is exported.

    `left` are the languages in which something of it can be read, each with the headlines of what can't; `language` is
    the one of them that was asked for. In it each Q&A that is whole in it stands in it, and the others in their own.
    """

    blocks: list[Block]
    troubles: list[NameTrouble]
    left: dict[str, list[str]]
    language: str


def preview(
    session: Session,
    edition: Edition,
    language: str = "",
    in_slots: Sequence[Question] | None = None,
    was_locked: LockedItems | None = None,
) -> Preview:
    """Return how an edition reads, in a language where something of it is in that, else each Q&A in its own; `in_slots`
    is what stands in its slots, and `was_locked` what was locked into it, where they are at hand.
    """
    newsletter = session.get_one(Newsletter, edition.newsletter_id)
    was_locked = get_locked_items(session, edition) if was_locked is None else was_locked
    found = _list_runs(session, newsletter, edition, in_slots, was_locked)
    put = in_languages.translate_runs(session, newsletter, found)
    there = put.get(language, [None] * len(found))
    pieces = [one or (run.piece, run.own) for run, one in zip(found, there, strict=True)]
    left = {
        code: [run.piece.headline for run, one in zip(found, some, strict=True) if not one]
        for code, some in put.items()
    }
    blocks = in_languages.blocks_of(session, newsletter, pieces, found)
    if blocks:
        blocks += corrections.block_of(session, newsletter, corrections.list_carried_corrections(session, edition))
    troubles = [run.trouble for run in found if run.trouble]
    return Preview(blocks, troubles, left, language if language in put else "")


def _list_runs(
    session: Session,
    newsletter: Newsletter,
    edition: Edition,
    in_slots: Sequence[Question] | None,
    was_locked: LockedItems,
) -> list[in_languages.Run]:
    """Return what runs: what is locked as it was locked, with what was corrected in it since beside it, and without
    what was withdrawn, of which nobody makes another copy. What is only picked comes as it would run now, with no
    name that may not run.
    """
    if was_locked.items:
        return [
            in_languages.Run(
                item.question_id,
                piece_as_sent(item),
                item.own,
                item_id=item.id,
                notes=corrections.notes(was_locked.since[item.question_id]),
            )
            for item in was_locked.items
            if not item.question.is_retracted
        ]
    questions = list_picked_questions(session, edition) if in_slots is None else in_slots
    pieces = pieces_of(session, newsletter, questions)
    own = phrases_in(session, newsletter, {piece.language for piece, _trouble in pieces}) if pieces else {}
    return [
        in_languages.Run(question.id, piece, own[piece.language], trouble=trouble if edition.is_planned else None)
        for question, (piece, trouble) in zip(questions, pieces, strict=True)
    ]


def blocks(session: Session, edition: Edition, language: str = "") -> list[Block]:
    return preview(session, edition, language).blocks


def name_troubles(session: Session, edition: Edition) -> list[NameTrouble]:
    return preview(session, edition).troubles if edition.is_planned else []
