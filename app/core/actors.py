"""The actor of a change. Passed to every verb as an argument, never found in the surroundings.

`role` is the row of `permissions` that says what they may.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar


@dataclass(frozen=True)
class Staff:
    """Somebody of the desk, at work on one newsletter. `proved_at` is when they last proved who they are.

    `looked_at` are the passages of readers' words on the page that they press, which they confirm to have looked at.
    """

    person_id: int
    name: str
    newsletter_id: int
    role: str
    proved_at: datetime | None = None
    looked_at: frozenset[str] = field(default=frozenset(), repr=False)  # no reader's words in an error

    @property
    def ref(self) -> str:
        return f"staff:{self.person_id}"


@dataclass(frozen=True)
class Expert:
    """An expert; with `assignment_id` one who came by that assignment's link and can reach nothing else."""

    expert_id: int
    name: str
    assignment_id: int | None = None
    role: ClassVar[str] = "expert"

    @property
    def ref(self) -> str:
        return f"expert:{self.expert_id}"


@dataclass(frozen=True)
class Translator:
    """Somebody outside who came by the link to the one text that they are asked to translate; it reaches nothing
    else."""

    translator_id: int
    name: str
    role: ClassVar[str] = "translator"
    ref: ClassVar[str] = "translator"  # which one, the event's row says, and nothing once that is gone


@dataclass(frozen=True)
class Reader:
    """Somebody with a form in hand, or with the receipt of `letter_id`.

    `mailed` says that the receipt travelled by mail: it can only read the state and withdraw.
    """

    letter_id: int | None = None
    mailed: bool = False
    role: ClassVar[str] = "reader"
    ref: ClassVar[str] = "reader"


@dataclass(frozen=True)
class Visitor:
    """Somebody at the way in: a person who has proved to be one, or nobody known yet. Can do nothing but go in and
    out."""

    person_id: int | None = None
    role: ClassVar[str] = "visitor"

    @property
    def ref(self) -> str:
        return f"person:{self.person_id}" if self.person_id else "visitor"


@dataclass(frozen=True)
class Clock:
    """The worker, when something is due."""

    role: ClassVar[str] = "clock"
    ref: ClassVar[str] = "clock"


@dataclass(frozen=True)
class Mailroom:
    """Mail as it comes in; it brings letters and settles nothing."""

    role: ClassVar[str] = "mailroom"
    ref: ClassVar[str] = "mailroom"


Actor = Staff | Expert | Translator | Reader | Visitor | Clock | Mailroom
