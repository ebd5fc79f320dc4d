"""The actor of a change: an explicit argument of every verb, never read from the request or a global.

`role` names a row of the tables in `permissions`; `ref` identifies the actor in the audit trail.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar


@dataclass(frozen=True)
class Staff:
    """A member of the desk, working on one newsletter. `proved_at` is when they last proved their identity.

    `looked_at` holds the passages quoted from readers that they confirm having reviewed, as the submitted page
    showed them.
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
    """An expert; with `assignment_id`, one who used that assignment's link and can reach nothing else."""

    expert_id: int
    name: str
    assignment_id: int | None = None
    role: ClassVar[str] = "expert"

    @property
    def ref(self) -> str:
        return f"expert:{self.expert_id}"


@dataclass(frozen=True)
class Translator:
    """An outside translator who used the link to the one text they were asked to translate, and can reach no other."""

    translator_id: int
    name: str
    role: ClassVar[str] = "translator"
    ref: ClassVar[str] = "translator"  # the event's row says which one; once that row is erased, nothing does


@dataclass(frozen=True)
class Reader:
    """A reader who submits a form, or who holds the receipt of `letter_id`.

    `mailed` means that the receipt was sent by mail: it only allows reading the state and withdrawing.
    """

    letter_id: int | None = None
    mailed: bool = False
    role: ClassVar[str] = "reader"
    ref: ClassVar[str] = "reader"


@dataclass(frozen=True)
class Visitor:
    """A visitor of the sign-in pages: a person who has proved their identity, or an unknown one. May only sign in and
    out."""

    person_id: int | None = None
    role: ClassVar[str] = "visitor"

    @property
    def ref(self) -> str:
        return f"person:{self.person_id}" if self.person_id else "visitor"


@dataclass(frozen=True)
class Clock:
    """The worker, acting because something is due."""

    role: ClassVar[str] = "clock"
    ref: ClassVar[str] = "clock"


@dataclass(frozen=True)
class Mailroom:
    """Incoming mail, which creates letters and decides nothing else."""

    role: ClassVar[str] = "mailroom"
    ref: ClassVar[str] = "mailroom"


Actor = Staff | Expert | Translator | Reader | Visitor | Clock | Mailroom
