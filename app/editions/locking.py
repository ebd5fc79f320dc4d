"""Locking an edition: what prevents it, what to warn of, the lock itself, and a preview until then."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ..answers.models import Assignment
from ..core.actors import Staff
from ..core.domain_errors import MissingPrecondition
from ..core.state_machine import check_version
from ..db.session import add_and_flush, lock_row, now
from ..letters.models import Letter
from ..newsletters.models import Newsletter
from ..programs.telling import queue_deliveries
from ..questions.lifecycle import cleared
from ..questions.models import Question
from ..typesetting.block import Block
from . import corrections, item_translations
from .items import NameTrouble, edition_digest, freeze_item, phrases_in, piece_as_sent, pieces_of
from .lifecycle import EDITION
from .models import Correction, Edition, EditionItem
from .ready_questions import ReadyQuestion
from .slots import list_picked_questions

MAX_UNFILED_MAILS = 12  # mails of experts that are told of one by one


@dataclass(frozen=True)
class LockWarning:
    """`kind` says what: "words" or "answer" keep the edition from being locked; the others do
    not. `question` is the one it is about, `letter` the mail, `answer` the longest one; `number` counts words
    over, or slots.
    """

    kind: str
    question: Question | None = None
    letter: str = ""
    answer: str = ""
    number: int = 0
    expert: str = ""
    day: date | None = None

    @property
    def stops(self) -> bool:
        return self.kind in ("words", "answer")


def list_lock_warnings(
    session: Session,
    edition: Edition,
    ready_questions: Sequence[ReadyQuestion],
    open_slots: Sequence[int],
    deadline_questions: Sequence[Question],
    next_edition_date: date | None,
) -> list[LockWarning]:
    """Return what keeps a planned edition from being locked comes first. `deadline_questions` are the newsletter's
    questions that must run by a day, `next_edition_date` is the day of the edition after this one. Readers' names are
    another matter: see `desk.name_troubles`.
    """
    found = list_lock_blockers(ready_questions)
    questions = {one.question.id: one.question for one in ready_questions}
    if questions:
        found += _list_unfiled_mails(session, edition, questions) + _list_unanswered_requests(session, questions)
    found += [LockWarning("twice", expert=name, number=many) for name, many in _list_repeated_experts(ready_questions)]
    for one in ready_questions:
        if one.must_run_by and one.must_run_by < edition.rule_date:
            found.append(LockWarning("late", one.question, day=one.must_run_by))
        if one.words > one.room:
            longest = max(one.voices, key=lambda voice: voice.words).answer.public_id
            found.append(LockWarning("long", one.question, answer=longest, number=one.words - one.room))
    for question in deadline_questions:
        if is_last_chance(question, edition, next_edition_date):
            found.append(LockWarning("left out", question, day=question.must_run_by))
    if open_slots:
        found.append(LockWarning("open", number=len(open_slots)))
    return found


def list_lock_blockers(ready_questions: Sequence[ReadyQuestion]) -> list[LockWarning]:
    """Return what keeps picks from running, and from being copied out: their newest words are not cleared, or no answer
    to them is approved any more.
    """
    found = []
    for one in ready_questions:
        if not cleared.holds(one.question):
            found.append(LockWarning("words", one.question))
        if not one.experts:
            found.append(LockWarning("answer", one.question))
    return found


def _list_repeated_experts(ready_questions: Sequence[ReadyQuestion]) -> list[tuple[str, int]]:
    """Return who answers more than one of the questions, and how many."""
    names = {voice.answer.expert_id: voice.name for one in ready_questions for voice in one.voices}
    in_how_many = Counter(key for one in ready_questions for key in {voice.answer.expert_id for voice in one.voices})
    return [(names[key], many) for key, many in in_how_many.items() if many > 1]


def is_last_chance(question: Question, edition: Edition, next_edition_date: date | None) -> bool:
    """Return whether a question with a date would have to run in this edition and does not stand in it."""
    by = question.must_run_by
    if by is None or question.edition_id == edition.id or by < edition.rule_date:
        return False
    return next_edition_date is None or by < next_edition_date


def _list_unfiled_mails(session: Session, edition: Edition, questions: dict[int, Question]) -> list[LockWarning]:
    """Return what an expert wrote by mail about one of them and nobody has filed: it may say that something in it is
    wrong.
    """
    query = select(Letter.public_id, Assignment).join(Assignment, Assignment.id == Letter.assignment_id)
    query = query.where(
        Letter.newsletter_id == edition.newsletter_id, Letter.waits, Assignment.question_id.in_(questions)
    )
    return [
        LockWarning("mail", questions[one.question_id], letter, expert=one.expert.name)
        for letter, one in session.execute(query.order_by(Letter.id).limit(MAX_UNFILED_MAILS))
    ]


def _list_unanswered_requests(session: Session, questions: dict[int, Question]) -> list[LockWarning]:
    """Return who was asked one of them and has no approved answer to it."""
    query = select(Assignment).where(Assignment.question_id.in_(questions), Assignment.is_asked).order_by(Assignment.id)
    return [LockWarning("asked", questions[one.question_id], expert=one.expert.name) for one in session.scalars(query)]


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
    items = [add_and_flush(session, freeze_item(session, newsletter, edition, question)) for question in questions]
    for item in items:
        item_translations.freeze(session, newsletter, item)
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
    put = item_translations.translate_runs(session, newsletter, found)
    there = put.get(language, [None] * len(found))
    pieces = [one or (run.piece, run.own) for run, one in zip(found, there, strict=True)]
    left = {
        code: [run.piece.headline for run, one in zip(found, some, strict=True) if not one]
        for code, some in put.items()
    }
    blocks = item_translations.blocks_of(session, newsletter, pieces, found)
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
) -> list[item_translations.Run]:
    """Return what runs: what is locked as it was locked, with what was corrected in it since beside it, and without
    what was withdrawn, of which nobody makes another copy. What is only picked comes as it would run now, with no
    name that may not run.
    """
    if was_locked.items:
        return [
            item_translations.Run(
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
        item_translations.Run(question.id, piece, own[piece.language], trouble=trouble if edition.is_planned else None)
        for question, (piece, trouble) in zip(questions, pieces, strict=True)
    ]


def blocks(session: Session, edition: Edition, language: str = "") -> list[Block]:
    return preview(session, edition, language).blocks


def name_troubles(session: Session, edition: Edition) -> list[NameTrouble]:
    return preview(session, edition).troubles if edition.is_planned else []
