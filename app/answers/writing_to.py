"""The desk writes to an expert in between, in the thread of the assignment."""

from sqlalchemy.orm import Session

from .. import audit
from ..actors import Staff
from ..lifecycle import Illegal, Missing, must
from ..mail import messages
from ..questions.firewall import leaks
from ..questions.models import Question
from ..text import clean
from . import post
from .models import Assignment

LONGEST = 4_000  # characters


class Leaking(Missing):
    """A text for an expert holds what readers wrote or are called; somebody has to look at it first."""

    def __init__(self, passages: list[str]) -> None:
        super().__init__("a second look")
        self.passages = passages


def must_be_clear(session: Session, question: Question, text: str, looked: str) -> None:
    """Raise `Leaking` unless nothing of the askers is found in a text, or somebody `looked` at all that is found.

    `looked` holds the passages that were on the page, one a line: what was typed since is looked at anew.
    """
    found = [leak.text for leak in leaks(session, question, text)]
    if not set(found) <= set(looked.splitlines()):
        raise Leaking(found)


def write_to(session: Session, actor: Staff, assignment: Assignment, body: str, looked: str = "") -> None:
    """Send the expert a letter of the desk's; an assistant's is held for an editor. It is noted with the question too.

    Raises `Missing` (text, address), `Leaking`, and `Illegal` before the expert was asked: the first mail is the invitation.
    """
    must(actor, "A")
    body = clean(body)[:LONGEST]
    if not body:
        raise Missing("text")
    if assignment.state == "drafted":
        raise Illegal("assignment", "write to the expert of", assignment.state)
    if assignment.expert.person.email_sealed is None:
        raise Missing("address")
    must_be_clear(session, assignment.question, body, looked)
    headline = post.title_of(session, assignment)
    post.to_expert(session, actor, assignment, messages.letter_to_expert, headline=headline, body=body)
    audit.record(session, actor, "assignment.write", assignment)
