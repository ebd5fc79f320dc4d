"""The brief of an invitation that isn't sent yet. It is looked through for readers' words, and two can change it at once."""

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...answers.briefing import FEWEST, MOST, Brief, rebrief
from ...answers.models import Assignment
from ...lifecycle import Illegal, Missing, Stale, TooLong
from ...questions import notes
from ...questions.firewall import Leaking
from ..conflict import as_opened, conflict, opened, saved
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


@editor.get(f"{ADDRESS}/brief")
def brief(slug: str, public_id: str, assignment_id: str) -> str:
    with at_desk(slug) as desk:
        one = the_assignment(desk, public_id, assignment_id)
        if not one.is_drafted:
            raise Illegal("assignment", "change the brief of", one.state)
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
    except Stale:
        return _again(slug, public_id, assignment_id, typed, 409)
    except Leaking as leaking:
        return _again(slug, public_id, assignment_id, typed, 422, passages=leaking.passages)
    except TooLong as error:
        return _again(slug, public_id, assignment_id, typed, 422, faults={error.field: too_long(error)})
    except Missing:
        fault = _("Give a number of words from %(fewest)d to %(most)d", fewest=FEWEST, most=MOST)
        return _again(slug, public_id, assignment_id, typed, 422, faults={"words": fault})
    return to_question(slug, public_id, "who")


def _brief(typed: dict[str, str]) -> Brief:
    words = int(typed["words"]) if typed["words"].isdecimal() else 0
    return Brief(typed["brief"], words, typed["credit_line"], typed["relation"])


def _again(
    slug: str,
    public_id: str,
    assignment_id: str,
    typed: dict[str, str],
    status: int,
    faults: dict[str, str] | None = None,
    passages: list[str] | None = None,
) -> tuple[str, int]:
    with at_desk(slug) as desk:
        one = the_assignment(desk, public_id, assignment_id)
        return _form(desk, one, typed, faults or {}, passages or [], stale=status == 409), status


def _form(
    desk: Desk,
    one: Assignment,
    typed: dict[str, str] | None = None,
    faults: dict[str, str] | None = None,
    passages: list[str] | None = None,
    stale: bool = False,
) -> str:
    stands, met = _as_it_stands(one), None
    if typed and stale:
        met = conflict(desk, saved(desk, one, "assignment.brief"), stands, typed, LABELS)
    form = opened(stands, typed, met)
    return page(
        desk,
        "editor/answers/brief.html",
        "questions",
        question=one.question,
        assignment=one,
        typed=form.values,
        seen=form.seen,
        labels=LABELS,
        faults=faults or {},
        passages=passages or [],
        conflict=met,
        limits=(FEWEST, MOST),
    )
