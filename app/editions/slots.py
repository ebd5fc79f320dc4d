"""The sections of an edition and the slots in them: pick a question into one, take it out, move it, carry it over.

An edition has one section. Whoever asks what stands in its slots, or how many are open, asks by section.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from .. import audit
from ..actors import Actor, Staff
from ..answers.editing import approved_of
from ..db import lock
from ..lifecycle import Illegal, Missing, Stale, must
from ..newsletters.models import Newsletter
from ..questions.lifecycle import QUESTION
from ..questions.models import Question
from .models import Edition

MOST_SLOTS = 12


@dataclass(frozen=True)
class Section:
    """A part of an edition: the name that stands before each headline in it, how many words an answer may have, how
    many slots there are, and the questions that stand in them, in order.
    """

    name: str
    words: int
    slots: int
    picked: tuple[Question, ...] = ()

    @property
    def open(self) -> range:
        """The numbers of its open slots."""
        return range(len(self.picked) + 1, self.slots + 1)


def usual_sections(newsletter: Newsletter) -> list[Section]:
    """Return the sections of a newsletter's editions, as its settings have them."""
    return [Section(newsletter.section, newsletter.words, newsletter.slots)]


def section_of(sections: Sequence[Section], _question: Question | None = None) -> Section:
    """Return the one of several sections in which a question runs."""
    return sections[0]


def sections_of(session: Session, edition: Edition) -> list[Section]:
    """Return the sections of an edition with what stands in them now."""
    newsletter = session.get_one(Newsletter, edition.newsletter_id)
    return [
        replace(section, slots=edition.slots, picked=tuple(picked(session, edition)))
        for section in usual_sections(newsletter)
    ]


def open_slots(sections: Iterable[Section]) -> list[int]:
    return [number for section in sections for number in section.open]


def filled(session: Session, editions: Sequence[Edition]) -> Counter[int]:
    """Return how many slots of each edition are filled, in one query."""
    keys = [edition.id for edition in editions]
    query = select(Question.edition_id, func.count()).where(Question.edition_id.in_(keys)).group_by(Question.edition_id)
    return Counter({edition: count for edition, count in session.execute(query) if edition is not None})


def first_with_room(session: Session, editions: Sequence[Edition]) -> Edition | None:
    """Return the first of several editions with an open slot."""
    taken = filled(session, editions)
    return next((edition for edition in editions if taken[edition.id] < edition.slots), None)


def picked(session: Session, edition: Edition) -> list[Question]:
    """The questions in an edition's slots, in order, as they stand now: what was read before a lock may be old."""
    query = select(Question).filter_by(edition_id=edition.id).order_by(Question.position)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def pick(session: Session, actor: Staff, question: Question, edition: Edition) -> None:
    """Put an answered question into the next free slot.

    Raises `Missing` (free slot, approved answer) and `Illegal` when the edition is no longer planned.
    """
    must(actor, "pick")
    planned(lock(session, edition))
    sections = sections_of(session, edition)
    if not section_of(sections, question).open:
        raise Missing("free slot")
    if not approved_of(session, question.id):
        raise Missing("approved answer")
    if question.newsletter_id != edition.newsletter_id:
        raise Illegal("question", "pick", "another newsletter's")
    last = max((one.position or 0 for section in sections for one in section.picked), default=0)
    why = {"edition": edition.id}
    QUESTION.apply(session, actor, lock(session, question), "pick", why=why, edition_id=edition.id, position=last + 1)
    _changed(session, edition)


def _changed(session: Session, edition: Edition) -> None:
    """Give the edition a new version: whoever looks at the old picks must not lock the new ones unseen."""
    flag_modified(edition, "slots")
    session.flush()


def planned(edition: Edition) -> None:
    """Raise `Illegal` for an edition whose slots can't change any more."""
    if not edition.is_planned:
        raise Illegal("edition", "change", edition.state)


def _edition_of(session: Session, question: Question) -> Edition:
    """Lock the edition that a question stands in.

    Raises `Illegal` when it stands in none or that one is past changing; `Stale` when somebody moved the question to
    another one meanwhile.
    """
    if question.edition_id is None:
        raise Illegal("question", "drop", question.state)
    edition = lock(session, session.get_one(Edition, question.edition_id))
    planned(edition)
    if question not in picked(session, edition):
        raise Stale(f"question {question.id} left edition {edition.id}")
    return edition


def drop(session: Session, actor: Actor, question: Question, cause: str | None = None) -> None:
    """Take a question out of its slot; it is ready for another edition. Raises `Illegal` and `Stale`."""
    edition = _edition_of(session, question)
    lock(session, question)
    why = {"edition": edition.id}
    QUESTION.apply(session, actor, question, "drop", cause=cause, why=why, edition_id=None, position=None)
    renumber(session, edition)


def renumber(session: Session, edition: Edition, order: list[int] | None = None) -> None:
    """Number the slots without gaps, by way of free numbers, since two questions never share a slot."""
    questions = picked(session, edition)
    if order:
        questions.sort(key=lambda q: order.index(q.id))
    for offset in (10_000, 0):
        for position, question in enumerate(questions, 1):
            question.position = position + offset
        session.flush()
    _changed(session, edition)


def move(session: Session, actor: Staff, question: Question, step: int) -> None:
    """Move a question `step` slots down (negative: up). At the end of the list nothing happens."""
    must(actor, "edition")
    edition = _edition_of(session, question)
    order = [q.id for q in picked(session, edition)]
    at = order.index(question.id)
    order.insert(max(0, min(len(order) - 1, at + step)), order.pop(at))
    renumber(session, edition, order)
    audit.record(session, actor, "question.move", question, facts={"edition": edition.id, "step": step})


def later_editions(edition: Edition) -> Select[Edition]:
    """The planned editions after one, soonest first."""
    later = select(Edition).where(Edition.newsletter_id == edition.newsletter_id, Edition.is_planned)
    return later.where(Edition.runs_at > edition.runs_at).order_by(Edition.runs_at)


def carry_over(session: Session, actor: Staff, question: Question) -> Edition:
    """Move a question to the next planned edition with a free slot. Raises `Missing` when there is none."""
    must(actor, "edition")
    edition = _edition_of(session, question)
    for target in session.scalars(later_editions(edition)):
        sections = sections_of(session, lock(session, target))
        if section_of(sections, question).open:
            question.edition_id = target.id
            question.position = sum(len(section.picked) for section in sections) + 1
            session.flush()
            renumber(session, edition)
            _changed(session, target)
            audit.record(session, actor, "question.carry", question, facts={"from": edition.id, "to": target.id})
            return target
    raise Missing("later edition")
