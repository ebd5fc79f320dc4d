"""An invitation: the letter as it will be mailed, and what can be done until the text is here."""

from collections.abc import Sequence
from datetime import datetime

from flask import request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ...answers import assigning, expert_mails, ladder
from ...answers.models import DECLINE_REASONS, Assignment
from ...answers.queries import count_open_assignments, load_assignment
from ...core.state_machine import MissingPrecondition
from ...db.session import now
from ...editions.queries import run_of
from ...people import directory
from ...questions.models import Question
from ...workflows import invitations as mails
from ..flash import announce
from ..form_values import parse_day, parse_local_time
from ..frame import RequestContext, editor, or_404, page, read_context, run_in_transaction
from ..questions.question_page import ADDRESS as QUESTION
from ..questions.question_page import question_press, the_question, to_question
from .invitation_dates import Dates, dates_of

ADDRESS = f"{QUESTION}/assignments/<assignment_id>"


class Unfit(Exception):
    """The form can't be taken; `faults` are sentences by field, `passages` what may be a reader's in the brief."""

    def __init__(self, passages: Sequence[str] = (), **faults: str) -> None:
        super().__init__(", ".join(faults))
        self.faults, self.passages = faults, passages


def the_assignment(desk: RequestContext, public_id: str, assignment_id: str) -> Assignment:
    return or_404(load_assignment(desk.session, the_question(desk, public_id), assignment_id))


@editor.get(ADDRESS)
def assignment(slug: str, public_id: str, assignment_id: str) -> str:
    """The invitation as it will be mailed, with its dates; sent only from here."""
    with read_context(slug) as desk:
        one = the_assignment(desk, public_id, assignment_id)
        _edition = run_of(desk.session, one)  # held, so that whoever asks for it below finds it loaded
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
    """Show all invitations that are prepared for a question, each as it would be mailed if all were sent."""
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
    """Send those that were looked at and wait for nobody."""
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
    """Send the invitation, or only look at it with other dates."""

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
    """A time from the form, or None for the usual one. Raises `MissingPrecondition` when it is over."""
    moment = parse_local_time(request.form.get(name, ""), desk.newsletter.zone)
    if moment is not None and moment <= now(desk.session):
        raise MissingPrecondition("due date to come")
    return moment


def due_time(desk: RequestContext) -> datetime:
    """Return when a text is due, by the form. Raises `MissingPrecondition` where it doesn't say, or that is over."""
    due_at = coming_time(desk, "due_at")
    if due_at is None:
        raise MissingPrecondition("due date to come")
    return due_at


def _extend(desk: RequestContext, assignment: Assignment) -> None:
    assigning.extend(desk.session, desk.actor, assignment, due_time(desk))


def _decline(desk: RequestContext, assignment: Assignment) -> None:
    reason = request.form.get("reason", "")
    if reason not in DECLINE_REASONS:
        raise MissingPrecondition("reason")
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
    """A letter of the desk to an expert waits for a moment in the outbox, where it can be stopped. Readers' words in it
    have to be looked at first.
    """
    one = or_404(load_assignment(desk.session, question, assignment_id))
    expert_mails.send_desk_letter(desk.session, desk.actor, one, request.form.get("letter", ""))
