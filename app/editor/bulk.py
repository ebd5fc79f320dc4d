"""One press for several letters or questions: what can be done is done, and what can't is told with its reason."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from ..audit import watched
from ..db import lock
from ..lifecycle import Illegal, Missing, NotYours, Refused, Stale, expect
from ..mail.outbox import OnItsWay
from ..newsletters.models import Topic
from ..newsletters.queries import topics_of
from ..questions.moves import CannotMerge, InEdition
from .conflict import in_short
from .flash import announce
from .form_values import number_in
from .frame import Desk, at_desk, change
from .questions.merge_words import MERGE
from .undo_press import stay, way_back

Row = TypeVar("Row")
MOST = 60  # rows of one press: more than any page has
WHY_NOT: tuple[tuple[type[Refused], str], ...] = (
    (Stale, _l("somebody has changed it since")),
    (InEdition, _l("it is picked for an edition, or ran in one")),
    (NotYours, _l("an editor has to do it")),
    (OnItsWay, _l("its mail is just going out")),
    (Missing, _l("something is missing first")),
    (Illegal, _l("that isn’t possible as it stands")),
)


class NotThere(Refused):
    """No such row at this desk."""


class Otherwise(Refused):
    """It can't be done to this one; the words say why."""

    def __init__(self, words: str) -> None:
        super().__init__("otherwise")
        self.words = words


@dataclass
class Outcome:
    """What became of a press: how many were done, the events of it, and the refused with their reasons."""

    done: int = 0
    press: list[str] = field(default_factory=list)
    refused: list[tuple[str, Refused]] = field(default_factory=list)


def ticked(name: str, most: int = MOST) -> list[tuple[str, int]]:
    """The public ids and versions of the boxes of a form; what is none of ours is left out."""
    pairs = (value.partition(".") for value in request.form.getlist(name)[:most])
    return [(key, number_in(version)) for key, _dot, version in pairs if key]


def fresh(desk: Desk, row: Any, version: int) -> Any:
    """A row that was loaded through the actor, locked, as it was when it was ticked. Raises `NotThere`, `Stale`."""
    if row is None:
        raise NotThere
    expect(lock(desk.session, row), version)
    return row


def together(boxes: Sequence[tuple[str, int]], take: Callable[[str, int], Row]) -> tuple[Outcome, list[Row]]:
    """The rows for one change of them all; what `take` refuses is in the outcome and holds up no other."""
    outcome, rows = Outcome(), []
    for public_id, version in sorted(boxes):  # in one order, so that two presses at once wait for each other
        try:
            rows.append(take(public_id, version))
        except Refused as why:
            outcome.refused.append((public_id, why))
    return outcome, rows


def chosen_topic(desk: Desk) -> Topic:
    """The topic that the ticked rows are to be put under. Raises `Otherwise`."""
    for topic in topics_of(desk.session, desk.newsletter.id):
        if topic.slug == request.form.get("topic"):
            return topic
    raise Otherwise(_("choose a topic first"))


def each(
    slug: str, boxes: Sequence[tuple[str, int]], load: Callable[[Desk, str], Any], act: Callable[[Desk, Any], object]
) -> Outcome:
    """Do something to each row, as a change of its own, so that one which can't be moved holds up no other."""
    outcome = Outcome()
    for public_id, version in boxes:

        def fn(desk: Desk, public_id: str = public_id, version: int = version) -> str:
            row = fresh(desk, load(desk, public_id), version)
            with watched(desk.session) as events:
                act(desk, row)
                desk.session.flush()
                return way_back(events)

        try:
            outcome.press.append(change(slug, fn))
            outcome.done += 1
        except Refused as why:
            outcome.refused.append((public_id, why))
    return outcome


def tell(
    slug: str, outcome: Outcome, load: Callable[[Desk, str], Any], done: str, empty: str, back: str,
    onward: tuple[str, str] = ("", ""),
) -> None:  # fmt: skip
    """Say what was done, what wasn't and why, with the way back, and the way onward: where to, and in which words."""
    said = [done] if outcome.done else []
    if outcome.refused:
        with at_desk(slug) as desk:
            said += stay(Counter(_why(desk, load(desk, key), why) for key, why in outcome.refused))
    press = ".".join(filter(None, outcome.press))
    announce(" ".join(said) or empty, href=onward[0], label=onward[1], undo=press, back=back)


def _why(desk: Desk, row: Any, why: Refused) -> str:
    if isinstance(why, NotThere) or row is None:
        return _("it isn’t there")
    if isinstance(why, Otherwise):
        return why.words
    if isinstance(why, CannotMerge):
        return str(MERGE[why.reason])
    if isinstance(why, Stale | Illegal) and (said := in_short(desk, row)):
        return said if isinstance(why, Stale) else f"{WHY_NOT[-1][1]} ({said})"
    return next(str(words) for kind, words in WHY_NOT if isinstance(why, kind))
