"""Locking an edition: what prevents it, what to warn of, the lock itself, its contents and a preview."""

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

MAX_UNFILED_MAILS = 12  # mails from experts that are listed one by one


@dataclass(frozen=True)
class LockWarning:
    """Something to know before an edition is locked. Of the kinds, only "words" and "answer" prevent the lock.

    `letter` and `answer` are public IDs, of an expert's mail and of the longest answer. `number` counts excess words,
    open slots, or questions with the same expert; `day` is the date by which `question` must run.
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
    """Return what to know before an edition is locked; what prevents the lock comes first.

    `deadline_questions` are the newsletter's questions that must run by a date, `next_edition_date` is the date of the
    edition after this one. Readers' names that can't be printed are not among them: see `name_troubles`.
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
    """Return why picked questions can't run or be exported: their wording isn't cleared, or has no approved answer."""
    found = []
    for one in ready_questions:
        if not cleared.holds(one.question):
            found.append(LockWarning("words", one.question))
        if not one.experts:
            found.append(LockWarning("answer", one.question))
    return found


def _list_repeated_experts(ready_questions: Sequence[ReadyQuestion]) -> list[tuple[str, int]]:
    """Return the names of experts who answer more than one of the questions, with the number of questions."""
    names = {voice.answer.expert_id: voice.name for one in ready_questions for voice in one.voices}
    in_how_many = Counter(key for one in ready_questions for key in {voice.answer.expert_id for voice in one.voices})
    return [(names[key], many) for key, many in in_how_many.items() if many > 1]


def is_last_chance(question: Question, edition: Edition, next_edition_date: date | None) -> bool:
    """Return whether this edition is the last that a question may run in, and it isn't picked for it."""
    by = question.must_run_by
    if by is None or question.edition_id == edition.id or by < edition.rule_date:
        return False
    return next_edition_date is None or by < next_edition_date


def _list_unfiled_mails(session: Session, edition: Edition, questions: dict[int, Question]) -> list[LockWarning]:
    """Return warnings of unfiled mails from experts about these questions, as they may report an error."""
    query = select(Letter.public_id, Assignment).join(Assignment, Assignment.id == Letter.assignment_id)
    query = query.where(
        Letter.newsletter_id == edition.newsletter_id, Letter.waits, Assignment.question_id.in_(questions)
    )
    return [
        LockWarning("mail", questions[one.question_id], letter, expert=one.expert.name)
        for letter, one in session.execute(query.order_by(Letter.id).limit(MAX_UNFILED_MAILS))
    ]


def _list_unanswered_requests(session: Session, questions: dict[int, Question]) -> list[LockWarning]:
    """Return warnings of experts who were asked these questions and have no approved answer."""
    query = select(Assignment).where(Assignment.question_id.in_(questions), Assignment.is_asked).order_by(Assignment.id)
    return [LockWarning("asked", questions[one.question_id], expert=one.expert.name) for one in session.scalars(query)]


def lock_edition(session: Session, actor: Staff, edition: Edition, version: int | None = None) -> None:
    """Lock an edition: typeset its questions, store each with its data and hash, and attach waiting corrections.

    Raises `VersionConflict`, `InvalidTransition`, `PermissionDenied`, and `MissingPrecondition` if no question is
    picked, a wording isn't cleared or a reader's name may not be printed.
    """
    check_version(lock_row(session, edition), version)
    EDITION.move("lock", edition.state)
    questions = list_picked_questions(session, edition)
    if not questions:
        raise MissingPrecondition("no_question_picked")
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
    """Unlock an edition and delete what the lock stored.

    Raises `VersionConflict`, `InvalidTransition`, `PermissionDenied`.
    """
    check_version(lock_row(session, edition), version)
    EDITION.apply(session, actor, edition, "unlock", locked_at=None, sha256=None)
    corrections.detach_corrections(session, edition)
    session.execute(delete(EditionItem).where(EditionItem.edition_id == edition.id))


def items_of(session: Session, edition: Edition) -> list[EditionItem]:
    """Return the items that were locked into an edition, in order."""
    return list(session.scalars(select(EditionItem).filter_by(edition_id=edition.id).order_by(EditionItem.position)))


class LockedItems(NamedTuple):
    """The items that were locked into an edition, in order, and their corrections since, keyed by question ID.

    Both are empty while the edition is planned.
    """

    items: list[EditionItem]
    since: dict[int, list[Correction]]


def get_locked_items(session: Session, edition: Edition) -> LockedItems:
    items = [] if edition.is_planned else items_of(session, edition)
    return LockedItems(items, corrections.of_questions(session, [item.question_id for item in items]))


class Preview(NamedTuple):
    """An edition's blocks as they will run or ran; a block with corrections of earlier editions comes last.

    `troubles` are readers' names that may not be printed, while the edition is planned: with any of them, nothing is
    exported. `left` has each language with a translated Q&A, and the headlines of those that lack a translation.
    `language` is the requested one if it is among them: Q&As are in it if they have a translation, and else in their
    own language.
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
    """Return an edition as it reads in a language, or in the languages of its Q&As if nothing is translated into it.

    `in_slots` (the picked questions) and `was_locked` can be passed if they are loaded already.
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
    """Return the Q&As of an edition, in order.

    Locked ones are as they were locked, with the corrections since; retracted ones are left out, so that nobody copies
    them again. Picked ones are as they would run now, without names that may not be printed.
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
