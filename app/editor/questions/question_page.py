"""One question: how it stands, its wording, whoever asked, who has it, the answers, and what happened."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ...core.state_machine import InvalidTransition, MissingPrecondition, TooLong, VersionConflict
from ...db.session import now
from ...questions import queries
from ...questions.lifecycle import STATES
from ...questions.models import Question
from ...workflows.retention.erase_published import WEEK
from ..conflict import abort_with_conflict, newest_change, token
from ..flash import announce
from ..form_values import format_local_time
from ..frame import Acts, RequestContext, editor, page, read_context, require_row, run_in_transaction
from ..letters.letter_words import CHANNELS, ENDS
from ..mail.mail_words import about_to_leave
from .approval import evidence
from .chapters import chapters
from .clearance import leaving
from .dossier import load_question_detail
from .form_errors import RejectedForm, build_rejected_form
from .next_step import next_step
from .question_facts import facts_of_question
from .question_look_alikes import compare_question, list_look_alikes
from .question_states import BUTTONS
from .question_words import APPROVAL_FAULTS, CHECKLIST, REASONS, clocks
from .timeline import SHOWS, trail
from .translation_list import languages_to

ADDRESS = "/<slug>/questions/<public_id>"


def the_question(desk: RequestContext, public_id: str) -> Question:
    question = queries.load(desk.session, desk.actor, public_id)
    return require_row(desk, question, "editor.question", public_id, _("Back to the question"))


def to_question(slug: str, public_id: str, chapter: str | None = None) -> Response:
    """Lead to the page of a question, where a chapter is unfolded."""
    here = url_for("editor.question", slug=slug, public_id=public_id, open=chapter, _anchor=chapter)
    return redirect(here, code=303)


def question_press(
    address: str, act: Acts, *, chapter: str | None = None, message: Any = "", decides: bool = True
) -> Callable[[Callable[..., object]], Callable[..., Response | tuple[str, int]]]:
    """Declare what a press changes about a question, whose page is shown then at a `chapter`; a form that lacks
    something comes back as it was typed.

    Where it `decides` about the question as it was seen, whoever comes second is told who was first. The function gets
    the desk, the question and what else the address has; where `message` is said of it, it gives the way back.
    """

    def declare(fn: Callable[..., object]) -> Callable[..., Response | tuple[str, int]]:
        @wraps(fn)
        def view(slug: str, public_id: str, **values: str) -> Response | tuple[str, int]:
            try:
                press = run_in_transaction(slug, lambda desk: fn(desk, the_question(desk, public_id), **values))
            except (MissingPrecondition, TooLong) as missing:
                with read_context(slug) as desk:
                    return question_page(
                        desk, the_question(desk, public_id), rejected_form=build_rejected_form(missing)
                    ), 422
            except (VersionConflict, InvalidTransition) as refused:
                if not decides:
                    raise
                abort_with_conflict(slug, lambda desk: the_question(desk, public_id), refused)
            if message:
                announce(
                    str(message), undo=str(press), return_url=url_for("editor.question", slug=slug, public_id=public_id)
                )
            return to_question(slug, public_id, chapter)

        return editor.press(address, act)(view)

    return declare


@editor.get(ADDRESS)
def question(slug: str, public_id: str) -> str:
    """Its page; `show` and `before` in the address say what of the trail stands on it, and from where on; `open` which
    of its chapters is unfolded.
    """
    with read_context(slug) as desk:
        return question_page(desk, the_question(desk, public_id))


def question_page(
    desk: RequestContext,
    question: Question,
    rejected_form: RejectedForm = RejectedForm(),  # noqa: B008 - it is frozen
    **typed: Any,
) -> str:
    """Show the page. `rejected_form`, or `typed` for the checklist, is what a form held that couldn't be taken, and
    why."""
    detail = load_question_detail(desk, question)
    found = compare_question(desk, question, detail.topics)
    newest = newest_change(question)
    show, before = request.args.get("show"), request.args.get("before", "")
    step = next_step(detail)
    due = step.chapter if step else ""
    colleagues = [name for key, name in detail.colleagues.items() if key != desk.actor.person_id]
    return page(
        desk,
        "editor/questions/question.html",
        "questions",
        detail=detail,
        question=question,
        version_token=token(facts_of_question(question, newest.id if newest else 0, detail.edition, detail.topics)),
        step=step,
        due_chapter=due,
        due_href=step.href if step else "",
        open_chapter="trail" if show is not None or before else request.args.get("open", ""),
        chapters=chapters(detail, due),
        buttons=BUTTONS,
        trail=trail(detail, show or "", before),
        trail_filters=SHOWS,
        colleagues=colleagues,
        mention_examples=", ".join(f"@{name.split()[0]}" for name in colleagues),
        outgoing_mails=about_to_leave(desk, detail.family),
        translations=languages_to(detail),
        similar_texts=found,
        look_alikes=list_look_alikes(desk, question, found, detail.family, detail.was_asked),
        channels=CHANNELS,
        end_reasons=ENDS,
        withdrawn_days=WEEK.days,
        erased_on=question.state_at + WEEK,
        reasons=REASONS,
        checklist=CHECKLIST,
        evidence=lambda part: evidence(desk, detail, part),
        get_outgoing_text=lambda: leaving(desk, detail),
        approval_faults=APPROVAL_FAULTS,
        approval_summary=typed.get("faults", []),
        clocks=lambda place: clocks(place, now(desk.session)),
        local_time=lambda moment: format_local_time(moment, desk.newsletter.zone),
        merge_targets=_list_merge_targets(desk, question) if "merge" in detail.may else [],
        rejected_form=rejected_form,
        form_data=typed,
    )


def _list_merge_targets(desk: RequestContext, question: Question) -> list[tuple[str, str]]:
    """Return what a question could be merged into."""
    rows = queries.list_newest_summaries(desk.session, desk.newsletter.id, STATES.which("is_in_work"), 50)
    return [(row.public_id, row.title[:90]) for row in rows if row.id != question.id]
