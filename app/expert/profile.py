"""The page on which experts edit their profile and consent to a public page at each newsletter."""

from dataclasses import dataclass, field
from typing import Any

from flask import flash, redirect, request, url_for
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
from ..people.models import PROFILE, Expert
from ..web.photo_form import PhotoForm, describe_photo
from ..web.setup import db, or_404
from .access import expert, get_actor, get_signed_in_expert, render_own_page

FIELDS = {name: spec for name, spec in PROFILE.items() if spec.own}  # the fields that experts edit themselves
ERROR_MESSAGES = {
    "empty": _l("A name is missing."),
    "date": _l("Write the date as year-month-day, such as 2026-11-30."),
    "long": _l("This is too long"),
    "many": _l("This is too long"),
}


@dataclass(frozen=True)
class Refusal:
    """The reasons to show the form again, by field: `errors`, or values that somebody else has `stored` since."""

    status: int = 200
    errors: dict[str, str] = field(default_factory=dict)
    stored: dict[str, str] = field(default_factory=dict)


@expert.get("/expert/profile")
def profile() -> Response:
    with db.read() as session:
        expert_row = get_signed_in_expert(session)
        return _render_form(session, expert_row, _get_stored_values(expert_row), Refusal())


@expert.post("/expert/profile")
def save_profile() -> Response:
    submitted = _get_submitted_values()
    # Languages aren't parsed: only languages that the form offers are saved.
    parsed_fields = {name: spec for name, spec in FIELDS.items() if name != "languages"}
    values, faults = read_form(parsed_fields, submitted)
    if faults:
        errors = {name: str(ERROR_MESSAGES[fault.key]) for name, fault in faults.items()}
        return _rerender(submitted, Refusal(400, errors))
    version = request.form.get("version", 0, int)

    def save(session: Session) -> None:
        expert_row = get_signed_in_expert(session)
        languages = [code for code in _list_languages(session, expert_row) if code in submitted["languages"]]
        change_profile(session, get_actor(session), expert_row, version, **values, languages=languages)

    try:
        db.write(save)
    except VersionConflict:
        return _rerender(submitted, Refusal(409))
    flash(_("Your profile is saved."))
    return redirect(url_for("expert.profile"), code=303)


@expert.post("/expert/profile/pages/<slug>/<any(yes, no):said>")
def say_of_page(slug: str, said: str) -> Response:
    """Give consent to a public page at a newsletter, or withdraw it. Both take effect immediately."""

    def save(session: Session) -> None:
        expert_row = get_signed_in_expert(session)
        newsletters = {
            newsletter.slug: newsletter for newsletter in archive.list_newsletters_of_expert(session, expert_row)
        }
        newsletter = or_404(newsletters.get(slug))
        if said == "yes":
            expert_pages.give_consent(session, get_actor(session), expert_row, newsletter.id)
        else:
            expert_pages.withdraw_consent(session, get_actor(session), expert_row, newsletter.id)

    db.write(save)
    flash(_("Readers find your page now.") if said == "yes" else _("The page is gone."))
    return redirect(url_for("expert.profile"), code=303)


def rerender_photo_form(photo_form: PhotoForm, status: int) -> Response:
    """Show the page again with the fields of a photo form that was refused."""
    with db.read() as session:
        expert_row = get_signed_in_expert(session)
        response = _render_form(session, expert_row, _get_stored_values(expert_row), Refusal(), photo_form)
    response.status_code = status
    return response


@dataclass(frozen=True)
class PublicPage:
    """The expert's public page at a newsletter that has printed them.

    `is_wanted` says whether they consented to it. `href` is its URL, or None if the page would be empty.
    """

    newsletter: Newsletter
    is_wanted: bool
    href: str | None


def _list_pages(session: Session, expert_row: Expert) -> list[PublicPage]:
    pages = expert_pages.pages_of(session, expert_row)
    return [
        PublicPage(
            newsletter,
            is_wanted=newsletter.id in pages,
            href=archive.expert_page_path(session, newsletter, pages.get(newsletter.id)),
        )
        for newsletter in archive.list_newsletters_of_expert(session, expert_row)
    ]


def _get_stored_values(expert_row: Expert) -> dict[str, Any]:
    values = {name: format_value(spec, getattr(expert_row, name)) for name, spec in FIELDS.items()}
    return values | {"languages": list(expert_row.languages)}


def _get_submitted_values() -> dict[str, Any]:
    form = request.form
    values: dict[str, Any] = {}
    for name, spec in FIELDS.items():
        values[name] = name in form if spec.kind == "tick" else form.get(name, "").replace("\r\n", "\n")
    return values | {"languages": form.getlist("languages")}


def _list_languages(session: Session, expert_row: Expert) -> list[str]:
    """Return the languages of all newsletters and those in the expert's profile."""
    offered = {code for newsletter in all_newsletters(session) for code in newsletter.languages}
    return sorted(offered | set(expert_row.languages))


def _rerender(submitted: dict[str, Any], refusal: Refusal) -> Response:
    """Show the form again with the submitted values. After a version conflict, add the stored texts that differ."""
    with db.read() as session:
        expert_row = get_signed_in_expert(session)
        if refusal.status == 409:
            for name, value in _get_stored_values(expert_row).items():
                if isinstance(value, str) and value != submitted[name]:
                    refusal.stored[name] = value
        return _render_form(session, expert_row, submitted, refusal)


def _render_form(
    session: Session, expert_row: Expert, values: dict[str, Any], refusal: Refusal, photo_form: PhotoForm | None = None
) -> Response:
    return render_own_page(
        "profile",
        expert_row.name,
        status=refusal.status,
        fields=FIELDS,
        profile=values,
        version=expert_row.version,
        languages=_list_languages(session, expert_row),
        pages=_list_pages(session, expert_row),
        **describe_photo(session, expert_row, photo_form),
        is_described=bool(expert_row.described_as),
        refusal=refusal,
    )
