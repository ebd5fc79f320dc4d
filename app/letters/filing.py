"""Filing of letters: one key per filing, kind endings, and the way back."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from ..core.actors import Actor
from ..core.state_machine import check_version
from ..db.session import lock_row
from .lifecycle import LETTER
from .models import VOUCHED, Letter

# What a filing may change besides the state. The trail keeps what stood there before, so that it can be undone
# (`workflows.undo`).
FACTS = ("filed_as", "question_id", "assignment_id", "held_reason", "end_reason", "answered_by_id")


def file(
    session: Session,
    actor: Actor,
    letter: Letter,
    kind: str,
    *,
    question_id: int | None = None,
    assignment_id: int | None = None,
    did: Sequence[int] | None = None,
) -> None:
    """File a letter as question, comment, tip, unsubscribe or spam, or an expert's as answer and the like.

    `did` are the events that followed from it. Raises `InvalidTransition`, `PermissionDenied`, `MissingPrecondition`.
    """
    lock_row(session, letter)
    why: dict[str, Any] = {"kind": kind, "question": question_id, "assignment": assignment_id, "was": _facts(letter)}
    if did is not None:
        why["did"] = list(did)
    LETTER.apply(
        session, actor, letter, "file", why=why, filed_as=kind, question_id=question_id, assignment_id=assignment_id
    )


def hold(session: Session, actor: Actor, letter: Letter, signs: Sequence[str]) -> None:
    """A letter that came in is held after all, for these signs. Raises `InvalidTransition`, `PermissionDenied`."""
    lock_row(session, letter)
    LETTER.apply(
        session, actor, letter, "hold", why={"was": _facts(letter)}, held_reason=signs[0], signs=[*signs], standing=0
    )


def release(session: Session, actor: Actor, letter: Letter, version: int | None = None) -> None:
    """A held letter was looked at and is an honest one. Raises `VersionConflict`, `InvalidTransition`,
    `PermissionDenied`."""
    check_version(lock_row(session, letter), version)
    gone: dict[str, Any] = {"held_reason": None, "standing": VOUCHED, "crowd": 0}
    LETTER.apply(session, actor, letter, "release", why={"was": _facts(letter)}, **gone)


def end(session: Session, actor: Actor, letter: Letter, reason: str, answered_by_id: int | None = None) -> None:
    """End a letter with one of the kind sentences, and where there is one with the published answer that fits."""
    lock_row(session, letter)
    why = {"reason": reason, "was": _facts(letter)}
    LETTER.apply(session, actor, letter, "end", why=why, end_reason=reason, answered_by_id=answered_by_id)


def reopen(session: Session, actor: Actor, letter: Letter, version: int | None = None) -> None:
    """Let a letter that was ended or filed wait again: one is taken out of its question by this. Raises as `release`
    does."""
    check_version(lock_row(session, letter), version)
    gone = dict.fromkeys(("end_reason", "answered_by_id", "filed_as", "question_id"))
    LETTER.apply(session, actor, letter, "reopen", why={"was": _facts(letter)}, **gone)


def _facts(letter: Letter) -> dict[str, Any]:
    return {name: getattr(letter, name) for name in FACTS if getattr(letter, name) is not None}
