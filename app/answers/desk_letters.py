"""The desk writes to an expert in between, in the thread of the assignment, or rewords a mail that is held for them."""

from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Staff
from ..core.state_machine import InvalidTransition, MissingPrecondition, must, require_length, require_text
from ..mail import outbox
from ..mail.mail_values import AssignmentMail
from ..mail.models import OutboxMail
from ..questions.firewall import must_be_clear
from ..text.clean import clean
from . import expert_mails
from .models import Assignment

LONGEST = 4_000  # characters


def write_to(session: Session, actor: Staff, assignment: Assignment, body: str) -> None:
    """Send the expert a letter of the desk's; an assistant's is held for an editor. It is noted with the question too.

    Raises `MissingPrecondition` (text, address), `TooLong`, `Leaking` (see `firewall`), and `InvalidTransition` before
    the expert was asked: the first mail is the invitation.
    """
    must(actor, "prepare")
    body = require_text("text", require_length("letter", clean(body), LONGEST))
    if assignment.is_drafted:
        raise InvalidTransition("assignment", "write to the expert of", assignment.state)
    if assignment.expert.person.email_sealed is None:
        raise MissingPrecondition("address")
    expert_mails.send_to_expert(session, actor, assignment, "expert.letter", AssignmentMail(typed=body))
    audit.record(session, actor, "assignment.write", assignment)


def reword(
    session: Session, actor: Staff, mail: OutboxMail, subject: str, text: str, version: int | None = None
) -> None:
    """Give a held mail other words. What goes to an expert is looked through for what wasn't in it before.

    Raises `Leaking` (see `firewall`) and what `outbox.rewrite` raises.
    """
    before = outbox.read(session, mail)
    outbox.rewrite(session, actor, mail, subject, text, version)
    if mail.assignment_id is None or not mail.kind.startswith("expert."):
        return
    question = session.get_one(Assignment, mail.assignment_id).question
    must_be_clear(session, actor, question, f"{subject}\n{text}", f"{before.subject}\n{before.text}")
