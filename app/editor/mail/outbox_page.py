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
from ...core.domain_errors import DomainError, InvalidTransition, MissingPrecondition, PermissionDenied, VersionConflict
from ...core.listing import find_keys, union_keys
from ...crypto.seal import Unsealable
from ...db.session import get_many
from ...mail import outbox
from ...mail import queries as mail_queries
from ...mail.lifecycle import STATES as ALL
from ...mail.message import Message, parse_blocks
from ...mail.models import OutboxMail
from ...mail.outbox import OnItsWay
from ...mail.secret_links import with_places, without_secrets
from ...people import directory
from ...people.models import Person
from ...questions.source_protection import LeakDetected
from ...text.clean import clean
from ...web import errors
from ...web.error_sentences import SENTENCES
from ...web.formatting import count
from ...web.setup import get_cursor_row, paginate
from ...workflows import undo
from ..bulk import Bulk, Press, WhyNot, get_refusal_text
from ..conflict import abort_with_conflict, find_last_save, in_short, merge_form, number_shown
from ..frame import (
    RequestContext,
    announce,
    editor,
    page,
    read_context,
    require_row,
    rerender,
    run_in_transaction,
    unknown,
)
from ..mail_labels import STATES, Named, format_mail_line, load_mail_names

PAGE = 40
FIRST = 8  # mails per state on the page of all states
BUTTONS = {"release": _l("Send it now"), "retry": _l("Try again"), "discard": _l("Discard")}
ACTS = {"": "stop mails", "release": "release mails"}
DO: dict[str, Callable[[RequestContext, OutboxMail, int | None], None]] = {
    "release": lambda desk, mail, version: outbox.release(desk.session, desk.actor, mail, version),
    "retry": lambda desk, mail, _version: outbox.retry(desk.session, desk.actor, mail),
    "discard": lambda desk, mail, version: undo.discard(desk.session, desk.actor, mail, version),
}


@editor.get("/<slug>/outbox", endpoint="outbox")
@editor.get("/<slug>/outbox/<public_id>", endpoint="mail")
def mails(slug: str, public_id: str = "") -> str:
    """Show the list of mails, and the open one beside it."""
    with read_context(slug) as desk:
        return _page(desk, the_mail(desk, public_id) if public_id else None)


def the_mail(desk: RequestContext, public_id: str) -> OutboxMail:
    mail = mail_queries.load(desk.session, desk.newsletter.id, public_id)
    return require_row(desk, mail, "editor.mail", public_id, _("Back to the mail"))


def message_of(desk: RequestContext, mail: OutboxMail) -> Message | None:
    """Return the contents of a mail, or None once they are erased or can't be decrypted."""
    try:
        return outbox.read(desk.session, mail)
    except (MissingPrecondition, Unsealable):
        return None


def _page(desk: RequestContext, open_mail: OutboxMail | None, address: str = "") -> str:
    state = request.args.get("state") or None
    if state and state not in ALL:
        unknown(desk, "state", "editor.outbox")
    groups, keyset = _groups(desk, state)
    names = load_mail_names(
        desk, [*(mail for mails in groups.values() for mail in mails), *([open_mail] if open_mail else [])]
    )
    counted = mail_queries.counts(desk.session, desk.newsletter.id)
    listed = [
        (name, STATES[name][1], [format_mail_line(desk, mail, names) for mail in mails])
        for name, mails in groups.items()
        if mails
    ]
    open_to = {act for _name, _heading, mails in listed for mail in mails for act in mail["acts"]}
    here = partial(url_for, "editor.outbox", slug=desk.newsletter.slug)
    full = [(name, f"{STATES[name][1]} {count(counted[name])}", here(state=name)) for name in STATES if counted[name]]
    tabs = [(None, _("All"), here()), *full] if full else []
    return page(
        desk,
        "editor/mail/mail.html" if open_mail else "editor/mail/outbox.html",
        "outbox",
        state=state,
        states=tabs,
        summary=_format_summary(counted),
        counts=counted,
        groups=listed,
        acts=open_to,
        open_mail=_format_open_mail(desk, open_mail, names) if open_mail else None,
        address=address,
        keyset=keyset,
    )


def _format_summary(state_counts: Mapping[str, int]) -> str:
    """Return a sentence about failed and held mails."""
    failed, held, said = state_counts["failed"], state_counts["held"], []
    if failed:
        said.append(ngettext("One mail can’t be delivered.", "%(num)s mails can’t be delivered.", failed))
    if held:
        said.append(
            ngettext("One mail is held until you send it.", "%(num)s mails are held until you send them.", held)
        )
    return " ".join(said) or _("Nothing is held and nothing failed.")


def _groups(desk: RequestContext, state: str | None) -> tuple[dict[str, list[OutboxMail]], dict[str, str | None]]:
    """Return the mails to list by state, and the addresses of the newer and older pages."""
    session, lists = desk.session, partial(mail_queries.listing, desk.newsletter.id)
    here = partial(url_for, "editor.outbox", slug=desk.newsletter.slug, state=state)
    if state is None:
        newer = here() if request.args.get("before") else None
        keys = find_keys(session, union_keys({name: lists(name).keys(FIRST) for name in STATES}))
        rows = get_many(session, OutboxMail, [key for some in keys.values() for key in some])
        newest = {name: [rows[key] for key in sorted(some, reverse=True)] for name, some in keys.items()}
        return newest, {"newer": newer, "older": None}
    mails = paginate(session, lists(state), PAGE, get_cursor_row(lambda key: the_mail(desk, key)), here)
    return {state: mails.rows}, mails.keyset


def _format_open_mail(desk: RequestContext, mail: OutboxMail, names: Named) -> dict[str, Any]:
    """Return a mail with its text, if that is still stored, and the buttons that the actor may use."""
    seen, message = format_mail_line(desk, mail, names), message_of(desk, mail)
    text, gone = (without_secrets(message.text), ()) if message else ("", ("retry", "release"))
    words = BUTTONS | ({"discard": _("Undo")} if mail.is_queued and undo.is_undone(mail) else {})
    return seen | {
        "mail": mail,
        "message": message,
        "text": parse_blocks(text) if message else [],
        "hidden": message is not None and text != message.text,
        "has_address": message is not None and _is_to_somebody(mail),
        "actions": [(act, words[act]) for act in seen["acts"] if act not in gone],
    }


def _is_to_somebody(mail: OutboxMail) -> bool:
    """Return whether the desk may see the recipient's address. It never sees a reader's."""
    return mail.person_id is not None and mail.letter_id is None


@editor.press("/<slug>/outbox/<public_id>/address", "read")
def mail_address(slug: str, public_id: str) -> str:
    """Show the address of a mail's recipient, and record who looked at it."""

    def fn(desk: RequestContext) -> str:
        one = the_mail(desk, public_id)
        message = message_of(desk, one)
        if message is None or not _is_to_somebody(one):
            abort(404)
        directory.record_address_look(desk.session, desk.actor, desk.session.get_one(Person, one.person_id))
        return message.to

    address = run_in_transaction(slug, fn)
    with read_context(slug) as desk:
        return _page(desk, the_mail(desk, public_id), address)


@editor.press(f"/<slug>/outbox/<public_id>/<any({', '.join(BUTTONS)}):act>", ACTS)
def press_mail(slug: str, public_id: str, act: str) -> Response:
    """Release, retry or discard a mail, also from the question's page."""

    def fn(desk: RequestContext) -> str:
        one = the_mail(desk, public_id)
        DO[act](desk, one, number_shown())
        questions = load_mail_names(desk, [one])[1]
        return questions[one.question_id].public_id if one.question_id in questions else ""

    try:
        question = run_in_transaction(slug, fn)
    except (InvalidTransition, VersionConflict, outbox.OnItsWay) as refused:
        if act == "discard" and (isinstance(refused, outbox.OnItsWay) or getattr(refused, "state", "") == "sent"):
            words = _("It can’t be stopped any more: it has gone out, or it is just going.")
            return errors.render_error(409, happened=words)
        abort_with_conflict(slug, lambda desk: the_mail(desk, public_id), refused)
    if question and request.form.get("to") == "question":
        return redirect(url_for("editor.question", slug=slug, public_id=question), code=303)
    return redirect(url_for("editor.mail", slug=slug, public_id=public_id), code=303)


EDIT_LABELS = {"subject": _l("Subject"), "body": _l("Text")}
# By the code of an error about this form: what to do.
EDIT_FAULTS = {
    **{code: SENTENCES[code] for code in ("required.subject", "invalid.link_changed", "leak.contact_details")},
    "required.text": _l("The mail needs a text."),
    "leak.reader_words": _l(
        "Readers’ own words or names stand in it. Look at them, then save it if they may be known."
    ),
}


@editor.sheet("/<slug>/outbox/<public_id>/edit", "stop mails")
def mail_edit(slug: str, public_id: str) -> str:
    with read_context(slug) as desk:
        return _edit_form(desk, public_id)


@editor.press("/<slug>/outbox/<public_id>/edit", "stop mails")
def mail_rewrite(slug: str, public_id: str) -> Response | tuple[str, int]:
    typed = {name: clean(request.form.get(name, "")) for name in ("subject", "body")}
    version = number_shown()

    def fn(desk: RequestContext) -> None:
        one = the_mail(desk, public_id)
        reword_mail(desk.session, desk.actor, one, typed["subject"], typed["body"], version)

    try:
        run_in_transaction(slug, fn)
    except MissingPrecondition as missing:
        if missing.code not in EDIT_FAULTS:
            raise
        return rerender(slug, 422, _edit_form, public_id, typed, missing)
    except (VersionConflict, InvalidTransition) as refused:
        with read_context(slug) as desk:
            if the_mail(desk, public_id).is_held:
                return _edit_form(desk, public_id, typed, refused), 409
        abort_with_conflict(slug, lambda desk: the_mail(desk, public_id), refused)
    announce(_("Saved. This is how it will be mailed."))
    return redirect(url_for("editor.mail", slug=slug, public_id=public_id), code=303)


def _edit_form(
    desk: RequestContext, public_id: str, form_data: dict[str, str] | None = None, error: DomainError | None = None
) -> str:
    """Render the form with the mail's text or with the rejected `form_data`, and somebody else's change beside it."""
    one = the_mail(desk, public_id)
    message = message_of(desk, one)
    if not one.is_held or message is None:
        raise InvalidTransition("mail", "rewrite", one.state)
    stored = {"version": one.version, "subject": message.subject, "body": with_places(message.text)}
    code = error.code if isinstance(error, MissingPrecondition) else ""
    first = (
        find_last_save(desk, one, "mail.rewrite") if isinstance(error, VersionConflict | InvalidTransition) else None
    )
    return page(
        desk,
        "editor/mail/edit.html",
        "outbox",
        mail=format_mail_line(desk, one, load_mail_names(desk, [one])),
        **merge_form(desk, stored, form_data, EDIT_LABELS, first)._asdict(),
        labels=EDIT_LABELS,
        faults={"subject" if code == "required.subject" else "body": EDIT_FAULTS[code]} if code else {},
        passages=error.passages if isinstance(error, LeakDetected) else (),
        has_link=stored["body"] != message.text,
        is_to_reader=one.letter_id is not None,
        language=message.language,
    )


WHY_NOT: WhyNot = (
    (OnItsWay, _l("it is just going out")),
    (PermissionDenied, _l("an editor has to do it")),
    (MissingPrecondition, _l("the text is no longer kept")),
    (InvalidTransition, _l("that isn’t possible as it stands")),
)
BULK_DONE: dict[str, Callable[[int], str]] = {
    "release": lambda number: ngettext("One mail goes out.", "%(num)s mails go out.", number),
    "retry": lambda number: ngettext("One mail is tried again.", "%(num)s mails are tried again.", number),
    "discard": lambda number: ngettext("One mail isn’t sent.", "%(num)s mails aren’t sent.", number),
}


def _bulk_press(act: str) -> Press:
    return Press(BUTTONS[act], lambda desk, taken: DO[act](desk, *taken), act=ACTS.get(act, ""), done=BULK_DONE[act])


def _get_return_url(desk: RequestContext) -> tuple[str, None]:
    state = request.form.get("state")
    return url_for("editor.outbox", slug=desk.newsletter.slug, state=state if state in ALL else None), None


def _format_refusal(desk: RequestContext, mail: OutboxMail, error: DomainError) -> str:
    if not isinstance(error, VersionConflict):
        return get_refusal_text(WHY_NOT, error)
    return _("%(said)s; read it first", said=in_short(desk, mail) or _("somebody has changed it since"))


def _stay(reason_counts: Counter[str]) -> list[str]:
    return [
        ngettext("One can’t be: %(why)s.", "%(num)s can’t be: %(why)s.", n, why=why) for why, n in reason_counts.items()
    ]


Bulk(
    box="mail",
    load=the_mail,
    presses={act: _bulk_press(act) for act in BUTTONS},
    back=_get_return_url,
    done=str,  # unused: each action has its own message
    empty=_l("Tick the mails first."),
    why=_format_refusal,
    stays=_stay,
    take=lambda _desk, one, version: (one, version),  # unlike `fresh`, reports `OnItsWay` before a conflict
    most=6 * PAGE,
).at("outbox", "press_mails", "stop mails")
