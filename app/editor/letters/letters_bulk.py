"""Bulk actions on letters: the selected ones of a page, and whole crowds of a flood."""

from collections.abc import Callable
from functools import partial

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response

from ...audit import collect_events
from ...core.domain_errors import InvalidTransition, VersionConflict
from ...letters import crowds, filing, queries
from ...letters.models import Letter
from ...questions import actions as questions
from ...questions.models import Question
from ...questions.queries import lead_of
from ...web.setup import or_404
from ...workflows.letters.endings import end_letter
from ..bulk import Boxes, Bulk, BulkActionError, Outcome, Press, chosen_topic, collect_rows, fresh, parse_selected_rows
from ..frame import RequestContext, announce, editor, run_in_transaction
from ..letter_labels import FILED, ONLY_HELD
from ..undo_press import get_undo_token
from .letter_list import KINDS, LETTERS
from .letter_pages import address_of, require_reader_letter, shelve


def _load(desk: RequestContext, public_id: str) -> Letter | None:
    return queries.load(desk.session, desk.actor, public_id)


def _of_reader(verb: Callable[[RequestContext, Letter], object]) -> Callable[[RequestContext, Letter], object]:
    return lambda desk, one: verb(desk, require_reader_letter(desk, one))


def _file(kind: str, desk: RequestContext, letter: Letter) -> None:
    filing.file(desk.session, desk.actor, letter, kind)


def _end(desk: RequestContext, letter: Letter) -> None:
    end_letter(desk.session, desk.actor, letter, request.form.get("reason", ""))


def _under_topic(desk: RequestContext, letter: Letter) -> None:
    """Put the letter's question under the selected topic. A letter without a question gets one."""
    topic = chosen_topic(desk)
    own = desk.session.get(Question, letter.question_id) if letter.question_id and letter.is_filed else None
    question = lead_of(desk.session, own) if own else questions.open_question(desk.session, desk.actor, [letter])
    questions.add_topic(desk.session, desk.actor, question, topic.id)


def _one_question(desk: RequestContext, boxes: Boxes) -> tuple[Outcome, str]:
    """Make one question of the selected letters, or join them to the question that some of them belong to."""

    def take(public_id: str, version: int) -> Letter:
        return require_reader_letter(desk, fresh(desk, _load(desk, public_id), version))

    outcome, rows = collect_rows(boxes, take)
    leads = {lead.id: lead for one in rows if (lead := _lead(desk, one))}
    question = leads[min(leads)] if leads else None
    new = [one for one in sorted(rows, key=lambda one: one.id) if not one.is_filed or one.question_id is None]
    away = [one for one in rows if (lead := _lead(desk, one)) and lead is not question]
    words = _("it stands behind another question: merge the two in the list of questions")
    outcome.refused += [(one.public_id, BulkActionError(words)) for one in away]
    if question is not None and not question.takes_letters:
        words = _("the question that it would join has ended, or ran")
        outcome.refused += [(one.public_id, BulkActionError(words)) for one in new]
        new = []
    with collect_events(desk.session) as events:
        if question is not None and new:
            questions.join(desk.session, desk.actor, question, new)
        elif new:
            question = questions.open_question(desk.session, desk.actor, new)
        desk.session.flush()
        outcome.done, outcome.press = len(new), [get_undo_token(events)]
    return outcome, address_of(desk, or_404(question)) if new else ""


def _lead(desk: RequestContext, letter: Letter) -> Question | None:
    if not letter.is_filed or letter.question_id is None:
        return None
    return lead_of(desk.session, desk.session.get_one(Question, letter.question_id))


ABOUT_TOPIC = _l("A question each, under this topic")
Bulk(
    box="letter",
    load=_load,
    presses={
        "question": Press(
            _l("Make one question of them"),
            _one_question,
            "merge",
            act="word",
            together=True,
            done=lambda number: ngettext(
                "One letter stands behind the question now.", "%(num)s letters stand behind one question now.", number
            ),
        ),
        **{kind: Press(FILED[kind], _of_reader(partial(_file, kind)), kind) for kind in KINDS},
        "shelf": Press(_l("Shelve"), _of_reader(shelve), "shelf", act="word"),
        "end": Press(_l("End kindly"), _of_reader(_end), "end", "reason", _l("End with")),
        "topic": Press(ABOUT_TOPIC, _of_reader(_under_topic), act="word", choose="topic"),
    },
    back=LETTERS.back,
    done=lambda number: ngettext("One letter is done.", "%(num)s letters are done.", number),
    empty=_l("Nothing was done. Tick the letters first."),
    link=_l("Go to the question"),
).at("letters", "letters_bulk", "take letters")


@editor.press("/<slug>/letters/crowds", "take letters")
def letter_crowds(slug: str) -> Response:
    chosen = parse_selected_rows("crowd", crowds.SHOWN_CROWDS)

    def fn(desk: RequestContext) -> tuple[int, str]:
        done = 0
        with collect_events(desk.session) as events:
            for public_id, standing in chosen:
                first = or_404(queries.load(desk.session, desk.actor, public_id))
                try:
                    crowds.sweep(desk.session, desk.actor, first, standing)
                    done += 1
                except (
                    InvalidTransition,
                    VersionConflict,
                ):  # changed by somebody else, or the crowd has grown: the page shows it again
                    continue
            desk.session.flush()
            return done, get_undo_token(events)

    done, press = run_in_transaction(slug, fn)
    back = url_for("editor.letters", slug=slug, state=ONLY_HELD)
    said = ngettext("The crowd is filed as spam.", "%(num)s crowds are filed as spam.", done)
    announce(said if done else _("Nothing was done. Tick a crowd as it stands now."), undo=press, return_url=back)
    return redirect(back, code=303)


@editor.press("/<slug>/letters/crowds/hold", "take letters")
def letter_crowds_hold(slug: str) -> Response:
    chosen = parse_selected_rows("crowd", 1)

    def fn(desk: RequestContext) -> tuple[int, str]:
        done = 0
        with collect_events(desk.session) as events:
            for public_id, number in chosen:
                first = or_404(queries.load(desk.session, desk.actor, public_id))
                try:
                    done += crowds.hold(desk.session, desk.actor, first, number)
                except (InvalidTransition, VersionConflict):  # as above
                    continue
            desk.session.flush()
            return done, get_undo_token(events)

    done, press = run_in_transaction(slug, fn)
    back = url_for("editor.letters", slug=slug)
    said = ngettext("One letter is held.", "%(num)s letters are held.", done)
    announce(said if done else _("Nothing was done. More have come: look again."), undo=press, return_url=back)
    return redirect(back, code=303)
