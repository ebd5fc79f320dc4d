"""What the desk would like of an expert, changed before the invitation goes out."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from .. import audit
from ..actors import Staff
from ..db import lock
from ..lifecycle import Illegal, Missing, expect, must
from ..text import clean, for_print, single_line
from .models import Assignment
from .writing_to import must_be_clear

FEWEST, MOST = 20, 2_000  # words that can be wanted


@dataclass(frozen=True)
class Brief:
    """`words` is the wanted length, `relation` what follows the credit line in print."""

    brief: str
    words: int
    credit_line: str
    relation: str


def rebrief(
    session: Session, actor: Staff, assignment: Assignment, brief: Brief, version: int | None = None, looked: str = ""
) -> None:
    """Change the brief of an invitation that isn't sent; afterwards the expert has it in writing.

    Raises `Stale`, `Illegal`, `Missing` (words) and `Leaking`.
    """
    must(actor, "A")
    expect(lock(session, assignment), version)
    if assignment.state != "drafted":
        raise Illegal("assignment", "change the brief of", assignment.state)
    if not FEWEST <= brief.words <= MOST:
        raise Missing("words")
    must_be_clear(session, assignment.question, brief.brief, looked)
    assignment.brief, assignment.words = for_print(clean(brief.brief)), brief.words
    assignment.credit_line = for_print(single_line(brief.credit_line))[:400]
    assignment.relation = for_print(single_line(brief.relation))[:400]
    session.flush()
    audit.record(session, actor, "assignment.brief", assignment)
