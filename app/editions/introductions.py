"""The lines that introduce experts in print, which the desk can change until the edition is locked."""

from sqlalchemy.orm import Session

from .. import audit
from ..answers import translating
from ..answers.assigning import clean_printed_line
from ..answers.editing import load_parents
from ..answers.models import Answer
from ..core.actors import Staff
from ..core.domain_errors import InvalidTransition
from ..core.state_machine import must
from ..db.session import lock_row
from .models import Edition


def lacks_credit_line(answer: Answer) -> bool:
    """Return whether the lead-in of an approved answer names its expert and doesn't say who that is.

    A description of an expert who isn't named says it.
    """
    credit = answer.credit or answer.assignment.credit
    is_described = credit["name"] == answer.expert.described_as
    return bool(credit["name"]) and not credit["credit_line"] and not is_described


def change_lead_in(session: Session, actor: Staff, answer: Answer, credit_line: str, relation: str) -> None:
    """Change how the expert of an answer is introduced in print, also after the approval.

    Approved translations translate the former lines, so they have to be approved again.

    Raises `PermissionDenied`, `TooLong`, and `InvalidTransition` if the answer's edition is locked, or if it won't
    be printed.
    """
    lock_row(session, answer)
    must(actor, "approve" if answer.is_approved else "edit")
    assignment, question = load_parents(session, answer)
    edition = lock_row(session, session.get_one(Edition, question.edition_id)) if question.edition_id else None
    if not answer.can_run or (edition is not None and not edition.is_planned):
        raise InvalidTransition("answer", "introduce", answer.state)
    assignment = lock_row(session, assignment)
    former_lines = assignment.credit_line, assignment.relation
    assignment.credit_line = clean_printed_line("credit_line", credit_line)
    assignment.relation = clean_printed_line("relation", relation)
    if former_lines != (assignment.credit_line, assignment.relation):
        translating.reopen_approved(session, actor, answer)
    if answer.is_approved:  # the name stays as it was approved
        lead_in = {name: assignment.credit[name] for name in ("credit_line", "relation")}
        answer.credit = {**(answer.credit or {}), **lead_in}
    audit.record(session, actor, "answer.introduce", answer)
