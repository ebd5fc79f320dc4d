"""What readers may be told of an expert, in the expert's own words."""

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask import abort, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..lifecycle import Stale
from ..newsletters.queries import all_newsletters
from ..people.directory import change_profile, expert_of
from ..people.models import Expert as Row
from ..text import clean, single_line
from ..web import db
from .access import expert, me

LINES = ("name", "title", "organisation", "place", "credit_line", "described_as", "bio", "ties")
MANY_LINES = ("bio", "ties")


@dataclass(frozen=True)
class Profile:
    """The form as text. `away_until` is what was typed, which need not be a date."""

    lines: dict[str, str]
    topics: str
    languages: list[str]
    away_until: str
    on_public_page: bool


@dataclass(frozen=True)
class Refusal:
    """Why the form comes back: an error at a field, or what somebody else changed meanwhile, by field."""

    status: int = 200
    errors: dict[str, str] = field(default_factory=dict)
    stored: dict[str, str] = field(default_factory=dict)


@expert.get("/expert/profile")
def profile() -> Response:
    with db.read() as session:
        row = _mine(session)
        return _page(session, row, _stored(row), Refusal())


@expert.post("/expert/profile")
def save_profile() -> Response:
    typed = _typed()
    errors = {} if typed.lines["name"] else {"name": _("A name is missing.")}
    if typed.away_until and _date(typed.away_until) is None:
        errors["away_until"] = _("Write the date as year-month-day, such as 2026-11-30.")
    if errors:
        return _again(typed, Refusal(400, errors))
    version = request.form.get("version", 0, int)
    try:
        db.write(
            lambda session: change_profile(session, me(session), _mine(session), version, **_facts(session, typed))
        )
    except Stale:
        return _again(typed, Refusal(409))
    flash(_("Your profile is saved."))
    return redirect(url_for("expert.profile"), code=303)


def _mine(session: Session) -> Row:
    row = expert_of(session, current_user.person_id)
    if row is None:
        abort(404)
    return row


def _stored(row: Row) -> Profile:
    return Profile(
        lines={name: getattr(row, name) for name in LINES},
        topics=", ".join(row.topics),
        languages=list(row.languages),
        away_until=row.away_until.isoformat() if row.away_until else "",
        on_public_page=row.on_public_page,
    )


def _typed() -> Profile:
    form = request.form
    return Profile(
        lines={name: (clean if name in MANY_LINES else single_line)(form.get(name, "")) for name in LINES},
        topics=single_line(form.get("topics", "")),
        languages=form.getlist("languages"),
        away_until=form.get("away_until", "").strip(),
        on_public_page="on_public_page" in form,
    )


def _facts(session: Session, typed: Profile) -> dict[str, Any]:
    known = _languages(session, _mine(session))
    return {
        **typed.lines,
        "topics": [topic.strip() for topic in re.split("[,،，、]", typed.topics) if topic.strip()],
        "languages": [code for code in known if code in typed.languages],
        "away_until": _date(typed.away_until),
        "on_public_page": typed.on_public_page,
    }


def _languages(session: Session, row: Row) -> list[str]:
    """What the newsletters are written in, and what this expert has named already."""
    return sorted({code for one in all_newsletters(session) for code in one.languages} | set(row.languages))


def _again(typed: Profile, refusal: Refusal) -> Response:
    with db.read() as session:
        row = _mine(session)
        if refusal.status == 409:
            stored = _stored(row).lines
            refusal.stored.update({name: text for name, text in stored.items() if text != typed.lines[name]})
        return _page(session, row, typed, refusal)


def _page(session: Session, row: Row, shown: Profile, refusal: Refusal) -> Response:
    html = render_template(
        "expert/profile.html",
        newsletter=None,
        expert_name=row.name,
        signed_in=True,
        profile=shown,
        version=row.version,
        languages=_languages(session, row),
        refusal=refusal,
    )
    return make_response(html, refusal.status)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
