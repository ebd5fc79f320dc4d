"""Who may what at the desk: one table, which the door asks at every press, the pages draw buttons from, and people read.

The tables of moves say the same of each move on its own; a test holds both to each other, move by move.
"""

from dataclasses import dataclass

from ..actors import Actor, Staff
from ..lifecycle import NotYours

LEAST = {"A": ("admin", "editor", "assistant"), "E": ("admin", "editor"), "M": ("admin",)}


@dataclass(frozen=True)
class Act:
    """Something that the desk does. `least` is the letter of the role that may, as in the tables of moves; each role
    above may as well. `moves` are those moves, by machine, that are this act."""

    least: str
    moves: tuple[str, ...] = ()


def _moves(machine: str, *actions: str) -> tuple[str, ...]:
    return tuple(f"{machine}.{action}" for action in actions)


ACTS = {
    "read": Act("A"),
    "undo": Act("A", ("letter.undo", "question.undo")),
    "take letters": Act("A", (*_moves("letter", "send", "release", "file", "end", "reopen"),
                              *_moves("inbound", "take", "put back", "sort", "read again"))),
    "check names": Act("A"),
    "word": Act("A", _moves("question", "open", "shelve", "take", "merge", "split")),
    "clear": Act("E"),
    "show": Act("E"),
    "close": Act("E", _moves("question", "close", "reopen", "retract", "restore")),
    "directory": Act("A"),
    "whole directory": Act("E"),
    "prepare": Act("A", _moves("assignment", "draft", "decline")),
    "invite": Act("E", _moves("assignment", "invite", "cancel")),
    "edit": Act("A", _moves("answer", "start", "submit", "edit", "reply")),
    "give back": Act("E", (*_moves("assignment", "return"), *_moves("answer", "check", "recall"))),
    "approve": Act("E", _moves("answer", "approve", "reopen", "withdraw")),
    "pick": Act("E", _moves("question", "pick", "drop")),
    "edition": Act("E", _moves("edition", "plan", "skip", "unskip", "lock", "unlock", "send", "recall")),
    "stop mails": Act("A", _moves("mail", "recall", "discard", "retry", "forget")),
    "release mails": Act("E", _moves("mail", "release")),
    "settings": Act("E"),
    "words of the house": Act("E"),
    "trail": Act("E"),
    "people": Act("M"),
}  # fmt: skip


def may(actor: Actor, act: str) -> bool:
    """Whether this actor may do an act of the desk. KeyError for an act that the table doesn't know."""
    return isinstance(actor, Staff) and ACTS[act].least in actor.roles


def must(actor: Actor, act: str) -> None:
    """Raise `NotYours` unless the actor may."""
    if not may(actor, act):
        raise NotYours(f"{actor.ref} may not {act}")


def roles_for(act: str) -> tuple[str, ...]:
    """The roles that may, the highest first."""
    return LEAST[ACTS[act].least]
