"""Undo for a minute: the inverse of what one press did, while its mails are unsent and nobody has gone on from there.

A press is told by the events that it wrote into the trail, so nothing is kept for it but the trail itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from ..actors import Staff
from ..answers import closing, mailed_answers
from ..audit import Event, watched
from ..audit.queries import chosen, moved_since
from ..db import lock, now
from ..editions.models import Edition
from ..letters import filing
from ..letters.models import OF_EXPERT, Letter
from ..lifecycle import Illegal, Refused, Stale
from ..matching.verdicts import take_back_same
from ..questions import reversing
from ..questions.models import Question
from ..questions.queries import letters_of
from . import skipping
from .endings import untell

FOR = timedelta(seconds=60)
GRACE = timedelta(seconds=10)  # what is pressed in the last second has a way to go
ROWS: dict[str, type[Letter | Question | Edition]] = {"letter": Letter, "question": Question, "edition": Edition}


class TooLate(Refused):
    """The minute is over."""


@dataclass(frozen=True)
class Left:
    """An event of the press that could not be undone, and why."""

    event: Event
    why: Refused


def undoable(events: Sequence[Event]) -> list[int]:
    """The keys of a press: what can be undone of it and what hangs on that; empty where nothing can."""
    followed = {key for event in events for key in (event.facts or {}).get("did", ())}
    moves = [event for event in events if event.id not in followed and (event.new is not None or event.action in UNDO)]
    return [event.id for event in events] if moves and all(event.action in UNDO for event in moves) else []


def undo(session: Session, actor: Staff, press: Sequence[int]) -> tuple[list[Event], list[Left]]:
    """Take back what one press of this person did, newest first; gives what was undone and what was not.

    What a step brought about goes back with it, or the whole step stays. Somebody else's events, and those of another
    newsletter, are as good as not there.
    """
    done, left = [], []
    events = [event for event in chosen(session, press) if _is_own(actor, event)]
    own = [event.id for event in events]  # what is not somebody going on; and with it what undoing has written so far
    for event in events:
        if event.action not in UNDO:
            continue
        try:
            with watched(session) as written, session.begin_nested():
                _undo(session, actor, event, own)
            own += [one.id for one in written]
            done.append(event)
        except Refused as why:
            left.append(Left(event, why))
    if done and not left:
        _take_back_words(session, actor, press)
    return done, left


def _take_back_words(session: Session, actor: Staff, press: Sequence[int]) -> None:
    """What somebody said by a press whose steps are all undone was not meant either."""
    for event in chosen(session, press):
        if event.action == "verdict.same" and event.facts and _is_own(actor, event):
            take_back_same(session, actor, tuple(event.facts["a"]), tuple(event.facts["b"]))


def _is_own(actor: Staff, event: Event) -> bool:
    return (event.actor, event.newsletter_id) == (actor.ref, actor.newsletter_id)


def _undo(session: Session, actor: Staff, event: Event, press: Sequence[int]) -> None:
    row: Any = lock(session, session.get_one(ROWS[event.noun], event.noun_id))
    if event.new is not None and moved_since(session, event, press):
        raise Stale(row.public_id)
    if now(session) - event.at > FOR + GRACE:
        raise TooLate(row.public_id)
    UNDO[event.action](session, actor, row, event, press)


def _ending(session: Session, actor: Staff, letter: Letter, event: Event, _press: Sequence[int]) -> None:
    untell(session, actor, letter)
    filing.undo(session, actor, letter, event)


def _reopening(session: Session, actor: Staff, letter: Letter, event: Event, _press: Sequence[int]) -> None:
    """Of a letter that was taken out of a question. One that had ended lost its notice: it is ended once more, by hand."""
    if event.old != "filed":
        raise Illegal("letter", "undo", event.old)
    filing.undo(session, actor, letter, event)


def _closing(session: Session, actor: Staff, question: Question, event: Event, _press: Sequence[int]) -> None:
    """Nobody hears of it: neither its readers nor the experts, whose assignments and answers go on."""
    for letter in letters_of(session, question):
        untell(session, actor, letter)
    reversing.back(session, actor, question, event)
    closing.undo(session, actor, event)


def _filing(session: Session, actor: Staff, letter: Letter, event: Event, _press: Sequence[int]) -> None:
    """With what an expert's mail was filed as goes what followed from it."""
    verb = mailed_answers.undo if (event.facts or {}).get("kind") in OF_EXPERT else filing.undo
    verb(session, actor, letter, event)


def _plain(verb: Callable[..., None]) -> Callable[..., None]:
    """A verb that asks for the event alone."""
    return lambda session, actor, row, event, _press: verb(session, actor, row, event)


UNDO: dict[str, Callable[[Session, Staff, Any, Event, Sequence[int]], None]] = {
    "letter.file": _filing,
    "letter.release": _plain(filing.undo),
    "letter.reopen": _reopening,
    "letter.end": _ending,
    "question.open": reversing.unmake,
    "question.merge": _plain(reversing.unmerge),
    "question.shelve": _plain(reversing.back),
    "question.close": _closing,
    "question.topics": _plain(reversing.old_topics),
    "edition.skip": _plain(skipping.undo),
}
