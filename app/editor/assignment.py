"""Asking an expert: who, with what brief, the letter as it will be mailed, and what can be done until the text is here."""

from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ..answers import assigning
from ..answers.models import DECLINE_REASONS, Assignment
from ..answers.queries import load_assignment
from ..db import now
from ..editions import desk as editions
from ..editions import invitations
from ..editions.standing import coming_editions
from ..lifecycle import Illegal, Missing
from ..people import directory
from ..people.models import Expert
from ..questions.models import Question
from .frame import Desk, at_desk, change, editor, found, page
from .question import attempt, the_question, to_question
from .typed import local_time, typed_day, typed_time

BRIEF = (
    "expert",
    "name",
    "email",
    "brief",
    "words",
    "credit_line",
    "relation",
    "edition",
)
ADDRESS = "/<slug>/questions/<public_id>/assignments/<assignment_id>"


class Unfit(Exception):
    """The form can't be taken; `faults` are sentences by field."""

    def __init__(self, **faults: str) -> None:
        super().__init__(", ".join(faults))
        self.faults = faults


def the_assignment(desk: Desk, public_id: str, assignment_id: str) -> Assignment:
    return found(load_assignment(desk.session, the_question(desk, public_id), assignment_id))


@editor.get("/<slug>/questions/<public_id>/ask")
def ask(slug: str, public_id: str) -> str:
    with at_desk(slug) as desk:
        typed = {"words": desk.newsletter.words, "edition": _first_with_room(desk)}
        return _ask_form(desk, the_question(desk, public_id), typed, {})


def _first_with_room(desk: Desk) -> str:
    """The edition that an answer is most likely for: the next one with an open slot."""
    coming = [one for one in coming_editions(desk.session, desk.newsletter.id, 4) if one.state == "planned"]
    free = (one.public_id for one in coming if len(editions.picked(desk.session, one)) < one.slots)
    return next(free, "")


def _ask_form(desk: Desk, question: Question, typed: dict[str, Any], faults: dict[str, str]) -> str:
    asked = {
        a.expert_id for a in assigning.of_question(desk.session, question) if a.state not in ("declined", "cancelled")
    }
    known = [expert for expert in directory.experts(desk.session) if expert.id not in asked]
    return page(
        desk,
        "editor/ask.html",
        "questions",
        question=question,
        experts=[(expert.public_id, _in_short(expert)) for expert in known],
        editions=[
            (one.public_id, one.runs_at) for one in coming_editions(desk.session, desk.newsletter.id, 6)
            if one.state == "planned"
        ],
        typed=typed,
        faults=faults,
    )  # fmt: skip


def _in_short(expert: Expert) -> str:
    return ", ".join(filter(None, (expert.name, expert.credit_line or expert.organisation)))


@editor.post("/<slug>/questions/<public_id>/ask")
def ask_draft(slug: str, public_id: str) -> Response | tuple[str, int]:
    typed = {name: request.form.get(name, "").strip() for name in BRIEF}
    try:
        assignment_id = change(slug, lambda desk: _draft(desk, the_question(desk, public_id), typed))
    except Unfit as unfit:
        with at_desk(slug) as desk:
            return _ask_form(desk, the_question(desk, public_id), typed, unfit.faults), 422
    href = url_for("editor.assignment", slug=slug, public_id=public_id, assignment_id=assignment_id)
    return redirect(href, code=303)


def _draft(desk: Desk, question: Question, typed: dict[str, str]) -> str:
    expert = _expert(desk, typed)
    words = typed["words"]
    if words and not (words.isdigit() and 20 <= int(words) <= 2000):
        raise Unfit(words=_("Give a number of words from 20 to 2,000"))
    edition = found(editions.load(desk.session, desk.actor, typed["edition"])) if typed["edition"] else None
    try:
        assignment = assigning.assign(
            desk.session,
            desk.actor,
            question,
            expert,
            brief=typed["brief"],
            words=int(words) if words else None,
            credit_line=typed["credit_line"] or None,
            relation=typed["relation"] or None,
            for_edition_id=edition.id if edition else None,
        )
    except Illegal as illegal:
        if illegal.state != "assigned":
            raise
        raise Unfit(expert=_("%(name)s has this question already", name=expert.name)) from illegal
    return assignment.public_id


def _expert(desk: Desk, typed: dict[str, str]) -> Expert:
    """One from the directory, or a new one: a name and an address are enough."""
    if typed["expert"] and not typed["name"]:
        return found(directory.load_expert(desk.session, desk.actor, typed["expert"]))
    try:
        email = typed["email"] or None
        return directory.record_expert(desk.session, desk.actor, typed["name"], email, desk.newsletter.language)
    except directory.BadAddress:
        raise Unfit(email=_("This is no address that one can write to")) from None
    except Missing:
        raise Unfit(name=_("Choose somebody from the directory, or write a name")) from None


@editor.get(ADDRESS)
def assignment(slug: str, public_id: str, assignment_id: str) -> str:
    """The invitation as it will be mailed, with its dates; sent only from here."""
    with at_desk(slug) as desk:
        one = the_assignment(desk, public_id, assignment_id)
        usual = invitations.dates_for(desk.session, desk.newsletter, one)
        typed = [local_time(request.args.get(name, ""), desk.newsletter.zone) for name in ("reply_by", "due_at")]
        reply_by, due_at = (
            typed[0] or one.reply_by or usual[0],
            typed[1] or one.due_at or usual[1],
        )
        return page(
            desk,
            "editor/assignment.html",
            "questions",
            question=one.question,
            assignment=one,
            letter=invitations.preview(desk.session, one, reply_by=reply_by, due_at=due_at),
            has_address=one.expert.person.email_sealed is not None,
            reply_by=typed_time(reply_by, desk.newsletter.zone),
            due_at=typed_time(due_at, desk.newsletter.zone),
            is_cleared=bool(one.question.text and one.question.text.cleared_at),
        )


@editor.post(f"{ADDRESS}/invite")
def assignment_invite(slug: str, public_id: str, assignment_id: str) -> Response:
    def fn(desk: Desk) -> None:
        reply_by, due_at = (coming_time(desk, name) for name in ("reply_by", "due_at"))
        one = the_assignment(desk, public_id, assignment_id)
        invitations.invite(desk.session, desk.actor, one, reply_by=reply_by, due_at=due_at)

    change(slug, fn)
    return to_question(slug, public_id)


def coming_time(desk: Desk, name: str) -> Any:
    """A time from the form, or None for the usual one. Raises `Missing` when it is over."""
    moment = local_time(request.form.get(name, ""), desk.newsletter.zone)
    if moment is not None and moment <= now(desk.session):
        raise Missing("due date to come")
    return moment


def _extend(desk: Desk, one: Assignment) -> None:
    due_at = coming_time(desk, "due_at")
    if due_at is None:
        raise Missing("due date to come")
    assigning.extend(desk.session, desk.actor, one, due_at)


def _decline(desk: Desk, one: Assignment) -> None:
    later = typed_day(request.form.get("later_on", ""))
    reason = request.form.get("reason", "")
    if reason not in DECLINE_REASONS:
        raise Missing("reason")
    assigning.decline(desk.session, desk.actor, one, reason, later)


DEEDS = {
    "extend": _extend,
    "decline": _decline,
    "cancel": lambda desk, one: assigning.cancel(desk.session, desk.actor, one, request.form.get("sentence", "")),
    "link": lambda desk, one: assigning.send_link_again(desk.session, desk.actor, one),
    "verify": lambda desk, one: directory.verify_expert(
        desk.session, desk.actor, one.expert, request.form.get("how", "")
    ),
}


@editor.post(f"{ADDRESS}/<any(extend, decline, cancel, link, verify):deed>")
def assignment_deed(slug: str, public_id: str, assignment_id: str, deed: str) -> Response | tuple[str, int]:
    return attempt(slug, public_id, lambda desk: DEEDS[deed](desk, the_assignment(desk, public_id, assignment_id)))
