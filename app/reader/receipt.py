"""The receipt: shown once, as the answer to Send; typed in again, it says what became of the question.

The number never stands in an address, so nothing here redirects: each page is the answer to a POST, and sending the
same again changes nothing more.
"""

import json
from collections.abc import Callable

from flask import Response, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from limits import RateLimitItemPerMinute
from sqlalchemy.orm import Session

from ..core.state_machine import InvalidTransition, MissingPrecondition, PermissionDenied
from ..letters import receipts
from ..letters.models import Letter
from ..letters.personal_data import export_personal_data
from ..letters.receive import FormToken, ValidationError
from ..newsletters.models import Newsletter
from ..text.clean import receipt_of
from ..web import errors as pages
from ..web.setup import apply_limits, caller, db, limiter
from ..workflows.letters import receipt_notes, withdrawal
from ..workflows.letters.public_state import get_public_state
from . import arrived
from .page_frame import ReaderContext, enter, open_context, reader
from .progress import format_arrival_day, list_steps
from .submission import SubmissionResult, consent, format_errors, submit_once

# Twenty digits are beyond guessing; this keeps somebody who tries from keeping us busy. Only wrong numbers count, and a
# right one opens whatever others at the same address did: behind Tor and shared lines nobody can keep a reader from
# theirs.
GUESSES = RateLimitItemPerMinute(20, 10)


def send_once(
    slug: str,
    form: FormToken,
    make: Callable[[Session, Newsletter], Letter],
    render_duplicate: Callable[[ReaderContext, SubmissionResult], str],
) -> ResponseReturnValue:
    """Answer Send. A reloaded page sends the same form, and so shows the same number; one that was sent before with
    other words gets the page of `render_duplicate`. Raises what `make` raises.
    """
    sent = submit_once(slug, form, make)
    # Of one that nobody has looked at yet, all pages say the same.
    is_untouched = sent.is_new and sent.letter.waits
    if is_untouched and (kept := arrived.get_cached_page(sent)):
        return kept
    with open_context(slug) as place:
        if not sent.is_identical:
            return render_duplicate(place, sent), 409

        def page(receipt: str) -> tuple[str, bool]:
            letter = place.session.get_one(Letter, sent.letter.id)
            return _render_state(place, letter, receipt, template="reader/arrived.html"), letter.waits

        return arrived.render_and_cache(place, sent, page) if is_untouched else page(sent.receipt)[0]


def _render_state(
    context: ReaderContext, letter: Letter, receipt: str, template: str = "reader/state.html", **values: object
) -> str:
    standing = get_public_state(context.session, context.newsletter, letter)
    live = letter.erased_at is None
    return context.page(
        template,
        "receipt" if template == "reader/state.html" else "",
        receipt=receipt,
        public_state=standing,
        steps=list_steps(context, letter, standing),
        is_live=live,
        has_full_access=live and not letter.receipt_mailed,
        accepts_messages=receipt_notes.accepts_messages(context.newsletter, letter, standing),
        note=receipt_notes.open_note(letter),
        names_readers=context.newsletter.names_readers,
        hear_back=letter.hear_back,
        **values,
    )


@reader.get("/<slug>/receipt")
def receipt(slug: str) -> str:
    with open_context(slug) as place:
        return place.page("reader/receipt.html", "receipt", error="", number="")


@reader.post("/<slug>/receipt")
def receipt_open(slug: str) -> ResponseReturnValue:
    return _handle_receipt(slug)


@reader.post("/<slug>/receipt/add")
def receipt_add(slug: str) -> ResponseReturnValue:
    def add(session: Session, letter: Letter) -> str:
        receipt_notes.add(session, receipts.reader_of(letter), letter, request.form.get("more", ""))
        return _("It is added. The desk reads it together with your question.")

    return _handle_receipt(slug, add)


@reader.post("/<slug>/receipt/answer")
def receipt_answer(slug: str) -> ResponseReturnValue:
    def answer(session: Session, letter: Letter) -> str:
        receipt_notes.answer(session, receipts.reader_of(letter), letter, request.form.get("reply", ""))
        return _("It is sent. The desk reads it together with your question.")

    return _handle_receipt(slug, answer, field_name="reply")


@reader.post("/<slug>/receipt/credit")
def receipt_credit(slug: str) -> ResponseReturnValue:
    def credit(session: Session, letter: Letter) -> str:
        newsletter = session.get_one(Newsletter, letter.newsletter_id)
        typed = request.form
        choice = typed.get("credit", "none") if newsletter.names_readers else "none"
        if choice not in ("first", "full"):
            choice = "none"
        name = typed.get("first" if choice == "first" else "name", "")
        withdrawal.change_credit(
            session, receipts.reader_of(letter), letter, choice, name, typed.get("place", ""), consent(newsletter)
        )
        return _("You won’t be named.") if choice == "none" else _("We have noted how you want to be named.")

    return _handle_receipt(slug, credit)


@reader.post("/<slug>/receipt/held")
def receipt_held(slug: str) -> ResponseReturnValue:
    """Show all that is held, since this press asks for it; or give it away as a file whose name says nothing."""

    def show(place: ReaderContext, letter: Letter, typed: str) -> ResponseReturnValue:
        held = export_personal_data(place.session, receipts.reader_of(letter), letter)
        if request.form.get("as") != "file":
            erased_by = letter.contact and letter.contact.erase_on
            page = {
                "receipt": typed,
                "stored_data": held,
                "received_on": format_arrival_day(letter),
                "erased_by": erased_by,
            }
            return place.page("reader/held.html", "receipt", **page)
        text = json.dumps(held, ensure_ascii=False, indent=2)
        return Response(
            text, mimetype="application/json", headers={"Content-Disposition": "attachment; filename=a.json"}
        )

    return _handle_receipt(slug, show=show)


@reader.post("/<slug>/receipt/withdraw")
def receipt_withdraw(slug: str) -> ResponseReturnValue:
    return _handle_receipt(
        slug, lambda session, letter: withdrawal.withdraw(session, receipts.reader_of(letter), letter)
    )


def _may_guess() -> bool:
    return not limiter.enabled or apply_limits(lambda counters: counters.hit(GUESSES, "receipts", caller()))


def _handle_receipt(
    slug: str,
    act: Callable[[Session, Letter], str | None] | None = None,
    field_name: str = "more",
    show: Callable[[ReaderContext, Letter, str], ResponseReturnValue] | None = None,
) -> ResponseReturnValue:
    """Do something with the letter of the typed receipt, and show how it stands then, or another page of it.
    `field_name` is the field of a text.
    """
    typed = request.form.get("receipt", "")[:200]
    with open_context(slug) as place:
        letter = receipts.find_receipt(place.session, typed)
        if letter is None:
            if receipt_of(typed) and not _may_guess():
                return pages.render_error(429)
            return _render_not_found(place, typed), 422
        key = letter.id
    errors: dict[str, str] = {}
    done, status = None, 200
    try:
        done = db.write(lambda session: act(session, session.get_one(Letter, key))) if act else None
    except MissingPrecondition as fault:
        errors, status = format_errors({"more" if fault.fact == "text" else fault.fact: "empty"}), 400
    except ValidationError as fault:
        errors, status = format_errors(fault.faults), 400
    except (InvalidTransition, PermissionDenied):
        status = 409  # It was taken back before, say by a first press of this button; the page says so.
    errors = {field_name if name == "more" else name: words for name, words in errors.items()}
    with open_context(slug) as place:
        letter = place.session.get_one(Letter, key)
        # A receipt of another newsletter opens there: its reader need not remember where it was given.
        own = enter(place.session, place.session.get_one(Newsletter, letter.newsletter_id))
        try:
            if show:
                return show(own, letter, typed)
        except PermissionDenied:
            status = 409
        return _render_state(own, letter, typed, notice=done, errors=errors, form_data=request.form), status


def _render_not_found(context: ReaderContext, number: str) -> str:
    error = (
        _("No question has this number. Look at each group of four once more.")
        if receipt_of(number)
        else _("A receipt has 20 digits; this is something else.")
    )
    return context.page("reader/receipt.html", "receipt", error=error, number=number)
