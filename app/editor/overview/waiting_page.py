"""The full list of tasks that wait for the same people, newest first, and a button that cancels old assignments."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any, NamedTuple

from flask import abort, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import select

from ...answers import assigning
from ...answers.models import Assignment
from ...core.domain_errors import DomainError
from ...db.session import now
from ...questions.source_protection import LeakDetected
from ...web.formatting import count
from ...workflows.overview.waiting import COMPLETE_LISTS, WaitingTask, list_group
from ...workflows.overview.waiting_queries import BACKLOG
from ..bulk import BulkAction, BulkForm, get_refusal_text
from ..frame import RequestContext, editor, page, read_context
from .overview_page import format_task_line

BATCH_SIZE = 100  # assignments that one request may cancel; afterwards the page shows the next ones
HEADINGS = {
    "experts": _l("Who has something from us"),
    "checking": _l("Who checks an edited text"),
    "ask": _l("Questions that nobody is asked"),
    "edit": _l("Texts to edit"),
    "settle": _l("Edited texts"),
    "translation": _l("Translations to approve"),
    "invite": _l("Invitations to send"),
}


class AgeGroup(NamedTuple):
    max_age: timedelta  # the longest time since the due date, or else since the task began to wait
    late_label: Any  # for tasks with a due date
    waiting_label: Any  # for tasks without one


AGE_GROUPS = (
    AgeGroup(timedelta(0), _l("In time"), _l("From now on")),
    AgeGroup(timedelta(weeks=1), _l("Late by up to a week"), _l("For up to a week")),
    AgeGroup(BACKLOG, _l("Late by up to four weeks"), _l("For up to four weeks")),
    AgeGroup(timedelta(weeks=12), _l("Late by up to twelve weeks"), _l("For up to twelve weeks")),
    AgeGroup(timedelta.max, _l("Late by more than twelve weeks"), _l("For more than twelve weeks")),
)


@editor.get("/<slug>/waiting/<group>")
def waiting(slug: str, group: str) -> str:
    """Show all tasks of a group, of which the home page shows only some."""
    if group not in COMPLETE_LISTS:
        abort(404)
    with read_context(slug) as desk:
        tasks = list_group(desk.session, desk.newsletter, group)
        return page(
            desk,
            "editor/overview/waiting.html",
            "edition",
            heading=HEADINGS[group],
            ages=_group_by_age(desk, tasks),
            batch_size=BATCH_SIZE,
            sentence=_("It has been a while, and I don’t count on an answer any more."),
        )


def _group_by_age(desk: RequestContext, tasks: Sequence[WaitingTask]) -> list[dict[str, Any]]:
    """Return the tasks in groups by age, newest first. Those older than `BACKLOG` are preselected."""
    current_time = now(desk.session)

    def group_index(task: WaitingTask) -> int:
        age = current_time - (task.due_at or task.since)
        return next(index for index, group in enumerate(AGE_GROUPS) if age <= group.max_age)

    groups = []
    for index, tasks_of_group in groupby(tasks, group_index):
        group_tasks = list(tasks_of_group)
        group = AGE_GROUPS[index]
        groups.append(
            {
                "key": index,
                "label": group.late_label if group_tasks[0].due_at else group.waiting_label,
                "number": count(len(group_tasks)),
                "is_preselected": group.max_age > BACKLOG,
                "rows": [(format_task_line(desk, task), task.assignment) for task in group_tasks],
            }
        )
    return groups


def _load(desk: RequestContext, public_id: str) -> Assignment | None:
    query = select(Assignment).filter_by(public_id=public_id, newsletter_id=desk.newsletter.id)
    return desk.session.scalar(query)


def _stand_down(desk: RequestContext, assignment: Assignment) -> None:
    assigning.cancel(desk.session, desk.actor, assignment, request.form.get("sentence", ""))


def _format_refusal(_desk: RequestContext, _row: Any, error: DomainError) -> str:
    if isinstance(error, LeakDetected):
        return _("the sentence has words of its readers")
    return get_refusal_text(error)


BulkForm(
    checkbox_name="assignment",
    load=_load,
    actions={"stand_down": BulkAction(_l("Withdraw the selected invitations"), _stand_down)},
    get_return_page=lambda desk: (url_for("editor.waiting", slug=desk.newsletter.slug, group="experts"), None),
    format_done=lambda number: ngettext(
        "One invitation withdrawn. If the expert had been notified, they are told.",
        "%(num)s invitations withdrawn. Everyone who had been notified is told.",
        number,
    ),
    empty_message=_l("Nothing was done. Select some first."),
    get_reason=_format_refusal,
    max_rows=BATCH_SIZE,
).register("waiting", "waiting_bulk", "invite")
