"""One press for several rows of a list: what can be done is done, and what can't is told with its reason."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import abort, g, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ..audit import watched
from ..core.domain_errors import DomainError, InvalidTransition, MissingPrecondition, PermissionDenied, VersionConflict
from ..core.listing import Rows
from ..core.state_machine import check_version
from ..db.session import lock_row
from ..letters.filing import ENDINGS
from ..mail.outbox import OnItsWay
from ..newsletters.models import Topic
from ..newsletters.queries import topics_of
from ..questions.actions import CannotMerge, InEdition
from .conflict import in_short
from .form_fields import parse_number
from .frame import RequestContext, announce, editor, read_context, run_in_transaction
from .question_labels import MERGE_FAULTS
from .undo_press import get_undo_token, list_unchanged_reasons

Row = TypeVar("Row")
Boxes = Sequence[tuple[str, int]]  # the public id of each ticked row, and the version that was on the page
WhyNot = tuple[tuple[type[DomainError], Any], ...]
WHY_NOT: WhyNot = (
    (VersionConflict, _l("somebody has changed it since")),
    (InEdition, _l("it is picked for an edition, or ran in one")),
    (PermissionDenied, _l("an editor has to do it")),
    (OnItsWay, _l("its mail is just going out")),
    (MissingPrecondition, _l("something is missing first")),
    (InvalidTransition, _l("that isn’t possible as it stands")),
)


class RowNotFound(DomainError):
    """No such row at this desk."""


class BulkActionError(DomainError):
    """It can't be done to this one; the words say why."""

    def __init__(self, message: str) -> None:
        super().__init__("otherwise")
        self.words = message


def format_refusal(desk: RequestContext, row: Any, error: DomainError) -> str:
    """Return in words why nothing was done to a letter or a question."""
    if isinstance(error, BulkActionError):
        return error.words
    if isinstance(error, CannotMerge):
        return str(MERGE_FAULTS[error.reason])
    if isinstance(error, VersionConflict | InvalidTransition) and (said := in_short(desk, row)):
        return said if isinstance(error, VersionConflict) else f"{WHY_NOT[-1][1]} ({said})"
    return get_refusal_text(WHY_NOT, error)


def get_refusal_text(table: WhyNot, error: DomainError) -> str:
    return next(str(words) for kind, words in table if isinstance(error, kind))


@dataclass(frozen=True)
class Press:
    """A press on the ticked rows: the words of the button, and the verb, for each row as a change of its own
    or, where it is done `together`, for the boxes of all of them in one, which also gives the address of what they
    became.

    `key` is the act whose key presses it, `choose` the select beside the button, "reason" or "topic", with its `label`.
    `done` and `empty` say how many were done, and that none was ticked, where that isn't said as of the other presses.
    `act` is what it needs beyond the act of its list: whoever lacks it isn't offered the button.
    """

    words: Any
    verb: Callable[[RequestContext, Any], Any]
    key: str = ""
    choose: str = ""
    label: Any = ""
    together: bool = False
    done: Callable[[int], str] | None = None
    empty: Any = ""
    act: str = ""


def fresh(desk: RequestContext, row: Any, version: int) -> Any:
    """A row that was loaded through the actor, locked, as it was when it was ticked. Raises `RowNotFound`,
    `VersionConflict`."""
    if row is None:
        raise RowNotFound
    check_version(lock_row(desk.session, row), version)
    return row


@dataclass(frozen=True)
class Bulk:
    """The list whose rows are ticked: the name of their boxes, how one is loaded, and what can be done with them.

    `back` gives the address to come back to, by the fields of the form, and the list there where what the rows became
    is read next once nothing is left in it. `why` and `stays` say why something wasn't done, and with how many rows.
    `take` gives the verbs a row and refuses one that was changed since it was ticked.
    """

    box: str
    load: Callable[[RequestContext, str], Any]
    presses: Mapping[str, Press]
    back: Callable[[RequestContext], tuple[str, Rows[Any] | None]]
    done: Callable[[int], str]
    empty: Any
    link: Any = ""
    why: Callable[[RequestContext, Any, DomainError], str] = format_refusal
    stays: Callable[[Counter[str]], list[str]] = list_unchanged_reasons
    take: Callable[[RequestContext, Any, int], Any] = fresh
    most: int = 60  # rows of one press: more than any page has

    def at(self, path: str, endpoint: str, act: str) -> None:
        """Let the presses be sent to a list of the desk by whoever may do the act, and its template draw their buttons.
        Of the presses each is asked on its own.
        """
        BULK[path] = act, self

        def press(slug: str) -> Response:
            return press_ticked(slug, self)

        press.__name__ = endpoint  # by which its act and the limits know it
        editor.press(f"/<slug>/{path}", act)(press)


BULK: dict[str, tuple[str, Bulk]] = {}  # by the lists' addresses, with the act of whoever may press there


@editor.app_template_global("tickable")
def tickable(rows: str) -> bool:
    """Return whether whoever looks may do anything with ticked rows of a list."""
    return bool(g.may(BULK[rows][0]))


@editor.app_template_global("presses")
def presses(rows: str, *but: str) -> list[tuple[str, Press]]:
    """Return what whoever looks may do with the ticked rows of a list, without the presses named."""
    act, bulk = BULK[rows]
    return [
        (name, press)
        for name, press in bulk.presses.items()
        if name not in but and g.may(act) and g.may(press.act or act)
    ]


@dataclass
class Outcome:
    """The result of a press on several rows: how many were done, their events, and the refused with their reasons."""

    done: int = 0
    press: list[str] = field(default_factory=list)
    refused: list[tuple[str, DomainError]] = field(default_factory=list)


def parse_selected_rows(name: str, limit: int) -> Boxes:
    """The public ids and versions of the boxes of a form; what is none of ours is left out."""
    pairs = (value.partition(".") for value in request.form.getlist(name)[:limit])
    return [(key, parse_number(version)) for key, _dot, version in pairs if key]


def collect_rows(boxes: Boxes, take: Callable[[str, int], Row]) -> tuple[Outcome, list[Row]]:
    """The rows for one change of them all; what `take` refuses is in the outcome and holds up no other."""
    outcome, rows = Outcome(), []
    for public_id, version in sorted(boxes):  # in one order, so that two presses at once wait for each other
        try:
            rows.append(take(public_id, version))
        except DomainError as why:
            outcome.refused.append((public_id, why))
    return outcome, rows


def chosen_topic(desk: RequestContext) -> Topic:
    """The topic that the ticked rows are to be put under. Raises `BulkActionError`."""
    for topic in topics_of(desk.session, desk.newsletter.id):
        if topic.slug == request.form.get("topic"):
            return topic
    raise BulkActionError(_("choose a topic first"))


def _run_for_each_row(slug: str, bulk: Bulk, press: Press, boxes: Boxes) -> Outcome:
    """Do something to each row, as a change of its own, so that one which can't be moved holds up no other."""
    outcome = Outcome()
    for public_id, version in boxes:

        def fn(desk: RequestContext, public_id: str = public_id, version: int = version) -> str:
            row = bulk.take(desk, bulk.load(desk, public_id), version)
            with watched(desk.session) as events:
                press.verb(desk, row)
                desk.session.flush()
                return get_undo_token(events)

        try:
            outcome.press.append(run_in_transaction(slug, fn))
            outcome.done += 1
        except DomainError as why:
            outcome.refused.append((public_id, why))
    return outcome


def press_ticked(slug: str, bulk: Bulk) -> Response:
    """Do what was pressed with the ticked rows, and say what was done, what wasn't and why, with the way back."""
    press = bulk.presses.get(request.form.get("act", "")) or abort(400)
    if press.choose == "reason" and request.form.get("reason") not in ENDINGS:
        abort(400)
    with read_context(slug) as desk:  # a stranger learns nothing, also without a tick
        back, left = bulk.back(desk)
    boxes, href = parse_selected_rows(bulk.box, bulk.most), ""
    if press.together:
        outcome, href = run_in_transaction(slug, lambda desk: press.verb(desk, boxes))
    else:
        outcome = _run_for_each_row(slug, bulk, press, boxes)
    said = [(press.done or bulk.done)(outcome.done)] if outcome.done else []
    with read_context(slug) as desk:
        said += bulk.stays(Counter(_refusal_reason(desk, bulk, key, why) for key, why in outcome.refused))
        leads_on = href and left and not left.page(desk.session, None, 1)
    undo = ".".join(filter(None, outcome.press))
    announce(
        " ".join(said) or str(press.empty or bulk.empty), href=href, label=str(bulk.link), undo=undo, return_url=back
    )
    return redirect(href if leads_on else back, code=303)


def _refusal_reason(desk: RequestContext, bulk: Bulk, public_id: str, error: DomainError) -> str:
    row = bulk.load(desk, public_id)
    return _("it isn’t there") if row is None or isinstance(error, RowNotFound) else bulk.why(desk, row, error)
