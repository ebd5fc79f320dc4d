"""The receipt: the number that readers get when they send a question, and type in later to see its state.

All readers who have just sent a question with "just a number" see the same page, except for the receipt. The page is
rendered once for each version of the public pages, language and day, together with the form for the cache (see
copies.py), but without the receipt, which is never stored. No letter causes it to be cached: whoever sends the next one
could measure that.

The receipt never appears in a URL either. So nothing here redirects: each page is the response to a POST, and repeating
the POST changes nothing.
"""

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Response, current_app, g, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from limits import RateLimitItemPerMinute
from sqlalchemy.orm import Session

from ..core.clock import utc_now
from ..core.domain_errors import InvalidTransition, MissingPrecondition, PermissionDenied
from ..db.public_version import Version
from ..letters import receipts
from ..letters.filing import get_ending_sentence
from ..letters.models import Letter
from ..letters.personal_data import describe_personal_data
from ..letters.receive import FormToken, ValidationError
from ..newsletters.models import Newsletter
from ..text.clean import parse_receipt
from ..web import errors as pages
from ..web.formatting import day, language, requested_language
from ..web.setup import apply_limits, caller, db, limiter
from ..workflows.letters import receipt_notes, withdrawal
from ..workflows.letters.public_state import PublicState, get_public_state
from ..workflows.retention.open_letters import get_latest_day
from .copies import CONTEXT_KEY, CachedPage, CacheKey, LruStore, get_expiry
from .page_frame import ReaderContext, enter_newsletter, open_context, reader
from .submission import SubmissionResult, consent, format_errors, submit_once


@dataclass(frozen=True)
class ProgressStep:
    """A step in the progress of a question."""

    heading: str
    css_class: str = ""  # "is-done", "is-now", or empty for a future step
    details: str = ""
    link: str | None = None  # to the published answer
    language: str = ""  # of `details`, if it isn't the page's


# The heading of each step when it is done, current, and in the future.
STEP_HEADINGS = (
    (_l("It arrived"), _l("It arrived"), _l("It arrives")),
    (_l("%(editor)s has read it"), _l("%(editor)s will read it"), _l("%(editor)s reads it")),
    (
        _l("An expert was asked"),
        _l("We look for somebody who can answer it"),
        _l("If we can use it, we look for somebody who can answer it"),
    ),
    (_l("The answer is here"), _l("An expert is writing an answer"), _l("If we find somebody, they answer in writing")),
    (
        _l("It ran in the newsletter"),
        _l("It waits for its edition"),
        _l("If it is answered, it may appear in the newsletter and on this site"),
    ),
)
# The number of steps that are done in each public state. The next one is current, all later ones are in the future.
STEPS_DONE = {"arrived": 1, "read": 2, "asked": 3, "answered": 4, "coming": 4, "published": 5}
# The text below the heading of the current step, by public state.
CURRENT_DETAILS = {
    "arrived": _l("We read every question. No news does not mean no."),
    "read": _l("No news does not mean no. It can take some weeks. For some questions we find nobody who can answer."),
    "asked": _l("They have it in the desk’s words, and don’t learn who asked, unless you want to be named."),
    "answered": _l("The desk edits it, and the expert checks it again."),
}
# The text of the last step, "We reply to you", by the reader's choice in the form.
HEAR_BACK_DETAILS = {
    "once": _l("You get one e-mail, then your address is erased here."),
    "while": _l("You get an e-mail, then your address is erased here."),
}


def list_steps(context: ReaderContext, letter: Letter, public_state: PublicState) -> list[ProgressStep]:
    """Return the steps in the progress of a letter's question."""
    if public_state.state in STEPS_DONE:
        return _ongoing_steps(context, letter, public_state)
    list_last_steps = LAST_STEPS[public_state.state]
    return [_arrival_step(letter), *list_last_steps(context, letter, public_state)]


def format_arrival_day(letter: Letter) -> str:
    """Return the day on which a letter arrived.

    For letters without an e-mail address, only the day is stored, as midnight UTC. Converted to the local time zone, it
    would become the day before in half of the world.
    """
    received_at = letter.received_at
    return day(received_at.date() if letter.hear_back == "number" else received_at)


def _arrival_step(letter: Letter) -> ProgressStep:
    return ProgressStep(_("It arrived"), "is-done", format_arrival_day(letter))


def _ongoing_steps(context: ReaderContext, letter: Letter, public_state: PublicState) -> list[ProgressStep]:
    done_count = STEPS_DONE[public_state.state]
    values = {"editor": context.newsletter.editor}
    steps = [_arrival_step(letter)]
    for done_heading, _current, _future in STEP_HEADINGS[1:done_count]:
        steps.append(ProgressStep(str(done_heading) % values, "is-done"))
    if public_state.state in CURRENT_DETAILS and not context.newsletter.is_going:
        heading = _("%(name)s has ended", name=context.newsletter.name)
        details = _("There will be no answer. You can still take your question back.")
        return [*steps, ProgressStep(heading, "is-now", details)]
    if done_count < len(STEP_HEADINGS):
        _done, current_heading, _future = STEP_HEADINGS[done_count]
        steps.append(ProgressStep(str(current_heading) % values, "is-now", _describe_state(public_state)))
    for _done, _current, future_heading in STEP_HEADINGS[done_count + 1 :]:
        steps.append(ProgressStep(str(future_heading) % values))
    if public_state.is_published:
        details = _("It stays on this site, for everyone.")
        steps[-1] = ProgressStep(_("It ran in the newsletter"), "is-now", details, public_state.path)
    elif letter.hear_back in HEAR_BACK_DETAILS and letter.contact:
        details = str(HEAR_BACK_DETAILS[letter.hear_back])
        steps.append(ProgressStep(_("We reply to you"), details=details))
    return steps


def _describe_state(public_state: PublicState) -> str:
    if public_state.state == "coming" and public_state.runs_at:
        return _("It is planned for %(day)s.", day=day(public_state.runs_at))
    return str(CURRENT_DETAILS.get(public_state.state, ""))


def _kept_steps(context: ReaderContext, letter: Letter, public_state: PublicState) -> list[ProgressStep]:
    heading = _("%(editor)s has read it and keeps it", editor=context.newsletter.editor)
    details = _("It isn’t a question for an expert, but it helps the desk. Thank you.")
    return [ProgressStep(heading, "is-now", details)]


EVICTED_SENTENCE = _l(
    "Thousands of letters filled the desk that day. Yours looked like many of them, and was erased before anybody "
    "could read it. If you meant it, please ask again in other words."
)


def _ended_steps(context: ReaderContext, letter: Letter, public_state: PublicState) -> list[ProgressStep]:
    reason = public_state.reason or ""
    sentence = get_ending_sentence(context.session, context.newsletter, reason, requested_language())
    our_sentence = EVICTED_SENTENCE if letter.was_evicted else _("We won’t pursue it.")
    details, details_language = sentence or (str(our_sentence), language())
    if details_language == language():
        details_language = ""
    heading = _("It has ended")
    return [ProgressStep(heading, "is-now", details, public_state.path, details_language)]


def _withdrawn_steps(context: ReaderContext, letter: Letter, public_state: PublicState) -> list[ProgressStep]:
    details = _(
        "Your words, and everything you told us about yourself, are erased here. "
        "Copies in backups are deleted some time later."
    )
    if public_state.runs_unnamed:
        details += " " + _("It was already fixed for an edition. It appears there in the desk’s words, without a name.")
    return [ProgressStep(_("You took it back"), "is-now", details)]


# The functions that list the steps after the arrival for letters on which nobody works any more, by public state.
LAST_STEPS: dict[str, Any] = {"kept": _kept_steps, "ended": _ended_steps, "withdrawn": _withdrawn_steps}


# The placeholders of the receipt in the cached page, one for each digit, as the page shows the digits in groups. They
# are private-use characters, which nobody types, and are chosen at random in each process.
DIGIT_MARKS = "".join(random.sample([*map(chr, range(0xE000, 0xF900))], 20))
_ANY_DIGIT_MARK = re.compile(f"({'|'.join(DIGIT_MARKS)})".encode())


def get_cached_page(result: SubmissionResult) -> bytes | None:
    """Return the page for a new letter that nobody has filed yet, or None if it isn't cached."""
    version: Version | None = g.version
    if version is None or result.letter.hear_back != "number":
        return None
    page = _page_store().get(_page_key(result.letter.received_at), version)
    return _insert_receipt(page, result.receipt) if page else None


def cache_page(context: ReaderContext) -> None:
    """Render and cache the page for the next new letter with "just a number". Call this for a form for the cache."""
    version: Version | None = g.version
    if version is None:
        return
    newsletter = context.newsletter
    letter = Letter(author="reader", channel="web", hear_back="number", received_at=utc_now())  # not filed yet
    # Render it as the response to the form, which has no links to other languages.
    environ = {
        name: value
        for name, value in request.environ.items()
        if not name.startswith("werkzeug.") and name != CONTEXT_KEY
    }
    environ |= {"REQUEST_METHOD": "POST", "PATH_INFO": f"/{newsletter.slug}/send"}
    with current_app.request_context(environ):
        context = enter_newsletter(context.session, newsletter)
        html = _render_state(context, letter, DIGIT_MARKS, template="reader/arrived.html")
        expires_at = get_expiry(context.session, newsletter)
        page = CachedPage(version, expires_at, headers=[], parts=_ANY_DIGIT_MARK.split(html.encode()), etag="")
        _page_store().put(_page_key(letter.received_at), page)


def _insert_receipt(page: CachedPage, receipt: str) -> bytes:
    digits = {mark.encode(): digit.encode() for mark, digit in zip(DIGIT_MARKS, receipt, strict=True)}
    return b"".join(digits.get(part, part) for part in page.parts)


def _page_store() -> LruStore:
    store: LruStore = current_app.extensions["copies"].store
    return store


def _page_key(received_at: datetime) -> CacheKey:
    """Return the cache key, made of everything that the page for a new letter with "just a number" depends on."""
    query = ("lang", g.chosen_language or ""), ("day", f"{received_at.date()}")
    # No page has this path, so no request can fetch the page from the cache.
    return CacheKey(request.script_root, f"/{g.newsletter_view.slug}/arrived", query)


# Nobody can guess twenty digits. The limit only saves the work of answering those who try. Only wrong receipts count: a
# valid one always works, so that readers who share an IP address, such as Tor users, can't lock each other out.
GUESSES = RateLimitItemPerMinute(20, 10)


def send_once(
    slug: str,
    form: FormToken,
    make: Callable[[Session, Newsletter], Letter],
    render_duplicate: Callable[[ReaderContext], str],
) -> ResponseReturnValue:
    """Store the letter of a form with `make`, and return the page with its receipt.

    Reloading the page sends the same form and shows the same receipt. A form that was sent before with another text
    gets the page of `render_duplicate`, which must not show the receipt: the form may have been found in the files of a
    browser. One whose letter is erased gets the page that says so, without the text. Raises the errors of `make`.
    """
    result = submit_once(slug, form, make)
    # The pages of all new letters that nobody has filed yet are the same.
    if result.is_new and result.letter.waits and (cached_page := get_cached_page(result)):
        return cached_page
    with open_context(slug) as context:
        if result.letter.erased_at:
            letter = context.session.get_one(Letter, result.letter.id)
            return _render_state(context, letter, result.receipt, is_sent_again=True, form_data={}), 409
        if not result.is_identical:
            return render_duplicate(context), 409

        letter = context.session.get_one(Letter, result.letter.id)
        return _render_state(context, letter, result.receipt, template="reader/arrived.html")


def _render_state(
    context: ReaderContext, letter: Letter, receipt: str, template: str = "reader/state.html", **values: object
) -> str:
    public_state = get_public_state(context.session, context.newsletter, letter)
    is_live = letter.erased_at is None
    # A receipt that was sent by mail only lets readers see the state and withdraw (`Reader.mailed`).
    has_full_access = is_live and not letter.receipt_mailed
    return context.page(
        template,
        "receipt" if template == "reader/state.html" else "",
        receipt=receipt,
        public_state=public_state,
        steps=list_steps(context, letter, public_state),
        is_live=is_live,
        has_full_access=has_full_access,
        accepts_messages=receipt_notes.accepts_messages(context.newsletter, letter, public_state),
        note=receipt_notes.get_open_note(letter),
        names_readers=context.newsletter.names_readers,
        hear_back=letter.hear_back,
        **_describe_erasure(letter, public_state),
        **values,
    )


def _describe_erasure(letter: Letter, public_state: PublicState) -> dict[str, object]:
    """Return that the words of a letter were erased by their age, and when, if its question was still open."""
    if letter.erased_at is None or letter.is_withdrawn or letter.was_evicted:
        return {}
    if letter.erase_on is None:
        return {"retention_ended": True}
    erased_on = letter.erased_at.date()
    return {
        "erased_on": erased_on,
        "erased_after": (erased_on - letter.received_at.date()).days,
        "goes_on": public_state.is_under_way,
    }


@reader.get("/<slug>/receipt")
def receipt(slug: str) -> str:
    with open_context(slug) as context:
        return context.page("reader/receipt.html", "receipt", error="", number="")


@reader.post("/<slug>/receipt")
def receipt_open(slug: str) -> ResponseReturnValue:
    return _handle_receipt(slug)


@reader.post("/<slug>/receipt/add")
def receipt_add(slug: str) -> ResponseReturnValue:
    def add(session: Session, letter: Letter) -> str:
        receipt_notes.add_text(session, receipts.reader_of(letter), letter, request.form.get("more", ""))
        return _("It is added. The desk reads it together with your question.")

    return _handle_receipt(slug, add)


@reader.post("/<slug>/receipt/answer")
def receipt_answer(slug: str) -> ResponseReturnValue:
    def answer(session: Session, letter: Letter) -> str:
        receipt_notes.answer_note(session, receipts.reader_of(letter), letter, request.form.get("reply", ""))
        return _("It is sent. The desk reads it together with your question.")

    return _handle_receipt(slug, answer, field_name="reply")


@reader.post("/<slug>/receipt/credit")
def receipt_credit(slug: str) -> ResponseReturnValue:
    def change_credit(session: Session, letter: Letter) -> str:
        newsletter = session.get_one(Newsletter, letter.newsletter_id)
        form = request.form
        choice = form.get("credit", "none")
        if not newsletter.names_readers or choice not in ("first", "full"):
            choice = "none"
        name = form.get("first" if choice == "first" else "name", "")
        withdrawal.change_credit(
            session, receipts.reader_of(letter), letter, choice, name, form.get("place", ""), consent(newsletter)
        )
        return _("You won’t be named.") if choice == "none" else _("We have noted how we should name you.")

    return _handle_receipt(slug, change_credit)


@reader.post("/<slug>/receipt/held")
def receipt_held(slug: str) -> ResponseReturnValue:
    """Show what is stored about the reader, without words, or send it as a file with a name that reveals nothing."""

    def show(context: ReaderContext, letter: Letter, receipt: str) -> ResponseReturnValue:
        stored_data = describe_personal_data(context.session, receipts.reader_of(letter), letter)
        if request.form.get("as") == "file":
            text = json.dumps(stored_data, ensure_ascii=False, indent=2)
            headers = {"Content-Disposition": "attachment; filename=a.json"}
            return Response(text, mimetype="application/json", headers=headers)
        return context.page(
            "reader/held.html",
            "receipt",
            receipt=receipt,
            stored_data=stored_data,
            received_on=format_arrival_day(letter),
            words_kept_until=_get_last_day_of_words(context, letter),
            erased_by=letter.contact.erase_on if letter.contact else None,
        )

    return _handle_receipt(slug, show=show)


def _get_last_day_of_words(context: ReaderContext, letter: Letter) -> date | None:
    """Return the day on which the words of a letter are erased if its question is still open then."""
    if not get_public_state(context.session, context.newsletter, letter, with_dates=False).is_under_way:
        return None
    return get_latest_day(context.session, context.newsletter, letter) if letter.is_filed else None


@reader.post("/<slug>/receipt/withdraw")
def receipt_withdraw(slug: str) -> ResponseReturnValue:
    def withdraw(session: Session, letter: Letter) -> None:
        withdrawal.withdraw(session, receipts.reader_of(letter), letter)

    return _handle_receipt(slug, withdraw)


def _count_guess() -> bool:
    """Count a wrong receipt, and return whether this client may try further ones."""
    return not limiter.enabled or apply_limits(lambda counters: counters.hit(GUESSES, "receipts", caller()))


def _handle_receipt(
    slug: str,
    act: Callable[[Session, Letter], str | None] | None = None,
    field_name: str = "more",
    show: Callable[[ReaderContext, Letter, str], ResponseReturnValue] | None = None,
) -> ResponseReturnValue:
    """Run `act` on the letter of the submitted receipt. Return the page of `show`, or else of the letter's state.

    `act` returns the notice for the page, or None. If it reads a text from the form, `field_name` is the field that
    shows errors in this text.
    """
    receipt = request.form.get("receipt", "")[:200]
    with open_context(slug) as context:
        letter = receipts.find_receipt(context.session, receipt)
        if letter is None:
            if parse_receipt(receipt) and not _count_guess():
                return pages.render_error(429)
            return _render_not_found(context, receipt), 422
        letter_id = letter.id
    errors: dict[str, str] = {}
    notice = None
    status = 200
    try:
        if act:
            notice = db.write(lambda session: act(session, session.get_one(Letter, letter_id)))
    except MissingPrecondition as fault:
        errors, status = format_errors({"more" if fault.field == "text" else fault.field: "empty"}), 400
    except ValidationError as fault:
        errors, status = format_errors(fault.faults), 400
    except (InvalidTransition, PermissionDenied):
        status = 409  # the letter was withdrawn before, perhaps by an earlier click on this button; its page says so
    # In `submission.FAULTS`, the text is called "more", whatever its field.
    errors = {field_name if name == "more" else name: message for name, message in errors.items()}
    with open_context(slug) as context:
        letter = context.session.get_one(Letter, letter_id)
        # A receipt of another newsletter works here too, and shows that newsletter's page.
        own_context = enter_newsletter(context.session, context.session.get_one(Newsletter, letter.newsletter_id))
        try:
            if show:
                return show(own_context, letter, receipt)
        except PermissionDenied:
            status = 409
        html = _render_state(own_context, letter, receipt, notice=notice, errors=errors, form_data=request.form)
        return html, status


def _render_not_found(context: ReaderContext, number: str) -> str:
    error = (
        _("No question has this number. Please check each group of four.")
        if parse_receipt(number)
        else _("A receipt number has 20 digits. This is something else.")
    )
    return context.page("reader/receipt.html", "receipt", error=error, number=number)
