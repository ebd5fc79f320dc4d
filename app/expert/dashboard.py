"""An expert's dashboard: their open tasks, due soonest first, and their published answers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from flask import g, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ..answers.expert_tasks import ExpertTask, list_tasks
from ..editions.archive import runs_of, story_path
from ..web.formatting import ago, day, is_past, moment
from ..web.setup import db
from .access import expert, get_actor, render_own_page


class ListedStage(NamedTuple):
    """A stage whose tasks are listed: the list, the mark, and a sentence that says who waits for whom."""

    group: str
    mark: str  # as in the macro `mark`
    sentence: Any


# Tasks in other stages ended without an answer that anybody can read, so they aren't listed.
LISTED_STAGES = {
    "answer": ListedStage("answer", "new", _l("%(editor)s is waiting for your text")),
    "check": ListedStage("check", "new", _l("%(editor)s asks whether the edited text is right")),
    "sent": ListedStage("desk", "wait", _l("%(editor)s has your text")),
    "edited": ListedStage("desk", "wait", _l("%(editor)s is editing your text")),
    "passed": ListedStage("desk", "wait", _l("It stays as you saw it. %(editor)s will approve it")),
    "objected": ListedStage("desk", "wait", _l("%(editor)s has your objection")),
    "approved": ListedStage("desk", "good", _l("It is ready to run in %(newsletter)s")),
    "published": ListedStage("published", "good", _l("It ran in %(newsletter)s")),
}


@dataclass(frozen=True)
class TaskRow:
    """A row of a list.

    - `kind`: of the mark, as in the macro `mark`;
    - `text`: a sentence that says who waits for whom;
    - `about`: the title of the question, in `language`;
    - `time`: when the expert's part is due or the answer runs; `label` is its short form, `exact` the full form;
    - `public`: the path of the published page.
    """

    kind: str
    text: str
    href: str
    about: str
    language: str
    time: datetime | None
    label: str
    exact: str
    public: str | None


@expert.get("/expert/")
def dashboard() -> Response:
    with db.read() as session:
        actor = get_actor(session)
        tasks = list_tasks(session, actor.expert_id)
        runs = runs_of(session, [task.assignment for task in tasks])
        lines: dict[str, list[TaskRow]] = {stage.group: [] for stage in LISTED_STAGES.values()}
        for task in tasks:
            if task.stage in LISTED_STAGES:
                lines[LISTED_STAGES[task.stage].group].append(_build_line(task, runs.get(task.assignment.id)))
        lines["published"].reverse()  # newest first
        return render_own_page("dashboard", actor.name, lines=lines)


def _build_line(task: ExpertTask, runs_at: datetime | None) -> TaskRow:
    """Return the row of a task, with times in the time zone of its newsletter."""
    g.zone = task.newsletter.zone  # for `ago`, `day` and `moment`
    due_times = {"answer": task.assignment.due_at, "check": task.check.due_at if task.check else None}
    time = due_times.get(task.stage, runs_at)
    stage = LISTED_STAGES[task.stage]
    names = {"editor": task.newsletter.editor, "newsletter": task.newsletter.name}
    is_late = bool(task.stage in due_times and time and is_past(time))
    if task.stage == "answer" and is_late and time:
        text = _("%(editor)s is waiting for your text, which is %(time)s late", editor=names["editor"], time=ago(time))
    else:
        text = str(stage.sentence) % names
    return TaskRow(
        kind="late" if is_late else stage.mark,
        text=text,
        href=url_for("expert.assignment", public_id=task.assignment.public_id),
        about=task.title,
        language=task.text.language,
        time=time,
        label=day(time, "short") if time else "",
        exact=moment(time) if time else "",
        public=story_path(task.newsletter, task.assignment.question) if task.stage == "published" else None,
    )
