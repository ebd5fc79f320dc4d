"""Locking fixes what runs: each Q&A is set once and kept; until then the blocks are set from the rows as they stand."""

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ..actors import Staff
from ..db import lock, now
from ..lifecycle import Missing, expect
from ..newsletters.models import Newsletter
from ..typesetting.block import Block
from .block_data import NameTrouble, piece_of
from .items import blocks_of_run, freeze
from .lifecycle import EDITION
from .models import Edition, EditionItem
from .slots import picked


def lock_edition(session: Session, actor: Staff, edition: Edition, version: int | None = None) -> None:
    """Freeze what runs: each piece is set, kept with its data and its hash.

    Raises `Missing`: "picked question"; "consent" or "verified" for a reader's name that may not be printed.
    """
    expect(lock(session, edition), version)
    questions = picked(session, edition)
    if not questions:
        raise Missing("picked question")
    newsletter = session.get_one(Newsletter, edition.newsletter_id)
    for question in questions:
        session.add(freeze(session, newsletter, edition, question))
    if edition.number is None:
        newest = session.scalar(select(func.max(Edition.number)).filter_by(newsletter_id=newsletter.id))
        edition.number = (newest or 0) + 1
    EDITION.apply(session, actor, edition, "lock", why={"questions": [q.id for q in questions]}, locked_at=now(session))


def unlock(session: Session, actor: Staff, edition: Edition, version: int | None = None) -> None:
    """Open a locked edition again; what was frozen is frozen anew at the next lock. Raises `Stale`."""
    expect(lock(session, edition), version)
    EDITION.apply(session, actor, edition, "unlock", locked_at=None)
    session.execute(delete(EditionItem).where(EditionItem.edition_id == edition.id))


def items_of(session: Session, edition: Edition) -> list[EditionItem]:
    """Return what was locked into an edition, in order."""
    return list(session.scalars(select(EditionItem).filter_by(edition_id=edition.id).order_by(EditionItem.position)))


def preview(session: Session, edition: Edition) -> tuple[list[Block], list[NameTrouble]]:
    """The edition's blocks as they will run, or ran; and while it is planned the readers' names in it that may not be
    printed.

    As long as there is such a name, nothing is exported.
    """
    newsletter, items = session.get_one(Newsletter, edition.newsletter_id), items_of(session, edition)
    found = [] if items else [piece_of(session, newsletter, question) for question in picked(session, edition)]
    blocks = blocks_of_run(session, newsletter, [piece for piece, _ in found], items)
    planned = edition.is_planned
    return blocks, [trouble for _, trouble in found if trouble and planned]


def blocks(session: Session, edition: Edition) -> list[Block]:
    return preview(session, edition)[0]


def name_troubles(session: Session, edition: Edition) -> list[NameTrouble]:
    return preview(session, edition)[1] if edition.is_planned else []
