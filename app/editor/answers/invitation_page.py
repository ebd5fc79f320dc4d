"""Invitations: brief, dates, preview of the letter, ladder, and the actions on an assignment."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...answers import assigning, expert_mails, ladder
from ...answers.assigning import MAX_WORDS, MIN_WORDS, Brief, change_brief
from ...answers.models import DECLINE_REASONS, Assignment
from ...answers.queries import count_open_assignments, load_assignment
from ...answers.schedule import DueTooLate, Schedule, plan_schedule, propose_due_at
from ...core.domain_errors import (
    DomainError,
    InvalidField,
    InvalidTransition,
    MissingPrecondition,
    TooLong,
    VersionConflict,
)
from ...db.session import now
from ...editions.models import Edition
from ...editions.schedules import Plan, list_editions_taking_answers, plan_assignment, times_of
from ...people import directory
from ...questions import notes
from ...questions.models import Question
from ...questions.source_protection import LeakDetected
from ...web.error_sentences import format_error
from ...web.formatting import day, is_past, moment
from ...web.setup import or_404
from ...workflows import invitations as invitation_workflow
from ..conflict import check_form_unchanged, find_last_save, merge_form
from ..form_fields import format_local_time, parse_day, parse_local_time
from ..frame import RequestContext, announce, editor, page, read_context, run_in_transaction
from ..questions.question_page import ADDRESS as QUESTION_RULE
from ..questions.question_page import question_action, redirect_to_question, require_question
from ..rejected_forms import format_form_error

DATE_FIELDS = ("reply_by", "due_at")
OFFERED_EDITIONS = 6  # editions to choose from


@dataclass(frozen=True)
class Dates:
    """The dates of an invitation, from the form or by default."""

    plan: Plan  # if there are faults, that of the assignment so far
    values: Mapping[str, str]  # the values of the form's fields
    editions: Sequence[tuple[str, str]]  # the options of the field "edition"
    faults: Mapping[str, str]  # sentences about invalid dates, by field


def parse_dates(desk: RequestContext, assignment: Assignment, form: Mapping[str, str]) -> Dates:
    """Return the dates of a form. An empty field, or one with a fault, gets the date that the assignment has so far."""
    newsletter, zone = desk.newsletter, desk.newsletter.zone
    plan = plan_assignment(desk.session, assignment)
    edition, asked_at = plan.edition, plan.schedule.asked_at
    editions = list_editions_taking_answers(desk.session, newsletter, OFFERED_EDITIONS)
    if edition and edition not in editions:
        editions.append(edition)
    faults: dict[str, str] = {}
    if (public_id := form.get("edition")) is not None:
        chosen = next((edition for edition in editions if edition.public_id == public_id), None)
        if public_id and chosen is None:
            faults["edition"] = _("That edition takes no more answers. Choose a later one")
        else:
            edition = chosen
    submitted = {name: text for name in DATE_FIELDS if (text := form.get(name, "").strip())}
    valid: dict[str, datetime] = {}
    for name, text in submitted.items():
        time = parse_local_time(text, zone)
        if time is None:
            faults[name] = _("Give a day and a time")
        elif time <= now(desk.session):
            faults[name] = _("Give a time that is still to come")
        else:
            valid[name] = time
    schedule = plan.schedule
    if edition is not plan.edition or valid:
        due_at = valid.get("due_at") or propose_due_at(newsletter, times_of(edition), asked_at) or schedule.due_at
        schedule = plan_schedule(newsletter, times_of(edition), asked_at, due_at, valid.get("reply_by"))
    if not faults and assignment.is_drafted:
        faults |= _find_faults_of_order(edition, schedule)
    times = {"reply_by": schedule.reply_by, "due_at": schedule.due_at}
    values = {name: format_local_time(time, zone) for name, time in times.items()} | submitted
    values["edition"] = edition.public_id if edition else ""
    options = format_edition_options(desk, editions)
    return Dates(plan if faults else Plan(edition, schedule), values, options, faults)


def _find_faults_of_order(edition: Edition | None, schedule: Schedule) -> dict[str, str]:
    try:
        schedule.require_order()
    except DueTooLate as error:
        sentence = _(
            "For the edition of %(day)s the text is needed by %(moment)s: "
            "give an earlier time, or choose a later edition",
            day=day(edition.runs_at) if edition else "",
            moment=moment(error.latest_due_at),
        )
        return {error.field: sentence}
    except InvalidField as error:
        return {error.field: format_form_error(error)}
    return {}


def format_edition_options(desk: RequestContext, editions: Iterable[Edition]) -> list[tuple[str, str]]:
    """Return the options of a field with editions, each with the date of its texts.

    A draft's own edition may have none: it takes answers only by the date that the draft has already.
    """
    options = []
    for edition in editions:
        text = day(edition.runs_at, "short")
        due_at = propose_due_at(desk.newsletter, times_of(edition), now(desk.session))
        if due_at:
            text = _("%(day)s, text by %(due)s", day=text, due=day(due_at, "short"))
        options.append((edition.public_id, text))
    return [*options, ("", _("Any later one"))]


def _describe_turn_after_invited(name: str, deadline: datetime | None) -> str:
    if deadline is None:
        return _("Is asked next, if %(name)s says no or lets the time pass", name=name)
    if is_past(deadline):
        return _("%(name)s has let the time pass", name=name)
    return _("Is asked next, if %(name)s says no or has said nothing by %(moment)s", name=name, moment=moment(deadline))


# By the state of an assignment on the ladder: a function that says when the next expert is asked. Its arguments are
# the name and the deadline of the expert before. None: that expert's text is here, so nobody else is asked.
TURN_DESCRIPTIONS: dict[str, Callable[[str, datetime | None], str] | None] = {
    "drafted": lambda name, _deadline: _("Is asked next, once %(name)s was asked and can’t", name=name),
    "invited": _describe_turn_after_invited,
    "accepted": lambda name, _deadline: _("Is asked next, if %(name)s can’t after all", name=name),
    "declined": lambda name, _deadline: _("%(name)s has said no", name=name),
    "received": None,
    "returned": None,
    "done": None,
    "cancelled": lambda name, _deadline: _("Isn’t asked automatically: %(name)s isn’t asked any more", name=name),
}


@editor.app_template_filter("ladder")
def describe_ladder(assignment: Assignment, needs_approval: bool) -> str:
    """Return a sentence on when the expert of an assignment is asked, or "" if it doesn't wait on the ladder.

    `needs_approval` says that invitations of this newsletter wait for approval by a second person.
    """
    predecessor = assignment.after
    if not assignment.is_drafted or predecessor is None:
        return ""
    question, name = assignment.question, predecessor.expert.name
    format_condition = TURN_DESCRIPTIONS[str(predecessor.state)]
    if format_condition is None or not question.asks_in_turn:
        return _("Isn’t asked automatically: %(name)s’s text is here, or the question needs no more", name=name)
    deadline = assignment.step_at or predecessor.reply_by
    condition = format_condition(name, deadline)
    if predecessor.is_cancelled:
        return f"{condition}. "
    is_silent = predecessor.is_invited and deadline is not None and is_past(deadline)
    if not predecessor.is_declined and not is_silent:
        return f"{condition}. {_format_delivery_note(needs_approval)}"
    if not question.is_cleared:
        return _("%(said)s; the invitation waits until the wording is confirmed.", said=condition)
    next_step = _("%(said)s; the invitation is prepared within a minute.", said=condition)
    return f"{next_step} {_format_delivery_note(needs_approval)}"


def _format_delivery_note(needs_approval: bool) -> str:
    return _("It waits in the outbox for you.") if needs_approval else _("It is sent automatically.")


ASSIGNMENT_RULE = f"{QUESTION_RULE}/assignments/<assignment_id>"


class FormRejected(Exception):
    """The form is rejected.

    `faults` are sentences by field; `passages` are passages of the brief that may be readers' own words.
    """

    def __init__(self, passages: Sequence[str] = (), **faults: str) -> None:
        super().__init__(", ".join(faults))
        self.faults, self.passages = faults, passages


def require_assignment(desk: RequestContext, public_id: str, assignment_id: str) -> Assignment:
    return or_404(load_assignment(desk.session, require_question(desk, public_id), assignment_id))


@editor.get(ASSIGNMENT_RULE)
def assignment(slug: str, public_id: str, assignment_id: str) -> str:
    """Show the invitation as it will be mailed, with its dates and the button that sends it."""
    with read_context(slug) as desk:
        assignment = require_assignment(desk, public_id, assignment_id)
        return _render_invitation(desk, assignment, parse_dates(desk, assignment, {}))


def _render_invitation(desk: RequestContext, assignment: Assignment, dates: Dates) -> str:
    return page(
        desk,
        "editor/answers/assignment.html",
        "questions",
        question=assignment.question,
        assignment=assignment,
        letter=invitation_workflow.preview(desk.session, assignment, dates.plan.schedule),
        has_address=assignment.expert.person.email_sealed is not None,
        dates=dates,
        open_assignment_count=count_open_assignments(desk.session, [assignment.expert_id])[assignment.expert_id],
        today=now(desk.session).date(),
    )


@editor.restricted_page(f"{QUESTION_RULE}/invitations", permission="prepare")
def invitations(slug: str, public_id: str) -> str:
    """Show the prepared invitations of a question, each as it would be mailed if all that can be were sent at once."""
    with read_context(slug) as desk:
        question = require_question(desk, public_id)
        drafts = [draft for draft in assigning.assignments_of(desk.session, question) if draft.is_drafted]
        unconditional = [draft for draft in drafts if draft.after_id is None]  # those that don't wait on the ladder
        other_count = len(unconditional) - 1
        return page(
            desk,
            "editor/answers/invitations.html",
            "questions",
            question=question,
            letters=[
                (
                    draft,
                    invitation_workflow.preview(
                        desk.session, draft, others_to_invite=0 if draft.after_id else other_count
                    ),
                )
                for draft in drafts
            ],
            sendable_count=len(unconditional),
        )


@editor.action(f"{QUESTION_RULE}/invitations", permission="invite")
def invitations_send(slug: str, public_id: str) -> Response:
    """Send the selected invitations."""
    keys = request.form.getlist("assignment")

    def fn(desk: RequestContext) -> str:
        question = require_question(desk, public_id)
        assignments = [or_404(load_assignment(desk.session, question, key)) for key in keys]
        invitation_workflow.invite_all(desk.session, desk.actor, assignments)
        return ", ".join(assignment.expert.name for assignment in assignments)

    names = run_in_transaction(slug, fn)
    announce(_("On their way: %(names)s.", names=names) if names else _("Nothing was sent."))
    return redirect_to_question(slug, public_id, "who")


@editor.action(f"{ASSIGNMENT_RULE}/invite", permission="invite")
def assignment_invite(slug: str, public_id: str, assignment_id: str) -> Response | tuple[str, int] | str:
    """Send the invitation. With the button "look", or if a date can't be, show it again with these dates."""

    def fn(desk: RequestContext) -> bool:
        assignment = require_assignment(desk, public_id, assignment_id)
        dates = parse_dates(desk, assignment, request.form)
        if dates.faults:
            return False
        invitation_workflow.invite(desk.session, desk.actor, assignment, dates.plan)
        return True

    is_preview = "look" in request.form
    if not is_preview and run_in_transaction(slug, fn):
        return redirect_to_question(slug, public_id)
    with read_context(slug) as desk:
        assignment = require_assignment(desk, public_id, assignment_id)
        dates = parse_dates(desk, assignment, request.form)
        html = _render_invitation(desk, assignment, dates)
    if is_preview and not dates.faults:
        return html
    return html, 422


def parse_future_time(desk: RequestContext, name: str) -> datetime | None:
    """Return a time from the form, None if empty or malformed. Raises `InvalidField` if it isn't in the future."""
    time = parse_local_time(request.form.get(name, ""), desk.newsletter.zone)
    if time is not None and time <= now(desk.session):
        raise InvalidField("due_at_not_in_future", "due_at")
    return time


def require_due_time(desk: RequestContext) -> datetime:
    """Return the due date of a text from the form. Raises `InvalidField` if there is none or it isn't in the future."""
    due_at = parse_future_time(desk, "due_at")
    if due_at is None:
        raise InvalidField("due_at_not_in_future", "due_at")
    return due_at


def _extend(desk: RequestContext, assignment: Assignment) -> str:
    edition = invitation_workflow.extend(desk.session, desk.actor, assignment, require_due_time(desk))
    return format_later_edition(edition)


def format_later_edition(edition: Edition | None) -> str:
    return _("With this date, it is for the edition of %(day)s.", day=day(edition.runs_at)) if edition else ""


def _decline(desk: RequestContext, assignment: Assignment) -> None:
    reason = request.form.get("reason", "")
    if reason not in DECLINE_REASONS:
        raise InvalidField("reason_unknown", "reason")
    assigning.decline(desk.session, desk.actor, assignment, reason, parse_day(request.form.get("later_on", "")))


def _cancel(desk: RequestContext, assignment: Assignment) -> None:
    assigning.cancel(desk.session, desk.actor, assignment, request.form.get("sentence", ""))


def _put_on_ladder(desk: RequestContext, assignment: Assignment) -> None:
    predecessor = or_404(load_assignment(desk.session, assignment.question, request.form.get("before", "")))
    ladder.put_after(desk.session, desk.actor, assignment, predecessor, parse_future_time(desk, "due_at"))


# The moves of an assignment. A move may return a message to announce.
MOVES: dict[str, Callable[[RequestContext, Assignment], str | None]] = {
    "ladder": _put_on_ladder,
    "off": lambda desk, assignment: ladder.take_off(desk.session, desk.actor, assignment),
    "extend": _extend,
    "decline": _decline,
    "cancel": _cancel,
    "link": lambda desk, assignment: assigning.send_link_again(desk.session, desk.actor, assignment),
    "verify": lambda desk, assignment: directory.verify_expert(
        desk.session, desk.actor, assignment.expert, request.form.get("how", "")
    ),
}


@question_action(
    f"{ASSIGNMENT_RULE}/<any({', '.join(MOVES)}):move>",
    permission={"decline": "prepare", "verify": "directory", "": "invite"},  # "": all other moves
    decides=False,
)
def assignment_move(desk: RequestContext, question: Question, assignment_id: str, move: str) -> str | None:
    return MOVES[move](desk, or_404(load_assignment(desk.session, question, assignment_id)))


@question_action(f"{ASSIGNMENT_RULE}/write", permission="prepare", chapter="who", decides=False)
def assignment_write(desk: RequestContext, question: Question, assignment_id: str) -> None:
    """Send an expert a letter from the desk, which can be stopped in the outbox for a moment.

    If it contains readers' words, somebody has to confirm them first.
    """
    assignment = or_404(load_assignment(desk.session, question, assignment_id))
    expert_mails.send_desk_letter(desk.session, desk.actor, assignment, request.form.get("letter", ""))


BRIEF_LABELS = {
    "brief": _l("What would help most"),
    "words": _l("About how many words"),
    "credit_line": _l("After the name in print"),
    "relation": _l("And what links them to the matter"),
}


@editor.restricted_page(f"{ASSIGNMENT_RULE}/brief", permission="prepare")
def brief(slug: str, public_id: str, assignment_id: str) -> str:
    with read_context(slug) as desk:
        assignment = require_assignment(desk, public_id, assignment_id)
        if not assignment.is_drafted:
            raise InvalidTransition("assignment", "change the brief of", assignment.state)
        return _render_brief_form(desk, assignment)


def _get_stored_brief(assignment: Assignment) -> dict[str, str]:
    return {name: str(getattr(assignment, name)) for name in BRIEF_LABELS}


@editor.action(f"{ASSIGNMENT_RULE}/brief", permission="prepare")
def brief_save(slug: str, public_id: str, assignment_id: str) -> Response | tuple[str, int]:
    form_data = {name: request.form.get(name, "").strip().replace("\r\n", "\n") for name in BRIEF_LABELS}

    def fn(desk: RequestContext) -> None:
        assignment = require_assignment(desk, public_id, assignment_id)
        if request.form.get("act") == "give way":
            title = _("My brief for %(name)s, which I didn’t save over the newer one:", name=assignment.expert.name)
            parts = [(str(label), form_data[name]) for name, label in BRIEF_LABELS.items()]
            notes.note_unsaved(desk.session, desk.actor, assignment.question, title, parts)
            return
        check_form_unchanged(desk, assignment, lambda: _get_stored_brief(assignment), form_data)
        change_brief(desk.session, desk.actor, assignment, _parse_brief(form_data))

    try:
        run_in_transaction(slug, fn)
    except (VersionConflict, MissingPrecondition, TooLong) as error:
        with read_context(slug) as desk:
            assignment = require_assignment(desk, public_id, assignment_id)
            status = 409 if isinstance(error, VersionConflict) else 422
            return _render_brief_form(desk, assignment, form_data, error), status
    return redirect_to_question(slug, public_id, "who")


def _parse_brief(form_data: dict[str, str]) -> Brief:
    words = int(form_data["words"]) if form_data["words"].isdecimal() else 0
    return Brief(form_data["brief"], words, form_data["credit_line"], form_data["relation"])


def _render_brief_form(
    desk: RequestContext,
    assignment: Assignment,
    form_data: dict[str, str] | None = None,
    error: DomainError | None = None,
) -> str:
    """Render the form with the stored brief, or with the rejected `form_data` and the `error` that says why.

    After an edit conflict, somebody else's change is shown beside it.
    """
    faults = {}
    if isinstance(error, TooLong):
        faults = {error.field: format_error(error)}
    elif error and not isinstance(error, LeakDetected | VersionConflict):
        faults = {"words": _("Give a number of words from %(fewest)d to %(most)d", fewest=MIN_WORDS, most=MAX_WORDS)}
    other_save = find_last_save(desk, assignment, "assignment.brief") if isinstance(error, VersionConflict) else None
    return page(
        desk,
        "editor/answers/brief.html",
        "questions",
        question=assignment.question,
        assignment=assignment,
        **merge_form(desk, _get_stored_brief(assignment), form_data, BRIEF_LABELS, other_save)._asdict(),
        labels=BRIEF_LABELS,
        faults=faults,
        passages=error.passages if isinstance(error, LeakDetected) else (),
        limits=(MIN_WORDS, MAX_WORDS),
    )
