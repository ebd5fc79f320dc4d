"""Invitations: brief, dates, preview of the letter, ladder, and the actions on an assignment."""

from collections.abc import Callable, Mapping, Sequence
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
from ...core.domain_errors import (
    DomainError,
    InvalidField,
    InvalidTransition,
    MissingPrecondition,
    TooLong,
    VersionConflict,
)
from ...db.session import now
from ...editions.calendar import default_reply_by
from ...editions.queries import run_of
from ...people import directory
from ...questions import notes
from ...questions.models import Question
from ...questions.source_protection import LeakDetected
from ...web.error_sentences import format_error
from ...web.formatting import day, is_past, moment
from ...web.setup import or_404
from ...workflows import invitations as mails
from ..conflict import check_form_unchanged, find_last_save, merge_form
from ..form_fields import format_local_time, parse_day, parse_local_time
from ..frame import RequestContext, announce, editor, page, read_context, run_in_transaction
from ..questions.question_page import ADDRESS as QUESTION
from ..questions.question_page import question_press, the_question, to_question

DATE_FIELDS = ("reply_by", "due_at")


@dataclass(frozen=True)
class Dates:
    """The dates of an invitation, the values of their fields, and faults by field.

    `warning` says that the text may miss its edition. It holds the invitation back only once: the form sends back as
    `warned` the date about which the page has warned.
    """

    reply_by: datetime
    due_at: datetime
    shown: Mapping[str, str]
    faults: Mapping[str, str]
    warning: str = ""
    warned: str = ""

    @property
    def holds(self) -> bool:
        """Return whether the letter is held back, by a fault or a new warning."""
        return bool(self.faults) or bool(self.warning) and self.warned != self.shown["due_at"]


def dates_of(desk: RequestContext, assignment: Assignment, form: Mapping[str, str]) -> Dates:
    """Return the dates of a form. An empty field, or one with a fault, gets the default."""
    zone, here = desk.newsletter.zone, now(desk.session)
    typed = {name: text for name in DATE_FIELDS if (text := form.get(name, "").strip())}
    read = {name: parse_local_time(text, zone) for name, text in typed.items()}
    taken = {name: moment for name, moment in read.items() if moment is not None and moment > here}
    faults = {
        name: _("Give a day and a time") if read[name] is None else _("Give a time that is still to come")
        for name in typed
        if name not in taken
    }
    due_at = taken.get("due_at") or _get_previous_deadline(assignment, assignment.due_at, here)
    due_at = due_at or mails.dates_for(desk.session, desk.newsletter, assignment)[1]
    reply_by = taken.get("reply_by") or _get_previous_deadline(assignment, assignment.reply_by, here)
    reply_by = reply_by or default_reply_by(here, due_at, zone)
    if not faults and reply_by > due_at:
        faults = {"reply_by": _("The text is due before that: give an earlier time")}
    shown = {"reply_by": format_local_time(reply_by, zone), "due_at": format_local_time(due_at, zone)} | typed
    warning = _warning(desk, assignment, due_at) if "due_at" not in faults else ""
    return Dates(reply_by, due_at, shown, faults, warning, form.get("warned", "") if typed else shown["due_at"])


def _get_previous_deadline(
    assignment: Assignment, deadline: datetime | None, current_time: datetime
) -> datetime | None:
    """Return the stored deadline. For an invitation that isn't sent yet, only if it is still to come."""
    return deadline if deadline and (deadline > current_time or not assignment.is_drafted) else None


def _warning(desk: RequestContext, assignment: Assignment, due_at: datetime) -> str:
    edition = mails.edition_asked_for(desk.session, assignment)
    if edition is None or due_at <= edition.cutoff_at:
        return ""
    when = {"day": day(edition.runs_at), "cutoff": moment(edition.cutoff_at)}
    return _("The edition of %(day)s has its cut-off on %(cutoff)s: a text that comes later may miss it.", **when)


def _silent(name: str, deadline: datetime | None) -> str:
    if deadline is None:
        return _("Is asked next, if %(name)s says no or lets the time pass", name=name)
    if is_past(deadline):
        return _("%(name)s has let the time pass", name=name)
    return _("Is asked next, if %(name)s says no or has said nothing by %(moment)s", name=name, moment=moment(deadline))


# By the state of the assignment before it on the ladder. None: its text is here, so nobody else is asked.
AFTER: dict[str, Callable[[str, datetime | None], str] | None] = {
    "drafted": lambda name, _until: _("Is asked next, once %(name)s was asked and can’t", name=name),
    "invited": _silent,
    "accepted": lambda name, _until: _("Is asked next, if %(name)s can’t after all", name=name),
    "declined": lambda name, _until: _("%(name)s has said no", name=name),
    "received": None,
    "returned": None,
    "done": None,
    "cancelled": lambda name, _until: _("Isn’t asked by itself: %(name)s isn’t asked any more", name=name),
}


@editor.app_template_filter("ladder")
def ladder_words(assignment: Assignment, holds: bool) -> str:
    """Return what the ladder does next with an assignment, or "" if it isn't waiting on one.

    `holds` says that invitations of this newsletter wait for approval by a second person.
    """
    before = assignment.after
    if not assignment.is_drafted or before is None:
        return ""
    question, name, words = assignment.question, before.expert.name, AFTER[str(before.state)]
    if not question.asks_in_turn or words is None:
        return _("Isn’t asked by itself: %(name)s’s text is here, or the question needs no more", name=name)
    until = assignment.step_at or before.reply_by
    said = words(name, until)
    comes = before.is_declined or before.is_invited and until is not None and is_past(until)
    if comes and not question.is_cleared:
        return _("%(said)s; the invitation waits until the wording is confirmed.", said=said)
    if comes:
        return (
            _("%(said)s; the invitation is prepared within a minute.", said=said) + " " + _format_delivery_note(holds)
        )
    return f"{said}. " + (_format_delivery_note(holds) if not before.is_cancelled else "")


def _format_delivery_note(holds: bool) -> str:
    return _("It waits in the outbox for you.") if holds else _("It leaves by itself.")


ADDRESS = f"{QUESTION}/assignments/<assignment_id>"


class Unfit(Exception):
    """The form is rejected: `faults` are sentences by field, `passages` possible readers' words in the brief."""

    def __init__(self, passages: Sequence[str] = (), **faults: str) -> None:
        super().__init__(", ".join(faults))
        self.faults, self.passages = faults, passages


def the_assignment(desk: RequestContext, public_id: str, assignment_id: str) -> Assignment:
    return or_404(load_assignment(desk.session, the_question(desk, public_id), assignment_id))


@editor.get(ADDRESS)
def assignment(slug: str, public_id: str, assignment_id: str) -> str:
    """Show the invitation as it will be mailed, with its dates and the button that sends it."""
    with read_context(slug) as desk:
        one = the_assignment(desk, public_id, assignment_id)
        _edition = run_of(desk.session, one)  # the reference keeps it in the session for the code below
        return _invitation(desk, one, dates_of(desk, one, {}))


def _invitation(desk: RequestContext, assignment: Assignment, dates: Dates, is_held_back: bool = False) -> str:
    return page(
        desk,
        "editor/answers/assignment.html",
        "questions",
        question=assignment.question,
        assignment=assignment,
        letter=mails.preview(desk.session, assignment, reply_by=dates.reply_by, due_at=dates.due_at),
        has_address=assignment.expert.person.email_sealed is not None,
        dates=dates,
        is_held_back=is_held_back,
        has_now=count_open_assignments(desk.session, [assignment.expert_id])[assignment.expert_id],
        today=now(desk.session).date(),
    )


@editor.sheet(f"{QUESTION}/invitations", "prepare")
def invitations(slug: str, public_id: str) -> str:
    """Show all prepared invitations of a question, each as it would be mailed if all were sent."""
    with read_context(slug) as desk:
        question = the_question(desk, public_id)
        drafts = [one for one in assigning.of_question(desk.session, question) if one.is_drafted]
        also = len([one for one in drafts if one.after_id is None]) - 1
        return page(
            desk,
            "editor/answers/invitations.html",
            "questions",
            question=question,
            letters=[(one, mails.preview(desk.session, one, also=0 if one.after_id else also)) for one in drafts],
            waits_for_nobody=also + 1,
        )


@editor.press(f"{QUESTION}/invitations", "invite")
def invitations_send(slug: str, public_id: str) -> Response:
    """Send the selected invitations."""
    keys = request.form.getlist("assignment")

    def fn(desk: RequestContext) -> str:
        question = the_question(desk, public_id)
        some = [or_404(load_assignment(desk.session, question, key)) for key in keys]
        mails.invite_all(desk.session, desk.actor, some)
        return ", ".join(one.expert.name for one in some)

    names = run_in_transaction(slug, fn)
    announce(_("On their way: %(names)s.", names=names) if names else _("Nothing was sent."))
    return to_question(slug, public_id, "who")


@editor.press(f"{ADDRESS}/invite", "invite")
def assignment_invite(slug: str, public_id: str, assignment_id: str) -> Response | tuple[str, int] | str:
    """Send the invitation, or with "look" only show it with other dates."""

    def fn(desk: RequestContext) -> bool:
        one = the_assignment(desk, public_id, assignment_id)
        dates = dates_of(desk, one, request.form)
        if not dates.holds:
            mails.invite(desk.session, desk.actor, one, reply_by=dates.reply_by, due_at=dates.due_at)
        return not dates.holds

    looks = "look" in request.form
    if not looks and run_in_transaction(slug, fn):
        return to_question(slug, public_id)
    with read_context(slug) as desk:
        one = the_assignment(desk, public_id, assignment_id)
        dates = dates_of(desk, one, request.form)
        html = _invitation(desk, one, dates, is_held_back=not looks)
    return (html, 422) if dates.faults or not looks else html


def coming_time(desk: RequestContext, name: str) -> datetime | None:
    """Return a time from the form, or None if the field is empty. Raises `InvalidField` if it is in the past."""
    moment = parse_local_time(request.form.get(name, ""), desk.newsletter.zone)
    if moment is not None and moment <= now(desk.session):
        raise InvalidField("due_at_not_in_future", "due_at")
    return moment


def due_time(desk: RequestContext) -> datetime:
    """Return the due date of a text from the form. Raises `InvalidField` if it is missing or in the past."""
    due_at = coming_time(desk, "due_at")
    if due_at is None:
        raise InvalidField("due_at_not_in_future", "due_at")
    return due_at


def _extend(desk: RequestContext, assignment: Assignment) -> None:
    assigning.extend(desk.session, desk.actor, assignment, due_time(desk))


def _decline(desk: RequestContext, assignment: Assignment) -> None:
    reason = request.form.get("reason", "")
    if reason not in DECLINE_REASONS:
        raise InvalidField("reason_unknown", "reason")
    assigning.decline(desk.session, desk.actor, assignment, reason, parse_day(request.form.get("later_on", "")))


def _cancel(desk: RequestContext, assignment: Assignment) -> None:
    assigning.cancel(desk.session, desk.actor, assignment, request.form.get("sentence", ""))


def _ladder(desk: RequestContext, assignment: Assignment) -> None:
    before = or_404(load_assignment(desk.session, assignment.question, request.form.get("before", "")))
    ladder.put_after(desk.session, desk.actor, assignment, before, coming_time(desk, "due_at"))


MOVES = {
    "ladder": _ladder,
    "off": lambda desk, one: ladder.take_off(desk.session, desk.actor, one),
    "extend": _extend,
    "decline": _decline,
    "cancel": _cancel,
    "link": lambda desk, one: assigning.send_link_again(desk.session, desk.actor, one),
    "verify": lambda desk, one: directory.verify_expert(
        desk.session, desk.actor, one.expert, request.form.get("how", "")
    ),
}


@question_press(
    f"{ADDRESS}/<any({', '.join(MOVES)}):move>",
    {"": "invite", "decline": "prepare", "verify": "directory"},
    decides=False,
)
def assignment_move(desk: RequestContext, question: Question, assignment_id: str, move: str) -> None:
    MOVES[move](desk, or_404(load_assignment(desk.session, question, assignment_id)))


@question_press(f"{ADDRESS}/write", "prepare", chapter="who", decides=False)
def assignment_write(desk: RequestContext, question: Question, assignment_id: str) -> None:
    """Send a letter of the desk to an expert. It waits in the outbox for a moment, where it can be stopped. If it
    contains readers' words, somebody has to confirm them first.
    """
    one = or_404(load_assignment(desk.session, question, assignment_id))
    expert_mails.send_desk_letter(desk.session, desk.actor, one, request.form.get("letter", ""))


BRIEF_LABELS = {
    "brief": _l("What would help most"),
    "words": _l("About how many words"),
    "credit_line": _l("After the name in print"),
    "relation": _l("And what links them to the matter"),
}


@editor.sheet(f"{ADDRESS}/brief", "prepare")
def brief(slug: str, public_id: str, assignment_id: str) -> str:
    with read_context(slug) as desk:
        one = the_assignment(desk, public_id, assignment_id)
        if not one.is_drafted:
            raise InvalidTransition("assignment", "change the brief of", one.state)
        return _brief_form(desk, one)


def _get_stored_brief(assignment: Assignment) -> dict[str, str]:
    return {name: str(getattr(assignment, name)) for name in BRIEF_LABELS}


@editor.press(f"{ADDRESS}/brief", "prepare")
def brief_save(slug: str, public_id: str, assignment_id: str) -> Response | tuple[str, int]:
    typed = {name: request.form.get(name, "").strip().replace("\r\n", "\n") for name in BRIEF_LABELS}

    def fn(desk: RequestContext) -> None:
        one = the_assignment(desk, public_id, assignment_id)
        if request.form.get("act") == "give way":
            title = _("My brief for %(name)s, which I didn’t save over the newer one:", name=one.expert.name)
            parts = [(str(label), typed[name]) for name, label in BRIEF_LABELS.items()]
            notes.note_unsaved(desk.session, desk.actor, one.question, title, parts)
            return
        check_form_unchanged(desk, one, lambda: _get_stored_brief(one), typed)
        change_brief(desk.session, desk.actor, one, _parse_brief(typed))

    try:
        run_in_transaction(slug, fn)
    except (VersionConflict, MissingPrecondition, TooLong) as refused:
        with read_context(slug) as desk:
            one = the_assignment(desk, public_id, assignment_id)
            return _brief_form(desk, one, typed, refused), 409 if isinstance(refused, VersionConflict) else 422
    return to_question(slug, public_id, "who")


def _parse_brief(form_data: dict[str, str]) -> Brief:
    words = int(form_data["words"]) if form_data["words"].isdecimal() else 0
    return Brief(form_data["brief"], words, form_data["credit_line"], form_data["relation"])


def _brief_form(
    desk: RequestContext,
    assignment: Assignment,
    form_data: dict[str, str] | None = None,
    error: DomainError | None = None,
) -> str:
    """Render the form with the stored brief or with the rejected `form_data`, and somebody else's change beside it."""
    faults = {}
    if isinstance(error, TooLong):
        faults = {error.field: format_error(error)}
    elif error and not isinstance(error, LeakDetected | VersionConflict):
        faults = {"words": _("Give a number of words from %(fewest)d to %(most)d", fewest=MIN_WORDS, most=MAX_WORDS)}
    first = find_last_save(desk, assignment, "assignment.brief") if isinstance(error, VersionConflict) else None
    return page(
        desk,
        "editor/answers/brief.html",
        "questions",
        question=assignment.question,
        assignment=assignment,
        **merge_form(desk, _get_stored_brief(assignment), form_data, BRIEF_LABELS, first)._asdict(),
        labels=BRIEF_LABELS,
        faults=faults,
        passages=error.passages if isinstance(error, LeakDetected) else (),
        limits=(MIN_WORDS, MAX_WORDS),
    )
