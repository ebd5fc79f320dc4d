"""The frame of every page of the desk: its sections with their numbers, and the edition that comes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import Session

from ..actors import Staff
from ..blanks import Blanks
from ..db import now
from ..editions.queries import Coming, beside_coming, coming_beside
from ..formatting import count, day, is_past, left
from ..forms import form_drafts
from ..letters import queries as letters
from ..letters.lifecycle import STATES as LETTERS
from ..listing import Listing
from ..mail import inbound
from ..mail import queries as mail_queries
from ..mail.lifecycle import STATES as MAIL_STATES
from ..newsletters.models import Newsletter
from ..questions import queries as questions
from ..questions.lifecycle import STATES

(HELD,), (FAILED,) = MAIL_STATES.which("is_held"), MAIL_STATES.which("is_failed")
Columns = Mapping[str, ColumnElement[Any]]
Along = Callable[[Blanks], Columns]  # what a page asks along, by the names of its columns


def nothing(_blanks: Blanks) -> Columns:
    """Ask nothing along, as most pages do."""
    return {}


@dataclass(frozen=True)
class Around:
    """The edition that comes and how many of its slots are filled, the `numbers` of the sections, whether whoever looks
    has drafts, and the answers to what the page asked along."""

    edition: Coming | None
    filled: int
    numbers: Mapping[str, int]
    has_drafts: bool
    along: Mapping[str, Any]


def around(session: Session, actor: Staff, along: Along) -> Around:
    """Ask what stands around a page, and what the page asks along, in one statement."""
    query, blanks, names, more = _asking(along)
    given = blanks.filled(now(session), actor.newsletter_id, actor.person_id)
    edition, filled, found = coming_beside(session, query, given)
    has_drafts, *found = found
    numbers = dict(zip(names, found, strict=False))
    return Around(edition, filled, numbers, has_drafts, dict(zip(more, found[len(names) :], strict=True)))


@cache
def _asking(along: Along) -> tuple[Select[Any], Blanks, list[str], list[str]]:
    """Return the statement, its blanks, and the names of what it finds."""
    blanks = Blanks()
    key = blanks.newsletter
    lists: dict[str, Listing[Any]] = {
        "letters": letters.listing(key, LETTERS.which("waits")),
        "questions": questions.in_states(key, STATES.which("is_going")),
        "shelf": questions.in_states(key, STATES.which("is_shelved")),
        "pen": inbound.listing(key, "pen"),
        "held": mail_queries.listing(key, HELD),
        "failed": mail_queries.listing(key, FAILED),
    }
    more = along(blanks)
    has_drafts = form_drafts.has_any(blanks.person, key)
    query = beside_coming(blanks, [has_drafts, *(one.counted for one in lists.values()), *more.values()])
    return query, blanks, [*lists], [*more]


def sections(newsletter: Newsletter, numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the sections of the desk, for the frame of its pages."""
    penned, held, failed = numbers["pen"], numbers["held"], numbers["failed"]
    # A desk that takes no mail has no use for the pen, unless something lies in it all the same.
    pen = [("pen", _("Holding pen"), "editor.pen", count(penned), False)] if penned or newsletter.inbox else []
    rows = [
        ("edition", _("This edition"), "editor.home", "", False),
        ("letters", _("Letters"), "editor.letters", count(numbers["letters"]), False),
        *pen,
        ("questions", _("Questions"), "editor.questions", count(numbers["questions"]), False),
        ("shelf", _("Shelf"), "editor.shelf", count(numbers["shelf"]), False),
        ("experts", _("Experts"), "editor.experts", "", False),
        ("outbox", _("Outbox"), "editor.outbox", count(failed or held), failed > 0),
        ("archive", _("Archive"), "editor.archive", "", False),
        ("insights", _("Insights"), "editor.insights", "", False),
        ("settings", _("Settings"), "editor.settings", "", False),
    ]
    return [
        {"key": key, "label": label, "href": url_for(endpoint, slug=newsletter.slug), "count": number, "broken": broken}
        for key, label, endpoint, number, broken in rows
    ]


def coming(newsletter: Newsletter, edition: Coming, filled: int) -> dict[str, str]:
    """Return the line of the edition that comes."""
    return {
        "date_label": day(edition.runs_at, "short"),
        "cutoff_label": _("locked")
        if edition.is_locked
        else _("past its cut-off, runs in %(time)s", time=left(edition.runs_at))
        if is_past(edition.cutoff_at)
        else _("cut-off in %(time)s", time=left(edition.cutoff_at)),
        "slots_label": ngettext(
            "%(filled)s of %(num)s slot filled", "%(filled)s of %(num)s slots filled", edition.slots, filled=filled
        ),
        "href": url_for("editor.edition", slug=newsletter.slug, public_id=edition.public_id),
    }
