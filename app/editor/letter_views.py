"""What the pages of letters show: the rows of the list, and the one that is read."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

from flask import abort, request, url_for
from flask_babel import gettext as _

from ..editions.models import Edition
from ..letters import contacts, queries
from ..letters.lifecycle import LETTER
from ..letters.models import Letter
from ..mail import inbound
from ..questions import queries as question_queries
from ..questions.models import Question
from ..wording import age, day, exact, full_date, tongue, zone
from . import mailed
from .frame import Desk, found
from .letter_words import BY_MAIL, CHANNELS, ENDS, FILED, FILTERS, HEARS_BACK, HELD
from .mailed import About

PAGE = 40  # rows that fit a laptop's screen
KINDS = ("comment", "tip", "unsubscribe", "spam")


def list_of(desk: Desk, item: Letter | None = None) -> dict[str, Any]:
    state = request.args.get("state", "waiting")
    label, states = FILTERS.get(state) or abort(404)
    before = request.args.get("before")
    key = found(queries.load(desk.session, desk.actor, before)).id if before else None
    rows = queries.page(desk.session, desk.newsletter.id, states, key, PAGE + 1)
    slug = desk.newsletter.slug
    about = mailed.about(desk.session, rows[:PAGE])
    older = url_for("editor.letters", slug=slug, state=state, before=rows[PAGE - 1].public_id) if rows[PAGE:] else None
    return {
        "days": _days(slug, rows[:PAGE], about, state, before, item),
        "state": state,
        "state_label": label,
        "filters": [(name, str(words), url_for("editor.letters", slug=slug, state=name)) for name, (words, _s) in FILTERS.items()],
        "keyset": {"newer": url_for("editor.letters", slug=slug, state=state) if before else None, "older": older},
        "ends": ENDS,
        "kinds": [(kind, FILED[kind]) for kind in KINDS],
        "back": url_for("editor.letters", slug=slug, state=state, before=before),
    }  # fmt: skip


def _days(
    slug: str,
    rows: Sequence[Letter],
    about: About,
    state: str,
    before: str | None,
    item: Letter | None,
) -> list[tuple[str, list[dict[str, Any]]]]:
    return [
        (day(when), [_row(slug, one, about, state, before, item) for one in some])
        for when, some in groupby(rows, key=_day_of)
    ]


def _keeps_the_day(one: Letter) -> bool:
    """A web letter without an address has a day and no minute."""
    return one.channel == "web" and one.hear_back == "number"


def _day_of(one: Letter) -> date:
    return one.received_at.date() if _keeps_the_day(one) else one.received_at.astimezone(zone()).date()


def _row(slug: str, one: Letter, about: About, state: str, before: str | None, item: Letter | None) -> dict[str, Any]:
    looks = {"received": ("new", "new", _("New")), "held": ("wait", "held", _("Held"))}
    kind, looks_like, label = looks.get(str(one.state), ("none", "seen", _("Settled")))
    expert = about.expert(one)
    return {
        # The version travels with the box, so that a letter that moved meanwhile is left alone.
        "id": f"{one.public_id}.{one.version}",
        "href": url_for(
            "editor.letter",
            slug=slug,
            public_id=one.public_id,
            state=state,
            before=before,
        ),
        "kind": kind,
        "state": looks_like,
        "state_label": label,
        # What an expert writes is filed by itself: several can't be one thing.
        "ticks": one.author == "reader",
        "expert": expert.expert.name if expert else "",
        "source": about.replies_to(one) or CHANNELS[one.channel],
        "text": (one.body or "")[:200],
        "language": one.language,
        "tongue": tongue(one.language),
        "says": _settled(one) or (mailed.titled(expert.question) if expert else ""),
        "age": _age(one),
        "time": one.received_at,
        "exact": full_date(_day_of(one)) if _keeps_the_day(one) else exact(one.received_at),
        "open": item is not None and item.id == one.id,
        "checked": False,
    }


def _age(one: Letter) -> str:
    if _keeps_the_day(one) and _day_of(one) == datetime.now(UTC).date():
        return _("today")
    return age(one.received_at)


def _settled(one: Letter) -> str:
    """What the desk or the house did with it already."""
    if one.state == "held":
        return _("Held: %(why)s", why=HELD.get(one.held_reason or "", one.held_reason))
    if one.state == "filed":
        return str(FILED[one.filed_as or "comment"])
    return _("Ended") if one.state == "ended" else _("Withdrawn") if one.state == "withdrawn" else ""


def pane_of(desk: Desk, item: Letter) -> dict[str, Any]:
    session, key = desk.session, desk.newsletter.id
    by_mail = item.channel == "mail"
    mail = inbound.of_letter(session, item.id) if by_mail else None
    expert = mailed.about(session, [item]).expert(item)
    credit = item.credit
    edition = session.get(Edition, item.about_edition_id) if item.about_edition_id else None
    question = session.get(Question, item.question_id) if item.question_id else None
    hear_back = item.hear_back if item.channel == "web" or item.hear_back != "number" else "nothing"
    return {
        "item": item,
        "may": LETTER.open_to(desk.actor, item),
        "settled": _settled(item),
        "source": CHANNELS[item.channel],
        "day": day(_day_of(item)),
        "replies_to": day(edition.runs_at) if edition else None,
        "credit": credit if credit and credit.choice != "none" else None,
        "credit_name": contacts.named(session, item),
        "hears_back": HEARS_BACK[hear_back],
        "question": question_queries.lead_of(session, question) if question else None,
        "open_questions": question_queries.page(session, key, ("open", "seeking", "answered"), None, 50),
        "end_reason": ENDS.get(item.end_reason or ""),
        "files": [(kind, (BY_MAIL if by_mail else FILED)[kind]) for kind in KINDS],
        "reading": mailed.readings(session, [mail]).get(mail.id) if mail else None,
        "expert": expert,
        "filings": mailed.filings(desk, item, expert) if expert else None,
    }
