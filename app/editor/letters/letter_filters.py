"""The list of letters: what in its address means what."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import true

from ...core.listing import Rows
from ...db.session import now
from ...letters import crowds, queries
from ...letters.lifecycle import STATES
from ...letters.models import CHANNELS as ALL_CHANNELS
from ...letters.models import Letter
from ...web.formatting import tongue
from ..choices import Offer
from ..filtered_list import Declared, Filter, Options, editions, static_options
from ..frame import RequestContext
from .letter_words import CHANNELS, FILED, FILTERS, HELD

RECENT = 12  # editions that the form offers
TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
KINDS = ("question", "comment", "tip", "unsubscribe", "spam")
# age in the address: (label, days, whether it bounds from below)
AGES = {
    "day": (_l("of the last day"), 1, True),
    "week": (_l("of the last week"), 7, True),
    "over-week": (_l("over a week old"), 7, False),
    "over-month": (_l("over a month old"), 30, False),
}
EQUAL = {
    "channel": Letter.channel,
    "language": Letter.language,
    "edition": Letter.about_edition_id,
    "kind": Letter.filed_as,
    "held": Letter.held_reason,
}


# The lists in which what a flood may have brought stands behind the rest.
IN_ORDER: dict[Sequence[str], Callable[..., Rows[Letter]]] = {
    STATES.which("is_held"): crowds.list_held_letters,
    STATES.which("waits"): crowds.waiting,
}


def _languages(_desk: RequestContext, code: str) -> Options:
    """The language that the address has; the page offers those of its rows."""
    known = code == "und" or TAG.fullmatch(code) and tongue(code)
    return {code: (tongue(code) or _("an unknown language"), code)} if known else {}


def _default_state(values: Mapping[str, str]) -> str:
    """Return which letters are meant where the address doesn't say: what waits, unless something else follows from the
    rest.
    """
    if "kind" in values:
        return "filed"
    return "held" if "held" in values else "all" if "q" in values else "waiting"


def _listing(desk: RequestContext, states: Sequence[str], filter_values: Mapping[str, Any]) -> Rows[Letter]:
    newsletter_id = desk.newsletter.id
    rules = [
        column == getattr(filter_values[name], "id", filter_values[name])
        for name, column in EQUAL.items()
        if name in filter_values
    ]
    rules += [Letter.alike == true()] if "alike" in filter_values else []
    if "age" in filter_values:
        _label, days, is_young = AGES[filter_values["age"]]
        bound = now(desk.session) - timedelta(days=days)
        return queries.listing(newsletter_id, states, *rules, **{"since" if is_young else "until": bound})
    if states in IN_ORDER:
        return IN_ORDER[states](newsletter_id, *rules)
    return queries.listing(newsletter_id, states, *rules)


LETTERS = Declared(
    noun=Letter,
    endpoint="editor.letters",
    states=FILTERS,
    filters={
        "channel": Filter(
            _l("Came by"), _l("by way of: %(channel)s"), static_options({one: CHANNELS[one] for one in ALL_CHANNELS})
        ),
        "language": Filter(_l("Written in"), _l("in %(language)s"), _languages),
        "edition": Filter(
            _l("About the edition"), _l("about the edition of %(day)s"), editions(Offer(RECENT, has_run=True))
        ),
        "kind": Filter(_l("Filed as"), _l("filed as: %(kind)s"), static_options({kind: FILED[kind] for kind in KINDS})),
        "held": Filter(_l("Held for"), _l("held for: %(why)s"), static_options(HELD)),
        "age": Filter(_l("Age"), "%(age)s", static_options({name: label for name, (label, *_rest) in AGES.items()})),
        "alike": Filter(_l("Look-alikes"), _l("with a look-alike"), static_options({"1": _l("has one")})),
    },
    usual=_default_state,
    listing=_listing,
    load=queries.load,
    size=40,  # rows that fit a laptop's screen
)
