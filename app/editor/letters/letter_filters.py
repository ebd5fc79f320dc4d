"""The list of letters as its address says it: each filter is a part of the address, and all of them combine."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import or_, select

from ...db import now
from ...editions.models import Edition
from ...formatting import day, tongue
from ...letters.models import CHANNELS as ALL_CHANNELS
from ...letters.queries import Wanted
from ..frame import Desk, unknown
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
NAMES = ("state", "channel", "language", "edition", "kind", "held", "age", "alike", "q")


@dataclass(frozen=True)
class Chosen:
    """A list as it was asked for: `values` are the parts of its address, `wanted` what they mean."""

    slug: str
    values: Mapping[str, str]
    wanted: Wanted
    editions: Mapping[int, Edition]

    @property
    def state(self) -> str:
        return self.values.get("state") or _usual(self.values)

    @property
    def search(self) -> str:
        return self.values.get("q", "")

    def address(self, endpoint: str = "editor.letters", **other: Any) -> str:
        """The address of this list, or of a letter in it, with some of its parts changed; None leaves one out."""
        return url_for(endpoint, slug=self.slug, **{**self.values, **other})

    @property
    def words(self) -> str:
        """The filters besides the state, as the page says them."""
        said = {
            "channel": lambda value: _("by way of: %(channel)s", channel=CHANNELS[value]),
            "language": lambda value: _("in %(language)s", language=tongue(value) or _("an unknown language")),
            "edition": lambda value: _("about the edition of %(day)s", day=self._edition_words(value)),
            "kind": lambda value: _("filed as: %(kind)s", kind=FILED[value]),
            "held": lambda value: _("held for: %(why)s", why=HELD[value]),
            "age": lambda value: str(AGES[value][0]),
            "alike": lambda value: _("with a look-alike"),
        }
        return ", ".join(said[name](value) for name, value in self.values.items() if name in said)

    def _edition_words(self, public_id: str) -> str:
        return next((named(one) for one in self.editions.values() if one.public_id == public_id), "")


def named(edition: Edition) -> str:
    """An edition as a filter calls it: "60, 2 Nov"."""
    date = day(edition.runs_at, "short")
    return f"{edition.number}, {date}" if edition.number else date


def _usual(values: Mapping[str, str]) -> str:
    """Which letters are meant where the address doesn't say: what waits, unless something else follows from the rest."""
    if "kind" in values:
        return "filed"
    return "held" if "held" in values else "all" if "q" in values else "waiting"


def chosen(desk: Desk, args: Mapping[str, str]) -> Chosen:
    """Read an address. One that says what there isn't gets a page that says so: half a filter would show other letters."""
    values = {name: args[name].strip() for name in NAMES if args.get(name, "").strip()}
    for name in args:
        if name not in (*NAMES, "before", "above", "tick"):
            unknown(desk, name, "editor.letters")
    known = {
        "state": FILTERS, "channel": ALL_CHANNELS, "kind": KINDS, "held": HELD, "age": AGES, "alike": ("1",),
    }  # fmt: skip
    for name, all_of_them in known.items():
        if name in values and values[name] not in all_of_them:
            unknown(desk, name, "editor.letters")
    if not _is_language(values.get("language", "und")):
        unknown(desk, "language", "editor.letters")
    editions = _editions(desk, values.get("edition"))
    about = next((one.id for one in editions.values() if one.public_id == values.get("edition")), None)
    if "edition" in values and about is None:
        unknown(desk, "edition", "editor.letters")
    wanted = Wanted(
        FILTERS[values.get("state") or _usual(values)][1],
        channel=values.get("channel"),
        language=values.get("language"),
        about_edition_id=about,
        filed_as=values.get("kind"),
        held_reason=values.get("held"),
        alike="alike" in values,
    )
    return Chosen(desk.newsletter.slug, values, _aged(desk, wanted, values.get("age")), editions)


def _is_language(code: str) -> bool:
    return code == "und" or bool(TAG.fullmatch(code) and tongue(code))


def _aged(desk: Desk, wanted: Wanted, age: str | None) -> Wanted:
    if age is None:
        return wanted
    _label, days, is_young = AGES[age]
    bound = now(desk.session) - timedelta(days=days)
    return replace(wanted, since=bound) if is_young else replace(wanted, until=bound)


def _editions(desk: Desk, public_id: str | None) -> dict[int, Edition]:
    """The newest editions that ran, to choose from, and the one that is chosen, in one query."""
    mine = Edition.newsletter_id == desk.newsletter.id
    ran = select(Edition.id).where(mine, Edition.runs_at <= now(desk.session))
    newest = ran.order_by(Edition.runs_at.desc()).limit(RECENT)
    query = select(Edition).where(mine, or_(Edition.id.in_(newest), Edition.public_id == (public_id or "")))
    return {one.id: one for one in desk.session.scalars(query.order_by(Edition.runs_at.desc()))}
