"""The brief: the desk's wishes to an expert, changed before the invitation goes out."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Staff
from ..core.state_machine import InvalidTransition, MissingPrecondition, must, require_length
from ..db.session import lock_row
from ..questions.firewall import must_be_clear
from ..text.clean import clean, for_print, single_line
from .models import Assignment

FEWEST, MOST = 20, 2_000  # words that can be wanted
LONGEST_LINE = 400  # characters of the credit line, and of the relation


@dataclass(frozen=True)
class Brief:
    """`words` is the wanted length, `relation` what follows the credit line in print.

    None stands for what the newsletter or the expert's profile says.
    """

    brief: str = ""
    words: int | None = None
    credit_line: str | None = None
    relation: str | None = None

    @property
    def whole(self) -> str:
        return f"{self.brief}\n{self.credit_line or ''}\n{self.relation or ''}"


USUAL = Brief()


def printed_line(field: str, text: str) -> str:
    """Return what is said of an expert in print, as it is kept. Raises `TooLong`."""
    return require_length(field, for_print(single_line(text)), LONGEST_LINE)


def rebrief(session: Session, actor: Staff, assignment: Assignment, brief: Brief) -> None:
    """Change the brief of an invitation that isn't sent; afterwards the expert has it in writing.

    Raises `InvalidTransition`, `MissingPrecondition` (words), `TooLong` and `Leaking` (see `firewall`).
    """
    must(actor, "prepare")
    lock_row(session, assignment)
    if not assignment.is_drafted:
        raise InvalidTransition("assignment", "change the brief of", assignment.state)
    if not FEWEST <= (brief.words or 0) <= MOST:
        raise MissingPrecondition("words")
    must_be_clear(session, actor, assignment.question, brief.whole)
    assignment.brief, assignment.words = for_print(clean(brief.brief)), brief.words or 0
    assignment.credit_line = printed_line("credit_line", brief.credit_line or "")
    assignment.relation = printed_line("relation", brief.relation or "")
    audit.record(session, actor, "assignment.brief", assignment)
