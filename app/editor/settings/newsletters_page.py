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
from ...editions.planning import list_editions_off_calendar, start_with_open_edition
from ...editions.rhythm import choices_of, preview_dates
from ...forms.version_tokens import encode_token
from ...newsletters.models import SETTINGS, USUAL_CUTOFF_MINUTES, Newsletter
from ...newsletters.queries import all_newsletters
from ...newsletters.settings import InvalidSettings
from ...people.models import Membership
from ...text.languages import direction
from ...web.formatting import day
from ...workflows.newsletters import founding, pausing, renaming
from .. import form_fields, rhythm_form
from ..conflict import abort_with_conflict, submitted_token
from ..form_fields import parse_day
from ..frame import RequestContext, announce, editor, page, read_context, rerender, run_in_transaction
from ..undo_press import get_undo_token
from .sentences import SENTENCES, build_example, get_default_sentences, get_submitted_sentences

STATE_LABELS = {"running": _l("runs"), "paused": _l("is paused"), "closed": _l("is closed")}


def format_status(newsletter: Newsletter) -> str:
    """Return the state of a newsletter in a few words."""
    if newsletter.paused_until:
        return _("is paused until %(day)s", day=day(newsletter.paused_until))
    return str(STATE_LABELS[str(newsletter.state)])


@editor.restricted_page("/<slug>/newsletters", permission="newsletters")
def newsletters(slug: str) -> str:
    with read_context(slug) as desk:
        is_own = Membership.person_id == desk.actor.person_id
        own_newsletter_ids = select(Membership.newsletter_id).where(is_own, Membership.at_work())
        managed_ids = set(desk.session.scalars(own_newsletter_ids.where(Membership.role.in_(roles_for("newsletters")))))
        rows = [
            (newsletter, format_status(newsletter), newsletter.id in managed_ids)
            for newsletter in all_newsletters(desk.session)
        ]
        return page(desk, "editor/settings/newsletters.html", "settings", rows=rows)


@editor.restricted_page("/<slug>/newsletter", permission="newsletters")
def newsletter(slug: str) -> str:
    with read_context(slug) as desk:
        return _render_newsletter(desk)


def _render_newsletter(
    desk: RequestContext,
    open_form: str = "",
    form_data: dict[str, str] | None = None,
    faults: dict[str, Any] | None = None,
) -> str:
    """Render the page. `open_form` is the action whose form was rejected. That form is unfolded, with `form_data`."""
    newsletter = desk.newsletter
    fault_sentences = {name: form_fields.format_fault(fault) for name, fault in (faults or {}).items()}
    labels = {"name": _("Name"), "slug": _("Short name"), "until": _("Until"), "sentence": _("A sentence to them")}
    open_assignments = pausing.list_open_assignments(desk.session, newsletter) if newsletter.is_going else []
    kept_editions = list_editions_off_calendar(desk.session, newsletter) if not newsletter.is_running else []
    return page(
        desk,
        "editor/settings/newsletter.html",
        "settings",
        status=format_status(newsletter),
        version_token=encode_token({"stands": _get_version_facts(newsletter)}),
        open_form=open_form,
        form_data={"name": newsletter.name, "slug": newsletter.slug, **(form_data or {})},
        faults=fault_sentences,
        summary=[(name, f"{labels[name]}: {sentence}") for name, sentence in fault_sentences.items()],
        open_assignment_count=len(open_assignments),
        kept_editions=[day(edition.runs_at, "short") for edition, _why in kept_editions],
    )


def _get_version_facts(newsletter: Newsletter) -> str:
    """Return the facts that a form compares: if they have changed since the page was opened, it is refused."""
    return f"{newsletter.state} {newsletter.paused_until} {newsletter.slug} {newsletter.name}"


def _parse_until() -> date | None:
    text = request.form.get("until", "").strip()
    if text and parse_day(text) is None:
        raise InvalidSettings({"until": FieldError("date")})
    return parse_day(text)


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
ACTIONS: dict[str, tuple[Callable[[RequestContext], Event | None], Any]] = {
    "rename": (_rename, _l("It is called %(name)s.")),
    "pause": (_pause, _l("%(name)s is paused.")),
    "resume": (_resume, _l("%(name)s has resumed.")),
    "close": (_close, _l("%(name)s is closed.")),
}


@editor.action(f"/<slug>/newsletter/<any({', '.join(ACTIONS)}):action>", permission="newsletters")
def press_newsletter(slug: str, action: str) -> Response | tuple[str, int]:
    verb, message = ACTIONS[action]

    def fn(desk: RequestContext) -> tuple[str, str, str]:
        if submitted_token().get("stands") != _get_version_facts(lock_row(desk.session, desk.newsletter)):
            raise VersionConflict("the newsletter changed")
        event = verb(desk)
        return desk.newsletter.name, desk.newsletter.slug, get_undo_token([event]) if event else ""

    try:
        name, slug, undo_token = run_in_transaction(slug, fn)
    except InvalidSettings as error:
        return rerender(slug, 422, _render_newsletter, action, request.form.to_dict(), error.faults)
    except (VersionConflict, InvalidTransition) as error:
        abort_with_conflict(slug, lambda desk: desk.newsletter, error)
    return_url = url_for("editor.newsletter", slug=slug)
    announce(str(message) % {"name": name}, undo=undo_token, return_url=return_url)
    return redirect(return_url, code=303)


@editor.restricted_page("/<slug>/new-newsletter", permission="newsletters")
def new_newsletter(slug: str) -> str:
    with read_context(slug) as desk:
        return _render_new_form(desk)


def _default_values(desk: RequestContext) -> dict[str, Any]:
    """Return the initial values of the form: values that the newsletters of one publisher usually share."""
    newsletter = desk.newsletter
    shared_values = {name: getattr(newsletter, name) for name in ("publisher", "rule", "at", "zone")}
    empty_values = dict.fromkeys((*founding.BASIC_SETTINGS, *SENTENCES, "slug"), "")
    return empty_values | shared_values | {"editor": desk.actor.name, "languages": newsletter.language}


def _render_new_form(
    desk: RequestContext,
    form_data: dict[str, Any] | None = None,
    faults: dict[str, Any] | None = None,
    previewed_columns: dict[str, Any] | None = None,
) -> str:
    """Render the form. With the valid `previewed_columns`, add a preview of the newsletter."""
    values = form_data or _default_values(desk)
    labels = form_fields.field_labels(SETTINGS) | {"slug": _("Short name")}
    labels |= {kind: str(label) for kind, (label, _help) in SENTENCES.items()}
    fault_sentences = {name: form_fields.format_fault(fault) for name, fault in (faults or {}).items()}
    language = next(iter((previewed_columns or {}).get("languages", ())), desk.newsletter.language)
    return page(
        desk,
        "editor/settings/new_newsletter.html",
        "settings",
        values=values,
        faults=fault_sentences,
        summary=[(name, f"{labels[name]}: {sentence}") for name, sentence in fault_sentences.items()],
        basic_fields=founding.BASIC_SETTINGS,
        calendar_fields=founding.CALENDAR_SETTINGS,
        sentences=SENTENCES,
        default_sentences=get_default_sentences(language),
        language=language,
        direction=direction(language),
        **rhythm_form.template_values(rhythm_form.read_choices() if form_data else choices_of(values["rule"])),
        **(_build_preview(desk, previewed_columns, form_data or {}) if previewed_columns else {}),
    )


def _build_preview(desk: RequestContext, columns: dict[str, Any], form_data: dict[str, Any]) -> dict[str, Any]:
    """Return the next dates and an example of the house form for a newsletter that doesn't exist yet."""
    default_columns = {"marks": SETTINGS["marks"].options[0][0], "cutoff_minutes": USUAL_CUTOFF_MINUTES}
    newsletter = Newsletter(words=0, slots=1, **default_columns, **columns)
    start_with_open_edition(desk.session, newsletter)
    own_sentences = {kind: form_data[kind] for kind in SENTENCES}
    return {
        "dates": preview_dates(newsletter, now(desk.session)),
        "example": build_example(newsletter, newsletter.language, own_sentences),
    }


@editor.action("/<slug>/new-newsletter", permission="newsletters")
def make_newsletter(slug: str) -> Response | tuple[str, int]:
    """Create the newsletter and its editions, or with the button "look" only preview it."""
    choices, sentences = rhythm_form.read_choices(), get_submitted_sentences()
    settings = form_fields.get_submitted_values(founding.BASIC_SETTINGS | founding.CALENDAR_SETTINGS)
    form_data = {**settings, "slug": request.form.get("slug", ""), **sentences}

    def create(desk: RequestContext) -> Newsletter:
        columns = founding.validate_newsletter(desk.session, choices, sentences, form_data)
        return founding.create_newsletter(desk.session, desk.actor, columns, sentences)

    try:
        if "look" in request.form:
            with read_context(slug) as desk:
                columns = founding.validate_newsletter(desk.session, choices, sentences, form_data)
                return _render_new_form(desk, form_data, previewed_columns=columns), 200
        created = run_in_transaction(slug, create)
    except InvalidSettings as error:
        return rerender(slug, 422, _render_new_form, form_data, error.faults)
    announce(_("%(name)s was created.", name=created.name))
    return redirect(url_for("editor.home", slug=created.slug), code=303)
