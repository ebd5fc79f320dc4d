"""One question: how it stands, its wording, whoever asked, who has it, the answers, and what happened."""

from collections.abc import Callable
from typing import Any

from flask import flash, g, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ..answers import closing
from ..answers.diff import compare
from ..db import now
from ..editions import desk as editions
from ..editions import withdrawal
from ..editions.endings import close_question
from ..letters import contacts
from ..letters import queries as letters
from ..lifecycle import Missing, Stale
from ..newsletters.queries import topics_of
from ..questions import desk as questions
from ..questions import queries
from ..questions import wording as words
from ..questions.models import Question
from ..wording import tongue
from .dossier import dossier
from .frame import Desk, at_desk, change, editor, found, page
from .letter_words import CHANNELS, ENDS
from .mail_words import about_to_leave
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
from .tried import Tried, tried
from .typed import public_id_in, typed_time

Answer = Response | tuple[str, int]
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


def attempt(slug: str, public_id: str, fn: Callable[[Desk], object], anchor: str | None = None) -> Answer:
    """Change something about the question and show it; a form that lacks something comes back as it was typed."""
    try:
        change(slug, fn)
    except Missing as missing:
        with at_desk(slug) as desk:
            return question_page(desk, the_question(desk, public_id), tried=tried(missing)), 422
    return to_question(slug, public_id, anchor)


@editor.get("/<slug>/questions/<public_id>")
def question(slug: str, public_id: str) -> str:
    with at_desk(slug) as desk:
        return question_page(desk, the_question(desk, public_id))


def question_page(desk: Desk, one: Question, tried: Tried = Tried(), **typed: Any) -> str:  # noqa: B008 - it is frozen
    """The page; `tried`, or `typed` for the checklist, is what a form held that couldn't be taken, with what was wrong."""
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
        leaving=about_to_leave(desk, queries.family(desk.session, one)),
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
        tried=tried,
        typed=typed,
    )


def _others(desk: Desk, one: Question) -> list[tuple[str, str]]:
    """What a question could be merged into."""
    rows = queries.page(desk.session, desk.newsletter.id, ("open", "seeking", "answered"), None, 50)
    return [(row.public_id, (row.headline or row.wording)[:90]) for row in rows if row.id != one.id]


@editor.post("/<slug>/questions/<public_id>/wording")
def question_wording(slug: str, public_id: str) -> Answer:
    typed = {name: request.form.get(name, "").strip() for name in WORDING}
    version = request.form.get("version", -1, type=int)
    if typed["language"] and not tongue(typed["language"]):
        return _wording_again(slug, public_id, typed, 422, {"language": _("No language has this code")})

    def fn(desk: Desk) -> None:
        one = the_question(desk, public_id)
        fields = typed | {"language": typed["language"] or None}
        words.reword(desk.session, desk.actor, one, **fields, version=version)

    try:
        change(slug, fn)
    except Missing:
        return _wording_again(slug, public_id, typed, 422, {"body": _("The question needs a wording")})
    except Stale:
        return _wording_again(slug, public_id, typed, 409, {})
    return to_question(slug, public_id, "recognise")


def _wording_again(slug: str, public_id: str, typed: dict[str, str], status: int, faults: dict[str, str]) -> Answer:
    """The form with all that was typed; after somebody else's change, with their words and the difference beside it."""
    with at_desk(slug) as desk:
        one = the_question(desk, public_id)
        values = {"question": one, "typed": typed, "faults": faults, "is_stale": not faults}
        pairs = [] if faults else compare(one.wording, typed["body"])
        return page(desk, "editor/wording.html", "questions", pairs=pairs, **values), status


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
    "restore": editions.restore,
}


@editor.post("/<slug>/questions/<public_id>/<any(shelve, take, reopen, split, show, hide, restore):move>")
def question_move(slug: str, public_id: str, move: str) -> Response:
    change(
        slug,
        lambda desk: MOVES[move](desk.session, desk.actor, the_question(desk, public_id)),
    )
    return to_question(slug, public_id)


@editor.post("/<slug>/questions/<public_id>/close")
def question_close(slug: str, public_id: str) -> Answer:
    reason, sentence = request.form.get("reason", ""), request.form.get("sentence", "")

    def fn(desk: Desk) -> None:
        close_question(desk.session, desk.actor, the_question(desk, public_id), reason, sentence)

    return attempt(slug, public_id, fn)


@editor.post("/<slug>/questions/<public_id>/retract")
def question_retract(slug: str, public_id: str) -> Answer:
    why = request.form.get("why", "")

    def fn(desk: Desk) -> None:
        editions.retract(desk.session, desk.actor, the_question(desk, public_id), why)

    return attempt(slug, public_id, fn)


@editor.post("/<slug>/questions/<public_id>/merge")
def question_merge(slug: str, public_id: str) -> Response:
    other = request.form.get("into_id", "").strip() or request.form.get("into", "")
    into = public_id_in(other)

    def fn(desk: Desk) -> None:
        one, target = the_question(desk, public_id), queries.load(desk.session, desk.actor, into)
        if target is None:
            raise questions.CannotMerge
        questions.merge(desk.session, desk.actor, one, target)

    try:
        change(slug, fn)
    except questions.CannotMerge:
        words = _("Not merged: choose another question of this newsletter, one that wasn’t closed or merged itself.")
        flash({"text": words, "href": ""})
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
def question_note(slug: str, public_id: str) -> Answer:
    body = request.form.get("note", "")

    def fn(desk: Desk) -> None:
        questions.note(desk.session, desk.actor, the_question(desk, public_id), body)

    return attempt(slug, public_id, fn, "trail")


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
def question_asker(slug: str, public_id: str, letter_id: str, act: str) -> Answer:
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
            withdrawal.leave_unnamed(desk.session, desk.actor, letter)

    return attempt(slug, public_id, fn, "askers")
