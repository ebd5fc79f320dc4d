"""An expert's dashboard: their open tasks, due soonest first, and their published answers."""

from dataclasses import dataclass
from datetime import datetime

from flask import g, render_template, url_for
from flask_babel import gettext as _

from ..answers.expert_tasks import Task, list_tasks
from ..editions.archive import runs_of, story_path
from ..web.formatting import ago, day, is_past, moment
from ..web.setup import db
from .access import expert, get_actor

# The lists of the page, each with the stages of its tasks. Tasks that ended without an answer are left out.
GROUPS = {
    "answer": ("answer",),
    "check": ("check",),
    "desk": ("sent", "edited", "passed", "approved"),
    "published": ("published",),
}


@dataclass(frozen=True)
class Line:
    """A row of a list.

    - `kind`: of the mark, as in the macro `mark`;
    - `text`: a sentence that says who waits for whom;
    - `about`: the title of the question, in `language`;
    - `time`: when the expert's part is due or the answer runs, with its short form `label` and its full form `exact`;
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
def dashboard() -> str:
    with db.read() as session:
        actor = get_actor(session)
        tasks = list_tasks(session, actor.expert_id)
        runs = runs_of(session, [task.assignment for task in tasks])
        lines = {
            group: [_build_line(task, runs.get(task.assignment.id)) for task in tasks if task.stage in stages]
            for group, stages in GROUPS.items()
        }
        lines["published"].reverse()  # newest first
        return render_template(
            "expert/dashboard.html", expert_name=actor.name, signed_in=True, newsletter=None, lines=lines
        )


def _build_line(task: Task, runs_at: datetime | None) -> Line:
    """Return the row of a task, with times in the time zone of its newsletter."""
    g.zone = task.newsletter.zone  # for `ago`, `day` and `moment`
    due_times = {"answer": task.assignment.due_at, "check": task.check.due_at if task.check else None}
    time = due_times.get(task.stage, runs_at)
    return Line(
        kind=_get_mark(task.stage, time),
        text=_describe_stage(task, time),
        href=url_for("expert.assignment", public_id=task.assignment.public_id),
        about=task.title,
        language=task.text.language,
        time=time,
        label=day(time, "short") if time else "",
        exact=moment(time) if time else "",
        public=story_path(task.newsletter, task.assignment.question) if task.stage == "published" else None,
    )


def _get_mark(stage: str, time: datetime | None) -> str:
    if stage in ("answer", "check"):
        return "late" if time and is_past(time) else "new"
    return "good" if stage in ("published", "approved") else "wait"


def _describe_stage(task: Task, time: datetime | None) -> str:
    editor = task.newsletter.editor
    if task.stage == "answer" and time and is_past(time):
        return _("%(editor)s waits for your text, late by %(time)s", editor=editor, time=ago(time))
    sentences = {
        "answer": _("%(editor)s waits for your text", editor=editor),
        "check": _("%(editor)s asks whether the edited text is right", editor=editor),
        "sent": _("%(editor)s has your text", editor=editor),
        "edited": _("%(editor)s is editing your text", editor=editor),
        "passed": _("It stays as you saw it; %(editor)s approves it now", editor=editor),
        "approved": _("It is ready to run in %(newsletter)s", newsletter=task.newsletter.name),
        "published": _("It ran in %(newsletter)s", newsletter=task.newsletter.name),
    }
    return sentences[task.stage]
