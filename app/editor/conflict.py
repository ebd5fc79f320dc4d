"""Two people at one text: the second to save sees who was faster, what they changed, and both texts; none of them is lost.
A field that the second left alone follows the first, as in the forms of `faster`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _

from ..answers.diff import Pair, changed, compare
from ..people.directory import staff_names
from .frame import Desk


@dataclass(frozen=True)
class Part:
    """One field of a form: as it was when its page was opened (None where that isn't kept), as it is saved, as typed now."""

    label: str
    before: str | None
    theirs: str
    typed: str

    @property
    def taken_over(self) -> bool:
        """Whether it was left alone here and changed there: then it follows what is saved."""
        return self.before is not None and changed(self.before, self.theirs) and not changed(self.before, self.typed)

    @property
    def mine(self) -> str:
        """What stands in the form from now on."""
        return self.theirs if self.taken_over else self.typed

    @property
    def what_they_changed(self) -> list[Pair]:
        return (
            compare(self.before, self.theirs) if self.before is not None and changed(self.before, self.theirs) else []
        )

    @property
    def against_mine(self) -> list[Pair]:
        return compare(self.theirs, self.mine)

    @property
    def differs(self) -> bool:
        return changed(self.theirs, self.mine)


@dataclass(frozen=True)
class Conflict:
    """Who saved in between, when, and the fields of the form."""

    who: str
    by_me: bool  # in another window
    when: datetime
    parts: Sequence[Part]

    @property
    def different(self) -> list[Part]:
        return [part for part in self.parts if part.differs]

    @property
    def taken_over(self) -> list[Part]:
        return [part for part in self.parts if part.taken_over]


def conflict_with(desk: Desk, ref: str, when: datetime, parts: Sequence[Part], otherwise: str = "") -> Conflict:
    """The conflict with whoever the trail calls `ref`, such as "staff:5"; somebody of no desk is called `otherwise`."""
    who = staff_names(desk.session, [ref]).get(ref) or otherwise or _("Somebody")
    return Conflict(who, ref == desk.actor.ref, when, parts)


def kept_in_note(title: str, parts: Sequence[tuple[str, str]]) -> str:
    """A note with what somebody typed and didn't save, so that it outlives their giving way."""
    return "\n\n".join([title, *(f"{label}\n{text}".strip() for label, text in parts if text.strip())])
