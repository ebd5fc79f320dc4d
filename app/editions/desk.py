"""What the editor does with an edition: pick, order, lock, send; and the ways back."""

from datetime import timedelta

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from .. import audit
from ..actors import Actor, Staff
from ..answers.editing import approved_of
from ..answers.models import Assignment
from ..db import lock, now
from ..lifecycle import Illegal, Missing, Stale, expect, must
from ..mail import outbox
from ..mail.models import OutboxMail
from ..newsletters.models import Newsletter
from ..questions.lifecycle import QUESTION
from ..questions.models import Question
from ..text import clean
from . import archive, notices
from .block import Block
from .items import blocks_of_run, freeze
from .lifecycle import EDITION
from .models import Edition, EditionItem
from .pieces import NameTrouble, piece_of

MOST_SLOTS = 12
GRACE = timedelta(minutes=10)  # how long thanks and notices wait, and an edition can be recalled


def picked(session: Session, edition: Edition) -> list[Question]:
    """The questions in an edition's slots, in order, as they stand now: what was read before a lock may be old."""
    query = select(Question).filter_by(edition_id=edition.id).order_by(Question.position)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def pick(session: Session, actor: Staff, question: Question, edition: Edition) -> None:
    """Put an answered question into the next free slot.

    Raises `Missing` (free slot, approved answer) and `Illegal` when the edition is no longer planned.
    """
    must(actor, "E")
    planned(lock(session, edition))
    taken = [q.position or 0 for q in picked(session, edition)]
    if len(taken) >= edition.slots:
        raise Missing("free slot")
    if not approved_of(session, question.id):
        raise Missing("approved answer")
    if question.newsletter_id != edition.newsletter_id:
        raise Illegal("question", "pick", "another newsletter's")
    QUESTION.apply(
        session,
        actor,
        lock(session, question),
        "pick",
        why={"edition": edition.id},
        edition_id=edition.id,
        position=max(taken, default=0) + 1,
    )
    _changed(session, edition)


def _changed(session: Session, edition: Edition) -> None:
    """Give the edition a new version: whoever looks at the old picks must not lock the new ones unseen."""
    flag_modified(edition, "slots")
    session.flush()


def planned(edition: Edition) -> None:
    """Raises `Illegal` for an edition whose slots can't change any more."""
    if edition.state != "planned":
        raise Illegal("edition", "change", edition.state)


def _edition_of(session: Session, question: Question) -> Edition:
    """The edition that a question stands in, locked. Raises `Illegal` when it stands in none or that one is past changing;
    `Stale` when somebody moved the question to another one meanwhile."""
    if question.edition_id is None:
        raise Illegal("question", "drop", question.state)
    edition = lock(session, session.get_one(Edition, question.edition_id))
    planned(edition)
    if question not in picked(session, edition):
        raise Stale(f"question {question.id} left edition {edition.id}")
    return edition


def drop(
    session: Session, actor: Actor, question: Question, why: str = "", cause: str | None = None, looked: str = ""
) -> None:
    """Take a question out of its slot; it is ready for another edition. The expert is told when `why` says something.

    Raises `Illegal`, `Stale`, and `Leaking` (see `firewall`).
    """
    edition = _edition_of(session, question)
    QUESTION.apply(
        session, actor, lock(session, question), "drop", cause=cause, why={"edition": edition.id},
        edition_id=None, position=None,
    )  # fmt: skip
    renumber(session, edition)
    if why := clean(why):
        notices.dropped(session, actor, question, why, looked)


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
    must(actor, "E")
    edition = _edition_of(session, question)
    order = [q.id for q in picked(session, edition)]
    at = order.index(question.id)
    order.insert(max(0, min(len(order) - 1, at + step)), order.pop(at))
    renumber(session, edition, order)
    audit.record(session, actor, "question.move", question, facts={"edition": edition.id, "step": step})


def later_editions(edition: Edition) -> Select[Edition]:
    """The planned editions after one, soonest first."""
    later = select(Edition).filter_by(newsletter_id=edition.newsletter_id, state="planned")
    return later.where(Edition.runs_at > edition.runs_at).order_by(Edition.runs_at)


def carry_over(session: Session, actor: Staff, question: Question) -> Edition:
    """Move a question to the next planned edition with a free slot; its experts hear when it runs now. Raises `Missing`
    when there is none."""
    must(actor, "E")
    edition = _edition_of(session, question)
    for target in session.scalars(later_editions(edition)):
        taken = picked(session, lock(session, target))
        if len(taken) < target.slots:
            question.edition_id, question.position = target.id, len(taken) + 1
            session.flush()
            renumber(session, edition)
            _changed(session, target)
            audit.record(session, actor, "question.carry", question, facts={"from": edition.id, "to": target.id})
            notices.carried_over(session, actor, question, target)
            return target
    raise Missing("later edition")


def set_slots(session: Session, actor: Staff, edition: Edition, slots: int) -> None:
    """Change how many Q&As this edition takes; what does not fit any more is carried over, the last one first.

    Raises `Missing`: "slots" outside 1 to `MOST_SLOTS`, "later edition" where there is none to carry over to.
    """
    must(actor, "E")
    planned(lock(session, edition))
    if not 1 <= slots <= MOST_SLOTS:
        raise Missing("slots")
    for question in picked(session, edition)[slots:][::-1]:
        carry_over(session, actor, question)
    edition.slots = slots
    session.flush()
    audit.record(session, actor, "edition.slots", edition, facts={"slots": slots})


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


def send(
    session: Session, actor: Staff, edition: Edition, message_id: str | None = None, version: int | None = None
) -> None:
    """Mark an edition as sent: its Q&As are public at once; thanks and notices wait ten minutes. Raises `Stale`."""
    expect(lock(session, edition), version)
    EDITION.apply(session, actor, edition, "send", sent_at=now(session), message_id=message_id or edition.message_id)
    for question in picked(session, edition):
        QUESTION.apply(session, actor, lock(session, question), "publish", cause="send", published_at=now(session))
        notices.published(session, actor, edition, question, due_at=now(session) + GRACE)
    archive.touch(session, edition.newsletter_id)


def recall(session: Session, actor: Staff, edition: Edition) -> None:
    """Take "sent" back while no mail of it has gone out. Raises `Missing` after that."""
    mails = list(session.scalars(select(OutboxMail).filter_by(edition_id=edition.id).with_for_update()))
    if any(mail.state == "sent" for mail in mails):
        raise Missing("its mails unsent")
    for mail in mails:
        if mail.state in ("held", "queued"):
            outbox.recall(session, actor, mail)
    EDITION.apply(session, actor, lock(session, edition), "recall", sent_at=None)
    for question in picked(session, edition):
        QUESTION.apply(session, actor, lock(session, question), "recall", cause="recall", published_at=None)
    archive.touch(session, edition.newsletter_id)


def retract(session: Session, actor: Staff, question: Question, reason: str, looked: str = "") -> None:
    """Withdraw a published page with a stub: for someone's safety, at once. Raises `Missing` without a reason, `Leaking`."""
    if not (reason := clean(reason)):
        raise Missing("why")
    QUESTION.apply(session, actor, lock(session, question), "retract")
    notices.dropped(session, actor, question, reason, looked)
    archive.touch(session, question.newsletter_id)


def restore(session: Session, actor: Staff, question: Question) -> None:
    QUESTION.apply(session, actor, lock(session, question), "restore")
    notices.public_again(session, actor, question)
    archive.touch(session, question.newsletter_id)


def run_of(session: Session, assignment: Assignment) -> Edition | None:
    """The edition that an assignment is meant for: where its question was picked, else what it was asked for."""
    question = session.get_one(Question, assignment.question_id)
    key = question.edition_id or assignment.for_edition_id
    return session.get(Edition, key) if key else None


def load(session: Session, actor: Staff, public_id: str) -> Edition | None:
    """One edition of the actor's newsletter."""
    return session.scalar(select(Edition).filter_by(public_id=public_id, newsletter_id=actor.newsletter_id))


def items_of(session: Session, edition: Edition) -> list[EditionItem]:
    """What was locked into an edition, in order."""
    return list(session.scalars(select(EditionItem).filter_by(edition_id=edition.id).order_by(EditionItem.position)))


def preview(session: Session, edition: Edition) -> tuple[list[Block], list[NameTrouble]]:
    """The edition's blocks as they will run, or ran; and while it is planned the readers' names in it that may not be printed.

    As long as there is such a name, nothing is exported.
    """
    newsletter, items = session.get_one(Newsletter, edition.newsletter_id), items_of(session, edition)
    found = [] if items else [piece_of(session, newsletter, question) for question in picked(session, edition)]
    blocks = blocks_of_run(session, newsletter, [piece for piece, _ in found], items)
    planned = edition.state == "planned"
    return blocks, [trouble for _, trouble in found if trouble and planned]


def blocks(session: Session, edition: Edition) -> list[Block]:
    return preview(session, edition)[0]


def name_troubles(session: Session, edition: Edition) -> list[NameTrouble]:
    return preview(session, edition)[1] if edition.state == "planned" else []
