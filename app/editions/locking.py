"""Locking an edition: warnings before the lock, the lock itself, the locked contents, and a preview."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from sqlalchemy import and_, delete, func, select
from sqlalchemy.orm import Session

from ..answers import objections
from ..answers.models import Answer, Assignment, Check
from ..core.actors import Staff
from ..core.domain_errors import MissingPrecondition
from ..core.state_machine import check_version
from ..db.session import add_and_flush, lock_row, now
from ..letters.models import Letter
from ..mailtext.trim.letter_frame import split_letter
from ..newsletters.models import Newsletter
from ..programs.program_events import queue_deliveries
from ..questions.lifecycle import has_cleared_text
from ..questions.models import Question
from ..typesetting.block import Block
from . import corrections, item_translations
from .introductions import lacks_credit_line
from .items import NameTrouble, edition_digest, freeze_item, phrases_in, piece_as_sent, pieces_of
from .lifecycle import EDITION
from .models import Correction, Edition, EditionItem
from .ready_questions import ReadyQuestion
from .slots import list_picked_questions
from .subject import Subject, compose_subject

MAX_UNFILED_MAILS = 12  # mails from experts that are listed one by one


@dataclass(frozen=True)
class LockWarning:
    """Something that an editor should know before locking an edition. Each kind uses some of the fields:

    - "words": the wording of `question` isn't cleared, which prevents the lock;
    - "answer": `question` has no approved answer, which prevents the lock;
    - "objection": the expert says that something in the approved answer to `question` is wrong;
    - "mail": the expert has sent a mail about `question` that isn't filed; `letter` is its public ID;
    - "asked": the expert was asked `question` and has no approved answer;
    - "twice": the expert answers more than one question, `number` of them;
    - "late": `question` must run by `day`, which is before this edition;
    - "left out": `question` must run by `day` and isn't picked, though this edition is its last chance;
    - "long": the answers to `question` have `number` words too many; `answer` is the public ID of the longest;
    - "credit": the lead-in to the answer of `expert` doesn't say who that is; `answer` is its public ID;
    - "frame": the answer of `expert` has the greeting or the closing of a mail, `line`; `answer` is its public ID;
    - "open": `number` slots are open.
    """

    kind: str
    question: Question | None = None
    letter: str = ""
    answer: str = ""
    number: int = 0
    expert: str = ""
    line: str = ""
    day: date | None = None

    @property
    def stops(self) -> bool:
        """Return whether the desk can't lock the edition because of this."""
        return self.kind in ("words", "answer")


def list_lock_warnings(
    session: Session,
    edition: Edition,
    ready_questions: Sequence[ReadyQuestion],
    open_slots: Sequence[int],
    deadline_questions: Sequence[Question],
    next_edition_date: date | None,
) -> list[LockWarning]:
    """Return the warnings about an edition that isn't locked yet. Those that prevent the lock come first.

    `deadline_questions` are the newsletter's questions that must run by a date, `next_edition_date` is the date of the
    edition after this one. Readers' names that can't be printed aren't included: see `name_troubles`.
    """
    warnings = list_lock_blockers(ready_questions)
    questions = {ready.question.id: ready.question for ready in ready_questions}
    if questions:
        warnings += _list_open_objections(session, questions)
        warnings += _list_unfiled_mails(session, edition, questions)
        warnings += _list_unanswered_requests(session, questions)
    warnings += _list_letter_frames(ready_questions)
    for name, count in _list_repeated_experts(ready_questions):
        warnings.append(LockWarning("twice", expert=name, number=count))
    for ready in ready_questions:
        for voice in ready.voices:
            if lacks_credit_line(voice.answer):
                warnings.append(LockWarning("credit", ready.question, answer=voice.answer.public_id, expert=voice.name))
        if ready.must_run_by and ready.must_run_by < edition.rule_date:
            warnings.append(LockWarning("late", ready.question, day=ready.must_run_by))
        if ready.words > ready.room:
            longest = max(ready.voices, key=lambda voice: voice.words).answer.public_id
            warnings.append(LockWarning("long", ready.question, answer=longest, number=ready.words - ready.room))
    for question in deadline_questions:
        if is_last_chance(question, edition, next_edition_date):
            warnings.append(LockWarning("left out", question, day=question.must_run_by))
    if open_slots:
        warnings.append(LockWarning("open", number=len(open_slots)))
    return warnings


def list_lock_blockers(ready_questions: Sequence[ReadyQuestion]) -> list[LockWarning]:
    """Return a warning for each question that has no cleared wording, and for each that has no approved answer."""
    blockers = []
    for ready in ready_questions:
        if not has_cleared_text.holds(ready.question):
            blockers.append(LockWarning("words", ready.question))
        if not ready.experts:
            blockers.append(LockWarning("answer", ready.question))
    return blockers


def _list_repeated_experts(ready_questions: Sequence[ReadyQuestion]) -> list[tuple[str, int]]:
    """Return the names of experts who answer more than one of the questions, with the number of questions."""
    names: dict[int, str] = {}
    question_counts: Counter[int] = Counter()
    for ready in ready_questions:
        experts = {voice.answer.expert_id: voice.name for voice in ready.voices}
        names |= experts
        question_counts.update(experts.keys())
    return [(names[expert_id], count) for expert_id, count in question_counts.items() if count > 1]


def is_last_chance(question: Question, edition: Edition, next_edition_date: date | None) -> bool:
    """Return whether a question isn't picked for this edition, although it must run before the next one."""
    deadline = question.must_run_by
    if deadline is None or deadline < edition.rule_date or question.edition_id == edition.id:
        return False
    return next_edition_date is None or deadline < next_edition_date


def _list_open_objections(session: Session, questions: dict[int, Question]) -> list[LockWarning]:
    query = select(Answer).join(Check, and_(Check.answer_id == Answer.id, Check.text_id == Answer.text_id))
    query = query.where(Answer.question_id.in_(questions), Answer.is_approved, objections.IS_OPEN)
    return [
        LockWarning("objection", questions[answer.question_id], expert=answer.expert.name)
        for answer in session.scalars(query.order_by(Answer.id)).unique()
    ]


def _list_unfiled_mails(session: Session, edition: Edition, questions: dict[int, Question]) -> list[LockWarning]:
    """Return warnings of unfiled mails from experts about these questions, as such a mail may report an error."""
    query = select(Letter.public_id, Assignment).join(Assignment, Assignment.id == Letter.assignment_id)
    query = query.where(
        Letter.newsletter_id == edition.newsletter_id, Letter.waits, Assignment.question_id.in_(questions)
    )
    return [
        LockWarning("mail", questions[assignment.question_id], letter=letter_id, expert=assignment.expert.name)
        for letter_id, assignment in session.execute(query.order_by(Letter.id).limit(MAX_UNFILED_MAILS))
    ]


def _list_letter_frames(ready_questions: Sequence[ReadyQuestion]) -> list[LockWarning]:
    """Return warnings of answers that begin with a greeting or end with a closing and a name, as mails do."""
    warnings = []
    for ready in ready_questions:
        for voice in ready.voices:
            frame = split_letter(voice.body, voice.answer.expert.name)
            line = " / ".join(filter(None, (frame.greeting or frame.closing).split("\n")))
            if line:
                answer_id = voice.answer.public_id
                warnings.append(LockWarning("frame", ready.question, answer=answer_id, expert=voice.name, line=line))
    return warnings


def _list_unanswered_requests(session: Session, questions: dict[int, Question]) -> list[LockWarning]:
    """Return warnings of experts who were asked these questions and have no approved answer."""
    query = select(Assignment).where(Assignment.question_id.in_(questions), Assignment.is_asked).order_by(Assignment.id)
    return [
        LockWarning("asked", questions[assignment.question_id], expert=assignment.expert.name)
        for assignment in session.scalars(query)
    ]


def lock_edition(session: Session, actor: Staff, edition: Edition, version: int | None = None) -> None:
    """Lock an edition: typeset its questions, store each with its data and hash, and attach waiting corrections.

    Raises `VersionConflict`, `InvalidTransition`, `PermissionDenied`, and `MissingPrecondition` if no question is
    picked, a wording isn't cleared or a reader's name may not be printed.
    """
    check_version(lock_row(session, edition), version)
    EDITION.find_move("lock", edition.state)
    questions = list_picked_questions(session, edition)
    if not questions:
        raise MissingPrecondition("no_question_picked")
    newsletter = session.get_one(Newsletter, edition.newsletter_id)
    attached = corrections.attach_corrections(session, edition)
    items = [add_and_flush(session, freeze_item(session, newsletter, edition, question)) for question in questions]
    for item in items:
        item_translations.freeze(session, newsletter, item)
    edition.sha256 = edition_digest(items, attached)
    if edition.number is None:
        newest = session.scalar(select(func.max(Edition.number)).filter_by(newsletter_id=newsletter.id))
        edition.number = (newest or 0) + 1
    details = {"questions": [question.id for question in questions]}
    EDITION.apply(session, actor, edition, "lock", why=details, locked_at=now(session))
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
    """The items that were locked into an edition, in order; empty while the edition is planned.

    `later_corrections` are the corrections that were made after the lock, keyed by question ID.
    """

    items: list[EditionItem]
    later_corrections: dict[int, list[Correction]]


def get_locked_items(session: Session, edition: Edition) -> LockedItems:
    items = [] if edition.is_planned else items_of(session, edition)
    return LockedItems(items, corrections.of_questions(session, [item.question_id for item in items]))


class Preview(NamedTuple):
    """An edition as it will run or ran.

    - `blocks`: its Q&As, then a block with the corrections of earlier editions, if there are any;
    - `troubles`: readers' names that may not be printed, while the edition is planned; they prevent the export;
    - `untranslated_headlines`: for each language into which some Q&As are translated, the headlines of the others;
    - `language`: the requested language if some Q&A is translated into it, else "". Q&As without a translation are in
      their own language;
    - `subject`: the subject of its mail, in that language or else the newsletter's own, with an excerpt.
    """

    blocks: list[Block]
    troubles: list[NameTrouble]
    untranslated_headlines: dict[str, list[str]]
    language: str
    subject: Subject


def preview(
    session: Session,
    edition: Edition,
    language: str = "",
    picked_questions: Sequence[Question] | None = None,
    locked_items: LockedItems | None = None,
) -> Preview:
    """Return an edition in a language; Q&As without a translation into it are in their own language.

    `picked_questions` and `locked_items` can be passed if they are loaded already.
    """
    newsletter = session.get_one(Newsletter, edition.newsletter_id)
    if locked_items is None:
        locked_items = get_locked_items(session, edition)
    items = _list_published_items(session, newsletter, edition, picked_questions, locked_items)
    translations = item_translations.translate_items(session, newsletter, items)
    translated_pieces = translations.get(language, [None] * len(items))
    pieces = [
        translated_piece or (item.piece, item.phrases)
        for item, translated_piece in zip(items, translated_pieces, strict=True)
    ]
    untranslated_headlines = {}
    for code, translated in translations.items():
        untranslated_headlines[code] = [
            item.piece.headline for item, piece in zip(items, translated, strict=True) if not piece
        ]
    blocks = item_translations.typeset_pieces(session, newsletter, pieces, items)
    if blocks:
        carried_corrections = corrections.list_carried_corrections(session, edition)
        blocks += corrections.typeset_corrections(session, newsletter, carried_corrections)
    troubles = [item.trouble for item in items if item.trouble]
    shown_language = language if language in translations else ""
    subject = compose_subject(
        session,
        newsletter,
        shown_language or newsletter.language,
        [piece for piece, _phrases in pieces],
        date.fromisoformat(edition.local_at[:10]),
    )
    return Preview(blocks, troubles, untranslated_headlines, shown_language, subject)


def _list_published_items(
    session: Session,
    newsletter: Newsletter,
    edition: Edition,
    picked_questions: Sequence[Question] | None,
    locked_items: LockedItems,
) -> list[item_translations.PublishedItem]:
    """Return the Q&As of an edition, in order.

    Locked Q&As are as they were locked, with notes of later corrections. Retracted Q&As are left out, so that nobody
    copies them again. In a planned edition, the picked questions are as they would run now, without names that may not
    be printed.
    """
    if locked_items.items:
        return [
            item_translations.PublishedItem(
                item.question_id,
                piece_as_sent(item),
                item.own,
                item_id=item.id,
                notes=corrections.notes(locked_items.later_corrections[item.question_id]),
            )
            for item in locked_items.items
            if not item.question.is_retracted
        ]
    if picked_questions is None:
        picked_questions = list_picked_questions(session, edition)
    if not picked_questions:
        return []
    pieces = pieces_of(session, newsletter, picked_questions)
    phrases = phrases_in(session, newsletter, {piece.language for piece, _trouble in pieces})
    return [
        item_translations.PublishedItem(
            question.id, piece, phrases[piece.language], trouble=trouble if edition.is_planned else None
        )
        for question, (piece, trouble) in zip(picked_questions, pieces, strict=True)
    ]


def blocks(session: Session, edition: Edition, language: str = "") -> list[Block]:
    return preview(session, edition, language).blocks


def name_troubles(session: Session, edition: Edition) -> list[NameTrouble]:
    return preview(session, edition).troubles if edition.is_planned else []
