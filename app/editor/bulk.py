"""Bulk actions on the selected rows of a list. Rows that can't be changed are reported with the reason."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import abort, g, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ..audit import collect_events
from ..core.domain_errors import (
    DomainError,
    InvalidTransition,
    MissingPrecondition,
    PermissionDenied,
    PressedTooSoon,
    VersionConflict,
)
from ..core.listing import Rows
from ..core.state_machine import check_version
from ..db.session import lock_row
from ..letters.filing import ENDINGS
from ..mail.outbox import OnItsWay
from ..newsletters.models import Topic
from ..newsletters.queries import topics_of
from ..questions.actions import CannotMerge, InEdition
from .conflict import describe_last_change
from .form_fields import parse_number
from .frame import RequestContext, announce, editor, read_context, run_in_transaction
from .question_labels import MERGE_FAULTS
from .undo_press import get_undo_token, list_unchanged_reasons

Row = TypeVar("Row")
SelectedRows = Sequence[tuple[str, int]]  # the public id of each selected row, and the version that the page showed
RefusalTexts = tuple[tuple[type[DomainError], Any], ...]  # the clause for each error; the first that matches is used
NOT_POSSIBLE = _l("that isn’t possible in its current state")
REFUSAL_TEXTS: RefusalTexts = (
    (VersionConflict, _l("somebody has changed it since")),
    (InEdition, _l("it is picked for an edition, or ran in one")),
    (PermissionDenied, _l("an editor has to do it")),
    (OnItsWay, _l("its mail is just going out")),
    (MissingPrecondition, _l("something is missing first")),
    (PressedTooSoon, _l("you did the opposite a moment ago; if you mean it, press again")),
)


class RowNotFound(DomainError):
    """This desk has no such row."""

    code = PermissionDenied.code


class BulkActionError(DomainError):
    """The action can't be applied to a row. The message is a clause that tells the editor why."""

    code = InvalidTransition.code

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def format_refusal(desk: RequestContext, row: Any, error: DomainError) -> str:
    """Return the reason why a letter or a question was left unchanged, as a clause."""
    if isinstance(error, BulkActionError):
        return error.message
    if isinstance(error, CannotMerge):
        return str(MERGE_FAULTS[error.code])
    if isinstance(error, VersionConflict | InvalidTransition):
        newest_change = describe_last_change(desk, row)
        if newest_change and isinstance(error, VersionConflict):
            return newest_change
        if newest_change:
            return f"{NOT_POSSIBLE} ({newest_change})"
    return get_refusal_text(error)


def get_refusal_text(error: DomainError, own_texts: RefusalTexts = ()) -> str:
    """Return the clause for an error. The `own_texts` of a list come before `REFUSAL_TEXTS`."""
    texts = (*own_texts, *REFUSAL_TEXTS)
    return next((str(clause) for error_class, clause in texts if isinstance(error, error_class)), str(NOT_POSSIBLE))


@dataclass(frozen=True)
class BulkAction:
    """A button of a list that acts on the selected rows."""

    label: Any
    fn: Callable[[RequestContext, Any], Any]  # runs for each row, in a transaction of its own; see `all_at_once`
    shortcut: str = ""  # a key of `SHORTCUTS`
    choose: str = ""  # what the select beside the button chooses: "reason", "topic", or "" for no select
    choose_label: Any = ""
    # If true, `fn` runs once with all `SelectedRows`. It returns a `BulkResult`, and the address of what the rows
    # became, e.g. of the question that several letters were joined to, or "".
    all_at_once: bool = False
    format_done: Callable[[int], str] | None = None  # replaces the `format_done` of the list
    empty_message: Any = ""  # replaces the `empty_message` of the list
    act: str = ""  # a permission that this action needs besides the list's


def lock_unchanged(desk: RequestContext, row: Any, version: int) -> Any:
    """Lock a row and return it.

    Raises `RowNotFound` if it is None, and `VersionConflict` if it has changed since the page was shown.
    """
    if row is None:
        raise RowNotFound
    check_version(lock_row(desk.session, row), version)
    return row


@dataclass(frozen=True)
class BulkForm:
    """The checkboxes of a list, and the actions on the rows selected with them."""

    checkbox_name: str
    load: Callable[[RequestContext, str], Any]  # loads a row by its public id
    actions: Mapping[str, BulkAction]
    # Returns the address to return to, and the query of the list there or None. If that list is empty after the action,
    # the redirect leads to what the rows became, if anything. Without a query, it always leads to the address.
    get_return_page: Callable[[RequestContext], tuple[str, Rows[Any] | None]]
    format_done: Callable[[int], str]  # returns the message about the number of changed rows
    empty_message: Any  # announced if no row was selected
    link_label: Any = ""  # of the link to what the rows became
    get_reason: Callable[[RequestContext, Any, DomainError], str] = format_refusal  # returns the reason of a refusal
    format_reasons: Callable[[Counter[str]], list[str]] = list_unchanged_reasons  # returns a sentence for each reason
    # Returns the argument of the action's `fn`, given the row and the version that the page showed. The default refuses
    # rows that have changed since.
    prepare_row: Callable[[RequestContext, Any, int], Any] = lock_unchanged
    max_rows: int = 60  # rows that one request may change; lists with longer pages set a higher number

    def register(self, path: str, endpoint: str, act: str) -> None:
        """Register the POST view. `act` is the permission that all its actions need."""
        BULK_FORMS[path] = act, self

        def view(slug: str) -> Response:
            return run_bulk_action(slug, self)

        view.__name__ = endpoint  # the endpoint, and the key of its permission
        editor.action(f"/<slug>/{path}", permission=act)(view)


BULK_FORMS: dict[str, tuple[str, BulkForm]] = {}  # by path: the act that all actions need, and the form


@editor.app_template_global("has_bulk_actions")
def has_bulk_actions(path: str) -> bool:
    """Return whether the actor may use the bulk actions of a list at all."""
    act, _form = BULK_FORMS[path]
    return bool(g.may(act))


@editor.app_template_global("list_bulk_actions")
def list_bulk_actions(path: str, *omitted: str) -> list[tuple[str, BulkAction]]:
    """Return the bulk actions of a list that the actor may use, except the `omitted` ones."""
    act, form = BULK_FORMS[path]
    return [
        (name, action)
        for name, action in form.actions.items()
        if name not in omitted and g.may(act) and g.may(action.act or act)
    ]


@dataclass
class BulkResult:
    """The result of a bulk action."""

    done: int = 0  # the number of changed rows
    undo_tokens: list[str] = field(default_factory=list)
    refused: list[tuple[str, DomainError]] = field(default_factory=list)  # the public ids and errors of the other rows


def parse_selected_rows(checkbox_name: str, limit: int) -> SelectedRows:
    """Return the public ids and versions of the selected rows, at most `limit`. Malformed values are skipped."""
    ids_and_versions = (value.partition(".") for value in request.form.getlist(checkbox_name)[:limit])
    return [(public_id, parse_number(version)) for public_id, _dot, version in ids_and_versions if public_id]


def collect_rows(selected_rows: SelectedRows, load: Callable[[str, int], Row]) -> tuple[BulkResult, list[Row]]:
    """Load the selected rows, to change all of them in one transaction.

    Return a result that lists the rows that `load` refused, and the other rows.
    """
    outcome, rows = BulkResult(), []
    # Sorted, so that concurrent requests lock rows in the same order and can't deadlock.
    for public_id, version in sorted(selected_rows):
        try:
            rows.append(load(public_id, version))
        except DomainError as error:
            outcome.refused.append((public_id, error))
    return outcome, rows


def get_selected_topic(desk: RequestContext) -> Topic:
    """Return the selected topic. Raises `BulkActionError` if none or an unknown one is selected."""
    for topic in topics_of(desk.session, desk.newsletter.id):
        if topic.slug == request.form.get("topic"):
            return topic
    raise BulkActionError(_("choose a topic first"))


def run_bulk_action(slug: str, form: BulkForm) -> Response:
    """Apply the submitted action to the selected rows. Announce what was done and what wasn't, with an undo button."""
    action = form.actions.get(request.form.get("act", "")) or abort(400)
    if action.choose == "reason" and request.form.get("reason") not in ENDINGS:
        abort(400)
    with read_context(slug) as desk:  # check access first, even if nothing is selected
        return_url, listing = form.get_return_page(desk)
    selected_rows = parse_selected_rows(form.checkbox_name, form.max_rows)
    result_url = ""  # the address of what the rows became
    if action.all_at_once:
        outcome, result_url = run_in_transaction(slug, lambda desk: action.fn(desk, selected_rows))
    else:
        outcome = _run_for_each_row(slug, form, action, selected_rows)
    messages = []
    if outcome.done:
        format_done = action.format_done or form.format_done
        messages.append(format_done(outcome.done))
    redirect_url = return_url
    with read_context(slug) as desk:
        reasons = [_get_reason(desk, form, public_id, error) for public_id, error in outcome.refused]
        messages += form.format_reasons(Counter(reasons))
        if result_url and listing is not None and not listing.page(desk.session, None, 1):
            redirect_url = result_url
    announce(
        " ".join(messages) or str(action.empty_message or form.empty_message),
        href=result_url,
        label=str(form.link_label),
        undo=".".join(filter(None, outcome.undo_tokens)),
        return_url=return_url,
    )
    return redirect(redirect_url, code=303)


def _run_for_each_row(slug: str, form: BulkForm, action: BulkAction, selected_rows: SelectedRows) -> BulkResult:
    """Apply the action to each row in a transaction of its own, so that a refused row doesn't affect the others."""
    outcome = BulkResult()
    for public_id, version in selected_rows:

        def fn(desk: RequestContext, public_id: str = public_id, version: int = version) -> str:
            row = form.prepare_row(desk, form.load(desk, public_id), version)
            with collect_events(desk.session) as events:
                action.fn(desk, row)
                return get_undo_token(events)

        try:
            outcome.undo_tokens.append(run_in_transaction(slug, fn))
            outcome.done += 1
        except DomainError as error:
            outcome.refused.append((public_id, error))
    return outcome


def _get_reason(desk: RequestContext, form: BulkForm, public_id: str, error: DomainError) -> str:
    row = form.load(desk, public_id)
    if row is None or isinstance(error, RowNotFound):
        return _("it isn’t there")
    return form.get_reason(desk, row, error)
