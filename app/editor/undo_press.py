"""The undo button, which reverts the last change within a minute."""

from collections import Counter
from dataclasses import replace

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response

from ..answers.unsent_mails import MailAlreadySent
from ..audit import Event
from ..core.domain_errors import DomainError, VersionConflict
from ..forms import idempotency
from ..mail.outbox import OnItsWay
from ..workflows import undo as undoing
from ..workflows.version_facts import newest_change
from .conflict import describe_last_change
from .frame import RequestContext, announce, editor, run_in_transaction

MAX_TOKEN_LENGTH = 3_000  # characters of an undo token; the token for a whole page of rows has half as many
MAX_ID_DIGITS = 15  # a longer number is no event id
REFUSAL_CLAUSES: tuple[tuple[type[DomainError], str], ...] = (
    (undoing.TooLate, _l("the minute is over")),
    (MailAlreadySent, _l("its expert has been told by mail")),
    (OnItsWay, _l("its reader has been told by mail")),
    (DomainError, _l("it has gone on from there")),
)


def get_undo_token(events: list[Event]) -> str:
    """Return the token of the undo button for these events, or "" if they can't be undone."""
    return ".".join(map(str, undoing.list_undoable_events(events)))


@editor.action("/<slug>/undo", permission="undo")
def undo(slug: str) -> Response:
    event_keys = request.form.get("press", "")[:MAX_TOKEN_LENGTH].split(".")
    event_ids = [int(key) for key in event_keys if key.isdecimal() and len(key) <= MAX_ID_DIGITS]

    def fn(desk: RequestContext) -> tuple[int, Counter[str]]:
        # What undoes a move may be a move that needs a pause. Undo needs none, see `Machine.opposites`.
        actor = replace(desk.actor, form_shown_at=None)
        undone_events, skipped_events = undoing.undo(desk.session, actor, event_ids)
        idempotency.forget_undone(desk.session, desk.actor)
        return len(undone_events), Counter(_format_reason(desk, skipped) for skipped in skipped_events)

    undone_count, reason_counts = run_in_transaction(slug, fn)
    messages = list_unchanged_reasons(reason_counts)
    if undone_count:
        messages = [_("Undone."), *messages]
    announce(" ".join(messages) or _("There is nothing to undo."))
    return redirect(get_safe_return_url(slug, request.form.get("back", "")), code=303)


def _format_reason(desk: RequestContext, skipped: undoing.SkippedEvent) -> str:
    if isinstance(skipped.error, VersionConflict):
        row = desk.session.get(undoing.NOUNS[skipped.event.noun][0], skipped.event.noun_id)
        newest = newest_change(row)
        # The reason is the newest change of the row. If that is the one to undo, something that followed has changed.
        has_changed = newest is not None and newest.id != skipped.event.id
        newest_change_clause = describe_last_change(desk, row) if has_changed else ""
        return newest_change_clause or str(REFUSAL_CLAUSES[-1][1])
    return next(str(clause) for error_class, clause in REFUSAL_CLAUSES if isinstance(skipped.error, error_class))


def list_unchanged_reasons(reason_counts: Counter[str]) -> list[str]:
    """Return a sentence for each reason, with the number of rows that stayed as they were."""
    return [
        ngettext("One stays as it is: %(why)s.", "%(num)s stay as they are: %(why)s.", number, why=reason)
        for reason, number in reason_counts.items()
    ]


def get_safe_return_url(slug: str, url: str) -> str:
    """Return `url` if it is a page of this desk, else the list of letters. Prevents open redirects."""
    is_ours = url.startswith(url_for("editor.home", slug=slug)) and "\\" not in url and "//" not in url
    return url if is_ours else url_for("editor.letters", slug=slug)
