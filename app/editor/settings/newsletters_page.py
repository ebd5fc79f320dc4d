"""All newsletters, for admins: create, rename, pause, resume and close them."""

from collections.abc import Callable
from datetime import date
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from werkzeug.wrappers import Response

from ...audit import Event
from ...core.domain_errors import InvalidTransition, VersionConflict
from ...core.fields import FieldError
from ...core.permissions import roles_for
from ...db.session import lock_row, now
from ...editions.planning import off_the_rhythm, start_with_open_edition
from ...editions.rhythm import choices_of, preview_dates
from ...forms.version_tokens import encode_token
from ...newsletters.models import SETTINGS, USUAL_CUTOFF_MINUTES, Newsletter
from ...newsletters.queries import all_newsletters
from ...newsletters.settings import InvalidSettings
from ...people.models import Membership
from ...text.languages import direction
from ...typesetting.house_languages import phrases_for
from ...web.formatting import day
from ...workflows.newsletters import founding, pausing, renaming
from .. import form_fields, rhythm_form
from ..conflict import abort_with_conflict, submitted_token
from ..form_fields import parse_day
from ..frame import RequestContext, announce, editor, page, read_context, rerender, run_in_transaction
from ..undo_press import get_undo_token
from .sentences import SENTENCES, example, sentences_typed

STANDS = {"running": _l("runs"), "paused": _l("pauses"), "closed": _l("is closed")}


def format_status(newsletter: Newsletter) -> str:
    """Return the state of a newsletter in a few words."""
    if newsletter.paused_until:
        return _("pauses until %(day)s", day=day(newsletter.paused_until))
    return str(STANDS[str(newsletter.state)])


@editor.sheet("/<slug>/newsletters", "newsletters")
def newsletters(slug: str) -> str:
    with read_context(slug) as desk:
        mine = Membership.person_id == desk.actor.person_id
        roles = select(Membership.newsletter_id).where(mine, Membership.at_work())
        managed = set(desk.session.scalars(roles.where(Membership.role.in_(roles_for("newsletters")))))
        rows = [(one, format_status(one), one.id in managed) for one in all_newsletters(desk.session)]
        return page(desk, "editor/settings/newsletters.html", "settings", rows=rows)


@editor.sheet("/<slug>/newsletter", "newsletters")
def newsletter(slug: str) -> str:
    with read_context(slug) as desk:
        return _page(desk)


def _page(
    desk: RequestContext, press: str = "", form_data: dict[str, str] | None = None, faults: dict[str, Any] | None = None
) -> str:
    """Render the page. The form of the rejected action `press` is open, with its submitted values."""
    one = desk.newsletter
    said = {name: form_fields.format_fault(fault) for name, fault in (faults or {}).items()}
    labels = {"name": _("Name"), "slug": _("Short name"), "until": _("Until"), "sentence": _("A sentence to them")}
    stay = off_the_rhythm(desk.session, one) if not one.is_running else []
    return page(
        desk,
        "editor/settings/newsletter.html",
        "settings",
        status=format_status(one),
        version_token=encode_token({"stands": _facts(one)}),
        open_form=press,
        form_data={"name": one.name, "slug": one.slug, **(form_data or {})},
        faults=said,
        summary=[(name, f"{labels[name]}: {words}") for name, words in said.items()],
        open_assignment_count=len(pausing.list_open_assignments(desk.session, one)) if one.is_going else 0,
        kept_editions=[day(edition.runs_at, "short") for edition, _why in stay],
    )


def _facts(newsletter: Newsletter) -> str:
    return f"{newsletter.state} {newsletter.paused_until} {newsletter.slug} {newsletter.name}"


def _parse_until() -> date | None:
    typed = request.form.get("until", "").strip()
    if typed and parse_day(typed) is None:
        raise InvalidSettings({"until": FieldError("date")})
    return parse_day(typed)


def _pause(desk: RequestContext) -> Event:
    return pausing.pause(desk.session, desk.actor, desk.newsletter, _parse_until())


def _resume(desk: RequestContext) -> Event:
    return pausing.resume(desk.session, desk.actor, desk.newsletter)


def _close(desk: RequestContext) -> Event:
    return pausing.close(desk.session, desk.actor, desk.newsletter, request.form.get("sentence", ""))


def _rename(desk: RequestContext) -> None:
    name, slug = (request.form.get(field, "") for field in ("name", "slug"))
    renaming.rename(desk.session, desk.actor, desk.newsletter, name, slug)


# By action: its verb, and the message afterwards.
PRESSES: dict[str, tuple[Callable[[RequestContext], Event | None], Any]] = {
    "rename": (_rename, _l("It is called %(name)s.")),
    "pause": (_pause, _l("%(name)s pauses.")),
    "resume": (_resume, _l("%(name)s goes on.")),
    "close": (_close, _l("%(name)s is closed.")),
}


@editor.press(f"/<slug>/newsletter/<any({', '.join(PRESSES)}):press>", "newsletters")
def press_newsletter(slug: str, press: str) -> Response | tuple[str, int]:
    verb, said = PRESSES[press]

    def fn(desk: RequestContext) -> tuple[str, str, str]:
        if submitted_token().get("stands") != _facts(lock_row(desk.session, desk.newsletter)):
            raise VersionConflict("the newsletter changed")
        event = verb(desk)
        return desk.newsletter.name, desk.newsletter.slug, get_undo_token([event]) if event else ""

    try:
        name, slug, undo = run_in_transaction(slug, fn)
    except InvalidSettings as faulty:
        return rerender(slug, 422, _page, press, request.form.to_dict(), faulty.faults)
    except (VersionConflict, InvalidTransition) as refused:
        abort_with_conflict(slug, lambda desk: desk.newsletter, refused)
    back = url_for("editor.newsletter", slug=slug)
    announce(str(said) % {"name": name}, undo=undo, return_url=back)
    return redirect(back, code=303)


@editor.sheet("/<slug>/new-newsletter", "newsletters")
def new_newsletter(slug: str) -> str:
    with read_context(slug) as desk:
        return _form(desk)


def _default_values(desk: RequestContext) -> dict[str, Any]:
    """Return the initial values of the form: what newsletters of one publisher usually share."""
    here = desk.newsletter
    common = {name: getattr(here, name) for name in ("publisher", "rule", "at", "zone")}
    empty = dict.fromkeys((*founding.FIRST, *SENTENCES, "slug"), "")
    return empty | common | {"editor": desk.actor.name, "languages": here.language}


def _form(
    desk: RequestContext,
    form_data: dict[str, Any] | None = None,
    faults: dict[str, Any] | None = None,
    looked_at: dict[str, Any] | None = None,
) -> str:
    """Render the form. With the columns `looked_at`, it previews the newsletter."""
    values, labels = form_data or _default_values(desk), form_fields.field_labels(SETTINGS) | {"slug": _("Short name")}
    labels |= {kind: str(label) for kind, (label, _help) in SENTENCES.items()}
    said = {name: form_fields.format_fault(fault) for name, fault in (faults or {}).items()}
    language = next(iter((looked_at or {}).get("languages", ())), desk.newsletter.language)
    return page(
        desk,
        "editor/settings/new_newsletter.html",
        "settings",
        values=values,
        faults=said,
        summary=[(name, f"{labels[name]}: {words}") for name, words in said.items()],
        basic_fields=founding.FIRST,
        calendar_fields=founding.CALENDAR,
        sentences=SENTENCES,
        default_sentences=phrases_for(language),
        language=language,
        direction=direction(language),
        **rhythm_form.frame(rhythm_form.read_choices() if form_data else choices_of(values["rule"])),
        **(_build_preview(desk, looked_at, form_data or {}) if looked_at else {}),
    )


def _build_preview(desk: RequestContext, columns: dict[str, Any], form_data: dict[str, Any]) -> dict[str, Any]:
    """Return the next dates and an example of the house form for a newsletter that doesn't exist yet."""
    usual = {"marks": SETTINGS["marks"].options[0][0], "cutoff_minutes": USUAL_CUTOFF_MINUTES}
    made = Newsletter(words=0, slots=1, **usual, **columns)
    start_with_open_edition(desk.session, made)
    own = {kind: form_data[kind] for kind in SENTENCES}
    return {"dates": preview_dates(made, now(desk.session)), "example": example(made, made.language, own)}


@editor.press("/<slug>/new-newsletter", "newsletters")
def make_newsletter(slug: str) -> Response | tuple[str, int]:
    """Create the newsletter and its editions, or with "look" only preview it."""
    choices, texts = rhythm_form.read_choices(), sentences_typed()
    typed = (
        form_fields.get_submitted_values(founding.FIRST | founding.CALENDAR)
        | {"slug": request.form.get("slug", "")}
        | texts
    )

    def make(desk: RequestContext) -> Newsletter:
        columns = founding.validate_newsletter(desk.session, choices, texts, typed)
        return founding.create_newsletter(desk.session, desk.actor, columns, texts)

    try:
        if "look" in request.form:
            with read_context(slug) as desk:
                columns = founding.validate_newsletter(desk.session, choices, texts, typed)
                return _form(desk, typed, looked_at=columns), 200
        made = run_in_transaction(slug, make)
    except InvalidSettings as faulty:
        return rerender(slug, 422, _form, typed, faulty.faults)
    announce(_("%(name)s is made.", name=made.name))
    return redirect(url_for("editor.home", slug=made.slug), code=303)
