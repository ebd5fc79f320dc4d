"""The actor of a change: an explicit argument of every verb, never read from the request or a global.

`role` names a row of the tables in `permissions`; `ref` identifies the actor in the audit trail.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar


@dataclass(frozen=True)
class Staff:
    """A member of the desk, working on one newsletter.

    `proved_at` is when they last proved their identity, for acts that need a recent proof. `reviewed_passages` are the
    readers' own words that the submitted form quoted as a warning, and that this person confirms to have reviewed.
    `form_shown_at` is when the page with that form was made, if a form was submitted. `token_acts` are the acts that
    their token permits, if a program calls with one: it can do only those that their role grants too.
    """

    person_id: int
    name: str
    newsletter_id: int
    role: str
    proved_at: datetime | None = None
    reviewed_passages: frozenset[str] = field(default=frozenset(), repr=False)  # so that no error report quotes readers
    form_shown_at: datetime | None = None
    token_acts: frozenset[str] | None = None

    @property
    def ref(self) -> str:
        return f"staff:{self.person_id}"


@dataclass(frozen=True)
class ExpertActor:
    """An expert. One who came by the link of an assignment has an `assignment_id`, and can reach nothing else."""

    expert_id: int
    name: str
    assignment_id: int | None = None
    role: ClassVar[str] = "expert"

    @property
    def ref(self) -> str:
        return f"expert:{self.expert_id}"


@dataclass(frozen=True)
class TranslatorActor:
    """An outside translator, who came by the link to the one text that they translate, and can reach no other."""

    translator_id: int
    name: str
    role: ClassVar[str] = "translator"
    # This has no id: the audit event refers to the translator's row. Once the row is erased, nobody can identify them.
    ref: ClassVar[str] = "translator"


@dataclass(frozen=True)
class Reader:
    """A reader who submits a form, or who has the receipt of the letter `letter_id`.

    `mailed` is true if the receipt was sent by mail. Such a receipt only lets them read the state and withdraw.
    """

    letter_id: int | None = None
    mailed: bool = False
    role: ClassVar[str] = "reader"
    ref: ClassVar[str] = "reader"


@dataclass(frozen=True)
class Visitor:
    """A visitor of the sign-in pages, who may only sign in and out. `person_id` is None until they are identified."""

    person_id: int | None = None
    role: ClassVar[str] = "visitor"

    @property
    def ref(self) -> str:
        return f"person:{self.person_id}" if self.person_id else "visitor"


@dataclass(frozen=True)
class Clock:
    """No person: the worker, when something is due, and the command line, which doesn't know who runs a command."""

    role: ClassVar[str] = "clock"
    ref: ClassVar[str] = "clock"


@dataclass(frozen=True)
class Mailroom:
    """The processing of incoming mail: it files mails, creates letters, and records bounces and arrived editions."""

    role: ClassVar[str] = "mailroom"
    ref: ClassVar[str] = "mailroom"


Actor = Staff | ExpertActor | TranslatorActor | Reader | Visitor | Clock | Mailroom
