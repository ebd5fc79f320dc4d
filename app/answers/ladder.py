"""The ladder: the order in which experts are invited when the one before declines or stays silent.

A step is a drafted assignment that follows another assignment for the same question, its predecessor. The clock
invites the step's expert once the predecessor's expert has declined, or has been silent until `step_at` (by default,
until the predecessor's `reply_by`). Experts who have accepted or sent a text, or whose mail waits to be filed, are not
silent. The ladder rests while the wording is not cleared, the newsletter is paused, or the question has an answer or
has ended. It never resends an invitation that a person stopped in the outbox. Its invitations are held if the
newsletter holds invitations, and otherwise sent at once.
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
from .mailed_answers import find_with_waiting_letter
from .models import Assignment

MAX_STEPS = 100  # per newsletter and run; the others follow in the next run

# Invites the expert of an assignment. The last argument is a `once_key`, which keeps the mail from being sent twice.
Invite = Callable[[Session, Assignment, str], None]


def put_after(
    session: Session, actor: Staff, assignment: Assignment, predecessor: Assignment, step_at: datetime | None = None
) -> None:
    """Put `assignment` on the ladder after `predecessor`, which may be silent until `step_at`.

    The actor needs the permission to invite, as nobody confirms the invitation later. Raises `PermissionDenied`, and
    `InvalidTransition` if `assignment` is not drafted, or if `predecessor` is for another question, comes after
    `assignment` on the ladder, or is neither drafted, invited nor accepted.
    """
    must(actor, "invite")
    if not lock_row(session, assignment).is_drafted:
        raise InvalidTransition("assignment", "put on the ladder", assignment.state)
    if predecessor.question_id != assignment.question_id or not predecessor.can_stand_before:
        raise InvalidTransition("assignment", "stand before another", predecessor.state)
    if assignment.id in _collect_chain(session, predecessor):
        raise InvalidTransition("assignment", "stand before itself", assignment.state)
    assignment.after_id = predecessor.id
    assignment.step_at = step_at
    audit.record(session, actor, "assignment.ladder", assignment, facts={"after": predecessor.id})


def _collect_chain(session: Session, assignment: Assignment) -> set[int]:
    """Return the IDs of an assignment and of all its predecessors on the ladder."""
    assignment_ids = {assignment.id}
    while assignment.after_id is not None and assignment.after_id not in assignment_ids:
        assignment = session.get_one(Assignment, assignment.after_id)
        assignment_ids.add(assignment.id)
    return assignment_ids


def take_off(session: Session, actor: Staff, assignment: Assignment) -> None:
    """Take an assignment off the ladder, so that only a person can invite its expert.

    Raises `PermissionDenied`, `InvalidTransition`.
    """
    must(actor, "prepare")
    if not lock_row(session, assignment).is_drafted:
        raise InvalidTransition("assignment", "take off the ladder", assignment.state)
    assignment.after_id = assignment.step_at = None
    audit.record(session, actor, "assignment.off_ladder", assignment)


def climb(database: Database, invite: Invite, now: datetime | None = None) -> int:
    """Invite the experts whose turn has come, each in a transaction that checks this again. Return their number."""
    with database.read(now) as session:
        running = all_newsletters(session, Newsletter.is_running)
        due_ids = [due_id for newsletter in running for due_id in find_due_steps(session, newsletter)]
    count = 0
    for assignment_id in due_ids:
        count += database.write(partial(_invite_if_due, assignment_id=assignment_id, invite=invite), now)
    return count


def find_due_steps(session: Session, newsletter: Newsletter, assignment_id: int | None = None) -> list[int]:
    """Return the IDs of assignments whose turn has come. With `assignment_id`, only that assignment is checked."""
    if not newsletter.is_running:
        return []
    predecessor = aliased(Assignment)
    is_declined = predecessor.state.in_(ASSIGNMENT_STATES.which("is_declined"))
    is_invited = predecessor.state.in_(ASSIGNMENT_STATES.which("is_invited"))
    silent_from = func.coalesce(Assignment.step_at, predecessor.reply_by)
    query = (
        select(Assignment.id, Assignment.after_id)
        .join(predecessor, predecessor.id == Assignment.after_id)
        .join(Question, Question.id == Assignment.question_id)
        .join(QuestionText, QuestionText.id == Question.text_id)
        .where(
            Assignment.newsletter_id == newsletter.id,
            Assignment.is_drafted,
            Question.asks_in_turn,
            QuestionText.cleared_at.is_not(None),
            or_(is_declined, and_(is_invited, silent_from <= now(session))),
        )
    )
    if assignment_id is not None:
        query = query.where(Assignment.id == assignment_id)
    rows = session.execute(query.order_by(Assignment.id).limit(MAX_STEPS)).all()
    if not rows:
        return []
    ids_with_letter = find_with_waiting_letter(session, [row.after_id for row in rows])
    return [row.id for row in rows if row.after_id not in ids_with_letter]


def _invite_if_due(session: Session, assignment_id: int, invite: Invite) -> bool:
    """Invite the expert if it is still their turn. Return whether they were invited."""
    assignment = session.get_one(Assignment, assignment_id)
    # The question is locked first, as by every invitation.
    lock_row(session, session.get_one(Question, assignment.question_id))
    assignment = lock_row(session, assignment)
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    if assignment.id not in find_due_steps(session, newsletter, assignment_id=assignment.id):
        return False
    invite(session, assignment, f"ladder:{assignment.id}:{assignment.version}")
    return True
