"""Letters: the list, the one that is read, and what the desk does with them, one at a time or several at once."""

from collections.abc import Sequence

from flask import abort, flash, g, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from ..answers import by_mail
from ..answers.models import Assignment
from ..answers.queries import answers_of
from ..db import lock
from ..editions.endings import end_letter, reopen_letter
from ..letters import filing, queries
from ..letters.models import Letter
from ..lifecycle import Illegal, expect
from ..questions import desk as questions
from ..questions import queries as question_queries
from ..questions.models import Question
from . import mailed
from .frame import Desk, at_desk, change, editor, found, page
from .letter_views import KINDS, list_of, pane_of
from .letter_words import FILED, REPLIES
from .question_words import REASONS
from .typed import public_id_in, typed_day

WAITING = ("received", "held")


@editor.get("/<slug>/letters")
def letters(slug: str) -> str:
    with at_desk(slug) as desk:
        return page(desk, "editor/letters.html", "letters", item=None, **list_of(desk))


def _letter(desk: Desk, public_id: str) -> Letter:
    one = found(queries.load(desk.session, desk.actor, public_id))
    href = url_for("editor.letter", slug=desk.newsletter.slug, public_id=public_id)
    g.back = (href, _("Back to the letter"))  # where an error page leads
    return one


@editor.get("/<slug>/letters/<public_id>")
def letter(slug: str, public_id: str) -> str:
    with at_desk(slug) as desk:
        item = _letter(desk, public_id)
        return page(
            desk,
            "editor/letters.html",
            "letters",
            **list_of(desk, item),
            **pane_of(desk, item),
        )


def _question_typed(desk: Desk, states: Sequence[str]) -> Question | None:
    """The question that was chosen from the list, or whose id or address was typed or pasted."""
    typed = request.form.get("question_id", "").strip() or request.form.get("question", "")
    if not typed:
        return None
    question = found(question_queries.load(desk.session, desk.actor, public_id_in(typed)))
    if question.state not in states:
        raise Illegal("question", "join", question.state)
    return question


def _next(desk: Desk, after: Letter) -> str:
    """Where to go when a letter is done: the next one that waits, or the list."""
    session, key, slug = desk.session, desk.newsletter.id, desk.newsletter.slug
    rows = queries.page(session, key, WAITING, after.id, 1) or queries.page(session, key, WAITING, None, 1)
    return (
        url_for("editor.letter", slug=slug, public_id=rows[0].public_id)
        if rows
        else url_for("editor.letters", slug=slug)
    )


def _go_on(slug: str, public_id: str, href: str, words: str) -> Response:
    """Say what was done, with the way back to the letter, and show what comes next."""
    if words:
        back = url_for("editor.letter", slug=slug, public_id=public_id)
        flash({"text": words, "href": back, "label": _("Open it again")})
    return redirect(href, code=303)


@editor.post("/<slug>/letters/<public_id>/file")
def letter_file(slug: str, public_id: str) -> Response:
    kind, version = request.form.get("kind", ""), request.form.get("version", type=int)
    if kind not in ("question", *KINDS):
        abort(400)

    def fn(desk: Desk) -> tuple[str, str]:
        one = of_reader(_letter(desk, public_id))
        if kind == "question":
            return _to_question(desk, one, version)
        filing.file(desk.session, desk.actor, one, kind, version=version)
        return _next(desk, one), _("Filed as: %(kind)s.", kind=FILED[kind])

    return _go_on(slug, public_id, *change(slug, fn))


def of_reader(one: Letter) -> Letter:
    """What an expert wrote is filed as theirs. Raises `Illegal`."""
    if one.author != "reader":
        raise Illegal("letter", "file as a reader's", one.author)
    return one


@editor.post("/<slug>/letters/<public_id>/reply")
def letter_reply(slug: str, public_id: str) -> Response:
    """File what an expert wrote by mail; their assignment or answer follows."""
    form = request.form
    kind, reason = form.get("kind", ""), form.get("reason", "other")
    if kind not in (*REPLIES, "cannot", "later") or reason not in REASONS:
        abort(400)

    def fn(desk: Desk) -> tuple[str, str]:
        one, version = _letter(desk, public_id), form.get("version", -1, type=int)
        assignment = found(mailed.about(desk.session, [one]).expert(one))
        if kind in ("comment", "spam"):
            filing.file(desk.session, desk.actor, one, kind, assignment_id=assignment.id, version=version)
        else:
            day = typed_day(form.get("later_on", ""))
            by_mail.file(desk.session, desk.actor, one, kind, reason=reason, later_on=day, version=version)
        done = "" if kind == "answer" else _("Filed as: %(kind)s.", kind=FILED[kind])
        return _after_reply(desk, one, assignment, kind), done

    return _go_on(slug, public_id, *change(slug, fn))


def _after_reply(desk: Desk, one: Letter, assignment: Assignment, kind: str) -> str:
    """An answer is read and edited next; else one goes on where one came from."""
    at = {"slug": desk.newsletter.slug, "public_id": assignment.question.public_id}
    if kind == "answer":
        answer = answers_of(desk.session, [assignment.question_id])[assignment.id]
        return url_for("editor.answer_edit", **at, answer_id=answer.public_id)
    return url_for("editor.question", **at) if request.form.get("back") == "question" else _next(desk, one)


def _to_question(desk: Desk, one: Letter, version: int | None) -> tuple[str, str]:
    """A question of its own, or one more reader of a question that is there."""
    expect(lock(desk.session, one), version)
    question = _question_typed(desk, ("open", "seeking", "answered", "queued", "shelved", "merged"))
    if question is None:
        question = questions.open_question(desk.session, desk.actor, [one])
        return url_for("editor.question", slug=desk.newsletter.slug, public_id=question.public_id), ""
    questions.join(desk.session, desk.actor, question, [one])
    about = question.headline or question.wording[:80]
    return _next(desk, one), _("It stands behind “%(question)s” now.", question=about)


@editor.post("/<slug>/letters/<public_id>/end")
def letter_end(slug: str, public_id: str) -> Response:
    def fn(desk: Desk) -> tuple[str, str]:
        one = of_reader(_letter(desk, public_id))
        expect(lock(desk.session, one), request.form.get("version", type=int))
        end_letter(
            desk.session,
            desk.actor,
            one,
            request.form.get("reason", ""),
            _question_typed(desk, ("published",)),
        )
        return _next(desk, one), _("Ended with a kind sentence.")

    return _go_on(slug, public_id, *change(slug, fn))


@editor.post("/<slug>/letters/<public_id>/<any(reopen, release):move>")
def letter_move(slug: str, public_id: str, move: str) -> Response:
    verb = {"reopen": reopen_letter, "release": filing.release}[move]
    change(
        slug,
        lambda desk: verb(desk.session, desk.actor, _letter(desk, public_id)),
    )
    return redirect(url_for("editor.letter", slug=slug, public_id=public_id), code=303)


@editor.post("/<slug>/letters")
def letters_bulk(slug: str) -> Response:
    """One act for all ticked letters; those that somebody else moved meanwhile are left as they are, and counted."""
    ticked = dict(value.split(".", 1) for value in request.form.getlist("letter") if "." in value)
    act, reason = request.form.get("act", ""), request.form.get("reason", "")
    if act not in ("question", "end", *KINDS):
        abort(400)

    def fn(desk: Desk) -> tuple[int, Question | None]:
        rows = [lock(desk.session, one) for one in queries.load_many(desk.session, desk.actor, list(ticked))]
        fresh = [one for one in rows if one.author == "reader" and str(one.version) == ticked[one.public_id]]
        if act == "question":
            return len(fresh), questions.open_question(desk.session, desk.actor, fresh) if fresh else None
        for one in fresh:
            if act == "end":
                end_letter(desk.session, desk.actor, one, reason)
            else:
                filing.file(desk.session, desk.actor, one, act)
        return len(fresh), None

    done, question = change(slug, fn)
    _say_bulk(done, len(ticked) - done)
    if question:
        return redirect(
            url_for("editor.question", slug=slug, public_id=question.public_id),
            code=303,
        )
    return redirect(
        url_for("editor.letters", slug=slug, state=request.form.get("state") or None),
        code=303,
    )


def _say_bulk(done: int, moved: int) -> None:
    words = ngettext("One letter is done.", "%(num)s letters are done.", done) if done else _("Nothing was done.")
    if moved:
        words += " " + ngettext("One had moved meanwhile and stays as it is.",
                                "%(num)s had moved meanwhile and stay as they are.", moved)  # fmt: skip
    elif not done:
        words += " " + _("Tick the letters first.")
    flash({"text": words, "href": "", "label": ""})
