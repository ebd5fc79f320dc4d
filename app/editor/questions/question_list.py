"""The list of questions: filters, rows that say who has a question and until when, and bulk actions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import Select, select
from werkzeug.wrappers import Response

from ...answers import closing
from ...answers import queries as answers
from ...answers.closing import select_questions_of_expert, unshelve
from ...answers.editing import PASSED_OUTCOMES
from ...answers.models import Answer, Assignment, Check
from ...audit import collect_events
from ...core.domain_errors import DomainError
from ...core.listing import Listing
from ...db.session import get_many
from ...editions.models import Edition
from ...people.contact_status import ContactStatus, statuses_of
from ...people.models import Expert
from ...questions import actions, queries
from ...questions.lifecycle import QUESTION, STATES
from ...questions.models import Question
from ...web.formatting import ago, day, is_past
from ...workflows.letters.endings import close_question
from ..bulk import (
    BulkAction,
    BulkActionError,
    BulkForm,
    BulkResult,
    SelectedRows,
    collect_rows,
    get_selected_topic,
    lock_unchanged,
)
from ..filtered_list import (
    EditionChoice,
    Filter,
    FilteredPage,
    ListDefinition,
    Option,
    Options,
    edition_options,
    list_topic_choices,
)
from ..frame import RequestContext, editor, page, read_context
from ..letters.letter_pages import question_url
from ..question_labels import STATE_LABELS
from ..undo_press import get_undo_token


@dataclass(frozen=True)
class StatusLabels:
    """The labels of an assignment's status."""

    mark: str  # the tone of the label: "new", "wait", "good", "late" or "none"
    waits_for: str  # who acts next: a key of `GROUPS`
    on_time: str  # the label until the deadline, or always if there is none
    late: str = ""  # the label after the deadline


# By who acts next on a question: the heading of its group in the list.
GROUPS = {"desk": _l("Waits for you"), "expert": _l("With an expert"), "edition": _l("Ready to run")}


# By the key of a status, the most urgent first. In a list, a question is shown with its most urgent status.
STATUS_LABELS = {
    "objected": StatusLabels("late", "desk", _l("%(name)s says that something in the text is wrong")),
    "submitted": StatusLabels("new", "desk", _l("%(name)s’s text is here, for you to edit")),
    "edited": StatusLabels("new", "desk", _l("%(name)s’s text is edited and hasn’t gone back yet")),
    "passed": StatusLabels("good", "desk", _l("Checked by %(name)s, awaiting approval")),
    "checking": StatusLabels(
        "wait",
        "expert",
        _l("%(name)s checks the text, until %(day)s"),
        _l("%(name)s has the text for the check; the time was up %(ago)s ago"),
    ),
    "returned": StatusLabels(
        "wait",
        "expert",
        _l("%(name)s has the text again, due %(day)s"),
        _l("%(name)s has the text again; it was due %(ago)s ago"),
    ),
    "accepted": StatusLabels(
        "wait", "expert", _l("%(name)s has it, due %(day)s"), _l("%(name)s has it; it was due %(ago)s ago")
    ),
    "invited": StatusLabels(
        "wait",
        "expert",
        _l("%(name)s is asked and has until %(day)s to say yes or no"),
        _l("%(name)s hasn’t replied; the time was up %(ago)s ago"),
    ),
    "drafted": StatusLabels("new", "desk", _l("%(name)s isn’t asked yet")),
    "approved": StatusLabels("good", "edition", _l("%(name)s’s answer may run")),
    "held over": StatusLabels("none", "desk", _l("%(name)s’s text is kept for a later edition")),
    "later": StatusLabels("none", "desk", _l("%(name)s has no time now, but can from %(day)s on")),
    "declined": StatusLabels("none", "desk", _l("%(name)s can’t")),
    "cancelled": StatusLabels("none", "desk", _l("%(name)s isn’t asked any more")),
}
FINISHED_STATUSES = ("held over", "later", "declined", "cancelled")
MAX_STATUSES_IN_SUMMARY = 3


@dataclass(frozen=True)
class AssignmentStatus:
    """An expert's assignment with a status, which combines the states of the assignment, its answer and the check."""

    assignment: Assignment
    answer: Answer | None
    check: Check | None  # the newest one
    key: str  # the status, a key of `STATUS_LABELS`
    contact: ContactStatus

    @property
    def name(self) -> str:
        return self.assignment.expert.name

    @property
    def due_at(self) -> date | None:
        """The current deadline, or the day from which an expert who declined has time, or None."""
        if self.key == "later":
            return self.assignment.later_on
        if self.key == "checking" and self.check:
            return self.check.due_at
        if self.key == "invited":
            return self.assignment.reply_by
        return self.assignment.due_at

    @property
    def is_unreached(self) -> bool:
        """True if the desk waits for an expert whose mail comes back, and who may know nothing of it."""
        return self.contact.key == "bounced" and bool(STATUS_LABELS[self.key].late)

    @property
    def is_late(self) -> bool:
        is_over = isinstance(self.due_at, datetime) and is_past(self.due_at)
        return self.is_unreached or bool(STATUS_LABELS[self.key].late and is_over)

    @property
    def mark(self) -> str:
        return "late" if self.is_late else STATUS_LABELS[self.key].mark

    @property
    def urgency_rank(self) -> int:
        """The rank by urgency; 0 is the most urgent."""
        return list(STATUS_LABELS).index(self.key)

    @property
    def label(self) -> str:
        if self.is_unreached:
            return _("Mail to %(name)s comes back: they may know nothing of it", name=self.name)
        labels = STATUS_LABELS[self.key]
        due = self.due_at
        values = {"name": self.name, "day": day(due, "short") if due else ""}
        if isinstance(due, datetime):
            values["ago"] = ago(due)
        return str(labels.late if self.is_late else labels.on_time) % values


def build_status(
    assignment: Assignment, answer: Answer | None, check: Check | None, contact: ContactStatus
) -> AssignmentStatus:
    """Return the status of an assignment, by the state of its text, or without a text by its own state.

    If `check` was about the text as it is now, its outcome replaces "edited".
    """
    if answer and (assignment.has_text or answer.is_held_over):
        key = str(answer.state)
    elif assignment.is_declined and assignment.later_on:
        key = "later"
    else:
        key = str(assignment.state)
    if answer and check and check.text_id == answer.text_id:
        if key == "edited" and check.outcome in PASSED_OUTCOMES:
            key = "passed"
        elif check.outcome == "wrong" and (key == "edited" or (answer.is_approved and check.is_open_objection)):
            key = "objected"
    return AssignmentStatus(assignment, answer, check, key, contact)


def find_most_urgent(statuses: Sequence[AssignmentStatus]) -> AssignmentStatus | None:
    return min(statuses, key=lambda status: status.urgency_rank, default=None)


def format_assignment_status(question: Question, status: AssignmentStatus) -> str:
    """Return the label of a status. An approved answer has another label once its question has run."""
    if status.key == "approved" and question.has_run:
        return _("%(name)s’s answer ran", name=status.name)
    return status.label


def describe_holder(question: Question, statuses: Sequence[AssignmentStatus]) -> str:
    """Return in a few words, for a row of a list, who has the question."""
    status = find_most_urgent([status for status in statuses if status.key not in FINISHED_STATUSES])
    if status:
        return status.label
    if not question.is_cleared:
        return _("You: confirm the wording")
    if statuses:
        return _("Nobody now: %(words)s", words=statuses[-1].label)
    return _("Nobody yet")


def find_group(question: Question, statuses: Sequence[AssignmentStatus]) -> str:
    """Return who acts next on a question that is in work, as a key of `GROUPS`."""
    if question.is_queued:
        return "edition"
    live = [status for status in statuses if status.key not in FINISHED_STATUSES]
    most_urgent = find_most_urgent(live)
    return STATUS_LABELS[most_urgent.key].waits_for if most_urgent else "desk"


def day_of_run(question: Question, edition: Edition | EditionChoice | None) -> str:
    """Return the day on which a question runs, or on which it ran: editions may be sent earlier than planned."""
    if edition is None:
        return ""
    return day(edition.ran_at if question.has_run else edition.runs_at)


def format_question_summary(
    question: Question, statuses: Sequence[AssignmentStatus], readers: int, edition_day: str
) -> str:
    """Return the sentences on top of the question's page: who waits for whom."""
    sentences = []
    if state_label := STATE_LABELS[str(question.state)].sentence:
        sentences.append(_("%(words)s.", words=str(state_label) % {"edition": edition_day}))
    elif not question.is_cleared:
        sentences.append(_("Nobody has confirmed yet that the asker can’t be recognised in the wording."))
    live = [status for status in statuses if status.key not in FINISHED_STATUSES]
    live.sort(key=lambda status: status.urgency_rank)
    sentences += [
        _("%(words)s.", words=format_assignment_status(question, status)) for status in live[:MAX_STATUSES_IN_SUMMARY]
    ]
    if question.is_open and not statuses:
        sentences.append(_("No expert has it yet."))
    elif question.is_open and not live:
        sentences.append(_("%(words)s. Nobody has it now.", words=statuses[-1].label))
    if question.is_settled:
        return " ".join(sentences)
    if readers:
        sentences.append(ngettext("One reader is waiting.", "%(num)s readers are waiting.", readers))
    else:
        sentences.append(_("No reader waits for it."))
    return " ".join(sentences)


MAX_EDITION_OPTIONS = 15  # in the filter by edition: the latest ones, coming editions included


def _list_states(name: str) -> tuple[str, ...]:
    return tuple(state for state, labels in STATE_LABELS.items() if labels.filter_name == name)


# By value of ?state=: the label, and the states of questions.
FILTERS = {
    "going": (_l("In work"), STATES.which("is_going")),
    **{
        labels.filter_name: (labels.filter_label, _list_states(labels.filter_name))
        for labels in STATE_LABELS.values()
        if labels.filter_label
    },
    "all": (_l("All"), STATES.which("is_listed")),
}
# By the name of a filter: the query for the ids of the questions that match a topic, edition or expert.
ID_QUERIES = {
    "topic": queries.select_ids_by_topic,
    "edition": queries.select_ids_by_edition,
    "expert": select_questions_of_expert,
}


def _topic_options(desk: RequestContext, _selected: str) -> Options:
    return {topic.slug: Option(topic.name, topic) for topic in list_topic_choices(desk.session, desk.newsletter.id)}


def _selected_expert_option(desk: RequestContext, public_id: str) -> Options:
    """Return the expert in the query string as an option. `get_list_values` adds the experts of the rows."""
    if not public_id:
        return {}
    expert = desk.session.scalar(select(Expert).filter_by(public_id=public_id))
    return {public_id: Option(expert.name, expert)} if expert else {}


def _build_listing(desk: RequestContext, states: Sequence[str], filter_values: Mapping[str, Any]) -> Listing[Question]:
    """Return the query for the selected filters: rows are read by the first one and checked against the others."""
    matching_ids: Select[int] | None = None
    for name, row in filter_values.items():
        ids = ID_QUERIES[name](row.id)
        matching_ids = ids if matching_ids is None else matching_ids.where(matching_ids.selected_columns[0].in_(ids))
    return queries.listing(desk.newsletter.id, states, matching_ids)


QUESTIONS = ListDefinition(
    model=Question,
    endpoint="editor.questions",
    states=FILTERS,
    filters={
        "topic": Filter(_l("Topic"), _l("on %(topic)s"), _topic_options),
        "edition": Filter(_l("Edition"), _l("in the edition of %(day)s"), edition_options(MAX_EDITION_OPTIONS)),
        "expert": Filter(_l("Who has it"), _l("with %(name)s"), _selected_expert_option),
    },
    get_default_state=lambda params: "all" if params else "going",
    build_listing=_build_listing,
    load=queries.load,
    page_size=30,
)
SHELF = replace(
    QUESTIONS,
    endpoint="editor.shelf",
    states={"shelved": FILTERS["shelved"]},
    filters={},
    get_default_state=lambda _params: "shelved",
)


@editor.get("/<slug>/questions")
def questions(slug: str) -> str | Response:
    with read_context(slug) as desk:
        if above := request.args.get("above"):
            return redirect(QUESTIONS.parse(desk, request.args).url_of_page_above(above))
        return page(desk, "editor/questions/questions.html", "questions", **get_list_values(desk))


def get_list_values(desk: RequestContext) -> dict[str, Any]:
    """Return the template values of the list."""
    filtered_list = QUESTIONS.parse(desk, request.args)
    list_page = filtered_list.get_page()
    statuses = list_statuses(desk, list_page.rows)
    editions = {option.target.id: option.target for option in filtered_list.options["edition"].values()}
    experts = [status.assignment.expert for question_statuses in statuses.values() for status in question_statuses]
    expert_options = {expert.public_id: Option(expert.name, expert) for expert in experts}
    expert_options |= filtered_list.options["expert"]
    sorted_options = dict(sorted(expert_options.items(), key=lambda item: item[1].label))
    rows = _format_rows(desk, list_page, statuses, editions)
    return filtered_list.template_values(list_page, expert=sorted_options) | {
        "groups": _group_rows(rows) if filtered_list.state == "going" else [("", rows)] if rows else [],
        "standing": _format_standing(rows) if filtered_list.state == "going" else "",
        "topics": [option.target for option in filtered_list.options["topic"].values()],
    }


def list_statuses(desk: RequestContext, questions: Sequence[Question]) -> dict[int, list[AssignmentStatus]]:
    """Return the statuses of the assignments of several questions by question id, in two queries."""
    statuses: dict[int, list[AssignmentStatus]] = {question.id: [] for question in questions}
    rows = answers.list_assignments_with_answers(desk.session, list(statuses))
    contacts = statuses_of(desk.session, [assignment.expert for assignment, _answer, _check in rows])
    for assignment, answer, check in rows:
        status = build_status(assignment, answer, check, contacts[assignment.expert_id])
        statuses[assignment.question_id].append(status)
    return statuses


def _format_rows(
    desk: RequestContext,
    list_page: FilteredPage[Question],
    statuses: Mapping[int, list[AssignmentStatus]],
    editions: Mapping[int, EditionChoice],
) -> list[dict[str, Any]]:
    askers = queries.count_askers(desk.session, list_page.rows)
    all_editions: dict[int, Edition | EditionChoice] = {**editions}
    # Editions that ran long ago aren't among the options of the filter.
    missing_ids = {question.edition_id for question in list_page.rows if question.edition_id} - set(editions)
    all_editions |= get_many(desk.session, Edition, missing_ids)
    return [
        {
            "question": question,
            "readers": askers[question.id],
            "pieces": list_page.snippets.get(question.id, ()),
            "group": find_group(question, statuses[question.id]),
            **_build_status_cell(question, statuses[question.id], all_editions.get(question.edition_id or 0)),
        }
        for question in list_page.rows
    ]


def _group_rows(rows: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the rows of the page by who acts next: the heading and the rows of each group that has some."""
    groups = [(str(label), [row for row in rows if row["group"] == key]) for key, label in GROUPS.items()]
    return [(label, group_rows) for label, group_rows in groups if group_rows]


def _format_standing(rows: Sequence[dict[str, Any]]) -> str:
    """Return how many questions of the page wait for the desk, and how many experts are late, in sentences."""
    waiting = sum(row["group"] == "desk" for row in rows)
    late = sum(row["group"] == "expert" and row["mark"] == "late" for row in rows)
    sentences = [ngettext("One of these waits for you.", "%(num)s of these wait for you.", waiting)] if waiting else []
    if late:
        sentences.append(ngettext("One with an expert is late.", "%(num)s with an expert are late.", late))
    return " ".join(sentences) or _("None of these waits for you.")


def _build_status_cell(
    question: Question, statuses: list[AssignmentStatus], edition: Edition | EditionChoice | None
) -> dict[str, str]:
    """Return the status of a question as a mark and a label."""
    labels = STATE_LABELS[str(question.state)]
    if labels.sentence:
        return {"mark": labels.mark, "says": str(labels.sentence) % {"edition": day_of_run(question, edition)}}
    most_urgent = find_most_urgent(statuses)
    mark = most_urgent.mark if most_urgent and most_urgent.key not in FINISHED_STATUSES else "new"
    return {"mark": mark, "says": describe_holder(question, statuses)}


def _load(desk: RequestContext, public_id: str) -> Question | None:
    return queries.load(desk.session, desk.actor, public_id)


def _close(desk: RequestContext, question: Question) -> None:
    """Close a question with a reason for its readers.

    Raises `BulkActionError` if an expert has it or an answer to it: they have to be told with a sentence, for which
    only the question's page asks.
    """
    if closing.has_live_assignment(desk.session, question):
        raise BulkActionError(_("an expert has been asked: close it on its own page, with a sentence to them"))
    close_question(desk.session, desk.actor, question, request.form.get("reason", ""))


def _add_topic(desk: RequestContext, question: Question) -> None:
    actions.add_topic(desk.session, desk.actor, question, get_selected_topic(desk).id)


def _merge(desk: RequestContext, selected_rows: SelectedRows) -> tuple[BulkResult, str]:
    """Merge the selected questions into the one that already has an expert or an answer, or else into the oldest.

    Return the result, and the address of that question, or "" if nothing was merged.
    """

    def load_question(public_id: str, version: int) -> Question:
        question: Question = lock_unchanged(desk, _load(desk, public_id), version)
        return question

    outcome, questions = collect_rows(selected_rows, load_question)
    if len(questions) < 2:
        return outcome, ""
    target = min(questions, key=lambda question: (_merge_rank(desk, question), question.id))
    for question in sorted(questions, key=lambda question: question.id):
        if question is target:
            continue
        try:
            with collect_events(desk.session) as events, desk.session.begin_nested():
                closing.merge_question(desk.session, desk.actor, question, target)
            outcome.done += 1
            outcome.undo_tokens.append(get_undo_token(events))
        except DomainError as error:
            outcome.refused.append((question.public_id, error))
    return outcome, question_url(desk, target) if outcome.done else ""


def _merge_rank(desk: RequestContext, question: Question) -> int:
    """Return the rank of a question as the target of a merge; the lowest is the best.

    0: it can't be merged into another one, e.g. because an expert has it. 1: it can. 2: none can be merged into it.
    """
    if not question.takes_letters:
        return 2
    if "merge" not in QUESTION.list_allowed_actions(desk.actor, question):
        return 0
    return 0 if closing.has_live_assignment(desk.session, question) else 1


def _get_return_page(desk: RequestContext) -> tuple[str, None]:
    if request.form.get("at") == "shelf":
        return url_for("editor.shelf", slug=desk.newsletter.slug), None
    return_url, _listing = QUESTIONS.get_return_page(desk)
    return return_url, None


BulkForm(
    checkbox_name="question",
    load=_load,
    actions={
        "take": BulkAction(_l("Take them down"), lambda desk, question: unshelve(desk.session, desk.actor, question)),
        "merge": BulkAction(
            _l("Merge them into one"),
            _merge,
            shortcut="merge",
            all_at_once=True,
            format_done=lambda number: ngettext("One question is merged.", "%(num)s questions are merged.", number),
            empty_message=_l("Nothing was done. Select two questions or more."),
        ),
        "shelf": BulkAction(
            _l("Shelve"), lambda desk, question: actions.shelve(desk.session, desk.actor, question), shortcut="shelf"
        ),
        "close": BulkAction(
            _l("Close kindly"), _close, shortcut="end", choose="reason", choose_label=_l("Close because"), act="close"
        ),
        "topic": BulkAction(_l("Add the topic"), _add_topic, choose="topic"),
    },
    get_return_page=_get_return_page,
    format_done=lambda number: ngettext("One question is done.", "%(num)s questions are done.", number),
    empty_message=_l("Nothing was done. Select the questions first."),
    link_label=_l("Go to the one that they are in"),
).register("questions", "questions_bulk", "word")
