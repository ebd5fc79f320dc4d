"""The outbox: the list of outgoing mails by state, the open mail, its edit form, and all actions on mails."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flask import abort, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response

from ...answers.expert_mails import reword_mail
from ...core.domain_errors import DomainError, InvalidField, InvalidTransition, MissingPrecondition, VersionConflict
from ...core.listing import find_keys, union_keys
from ...crypto.seal import Unsealable
from ...db.session import get_many
from ...mail import outbox
from ...mail import queries as mail_queries
from ...mail.lifecycle import STATES as MAIL_STATES
from ...mail.message import Message, parse_blocks
from ...mail.models import OutboxMail
from ...mail.outbox import OnItsWay
from ...mail.secret_links import with_placeholders, without_secrets
from ...people import directory
from ...people.models import Person
from ...questions.source_protection import LeakDetected
from ...text.clean import clean
from ...web import errors
from ...web.error_sentences import SENTENCES, format_error
from ...web.formatting import count
from ...web.setup import get_cursor_row, paginate
from ...workflows import invitations, undo
from ..bulk import BulkAction, BulkForm, RefusalTexts, get_refusal_text
from ..conflict import abort_with_conflict, describe_last_change, find_last_save, merge_form, submitted_version
from ..frame import (
    RequestContext,
    abort_unknown_filter,
    announce,
    editor,
    page,
    read_context,
    require_row,
    rerender,
    run_in_transaction,
)
from ..mail_labels import STATES, MailNames, format_mail_line, load_mail_names

PAGE_SIZE = 40
PREVIEW_SIZE = 8  # mails per state on the page of all states
# By button, which is also the name of the mail's move.
BUTTONS = {"release": _l("Send it now"), "retry": _l("Try again"), "discard": _l("Discard")}
ACTS = {"": "stop mails", "release": "release mails"}  # the permission for each button; "" is for all others


def _release(desk: RequestContext, mail: OutboxMail, version: int | None) -> None:
    invitations.require_dates_ahead(desk.session, mail)
    outbox.release(desk.session, desk.actor, mail, version)


def _retry(desk: RequestContext, mail: OutboxMail, _version: int | None) -> None:
    invitations.require_dates_ahead(desk.session, mail)
    outbox.retry(desk.session, desk.actor, mail)


ACTIONS: dict[str, Callable[[RequestContext, OutboxMail, int | None], None]] = {
    "release": _release,
    "retry": _retry,
    "discard": lambda desk, mail, version: undo.discard(desk.session, desk.actor, mail, version),
}


@editor.get("/<slug>/outbox", endpoint="outbox")
@editor.get("/<slug>/outbox/<public_id>", endpoint="mail")
def mails(slug: str, public_id: str = "") -> str:
    """Show the list of mails, and the open one beside it."""
    with read_context(slug) as desk:
        return _render_outbox(desk, _load_mail(desk, public_id) if public_id else None)


def _load_mail(desk: RequestContext, public_id: str) -> OutboxMail:
    mail = mail_queries.load(desk.session, desk.newsletter.id, public_id)
    return require_row(desk, mail, "editor.mail", public_id, _("Back to the mail"))


def _read_message(desk: RequestContext, mail: OutboxMail) -> Message | None:
    """Return the contents of a mail, or None once they are erased or can't be decrypted."""
    try:
        return outbox.read(desk.session, mail)
    except (MissingPrecondition, Unsealable):
        return None


def _render_outbox(desk: RequestContext, open_mail: OutboxMail | None, address: str = "") -> str:
    """Render the list with the open mail, and with its recipient's address if that was revealed."""
    state = request.args.get("state") or None
    if state and state not in MAIL_STATES:
        abort_unknown_filter(desk, "state", "editor.outbox")
    mails_by_state, page_urls = _load_mails(desk, state)
    listed_mails = [mail for mails in mails_by_state.values() for mail in mails]
    names = load_mail_names(desk, [*listed_mails, *([open_mail] if open_mail else [])], with_contacts=True)
    state_counts = mail_queries.counts(desk.session, desk.newsletter.id)
    groups = [
        (name, STATES[name].label, [format_mail_line(desk, mail, names) for mail in mails])
        for name, mails in mails_by_state.items()
        if mails
    ]
    possible_buttons = {button for _name, _heading, lines in groups for line in lines for button in line["buttons"]}
    list_url = partial(url_for, "editor.outbox", slug=desk.newsletter.slug)
    tabs = [
        (name, f"{state_look.label} {count(state_counts[name])}", list_url(state=name))
        for name, state_look in STATES.items()
        if state_counts[name]
    ]
    return page(
        desk,
        "editor/mail/mail.html" if open_mail else "editor/mail/outbox.html",
        "outbox",
        state=state,
        states=[(None, _("All"), list_url()), *tabs] if tabs else [],
        summary=_format_summary(state_counts),
        counts=state_counts,
        groups=groups,
        possible_buttons=possible_buttons,
        open_mail=_format_open_mail(desk, open_mail, names) if open_mail else None,
        address=address,
        page_urls=page_urls,
    )


def _format_summary(state_counts: Mapping[str, int]) -> str:
    """Return a sentence about failed and held mails."""
    failed, held = state_counts["failed"], state_counts["held"]
    sentences = []
    if failed:
        sentences.append(ngettext("One mail can’t be delivered.", "%(num)s mails can’t be delivered.", failed))
    if held:
        sentences.append(
            ngettext("One mail is held until you send it.", "%(num)s mails are held until you send them.", held)
        )
    return " ".join(sentences) or _("Nothing is held and nothing failed.")


def _load_mails(desk: RequestContext, state: str | None) -> tuple[dict[str, list[OutboxMail]], dict[str, str | None]]:
    """Return the mails to list, by state, and the addresses of the newer and older pages.

    Without a `state`, return the newest mails of each state.
    """
    session, build_listing = desk.session, partial(mail_queries.listing, desk.newsletter.id)
    list_url = partial(url_for, "editor.outbox", slug=desk.newsletter.slug, state=state)
    if state is None:
        newer_url = list_url() if request.args.get("before") else None
        key_queries = {name: build_listing(name).keys(PREVIEW_SIZE) for name in STATES}
        keys_by_state = find_keys(session, union_keys(key_queries))
        all_keys = [key for keys in keys_by_state.values() for key in keys]
        mails_by_key = get_many(session, OutboxMail, all_keys)
        newest_mails = {
            name: [mails_by_key[key] for key in sorted(keys, reverse=True)] for name, keys in keys_by_state.items()
        }
        return newest_mails, {"newer": newer_url, "older": None}
    last_shown = get_cursor_row(lambda public_id: _load_mail(desk, public_id))
    mails_page = paginate(session, build_listing(state), PAGE_SIZE, last_shown, list_url)
    return {state: mails_page.rows}, mails_page.page_urls


def _format_open_mail(desk: RequestContext, mail: OutboxMail, names: MailNames) -> dict[str, Any]:
    """Return the template values of a mail, with its text if that is still stored, and the buttons for the actor."""
    line, message = format_mail_line(desk, mail, names), _read_message(desk, mail)
    buttons, text = line["buttons"], ""
    if message:
        text = without_secrets(message.text)
    else:  # nothing is left to send
        buttons = [button for button in buttons if button not in ("retry", "release")]
    labels = BUTTONS
    if mail.is_queued and undo.is_undone_by_discarding(mail):
        labels = {**BUTTONS, "discard": _("Undo")}
    return line | {
        "mail": mail,
        "message": message,
        "text": parse_blocks(text) if message else [],
        "hidden": message is not None and text != message.text,
        "has_address": message is not None and _may_show_address(mail),
        "actions": [(button, labels[button]) for button in buttons],
    }


def _may_show_address(mail: OutboxMail) -> bool:
    """Return whether the desk may see the recipient's address. It never sees a reader's."""
    return mail.person_id is not None and mail.letter_id is None


@editor.action("/<slug>/outbox/<public_id>/address", permission="read")
def mail_address(slug: str, public_id: str) -> str:
    """Show the address of a mail's recipient, and record who looked at it."""

    def fn(desk: RequestContext) -> str:
        mail = _load_mail(desk, public_id)
        message = _read_message(desk, mail)
        if message is None or not _may_show_address(mail):
            abort(404)
        directory.record_address_look(desk.session, desk.actor, desk.session.get_one(Person, mail.person_id))
        return message.to

    address = run_in_transaction(slug, fn)
    with read_context(slug) as desk:
        return _render_outbox(desk, _load_mail(desk, public_id), address)


@editor.action(f"/<slug>/outbox/<public_id>/<any({', '.join(BUTTONS)}):button>", permission=ACTS)
def press_mail(slug: str, public_id: str, button: str) -> Response:
    """Release, retry or discard a mail, also from the question's page."""

    def fn(desk: RequestContext) -> str:
        mail = _load_mail(desk, public_id)
        ACTIONS[button](desk, mail, submitted_version())
        questions = load_mail_names(desk, [mail]).questions
        return questions[mail.question_id].public_id if mail.question_id in questions else ""

    try:
        question_id = run_in_transaction(slug, fn)
    except (InvalidTransition, VersionConflict, OnItsWay) as error:
        is_too_late = isinstance(error, OnItsWay) or getattr(error, "state", "") == "sent"
        if button == "discard" and is_too_late:
            message = _("It can’t be stopped any more: it has gone out, or it is just going.")
            return errors.render_error(409, happened=message)
        abort_with_conflict(slug, lambda desk: _load_mail(desk, public_id), error)
    except InvalidField as error:  # its dates are over
        return errors.render_error(409, happened=format_error(error))
    if question_id and request.form.get("to") == "question":
        return redirect(url_for("editor.question", slug=slug, public_id=question_id), code=303)
    return redirect(url_for("editor.mail", slug=slug, public_id=public_id), code=303)


EDIT_LABELS = {"subject": _l("Subject"), "body": _l("Text")}
# By the code of an error that is shown at the form.
EDIT_FAULTS = {
    **{code: SENTENCES[code] for code in ("required.subject", "invalid.link_changed", "leak.contact_details")},
    "required.text": _l("The mail needs a text."),
    "leak.reader_words": _l("It has readers’ own words or names. Look at them, then save it if they may be known."),
}


@editor.restricted_page("/<slug>/outbox/<public_id>/edit", permission="stop mails")
def mail_edit(slug: str, public_id: str) -> str:
    with read_context(slug) as desk:
        return _render_edit_form(desk, public_id)


@editor.action("/<slug>/outbox/<public_id>/edit", permission="stop mails")
def mail_rewrite(slug: str, public_id: str) -> Response | tuple[str, int]:
    form_data = {name: clean(request.form.get(name, "")) for name in ("subject", "body")}
    version = submitted_version()

    def fn(desk: RequestContext) -> None:
        mail = _load_mail(desk, public_id)
        reword_mail(desk.session, desk.actor, mail, form_data["subject"], form_data["body"], version)

    try:
        run_in_transaction(slug, fn)
    except MissingPrecondition as error:
        if error.code not in EDIT_FAULTS:
            raise
        return rerender(slug, 422, _render_edit_form, public_id, form_data, error)
    except (VersionConflict, InvalidTransition) as error:
        with read_context(slug) as desk:
            if _load_mail(desk, public_id).is_held:
                return _render_edit_form(desk, public_id, form_data, error), 409
        abort_with_conflict(slug, lambda desk: _load_mail(desk, public_id), error)
    announce(_("Saved. This is how it will be mailed."))
    return redirect(url_for("editor.mail", slug=slug, public_id=public_id), code=303)


def _render_edit_form(
    desk: RequestContext, public_id: str, form_data: dict[str, str] | None = None, error: DomainError | None = None
) -> str:
    """Render the form with the mail's text, or with the rejected `form_data` and the `error` that says why."""
    mail = _load_mail(desk, public_id)
    message = _read_message(desk, mail)
    if not mail.is_held or message is None:
        raise InvalidTransition("mail", "rewrite", mail.state)
    stored = {"version": mail.version, "subject": message.subject, "body": with_placeholders(message.text)}
    code = error.code if isinstance(error, MissingPrecondition) else ""
    has_conflict = isinstance(error, VersionConflict | InvalidTransition)
    other_save = find_last_save(desk, mail, "mail.rewrite") if has_conflict else None
    return page(
        desk,
        "editor/mail/edit.html",
        "outbox",
        mail=format_mail_line(desk, mail, load_mail_names(desk, [mail])),
        **merge_form(desk, stored, form_data, EDIT_LABELS, other_save)._asdict(),
        labels=EDIT_LABELS,
        faults={"subject" if code == "required.subject" else "body": EDIT_FAULTS[code]} if code else {},
        passages=error.passages if isinstance(error, LeakDetected) else (),
        has_link=stored["body"] != message.text,
        is_to_reader=mail.letter_id is not None,
        language=message.language,
    )


REFUSAL_TEXTS: RefusalTexts = (
    (OnItsWay, _l("it is just going out")),
    (InvalidField, _l("it names dates that are too near or over; discard it, or take the check back, and ask again")),
    (MissingPrecondition, _l("the text is no longer kept")),
)
FORMAT_DONE: dict[str, Callable[[int], str]] = {
    "release": lambda number: ngettext("One mail goes out.", "%(num)s mails go out.", number),
    "retry": lambda number: ngettext("One mail is tried again.", "%(num)s mails are tried again.", number),
    "discard": lambda number: ngettext("One mail isn’t sent.", "%(num)s mails aren’t sent.", number),
}


def _build_bulk_action(button: str) -> BulkAction:
    def fn(desk: RequestContext, mail_and_version: tuple[OutboxMail, int]) -> None:
        mail, version = mail_and_version
        ACTIONS[button](desk, mail, version)

    return BulkAction(BUTTONS[button], fn, act=ACTS.get(button, ""), format_done=FORMAT_DONE[button])


def _get_return_page(desk: RequestContext) -> tuple[str, None]:
    state = request.form.get("state")
    return url_for("editor.outbox", slug=desk.newsletter.slug, state=state if state in MAIL_STATES else None), None


def _get_reason(desk: RequestContext, mail: OutboxMail, error: DomainError) -> str:
    if not isinstance(error, VersionConflict):
        return get_refusal_text(error, REFUSAL_TEXTS)
    return _("%(said)s; read it first", said=describe_last_change(desk, mail) or _("somebody has changed it since"))


def _format_reasons(reason_counts: Counter[str]) -> list[str]:
    return [
        ngettext("One can’t be: %(why)s.", "%(num)s can’t be: %(why)s.", number, why=reason)
        for reason, number in reason_counts.items()
    ]


BulkForm(
    checkbox_name="mail",
    load=_load_mail,
    actions={button: _build_bulk_action(button) for button in BUTTONS},
    get_return_page=_get_return_page,
    format_done=str,  # unused: each action has its own message
    empty_message=_l("Select the mails first."),
    get_reason=_get_reason,
    format_reasons=_format_reasons,
    # Not `lock_unchanged`: it would report a conflict even for a mail that is just going out (`OnItsWay`).
    prepare_row=lambda _desk, mail, version: (mail, version),
    max_rows=6 * PAGE_SIZE,  # far more than a page lists
).register("outbox", "press_mails", "stop mails")
