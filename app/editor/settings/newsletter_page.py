"""The pages of a newsletter's settings: fields from the declared settings, the rhythm's calendar, and site snippets."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...core.domain_errors import VersionConflict
from ...core.fields import read_form
from ...db.session import now
from ...editions import archive
from ...editions.items import headline
from ...editions.planning import off_the_rhythm, plan_newsletter
from ...editions.rhythm import PARSERS, choices_of, preview_dates
from ...forms.version_tokens import Facts
from ...newsletters import sending_tool, settings
from ...newsletters.models import SETTINGS, Newsletter
from ...newsletters.setting_columns import Setting
from ...newsletters.setting_fields import PARTS, SITES, WHEN
from ...people.directory import list_staff
from ...text.translation import interface_language, say
from ...version import VERSION
from ...web.formatting import day, tongue
from .. import form_fields, rhythm_form
from ..conflict import check_form_unchanged, find_last_save, format_field_value, merge_form
from ..frame import RequestContext, announce, editor, page, read_context, rerender, run_in_transaction
from ..mail_labels import kind_label
from ..rhythm_form import format_rhythm, rule_in_words

# Why a date stays although it no longer follows the rhythm.
STAYS = {
    "locked": _l("%(day)s: it is locked"),
    "picked": _l("%(day)s: something is picked for it"),
    "asked": _l("%(day)s: an expert is asked for it"),
    "letters": _l("%(day)s: letters are about it"),
}
RHYTHM = ("rule", *PARSERS)  # fields that are parsed together
CALENDAR = (*RHYTHM, "rule_start", "cutoff_minutes")
ALONE = {"held_kinds"}  # settings without use for a desk of one
LATEST = 3  # answers in a snippet for other sites
SAID = 3  # fields that the overview shows of each page


@editor.get("/<slug>/settings", endpoint="settings")
def all_settings(slug: str) -> str:
    """List the pages of the settings, with the first values of each."""
    with read_context(slug) as desk:
        sends = sending_tool.of_newsletter(desk.session, desk.newsletter.id)
        return page(
            desk,
            "editor/settings/settings.html",
            "settings",
            tool_name=sends.row.label if sends else "",
            parts=[(part, _(label), _says(desk, part)) for part, label in PARTS.items()],
            sentence_languages=[(code, tongue(code)) for code in languages_of(desk.newsletter)],
            version=VERSION,
        )


def _says(desk: RequestContext, page_key: str) -> str:
    """Return a summary of a page: the rhythm in words, or else the first fields that are filled in."""
    if page_key == WHEN:
        return format_rhythm(desk.newsletter)
    fields = _fields(desk, page_key)
    stored, labels = form_fields.get_stored_values(fields, desk.newsletter), form_fields.field_labels(fields)
    filled = [f"{labels[name]}: {_format_value(name, value)}" for name, value in stored.items() if value]
    return "; ".join(filled[:SAID])


@editor.get(f"/<slug>/settings/<any({', '.join(PARTS)}):part>")
def settings_part(slug: str, part: str) -> str:
    with read_context(slug) as desk:
        return _form(desk, part)


def _fields(desk: RequestContext, page_key: str) -> dict[str, Setting]:
    """Return the fields of a page.

    Held mails need a second person, so `held_kinds` is hidden from a desk of one unless it is set already.
    """
    hidden = set() if len(list_staff(desk.session, desk.newsletter.id)) > 1 or desk.newsletter.held_kinds else ALONE
    return {name: one for name, one in SETTINGS.items() if one.part == page_key and name not in hidden}


def _form(
    desk: RequestContext,
    page_key: str,
    form_data: dict[str, Any] | None = None,
    faults: dict[str, Any] | None = None,
    stale: bool = False,
    columns: dict[str, Any] | None = None,
) -> str:
    """Render a page of the settings. With `columns`, it previews the dates of the submitted rhythm."""
    fields = _fields(desk, page_key)
    said = {name: form_fields.format_fault(faults[name]) for name in fields if faults and name in faults}
    labels = form_fields.field_labels(fields)
    first = find_last_save(desk, desk.newsletter, "newsletter.change", _concerns_fields(fields)) if stale else None
    form = merge_form(
        desk, form_fields.get_stored_values(fields, desk.newsletter), form_data, labels, first, _format_value
    )
    return page(
        desk,
        "editor/settings/part.html",
        "settings",
        **form._asdict(),
        page_key=page_key,
        name=_(PARTS[page_key]),
        fields=fields,
        faults=said,
        summary=[(name, f"{labels[name]}: {words}") for name, words in said.items()],
        options=_options(),
        **(_frames(desk) if page_key == SITES else {}),
        **(_calendar(desk, form.values, bool(form_data and not stale), columns) if page_key == WHEN else {}),
    )


def _concerns_fields(fields: Mapping[str, Setting]) -> Callable[[Facts], bool]:
    """Return a predicate for the facts of an event: whether it changed one of these settings."""
    return lambda facts: bool(fields.keys() & set(facts.get("columns", ())))


def _calendar(
    desk: RequestContext, values: dict[str, Any], is_typed: bool, columns: dict[str, Any] | None
) -> dict[str, Any]:
    """Return the template values of the dates page besides its fields."""
    return {
        **rhythm_form.frame(rhythm_form.read_choices() if is_typed else choices_of(values["rule"])),
        "rhythm": format_rhythm(desk.newsletter),
        "dates": preview_dates(desk.newsletter, now(desk.session), columns),
        "is_preview": columns is not None,
    }


def _frames(desk: RequestContext) -> dict[str, Any]:
    """Return the template values of the page for other sites: the latest answers as (headline, address, language), and
    `translate` for the newsletter's language.
    """
    newsletter = desk.newsletter
    items = archive.listing(newsletter).page(desk.session, None, LATEST)
    stories = [
        (headline(item), archive.story_path(newsletter, item.question), item.piece["language"]) for item in items
    ]
    return {"stories": stories, "translate": say(interface_language(newsletter.language)).gettext}


def _options() -> dict[str, Any]:
    held = [(kind, kind_label(kind)) for (kind,) in SETTINGS["held_kinds"].options]
    return form_fields.field_options(SETTINGS) | {"held_kinds": held}


def _format_value(name: str, value: Any) -> str:
    """Return a setting's value in words."""
    words = {option: str(label) for option, label, *_help in _options().get(name, ())}
    if isinstance(value, list):
        return ", ".join(words[one] for one in value)
    return rule_in_words(value) if name == "rule" else format_field_value(name, words.get(value, value))


def languages_of(newsletter: Newsletter) -> list[str]:
    return list(dict.fromkeys([newsletter.language, *newsletter.languages]))


@editor.press(f"/<slug>/settings/<any({', '.join(PARTS)}):part>", "settings")
def change_settings(slug: str, part: str) -> Response | tuple[str, int]:
    """Save a page of the settings, or with "look" only preview the dates of a rhythm."""
    with read_context(slug) as desk:
        fields = _fields(desk, part)
    typed, columns = form_fields.get_submitted_values(fields), dict[str, Any]()
    faults: dict[str, Any] = read_form({name: one for name, one in fields.items() if name not in RHYTHM}, typed)[1]
    if part == WHEN:
        choices = rhythm_form.read_choices()
        typed["rule"] = rhythm_form.rule_of(choices)
        start = read_form({"rule_start": fields["rule_start"]}, typed)[0].get("rule_start")
        columns, wrong = rhythm_form.columns_of(choices, typed, start)
        faults = faults | wrong
        if "look" in request.form:
            return rerender(
                slug, 422 if faults else 200, _form, part, typed, faults, columns=None if faults else columns
            )

    def fn(desk: RequestContext) -> tuple[str, list[str]]:
        if faults:
            raise settings.InvalidSettings(faults)
        before = form_fields.get_stored_values(fields, desk.newsletter)
        check_form_unchanged(
            desk, desk.newsletter, lambda: form_fields.get_stored_values(fields, desk.newsletter), typed
        )
        settings.change(desk.session, desk.actor, desk.newsletter, **typed | columns)
        plan_newsletter(desk.session, desk.actor, desk.newsletter)
        after = form_fields.get_stored_values(fields, desk.newsletter)
        if part != WHEN or all(before[name] == after[name] for name in CALENDAR):
            return _("The settings are saved."), []
        stays = [
            str(STAYS[why]) % {"day": day(edition.runs_at, "short")}
            for edition, why in off_the_rhythm(desk.session, desk.newsletter)
            if why
        ]
        return _("Saved. The editions to come follow the rhythm as it stands now."), stays

    try:
        said, stay = run_in_transaction(slug, fn)
    except settings.InvalidSettings as faulty:
        return rerender(slug, 422, _form, part, typed, faulty.faults)
    except VersionConflict:
        return rerender(slug, 409, _form, part, typed, stale=True)
    if stay:
        dates = "; ".join(stay)
        said = _(
            "Saved. The editions to come follow the rhythm as it stands now, but these stay: %(dates)s.", dates=dates
        )
        announce(said, href=url_for("editor.all_editions", slug=slug), label=_("All dates, to skip one"))
    else:
        announce(said)
    return redirect(url_for("editor.settings_part", slug=slug, part=part), code=303)
