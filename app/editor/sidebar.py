"""The sidebar of every page of the desk: its sections with their numbers, and the next edition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from ..core.actors import Staff
from ..core.listing import Listing
from ..editions.queries import EditionSummary, summarize_edition_in_production
from ..forms import form_drafts
from ..letters import queries as letters
from ..letters.lifecycle import STATES as LETTERS
from ..mail import inbound
from ..mail import queries as mail_queries
from ..mail.lifecycle import STATES as MAIL_STATES
from ..newsletters.models import Newsletter
from ..questions import queries as questions
from ..questions.lifecycle import STATES
from ..web.formatting import count, day, format_time_left, is_past

# The only mail state that counts as held, and the only one that counts as failed.
[HELD] = MAIL_STATES.which("is_held")
[FAILED] = MAIL_STATES.which("is_failed")


@dataclass(frozen=True)
class Sidebar:
    """The edition in production, the numbers of rows by list, and whether the actor has drafts of forms."""

    edition: EditionSummary | None
    numbers: Mapping[str, int]
    has_drafts: bool


def load_sidebar(session: Session, actor: Staff) -> Sidebar:
    """Load the sidebar: the edition in production in one query, all numbers in another."""
    newsletter_id = actor.newsletter_id
    listings: dict[str, Listing[Any]] = {
        "letters": letters.listing(newsletter_id, LETTERS.which("waits")),
        "questions": questions.in_states(newsletter_id, STATES.which("is_going")),
        "shelf": questions.in_states(newsletter_id, STATES.which("is_shelved")),
        "pen": inbound.listing(newsletter_id, "pen"),
        "held": mail_queries.listing(newsletter_id, HELD),
        "failed": mail_queries.listing(newsletter_id, FAILED),
    }
    columns: list[ColumnElement[Any]] = [form_drafts.has_any(actor.person_id, newsletter_id)]
    columns += [listing.count_subquery for listing in listings.values()]
    has_drafts, *numbers = session.execute(select(*columns)).one()
    edition = summarize_edition_in_production(session, newsletter_id)
    return Sidebar(edition, dict(zip(listings, numbers, strict=True)), has_drafts)


def sections(newsletter: Newsletter, numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the sections as dicts with key, label, href, count, and whether the count is a number of failures.

    `shortcut` is the letter that leads there after a g.
    """
    pen_count, held, failed = numbers["pen"], numbers["held"], numbers["failed"]
    # A newsletter without an inbox has no holding pen, unless something is in it.
    pen_rows = (
        [("pen", _("Holding pen"), "editor.pen", count(pen_count), False)] if pen_count or newsletter.inbox else []
    )
    # Each with its key, label, endpoint, count, and whether the count is a number of failures.
    rows = [
        ("edition", _("This edition"), "editor.home", "", False),
        ("letters", _("Letters"), "editor.letters", count(numbers["letters"]), False),
        *pen_rows,
        ("questions", _("Questions"), "editor.questions", count(numbers["questions"]), False),
        ("shelf", _("Shelf"), "editor.shelf", count(numbers["shelf"]), False),
        ("experts", _("Experts"), "editor.experts", "", False),
        ("outbox", _("Outbox"), "editor.outbox", count(failed or held), failed > 0),
        ("archive", _("Archive"), "editor.archive", "", False),
        ("insights", _("Insights"), "editor.insights", "", False),
        ("settings", _("Settings"), "editor.settings", "", False),
    ]
    shortcuts = choose_shortcuts([row[0] for row in rows])
    return [
        {
            "key": key,
            "shortcut": shortcuts[key],
            "label": label,
            "href": url_for(endpoint, slug=newsletter.slug),
            "count": count_text,
            "broken": counts_failures,
        }
        for key, label, endpoint, count_text, counts_failures in rows
    ]


def choose_shortcuts(keys: Sequence[str]) -> dict[str, str]:
    """Return a letter for each section: the first one of its key that no section above it has."""
    shortcuts: dict[str, str] = {}
    for key in keys:
        shortcuts[key] = next(letter for letter in key if letter not in shortcuts.values())
    return shortcuts


def next_edition_summary(newsletter: Newsletter, edition: EditionSummary) -> dict[str, str]:
    """Return the labels for date, cut-off and slots of the next edition, and the link to its page."""
    if edition.is_locked:
        cutoff_label = _("locked")
    elif is_past(edition.cutoff_at):
        cutoff_label = _("past its cut-off, runs in %(time)s", time=format_time_left(edition.runs_at))
    else:
        cutoff_label = _("cut-off in %(time)s", time=format_time_left(edition.cutoff_at))
    return {
        "date_label": day(edition.runs_at, "short"),
        "cutoff_label": cutoff_label,
        "slots_label": ngettext(
            "%(filled)s of %(num)s slot filled",
            "%(filled)s of %(num)s slots filled",
            edition.slots,
            filled=edition.filled,
        ),
        "href": url_for("editor.edition", slug=newsletter.slug, public_id=edition.public_id),
    }
