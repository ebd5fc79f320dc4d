"""One press for several mails of the outbox: what can be done is done, and what can't is told with its reason."""

from collections import Counter
from collections.abc import Callable

from flask import abort, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response

from ...lifecycle import Illegal, Missing, NotYours, Refused, Stale
from ...mail.lifecycle import STATES
from ...mail.outbox import OnItsWay
from ..bulk import ticked
from ..conflict import in_short
from ..flash import announce
from ..frame import at_desk, change, editor
from .outbox_page import DO, PAGE, the_mail

DONE: dict[str, Callable[[int], str]] = {
    "release": lambda number: ngettext("One mail goes out.", "%(num)s mails go out.", number),
    "retry": lambda number: ngettext("One mail is tried again.", "%(num)s mails are tried again.", number),
    "discard": lambda number: ngettext("One mail isn’t sent.", "%(num)s mails aren’t sent.", number),
}
WHY_NOT: tuple[tuple[type[Refused], str], ...] = (
    (OnItsWay, _l("it is just going out")),
    (NotYours, _l("an editor has to do it")),
    (Missing, _l("the text is no longer kept")),
    (Illegal, _l("that isn’t possible as it stands")),
)


@editor.press("/<slug>/outbox", "stop mails")
def press_mails(slug: str) -> Response:
    """Each mail is a change of its own, so that one which can't be moved holds up no other."""
    act, state = request.form.get("act", ""), request.form.get("state")
    if act not in DO:
        abort(400)
    with at_desk(slug):
        pass  # a stranger learns nothing, also without a tick
    done, refused = 0, Counter[str]()
    for public_id, version in ticked("mail", 6 * PAGE):
        try:
            change(slug, lambda desk: DO[act](desk, the_mail(desk, public_id), version))  # noqa: B023
            done += 1
        except Refused as error:
            refused[_why(slug, public_id, error)] += 1
    announce(_told(act, done, refused))
    return redirect(url_for("editor.outbox", slug=slug, state=state if state in STATES else None), code=303)


def _why(slug: str, public_id: str, error: Refused) -> str:
    if not isinstance(error, Stale):
        return next(str(why) for kind, why in WHY_NOT if isinstance(error, kind))
    with at_desk(slug) as desk:
        said = in_short(desk, the_mail(desk, public_id)) or _("somebody has changed it since")
    return _("%(said)s; read it first", said=said)


def _told(act: str, done: int, refused: Counter[str]) -> str:
    if not done and not refused:
        return _("Tick the mails first.")
    said = [DONE[act](done)] if done else []
    said += [
        ngettext("One can’t be: %(why)s.", "%(num)s can’t be: %(why)s.", number, why=why)
        for why, number in refused.items()
    ]
    return " ".join(said)
