"""The views of an edition: its page, preview, exports, and the actions that build, lock, hand over and send it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import abort, make_response, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from ...audit import collect_events
from ...core.domain_errors import InvalidField, InvalidTransition, MissingPrecondition, VersionConflict
from ...editions import edition_mail, handoff, locking, slots
from ...editions import queries as editions
from ...editions.locking import list_lock_blockers
from ...editions.models import Edition
from ...editions.ready_questions import load_ready_questions
from ...letters import queries as letters
from ...mail.outbox import OnItsWay
from ...questions import actions
from ...questions import queries as questions
from ...questions.models import Question
from ...questions.source_protection import LeakDetected
from ...typesetting import whole_mail
from ...typesetting.exports import BY_SUFFIX
from ...web.formatting import day, moment
from ...web.setup import or_404
from ...workflows.letters import withdrawal
from ...workflows.publishing import publication, reschedule, skip
from ...workflows.publishing.recall import recall
from ..conflict import check_unchanged, list_events_since_opened, submitted_version
from ..form_fields import parse_day, parse_number
from ..frame import RequestContext, announce, editor, read_context, rerender, run_in_transaction
from ..mail_labels import format_notified_experts
from ..rejected_forms import build_rejected_form
from ..undo_press import get_undo_token
from .builder import (
    describe_changes,
    describe_moved_questions,
    format_refusal,
    get_preserved_params,
    render_edition,
    reply_address,
)

# The preview is shown in a frame of the edition's page, and loads nothing but its style sheet.
FRAME_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Frame-Options": "SAMEORIGIN",
}


def _load_edition(desk: RequestContext, public_id: str) -> Edition:
    return or_404(editions.load(desk.session, desk.actor, public_id))


def _get_preview(desk: RequestContext, edition: Edition) -> locking.Preview:
    """Return the preview in the language that the address asks for. 404 if nothing is translated into it."""
    language = request.args.get("language", "")
    preview = locking.preview(desk.session, edition, language)
    if preview.language != language:
        abort(404)
    return preview


@editor.get("/<slug>/editions/<public_id>")
def edition(slug: str, public_id: str) -> str:
    with read_context(slug) as desk:
        return _render_edition_of(desk, public_id)


def _render_edition_of(desk: RequestContext, public_id: str, /, **refusal: Any) -> str:
    return render_edition(desk, _load_edition(desk, public_id), **refusal)


@editor.get("/<slug>/editions/<public_id>/reply-address.txt", endpoint="reply_address")
def edition_reply_address(slug: str, public_id: str) -> Response:
    """Return the edition's reply address as plain text, for the copy button."""
    with read_context(slug) as desk:
        edition = _load_edition(desk, public_id)
        address = reply_address(desk, edition)
        if not address:
            abort(404)
        response = make_response(address)
        response.headers["Content-Type"] = "text/plain; charset=utf-8"
        return response


@editor.get("/<slug>/editions/<public_id>/mail", endpoint="edition_mail")
def whole_edition_mail(slug: str, public_id: str) -> Response:
    """Show the edition as a complete mail, with a style sheet instead of inline styles, which the CSP forbids."""
    with read_context(slug) as desk:
        edition = _load_edition(desk, public_id)
        preview = _get_preview(desk, edition)
        if not preview.blocks:
            abort(404)
        style_sheet_url = url_for("static", filename=whole_mail.STYLE_SHEET)
        response = make_response(whole_mail.page(preview.blocks, preview.subject.line, style_sheet_url))
        response.headers.update(FRAME_HEADERS)
        return response


@editor.get(f"/<slug>/editions/<public_id>/export.<any({', '.join(map(repr, BY_SUFFIX))}):ending>")
def export(slug: str, public_id: str, ending: str) -> Response | tuple[str, int]:
    """Return the edition's blocks as a file.

    Answer with a 409 while a reader's name may not be printed, nothing is picked, or a planned edition can't be locked.
    """
    with read_context(slug) as desk:
        edition = _load_edition(desk, public_id)
        preview = _get_preview(desk, edition)
        if preview.troubles:
            return render_edition(desk, edition, _("Nothing was exported: first settle the name below.")), 409
        if not preview.blocks:
            return render_edition(
                desk, edition, _("Nothing was exported: nothing is picked for this edition yet.")
            ), 409
        if edition.is_planned and _has_lock_blockers(desk, edition):
            return render_edition(
                desk, edition, _("Nothing was exported: first settle what keeps it from being locked.")
            ), 409
        export_format = BY_SUFFIX[ending]
        response = make_response(export_format.write(preview.blocks, preview.subject.line))
        response.headers["Content-Type"] = export_format.content_type
        if export_format.schema:
            schema_url = url_for("static", filename=export_format.schema, version=None)
            response.headers["Link"] = f'<{schema_url}>; rel="describedby"'  # RFC 8288
        stem = "-".join(filter(None, (desk.newsletter.slug, edition.local_at[:10], preview.language)))
        response.headers["Content-Disposition"] = f'attachment; filename="{stem}.{ending}"'
        return response


def _has_lock_blockers(desk: RequestContext, edition: Edition) -> bool:
    """Return whether something keeps a planned edition from being locked."""
    picked = slots.list_picked_questions(desk.session, edition)
    return bool(list_lock_blockers(load_ready_questions(desk.session, desk.newsletter, picked)))


def _get_submitted_question(desk: RequestContext, edition: Edition | None = None) -> Question:
    """Return the question that the form names. Raises `VersionConflict` if it isn't in the slots of `edition`."""
    question = or_404(questions.load(desk.session, desk.actor, request.form.get("question", "")))
    if edition is not None and question.edition_id != edition.id:
        raise VersionConflict(f"question {question.id} left edition {edition.id}")
    return question


def _leave_unnamed(desk: RequestContext, edition: Edition) -> None:
    letter = or_404(letters.load(desk.session, desk.actor, request.form.get("letter", "")))
    if letter.id not in [trouble.letter_id for trouble in locking.name_troubles(desk.session, edition)]:
        raise InvalidTransition("letter", "leave unnamed", letter.state)
    withdrawal.leave_unnamed(desk.session, desk.actor, letter)


def _format_slot_message(question: Question) -> str:
    return _("“%(what)s” is in slot %(number)s.", what=question.short_title, number=question.position)


def _format_removed_message(question: Question) -> str:
    return _("“%(what)s” is out, and ready to run another time.", what=question.short_title)


def _pick(desk: RequestContext, edition: Edition) -> str:
    question = _get_submitted_question(desk)
    slots.pick(desk.session, desk.actor, question, edition)
    return _format_slot_message(question)


def _drop(desk: RequestContext, edition: Edition) -> str:
    question = _get_submitted_question(desk, edition)
    reason = request.form.get("why", "")
    publication.drop(desk.session, desk.actor, question, reason)
    if reason.strip():
        return _("“%(what)s” is out, and its expert is told why.", what=question.short_title)
    return _format_removed_message(question)


def _carry(desk: RequestContext, edition: Edition) -> str:
    question = _get_submitted_question(desk, edition)
    target = publication.carry_over(desk.session, desk.actor, question)
    return _("“%(what)s” runs on %(day)s; its expert is told.", what=question.short_title, day=day(target.runs_at))


def _build_move(step: int) -> Callable[[RequestContext, Edition], str]:
    def move(desk: RequestContext, edition: Edition) -> str:
        question = _get_submitted_question(desk, edition)
        slots.move(desk.session, desk.actor, question, step)
        desk.session.refresh(question)
        return _format_slot_message(question)

    return move


def _arrange(desk: RequestContext, edition: Edition) -> str:
    order = [or_404(questions.load(desk.session, desk.actor, key)) for key in request.form.getlist("order")]
    previous = slots.list_picked_questions(desk.session, edition)
    slots.arrange(desk.session, desk.actor, edition, order, submitted_version())
    added = [question for question in order if question not in previous]
    removed = [question for question in previous if question not in order]
    if added:
        return _format_slot_message(added[0])
    if removed:
        return _format_removed_message(removed[0])
    return _("The slots are in the new order.")


def _put_answer_first(desk: RequestContext, edition: Edition) -> str:
    question = _get_submitted_question(desk, edition)
    slots.put_answer_first(desk.session, desk.actor, edition, question, request.form.get("answer", ""))
    return _("That answer is first now.")


def _set_must_run_by(desk: RequestContext, edition: Edition) -> str:
    question = _get_submitted_question(desk)
    text = request.form.get("by", "").strip()
    must_run_by = parse_day(text)
    if text and must_run_by is None:
        raise InvalidField("date_not_in_future", "by")
    actions.set_must_run_by(desk.session, desk.actor, question, must_run_by)
    if must_run_by is None:
        return _("“%(what)s” has no date any more.", what=question.short_title)
    return _("“%(what)s” must run by %(day)s.", what=question.short_title, day=day(must_run_by))


def _skip(desk: RequestContext, edition: Edition) -> str:
    moved = skip.skip(desk.session, desk.actor, edition)
    return " ".join([_("There is no edition on this date now."), *describe_moved_questions(moved)])


def _move_edition(desk: RequestContext, edition: Edition) -> str:
    try:
        local_at = datetime.fromisoformat(request.form.get("at", "")).replace(second=0, tzinfo=None)
    except ValueError:
        raise InvalidField("date_not_in_future", "at") from None
    names = reschedule.move(desk.session, desk.actor, edition, local_at)
    message = _("The edition runs on %(moment)s now.", moment=moment(edition.runs_at))
    return f"{message} {format_notified_experts(names)}" if names else message


def _unskip(desk: RequestContext, edition: Edition) -> str:
    moved = skip.unskip(desk.session, desk.actor, edition)
    return " ".join([_("There is an edition on this date after all."), *describe_moved_questions(moved)])


def _set_slots(desk: RequestContext, edition: Edition) -> str:
    slot_count = parse_number(request.form.get("slots", "0"))
    section = parse_number(request.form.get("section", "0"))
    publication.set_slots(desk.session, desk.actor, edition, slot_count, section)
    return ngettext("The edition has one slot.", "The edition has %(num)s slots.", edition.slots)


# The actions of the page. Each returns the message to announce, or None.
ACTIONS: dict[str, Callable[[RequestContext, Edition], str | None]] = {
    "pick": _pick,
    "up": _build_move(-1),
    "down": _build_move(1),
    "arrange": _arrange,
    "first": _put_answer_first,
    "drop": _drop,
    "carry": _carry,
    "date": _set_must_run_by,
    "slots": _set_slots,
    "unname": _leave_unnamed,
    "lock": lambda desk, edition: locking.lock_edition(desk.session, desk.actor, edition, submitted_version()),
    "unlock": lambda desk, edition: withdrawal.unlock(desk.session, desk.actor, edition, submitted_version()),
    "send": lambda desk, edition: publication.send(desk.session, desk.actor, edition, version=submitted_version()),
    "ran": lambda desk, edition: publication.send(desk.session, desk.actor, edition, version=submitted_version()),
    "recall": lambda desk, edition: recall(desk.session, desk.actor, edition),
    "skip": _skip,
    "move": _move_edition,
    "unskip": _unskip,
}
# Actions that are refused if the edition has changed since the page was opened. The others either compare its version
# themselves, or are about one question or letter, so that other changes of the edition don't matter.
CHECKED_ACTIONS = ("up", "down", "slots", "skip", "unskip", "move", "recall")
# Actions after which the page is shown at its slots.
SLOT_ACTIONS = ("pick", "up", "down", "arrange", "first", "drop", "carry", "date", "slots")


@editor.action(
    f"/<slug>/editions/<public_id>/<any({', '.join(ACTIONS)}):action>",
    permission={"": "edition", "pick": "pick", "drop": "pick", "date": "word", "unname": "check names"},
)
def press(slug: str, public_id: str, action: str) -> Response | tuple[str, int]:
    """Run one action on an edition and announce it, with what others did meanwhile. If it is refused, say why."""

    def fn(desk: RequestContext) -> tuple[list[str], str]:
        edition = _load_edition(desk, public_id)
        if action in CHECKED_ACTIONS:
            check_unchanged(desk, edition)
        with collect_events(desk.session) as events:
            action_message = ACTIONS[action](desk, edition)
        changes = describe_changes(desk, edition, list_events_since_opened(desk, edition, omit_mine=True))
        messages = [_("Since you opened it: %(what)s", what=change) for change in changes]
        if action_message:
            return [action_message, *messages], get_undo_token(events)
        return messages, ""

    try:
        messages, undo_token = run_in_transaction(slug, fn)
    except LeakDetected as error:
        return rerender(slug, 422, _render_edition_of, public_id, rejected_form=build_rejected_form(error))
    except (InvalidTransition, MissingPrecondition, VersionConflict, OnItsWay) as error:
        return rerender(slug, 409, _render_edition_of, public_id, trouble=format_refusal(error))
    page_url = url_for("editor.edition", slug=slug, public_id=public_id)
    for index, message in enumerate(messages):
        announce(message, undo=undo_token if index == 0 else "", return_url=page_url)
    anchor = "slots" if action in SLOT_ACTIONS else None
    return redirect(
        url_for("editor.edition", slug=slug, public_id=public_id, _anchor=anchor, **get_preserved_params()), code=303
    )


@editor.action("/<slug>/editions/<public_id>/mail-to-me", permission="edition")
def mail_to_me(slug: str, public_id: str) -> Response | tuple[str, int]:
    """Mail the edition to whoever presses, in the language of the preview."""

    def fn(desk: RequestContext) -> None:
        edition_mail.mail_to_actor(
            desk.session, desk.actor, _load_edition(desk, public_id), request.args.get("language", "")
        )

    try:
        run_in_transaction(slug, fn)
    except MissingPrecondition as error:
        return rerender(slug, 409, _render_edition_of, public_id, trouble=format_refusal(error))
    announce(_("It is on its way to your own address, and to nobody else."))
    return redirect(
        url_for("editor.edition", slug=slug, public_id=public_id, _anchor="preview", **get_preserved_params()), code=303
    )


@editor.action("/<slug>/editions/<public_id>/draft", permission="edition")
def hand_over(slug: str, public_id: str) -> Response | tuple[str, int]:
    """Let the worker make the edition's draft in the sending tool, or bring it up to date."""

    def fn(desk: RequestContext) -> None:
        handoff.queue_handoff(desk.session, desk.actor, _load_edition(desk, public_id))

    try:
        run_in_transaction(slug, fn)
    except (InvalidTransition, MissingPrecondition) as error:
        return rerender(slug, 409, _render_edition_of, public_id, trouble=format_refusal(error))
    announce(_("The draft is being made. The result appears under its heading."))
    return redirect(
        url_for("editor.edition", slug=slug, public_id=public_id, _anchor="draft", **get_preserved_params()), code=303
    )
