"""The desk's home page, "This edition": faults first, then who waits for whom, and the slots of the next edition."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

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
from ...web.formatting import age, ago, count, day, format_language, format_time_left, is_past
from ...web.setup import db
from ...workflows.letters import receipt_notes
from ...workflows.overview.waiting import Board, WaitingTask, get_group, load_board
from ..frame import RequestContext, editor, page, read_context
from ..letter_labels import received_age, received_exact
from ..mail_labels import format_mail_line, load_mail_names
from .first_steps import list_first_steps

MAX_FAILED_MAILS = 5  # failed mails that the page lists one by one
STALLED_AFTER = timedelta(minutes=10)  # if a mail has been due for longer, the worker isn't running
FAULT_TASKS = ("missed", "objection")  # kinds of tasks that are as urgent as a fault, and shown among the faults
# By group of tasks: the label of the link to the full list.
LIST_LINK_LABELS = {
    "experts": _l("Who has something, by age: %(number)s"),
    "checking": _l("All %(number)s checks, by age"),
    "ask": _l("All %(number)s questions that nobody is asked, by age"),
    "edit": _l("All %(number)s texts to edit, by age"),
    "settle": _l("All %(number)s edited texts, by age"),
    "translation": _l("All %(number)s translations to approve, by age"),
    "invite": _l("All %(number)s invitations to send, by age"),
}
TEXT_TASKS = ("edit", "check", "approve", "objection", "translation")  # about a text of an expert or translator
# The act that each kind of task needs.
REQUIRED_ACTS = (
    dict.fromkeys(("missed", "send"), "edition")
    | dict.fromkeys(("date", "slot"), "pick")
    | dict.fromkeys(("letters", "held"), "take letters")
    | {"erasures": "close"}
    | {"objection": "edit", "edit": "edit", "check": "give back", "approve": "approve"}
    | {"translation": "approve", "invite": "invite"}
)
MARK_LABELS = {"late": _l("pressing"), "new": _l("new"), "wait": _l("waiting")}


def _format_erasures(task: WaitingTask) -> str:
    erased_on = day((task.due_at or task.since).date(), "short")
    return ngettext(
        "One question has letters whose words will be erased on %(day)s",
        "%(many)s questions have letters whose words will be erased, the first on %(day)s",
        task.number,
        many=count(task.number),
        day=erased_on,
    )


# By kind of task: the mark before it, and its label.
DESK_TASKS: dict[str, tuple[str, Callable[[WaitingTask], str]]] = {
    "send": ("new", lambda task: _("Mark the edition of %(day)s as sent", day=_format_due_day(task))),
    "date": ("wait", lambda task: _("It must run by %(day)s", day=_format_due_day(task))),
    "approve": ("new", lambda task: _("Approve %(name)s’s text", name=task.expert)),
    "edit": ("new", lambda task: _("Edit %(name)s’s text", name=task.expert)),
    "check": ("wait", lambda task: _("Send %(name)s the quote check", name=task.expert)),
    "translation": (
        "new",
        lambda task: _(
            "Approve %(name)s’s translation into %(language)s",
            name=task.expert,
            language=format_language(task.language),
        ),
    ),
    "invite": ("none", lambda task: _("Send %(name)s the invitation", name=task.expert)),
    "letters": ("new", lambda task: ngettext("Read one new letter", "Read %(num)s new letters", task.number)),
    "held": ("wait", lambda task: ngettext("Look at one held letter", "Look at %(num)s held letters", task.number)),
    "erasures": ("wait", _format_erasures),
    "slot": ("none", lambda task: _("Fill slot %(number)s", number=task.number)),
    "ask": ("none", lambda task: ngettext("One reader asks", "%(num)s readers ask", task.number)),
}
# By kind of task of an expert: the label until its deadline, and the label after it.
EXPERT_TASKS = {
    "invited": (_l("%(name)s has until %(day)s to say yes"), _l("%(name)s hasn’t replied")),
    "accepted": (_l("%(name)s has it, due %(day)s"), _l("%(name)s’s text is late")),
    "returned": (_l("%(name)s has it again, due %(day)s"), _l("%(name)s’s text is late")),
    "checking": (_l("%(name)s checks until %(day)s"), _l("%(name)s’s time to check is over")),
}


class Column(NamedTuple):
    """A column of the home page: the tasks of one group of people, and the mails that wait for them."""

    heading: str
    tasks: list[WaitingTask]
    mail_lines: Sequence[dict[str, Any]] = ()
    always_linked: tuple[str, ...] = ()  # groups whose full list is linked even if the column shows all their tasks


@dataclass(frozen=True)
class AlarmNotice:
    """An alarm on the home page."""

    key: str
    heading: str
    button_url: str = ""
    button_subject: str = ""  # completes the button's label for screen readers
    details: str = ""  # below the heading
    mail_lines: tuple[dict[str, Any], ...] = ()


def list_faults(
    desk: RequestContext, board: Board, get_url: Callable[[RequestContext, WaitingTask], str]
) -> list[AlarmNotice]:
    """Return all alarms, the gravest first, including the desk's tasks of `FAULT_TASKS`. `get_url` links to a task."""
    fault_tasks = [(task, get_url(desk, task)) for task in board.desk if task.kind in FAULT_TASKS]
    failed_lines, bounced_lines = _load_undelivered_lines(desk, board)
    return [
        *_stalled_worker_faults(desk),
        *_erasure_faults(desk),
        *_mail_account_faults(desk),
        *(_missed_edition_fault(task, url) for task, url in fault_tasks if task.kind == "missed"),
        *_mail_faults(
            desk,
            "failed",
            failed_lines,
            # The number isn't shown if there are several, since only the newest are loaded.
            lambda number: _("One mail can’t be delivered.") if number == 1 else _("Mails can’t be delivered."),
        ),
        *_mail_faults(
            desk, "came-back", bounced_lines, lambda number: ngettext("One mail came back.", "Mails came back.", number)
        ),
        *_unreadable_mail_faults(desk, board.numbers["unreadable"]),
        *(_program_faults(desk) if board.numbers["programs in trouble"] else ()),
        *(_objection_fault(task, url) for task, url in fault_tasks if task.kind == "objection"),
    ]


def _stalled_worker_faults(desk: RequestContext) -> Iterable[AlarmNotice]:
    since = stalled.get_stalled_since(desk.session)
    if since is not None and now(desk.session) - since > STALLED_AFTER:
        heading = _("Mail has not moved for %(time)s.", time=ago(since))
        yield AlarmNotice(
            "stalled",
            heading,
            details=_("Nothing is lost: everything waits until the operator starts the worker again."),
        )


def _erasure_faults(desk: RequestContext) -> Iterable[AlarmNotice]:
    since = held_erasures.get_stalled_since(desk.session)
    if since is not None:
        heading = _("What was erased in the last %(time)s is still in the database’s own files.", time=ago(since))
        details = _("Something keeps reading the database. The operator learns more from `readers-asked doctor`.")
        yield AlarmNotice("erasures", heading, details=details)


def _mail_account_faults(desk: RequestContext) -> Iterable[AlarmNotice]:
    """Yield an alarm for each mail account that somebody has to sign in again. Temporary faults raise none."""
    for number, (account, code) in enumerate(sign_ins.faults(desk.session, current_app.config["MAIL_ACCOUNTS"]), 1):
        if code == "out":
            heading = _("The mail account %(account)s is signed out.", account=account.user)
        elif code == "settings":
            heading = _("The provider of the mail account %(account)s refuses this program.", account=account.user)
        else:
            continue
        details = _(
            "Nothing is lost: what goes out waits in the outbox, what comes in waits in its mailbox. The operator "
            "signs it in again with `%(command)s`.",
            command=sign_ins.COMMAND,
        )
        yield AlarmNotice(f"signed-out-{number}", heading, details=details)


def _missed_edition_fault(task: WaitingTask, url: str) -> AlarmNotice:
    edition_day = day(task.since, "short")
    return AlarmNotice(
        f"missed-{task.since:%Y%m%d}",
        _("The edition of %(day)s wasn’t locked.", day=edition_day),
        url,
        button_subject=edition_day,
    )


def _objection_fault(task: WaitingTask, url: str) -> AlarmNotice:
    title = task.question.title if task.question else ""
    heading = _("%(name)s says that something in the text is wrong.", name=task.expert)
    return AlarmNotice(f"objection-{url.rpartition('/')[2]}", heading, url, button_subject=title, details=title)


def _mail_faults(
    desk: RequestContext, key: str, lines: list[dict[str, Any]], format_heading: Callable[[int], str]
) -> Iterable[AlarmNotice]:
    if lines:
        first_line = lines[0]
        url_params: dict[str, Any] = {"state": "failed"} if key == "failed" else {}
        url = url_for("editor.mail", slug=desk.newsletter.slug, public_id=first_line["id"], **url_params)
        yield AlarmNotice(key, format_heading(len(lines)), url, first_line["kind"], mail_lines=tuple(lines))


def _load_undelivered_lines(desk: RequestContext, board: Board) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the lines of mails that a server refused, and of those that bounced after a server had accepted them."""
    newsletter_id = desk.newsletter.id
    listing = mail_queries.listing(newsletter_id, "failed")
    mails = listing.page(desk.session, None, MAX_FAILED_MAILS) if board.numbers["failed mails"] else ()
    failed = [mail for mail in mails if not mail.bounced_at]
    bounces = queries.list_actionable_bounces(desk.session, newsletter_id) if board.numbers["bounces"] else ()
    bounced = [mail for _bounce, mail in bounces]
    if not failed and not bounced:
        return [], []
    names = load_mail_names(desk, [*failed, *bounced])
    failed_lines = [format_mail_line(desk, mail, names) for mail in failed]
    bounced_lines = [format_mail_line(desk, mail, names) for mail in bounced]
    return failed_lines, bounced_lines


def _program_faults(desk: RequestContext) -> Iterable[AlarmNotice]:
    """Yield an alarm for each webhook program that has failed for a day, or was paused because it failed."""
    for program in list_failing(desk.session, desk.newsletter.id):
        if program.paused_at is not None:
            heading = _("“%(name)s” no longer gets events.", name=program.name)
            details = _("It accepted nothing for five days, or answered that it wants no more events.")
        else:
            since = program.failing_since or now(desk.session)
            heading = _("“%(name)s” has accepted nothing for %(time)s.", name=program.name, time=ago(since))
            details = _("It is tried again and again, and paused after five days.")
        url_params: dict[str, Any] = {"slug": desk.newsletter.slug, "public_id": program.public_id}
        url = url_for("editor.program", **url_params) if desk.may("programs") else ""
        yield AlarmNotice(f"program-{program.public_id}", heading, url, program.name, details)


def _unreadable_mail_faults(desk: RequestContext, number: int) -> Iterable[AlarmNotice]:
    if number:
        heading = ngettext(
            "One mail that came in could not be read.", "%(num)s mails that came in could not be read.", number
        )
        url = url_for("editor.pen", slug=desk.newsletter.slug, place="failed")
        details = _("Nothing is lost: each is kept as it came.")
        yield AlarmNotice("unreadable", heading, url, _("what could not be read"), details)


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
        board = load_board(desk.session, desk.newsletter)
        mail_lines = _list_mail_lines(desk, board.numbers)
        desk_tasks = [task for task in board.desk if task.kind not in FAULT_TASKS]
        own_tasks, editor_tasks = _split_by_permission(desk, desk_tasks)
        columns = [
            Column(_("For you"), own_tasks, mail_lines),
            *([Column(_("For an editor"), editor_tasks)] if editor_tasks else []),
            Column(_("For experts"), board.experts, always_linked=("experts",)),
            Column(_("For their check"), board.checks),
            Column(_("For an answer"), board.unasked),
        ]

        return page(
            desk,
            "editor/overview/home.html",
            "edition",
            today=day(utc_now()),
            summary=_format_summary(desk, board, len(mail_lines)),
            faults=list_faults(desk, board, _task_url),
            waiting_groups=[
                (
                    column.heading,
                    _column_lines(desk, column),
                    count(board.count(column.tasks, *column.always_linked) + len(column.mail_lines)),
                    _full_list_links(desk, board, column),
                )
                for column in columns
            ],
            slots=_slot_values(board),
            steps=list_first_steps(desk),
        )


def _split_by_permission(desk: RequestContext, tasks: list[WaitingTask]) -> tuple[list[WaitingTask], list[WaitingTask]]:
    """Return the tasks for which the actor has the permission, and the others, which wait for an editor."""
    own_tasks = [task for task in tasks if desk.may(REQUIRED_ACTS[task.kind])]
    return own_tasks, [task for task in tasks if task not in own_tasks]


def _format_summary(desk: RequestContext, board: Board, mail_count: int) -> str:
    """Return a short paragraph about the edition and what waits."""
    text_tasks = [task for task in board.desk if task.kind in TEXT_TASKS]
    own_text_tasks, editor_text_tasks = _split_by_permission(desk, text_tasks)
    own_texts, editor_texts = board.count(own_text_tasks), board.count(editor_text_tasks)
    late = board.numbers["late"]
    sentences = [_format_edition_status(board, desk.newsletter.is_running)]
    if own_texts:
        sentences.append(
            ngettext("One text waits for you.", "%(many)s texts wait for you.", own_texts, many=count(own_texts))
        )
    if editor_texts:
        sentences.append(
            ngettext(
                "One text waits for an editor.",
                "%(many)s texts wait for an editor.",
                editor_texts,
                many=count(editor_texts),
            )
        )
    if late:
        sentences.append(
            ngettext("One expert is late.", "%(many)s replies and texts from experts are late.", late, many=count(late))
        )
    if not any((mail_count, board.desk, board.numbers["experts"], board.checks, board.unasked)):
        sentences.append(_("Nobody is waiting."))
    return " ".join(sentences)


def _format_edition_status(board: Board, is_running: bool) -> str:
    if not board.coming:
        if is_running:
            return _("No edition is planned: set the rhythm in the settings.")
        return _("No edition is planned.")
    edition = board.coming[0]
    if edition.is_locked:
        return _("The edition of %(day)s is locked.", day=day(edition.runs_at))
    slots = _("Every slot is filled")
    if open_count := len(open_slots(board.sections)):
        slots = ngettext("One slot is still open", "%(num)s slots are still open", open_count)
    if is_past(edition.cutoff_at):
        time_left = format_time_left(edition.runs_at)
        return _("%(slots)s; the edition is past its cut-off and runs in %(time)s.", slots=slots, time=time_left)
    return _("%(slots)s and the cut-off is in %(time)s.", slots=slots, time=format_time_left(edition.cutoff_at))


def _list_mail_lines(desk: RequestContext, numbers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return lines for mail that waits for the desk: one for each letter and reply, and one for the holding pen."""
    session, newsletter_id, slug = desk.session, desk.newsletter.id, desk.newsletter.slug
    expert_letters = queries.list_waiting_expert_letters(session, newsletter_id) if numbers["experts wrote"] else ()
    reader_letters = (
        receipt_notes.list_answered_letters(session, newsletter_id, 2, include_today=True)
        if numbers["readers wrote back"]
        else ()
    )
    lines = [
        _format_line(
            "new",
            _("%(name)s has written by mail", name=assignment.expert.name),
            url_for("editor.letter", slug=slug, public_id=letter.public_id),
            letter.received_at,
            subject=assignment.question.short_title,
        )
        for letter, assignment in expert_letters
    ]
    lines += [
        _format_line(
            "new",
            _("A reader has written back to your note"),
            url_for("editor.letter", slug=slug, public_id=letter.public_id),
            written_at,
            day(written_at.date()),
        )
        for letter, written_at in reader_letters
    ]
    if numbers["pen"]:
        text = ngettext("One mail waits in the holding pen", "%(num)s mails wait in the holding pen", numbers["pen"])
        lines.append(_format_line("wait", text, url_for("editor.pen", slug=slug), numbers["pen since"]))
    return lines


def _format_line(mark: str, text: str, href: str, time: datetime, label: str = "", subject: str = "") -> dict[str, Any]:
    """Return a line of a column. `label` replaces the age, e.g. if only the day is known."""
    return {
        "mark": mark,
        "label": MARK_LABELS.get(mark, ""),
        "text": text,
        "href": href,
        "age": label or received_age(time),
        "time": time,
        "exact": received_exact(time),
        "about": subject,
    }


def _column_lines(desk: RequestContext, column: Column) -> list[dict[str, Any]]:
    """Return the lines of a column: late tasks first, then mails, then the other tasks in their order."""
    lines = [format_task_line(desk, task) for task in column.tasks]
    late_lines = [line for line in lines if line["mark"] == "late"]
    return [*late_lines, *column.mail_lines, *(line for line in lines if line["mark"] != "late")]


def _full_list_links(desk: RequestContext, board: Board, column: Column) -> list[tuple[str, str]]:
    """Return (label, address) of the full list of each group of which the column shows only some tasks."""
    shown_counts = Counter(map(get_group, column.tasks))
    links = []
    for group in dict.fromkeys((*column.always_linked, *shown_counts)):
        shown_count = 0 if group in column.always_linked else shown_counts[group]
        if group in LIST_LINK_LABELS and board.numbers[group] > shown_count:
            label = str(LIST_LINK_LABELS[group]) % {"number": count(board.numbers[group])}
            links.append((label, url_for("editor.waiting", slug=desk.newsletter.slug, group=group)))
    return links


def _slot_values(board: Board) -> dict[str, Any] | None:
    """Return the next edition with its slots, and the number of ready questions; None if no edition is coming."""
    if not board.coming:
        return None
    return {"edition": board.coming[0], "sections": board.sections, "ready": board.numbers["ready"]}


def _format_due_day(task: WaitingTask) -> str:
    return day(task.due_at or task.since, "short")


def format_task_line(desk: RequestContext, task: WaitingTask) -> dict[str, Any]:
    """Return a task as a line of its column."""
    is_late = task.due_at is not None and is_past(task.due_at)
    if task.kind in EXPERT_TASKS:
        mark = "late" if is_late or task.is_unreached else "wait"
        on_time_text, late_text = EXPERT_TASKS[task.kind]
        if task.is_unreached:
            late_text = on_time_text = _l("Mail to %(name)s comes back")
        text = str(late_text if is_late else on_time_text) % {"name": task.expert, "day": _format_due_day(task)}
    else:
        mark, format_text = DESK_TASKS[task.kind]
        text = format_text(task)
        if is_late and task.kind == "date":
            mark = "late"
    label = ""
    if task.due_at and is_late:
        label = _("%(time)s over", time=age(task.due_at))
    elif task.due_at:
        label = _("%(time)s left", time=format_time_left(task.due_at, "short"))
    about = task.question.title if task.question else ""
    return _format_line(mark, text, _task_url(desk, task), task.due_at or task.since, label, about)


def _task_url(desk: RequestContext, task: WaitingTask) -> str:
    slug = desk.newsletter.slug
    if task.question is not None and task.language:
        return url_for("editor.translations", slug=slug, public_id=task.question.public_id, language=task.language)
    if task.question is not None:
        return url_for("editor.question", slug=slug, public_id=task.question.public_id)
    if task.edition is not None:
        return url_for("editor.edition", slug=slug, public_id=task.edition.public_id)
    if task.kind == "erasures":
        return url_for("editor.leaving", slug=slug, _anchor="open-questions")
    return url_for("editor.letters", slug=slug, state="held" if task.kind == "held" else "new")
