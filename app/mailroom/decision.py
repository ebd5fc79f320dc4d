"""The decision about a mail: its place, and why."""

from dataclasses import dataclass
from typing import Any

from ..mail import inbound, leases


@dataclass(frozen=True)
class Decision:
    """The place of a mail, and why. `reasons` are codes. What a mail seems to be about is set also where it proves
    nothing."""

    place: str
    reasons: tuple[str, ...] = ()
    newsletter_id: int | None = None
    assignment_id: int | None = None
    edition_id: int | None = None
    outbox_id: int | None = None
    duplicate_of_id: int | None = None
    author: str = ""  # of a letter: "reader" or "expert", or "forward" for a reader's that somebody forwarded
    forwarded_by_id: int | None = None
    said: str | None = None  # by a server that could not deliver our mail, for good

    @property
    def facts(self) -> dict[str, Any]:
        """Return what is noted on the mail itself."""
        names = ("newsletter_id", "assignment_id", "edition_id", "outbox_id", "duplicate_of_id")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Judged:
    """A claimed mail with what was read in it and decided about it, as plain values."""

    claim: leases.Claim
    decision: Decision
    content: str
    reading: inbound.Reading
    message_id: str
    body: str
    answerable: bool

    @property
    def is_duplicate(self) -> bool:
        return self.decision.place == "duplicate"
