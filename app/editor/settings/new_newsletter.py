"""A newsletter made by an admin: all that it can't do without on one page, with its dates and its house form to look
at.
"""

from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ...db.session import now
from ...editions.planning import start_with_open_edition
from ...editions.rhythm import choices_of, preview_dates
from ...newsletters.models import SETTINGS, USUAL_CUTOFF_MINUTES, Newsletter
from ...newsletters.settings import InvalidSettings
from ...text.languages import direction
from ...typesetting.house_languages import phrases_for
from ...workflows.newsletters import founding
from .. import declared_form
from ..flash import announce
from ..frame import RequestContext, editor, page, read_context, rerender, run_in_transaction
from . import rhythm_form
from .sentences import SENTENCES, example, sentences_typed


@editor.sheet("/<slug>/new-newsletter", "newsletters")
def new_newsletter(slug: str) -> str:
    with read_context(slug) as desk:
        return _form(desk)


def _default_values(desk: RequestContext) -> dict[str, Any]:
    """Return what the form begins with: what newsletters of one house mostly have in common."""
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
    """Return the page; with the columns that were `looked_at`, the newsletter is shown as it would be."""
    values, labels = form_data or _default_values(desk), declared_form.labels(SETTINGS) | {"slug": _("Short name")}
    labels |= {kind: str(label) for kind, (label, _help) in SENTENCES.items()}
    said = {name: declared_form.fault_words(fault) for name, fault in (faults or {}).items()}
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
    """Return the next dates and an example of the house form, of a newsletter that isn't there yet."""
    usual = {"marks": SETTINGS["marks"].options[0][0], "cutoff_minutes": USUAL_CUTOFF_MINUTES}
    made = Newsletter(words=0, slots=1, **usual, **columns)
    start_with_open_edition(desk.session, made)
    own = {kind: form_data[kind] for kind in SENTENCES}
    return {"dates": preview_dates(made, now(desk.session)), "example": example(made, made.language, own)}


@editor.press("/<slug>/new-newsletter", "newsletters")
def make_newsletter(slug: str) -> Response | tuple[str, int]:
    """Make the newsletter and its editions, or only look at it."""
    choices, texts = rhythm_form.read_choices(), sentences_typed()
    typed = (
        declared_form.get_submitted_values(founding.FIRST | founding.CALENDAR)
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
