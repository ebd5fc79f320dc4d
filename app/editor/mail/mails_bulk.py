"""Presses on the ticked mails of the outbox: each is let go, tried again or discarded."""

from collections import Counter
from collections.abc import Callable

from flask import request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from ...core.state_machine import DomainError, InvalidTransition, MissingPrecondition, PermissionDenied, VersionConflict
from ...mail.lifecycle import STATES
from ...mail.models import OutboxMail
from ...mail.outbox import OnItsWay
from ..bulk import Bulk, Press, WhyNot, get_refusal_text
from ..conflict import in_short
from ..frame import RequestContext
from .outbox_page import ACTS, BUTTONS, DO, PAGE, the_mail

WHY_NOT: WhyNot = (
    (OnItsWay, _l("it is just going out")),
    (PermissionDenied, _l("an editor has to do it")),
    (MissingPrecondition, _l("the text is no longer kept")),
    (InvalidTransition, _l("that isn’t possible as it stands")),
)
DONE: dict[str, Callable[[int], str]] = {
    "release": lambda number: ngettext("One mail goes out.", "%(num)s mails go out.", number),
    "retry": lambda number: ngettext("One mail is tried again.", "%(num)s mails are tried again.", number),
    "discard": lambda number: ngettext("One mail isn’t sent.", "%(num)s mails aren’t sent.", number),
}


def _press(act: str) -> Press:
    return Press(BUTTONS[act], lambda desk, taken: DO[act](desk, *taken), act=ACTS.get(act, ""), done=DONE[act])


def _get_return_url(desk: RequestContext) -> tuple[str, None]:
    state = request.form.get("state")
    return url_for("editor.outbox", slug=desk.newsletter.slug, state=state if state in STATES else None), None


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
    presses={act: _press(act) for act in BUTTONS},
    back=_get_return_url,
    done=str,  # each press says it in its own words
    empty=_l("Tick the mails first."),
    why=_format_refusal,
    stays=_stay,
    take=lambda _desk, one, version: (one, version),  # one that is just going out says so, whatever else was done to it
    most=6 * PAGE,
).at("outbox", "press_mails", "stop mails")
