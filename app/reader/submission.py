"""Takes a reader's submission: once for each form, and held rather than refused when something looks odd."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from logging import getLogger

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from limits import RateLimitItemPerMinute
from sqlalchemy.orm import Session

from ..letters.models import Letter
from ..letters.receive import AlreadySent, Form, receipt_of
from ..newsletters.models import Newsletter
from ..web import limiter
from .page_frame import change

log = getLogger(__name__)

# Counts forms of a newsletter, never addresses: behind Tor and shared lines many readers have the same one.
FLOOD = RateLimitItemPerMinute(60, 10)
ONE_FORM = RateLimitItemPerMinute(1, 10)  # which counts once, however often it is sent
TRAP = "leave_empty"

FAULTS = {
    ("form", "old"): _l(
        "This page has stood open for too long, or wasn’t made here. Please send it again: now it will be taken."
    ),
    ("body", "empty"): _l("Write your question."),
    ("body", "short"): _l("That is too short to be a question: two words at least."),
    ("body", "long"): _l("That is longer than 2,000 characters. Please shorten it."),
    ("background", "long"): _l("That is longer than 4,000 characters. Please shorten it."),
    ("more", "empty"): _l("Write what you would like to add."),
    ("more", "long"): _l("That is longer than 2,000 characters. Please shorten it."),
    ("more", "many"): _l(
        "You have added to it twenty times, and it holds no more. What you typed is still here: you "
        "can send it as a new question."
    ),
    ("hear_back", "unknown"): _l("Choose one of the three ways to find out."),
    ("email", "empty"): _l("Write the address that we should write to, or choose “Just a number”."),
    ("email", "bad"): _l("That isn’t a whole address. Write it in full, such as name@post.example."),
    ("credit", "unknown"): _l("Choose one of the three ways to be named, or not to be."),
    ("name", "empty"): _l("Add the name, or choose “Don’t name me”."),
    ("name", "long"): _l("That name is longer than 120 characters."),
    ("place", "empty"): _l("Add the place you write from, or choose “Don’t name me”."),
    ("place", "long"): _l("That place is longer than 120 characters."),
}


@dataclass(frozen=True)
class Sent:
    """The letter that a form has made. `same` is false where it was sent before with other words."""

    letter_id: int
    receipt: str
    same: bool = True


def once(slug: str, form: Form, make: Callable[[Session, Newsletter], Letter]) -> Sent:
    """Make the letter of this form, or find the one that it made before. Raises what `make` raises."""

    def take(session: Session, newsletter: Newsletter) -> Sent:
        try:
            letter, same = make(session, newsletter), True
        except AlreadySent as before:
            letter, same = before.letter, before.same
        return Sent(letter.id, receipt_of(session, form), same)

    return change(slug, take)


def in_words(faults: Mapping[str, str]) -> dict[str, str]:
    return {name: str(FAULTS[name, code]) for name, code in faults.items()}


def consent(newsletter: Newsletter) -> str:
    """The sentence beside the choices of a name. It is kept as it was read, with the time."""
    return _(
        "I agree that %(newsletter)s prints this name with my question, in the newsletter and on this site.",
        newsletter=newsletter.name,
    )


def hold(newsletter: Newsletter, typed: Mapping[str, str], form: Form) -> str | None:
    """Return why the desk should look first: a robot filled the field that people don't see, or a flood comes in."""
    if typed.get(TRAP):
        return "trap"
    return "flood" if limiter.enabled and not _counted(newsletter, form) else None


def _counted(newsletter: Newsletter, form: Form) -> bool:
    """Return whether there is room for a form, which takes some unless it is sent again."""
    place = "forms", str(newsletter.id)
    try:
        is_new = limiter.limiter.hit(ONE_FORM, *place, hashlib.sha256(form.nonce.encode()).hexdigest())
        return limiter.limiter.hit(FLOOD, *place) if is_new else limiter.limiter.test(FLOOD, *place)
    except Exception as error:
        # A counter that can't be reached must not cost a reader their letter.
        log.warning("the counter of forms does not answer: %s", type(error).__name__)
        return True
