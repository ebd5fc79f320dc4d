"""The full list of tasks that wait for the same people, newest first, and a button that cancels old assignments."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

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
from ...workflows.overview.waiting import COMPLETE_LISTS, Task, list_group
from ...workflows.overview.waiting_walks import BACKLOG
from ..bulk import WHY_NOT, Bulk, Press, get_refusal_text
from ..frame import RequestContext, editor, page, read_context
from .overview_page import line_of

AT_ONCE = 100  # assignments cancelled per request; the page then shows the next ones
HEADINGS = {
    "experts": _l("Who has something from us"),
    "checking": _l("Who checks an edited text"),
    "ask": _l("Questions that nobody is asked"),
    "edit": _l("Texts to edit"),
    "settle": _l("Edited texts"),
    "invite": _l("Invitations to send"),
}
# The largest age of a group, with its labels for tasks with a due date and without.
AGES: tuple[tuple[timedelta, Any, Any], ...] = (
    (timedelta(0), _l("In time"), _l("From now on")),
    (timedelta(weeks=1), _l("Late by up to a week"), _l("For up to a week")),
    (BACKLOG, _l("Late by up to four weeks"), _l("For up to four weeks")),
    (timedelta(weeks=12), _l("Late by up to twelve weeks"), _l("For up to twelve weeks")),
    (timedelta.max, _l("Late by more than twelve weeks"), _l("For more than twelve weeks")),
)


@editor.get("/<slug>/waiting/<group>")
def waiting(slug: str, group: str) -> str:
    """Show the full list of a column of the home page."""
    if group not in COMPLETE_LISTS:
        abort(404)
    with read_context(slug) as desk:
        tasks = list_group(desk.session, desk.newsletter, group)
        return page(
            desk,
            "editor/overview/waiting.html",
            "edition",
            heading=HEADINGS[group],
            ages=_by_age(desk, tasks),
            batch_size=AT_ONCE,
            sentence=_("It has been a while, and I don’t count on an answer any more."),
        )


def _by_age(desk: RequestContext, tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """Return the tasks in groups by age, newest first. Those older than `BACKLOG` are preselected."""
    here = now(desk.session)

    def step(task: Task) -> int:
        age = here - (task.due_at or task.since)
        return next(number for number, (most, *_words) in enumerate(AGES) if age <= most)

    return [
        {
            "key": number,
            "label": AGES[number][1 if some[0].due_at else 2],
            "number": count(len(some)),
            "ticks": AGES[number][0] > BACKLOG,
            "rows": [(line_of(desk, task), task.assignment) for task in some],
        }
        for number, some in ((number, list(found)) for number, found in groupby(tasks, step))
    ]


def _load(desk: RequestContext, public_id: str) -> Assignment | None:
    mine = select(Assignment).filter_by(public_id=public_id, newsletter_id=desk.newsletter.id)
    return desk.session.scalar(mine)


def _stand_down(desk: RequestContext, assignment: Assignment) -> None:
    assigning.cancel(desk.session, desk.actor, assignment, request.form.get("sentence", ""))


def _format_refusal(_desk: RequestContext, _row: Any, error: DomainError) -> str:
    return (
        _("words of its readers stand in the sentence")
        if isinstance(error, LeakDetected)
        else get_refusal_text(WHY_NOT, error)
    )


Bulk(
    box="assignment",
    load=_load,
    presses={"stand_down": Press(_l("Stand down the ticked"), _stand_down)},
    back=lambda desk: (url_for("editor.waiting", slug=desk.newsletter.slug, group="experts"), None),
    done=lambda number: ngettext(
        "One expert isn’t asked any more; if they had heard of it, they are told.",
        "%(num)s aren’t asked any more; whoever had heard of it is told.",
        number,
    ),
    empty=_l("Nothing was done. Tick some first."),
    why=_format_refusal,
    most=AT_ONCE,
).at("waiting", "waiting_bulk", "invite")
