"""One question: how it stands, its wording, whoever asked, who has it, the answers, and what happened."""

from typing import Any

from flask import flash, g, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ..answers import closing
from ..answers.diff import compare
from ..db import now
from ..editions import desk as editions
from ..editions.endings import close_question
from ..letters import contacts
from ..letters import queries as letters
from ..lifecycle import Missing, Stale
from ..newsletters.queries import topics_of
from ..questions import desk as questions
from ..questions import queries
from ..questions import wording as words
from ..questions.models import Question
from .dossier import dossier
from .frame import Desk, at_desk, change, editor, found, page
from .letter_words import CHANNELS, ENDS
from .next_step import next_step
from .question_words import (
    APPROVAL_FAULTS,
    CHECKLIST,
    REASONS,
    check_words,
    clocks,
    version_words,
)
from .trail import trail
from .typed import public_id_in, typed_time

WORDING = ("headline", "body", "background", "language")


def the_question(desk: Desk, public_id: str) -> Question:
    question = found(queries.load(desk.session, desk.actor, public_id))
    href = url_for("editor.question", slug=desk.newsletter.slug, public_id=public_id)
    g.back = (href, _("Back to the question"))  # where an error page leads
    return question


def to_question(slug: str, public_id: str, anchor: str | None = None) -> Response:
    return redirect(
        url_for("editor.question", slug=slug, public_id=public_id, _anchor=anchor),
        code=303,
    )


@editor.get("/<slug>/questions/<public_id>")
def question(slug: str, public_id: str) -> str:
    with at_desk(slug) as desk:
        return question_page(desk, the_question(desk, public_id))


def question_page(desk: Desk, one: Question, **typed: Any) -> str:
    """The page; `typed` is what a form on it held that couldn't be taken, with what was wrong."""
    file = dossier(desk, one)
    experts = {("assignment", part.place.assignment.id): part.place.name for part in file.parts}
    experts |= {("answer", part.place.answer.id): part.place.name for part in file.parts if part.place.answer}
    return page(
        desk,
        "editor/question.html",
        "questions",
        file=file,
        question=one,
        step=next_step(file),
        trail=trail(desk, one, experts),
        channels=CHANNELS,
        ends=ENDS,
        reasons=REASONS,
        checklist=CHECKLIST,
        approval_faults=APPROVAL_FAULTS,
        version_words=version_words,
        check_words=check_words,
        clocks=lambda place: clocks(place, now(desk.session)),
        typed_time=lambda moment: typed_time(moment, desk.newsletter.zone),
        others=_others(desk, one) if "merge" in file.may else [],
        typed=typed,
    )


def _others(desk: Desk, one: Question) -> list[tuple[str, str]]:
    """What a question could be merged into."""
    rows = queries.page(desk.session, desk.newsletter.id, ("open", "seeking", "answered"), None, 50)
    return [(row.public_id, (row.headline or row.wording)[:90]) for row in rows if row.id != one.id]


@editor.post("/<slug>/questions/<public_id>/wording")
def question_wording(slug: str, public_id: str) -> Response | tuple[str, int]:
    typed = {name: request.form.get(name, "") for name in WORDING}
    version = request.form.get("version", type=int)

    def fn(desk: Desk) -> None:
        one = the_question(desk, public_id)
        language = typed["language"].strip() or None
        words.reword(
            desk.session,
            desk.actor,
            one,
            **{**typed, "language": language},
            version=version,
        )

    try:
        change(slug, fn)
    except Missing:
        return _wording_again(slug, public_id, typed, 422)
    except Stale:
        return _wording_again(slug, public_id, typed, 409)
    return to_question(slug, public_id, "recognise")


def _wording_again(slug: str, public_id: str, typed: dict[str, str], status: int) -> tuple[str, int]:
    """The form with all that was typed; after somebody else's change, with their words and the difference beside it."""
    with at_desk(slug) as desk:
        one = the_question(desk, public_id)
        pairs = compare(one.wording, typed["body"]) if status == 409 else []
        html = page(
            desk,
            "editor/wording.html",
            "questions",
            question=one,
            typed=typed,
            pairs=pairs,
            is_stale=status == 409,
        )
        return html, status


@editor.post("/<slug>/questions/<public_id>/clear")
def question_clear(slug: str, public_id: str) -> Response:
    """Confirm that nobody could recognise the asker, in the very text that was on the page."""

    def fn(desk: Desk) -> None:
        one = the_question(desk, public_id)
        shown = request.form.get("text", type=int)
        if one.text is None or one.text.number != shown or one.text.language != request.form.get("language"):
            raise Stale(public_id)
        words.clear(desk.session, desk.actor, one, one.text.id)

    change(slug, fn)
    return to_question(slug, public_id)


MOVES = {
    "shelve": questions.shelve,
    "take": closing.take,
    "reopen": closing.reopen,
    "split": questions.split,
    "show": lambda session, actor, one: questions.show(session, actor, one, True),
    "hide": lambda session, actor, one: questions.show(session, actor, one, False),
}


@editor.post("/<slug>/questions/<public_id>/<any(shelve, take, reopen, split, show, hide):move>")
def question_move(slug: str, public_id: str, move: str) -> Response:
    change(
        slug,
        lambda desk: MOVES[move](desk.session, desk.actor, the_question(desk, public_id)),
    )
    return to_question(slug, public_id)


@editor.post("/<slug>/questions/<public_id>/close")
def question_close(slug: str, public_id: str) -> Response:
    reason, sentence = request.form.get("reason", ""), request.form.get("sentence", "")
    change(
        slug,
        lambda desk: close_question(desk.session, desk.actor, the_question(desk, public_id), reason, sentence),
    )
    return to_question(slug, public_id)


@editor.post("/<slug>/questions/<public_id>/merge")
def question_merge(slug: str, public_id: str) -> Response:
    other = request.form.get("into_id", "").strip() or request.form.get("into", "")
    into = public_id_in(other)

    def fn(desk: Desk) -> None:
        questions.merge(
            desk.session,
            desk.actor,
            the_question(desk, public_id),
            the_question(desk, into),
        )

    try:
        change(slug, fn)
    except questions.CannotMerge:
        flash(
            {
                "text": _("A question can’t be merged into itself, nor into one that was closed or merged."),
                "href": "",
            }
        )
        return to_question(slug, public_id)
    return to_question(slug, into)


@editor.post("/<slug>/questions/<public_id>/pick")
def question_pick(slug: str, public_id: str) -> Response:
    def fn(desk: Desk) -> None:
        edition = found(editions.load(desk.session, desk.actor, request.form.get("edition", "")))
        editions.pick(desk.session, desk.actor, the_question(desk, public_id), edition)

    change(slug, fn)
    return to_question(slug, public_id)


@editor.post("/<slug>/questions/<public_id>/note")
def question_note(slug: str, public_id: str) -> Response:
    body = request.form.get("note", "")
    change(
        slug,
        lambda desk: questions.note(desk.session, desk.actor, the_question(desk, public_id), body),
    )
    return to_question(slug, public_id, "trail")


@editor.post("/<slug>/questions/<public_id>/topics")
def question_topics(slug: str, public_id: str) -> Response:
    def fn(desk: Desk) -> None:
        one = the_question(desk, public_id)
        chosen = set(request.form.getlist("topic"))
        keys = [topic.id for topic in topics_of(desk.session, desk.newsletter.id) if topic.slug in chosen]
        questions.set_topics(desk.session, desk.actor, one, keys)

    change(slug, fn)
    return to_question(slug, public_id, "about")


@editor.post("/<slug>/questions/<public_id>/askers/<letter_id>/<any(verify, unname):act>")
def question_asker(slug: str, public_id: str, letter_id: str, act: str) -> Response:
    """Note how a reader's name was checked, or leave them unnamed."""

    def fn(desk: Desk) -> None:
        one, letter = (
            the_question(desk, public_id),
            found(letters.load(desk.session, desk.actor, letter_id)),
        )
        found(letter if letter.question_id in queries.family(desk.session, one) else None)
        if act == "verify":
            contacts.verify_credit(desk.session, desk.actor, letter, request.form.get("how", ""))
        else:
            contacts.leave_unnamed(desk.session, desk.actor, letter)

    change(slug, fn)
    return to_question(slug, public_id, "askers")
