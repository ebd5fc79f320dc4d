"""What the desk does with a letter: one key per filing, kind endings, and the way back."""

from sqlalchemy.orm import Session

from ..actors import Actor
from ..db import lock
from ..lifecycle import expect
from .lifecycle import LETTER
from .models import Letter


def file(
    session: Session,
    actor: Actor,
    letter: Letter,
    kind: str,
    *,
    question_id: int | None = None,
    assignment_id: int | None = None,
    version: int | None = None,
) -> None:
    """File a letter as question, comment, tip, unsubscribe or spam, or an expert's as answer and the like.

    Raises `Stale`, `Illegal`, `NotYours`, `Missing`.
    """
    expect(lock(session, letter), version)
    why = {"kind": kind, "question": question_id, "assignment": assignment_id}
    LETTER.apply(
        session, actor, letter, "file", why=why, filed_as=kind, question_id=question_id, assignment_id=assignment_id
    )


def release(session: Session, actor: Actor, letter: Letter) -> None:
    """A held letter was looked at and is an honest one."""
    LETTER.apply(session, actor, lock(session, letter), "release", held_reason=None)


def end(session: Session, actor: Actor, letter: Letter, reason: str, answered_by_id: int | None = None) -> None:
    """End a letter with one of the kind sentences, and where there is one with the published answer that fits."""
    LETTER.apply(
        session, actor, lock(session, letter), "end", why={"reason": reason}, end_reason=reason,
        answered_by_id=answered_by_id,
    )  # fmt: skip


def reopen(session: Session, actor: Actor, letter: Letter) -> None:
    LETTER.apply(
        session, actor, lock(session, letter), "reopen", end_reason=None, answered_by_id=None, filed_as=None,
        question_id=None,
    )  # fmt: skip
