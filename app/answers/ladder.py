"""The ladder: who is asked next, when the one before has said no or let the time pass.

A step of it is an assignment that is drafted and stands after another one of the same question. It is the clock that
invites: a while after a no, and when `step_at` is over, or where the editor set none the `reply_by` of the one before.
Whoever said yes, whose text is here, or whose mail waits to be filed is not silent. The ladder rests while the wording
is not cleared or the newsletter pauses, and ends with the question; what a person stopped in the outbox it does not
send again. Its mails are held where the newsletter holds invitations, and leave at once elsewhere.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from .. import audit
from ..core.actors import Staff
from ..core.domain_errors import InvalidTransition
from ..core.state_machine import must
from ..db.engine import Database
from ..db.session import lock_row, now
from ..newsletters.models import Newsletter
from ..newsletters.queries import all_newsletters
from ..questions.models import Question, QuestionText
from .lifecycle import ASSIGNMENT_STATES
from .mailed_answers import waiting_letters
from .models import Assignment

MANY = 100  # of a newsletter at once; the rest is found the next time

Invite = Callable[[Session, Assignment, str], None]


def put_after(
    session: Session, actor: Staff, assignment: Assignment, predecessor: Assignment, step_at: datetime | None = None
) -> None:
    """Ask this expert after that one. An editor's act, because nobody presses anything again before the mail leaves.

    Raises `PermissionDenied`, and `InvalidTransition` where one of the two is past that or stands after the other
    already.
    """
    must(actor, "invite")
    if not lock_row(session, assignment).is_drafted:
        raise InvalidTransition("assignment", "put on the ladder", assignment.state)
    if predecessor.question_id != assignment.question_id or not predecessor.can_stand_before:
        raise InvalidTransition("assignment", "stand before another", predecessor.state)
    if assignment.id in _all_before(session, predecessor):
        raise InvalidTransition("assignment", "stand before itself", assignment.state)
    assignment.after_id, assignment.step_at = predecessor.id, step_at
    audit.record(session, actor, "assignment.ladder", assignment, facts={"after": predecessor.id})


def _all_before(session: Session, assignment: Assignment) -> set[int]:
    """Collect the keys of an assignment and of all that stand before it."""
    found, here = set[int](), assignment
    while here.id not in found:
        found.add(here.id)
        if here.after_id is not None:
            here = session.get_one(Assignment, here.after_id)
    return found


def take_off(session: Session, actor: Staff, assignment: Assignment) -> None:
    """Ask this expert only when a person sends the invitation."""
    must(actor, "prepare")
    if not lock_row(session, assignment).is_drafted:
        raise InvalidTransition("assignment", "take off the ladder", assignment.state)
    assignment.after_id = assignment.step_at = None
    audit.record(session, actor, "assignment.off_ladder", assignment)


def climb(database: Database, invite: Invite, now: datetime | None = None) -> int:
    """Invite those whose turn has come, each in a transaction that finds it still so. Returns how many.

    `invite` sends one invitation under the name of its cause, which makes it the only one.
    """
    with database.read(now) as session:
        running = all_newsletters(session, Newsletter.is_running)
        found = [key for newsletter in running for key in find_due_steps(session, newsletter)]
    return sum(database.write(partial(_step, assignment_id=key, invite=invite), now) for key in found)


def find_due_steps(session: Session, newsletter: Newsletter, assignment_id: int | None = None) -> list[int]:
    """Find the assignments of a newsletter whose turn has come; with `assignment_id`, look at that one alone."""
    if not newsletter.is_running:
        return []
    before = aliased(Assignment)
    silent_from = func.coalesce(Assignment.step_at, before.reply_by)
    query = (
        select(Assignment.id, Assignment.after_id)
        .join(before, before.id == Assignment.after_id)
        .join(Question, Question.id == Assignment.question_id)
        .join(QuestionText, QuestionText.id == Question.text_id)
        .where(
            Assignment.newsletter_id == newsletter.id,
            Assignment.is_drafted,
            Question.asks_in_turn,
            QuestionText.cleared_at.is_not(None),
            or_(
                before.state.in_(ASSIGNMENT_STATES.which("is_declined")),
                and_(before.state.in_(ASSIGNMENT_STATES.which("is_invited")), silent_from <= now(session)),
            ),
        )
    )
    query = query if assignment_id is None else query.where(Assignment.id == assignment_id)
    rows = session.execute(query.order_by(Assignment.id).limit(MANY)).all()
    waits = waiting_letters(session, [row.after_id for row in rows]) if rows else set()
    return [row.id for row in rows if row.after_id not in waits]


def _step(session: Session, assignment_id: int, invite: Invite) -> bool:
    found = session.get_one(Assignment, assignment_id)
    lock_row(session, session.get_one(Question, found.question_id))  # in the order that every invitation takes
    assignment = lock_row(session, found)
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    if assignment.id not in find_due_steps(session, newsletter, assignment_id=assignment.id):
        return False
    invite(session, assignment, f"ladder:{assignment.id}:{assignment.version}")
    return True
