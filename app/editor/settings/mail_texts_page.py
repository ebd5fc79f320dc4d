"""The pages on which a newsletter words its mails, part by part, beside an example of the mail."""

from collections.abc import Mapping
from datetime import datetime

from flask import abort, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...answers.schedule import EVENING
from ...core.domain_errors import VersionConflict
from ...db.session import absolute_url, now
from ...editions.calendar import in_utc, zone_of
from ...mail.kinds import KINDS
from ...mail.mail_templates import default_wording, parts_of, render_examples
from ...mail.message import parse_blocks
from ...newsletters import mail_texts as texts
from ...newsletters.desk_mails import sender
from ...text.languages import direction
from ...web.formatting import format_language
from ..conflict import check_form_unchanged, find_last_text_save, merge_form
from ..frame import RequestContext, announce, editor, page, read_context, rerender, run_in_transaction
from ..mail_labels import kind_label
from .newsletter_page import list_languages

PART_LABELS = {
    "subject": _l("Subject"),
    "opening": _l("First paragraph"),
    "closing": _l("If they can’t, or say nothing"),
    "body": _l("Text"),
    "silent": _l("Text, where they have not said yes or no"),
    "checking": _l("Text, where they have it to check"),
    "settled": _l("Text, where theirs is here already"),
    "answered": _l("First sentence, when there is an answer"),
    "ended": _l("First sentence, when it ends without one"),
    "joined": _l("First sentence, when others asked the same"),
}
PLACEHOLDER_LABELS = (
    {"name": _l("the expert’s name"), "newsletter": _l("the newsletter"), "headline": _l("the question’s headline")}
    | {"words": _l("how many words"), "due": _l("until when"), "reply_by": _l("by when a word would help")}
    | {"day": _l("the edition’s day"), "link": _l("the address of their page"), "why": _l("what you say about it")}
    | {"about": _l("“Your answer for …”"), "changes": _l("how many changes")}
)
# By code of a fault; `name` is the placeholder at fault.
FAULTS = {
    "long": _l("This is too long."),
    "brace": _l("There is a single brace. Write {{ for a brace."),
    "unknown": _l("{%(name)s} can’t be filled in here. Look at the help above the field."),
    "needs": _l("It must have {%(name)s}."),
}


@editor.restricted_page("/<slug>/settings/mail-texts", permission="words of the house")
def mail_texts(slug: str) -> str:
    """List the mails that can be worded in a language, and whether the newsletter has its own texts for each."""
    with read_context(slug) as desk:
        language = _require_language(desk, request.args.get("language") or desk.newsletter.language)
        kinds = texts.kinds_of(desk.newsletter, language)
        return page(
            desk,
            "editor/settings/mail_texts.html",
            "settings",
            language=language,
            languages=_language_options(desk),
            mails=[
                (kind, kind_label(kind), bool(texts.get_custom_texts(desk.session, desk.newsletter, kind, language)))
                for kind in kinds
            ],
            is_main=language == desk.newsletter.language,
        )


@editor.restricted_page("/<slug>/settings/mail-texts/<language>/<kind>", permission="words of the house")
def mail_text(slug: str, language: str, kind: str) -> str:
    with read_context(slug) as desk:
        return _render_form(desk, language, kind)


@editor.action("/<slug>/settings/mail-texts/<language>/<kind>", permission="words of the house")
def change_mail_text(slug: str, language: str, kind: str) -> Response | tuple[str, int]:
    """Save the texts of a mail, or with the button "look" only preview them. An empty text becomes the default."""
    if kind not in texts.REWORDABLE_KINDS:
        abort(404)
    form_data = {}
    for part in parts_of(kind):
        text = request.form.get(part, "").replace("\r\n", "\n")
        form_data[part] = text if text.strip() else default_wording(kind, part, language)
    faults = texts.faults_of(kind, form_data)
    if faults or "look" in request.form:
        return rerender(slug, 422 if faults else 200, _render_form, language, kind, form_data, faults)

    def fn(desk: RequestContext) -> None:
        _require_language(desk, language, kind)
        check_form_unchanged(desk, desk.newsletter, lambda: _get_current_texts(desk, language, kind), form_data)
        texts.save_custom_texts(desk.session, desk.actor, desk.newsletter, language, kind, form_data)

    try:
        run_in_transaction(slug, fn)
    except VersionConflict:
        return rerender(slug, 409, _render_form, language, kind, form_data, has_conflict=True)
    announce(_("The mail is saved. From now on it goes out like this."))
    return redirect(url_for("editor.mail_text", slug=slug, language=language, kind=kind), code=303)


def _require_language(desk: RequestContext, language: str, kind: str | None = None) -> str:
    """Return the language. 404 if the newsletter doesn't use it, or doesn't send this kind of mail in it."""
    if language not in list_languages(desk.newsletter):
        abort(404)
    if kind is not None and kind not in texts.kinds_of(desk.newsletter, language):
        abort(404)
    return language


def _language_options(desk: RequestContext) -> list[tuple[str, str]]:
    return [(code, format_language(code)) for code in list_languages(desk.newsletter)]


def _get_current_texts(desk: RequestContext, language: str, kind: str) -> dict[str, str]:
    """Return the parts of a mail as the form shows them: the newsletter's own texts, or the defaults."""
    custom_texts = texts.get_custom_texts(desk.session, desk.newsletter, kind, language)
    return {part: custom_texts.get(part) or default_wording(kind, part, language) for part in parts_of(kind)}


def _render_form(
    desk: RequestContext,
    language: str,
    kind: str,
    form_data: dict[str, str] | None = None,
    faults: Mapping[str, tuple[str, str]] | None = None,
    has_conflict: bool = False,
) -> str:
    _require_language(desk, language, kind)
    text_keys = {texts.text_key(kind, part) for part in parts_of(kind)}
    other_save = find_last_text_save(desk, language, text_keys) if has_conflict else None
    form = merge_form(desk, _get_current_texts(desk, language, kind), form_data, PART_LABELS, other_save)
    custom_texts = {
        part: text
        for part, text in form.values.items()
        if part not in (faults or {}) and text != default_wording(kind, part, language)
    }
    today = now(desk.session).astimezone(zone_of(desk.newsletter.zone)).date()
    evening = in_utc(datetime.combine(today, EVENING), desk.newsletter.zone)
    link = absolute_url(desk.session, "/…")
    examples = render_examples(kind, sender(desk.session, desk.newsletter, language), evening, link, custom_texts)
    return page(
        desk,
        "editor/settings/mail_text.html",
        "settings",
        language=language,
        direction=direction(language),
        languages=[option for option in _language_options(desk) if kind in texts.kinds_of(desk.newsletter, option[0])],
        kind=kind,
        label=kind_label(kind),
        fields=[(part, PART_LABELS[part], form.values[part], _format_help(kind, part)) for part in parts_of(kind)],
        faults={part: str(FAULTS[code]) % {"name": name} for part, (code, name) in (faults or {}).items()},
        fixed_note=KINDS[kind].fixed_note and _(KINDS[kind].fixed_note),
        examples=[(message.subject, parse_blocks(message.text)) for message in examples],
        is_preview=form_data is not None and not faults and not has_conflict,
        version_token=form.version_token,
        conflict=form.conflict,
    )


def _format_help(kind: str, field_name: str) -> str:
    """Return the help text of a field: the placeholders that it may contain, and those that it must contain."""
    part = parts_of(kind)[field_name]
    placeholders = ", ".join(f"{{{name}}} {PLACEHOLDER_LABELS[name]}" for name in part.placeholders)
    required = ", ".join(f"{{{name}}}" for name in part.required)
    return f"{placeholders}." + (" " + _("It must have: %(places)s.", places=required) if required else "")
