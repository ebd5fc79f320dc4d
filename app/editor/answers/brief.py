"""The brief of an invitation that isn't sent yet. It is searched for readers' words, and two can change it at once."""

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...answers.assigning import MAX_WORDS, MIN_WORDS, Brief, change_brief
from ...answers.models import Assignment
from ...core.state_machine import DomainError, InvalidTransition, MissingPrecondition, TooLong, VersionConflict
from ...questions import notes
from ...questions.source_protection import LeakDetected
from ..conflict import check_form_unchanged, find_last_save, merge_form
from ..form_values import too_long
from ..frame import RequestContext, editor, page, read_context, run_in_transaction
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
    with read_context(slug) as desk:
        one = the_assignment(desk, public_id, assignment_id)
        if not one.is_drafted:
            raise InvalidTransition("assignment", "change the brief of", one.state)
        return _form(desk, one)


def _get_stored_values(assignment: Assignment) -> dict[str, str]:
    return {name: str(getattr(assignment, name)) for name in LABELS}


@editor.press(f"{ADDRESS}/brief", "prepare")
def brief_save(slug: str, public_id: str, assignment_id: str) -> Response | tuple[str, int]:
    typed = {name: request.form.get(name, "").strip().replace("\r\n", "\n") for name in LABELS}

    def fn(desk: RequestContext) -> None:
        one = the_assignment(desk, public_id, assignment_id)
        if request.form.get("act") == "give way":
            title = _("My brief for %(name)s, which I didn’t save over the newer one:", name=one.expert.name)
            parts = [(str(label), typed[name]) for name, label in LABELS.items()]
            notes.note_unsaved(desk.session, desk.actor, one.question, title, parts)
            return
        check_form_unchanged(desk, one, lambda: _get_stored_values(one), typed)
        change_brief(desk.session, desk.actor, one, _brief(typed))

    try:
        run_in_transaction(slug, fn)
    except (VersionConflict, MissingPrecondition, TooLong) as refused:
        with read_context(slug) as desk:
            one = the_assignment(desk, public_id, assignment_id)
            return _form(desk, one, typed, refused), 409 if isinstance(refused, VersionConflict) else 422
    return to_question(slug, public_id, "who")


def _brief(form_data: dict[str, str]) -> Brief:
    words = int(form_data["words"]) if form_data["words"].isdecimal() else 0
    return Brief(form_data["brief"], words, form_data["credit_line"], form_data["relation"])


def _form(
    desk: RequestContext,
    assignment: Assignment,
    form_data: dict[str, str] | None = None,
    error: DomainError | None = None,
) -> str:
    """Show the form as it stands, or as it was `form_data` and `error`, with somebody else's change beside it."""
    faults = {}
    if isinstance(error, TooLong):
        faults = {error.field: too_long(error)}
    elif error and not isinstance(error, LeakDetected | VersionConflict):
        faults = {"words": _("Give a number of words from %(fewest)d to %(most)d", fewest=MIN_WORDS, most=MAX_WORDS)}
    first = find_last_save(desk, assignment, "assignment.brief") if isinstance(error, VersionConflict) else None
    return page(
        desk,
        "editor/answers/brief.html",
        "questions",
        question=assignment.question,
        assignment=assignment,
        **merge_form(desk, _get_stored_values(assignment), form_data, LABELS, first)._asdict(),
        labels=LABELS,
        faults=faults,
        passages=error.passages if isinstance(error, LeakDetected) else (),
        limits=(MIN_WORDS, MAX_WORDS),
    )
