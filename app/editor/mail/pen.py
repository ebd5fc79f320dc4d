"""Mail that is no letter yet, or never will be one: the holding pen and the other places, and what the desk says of
each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import abort, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response

from ...answers import mailed_answers as experts
from ...answers import queries
from ...answers.models import Assignment
from ...core.listing import counts
from ...core.state_machine import InvalidTransition, MissingPrecondition, VersionConflict
from ...editions.models import Edition
from ...letters import mailed_letters as readers
from ...letters.models import Letter
from ...mail import inbound
from ...mail.inbound import Reading
from ...mail.lifecycle import INBOUND, PLACES_OF_MAIL
from ...mail.models import Inbound, OutboxMail
from ...web.formatting import count
from ...web.setup import get_cursor_row, paginate
from ..conflict import abort_with_conflict, check_unchanged, number_shown
from ..flash import announce
from ..frame import RequestContext, editor, or_404, page, read_context, require_row, run_in_transaction
from . import incoming_mails
from .mail_words import format_mail_line, load_mail_names
from .pen_words import ELSEWHERE, NOTHING, PLACES, reasons

PAGE = 40  # rows that fit a laptop's screen
WORK = PLACES_OF_MAIL.which("waits")  # the places whose mails wait for somebody; the others only keep what they hold


@editor.get("/<slug>/pen")
@editor.get("/<slug>/pen/<public_id>", endpoint="pen_mail")
def pen(slug: str, public_id: str = "") -> str:
    """The list, and beside it the mail that is open."""
    with read_context(slug) as desk:
        return _page(desk, _get_mail(desk, public_id) if public_id else None)


def _get_mail(desk: RequestContext, public_id: str) -> Inbound:
    row = inbound.load(desk.session, desk.newsletter.id, public_id)
    return require_row(desk, row, "editor.pen_mail", public_id, _("Back to the mail"))


def _page(
    desk: RequestContext, open_mail: Inbound | None, trouble: str = "", fault: str = "", address: str = ""
) -> str:
    """The list of a place and the mail that is open; `address` is where it says it is from, if that was asked for."""
    session, key, slug = desk.session, desk.newsletter.id, desk.newsletter.slug
    place = str(open_mail.state) if open_mail and open_mail.state in PLACES else request.args.get("place", "pen")
    if place not in PLACES:
        abort(404)
    before = request.args.get("before")
    here = partial(url_for, "editor.pen", slug=slug, place=place)
    last = get_cursor_row(lambda typed: inbound.load(session, key, typed))
    rows = paginate(session, inbound.listing(key, place), PAGE, last, here)
    read = incoming_mails.readings(session, [*rows.rows, *([open_mail] if open_mail else [])])
    counted = dict(zip(WORK, counts(session, [inbound.listing(key, name) for name in WORK]), strict=True))
    return page(
        desk,
        "editor/mail/pen.html",
        "pen",
        folder=place,
        folder_label=PLACES[place],
        empty_text=NOTHING[place],
        summary=_format_todo(place, counted),
        folders=[
            (name, words, here(place=name), count(counted.get(name, 0)), name == "failed")
            for name, words in PLACES.items()
        ],
        rows=[(row, read.get(row.id), reasons(row.reasons)) for row in rows.rows],
        cursor=before,
        open_mail=open_mail and _format_open_mail(desk, open_mail, read.get(open_mail.id)),
        address=address,
        name_of=incoming_mails.name_of,
        trouble=trouble,
        fault=fault,  # at the choice of an expert
        list_url=here(before=before),
        keyset=rows.keyset,
    )


# What is to be done at each place whose mails wait.
TO_DO: dict[str, Callable[[int], str]] = {
    "pen": lambda number: ngettext(
        "One mail waits until you say what it is.", "%(num)s mails wait until you say what they are.", number
    ),
    "failed": lambda number: ngettext(
        "One mail could not be read. It is kept as it came.",
        "%(num)s mails could not be read. They are kept as they came.",
        number,
    ),
}


def _format_todo(state: str, state_counts: dict[str, int]) -> str:
    """Return what is to be done here, in a sentence; nothing where mails are only kept."""
    return TO_DO[state](state_counts[state]) if state_counts.get(state) else ""


def _format_open_mail(desk: RequestContext, row: Inbound, reading: Reading | None) -> dict[str, Any]:
    """Return a mail with what was read in it, why it is where it is, and what may be said of it."""
    kept = reading is not None or inbound.has_bytes(desk.session, row.id)
    needs = {"take": reading is not None, "sort": True, "read again": kept}
    may = [move for move in INBOUND.open_to(desk.actor, row) if needs.get(move)]
    first, choice, likely = (
        incoming_mails.suggest_assignments(desk, row, reading) if "take" in may else (None, [], False)
    )
    return {
        "row": row,
        "elsewhere": ELSEWHERE.get(str(row.state), ""),
        "reading": reading,
        "kept": kept,
        "reasons": reasons(row.reasons),
        "first": first,
        "likely": likely,
        "choice": [(one.public_id, f"{one.expert.name}: {one.question.short_title}") for one in choice],
        "may": [name for name, act in ACTS.items() if act.move in may and row.state != act.already],
        **_get_related_rows(desk, row),
    }


def _get_related_rows(desk: RequestContext, row: Inbound) -> dict[str, Any]:
    """Return what the mail became or is about: a letter, an edition, the mail that it repeats, or that came back."""

    def own(noun: type[Any], key: int | None) -> Any:
        one = desk.session.get(noun, key) if key else None
        return one if one and one.newsletter_id == desk.newsletter.id else None

    outgoing = own(OutboxMail, row.outbox_id)
    return {
        "letter": own(Letter, row.letter_id),
        "edition": own(Edition, row.edition_id),
        "twin": desk.session.get(Inbound, row.duplicate_of_id) if row.duplicate_of_id else None,
        "outgoing": outgoing and format_mail_line(desk, outgoing, load_mail_names(desk, [outgoing])),
        "about": own(Assignment, row.assignment_id),
    }


def _format_missing(missing: MissingPrecondition) -> str:
    if missing.fact == "text":
        return _("There are no words in it, so it can’t become a letter.")
    return _("The mail itself is no longer kept, so nothing can be made of it.")


def _get_next_url(desk: RequestContext, after: Inbound) -> str:
    """The next mail of the same place, or the list of it where none is left."""
    place = str(after.state)
    there = inbound.listing(desk.newsletter.id, place)
    rows = there.page(desk.session, after, 1) or there.page(desk.session, None, 2)
    left = [row for row in rows if row.id != after.id]
    if left:
        return url_for("editor.pen_mail", slug=desk.newsletter.slug, public_id=left[0].public_id)
    return url_for("editor.pen", slug=desk.newsletter.slug, place=place)


def _answer(desk: RequestContext, row: Inbound) -> str:
    """An expert's mail goes on to be filed as an answer, a no and the like, so it stays before one's eyes."""
    chosen = request.form.get("assignment", "")
    if not chosen:
        raise MissingPrecondition("assignment")
    assignment = or_404(queries.load_assignment_of_newsletter(desk.session, desk.newsletter.id, chosen))
    letter = experts.from_pen(desk.session, desk.actor, assignment, row, number_shown())
    return url_for("editor.letter", slug=desk.newsletter.slug, public_id=letter.public_id)


def _letter(desk: RequestContext, row: Inbound) -> None:
    readers.from_pen(desk.session, desk.actor, desk.newsletter, row, number_shown())


def _reread_mail(desk: RequestContext, row: Inbound) -> None:
    inbound.read_again(desk.session, desk.actor, check_unchanged(desk, row))


@dataclass(frozen=True)
class Act:
    """A press that says what a mail is: as the table of moves calls it, the place from which it would change nothing,
    what it does, and what is said of it. The verb gives the address to go on to, where that isn't the next mail.
    """

    move: str
    already: str
    verb: Callable[[RequestContext, Inbound], str | None]
    done: Any


def _sort(state: str) -> Callable[[RequestContext, Inbound], None]:
    return lambda desk, row: inbound.sort(desk.session, desk.actor, row, state, number_shown())


ACTS = {
    "answer": Act("take", "", _answer, _l("It is a letter of the expert’s now. Say what it holds, and it is filed.")),
    "letter": Act("take", "", _letter, _l("It waits among the letters now.")),
    "robot": Act("sort", "automatic", _sort("automatic"), _l("It stands under “From robots” now.")),
    "spam": Act("sort", "spam", _sort("spam"), _l("It is filed as spam.")),
    "again": Act("read again", "", _reread_mail, _l("It is read again; in a minute it has its place.")),
}


@editor.press("/<slug>/pen/<public_id>/address", "take letters")
def pen_address(slug: str, public_id: str) -> str:
    """Show the address that a mail says it is from, once it is in the trail who looks at it."""

    def fn(desk: RequestContext) -> str:
        row = _get_mail(desk, public_id)
        reading = or_404(incoming_mails.readings(desk.session, [row]).get(row.id))
        inbound.note_look(desk.session, desk.actor, row)
        return reading.from_address

    address = run_in_transaction(slug, fn)
    with read_context(slug) as desk:
        return _page(desk, _get_mail(desk, public_id), address=address)


@editor.press(f"/<slug>/pen/<public_id>/<any({', '.join(ACTS)}):act>", "take letters")
def pen_act(slug: str, public_id: str, act: str) -> Response | tuple[str, int]:
    """Say what a mail is, and go on to the next; whoever comes second is told who was first."""

    def fn(desk: RequestContext) -> tuple[str, str]:
        row = _get_mail(desk, public_id)
        next_one = _get_next_url(desk, row)
        return ACTS[act].verb(desk, row) or next_one, row.public_id

    try:
        href, mail_id = run_in_transaction(slug, fn)
    except (VersionConflict, InvalidTransition) as refused:
        abort_with_conflict(slug, lambda desk: _get_mail(desk, public_id), refused)
    except MissingPrecondition as missing:
        with read_context(slug) as desk:
            if missing.fact == "assignment":
                return _page(desk, _get_mail(desk, public_id), fault=_("Choose whose reply it is")), 422
            return _page(desk, _get_mail(desk, public_id), _format_missing(missing)), 409
    back = url_for("editor.pen_mail", slug=slug, public_id=mail_id)
    announce(str(ACTS[act].done), href=back, label=_("Look at it again"))
    return redirect(href, code=303)
