"""The brief of an invitation that isn't sent yet. It is searched for readers' words, and two can change it at once."""

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...answers.briefing import FEWEST, MOST, Brief, rebrief
from ...answers.models import Assignment
from ...core.state_machine import DomainError, InvalidTransition, MissingPrecondition, TooLong, VersionConflict
from ...questions import notes
from ...questions.firewall import Leaking
from ..conflict import as_opened, merge_form, saved
from ..form_values import too_long
from ..frame import Desk, at_desk, change, editor, page
from ..questions.question_page import to_question
from .invitation_page import ADDRESS, the_assignment

LABELS = {
    "brief": _l("What would help most"),
    "words": _l("About how many words"),
    "credit_line": _l("After the name in print"),
    "relation": _l("And what links them to the matter"),
}


@editor.sheet(f"{ADDRESS}/brief", "prepare")
def brief(slug: str, public_id: str, assignment_id: str) -> str:
    with at_desk(slug) as desk:
        one = the_assignment(desk, public_id, assignment_id)
        if not one.is_drafted:
            raise InvalidTransition("assignment", "change the brief of", one.state)
        return _form(desk, one)


def _as_it_stands(one: Assignment) -> dict[str, str]:
    return {name: str(getattr(one, name)) for name in LABELS}


@editor.press(f"{ADDRESS}/brief", "prepare")
def brief_save(slug: str, public_id: str, assignment_id: str) -> Response | tuple[str, int]:
    typed = {name: request.form.get(name, "").strip().replace("\r\n", "\n") for name in LABELS}

    def fn(desk: Desk) -> None:
        one = the_assignment(desk, public_id, assignment_id)
        if request.form.get("act") == "give way":
            title = _("My brief for %(name)s, which I didn’t save over the newer one:", name=one.expert.name)
            parts = [(str(label), typed[name]) for name, label in LABELS.items()]
            notes.note_unsaved(desk.session, desk.actor, one.question, title, parts)
            return
        as_opened(desk, one, lambda: _as_it_stands(one), typed)
        rebrief(desk.session, desk.actor, one, _brief(typed))

    try:
        change(slug, fn)
    except (VersionConflict, MissingPrecondition, TooLong) as refused:
        with at_desk(slug) as desk:
            one = the_assignment(desk, public_id, assignment_id)
            return _form(desk, one, typed, refused), 409 if isinstance(refused, VersionConflict) else 422
    return to_question(slug, public_id, "who")


def _brief(typed: dict[str, str]) -> Brief:
    words = int(typed["words"]) if typed["words"].isdecimal() else 0
    return Brief(typed["brief"], words, typed["credit_line"], typed["relation"])


def _form(desk: Desk, one: Assignment, typed: dict[str, str] | None = None, refused: DomainError | None = None) -> str:
    """Show the form as it stands, or as it was `typed` and `refused`, with somebody else's change beside it."""
    faults = {}
    if isinstance(refused, TooLong):
        faults = {refused.field: too_long(refused)}
    elif refused and not isinstance(refused, Leaking | VersionConflict):
        faults = {"words": _("Give a number of words from %(fewest)d to %(most)d", fewest=FEWEST, most=MOST)}
    first = saved(desk, one, "assignment.brief") if isinstance(refused, VersionConflict) else None
    return page(
        desk,
        "editor/answers/brief.html",
        "questions",
        question=one.question,
        assignment=one,
        **merge_form(desk, _as_it_stands(one), typed, LABELS, first)._asdict(),
        labels=LABELS,
        faults=faults,
        passages=refused.passages if isinstance(refused, Leaking) else (),
        limits=(FEWEST, MOST),
    )
