"""The error pages: what happened, what was kept, and what to do next, all from one template."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from flask import Flask, Response, abort, current_app, g, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, OperationalError, ProgrammingError
from werkzeug.datastructures import LanguageAccept
from werkzeug.exceptions import HTTPException

from ..core.domain_errors import DomainError, MissingPrecondition, PermissionDenied, TooLong
from ..db.fault_kinds import SCHEMA_MISMATCH, TAKES_NO_CHANGES, Busy, FaultKind, NoRoom, fault_kind
from ..db.ids import CROCKFORD
from ..text.languages import interface_languages
from ..watching.redaction import fault_as_data
from ..watching.references import reference
from .error_sentences import format_error, get_status
from .problems import is_api_path, render_problem

T = TypeVar("T")

log = logging.getLogger(__name__)

# The form fields whose texts an error page shows, so that nobody has to type them again, with their labels.
RETURNED_FIELDS = (
    {"headline": _l("Headline"), "wording": _l("Wording"), "body": _l("The text"), "background": _l("Background")}
    | {"answer": _l("The answer"), "brief": _l("Brief"), "note": _l("Note")}
    | {"reply": _l("What was said"), "said": _l("What was said"), "sentence": _l("Sentence"), "why": _l("Why")}
    | {"letter": _l("Letter"), "ties": _l("Ties"), "bio": _l("About them"), "more": _l("More")}
    | {"wrong": _l("What was wrong"), "right": _l("What is right")}
    | {f"answer-{number}": _l("The answer") for number in range(1, 6)}
    | {"how": _l("How it was checked"), "call": _l("Standing call")}
    # the sentences of the house form, and the parts of a mail
    | {"heading": _l("Heading"), "asked_many": _l("Several readers asked")}
    | {"asked_one": _l("One reader asked, unnamed"), "asked_credit": _l("One reader asked, named")}
    | {"lead_in": _l("Lead-in to an answer"), "also": _l("Lead-in to a second answer")}
    | {"ask_here": _l("After the standing call, to copy")}
    | {"verify": _l("How to check who writes"), "pay": _l("Pay"), "rights": _l("Rights")}
    | {"opening": _l("First paragraph"), "closing": _l("Last paragraph"), "silent": _l("After silence")}
    | {"settled": _l("Where their text is here already")}
    | {"answered": _l("When there is an answer"), "ended": _l("When it ends without one")}
    | {"joined": _l("When others asked the same")}
)
FIELD_LABELS = RETURNED_FIELDS | {"name": _l("Name"), "email": _l("E-mail address")}  # these two on pages for staff
_PUBLIC_ID = re.compile(f"[{CROCKFORD}]{{12}}")  # the value of a selected row, which nobody typed


@dataclass(frozen=True)
class ErrorMessage:
    """The texts of an error page: its title, what happened, and what to do next."""

    title: str
    happened: str
    todo: str


PAGES = {
    400: ErrorMessage(
        _l("That can’t be taken"),
        _l("The page was too old, or what was sent doesn’t fit together."),
        _l("Open the page again and send it from there."),
    ),
    403: ErrorMessage(
        _l("Not from here"), _l("This page isn’t for you."), _l("Sign in with the address that the desk knows.")
    ),
    404: ErrorMessage(
        _l("Nothing here"),
        _l("There is no such page, or it isn’t yours to see."),
        _l("Check the address, or start at the front page."),
    ),
    405: ErrorMessage(
        _l("Not this way"), _l("This address only takes what its own page sends."), _l("Start at the front page.")
    ),
    409: ErrorMessage(
        _l("It has changed in the meantime"),
        _l("Somebody else, or the calendar, was here before you."),
        _l("Look at the current version, then do what is still needed."),
    ),
    413: ErrorMessage(
        _l("That is too much"),
        _l("What was sent is larger than any question or answer can be."),
        _l("Send a shorter text."),
    ),
    429: ErrorMessage(
        _l("Too many attempts"),
        _l("There were more attempts from your network than one person makes."),
        _l("Wait a few minutes, then try again."),
    ),
    500: ErrorMessage(
        _l("Something broke on our side"),
        _l("It is our fault, and nothing was sent or changed."),
        _l("Try again. If it fails again, come back in an hour."),
    ),
    503: ErrorMessage(
        _l("Too busy just now"),
        _l("The desk’s books are being written by somebody else. Nothing was changed."),
        _l("Wait a few seconds and send it again."),
    ),
}

# For a link to a page of an expert or translator. It doesn't say which of these is the case.
LINK_LOST = ErrorMessage(
    _l("This link opens nothing"),
    _l("It was cut off on its way, a newer one is in its place, or there is nothing left to do."),
    _l("Open the link in our newest mail, or have your links mailed again. You can also just reply to our mail."),
)
NO_ROOM = ErrorMessage(
    _l("Nothing can be saved just now"),
    _l("The disk that keeps the desk’s books takes nothing more. Nothing was saved or sent."),
    _l("Try again in an hour. The operator of this site has to make room first."),
)

# The message for a missing precondition. That of status 409 would mention somebody else who was faster.
PRECONDITION_MISSING = ErrorMessage(
    _l("Something is missing first"), PAGES[409].happened, _l("Go back, add it, then do this again.")
)
TEXT_TOO_LONG = ErrorMessage(
    _l("This is too long"), PAGES[413].happened, _l("Go back, make it shorter, then do this again.")
)


def render_error(
    status: int,
    *,
    happened: str | None = None,
    form_values: dict[str, str] | None = None,
    message: ErrorMessage | None = None,
    link_form: Mapping[str, str] | None = None,
) -> Response:
    """Return the error page for a status, with the submitted texts to copy. Errors from status 500 on are logged.

    `message` replaces the message for the status, and `happened` only its sentence on what happened. `form_values` are
    the texts to copy, by default those of `get_submitted_texts`. With `link_form`, the page has the form that mails
    somebody their links: the address that was typed, and what is wrong with it.
    """
    message = message or PAGES.get(status, PAGES[500])
    if is_api_path():
        return _render_problem(status, str(happened or message.happened))
    if "language" not in g and not _is_desk_path():
        use_browser_language()
    if form_values is None:
        form_values = get_submitted_texts()
    html = render_template(
        "errors/error.html",
        title=message.title,
        happened=happened or message.happened,
        copy_hint=_l("What you wrote is below: copy it somewhere safe.") if form_values else None,
        todo=message.todo,
        reference=reference() if status >= 500 else None,
        back_link=g.get("back") or _get_desk_link(),
        newsletter=g.get("newsletter_view"),
        submitted_texts=[
            (name, FIELD_LABELS.get(name, _("What you wrote")), text) for name, text in form_values.items()
        ],
        retry=None,
        link_form=link_form,
    )
    return _finish(make_response(html, status))


def _render_problem(status: int, detail: str, code: str = "", **members: str) -> Response:
    """Return the response of the API to an error, in the format of RFC 9457."""
    if status >= 500:
        members["reference"] = reference()
    return _finish(render_problem(status, detail, code, **members))


def _finish(response: Response) -> Response:
    """Log a fault of ours, and say when to try again."""
    status = response.status_code
    if status >= 500:
        # Log no URL, form data or header: the reference and the route's pattern suffice to find the fault.
        log.error("error %s: %s at %s", reference(), status, request.url_rule)
    if status in (429, 503):
        response.headers["Retry-After"] = "60" if status == 429 else "5"
    return response


def render_lost_link(status: int = 404, email: str = "", error: str = "") -> Response:
    """Return the page for a link that opens nothing, on which experts and translators have their links mailed again."""
    use_browser_language()
    return render_error(status, message=LINK_LOST, link_form={"email": email, "error": error})


def use_browser_language(requested_code: str = "") -> None:
    """Show a page that belongs to no newsletter and no person in the requested language, or in one of the browser."""
    requested = [(requested_code, 2)] if requested_code else []  # the browser's have a quality of at most 1
    accepted = LanguageAccept([*requested, *request.accept_languages])
    g.language = accepted.best_match(sorted(interface_languages()), "en")


def or_lost_link(target: T | None) -> T:
    """Return the target of a link, or abort with the page for a link that opens nothing."""
    if target is None:
        abort(render_lost_link())
    return target


def _get_desk_link() -> tuple[str, str] | None:
    """Return the URL and text of a link to the desk for its own pages, or None for all other pages."""
    return (url_for("editor.start"), _("Back to the desk")) if _is_desk_path() else None


def _is_desk_path() -> bool:
    return request.path.startswith("/desk/")


def get_submitted_texts() -> dict[str, str]:
    """Return the texts of the submitted form to show on the error page, by field. The server stores none of them."""
    if request.method != "POST":
        return {}
    try:
        form = request.form
    except HTTPException:  # the form is malformed or too large
        return {}
    texts = {name: form[name] for name in RETURNED_FIELDS if form.get(name, "").strip()}
    return {name: text for name, text in texts.items() if not _PUBLIC_ID.fullmatch(text)}


def _handle_domain_error(error: DomainError) -> Response:
    if is_api_path():
        members = {"field": error.field} if error.field else {}
        return _render_problem(get_status(error.code), format_error(error), error.code, **members)
    if isinstance(error, PermissionDenied):
        return render_error(404)  # a 403 would reveal that the row exists
    if isinstance(error, MissingPrecondition):
        return render_error(409, happened=format_error(error), message=PRECONDITION_MISSING)
    if isinstance(error, TooLong):
        happened = _("The limit is %(most)d characters. Nothing was cut, and nothing was saved.", most=error.max_length)
        return render_error(422, happened=happened, message=TEXT_TOO_LONG)
    return render_error(409, happened=format_error(error))


def _handle_full_disk(error: NoRoom) -> Response:
    log.error(TAKES_NO_CHANGES)
    return render_error(503, message=NO_ROOM)


def _handle_database_error(error: OperationalError | ProgrammingError) -> Response:
    """Respond to a database error. Most occur while reading: `Database.write` raises `Busy` or `NoRoom` instead."""
    kind = fault_kind(error)
    if kind is FaultKind.SCHEMA_MISMATCH:
        log.error(SCHEMA_MISMATCH, extra={"fault": fault_as_data(error), "endpoint": request.endpoint})
        return render_error(500)
    if kind is FaultKind.UNKNOWN:
        return _handle_unexpected_error(error)
    return render_error(503)


def _handle_unexpected_error(error: Exception) -> Response:
    if current_app.testing and current_app.config.get("PROPAGATE_EXCEPTIONS"):
        raise error
    # Log the type and location of the error, but not its message, which could quote a reader.
    log.error("%s", type(error).__name__, extra={"fault": fault_as_data(error), "endpoint": request.endpoint})
    return render_error(500)


def _handle_http_exception(error: HTTPException) -> Response | HTTPException:
    status = error.code or 500
    return render_error(status) if status >= 400 else error  # a redirect is no error


def register(app: Flask) -> None:
    app.register_error_handler(DomainError, _handle_domain_error)
    app.register_error_handler(CSRFError, lambda error: render_error(400))
    # PostgreSQL raises DataError for a text with a NUL, for example.
    app.register_error_handler(DataError, lambda error: render_error(400))
    app.register_error_handler(NoRoom, _handle_full_disk)
    app.register_error_handler(Busy, lambda error: render_error(503))
    app.register_error_handler(OperationalError, _handle_database_error)
    app.register_error_handler(ProgrammingError, _handle_database_error)
    app.register_error_handler(HTTPException, _handle_http_exception)
    app.register_error_handler(Exception, _handle_unexpected_error)
