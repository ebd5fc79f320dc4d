"""A fresh proof of who presses, for what can't be left to whoever finds a screen: who may what, and all addresses at
once.
"""

from collections.abc import Mapping
from typing import Any

from flask import g, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from .. import errors
from ..people import staff
from .frame import Desk

PROVE = errors.Words(
    _l("Is it you?"),
    _l("You proved who you are some time ago, and this is not for whoever finds your screen. Nothing was changed."),
    _l("Show that it is you; then do it again within ten minutes."),
)


def proof(desk: Desk, back: str) -> dict[str, Any]:
    """Return whether what needs a proof can be done now, and where the proof is given; from there it goes `back`."""
    return {"is_fresh": staff.is_fresh(desk.session, desk.actor), "prove": url_for("entrance.again", next=back)}


def prove_first(back: str, typed: Mapping[str, str] | None = None) -> Response:
    """Nothing was done: first they show that it is them. What they typed stays before their eyes."""
    g.back = (url_for("entrance.again", next=back), _("Show that it is you, then do it again"))
    return errors.page(403, words=PROVE, kept=dict(typed or {}))
