"""Incoming mail that isn't a letter: the holding pen and the other folders, with the reasons and all actions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from flask import abort, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response

from ...answers import mailed_answers as experts
from ...answers import queries
from ...answers.models import Assignment
from ...core.domain_errors import InvalidTransition, MissingField, MissingPrecondition, VersionConflict
from ...core.listing import count_all
from ...editions.models import Edition
from ...letters import mailed_letters as readers
from ...letters.models import Letter
from ...mail import inbound
from ...mail.inbound import MailContent
from ...mail.lifecycle import INBOUND, PLACES_OF_MAIL
from ...mail.models import Inbound, OutboxMail
from ...web.formatting import count
from ...web.setup import get_cursor_row, or_404, paginate
from .. import incoming_mails
from ..conflict import abort_with_conflict, check_unchanged, submitted_version
from ..frame import RequestContext, announce, editor, page, read_context, require_row, run_in_transaction
from ..mail_labels import format_mail_line, load_mail_names

# The folders with their tabs, in the order of the page.
FOLDERS = {
    "pen": _l("Holding pen"),
    "failed": _l("Could not be read"),
    "automatic": _l("From robots"),
    "bounce": _l("Came back"),
    "spam": _l("Spam"),
    "duplicate": _l("Duplicates"),
    "edition": _l("Editions"),
}
# Shown instead of the list when a folder is empty.
EMPTY_TEXTS = {
    "pen": _l(
        "Nothing is held. A mail waits here when it answers an expert’s invitation and nobody can be sure that the "
        "expert wrote it, or when nobody can tell what it is about."
    ),
    "failed": _l("Every mail could be read. One that can’t is kept here as it came, and can be tried again."),
    "automatic": _l("No robot has written. Absence notes, receipts and lists are kept here; nobody answers them."),
    "bounce": _l("No mail of yours has come back from another server."),
    "spam": _l("No mail is filed as spam."),
    "duplicate": _l("No mail came twice. Second copies are listed here."),
    "edition": _l("No edition has come in yet. Put the desk’s address on the newsletter’s list, and each one will."),
}
# Notes on mails that are in none of these folders.
ELSEWHERE = {
    "stored": _l("It is being read at this moment. Open it again in a minute."),
    "letter": _l("It is a letter now."),
}


class HeldReason(NamedTuple):
    """A reason why a mail is in its folder, for the list and for the open mail."""

    label: Any  # at most three words
    sentence: Any


# The fields of each `HeldReason`, by the code that routing stored in `Inbound.reasons`.
REASONS = {
    # The recipient.
    "answers our mail without its token": (
        _l("Another way back"),
        _l("It answers a mail of ours to an expert, but came to another address than the one in that mail."),
    ),
    "answers our mail to a translator": (
        _l("A translator’s answer"),
        _l("It answers a mail of ours to a translator outside. What they translate they hand in by their link."),
    ),
    "an expert's address": (
        _l("Expert’s address"),
        _l("It claims to come from an expert who was asked something, but answers none of our mails."),
    ),
    "unknown token": (_l("Unknown address"), _l("It was sent to a reply address that we never gave out.")),
    "several tokens": (_l("Several addresses"), _l("It was sent to the reply addresses of several invitations.")),
    "revoked token": (
        _l("Ended address"),
        _l("It was sent to a reply address that has ended, for example because a new link was sent."),
    ),
    "expired token": (_l("Ended address"), _l("It was sent to a reply address that has expired.")),
    "token in Cc": (
        _l("Only in Cc"),
        _l("The reply address is only in Cc, so the mail may be meant for somebody else."),
    ),
    "cancelled": (_l("No longer asked"), _l("This expert isn’t asked any more.")),
    "no address of the expert": (_l("No known address"), _l("We know no address of this expert to compare it with.")),
    "newsletter closed": (
        _l("Newsletter closed"),
        _l("The newsletter is closed: what readers mail no longer becomes a letter automatically."),
    ),
    # Mails that somebody at the desk forwarded.
    "forwarded by a stranger": (
        _l("Not from the desk"),
        _l("It was sent to the address for forwarding, but not by anybody at this desk."),
    ),
    "no forward": (
        _l("Nothing forwarded"),
        _l("It was sent to the address for forwarding, but has no forwarded mail in it."),
    ),
    "no author": (_l("No author"), _l("The forwarded mail doesn’t give one address as its sender.")),
    "two forwards": (
        _l("Several mails"),
        _l("It holds more than one mail, or one forwarded before: nobody can be sure who wrote what."),
    ),
    "own words mixed": (
        _l("Words mixed"),
        _l("There are words below or between those of the forwarded mail, perhaps the forwarder’s."),
    ),
    "forwarded from the desk": (
        _l("From the house"),
        _l("The author of the forwarded mail is somebody of this desk, or the newsletter itself."),
    ),
    "no words": (_l("No words"), _l("There are no words in it.")),
    "to nobody here": (_l("To nobody here"), _l("It was sent to an address that belongs to no newsletter here.")),
    "return path": (_l("To the return path"), _l("It was sent to an address that only servers write to.")),
    "test mail": (_l("Test mail"), _l("The operator of this site has tested the mail, and this is the result.")),
    "spam filter": (_l("Spam filter"), _l("The mail server’s filter considers it spam.")),
    "same content": (_l("Came twice"), _l("The same mail came before.")),
    "our edition": (_l("An edition"), _l("It is an edition of this newsletter, as its subscribers get it.")),
    "permanent": (_l("Not delivered"), _l("The other server will not deliver our mail.")),
    "delayed": (
        _l("Delayed"),
        _l("The other server is still trying to deliver our mail. You don’t need to do anything."),
    ),
    "unclear": (_l("Came back"), _l("A server reports on a mail, and doesn’t say clearly what became of it.")),
    "unknown mail": (_l("Not ours"), _l("The mail that it reports on isn’t known here.")),
    "ours": (_l("Our own mail"), _l("It is our own mail: a list or a forwarder sent it back to us.")),
    "could not be placed": (
        _l("Reading failed"),
        _l("Something went wrong each time it was read. It is kept as it came."),
    ),
    # The authenticity of the sender.
    "other sender": (_l("Other address"), _l("It came from a different address than the one we wrote to.")),
    "not checked": (_l("Sender not checked"), _l("No mail server has verified the sender.")),
    "failed": (_l("Sender check failed"), _l("The mail server checked the sender, and the check failed.")),
    "not aligned": (
        _l("Sender check failed"),
        _l("What the mail server could check belongs to a different domain than the sender’s address."),
    ),
    "results disagree": (_l("Checks disagree"), _l("The checks of the sender contradict each other.")),
    "unreadable results": (_l("Checks unreadable"), _l("The checks of the sender can’t be read.")),
    "forged or foreign results": (
        _l("Foreign checks"),
        _l("The checks of the sender in this mail may not be our server’s. They don’t count."),
    ),
    "partly signed": (_l("Partly signed"), _l("The signature covers only a part of the mail.")),
    "could not be looked up": (_l("Sender not checked"), _l("The domain’s signature couldn’t be verified.")),
    "two senders": (_l("Two senders"), _l("It names more than one sender.")),
    "unreadable sender": (_l("Unreadable sender"), _l("Its sender can’t be read as one address.")),
    "broken headers": (_l("Broken headers"), _l("Its headers are broken, so its sender can’t be trusted.")),
    "dmarc": (_l("Sender checks out"), _l("The mail server has verified the sender.")),
    "dkim": (_l("Sender checks out"), _l("Signed by the sender’s domain.")),
    "spf": (_l("Sender checks out"), _l("It came from a server that may send for the sender’s domain.")),
    "signature": (_l("Sender checks out"), _l("We verified the signature of the sender’s domain.")),
    # Automatic mail.
    "auto-submitted": (_l("Automatic"), _l("It is marked as sent by a machine.")),
    "precedence": (_l("Bulk mail"), _l("It is marked as bulk mail.")),
    "vacation": (_l("Absence note"), _l("A mail program sent it while its owner is away.")),
    "away": (_l("Absence note"), _l("Its subject is that of an absence note.")),
    "machine": (_l("Automatic"), _l("A program on a server wrote it.")),
    "ticket desk": (_l("Ticket desk"), _l("A ticket system wrote it.")),
    "list": (_l("Mailing list"), _l("It came through a mailing list.")),
    "mailbox rule": (_l("Mailbox rule"), _l("Sent automatically by a mailbox rule.")),
    "read receipt": (_l("Read receipt"), _l("It only says that a mail was opened.")),
    "no-reply address": (_l("No-reply address"), _l("Its sender’s address takes no answers.")),
    "null return path": (_l("No return address"), _l("It has no return path, as automatic mail has none.")),
    "mail server": (_l("Mail server"), _l("A mail server wrote it.")),
    "failed recipients": (_l("Not delivered"), _l("It names a receiver whom a mail of ours didn’t reach.")),
    "delivery report": (_l("Not delivered"), _l("It is another server’s report on a mail of ours.")),
    "complaint": (_l("Complaint"), _l("Somebody marked a mail of ours as unwanted.")),
    "own message": (_l("Our own mail"), _l("It is a mail of ours that came back to us.")),
    "own address": (_l("Our own mail"), _l("It claims to come from our own address.")),
    # Parts that couldn't be read.
    "bytes": (_l("Too large"), _l("It is larger than what is read. It is kept whole.")),
    "parts": (_l("Too many parts"), _l("It has more parts than are read.")),
    "depth": (_l("Too deep"), _l("Its parts are nested deeper than is read.")),
    "time": (_l("Took too long"), _l("Reading it took too long and was stopped.")),
    "broken": (_l("Broken"), _l("It is malformed, and parts of it may be missing here.")),
    "charset": (_l("Unknown characters"), _l("Some of its characters couldn’t be read for certain.")),
    "winmail": (_l("winmail.dat"), _l("Contains an Outlook-only attachment (winmail.dat).")),
    "encrypted": (_l("Encrypted"), _l("It is encrypted. Ask for its words in the open, or another way.")),
}


def get_reasons(codes: Sequence[str]) -> list[HeldReason]:
    """Return the reasons for the mailroom's codes. A code without a text here is shown itself."""
    return [HeldReason(*REASONS[code]) if code in REASONS else _build_unknown_reason(code) for code in codes]


def _build_unknown_reason(code: str) -> HeldReason:
    label = code.replace("_", " ").replace("-", " ").strip() or _("no reason given")
    return HeldReason(label, _("The mailroom noted: %(words)s.", words=label))


PAGE_SIZE = 40  # rows that fit a laptop's screen
WAITING_FOLDERS = PLACES_OF_MAIL.which("waits")  # folders of mails that the desk still has to sort


@editor.get("/<slug>/pen")
@editor.get("/<slug>/pen/<public_id>", endpoint="pen_mail")
def pen(slug: str, public_id: str = "") -> str:
    """Show the list of a folder, and the open mail beside it."""
    with read_context(slug) as desk:
        return _render_pen(desk, _get_mail(desk, public_id) if public_id else None)


def _get_mail(desk: RequestContext, public_id: str) -> Inbound:
    mail = inbound.load(desk.session, desk.newsletter.id, public_id)
    return require_row(desk, mail, "editor.pen_mail", public_id, _("Back to the mail"))


def _render_pen(
    desk: RequestContext, open_mail: Inbound | None, trouble: str = "", fault: str = "", address: str = ""
) -> str:
    """Render the list of a folder and the open mail.

    `trouble` says why an action failed, and `fault` what is wrong with the selected assignment. `address` is the
    claimed sender's, if somebody asked to see it.
    """
    session, newsletter_id = desk.session, desk.newsletter.id
    folder = str(open_mail.state) if open_mail and open_mail.state in FOLDERS else request.args.get("place", "pen")
    if folder not in FOLDERS:
        abort(404)
    cursor = request.args.get("before")
    list_url = partial(url_for, "editor.pen", slug=desk.newsletter.slug, place=folder)
    last_shown = get_cursor_row(lambda public_id: inbound.load(session, newsletter_id, public_id))
    mails_page = paginate(session, inbound.listing(newsletter_id, folder), PAGE_SIZE, last_shown, list_url)
    mails = mails_page.rows
    readings = incoming_mails.load_readings(session, [*mails, open_mail] if open_mail else mails)
    counts = count_all(session, [inbound.listing(newsletter_id, name) for name in WAITING_FOLDERS])
    waiting_counts = dict(zip(WAITING_FOLDERS, counts, strict=True))
    # Each as the macro `tabs` unpacks it: key, label, address, number, and whether it is a number of failures.
    folder_tabs = [
        (name, label, list_url(place=name), count(waiting_counts.get(name, 0)), name == "failed")
        for name, label in FOLDERS.items()
    ]
    return page(
        desk,
        "editor/mail/pen.html",
        "pen",
        folder=folder,
        folder_label=FOLDERS[folder],
        empty_text=EMPTY_TEXTS[folder],
        summary=_format_summary(folder, waiting_counts),
        folders=folder_tabs,
        rows=[(mail, readings.get(mail.id), get_reasons(mail.reasons)) for mail in mails],
        cursor=cursor,
        open_mail=open_mail and _format_open_mail(desk, open_mail, readings.get(open_mail.id)),
        address=address,
        sender_name=incoming_mails.get_sender_name,
        trouble=trouble,
        fault=fault,
        list_url=list_url(before=cursor),
        page_urls=mails_page.page_urls,
    )


# By waiting folder: a sentence about how many mails wait in it.
SUMMARIES: dict[str, Callable[[int], str]] = {
    "pen": lambda number: ngettext(
        "One mail waits until you say what it is.", "%(num)s mails wait until you say what they are.", number
    ),
    "failed": lambda number: ngettext(
        "One mail could not be read. It is kept as it came.",
        "%(num)s mails could not be read. They are kept as they came.",
        number,
    ),
}


def _format_summary(folder: str, waiting_counts: dict[str, int]) -> str:
    return SUMMARIES[folder](waiting_counts[folder]) if waiting_counts.get(folder) else ""


def _format_open_mail(desk: RequestContext, mail: Inbound, reading: MailContent | None) -> dict[str, Any]:
    """Return the template values of a mail: its reading, the reasons for its folder, and the possible actions."""
    is_stored = reading is not None or inbound.has_bytes(desk.session, mail.id)
    is_possible = {"take": reading is not None, "sort": True, "read again": is_stored}
    moves = [move for move in INBOUND.list_allowed_actions(desk.actor, mail) if is_possible.get(move)]
    suggestion = incoming_mails.AssignmentSuggestion(None, [], is_first_likely=False)
    if "take" in moves:
        suggestion = incoming_mails.suggest_assignments(desk, mail, reading)
    return {
        "row": mail,
        "elsewhere": ELSEWHERE.get(str(mail.state), ""),
        "reading": reading,
        "is_stored": is_stored,
        "reasons": get_reasons(mail.reasons),
        "likely_assignment": suggestion.likely,
        "is_first_choice_likely": suggestion.is_first_likely,
        "assignment_choices": [
            (assignment.public_id, f"{assignment.expert.name}: {assignment.question.short_title}")
            for assignment in suggestion.others
        ],
        "actions": [name for name, action in ACTIONS.items() if action.move in moves and mail.state != action.folder],
        **_get_related_rows(desk, mail),
    }


def _get_related_rows(desk: RequestContext, mail: Inbound) -> dict[str, Any]:
    """Return the rows that the mail became or is about, None for those of other newsletters.

    "twin" is the mail of which this one is a duplicate, and "outgoing" is our mail that bounced.
    """

    def load(model: type[Any], row_id: int | None) -> Any:
        row = desk.session.get(model, row_id) if row_id else None
        return row if row and row.newsletter_id == desk.newsletter.id else None

    outgoing = load(OutboxMail, mail.outbox_id)
    return {
        "letter": load(Letter, mail.letter_id),
        "edition": load(Edition, mail.edition_id),
        "twin": load(Inbound, mail.duplicate_of_id),
        "outgoing": outgoing and format_mail_line(desk, outgoing, load_mail_names(desk, [outgoing])),
        "about": load(Assignment, mail.assignment_id),
    }


def _format_missing_content(error: MissingPrecondition) -> str:
    if error.code == "required.text":
        return _("There are no words in it, so it can’t become a letter.")
    return _("The mail itself is no longer kept, so nothing can be made of it.")


def _get_next_url(desk: RequestContext, mail: Inbound) -> str:
    """Return the address of the next mail in the same folder, or of the folder if no other is left."""
    folder = str(mail.state)
    listing = inbound.listing(desk.newsletter.id, folder)
    # After the last mail of the folder, begin again with its first.
    candidates = listing.page(desk.session, mail, 1) or listing.page(desk.session, None, 2)
    other_mails = [candidate for candidate in candidates if candidate.id != mail.id]
    if other_mails:
        return url_for("editor.pen_mail", slug=desk.newsletter.slug, public_id=other_mails[0].public_id)
    return url_for("editor.pen", slug=desk.newsletter.slug, place=folder)


def _file_as_expert_letter(desk: RequestContext, mail: Inbound) -> str:
    """Make the mail a letter of an expert and return the letter's address, since it has to be filed next."""
    assignment_id = request.form.get("assignment", "")
    if not assignment_id:
        raise MissingField("assignment")
    assignment = or_404(queries.load_assignment_of_newsletter(desk.session, desk.newsletter.id, assignment_id))
    letter = experts.take_from_pen(desk.session, desk.actor, assignment, mail, submitted_version())
    return url_for("editor.letter", slug=desk.newsletter.slug, public_id=letter.public_id)


def _file_as_reader_letter(desk: RequestContext, mail: Inbound) -> None:
    readers.take_from_pen(desk.session, desk.actor, desk.newsletter, mail, submitted_version())


def _reread_mail(desk: RequestContext, mail: Inbound) -> None:
    inbound.read_again(desk.session, desk.actor, check_unchanged(desk, mail))


def _move_to(folder: str) -> Callable[[RequestContext, Inbound], None]:
    return lambda desk, mail: inbound.sort(desk.session, desk.actor, mail, folder, submitted_version())


@dataclass(frozen=True)
class PenAction:
    """A button with which the desk says what a mail is."""

    move: str  # the action of its `Move` in the state machine
    folder: str  # to which it moves the mail, or ""; no button for mails that are there already
    verb: Callable[[RequestContext, Inbound], str | None]  # returns the address to go to, or None for the next mail
    message: Any  # announced afterwards


ACTIONS = {
    "answer": PenAction(
        "take",
        "",
        _file_as_expert_letter,
        _l("It is a letter of the expert’s now. Say what it holds, and it is filed."),
    ),
    "letter": PenAction("take", "", _file_as_reader_letter, _l("It is among the letters now.")),
    "robot": PenAction("sort", "automatic", _move_to("automatic"), _l("It is under “From robots” now.")),
    "spam": PenAction("sort", "spam", _move_to("spam"), _l("It is filed as spam.")),
    "again": PenAction("read again", "", _reread_mail, _l("Reading it again. It will be filed within a minute.")),
}


@editor.action("/<slug>/pen/<public_id>/address", permission="take letters")
def pen_address(slug: str, public_id: str) -> str:
    """Show the address that a mail claims to come from, and record who looked at it."""

    def fn(desk: RequestContext) -> str:
        mail = _get_mail(desk, public_id)
        reading = or_404(incoming_mails.load_readings(desk.session, [mail]).get(mail.id))
        inbound.note_look(desk.session, desk.actor, mail)
        return reading.from_address

    address = run_in_transaction(slug, fn)
    with read_context(slug) as desk:
        return _render_pen(desk, _get_mail(desk, public_id), address=address)


@editor.action(f"/<slug>/pen/<public_id>/<any({', '.join(ACTIONS)}):action>", permission="take letters")
def pen_act(slug: str, public_id: str, action: str) -> Response | tuple[str, int]:
    """Say what a mail is, and go to the next one. After an edit conflict, say who was first."""

    def fn(desk: RequestContext) -> tuple[str, str]:
        mail = _get_mail(desk, public_id)
        next_url = _get_next_url(desk, mail)  # before the verb moves it to another folder
        return ACTIONS[action].verb(desk, mail) or next_url, mail.public_id

    try:
        href, mail_id = run_in_transaction(slug, fn)
    except (VersionConflict, InvalidTransition) as error:
        abort_with_conflict(slug, lambda desk: _get_mail(desk, public_id), error)
    except MissingPrecondition as error:
        with read_context(slug) as desk:
            if error.code == "required.assignment":
                return _render_pen(desk, _get_mail(desk, public_id), fault=_("Choose whose reply it is")), 422
            return _render_pen(desk, _get_mail(desk, public_id), _format_missing_content(error)), 409
    mail_url = url_for("editor.pen_mail", slug=slug, public_id=mail_id)
    announce(str(ACTIONS[action].message), href=mail_url, label=_("Look at it again"))
    return redirect(href, code=303)
