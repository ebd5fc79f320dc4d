"""Presses on a question: shelve it, close it, merge it, pick it, note something, set its topics, check a name."""

from flask import request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ...answers import closing, merging_questions
from ...audit import watched
from ...db import lock
from ...editions import queries as editions
from ...editions import slots
from ...letters import contacts
from ...letters import queries as letters
from ...lifecycle import Missing, Stale
from ...newsletters import topics
from ...newsroom import publishing, withdrawal
from ...newsroom.endings import close_question, reopen_question
from ...questions import moves as questions
from ...questions import notes, queries
from ..conflict import as_shown, change_as_shown, shown
from ..flash import announce
from ..form_values import public_id_in
from ..frame import Desk, change, editor, found
from ..undo_press import way_back
from .merge_words import MERGE
from .question_page import attempt, decide, the_question, to_question

ADDRESS = "/<slug>/questions/<public_id>"
MOVES = {
    "shelve": questions.shelve,
    "take": closing.take,
    "reopen": reopen_question,
    "split": questions.split,
    "show": lambda session, actor, one: questions.show(session, actor, one, True),
    "hide": lambda session, actor, one: questions.show(session, actor, one, False),
    "restore": publishing.restore,
}
# What is meant of the question as its page showed it. From the shelf, from its end and back, it is the same however it stands.
RESTS_ON = {"shelve": "newest", "show": "label"}


@editor.press(
    f"{ADDRESS}/<any({', '.join(MOVES)}):move>",
    {"": "word", "reopen": "close", "restore": "close", "show": "show", "hide": "show"},
)
def question_move(slug: str, public_id: str, move: str) -> Response | tuple[str, int]:
    def fn(desk: Desk) -> None:
        one = the_question(desk, public_id)
        if move in RESTS_ON:
            as_shown(desk, one, RESTS_ON[move])
        MOVES[move](desk.session, desk.actor, one)

    return decide(slug, public_id, fn)


@editor.press(f"{ADDRESS}/close", "close")
def question_close(slug: str, public_id: str) -> Response | tuple[str, int]:
    """Its readers hear the reason; an expert who was asked is owed a sentence of their own."""
    reason, sentence = request.form.get("reason", ""), request.form.get("sentence", "")
    fits = request.form.get("answer", "")

    def fn(desk: Desk) -> str:
        one = the_question(desk, public_id)
        as_shown(desk, one)
        if not sentence.strip() and merging_questions.was_asked(desk.session, one):
            raise Missing("sentence")
        answer = found(queries.load(desk.session, desk.actor, fits)) if fits and reason == "answered" else None
        if answer is not None and not answer.is_published:
            raise Stale(answer.public_id)
        with watched(desk.session) as events:
            close_question(desk.session, desk.actor, one, reason, sentence, answer)
            desk.session.flush()
        return way_back(events)

    return decide(slug, public_id, fn, done=_("It is closed."))


@editor.press(f"{ADDRESS}/retract", "close")
def question_retract(slug: str, public_id: str) -> Response | tuple[str, int]:
    why = request.form.get("why", "")

    def fn(desk: Desk) -> None:
        publishing.retract(desk.session, desk.actor, the_question(desk, public_id), why)

    return decide(slug, public_id, fn)


@editor.press(f"{ADDRESS}/merge", "word")
def question_merge(slug: str, public_id: str) -> Response | tuple[str, int]:
    other = request.form.get("into_id", "").strip() or request.form.get("into", "")
    into = public_id_in(other)

    def fn(desk: Desk) -> str:
        one, target = the_question(desk, public_id), queries.load(desk.session, desk.actor, into)
        if target is None:
            raise questions.CannotMerge("elsewhere")
        as_shown(desk, one)
        with watched(desk.session) as events:
            merging_questions.merge(desk.session, desk.actor, one, target)
        return way_back(events)

    try:
        press = change_as_shown(slug, lambda desk: the_question(desk, public_id), fn)
    except questions.CannotMerge as fault:
        announce(_("Not merged: %(why)s.", why=MERGE[fault.reason]))
        return to_question(slug, public_id)
    lead = to_question(slug, into)
    announce(_("The two are one question now."), undo=press, back=lead.location)
    return lead


@editor.press(f"{ADDRESS}/pick", "pick")
def question_pick(slug: str, public_id: str) -> Response | tuple[str, int]:
    def fn(desk: Desk) -> None:
        edition = editions.load(desk.session, desk.actor, request.form.get("edition", ""))
        if edition is None:
            raise Missing("edition")
        slots.pick(desk.session, desk.actor, the_question(desk, public_id), edition)

    return decide(slug, public_id, fn)


@editor.press(f"{ADDRESS}/pull", "pick")
def question_pull(slug: str, public_id: str) -> Response | tuple[str, int]:
    """Take it out of its edition at the last minute. The reason goes to its experts and stays with the question."""
    why = request.form.get("why", "")

    def fn(desk: Desk) -> None:
        if not why.strip():
            raise Missing("why")
        # Of what was carried over, say, nobody has said why it should not run there.
        one = as_shown(desk, the_question(desk, public_id), "edition")
        publishing.drop(desk.session, desk.actor, one, why)
        notes.note(desk.session, desk.actor, one, why)

    return decide(slug, public_id, fn)


@editor.press(f"{ADDRESS}/note", "word")
def question_note(slug: str, public_id: str) -> Response | tuple[str, int]:
    body = request.form.get("note", "")

    def fn(desk: Desk) -> None:
        notes.note(desk.session, desk.actor, the_question(desk, public_id), body)

    return attempt(slug, public_id, fn, "trail")


@editor.press(f"{ADDRESS}/topics", "word")
def question_topics(slug: str, public_id: str) -> Response:
    """The ticked ones, those whose names were typed, with commas between them, and what somebody added since the page
    was made.
    """
    ticked, typed, had = request.form.getlist("topic"), request.form.get("more", ""), shown().get("topics", ())

    def fn(desk: Desk) -> None:
        one = lock(desk.session, the_question(desk, public_id))
        there = queries.topics_of(desk.session, [one.id])[one.id]
        since = [topic.name for topic in there if topic.name not in had]
        names = [*ticked, *since, *typed.replace("،", ",").split(",")]
        chosen = topics.named(desk.session, desk.actor, desk.newsletter, names)
        questions.set_topics(desk.session, desk.actor, one, [topic.id for topic in chosen])

    change(slug, fn)
    return to_question(slug, public_id, "about")


@editor.press(f"{ADDRESS}/askers/<letter_id>/<any(verify, unname):act>", "check names")
def question_asker(slug: str, public_id: str, letter_id: str, act: str) -> Response | tuple[str, int]:
    """Note how a reader's name was checked, or leave them unnamed."""

    def fn(desk: Desk) -> None:
        one, letter = (the_question(desk, public_id), found(letters.load(desk.session, desk.actor, letter_id)))
        found(letter if letter.question_id in queries.family(desk.session, one) else None)
        if act == "verify":
            contacts.verify_credit(desk.session, desk.actor, letter, request.form.get("how", ""))
        else:
            withdrawal.leave_unnamed(desk.session, desk.actor, letter)

    return attempt(slug, public_id, fn, "askers")
