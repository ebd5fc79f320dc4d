"""The pages of a newsletter's settings: forms built from `SETTINGS`. One adds a calendar, one snippets for sites."""

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
from ...editions.planning import list_editions_off_calendar
from ...editions.rhythm import PARSERS, choices_of, preview_dates
from ...forms.version_tokens import Facts
from ...newsletters import sending_tool, settings
from ...newsletters.models import SETTINGS, Newsletter
from ...newsletters.setting_columns import NewsletterSetting
from ...newsletters.setting_fields import PARTS, SITES, WHEN
from ...people.directory import list_staff
from ...text.translation import get_catalogue, interface_language
from ...version import VERSION
from ...web.formatting import day, format_language
from ...workflows.publishing import reschedule
from .. import form_fields, rhythm_form
from ..conflict import (
    check_form_unchanged,
    find_last_save,
    format_field_value,
    list_column_saves,
    merge_form,
    note_overwritten_fields,
)
from ..frame import RequestContext, announce, editor, page, read_context, rerender, run_in_transaction
from ..mail_labels import format_notified_experts, kind_label
from ..rhythm_form import format_rhythm, format_rule

# By reason why an edition stays although its date no longer follows the rhythm: the message.
KEPT_LABELS = {
    "locked": _l("%(day)s: it is locked"),
    "picked": _l("%(day)s: something is picked for it"),
    "asked": _l("%(day)s: an expert is asked for it"),
    "letters": _l("%(day)s: letters are about it"),
}
RHYTHM_FIELDS = ("rule", *PARSERS)  # parsed together, by `rhythm_form.parse_calendar_columns`
CALENDAR_FIELDS = (*RHYTHM_FIELDS, "rule_start", "cutoff_minutes")
USELESS_ALONE = {"held_kinds"}  # settings that are of no use to a desk of one person
MAX_SNIPPET_ANSWERS = 3  # answers in a snippet for other sites
MAX_SUMMARY_FIELDS = 3  # fields of each page in the list of pages


@editor.get("/<slug>/settings", endpoint="settings")
def all_settings(slug: str) -> str:
    """List the pages of the settings, with the first values of each."""
    with read_context(slug) as desk:
        tool = sending_tool.of_newsletter(desk.session, desk.newsletter.id)
        return page(
            desk,
            "editor/settings/settings.html",
            "settings",
            tool_name=tool.row.label if tool else "",
            parts=[(part, _(label), _summarize_part(desk, part)) for part, label in PARTS.items()],
            sentence_languages=[(code, format_language(code)) for code in list_languages(desk.newsletter)],
            version=VERSION,
        )


def _summarize_part(desk: RequestContext, page_key: str) -> str:
    """Return a summary of a page: the rhythm in words, or else the first fields that are filled in."""
    if page_key == WHEN:
        return format_rhythm(desk.newsletter)
    fields = _get_fields(desk, page_key)
    stored, labels = form_fields.get_stored_values(fields, desk.newsletter), form_fields.field_labels(fields)
    filled_fields = [f"{labels[name]}: {_format_value(name, value)}" for name, value in stored.items() if value]
    return "; ".join(filled_fields[:MAX_SUMMARY_FIELDS])


@editor.get(f"/<slug>/settings/<any({', '.join(PARTS)}):part>")
def settings_part(slug: str, part: str) -> str:
    with read_context(slug) as desk:
        return _render_part(desk, part)


def _get_fields(desk: RequestContext, page_key: str) -> dict[str, NewsletterSetting]:
    """Return the fields of a page.

    Held mails need a second person, so `held_kinds` is hidden from a desk of one unless it is set already.
    """
    is_alone = len(list_staff(desk.session, desk.newsletter.id)) <= 1
    hidden = USELESS_ALONE if is_alone and not desk.newsletter.held_kinds else set()
    return {name: setting for name, setting in SETTINGS.items() if setting.part == page_key and name not in hidden}


def _render_part(
    desk: RequestContext,
    page_key: str,
    form_data: dict[str, Any] | None = None,
    faults: dict[str, Any] | None = None,
    has_conflict: bool = False,
    previewed_columns: dict[str, Any] | None = None,
) -> str:
    """Render a page of the settings. `previewed_columns` are those of a submitted rhythm, whose dates it previews."""
    fields = _get_fields(desk, page_key)
    fault_sentences = {name: form_fields.format_fault(faults[name]) for name in fields if faults and name in faults}
    labels = form_fields.field_labels(fields)
    other_save = None
    if has_conflict:
        other_save = find_last_save(desk, desk.newsletter, "newsletter.change", _concerns_fields(fields))
    form = merge_form(
        desk, form_fields.get_stored_values(fields, desk.newsletter), form_data, labels, other_save, _format_value
    )
    more_values: dict[str, Any] = {}
    if page_key == SITES:
        more_values = _snippet_values(desk)
    elif page_key == WHEN:
        is_submitted = bool(form_data and not has_conflict)
        more_values = _calendar_values(desk, form.values, is_submitted, previewed_columns)
    return page(
        desk,
        "editor/settings/part.html",
        "settings",
        **form._asdict(),
        overwritten=note_overwritten_fields(desk, list_column_saves(desk, desk.newsletter, "newsletter.change")),
        page_key=page_key,
        name=_(PARTS[page_key]),
        fields=fields,
        faults=fault_sentences,
        summary=[(name, f"{labels[name]}: {sentence}") for name, sentence in fault_sentences.items()],
        options=_options(),
        **more_values,
    )


def _concerns_fields(fields: Mapping[str, NewsletterSetting]) -> Callable[[Facts], bool]:
    """Return a function that returns whether an event with these facts changed one of the fields."""
    return lambda facts: bool(fields.keys() & set(facts.get("columns", ())))


def _calendar_values(
    desk: RequestContext, values: dict[str, Any], is_submitted: bool, previewed_columns: dict[str, Any] | None
) -> dict[str, Any]:
    """Return the template values of the dates page besides its fields."""
    choices = rhythm_form.read_choices() if is_submitted else choices_of(values["rule"])
    return {
        **rhythm_form.template_values(choices),
        "rhythm": format_rhythm(desk.newsletter),
        "dates": preview_dates(desk.newsletter, now(desk.session), previewed_columns),
        "is_preview": previewed_columns is not None,
    }


def _snippet_values(desk: RequestContext) -> dict[str, Any]:
    """Return the template values of the page for other sites.

    `stories` are the latest answers as (headline, address, language); `translate` is gettext in the newsletter's
    language.
    """
    newsletter = desk.newsletter
    items = archive.listing(newsletter).page(desk.session, None, MAX_SNIPPET_ANSWERS)
    answers = [
        (headline(item), archive.story_path(newsletter, item.question), item.piece["language"]) for item in items
    ]
    return {"stories": answers, "translate": get_catalogue(interface_language(newsletter.language)).gettext}


def _options() -> dict[str, Any]:
    held_kinds = [(kind, kind_label(kind)) for (kind,) in SETTINGS["held_kinds"].options]
    return form_fields.field_options(SETTINGS) | {"held_kinds": held_kinds}


def _format_value(name: str, value: Any) -> str:
    """Return a setting's value in words."""
    labels = {option: str(label) for option, label, *_help in _options().get(name, ())}
    if isinstance(value, list):
        return ", ".join(labels[option] for option in value)
    return format_rule(value) if name == "rule" else format_field_value(name, labels.get(value, value))


def list_languages(newsletter: Newsletter) -> list[str]:
    return list(dict.fromkeys([newsletter.language, *newsletter.languages]))


@editor.action(f"/<slug>/settings/<any({', '.join(PARTS)}):part>", permission="settings")
def change_settings(slug: str, part: str) -> Response | tuple[str, int]:
    """Save a page of the settings, or only preview the dates of a rhythm if the button "look" was pressed."""
    with read_context(slug) as desk:
        fields = _get_fields(desk, part)
    form_data = form_fields.get_submitted_values(fields)
    plain_fields = {name: setting for name, setting in fields.items() if name not in RHYTHM_FIELDS}
    plain_values, field_faults = read_form(plain_fields, form_data)
    faults: dict[str, Any] = {**field_faults}
    calendar_columns: dict[str, Any] = {}
    if part == WHEN:
        choices = rhythm_form.read_choices()
        form_data["rule"] = rhythm_form.build_rule(choices)
        rule_start = plain_values.get("rule_start")
        calendar_columns, calendar_faults = rhythm_form.parse_calendar_columns(choices, form_data, rule_start)
        faults |= calendar_faults
        if "look" in request.form and faults:
            return rerender(slug, 422, _render_part, part, form_data, faults)
        if "look" in request.form:
            return rerender(slug, 200, _render_part, part, form_data, previewed_columns=calendar_columns)

    def fn(desk: RequestContext) -> tuple[str, list[str]]:
        if faults:
            raise settings.InvalidSettings(faults)
        before = form_fields.get_stored_values(fields, desk.newsletter)
        check_form_unchanged(
            desk, desk.newsletter, lambda: form_fields.get_stored_values(fields, desk.newsletter), form_data
        )
        settings.change(desk.session, desk.actor, desk.newsletter, **form_data | calendar_columns)
        names = reschedule.plan_again(desk.session, desk.actor, desk.newsletter)
        after = form_fields.get_stored_values(fields, desk.newsletter)
        if part != WHEN or all(before[name] == after[name] for name in CALENDAR_FIELDS):
            return _("The settings are saved."), []
        kept_dates = [
            str(KEPT_LABELS[reason]) % {"day": day(edition.runs_at, "short")}
            for edition, reason in list_editions_off_calendar(desk.session, desk.newsletter)
            if reason
        ]
        message = _("Saved. The coming editions follow the new rhythm.")
        return f"{message} {format_notified_experts(names)}" if names else message, kept_dates

    try:
        message, kept_dates = run_in_transaction(slug, fn)
    except settings.InvalidSettings as error:
        return rerender(slug, 422, _render_part, part, form_data, error.faults)
    except VersionConflict:
        return rerender(slug, 409, _render_part, part, form_data, has_conflict=True)
    if kept_dates:
        dates = "; ".join(kept_dates)
        message = _("Saved. The coming editions follow the new rhythm, except these: %(dates)s.", dates=dates)
        announce(message, href=url_for("editor.all_editions", slug=slug), label=_("All dates, to skip one"))
    else:
        announce(message)
    return redirect(url_for("editor.settings_part", slug=slug, part=part), code=303)
