"""The desk's home page, "This edition": faults first, then who waits for whom, and the slots of the next edition."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import abort, current_app, redirect, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_login import current_user
from werkzeug.wrappers import Response

from ...answers import queries
from ...core.clock import utc_now
from ...db.session import now
from ...editions.slots import open_slots
from ...mail import queries as mail_queries
from ...mail import sign_ins, stalled
from ...newsletters.queries import desks_of
from ...programs.registering import list_failing
from ...watching import held_erasures
from ...web.formatting import age, ago, count, day, exact, format_time_left, is_past
from ...web.setup import db
from ...workflows.letters import receipt_notes
from ...workflows.overview.waiting import Board, Task, board, group_of
from ..frame import RequestContext, editor, page, read_context
from ..mail_labels import format_mail_line, load_mail_names
from .first_steps import first_steps

FAILURES = 5  # failed mails that the page lists one by one
STALLED = timedelta(minutes=10)  # if a mail has been due for longer, the worker isn't running
FAULT_TASKS = ("missed", "objection")  # tasks as urgent as a fault, and shown among them


@dataclass(frozen=True)
class Fault:
    """An alarm: `said` is its heading, followed by `more` and `mails`. Its button leads to `href`; `about` completes
    the button's label for screen readers.
    """

    key: str
    said: str
    href: str = ""
    about: str = ""
    more: str = ""
    mails: tuple[dict[str, Any], ...] = ()


def faults(desk: RequestContext, board: Board, address: Callable[[RequestContext, Task], str]) -> list[Fault]:
    """Return all alarms, the gravest first, including the desk's tasks of `FAULT_TASKS`. `address` links to a task."""
    pressing = [(task, address(desk, task)) for task in board.desk if task.kind in FAULT_TASKS]
    failed, back = _undelivered(desk, board)
    return [
        *_worker(desk),
        *_erasures(desk),
        *_mail_account_faults(desk),
        *(_missed_edition(task, href) for task, href in pressing if task.kind == "missed"),
        *_mail_faults(
            desk,
            "failed",
            failed,
            # Without a number, since only the newest are loaded.
            lambda n: _("One mail can’t be delivered.") if n == 1 else _("Mails can’t be delivered."),
        ),
        *_mail_faults(desk, "came-back", back, lambda n: ngettext("One mail came back.", "Mails came back.", n)),
        *_unreadable(desk, board.numbers["unreadable"]),
        *(_program_faults(desk) if board.numbers["programs in trouble"] else ()),
        *(_objection(task, href) for task, href in pressing if task.kind == "objection"),
    ]


def _worker(desk: RequestContext) -> Iterable[Fault]:
    since = stalled.get_stalled_since(desk.session)
    if since is not None and now(desk.session) - since > STALLED:
        said = _("Mail has not moved for %(time)s.", time=ago(since))
        yield Fault(
            "stalled", said, more=_("Nothing is lost: it all waits. Whoever runs the machine starts the worker again.")
        )


def _erasures(desk: RequestContext) -> Iterable[Fault]:
    since = held_erasures.get_stalled_since(desk.session)
    if since is not None:
        said = _("What was erased in the last %(time)s still stands in the database’s own files.", time=ago(since))
        more = _("Something reads the database all the while. Whoever runs the machine learns more by `flask doctor`.")
        yield Fault("erasures", said, more=more)


def _mail_account_faults(desk: RequestContext) -> Iterable[Fault]:
    """Yield an alarm per mail account that somebody has to sign in again, but not for temporary faults."""
    for number, (account, code) in enumerate(sign_ins.faults(desk.session, current_app.config["MAIL_ACCOUNTS"]), 1):
        if code == "out":
            said = _("The mail account %(account)s is signed out.", account=account.user)
        elif code == "settings":
            said = _("The provider of the mail account %(account)s refuses this program.", account=account.user)
        else:
            continue
        more = _(
            "Nothing is lost: what goes out waits in the outbox, what comes in waits in its mailbox. "
            "Whoever runs the machine signs it in again by `%(command)s`.",
            command=sign_ins.COMMAND,
        )
        yield Fault(f"signed-out-{number}", said, more=more)


def _missed_edition(task: Task, href: str) -> Fault:
    when = day(task.since, "short")
    return Fault(f"missed-{task.since:%Y%m%d}", _("The edition of %(day)s wasn’t locked.", day=when), href, about=when)


def _objection(task: Task, href: str) -> Fault:
    about = task.question.title if task.question else ""
    said = _("%(name)s objects to the edited text.", name=task.expert)
    return Fault(f"objection-{href.rpartition('/')[2]}", said, href, about, about)


def _mail_faults(
    desk: RequestContext, key: str, mails: list[dict[str, Any]], says: Callable[[int], str]
) -> Iterable[Fault]:
    if mails:
        state: dict[str, Any] = {"state": "failed"} if key == "failed" else {}
        href = url_for("editor.mail", slug=desk.newsletter.slug, public_id=mails[0]["id"], **state)
        yield Fault(key, says(len(mails)), href, mails[0]["kind"], mails=tuple(mails))


def _undelivered(desk: RequestContext, board: Board) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the lines of mails that a server refused, and of those that bounced after a server had accepted them."""
    key = desk.newsletter.id
    newest = mail_queries.listing(key, "failed")
    mails = newest.page(desk.session, None, FAILURES) if board.numbers["failed mails"] else ()
    failed = [mail for mail in mails if not mail.bounced_at]
    bounces = queries.list_actionable_bounces(desk.session, key) if board.numbers["bounces"] else ()
    back = [mail for _bounce, mail in bounces]
    names = load_mail_names(desk, [*failed, *back]) if failed or back else ({}, {}, {})
    return [format_mail_line(desk, mail, names) for mail in failed], [
        format_mail_line(desk, mail, names) for mail in back
    ]


def _program_faults(desk: RequestContext) -> Iterable[Fault]:
    """Yield an alarm per webhook program that has failed for a day, or was paused because it failed."""
    for program in list_failing(desk.session, desk.newsletter.id):
        if program.paused_at is not None:
            said = _("“%(name)s” isn’t told any more what happens here.", name=program.name)
            more = _("It took nothing for five days, or answered that it wants nothing any more.")
        else:
            since = program.failing_since or now(desk.session)
            said = _("“%(name)s” has taken nothing for %(time)s.", name=program.name, time=ago(since))
            more = _("It is tried again and again, and paused after five days.")
        where: dict[str, Any] = {"slug": desk.newsletter.slug, "public_id": program.public_id}
        href = url_for("editor.program", **where) if desk.may("programs") else ""
        yield Fault(f"program-{program.public_id}", said, href, program.name, more)


def _unreadable(desk: RequestContext, number: int) -> Iterable[Fault]:
    if number:
        said = ngettext(
            "One mail that came in could not be read.", "%(num)s mails that came in could not be read.", number
        )
        href = url_for("editor.pen", slug=desk.newsletter.slug, place="failed")
        more = _("Nothing is lost: each is kept as it came.")
        yield Fault("unreadable", said, href, _("what could not be read"), more)


@editor.get("/")
def start() -> Response:
    """Redirect to the person's first newsletter."""
    with db.read() as session:
        newsletters = desks_of(session, current_user.person_id)
    if not newsletters:
        abort(404)
    return redirect(url_for("editor.home", slug=newsletters[0].slug), code=303)


@editor.get("/<slug>/")
def home(slug: str) -> str:
    with read_context(slug) as desk:
        tasks = board(desk.session, desk.newsletter)
        mails = _mails(desk, tasks.numbers)
        mine, editors = _split_by_permission(desk, [task for task in tasks.desk if task.kind not in FAULT_TASKS])
        columns = (
            (_("For you"), mine, mails, ()),
            *([(_("For an editor"), editors, [], ())] if editors else []),
            (_("For experts"), tasks.experts, [], ("experts",)),
            (_("For their check"), tasks.checks, [], ()),
            (_("For an answer"), tasks.answers, [], ()),
        )
        return page(
            desk,
            "editor/overview/home.html",
            "edition",
            today=day(utc_now()),
            summary=_format_summary(desk, tasks, len(mails)),
            faults=faults(desk, tasks, _address),
            waiting_groups=[
                (
                    heading,
                    _column(desk, found, mails),
                    count(tasks.count(found, *groups) + len(mails)),
                    _list_links(desk, tasks, found, *groups),
                )
                for heading, found, mails, groups in columns
            ],
            slots=_slots(tasks),
            steps=first_steps(desk),
        )


def _split_by_permission(desk: RequestContext, tasks: list[Task]) -> tuple[list[Task], list[Task]]:
    """Return the tasks that the actor may do themselves, and the others, which wait for an editor."""
    mine = [task for task in tasks if desk.may(NEEDED[task.kind])]
    return mine, [task for task in tasks if task not in mine]


def _format_summary(desk: RequestContext, tasks: Board, mails: int) -> str:
    """Return a short paragraph about the edition and what waits."""
    texts = [task for task in tasks.desk if task.kind in TEXTS]
    mine, editors = map(tasks.count, _split_by_permission(desk, texts))
    late = tasks.numbers["late"]
    many = [count(number) for number in (mine, editors, late)]
    waits = any((mails, tasks.desk, tasks.numbers["experts"], tasks.checks, tasks.answers))
    sentences = (
        _edition_stands(tasks, desk.newsletter.is_running),
        ngettext("One text waits for you.", "%(many)s texts wait for you.", mine, many=many[0]) if mine else "",
        ngettext("One text waits for an editor.", "%(many)s texts wait for an editor.", editors, many=many[1])
        if editors
        else "",
        ngettext("One expert is late.", "%(many)s replies and texts from experts are late.", late, many=many[2])
        if late
        else "",
        "" if waits else _("Nobody waits for anybody."),
    )
    return " ".join(filter(None, sentences))


def _edition_stands(tasks: Board, is_running: bool) -> str:
    if not tasks.coming:
        if is_running:
            return _("No edition is planned: the rhythm stands in the settings.")
        return _("No edition is planned.")
    edition = tasks.coming[0]
    if edition.is_locked:
        return _("The edition of %(day)s is locked.", day=day(edition.runs_at))
    free = len(open_slots(tasks.sections))
    slots = (
        ngettext("One slot is still open", "%(num)s slots are still open", free) if free else _("Every slot is filled")
    )
    if is_past(edition.cutoff_at):
        until = format_time_left(edition.runs_at)
        return _("%(slots)s; the edition is past its cut-off and runs in %(time)s.", slots=slots, time=until)
    return _("%(slots)s and the cut-off is in %(time)s.", slots=slots, time=format_time_left(edition.cutoff_at))


def _mails(desk: RequestContext, numbers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return lines for the mail that waits for the desk: letters and replies singly, the holding pen as one."""
    session, key, slug = desk.session, desk.newsletter.id, desk.newsletter.slug
    of_experts = queries.list_waiting_expert_letters(session, key) if numbers["experts wrote"] else ()
    of_readers = (
        receipt_notes.list_answered_letters(session, key, 2, today=True) if numbers["readers wrote back"] else ()
    )
    lines = [
        _format_line(
            "new",
            _("%(name)s has written by mail", name=assignment.expert.name),
            url_for("editor.letter", slug=slug, public_id=letter.public_id),
            letter.received_at,
            subject=assignment.question.short_title,
        )
        for letter, assignment in of_experts
    ]
    lines += [
        _format_line(
            "new",
            _("A reader has written back to your note"),
            url_for("editor.letter", slug=slug, public_id=letter.public_id),
            written_at,
            day(written_at.date()),
        )
        for letter, written_at in of_readers
    ]
    if numbers["pen"]:
        words = ngettext("One mail waits in the holding pen", "%(num)s mails wait in the holding pen", numbers["pen"])
        lines.append(_format_line("wait", words, url_for("editor.pen", slug=slug), numbers["pen since"]))
    return lines


def _format_line(mark: str, text: str, href: str, time: datetime, label: str = "", subject: str = "") -> dict[str, Any]:
    """Return a line of a column. `label` replaces the age, e.g. if only the day is known."""
    return {
        "mark": mark,
        "label": LABELS.get(mark, ""),
        "text": text,
        "href": href,
        "age": label or age(time),
        "time": time,
        "exact": exact(time),
        "about": subject,
    }


def _column(desk: RequestContext, tasks: list[Task], mails: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines of a column: late ones first, then mail, then the rest in its order."""
    lines = [line_of(desk, task) for task in tasks]
    late = [line for line in lines if line["mark"] == "late"]
    return [*late, *mails, *(line for line in lines if line["mark"] != "late")]


def _list_links(desk: RequestContext, board: Board, tasks: list[Task], *groups: str) -> list[tuple[str, str]]:
    """Return links to the full lists of tasks of which a column shows only some, and always to those of `groups`."""
    shown = Counter(map(group_of, tasks))
    return [
        (
            str(LISTS[group]) % {"number": count(board.numbers[group])},
            url_for("editor.waiting", slug=desk.newsletter.slug, group=group),
        )
        for group in dict.fromkeys((*groups, *shown))
        if group in LISTS and board.numbers[group] > (0 if group in groups else shown[group])
    ]


def _slots(tasks: Board) -> dict[str, Any] | None:
    """Return what is in the slots of the next edition and how many questions are ready, or None without an edition."""
    if not tasks.coming:
        return None
    return {"edition": tasks.coming[0], "sections": tasks.sections, "ready": tasks.numbers["ready"]}


def _format_due_day(task: Task) -> str:
    return day(task.due_at or task.since, "short")


# Labels of the links to the full lists.
LISTS = {
    "experts": _l("All %(number)s who have something, by age"),
    "checking": _l("All %(number)s checks, by age"),
    "ask": _l("All %(number)s questions that nobody is asked, by age"),
    "edit": _l("All %(number)s texts to edit, by age"),
    "settle": _l("All %(number)s edited texts, by age"),
    "invite": _l("All %(number)s invitations to send, by age"),
}
TEXTS = ("edit", "check", "approve", "objection")
# The act that each kind of task needs.
NEEDED = (
    dict.fromkeys(("missed", "send"), "edition")
    | dict.fromkeys(("date", "slot"), "pick")
    | dict.fromkeys(("letters", "held"), "take letters")
    | {"objection": "edit", "edit": "edit", "check": "give back", "approve": "approve", "invite": "invite"}
)
LABELS = {"late": _l("pressing"), "new": _l("new"), "wait": _l("waiting")}
# By kind of task: the mark before it, and its label.
DESK: dict[str, tuple[str, Callable[[Task], str]]] = {
    "send": ("new", lambda task: _("Mark the edition of %(day)s as sent", day=_format_due_day(task))),
    "date": ("wait", lambda task: _("It must run by %(day)s", day=_format_due_day(task))),
    "approve": ("new", lambda task: _("Approve %(name)s’s text", name=task.expert)),
    "edit": ("new", lambda task: _("Edit %(name)s’s text", name=task.expert)),
    "check": ("wait", lambda task: _("Send %(name)s the quote check", name=task.expert)),
    "invite": ("none", lambda task: _("Send %(name)s the invitation", name=task.expert)),
    "letters": ("new", lambda task: ngettext("Read one new letter", "Read %(num)s new letters", task.number)),
    "held": ("wait", lambda task: ngettext("Look at one held letter", "Look at %(num)s held letters", task.number)),
    "slot": ("none", lambda task: _("Fill slot %(number)s", number=task.number)),
    "ask": ("none", lambda task: ngettext("One reader asks", "%(num)s readers ask", task.number)),
}
# Tasks of experts: the label while there is time, and the label once it is over.
OUTSIDE = {
    "invited": (_l("%(name)s has until %(day)s to say yes"), _l("%(name)s hasn’t replied")),
    "accepted": (_l("%(name)s has it, due %(day)s"), _l("%(name)s’s text is late")),
    "returned": (_l("%(name)s has it again, due %(day)s"), _l("%(name)s’s text is late")),
    "checking": (_l("%(name)s checks until %(day)s"), _l("%(name)s’s time to check is over")),
}


def line_of(desk: RequestContext, task: Task) -> dict[str, Any]:
    """Return a task as a line of its column."""
    late = task.due_at is not None and is_past(task.due_at)
    if task.kind in OUTSIDE:
        mark = "late" if late else "wait"
        text = str(OUTSIDE[task.kind][late]) % {"name": task.expert, "day": _format_due_day(task)}
    else:
        mark, says = DESK[task.kind]
        mark, text = "late" if late and task.kind == "date" else mark, says(task)
    label = ""
    if task.due_at:
        label = (
            _("%(time)s over", time=age(task.due_at))
            if late
            else _("%(time)s left", time=format_time_left(task.due_at, "short"))
        )
    about = task.question.title if task.question else ""
    return _format_line(mark, text, _address(desk, task), task.due_at or task.since, label, about)


def _address(desk: RequestContext, task: Task) -> str:
    slug = desk.newsletter.slug
    if task.question is not None:
        return url_for("editor.question", slug=slug, public_id=task.question.public_id)
    if task.edition is not None:
        return url_for("editor.edition", slug=slug, public_id=task.edition.public_id)
    return url_for("editor.letters", slug=slug, state="held" if task.kind == "held" else "new")
