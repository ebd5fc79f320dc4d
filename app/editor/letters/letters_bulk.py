"""The ticked letters of a page: filed, shelved, put under a topic or ended one by one, or made one question together."""

from collections.abc import Callable
from urllib.parse import parse_qsl

from flask import abort, redirect, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from ...audit import watched
from ...letters import filing, queries
from ...letters.ending_sentences import ENDINGS
from ...letters.models import Letter
from ...newsroom.endings import end_letter
from ...questions import moves as questions
from ...questions.models import Question
from ...questions.queries import lead_of
from ..bulk import Otherwise, Outcome, chosen_topic, each, fresh, tell, ticked, together
from ..frame import Desk, at_desk, change, editor, found
from ..undo_press import way_back
from .letter_filters import LETTERS
from .letter_pages import address_of, of_reader, shelve
from .letter_rows import KINDS


def _load(desk: Desk, public_id: str) -> Letter | None:
    return queries.load(desk.session, desk.actor, public_id)


def _file(kind: str) -> Callable[[Desk, Letter], None]:
    return lambda desk, one: filing.file(desk.session, desk.actor, one, kind)


def _end(desk: Desk, one: Letter) -> None:
    end_letter(desk.session, desk.actor, one, request.form.get("reason", ""))


def _under_topic(desk: Desk, one: Letter) -> None:
    """A topic belongs to a question: to the one that the letter stands behind, or to one of its own."""
    topic = chosen_topic(desk)
    own = desk.session.get(Question, one.question_id) if one.question_id and one.is_filed else None
    question = lead_of(desk.session, own) if own else questions.open_question(desk.session, desk.actor, [one])
    questions.add_topic(desk.session, desk.actor, question, topic.id)


ACTS: dict[str, Callable[[Desk, Letter], object]] = {
    **{kind: _file(kind) for kind in KINDS}, "shelf": shelve, "end": _end, "topic": _under_topic,
}  # fmt: skip


@editor.press("/<slug>/letters", "take letters")
def letters_bulk(slug: str) -> Response:
    act, boxes = request.form.get("act", ""), ticked("letter")
    if act not in ("question", *ACTS) or (act == "end" and request.form.get("reason") not in ENDINGS):
        abort(400)
    with at_desk(slug) as desk:  # a stranger learns nothing, also without a tick
        args = dict(parse_qsl(request.form.get("list", "")))
        listed = LETTERS.read(desk, args)
        back = listed.address(before=args.get("before"))
    if act == "question":
        outcome, href = _together(slug, boxes)
    else:
        outcome, href = each(slug, boxes, _load, lambda desk, one: ACTS[act](desk, of_reader(desk, one))), ""
    done = ngettext("One letter is done.", "%(num)s letters are done.", outcome.done)
    tell(
        slug,
        outcome,
        _load,
        done,
        _("Nothing was done. Tick the letters first."),
        back,
        (href, _("Go to the question")),
    )
    with at_desk(slug) as desk:
        more = listed.listing.page(desk.session, None, 1)
    # With nothing else to read, the new question is what comes next.
    return redirect(back if more or not href else href, code=303)


def _together(slug: str, boxes: list[tuple[str, int]]) -> tuple[Outcome, str]:
    """Make one question of the ticked letters, or let them join the one that some of them stand behind."""

    def fn(desk: Desk) -> tuple[Outcome, str]:
        def take(public_id: str, version: int) -> Letter:
            return of_reader(desk, fresh(desk, _load(desk, public_id), version))

        outcome, rows = together(boxes, take)
        leads = {lead.id: lead for one in rows if (lead := _lead(desk, one))}
        question = leads[min(leads)] if leads else None
        new = [one for one in sorted(rows, key=lambda one: one.id) if not one.is_filed or one.question_id is None]
        away = [one for one in rows if (lead := _lead(desk, one)) and lead is not question]
        words = _("it stands behind another question: merge the two in the list of questions")
        outcome.refused += [(one.public_id, Otherwise(words)) for one in away]
        if question is not None and not question.takes_letters:
            words = _("the question that it would join has ended, or ran")
            outcome.refused += [(one.public_id, Otherwise(words)) for one in new]
            new = []
        with watched(desk.session) as events:
            if question is not None and new:
                questions.join(desk.session, desk.actor, question, new)
            elif new:
                question = questions.open_question(desk.session, desk.actor, new)
            desk.session.flush()
            outcome.done, outcome.press = len(new), [way_back(events)]
        return outcome, address_of(desk, found(question)) if new else ""

    return change(slug, fn)


def _lead(desk: Desk, one: Letter) -> Question | None:
    if not one.is_filed or one.question_id is None:
        return None
    return lead_of(desk.session, desk.session.get_one(Question, one.question_id))
