"""An expert's own profile, and their consent to a public page at each newsletter."""

from dataclasses import dataclass, field
from typing import Any

from flask import flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..core.domain_errors import VersionConflict
from ..core.fields import format_value, read_form
from ..editions import archive
from ..newsletters.models import Newsletter
from ..newsletters.queries import all_newsletters
from ..people import expert_pages
from ..people.directory import change_profile
from ..people.models import PROFILE
from ..people.models import Expert as Row
from ..web.setup import db, or_404
from .access import expert, get_signed_in_expert, me

OWN = {name: one for name, one in PROFILE.items() if one.own}
FAULTS = {
    "empty": _l("A name is missing."),
    "date": _l("Write the date as year-month-day, such as 2026-11-30."),
    "long": _l("This is too long"),
    "many": _l("This is too long"),
}


@dataclass(frozen=True)
class Refusal:
    """The reason why the form is shown again: errors by field, or the stored values that somebody else changed."""

    status: int = 200
    errors: dict[str, str] = field(default_factory=dict)
    stored: dict[str, str] = field(default_factory=dict)


@expert.get("/expert/profile")
def profile() -> Response:
    with db.read() as session:
        row = get_signed_in_expert(session)
        return _page(session, row, _stored_values(row), Refusal())


@expert.post("/expert/profile")
def save_profile() -> Response:
    typed = _form_values()
    values, faults = read_form({name: one for name, one in OWN.items() if name != "languages"}, typed)
    if faults:
        return _rerender(typed, Refusal(400, {name: str(FAULTS[fault.key]) for name, fault in faults.items()}))
    version = request.form.get("version", 0, int)

    def fn(session: Session) -> None:
        row = get_signed_in_expert(session)
        languages = [code for code in _languages(session, row) if code in typed["languages"]]
        change_profile(session, me(session), row, version, **values, languages=languages)

    try:
        db.write(fn)
    except VersionConflict:
        return _rerender(typed, Refusal(409))
    flash(_("Your profile is saved."))
    return redirect(url_for("expert.profile"), code=303)


@expert.post("/expert/profile/pages/<slug>/<any(yes, no):said>")
def say_of_page(slug: str, said: str) -> Response:
    """Give consent to a public page at a newsletter, or withdraw it. Both take effect immediately."""

    def fn(session: Session) -> None:
        row = get_signed_in_expert(session)
        newsletter = or_404(
            next((one for one in archive.list_newsletters_of_expert(session, row) if one.slug == slug), None)
        )
        if said == "yes":
            expert_pages.say_yes(session, me(session), row, newsletter.id)
        else:
            expert_pages.take_back(session, me(session), row, newsletter.id)

    db.write(fn)
    flash(_("Readers find your page now.") if said == "yes" else _("The page is gone."))
    return redirect(url_for("expert.profile"), code=303)


@dataclass(frozen=True)
class Page:
    """A newsletter with an answer of the expert: whether they agreed to a page there, and its address.

    The address is None while the page would be empty.
    """

    newsletter: Newsletter
    is_wanted: bool
    href: str | None


def _pages(session: Session, row: Row) -> list[Page]:
    said = expert_pages.pages_of(session, row)
    return [
        Page(one, one.id in said, archive.expert_page_path(session, one, said.get(one.id)))
        for one in archive.list_newsletters_of_expert(session, row)
    ]


def _stored_values(row: Row) -> dict[str, Any]:
    return {name: format_value(one, getattr(row, name)) for name, one in OWN.items()} | {
        "languages": list(row.languages)
    }


def _form_values() -> dict[str, Any]:
    form = request.form
    typed: dict[str, Any] = {
        name: name in form if one.kind == "tick" else form.get(name, "").replace("\r\n", "\n")
        for name, one in OWN.items()
    }
    return typed | {"languages": form.getlist("languages")}


def _languages(session: Session, row: Row) -> list[str]:
    """Return the languages of all newsletters and those in the expert's profile."""
    return sorted({code for one in all_newsletters(session) for code in one.languages} | set(row.languages))


def _rerender(values: dict[str, Any], refusal: Refusal) -> Response:
    with db.read() as session:
        row = get_signed_in_expert(session)
        if refusal.status == 409:
            differing = {name: text for name, text in _stored_values(row).items() if text != values[name]}
            refusal.stored.update({name: text for name, text in differing.items() if isinstance(text, str)})
        return _page(session, row, values, refusal)


def _page(session: Session, row: Row, values: dict[str, Any], refusal: Refusal) -> Response:
    html = render_template(
        "expert/profile.html",
        newsletter=None,
        expert_name=row.name,
        signed_in=True,
        fields=OWN,
        profile=values,
        version=row.version,
        languages=_languages(session, row),
        pages=_pages(session, row),
        is_described=bool(row.described_as),
        refusal=refusal,
    )
    return make_response(html, refusal.status)
