"""Webhook programs, for admins: the list, a program's page with its log of deliveries, and the actions on it."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import current_app, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...core import http_client
from ...core.domain_errors import MissingPrecondition, TooLong, VersionConflict
from ...crypto.seal import Unsealable
from ...db.session import lock_row, now
from ...forms.version_tokens import encode_token
from ...programs import calling, registering
from ...programs.chats import CHATS
from ...programs.models import KINDS, Delivery, Program, is_success
from ...programs.program_events import NAMES
from ...web.error_sentences import format_error
from ...web.formatting import age, exact
from ...web.setup import or_404
from ...workflows import program_messages
from ..conflict import submitted_token
from ..frame import RequestContext, announce, editor, page, read_context, require_row, rerender, run_in_transaction

SHOWN_DELIVERIES = 40  # deliveries on a program's page
WEBHOOK, NO_NAME = _l("A program, by webhook"), _l("Say what it is called.")
# By the reason of a `RequestFailed`, why an address can't be used or a call got no answer: the sentence to show.
WHY = {
    "it is no address": _l("This isn’t a valid address."),
    "its address doesn't begin with https://": _l("The address has to begin with https://."),
    "it leads into a network that is not public": _l(
        "The address leads into a network that isn’t public. If it is the newsroom’s own, the operator can name its "
        "host in the setting OWN_HOSTS."
    ),
    "nothing has that name": _l("The server named in the address doesn’t exist."),
    "it kept silent for too long": _l("It took too long to answer."),
    "it took too long to answer": _l("It took too long to answer."),
    "its answer is too large": _l("Its answer is too large."),
}
PAUSE_LABELS = {
    "desk": _l("paused"),
    "failed": _l("paused: it accepted nothing for five days"),
    "gone": _l("paused: it wants no more events"),
}
# Actions on a program: the verb, and the message afterwards.
ACTIONS: dict[str, tuple[Callable[..., None], Any]] = {
    "pause": (registering.pause, _l("%(name)s gets no events for now; those it misses aren’t sent later.")),
    "resume": (registering.resume, _l("%(name)s gets events again from now on.")),
    "renew": (registering.renew, _l("%(name)s has a new secret. For a day, events are signed with both.")),
    "remove": (registering.remove, _l("%(name)s is removed, with its address and its secret.")),
}


@editor.restricted_page("/<slug>/programs", permission="programs")
def programs(slug: str) -> str:
    with read_context(slug) as desk:
        return _render_list(desk)


def _render_list(
    desk: RequestContext, form_data: Mapping[str, str] | None = None, faults: Mapping[str, str] | None = None
) -> str:
    own_programs = registering.listing(desk.newsletter.id).page(desk.session, None, registering.MAX_PROGRAMS)
    return page(
        desk,
        "editor/settings/programs.html",
        "settings",
        programs=[
            (program, get_kind_label(program), *format_program_status(desk, program)) for program in own_programs
        ],
        kinds=[(kind, CHATS[kind].label if kind in CHATS else str(WEBHOOK)) for kind in KINDS],
        form_data=form_data or {},
        faults=faults or {},
        limits={"name": registering.LONGEST_NAME, "address": registering.LONGEST_ADDRESS},
    )


def get_kind_label(program: Program) -> str:
    return CHATS[program.kind].label if program.kind in CHATS else _("webhook")


def format_program_status(desk: RequestContext, program: Program) -> tuple[str, str]:
    """Return the mark and the label of a program's status."""
    if program.paused_at is not None:
        return ("wait" if program.paused_by == "desk" else "late"), str(PAUSE_LABELS[program.paused_by])
    if program.failing_since is not None:
        is_long = now(desk.session) - program.failing_since >= registering.WARN_AFTER
        return ("late" if is_long else "wait"), _("has failed for %(time)s", time=age(program.failing_since))
    return ("good", _("gets events")) if program.called_at else ("none", _("no events yet"))


@editor.action("/<slug>/programs", permission="programs")
def add_program(slug: str) -> Response | tuple[str, int]:
    form_data = {name: request.form.get(name, "").strip() for name in ("kind", "name", "address")}

    def fn(desk: RequestContext) -> str:
        added = registering.add(desk.session, desk.actor, form_data["kind"], form_data["name"], form_data["address"])
        return added.public_id

    try:
        if form_data["address"]:
            http_client.check_url(form_data["address"], current_app.config["OWN_HOSTS"])
        public_id = run_in_transaction(slug, fn)
    except http_client.RequestFailed as error:
        return rerender(slug, 422, _render_list, form_data, {"address": format_failure(str(error))})
    except TooLong as error:
        return rerender(slug, 422, _render_list, form_data, {error.field: format_error(error)})
    except MissingPrecondition as error:
        fault = str(NO_NAME) if error.code == "required.name" else format_error(error)
        return rerender(slug, 422, _render_list, form_data, {error.field or "name": fault})
    announce(_("Added. Send a test to see whether it arrives."))
    return _redirect_to_program(slug, public_id)


def format_failure(code: str) -> str:
    """Return why a call failed, as a sentence."""
    return str(WHY.get(code) or _("It can’t be reached."))


@editor.restricted_page("/<slug>/programs/<public_id>", permission="programs")
def program(slug: str, public_id: str) -> str:
    with read_context(slug) as desk:
        return _render_program(desk, public_id)


def _render_program(desk: RequestContext, public_id: str, secret: str = "") -> str:
    program = _load_program(desk, public_id)
    deliveries = registering.deliveries(program).page(desk.session, None, SHOWN_DELIVERIES)
    mark, status = format_program_status(desk, program)
    return page(
        desk,
        "editor/settings/program.html",
        "settings",
        program=program,
        kind=get_kind_label(program),
        status_mark=mark,
        status=status,
        host=_get_host(desk, program),
        is_signed=registering.is_signed(program),
        version_token=encode_token({"stands": _get_version_facts(program)}),
        secret=secret,
        deliveries=[_format_delivery(program, delivery) for delivery in deliveries],
    )


def _get_version_facts(program: Program) -> str:
    """Return the facts that a button compares: if they have changed since the page was opened, it is refused."""
    return f"{program.paused_at} {program.secret_shown_at}"


def _load_program(desk: RequestContext, public_id: str) -> Program:
    program = registering.load(desk.session, desk.actor, public_id)
    return require_row(desk, program, "editor.program", public_id, _("Back to the program"))


def _get_host(desk: RequestContext, program: Program) -> str:
    """Return the host of a program. The rest of its address may be a secret."""
    try:
        return urlsplit(registering.address_of(desk.session, program)).netloc.rpartition("@")[2]
    except Unsealable:
        return _("the address can’t be opened any more")


def _format_delivery(program: Program, delivery: Delivery) -> dict[str, Any]:
    """Return the template values of a delivery in the log: what was sent, how often, and how it was answered."""
    is_waiting = delivery.ended_at is None
    if delivery.has_arrived:
        mark, outcome = "good", _("arrived")
    elif is_waiting and delivery.attempts == 0:
        mark, outcome = "new", _("waits")
    elif is_waiting:
        mark, outcome = "wait", _("is tried again")
    else:
        mark, outcome = "late", _("didn’t arrive") if delivery.attempts else _("not sent")
    last_time = delivery.tried_at or delivery.happened_at
    return {
        "id": delivery.public_id,
        "event": _(NAMES[delivery.event]) if delivery.event in NAMES else delivery.event,
        "mark": mark,
        "outcome": outcome,
        "status": delivery.status,
        "why": format_failure(delivery.said) if delivery.said else "",
        "took": delivery.took,
        "at": last_time,
        "age": age(last_time),
        "exact": exact(last_time),
        "attempts": delivery.attempts,
        "again": registering.can_be_sent_again(delivery) and program.paused_at is None,
    }


@editor.action(f"/<slug>/programs/<public_id>/<any({', '.join(ACTIONS)}):action>", permission="programs")
def press_program(slug: str, public_id: str, action: str) -> Response:
    verb, message = ACTIONS[action]

    def fn(desk: RequestContext) -> str:
        program = lock_row(desk.session, _load_program(desk, public_id))
        if submitted_token().get("stands") != _get_version_facts(program):
            raise VersionConflict("the program changed")
        name = program.name
        verb(desk.session, desk.actor, program)
        return name

    name = run_in_transaction(slug, fn)
    announce(str(message) % {"name": name})
    if action == "remove":
        return redirect(url_for("editor.programs", slug=slug), code=303)
    return _redirect_to_program(slug, public_id)


@editor.action("/<slug>/programs/<public_id>/secret", permission="programs")
def show_program_secret(slug: str, public_id: str) -> str | Response:
    """Show a program's signing secret, which is possible only once."""

    def fn(desk: RequestContext) -> str:
        return registering.show_secret(desk.session, desk.actor, _load_program(desk, public_id))

    try:
        secret = run_in_transaction(slug, fn)
    except Unsealable:
        announce(_("It can’t be opened any more. Make a new one."))
        return _redirect_to_program(slug, public_id)
    with read_context(slug) as desk:
        return _render_program(desk, public_id, secret)


@editor.action("/<slug>/programs/<public_id>/test", permission="programs")
def try_program(slug: str, public_id: str) -> Response:
    """Send a test to a program and announce the answer. The request itself is made outside of any transaction."""

    def begin(desk: RequestContext) -> calling.LeasedCall | None:
        program = _load_program(desk, public_id)
        return calling.begin_test(desk.session, program, program_messages.build_test_message(desk.session, program))

    call = run_in_transaction(slug, begin)
    if call is None:
        announce(_("The test wasn’t sent: its address or its secret can’t be opened any more."))
        return _redirect_to_program(slug, public_id)
    answer = calling.call(call, current_app.config["OWN_HOSTS"], calling.TEST_TIMEOUT)
    run_in_transaction(slug, lambda desk: calling.settle_test(desk.session, call, answer))
    if is_success(answer.status):
        announce(_("The test has arrived: it answered %(status)d.", status=answer.status))
    elif answer.status is not None:
        announce(_("The test hasn’t arrived: it answered %(status)d.", status=answer.status))
    else:
        announce(_("The test hasn’t arrived. %(why)s", why=format_failure(answer.failure)))
    return _redirect_to_program(slug, public_id)


@editor.action("/<slug>/programs/<public_id>/deliveries/<delivery_id>/again", permission="programs")
def tell_program_again(slug: str, public_id: str, delivery_id: str) -> Response:
    def fn(desk: RequestContext) -> None:
        program = _load_program(desk, public_id)
        delivery = or_404(registering.load_delivery(desk.session, program, delivery_id))
        registering.resend(desk.session, desk.actor, program, delivery)

    run_in_transaction(slug, fn)
    announce(_("It is sent again in a moment."))
    return _redirect_to_program(slug, public_id)


def _redirect_to_program(slug: str, public_id: str) -> Response:
    return redirect(url_for("editor.program", slug=slug, public_id=public_id), code=303)
