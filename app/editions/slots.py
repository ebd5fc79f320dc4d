"""The sections of an edition and their slots: pick, drop, move and carry over questions, or arrange them all."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from .. import audit
from ..answers.editing import approved_of
from ..answers.models import Answer
from ..core.actors import Actor, Staff
from ..core.domain_errors import InvalidTransition, MissingPrecondition, VersionConflict
from ..core.state_machine import check_version, must
from ..db.session import lock_row, now
from ..newsletters.models import Newsletter, Section
from ..questions.lifecycle import QUESTION
from ..questions.models import Question
from .models import Edition
from .queries import select_editions_to_run

MAX_SLOTS = 12  # of a section
MAX_LATER_EDITIONS = 12  # that a page searches for a free slot
_UNUSED_POSITION = 10_000  # added to a position, it gives one that no slot has


@dataclass(frozen=True)
class EditionSection(Section):
    """A section in one edition, whose number of slots may differ from the newsletter's.

    `first` is the number of its first slot, `picked` are the questions in its slots, in order.
    """

    first: int = 1
    picked: tuple[Question, ...] = ()

    @property
    def open(self) -> range:
        """Return the numbers of its open slots."""
        return range(self.first + len(self.picked), self.first + self.slots)


def shares(edition: Edition) -> list[int]:
    """Return how many slots each section of an edition has. There is one section, see `Newsletter.sections`."""
    return [edition.slots]


def share_out(edition: Edition, slots: Sequence[int]) -> None:
    """Set the number of slots of each section of an edition."""
    edition.slots = sum(slots)


def sections_of(session: Session, edition: Edition) -> list[EditionSection]:
    """Return the sections of an edition with the questions that are picked now."""
    newsletter = session.get_one(Newsletter, edition.newsletter_id)
    return build_sections(newsletter.sections, shares(edition), list_picked_questions(session, edition))


def build_sections(
    sections: Sequence[Section], slots: Sequence[int], questions: Sequence[Question]
) -> list[EditionSection]:
    """Build sections with their questions. The numbers of the slots continue from one section to the next."""
    edition_sections = []
    first = 1
    for index, (section, slot_count) in enumerate(zip(sections, slots, strict=True)):
        picked = tuple(question for question in questions if question.section == index)
        edition_sections.append(
            EditionSection(name=section.name, words=section.words, slots=slot_count, first=first, picked=picked)
        )
        first += max(slot_count, len(picked))
    return edition_sections


def open_slots(sections: Iterable[EditionSection]) -> list[int]:
    """Return the numbers of the open slots of all sections."""
    return [number for section in sections for number in section.open]


def count_filled_slots(session: Session, editions: Sequence[Edition]) -> Counter[int]:
    """Count the filled slots of each edition, keyed by edition ID, in one query."""
    edition_ids = [edition.id for edition in editions]
    query = select(Question.edition_id, func.count()).where(Question.edition_id.in_(edition_ids))
    rows = session.execute(query.group_by(Question.edition_id))
    return Counter({edition_id: count for edition_id, count in rows if edition_id is not None})


Picks = dict[Edition, list[Question]]  # editions with the questions in their slots


def list_editions_to_run_with_picks(session: Session, newsletter_id: int, limit: int) -> Picks:
    """Return the next editions that run, soonest first, with their picked questions, in one query."""
    return _load_picks(session, select_editions_to_run(now(session), newsletter_id, Edition).limit(limit))


def _load_picks(session: Session, editions: Select[Edition]) -> Picks:
    ids = editions.with_only_columns(Edition.id).subquery()
    query = select(Edition, Question).outerjoin(Question, Question.edition_id == Edition.id)
    query = query.where(Edition.id.in_(select(ids.c.id))).order_by(Edition.runs_at, Edition.id, Question.position)
    picks: Picks = {}
    for edition, question in session.execute(query):
        questions = picks.setdefault(edition, [])
        if question:
            questions.append(question)
    return picks


def find_edition_with_room(newsletter: Newsletter, editions: Picks, section_index: int) -> Edition | None:
    """Return the first planned edition with an open slot in a section, or None."""
    for edition, questions in editions.items():
        sections = build_sections(newsletter.sections, shares(edition), questions)
        if edition.is_planned and sections[section_index].open:
            return edition
    return None


def list_picked_questions(session: Session, edition: Edition) -> list[Question]:
    """Return the questions in an edition's slots, in order. Refresh them, as rows loaded before a lock may be stale."""
    return get_questions_by_edition(session, [edition])[edition.id]


def get_questions_by_edition(session: Session, editions: Sequence[Edition]) -> dict[int, list[Question]]:
    """Return the picked questions of several editions, keyed by edition ID, in order, in one query."""
    questions: dict[int, list[Question]] = {edition.id: [] for edition in editions}
    query = select(Question).where(Question.edition_id.in_(questions)).order_by(Question.position)
    for question in session.scalars(query.execution_options(populate_existing=True)):
        questions[question.edition_id or 0].append(question)
    return questions


def pick(session: Session, actor: Staff, question: Question, edition: Edition) -> None:
    """Put an answered or shelved question into the next free slot of its section.

    Raises `PermissionDenied`, `InvalidTransition`, also if the edition is no longer planned or of another newsletter,
    and `MissingPrecondition` if there is no free slot or no approved answer.
    """
    must(actor, "pick")
    require_planned(lock_row(session, edition))
    free_slots = sections_of(session, edition)[question.section].open
    if not free_slots:
        raise MissingPrecondition("no_free_slot")
    if not approved_of(session, question.id):
        raise MissingPrecondition("no_approved_answer")
    if question.newsletter_id != edition.newsletter_id:
        raise InvalidTransition("question", "pick", "another newsletter's")
    details = {"edition": edition.id}
    QUESTION.apply(
        session, actor, lock_row(session, question), "pick", why=details, edition_id=edition.id, position=free_slots[0]
    )
    _bump_version(session, edition)


def _bump_version(session: Session, edition: Edition) -> None:
    """Bump the edition's version, so that nobody who still sees the old picks can lock the edition."""
    flag_modified(edition, "slots")
    session.flush()


def require_planned(edition: Edition) -> None:
    """Raise `InvalidTransition` if the slots of an edition can't change any more."""
    if not edition.is_planned:
        raise InvalidTransition("edition", "change", edition.state)


def _lock_edition_of(session: Session, question: Question) -> Edition:
    """Return the edition that a question is picked for, with its row locked.

    Raises `InvalidTransition` if the question is in no edition or the slots can't change any more, and
    `VersionConflict` if somebody moved the question to another edition meanwhile.
    """
    if question.edition_id is None:
        raise InvalidTransition("question", "drop", question.state)
    edition = lock_row(session, session.get_one(Edition, question.edition_id))
    require_planned(edition)
    if question not in list_picked_questions(session, edition):
        raise VersionConflict(f"question {question.id} left edition {edition.id}")
    return edition


def drop(session: Session, actor: Actor, question: Question, cause: str | None = None) -> None:
    """Take a question out of its slot, so that it can be picked for another edition.

    Raises `InvalidTransition`, `PermissionDenied`, `VersionConflict`.
    """
    edition = _lock_edition_of(session, question)
    lock_row(session, question)
    details = {"edition": edition.id, "position": question.position}
    QUESTION.apply(session, actor, question, "drop", cause=cause, why=details, edition_id=None, position=None)
    renumber(session, edition)


def restore_pick(session: Session, question: Question, edition: Edition, position: int) -> None:
    """Put a question back at its former position, to undo a change. Its `edition_id` must be set already.

    Raises `VersionConflict` if the edition is no longer planned, or if the section has no free slot any more.
    """
    section = sections_of(session, lock_row(session, edition))[question.section]
    order = [picked.id for picked in section.picked if picked is not question]
    if not edition.is_planned or len(order) >= section.slots:
        raise VersionConflict(edition.public_id)
    order.insert(max(0, position - section.first), question.id)
    renumber(session, edition, order)


def renumber(session: Session, edition: Edition, order: list[int] | None = None) -> None:
    """Number the positions of each section without gaps. `order` holds question IDs in the wanted order.

    Positions are unique in the database, so questions that move get unused numbers first, and then the final ones.
    """
    rank = {question_id: index for index, question_id in enumerate(order or ())}
    new_positions: dict[Question, int] = {}
    for section in sections_of(session, edition):
        ordered = sorted(section.picked, key=lambda question: rank.get(question.id, 0))
        for position, question in enumerate(ordered, section.first):
            if question.position != position:
                new_positions[question] = position
    for offset in (_UNUSED_POSITION, 0):
        for question, position in new_positions.items():
            question.position = position + offset
        session.flush()
    _bump_version(session, edition)


def move(session: Session, actor: Staff, question: Question, step: int) -> None:
    """Move a question down by `step` slots within its section, or up if `step` is negative.

    Raises `PermissionDenied`, `InvalidTransition`, `VersionConflict`.
    """
    must(actor, "edition")
    edition = _lock_edition_of(session, question)
    order = [picked.id for picked in sections_of(session, edition)[question.section].picked]
    old_index = order.index(question.id)
    new_index = max(0, min(len(order) - 1, old_index + step))
    order.remove(question.id)
    order.insert(new_index, question.id)
    renumber(session, edition, order)
    audit.record(session, actor, "question.move", question, facts={"edition": edition.id, "step": step})


def select_later_editions(edition: Edition) -> Select[Edition]:
    """Select the planned editions after `edition`, soonest first."""
    planned = select(Edition).where(Edition.newsletter_id == edition.newsletter_id, Edition.is_planned)
    return planned.where(Edition.runs_at > edition.runs_at).order_by(Edition.runs_at)


def load_later_picks(session: Session, edition: Edition) -> Picks:
    """Return the next planned editions after `edition` with their picked questions; see MAX_LATER_EDITIONS."""
    return _load_picks(session, select_later_editions(edition).limit(MAX_LATER_EDITIONS))


def carry_over(session: Session, actor: Staff, question: Question) -> Edition:
    """Move a question to the next planned edition with a free slot in its section, and return that edition.

    Raises `PermissionDenied`, `InvalidTransition`, `VersionConflict`, and `MissingPrecondition` if no later edition has
    a free slot.
    """
    must(actor, "edition")
    edition = _lock_edition_of(session, question)
    for target in session.scalars(select_later_editions(edition)):
        free_slots = sections_of(session, lock_row(session, target))[question.section].open
        if not free_slots:
            continue
        facts = {"from": edition.id, "to": target.id, "position": question.position}
        question.edition_id = target.id
        question.position = free_slots[0]
        session.flush()
        renumber(session, edition)
        _bump_version(session, target)
        audit.record(session, actor, "question.carry", question, facts=facts)
        return target
    raise MissingPrecondition("no_later_edition")


def arrange(
    session: Session, actor: Staff, edition: Edition, order: Sequence[Question], version: int | None = None
) -> None:
    """Fill the slots of an edition with exactly these questions, in this order.

    Questions in the edition that aren't in `order` are dropped, and missing ones are picked. Raises `VersionConflict`
    and the errors of `pick` and `drop`.
    """
    must(actor, "edition")
    check_version(lock_row(session, edition), version)
    require_planned(edition)
    picked = list_picked_questions(session, edition)
    if len({question.id for question in order}) != len(order):
        raise InvalidTransition("edition", "arrange", "a question twice")
    for question in picked:
        if question not in order:
            drop(session, actor, question)
    for question in order:
        if question not in picked:
            pick(session, actor, question, edition)
    question_ids = [question.id for question in order]
    renumber(session, edition, question_ids)
    audit.record(session, actor, "edition.arrange", edition, facts={"questions": question_ids})


def put_answer_first(session: Session, actor: Staff, edition: Edition, question: Question, answer_id: str) -> None:
    """Print one of several answers to a question before the others. `answer_id` is its public ID.

    Raises `PermissionDenied`, `InvalidTransition`, and `MissingPrecondition` if the question has no such approved
    answer.
    """
    must(actor, "edition")
    require_planned(lock_row(session, edition))
    answers = approved_of(session, lock_row(session, question).id)
    first = next((answer for answer in answers if answer.public_id == answer_id), None)
    if first is None:
        raise MissingPrecondition("no_approved_answer")
    others = [answer for answer in answers if answer is not first]
    _number_answers(session, [first, *others])
    renumber(session, edition)
    audit.record(session, actor, "answer.first", first, facts={"edition": edition.id})


def _number_answers(session: Session, answers: Sequence[Answer]) -> None:
    for position, answer in enumerate(answers, 1):
        answer.run_position = position
    session.flush()
