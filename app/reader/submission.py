"""Receive a reader's submission: once per form, and held for review rather than refused if it looks like spam."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from logging import getLogger

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.strategies import RateLimiter
from sqlalchemy.orm import Session

from ..core.clock import unix_time
from ..letters import spam_filter
from ..letters.models import Letter
from ..letters.receive import FormAlreadySent, FormToken, find_sent_letter, receipt_of
from ..letters.spam_filter import find_signs
from ..newsletters.models import Newsletter
from ..web.setup import apply_limits, hash_identifier, limiter
from ..workflows.letters.making_room import is_full, is_unlike_others
from . import proof_of_work
from .form_token import opened_just_now
from .page_frame import ReaderContext, run_in_transaction

log = getLogger(__name__)

# Limits for the forms of a newsletter in ten minutes. They never count by IP address: users of Tor or of a shared line
# have the same one.
FLOOD = RateLimitItemPerMinute(60, 10)  # more are a flood
GREAT_FLOOD = RateLimitItemPerMinute(300, 10)
# Letters of each kind that are still accepted once the day is full: with a proof of work, unlike others, and any.
BEYOND = RateLimitItemPerMinute(60, 10)
ONE_FORM = RateLimitItemPerMinute(1, 10)  # a form counts once, however often it is sent
# Not a limit but a mark, set by a great flood for an hour. While it is set, every rush of forms is part of the flood.
AFTER_GREAT_FLOOD = RateLimitItemPerHour(1)
TRAP = "leave_empty"  # a form field that people don't see

FAULTS = {
    ("form", "full"): _l(
        "Somebody is flooding this desk with letters, and it can’t take more right now. Your question is not "
        "sent, and every word of it is still here. Send it again in a few minutes, or tomorrow."
    ),
    ("form", "old"): _l(
        "This page was open for too long, or didn’t come from here. Please send it again: it will work now."
    ),
    ("body", "empty"): _l("Write your question."),
    ("body", "short"): _l("That is too short for a question: write at least two words."),
    ("body", "long"): _l("That is longer than 2,000 characters. Please shorten it."),
    ("background", "long"): _l("That is longer than 4,000 characters. Please shorten it."),
    ("more", "empty"): _l("Write what you would like to add."),
    ("more", "long"): _l("That is longer than 2,000 characters. Please shorten it."),
    ("more", "many"): _l(
        "You have added to it twenty times, which is the limit. What you typed is still here: you can send it "
        "as a new question."
    ),
    ("hear_back", "unknown"): _l("Choose how you want to find out."),
    ("email", "empty"): _l("Write the address that we should write to, or choose “Just a number”."),
    ("email", "bad"): _l("That address is incomplete. Write it in full, such as name@post.example."),
    ("credit", "unknown"): _l("Choose whether and how we name you."),
    ("name", "empty"): _l("Add your name, or choose “Don’t name me”."),
    ("name", "long"): _l("That name is longer than 120 characters."),
    ("place", "empty"): _l("Add the place you write from, or choose “Don’t name me”."),
    ("place", "long"): _l("That place is longer than 120 characters."),
}


@dataclass(frozen=True)
class SubmissionResult:
    """The letter of a form, and its receipt.

    `is_new` is false if the form was sent before: `letter` is then the earlier letter. `is_identical` is false if the
    earlier letter has another text.
    """

    letter: Letter
    receipt: str
    is_identical: bool = True
    is_new: bool = True


def submit_once(slug: str, form: FormToken, make: Callable[[Session, Newsletter], Letter]) -> SubmissionResult:
    """Store the letter of a form with `make`, or return the earlier one if `make` raises `FormAlreadySent`.

    Raises all other errors of `make`.
    """

    def store(session: Session, newsletter: Newsletter) -> SubmissionResult:
        receipt = receipt_of(session, form)
        try:
            return SubmissionResult(make(session, newsletter), receipt)
        except FormAlreadySent as already:
            return SubmissionResult(already.letter, receipt, already.is_identical, is_new=False)

    return run_in_transaction(slug, store)


def format_errors(faults: Mapping[str, str]) -> dict[str, str]:
    return {name: str(FAULTS[name, code]) for name, code in faults.items()}


def consent(newsletter: Newsletter) -> str:
    """Return the sentence by which readers agree to be named. It is stored with the name, in the language shown."""
    return _(
        "I agree that %(newsletter)s prints this name with my question, in the newsletter and on this site.",
        newsletter=newsletter.name,
    )


def find_spam_signs(context: ReaderContext, form_values: Mapping[str, str], form: FormToken, text: str) -> list[str]:
    """Count a form, and return the signs of spam for which its letter is held, the heaviest first, or none."""
    delivery_signals = count_form(context.newsletter, form_values, form)
    return find_signs(context.session, context.newsletter.id, text, delivery_signals)


def has_no_capacity(context: ReaderContext, form: FormToken, form_values: Mapping[str, str], text: str = "") -> bool:
    """Return whether a letter must be refused: the newsletter's day is full, and so are the places beyond it.

    There are `BEYOND` places for letters with a proof of work, as many for letters unlike others, and as many for all.
    A letter that takes one is counted. A form that was sent before is never refused. `text` is what the reader wrote.
    """
    if not is_full(context.session, context.newsletter) or find_sent_letter(context.session, form):
        return False
    is_proven = proof_of_work.is_solved(form.nonce, form_values.get("proof", ""))
    try:
        return limiter.enabled and not apply_limits(lambda counters: _take_place(counters, context, is_proven, text))
    except Exception:  # without a counter, the daily limit is final
        return True


def _take_place(counters: RateLimiter, context: ReaderContext, is_proven: bool, text: str) -> bool:
    """Count a letter in the first kind of `BEYOND` that has a place for it. Return False if there is none."""
    newsletter_id = context.newsletter.id
    key = str(newsletter_id)
    if is_proven and counters.hit(BEYOND, "proven", key):
        return True
    # Comparing takes some milliseconds, which a flood gets only while there are places.
    if text and counters.test(BEYOND, "unlike", key) and is_unlike_others(context.session, newsletter_id, text):
        return counters.hit(BEYOND, "unlike", key)
    return counters.hit(BEYOND, "beyond", key)


def count_form(newsletter: Newsletter, form_values: Mapping[str, str], form: FormToken) -> set[str]:
    """Count a form, and return its delivery signals, from which the spam filter finds signs.

    They are "trap" if the field that people don't see is filled in, "fast" if the form was sent sooner than people can
    type, and "flood" during a flood. Outside a flood, a proof of work adds `PROOF_OF_WORK`, in favour of the form.
    """
    is_proven = proof_of_work.is_solved(form.nonce, form_values.get("proof", ""))
    proof_signals = {spam_filter.PROOF_OF_WORK} if is_proven else set()
    signals = {"trap"} if form_values.get(TRAP) else set()
    if not limiter.enabled:
        return signals | proof_signals
    try:
        if opened_just_now(form.nonce):
            signals.add("fast")
        if apply_limits(lambda counters: _count_within_limits(counters, newsletter, form, is_proven)):
            return signals | proof_signals
        return signals | {"flood"}
    except Exception as error:
        # An unreachable counter must not cost a reader their letter.
        log.warning("the counter of forms does not answer: %s", type(error).__name__)
        return signals | proof_signals


def _count_within_limits(counters: RateLimiter, newsletter: Newsletter, form: FormToken, is_proven: bool) -> bool:
    """Count a form, unless it is sent again. Return False if it is part of a flood.

    Forms with a proof of work are counted apart, so a flood without proofs doesn't affect them. After a great flood,
    the next rush within an hour is a flood from its first minute. Without a rush there is no flood any more: whoever
    asks once it is over isn't held for it, with scripts or without.
    """
    identifiers = ("proven" if is_proven else "forms", str(newsletter.id))
    is_new = counters.hit(ONE_FORM, *identifiers, hash_identifier(form.nonce))
    if is_new:
        is_flood = not counters.hit(FLOOD, *identifiers)
        is_great_flood = not counters.hit(GREAT_FLOOD, *identifiers)
        if is_great_flood:
            counters.hit(AFTER_GREAT_FLOOD, *identifiers)
    else:
        is_flood = not counters.test(FLOOD, *identifiers)
    is_rush = _is_rush(counters, is_new, *identifiers)
    is_after_great_flood = not counters.test(AFTER_GREAT_FLOOD, *identifiers)
    return not (is_rush and (is_flood or is_after_great_flood))


def _is_rush(counters: RateLimiter, is_new: bool, *identifiers: str) -> bool:
    """Count a new form, and return whether this minute or the last one has more forms than `FLOOD` has on average."""
    average = RateLimitItemPerMinute(max(1, FLOOD.amount // FLOOD.multiples), 2)  # kept for two minutes
    minute = int(unix_time()) // 60
    count = counters.hit if is_new else counters.test
    is_within_average = count(average, "rush", *identifiers, str(minute))
    return not (is_within_average and counters.test(average, "rush", *identifiers, str(minute - 1)))
