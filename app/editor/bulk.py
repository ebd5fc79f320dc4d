"""Bulk actions on the selected rows of a list. Rows that can't be changed are reported with the reason."""

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
Boxes = Sequence[tuple[str, int]]  # the public id of each selected row, and the version that the page showed
WhyNot = tuple[tuple[type[DomainError], Any], ...]
NOT_POSSIBLE = _l("that isn’t possible as it stands")
WHY_NOT: WhyNot = (
    (VersionConflict, _l("somebody has changed it since")),
    (InEdition, _l("it is picked for an edition, or ran in one")),
    (PermissionDenied, _l("an editor has to do it")),
    (OnItsWay, _l("its mail is just going out")),
    (MissingPrecondition, _l("something is missing first")),
    (InvalidTransition, NOT_POSSIBLE),
)


class RowNotFound(DomainError):
    """This desk has no such row."""

    code = PermissionDenied.code


class BulkActionError(DomainError):
    """The action can't be applied to a row, for the reason in `words`."""

    code = InvalidTransition.code

    def __init__(self, message: str) -> None:
        super().__init__("otherwise")
        self.words = message


def format_refusal(desk: RequestContext, row: Any, error: DomainError) -> str:
    """Return the reason why a letter or a question was left unchanged, as a clause."""
    if isinstance(error, BulkActionError):
        return error.words
    if isinstance(error, CannotMerge):
        return str(MERGE_FAULTS[error.code])
    if isinstance(error, VersionConflict | InvalidTransition):
        newest_change = in_short(desk, row)
        if newest_change and isinstance(error, VersionConflict):
            return newest_change
        if newest_change:
            return f"{NOT_POSSIBLE} ({newest_change})"
    return get_refusal_text(WHY_NOT, error)


def get_refusal_text(table: WhyNot, error: DomainError) -> str:
    """Return the clause for the first kind of error in the table that matches."""
    return next(str(clause) for kind, clause in table if isinstance(error, kind))


@dataclass(frozen=True)
class Press:
    """A bulk action.

    - `words`: the label of its button;
    - `verb`: the function that runs for each row, in a transaction of its own. If `together`, it runs once for all
      boxes, and returns the outcome and the address of what the rows became;
    - `key`: the act of the keyboard shortcut;
    - `choose`, `label`: the select beside the button, "reason" or "topic", and its label;
    - `done`: the message about how many rows were changed, instead of the list's;
    - `empty`: the message if no row is selected, instead of the list's;
    - `act`: a permission needed in addition to the list's. The button is hidden from people without it.
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
    """Lock a row and return it.

    Raises `RowNotFound` if it is None, and `VersionConflict` if it has changed since the page was shown.
    """
    if row is None:
        raise RowNotFound
    check_version(lock_row(desk.session, row), version)
    return row


@dataclass(frozen=True)
class Bulk:
    """A list with checkboxes.

    - `box`: the name of the checkboxes;
    - `load`: the function that loads a row by its public id;
    - `presses`: the bulk actions;
    - `back`: the function that returns the address to return to, and the list there. If that list is now empty, and
      the action gave the address of what the rows became, the redirect leads to what they became instead;
    - `done`, `empty`: the messages about how many rows were changed, and if no row is selected;
    - `link`: the label of the link to what the rows became;
    - `why`: the function that returns the reason for a refusal as a clause;
    - `stays`: the function that returns the sentences about the refused rows;
    - `take`: the function that prepares a row for a verb. It refuses one that has changed since it was selected.
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
    most: int = 60  # rows per request: more than any page has

    def at(self, path: str, endpoint: str, act: str) -> None:
        """Register the POST view for a list of the desk. It needs `act`; verbs check anything beyond that."""
        BULK[path] = act, self

        def press(slug: str) -> Response:
            return press_ticked(slug, self)

        press.__name__ = endpoint  # the key of its act and its rate limit
        editor.press(f"/<slug>/{path}", act)(press)


BULK: dict[str, tuple[str, Bulk]] = {}  # by the list's path, with the act that its actions need


@editor.app_template_global("tickable")
def tickable(rows: str) -> bool:
    """Return whether the actor may do anything with selected rows of a list."""
    return bool(g.may(BULK[rows][0]))


@editor.app_template_global("presses")
def presses(rows: str, *but: str) -> list[tuple[str, Press]]:
    """Return the bulk actions of a list that the actor may use, without those named in `but`."""
    act, bulk = BULK[rows]
    return [
        (name, press)
        for name, press in bulk.presses.items()
        if name not in but and g.may(act) and g.may(press.act or act)
    ]


@dataclass
class Outcome:
    """The result of a bulk action: how many rows were changed, their undo tokens, and the refused ones with errors."""

    done: int = 0
    press: list[str] = field(default_factory=list)
    refused: list[tuple[str, DomainError]] = field(default_factory=list)


def parse_selected_rows(name: str, limit: int) -> Boxes:
    """Return the public ids and versions of the selected boxes, at most `limit`. Malformed values are skipped."""
    pairs = (value.partition(".") for value in request.form.getlist(name)[:limit])
    return [(key, parse_number(version)) for key, _dot, version in pairs if key]


def collect_rows(boxes: Boxes, take: Callable[[str, int], Row]) -> tuple[Outcome, list[Row]]:
    """Load the rows for a change of all of them in one transaction. Rows that `take` refuses go to the outcome."""
    outcome, rows = Outcome(), []
    for public_id, version in sorted(boxes):  # always in the same order, so that concurrent requests don't deadlock
        try:
            rows.append(take(public_id, version))
        except DomainError as error:
            outcome.refused.append((public_id, error))
    return outcome, rows


def chosen_topic(desk: RequestContext) -> Topic:
    """Return the selected topic. Raises `BulkActionError` if none or an unknown one is selected."""
    for topic in topics_of(desk.session, desk.newsletter.id):
        if topic.slug == request.form.get("topic"):
            return topic
    raise BulkActionError(_("choose a topic first"))


def _run_for_each_row(slug: str, bulk: Bulk, press: Press, boxes: Boxes) -> Outcome:
    """Apply the verb to each row in a transaction of its own, so that a refused row doesn't affect the others."""
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
        except DomainError as error:
            outcome.refused.append((public_id, error))
    return outcome


def press_ticked(slug: str, bulk: Bulk) -> Response:
    """Apply the submitted action to the selected rows. Announce what was done and what wasn't, with an undo button."""
    press = bulk.presses.get(request.form.get("act", "")) or abort(400)
    if press.choose == "reason" and request.form.get("reason") not in ENDINGS:
        abort(400)
    with read_context(slug) as desk:  # check access first, even if nothing is selected
        return_url, listing = bulk.back(desk)
    boxes = parse_selected_rows(bulk.box, bulk.most)
    href = ""  # the address of what the rows became
    if press.together:
        outcome, href = run_in_transaction(slug, lambda desk: press.verb(desk, boxes))
    else:
        outcome = _run_for_each_row(slug, bulk, press, boxes)
    messages = []
    if outcome.done:
        format_done = press.done or bulk.done
        messages.append(format_done(outcome.done))
    redirect_url = return_url
    with read_context(slug) as desk:
        messages += bulk.stays(Counter(_refusal_reason(desk, bulk, key, error) for key, error in outcome.refused))
        if href and listing is not None and not listing.page(desk.session, None, 1):
            redirect_url = href  # nothing is left in the list
    announce(
        " ".join(messages) or str(press.empty or bulk.empty),
        href=href,
        label=str(bulk.link),
        undo=".".join(filter(None, outcome.press)),
        return_url=return_url,
    )
    return redirect(redirect_url, code=303)


def _refusal_reason(desk: RequestContext, bulk: Bulk, public_id: str, error: DomainError) -> str:
    row = bulk.load(desk, public_id)
    if row is None or isinstance(error, RowNotFound):
        return _("it isn’t there")
    return bulk.why(desk, row, error)
