"""Translations of a question and its answers: written beside the original, approved, or requested from a translator.

In addresses, `key` names a text of the question: its wording or one of its answers (`Original.key`).
"""

from hashlib import sha256
from typing import Any, NamedTuple

from flask import abort, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...answers import translating, translators
from ...answers.translating import Original
from ...answers.translation_fields import TranslationFields
from ...core.domain_errors import DomainError, MissingPrecondition, TooLong, VersionConflict
from ...db.session import lock_row
from ...people.directory import BadAddress
from ...questions.models import Question, Translation, Translator
from ...questions.source_protection import LeakDetected
from ...text.clean import clean, for_print, single_line
from ...text.diff import ParagraphPair, compare
from ...text.languages import direction
from ...web.error_sentences import format_error
from ...web.formatting import day
from ...web.setup import or_404
from ...workflows.publishing import translations as newsroom
from ...workflows.version_facts import newest_change
from ..conflict import (
    LastSave,
    check_form_unchanged,
    merge_form,
    save_unless_changed,
    submitted_token,
    submitted_version,
)
from ..frame import RequestContext, announce, editor, page, read_context, rerender, run_in_transaction
from .question_page import ADDRESS, require_question
from .translation_list import list_target_languages
from .translation_warnings import find_untranslated_section, list_warnings

TRANSLATION_STATES = {"draft": _l("written, not approved"), "approved": _l("approved"), "dropped": _l("removed")}
TRANSLATOR_STATES = {
    "invited": _l("%(name)s was asked to translate it on %(day)s, by a link."),
    "handed in": _l("%(name)s handed a translation in on %(day)s."),
    "declined": _l("%(name)s was asked, and said no on %(day)s."),
    "withdrawn": _l("%(name)s was asked; the link was withdrawn on %(day)s."),
    "done": _l("%(name)s translated it for you; it was approved on %(day)s."),
}
FIELDS = {
    "headline": _l("Headline"),
    "body": _l("The translation"),
    "name": _l("The expert’s name in this language"),
    "credit_line": _l("Credit line"),
    "relation": _l("Relation"),
    "ties": _l("Ties"),
    "translator": _l("Who translated it"),
    "is_credited": _l("Name the translator in print"),
}
# By the code of an error: sentences that say more than the usual ones of `error_sentences`.
FAULTS = {
    "too_long.reason": _l("The reason is too long."),
    "leak.reader_words": _l("It has readers’ own words or names. Look at them, and tick that they may be known."),
    "leak.private_details": _l(
        "It has readers’ own words, or what they told only the desk. Look at it, and tick that it may be known."
    ),
}


class Invitation(NamedTuple):
    """The last translator who was asked for a text."""

    translator: Translator
    is_current: bool  # the text that they were asked for is unchanged, and still approved
    # What they handed in, unless the stored translation has the same text. Or, if the original has changed before they
    # handed anything in, their newest draft.
    text: TranslationFields | None

    @property
    def status(self) -> str:
        """The state of the invitation as a sentence."""
        translator = self.translator
        label = str(TRANSLATOR_STATES[translator.state or ""])
        status = label % {"name": translator.name, "day": day(translator.state_at)}
        if translator.is_open and not self.is_current:
            return f"{status} {_('The words have changed since: their page shows none.')}"
        return status


def get_translator_status(desk: RequestContext, translator: Translator, current: Translation | None) -> Invitation:
    """Return the invitation of a translator. `current` is the stored translation, or None if it is out of date."""
    question = desk.session.get_one(Question, translator.question_id)
    original = translators.get_valid_original(desk.session, translator, question)
    text = None
    if translator.is_handed_in:
        text = translators.get_handed_in_text(desk.session, translator)
        if text and current and _has_text(current, text):
            text = None
    if translator.is_invited and original is None:
        drafts = translators.list_drafts(desk.session, translator)
        text = translators.parse_translation(drafts[0].words) if drafts else None
    return Invitation(translator, original is not None, text)


def _has_text(translation: Translation, text: TranslationFields) -> bool:
    """Return whether a stored translation has this body and headline."""
    printed = (for_print(clean(text.body)), for_print(single_line(text.headline)))
    return translation.is_written and (translation.body, translation.headline) == printed


LANGUAGE_URL = f"{ADDRESS}/translations/<language>"
TEXT_URL = f"{LANGUAGE_URL}/<key>"
WORDING_FIELDS = ("headline", "body", "translator", "is_credited")
ANSWER_FIELDS = ("name", "credit_line", "relation", "body", "ties", "translator", "is_credited")


class TranslatableText(NamedTuple):
    """A text to translate, its translation if any, and the translator who was asked for it."""

    original: Original
    translation: Translation | None
    is_current: bool  # the translation is of the current original
    faults: list[str]  # codes of what prevents the approval
    changes: list[ParagraphPair]  # how the original has changed since it was translated
    invitation: Invitation | None

    @property
    def warnings(self) -> list[str]:
        if self.translation is None or not self.translation.is_written or not self.is_current:
            return []
        return list_warnings(self.original, self.translation, FIELDS)

    @property
    def will_run(self) -> bool:
        return bool(self.translation and self.translation.is_approved and self.is_current)

    @property
    def can_invite_translator(self) -> bool:
        """Return whether to offer to ask a translator: nobody has the text, and there is no up-to-date translation."""
        if not self.original.is_approved:
            return False
        if self.invitation is not None and self.invitation.translator.is_open:
            return False
        return self.translation is None or not self.translation.is_written or not self.is_current

    @property
    def status(self) -> str:
        if self.translation is None or self.translation.is_dropped:
            return _("not translated yet")
        if not self.is_current:
            return _("out of date: the original has changed")
        return str(TRANSLATION_STATES[self.translation.state or ""])

    @property
    def title(self) -> str:
        answer = self.original.answer
        return _("The answer of %(name)s", name=answer.expert.name) if answer else _("The question")


def _rows(desk: RequestContext, question: Question, language: str) -> list[TranslatableText]:
    session = desk.session
    translations = translating.get_translations(session, question)
    translators_by_key = translators.get_newest_translators(session, question)
    rows = []
    for original in translating.list_originals(session, question):
        translation = translations.get((original.key, language))
        is_current = bool(translation and translating.is_current(session, translation, original))
        faults: list[str] = []
        changes: list[ParagraphPair] = []
        if translation:
            errors = translating.faults_of_approval(session, translation, original, has_compared=True)
            faults = [error.code for error in errors]
        if translation and not is_current:
            translated_version = translating.get_original_version(session, translation).body
            changes = compare(translated_version, original.fields.body) if translated_version else []
        translator = translators_by_key.get((original.key, language))
        invitation = None
        if translator:
            invitation = get_translator_status(desk, translator, translation if is_current else None)
        rows.append(TranslatableText(original, translation, is_current, faults, changes, invitation))
    return rows


def _list_orphaned_invitations(
    desk: RequestContext, question: Question, language: str, rows: list[TranslatableText]
) -> list[tuple[str, Invitation]]:
    """Return open invitations for texts that no longer exist, each with the key of the text."""
    existing_keys = {row.original.key for row in rows}
    return [
        (key, Invitation(translator, is_current=False, text=None))
        for (key, tag), translator in translators.get_newest_translators(desk.session, question).items()
        if tag == language and translator.is_open and key not in existing_keys
    ]


def _get_translatable_question(desk: RequestContext, public_id: str, language: str) -> Question:
    question = require_question(desk, public_id)
    if question.has_ended or language not in list_target_languages(desk, question):
        abort(404)
    return question


def row_of(desk: RequestContext, public_id: str, language: str, key: str) -> TranslatableText:
    question = _get_translatable_question(desk, public_id, language)
    rows = {row.original.key: row for row in _rows(desk, question, language)}
    return or_404(rows.get(key))


def locked_row_of(desk: RequestContext, public_id: str, language: str, key: str) -> TranslatableText:
    """Return a text after locking its question, for an action. Aborts with 404 if the text is gone.

    The rows are loaded again after the lock: an action that had to wait for a rewording must not use the former text,
    which was erased.
    """
    lock_row(desk.session, require_question(desk, public_id))
    desk.session.expire_all()
    return row_of(desk, public_id, language, key)


@editor.get(LANGUAGE_URL)
def translations(slug: str, public_id: str, language: str) -> str:
    """Show all texts of a question beside their translations."""
    with read_context(slug) as desk:
        return texts_page(desk, public_id, language)


def texts_page(
    desk: RequestContext,
    public_id: str,
    language: str,
    key: str = "",
    fault: str = "",
    passages: Any = (),
    invite_errors: dict[str, str] | None = None,
) -> str:
    """Render the texts.

    `key` is the text of which a form was rejected. If its translation can't be approved, `fault` says why, and
    `passages` are those to look at. If a translator can't be invited, `invite_errors` are the errors by field.
    """
    question = _get_translatable_question(desk, public_id, language)
    rows = _rows(desk, question, language)
    return page(
        desk,
        "editor/questions/translations.html",
        "questions",
        question=question,
        language=language,
        direction=direction(language),
        rows=rows,
        untranslated_section=find_untranslated_section(desk, question, language),
        orphaned_invitations=_list_orphaned_invitations(desk, question, language, rows),
        rejected_key=key,
        fault=fault,
        passages=passages,
        reason=request.form.get("reason", ""),
        invite_errors=invite_errors or {},
        refusals=[(f"{name}-{key}", message) for name, message in (invite_errors or {}).items()],
        form_data={name: request.form.get(name, "") for name in ("name", "email")},
    )


@editor.restricted_page(TEXT_URL, permission="translate")
def translation(slug: str, public_id: str, language: str, key: str) -> str:
    with read_context(slug) as desk:
        return _form(desk, public_id, language, key)


def _get_stored_values(row: TranslatableText) -> dict[str, Any]:
    """Return the values of a translation. A new one starts with the expert's name; all else is to be translated."""
    names = ANSWER_FIELDS if row.original.answer else WORDING_FIELDS
    if row.translation and row.translation.is_written:
        return {name: getattr(row.translation, name) for name in names}
    values: dict[str, Any] = dict.fromkeys(names, "") | {"is_credited": False}
    if row.original.answer:
        values["name"] = row.original.fields.name
    return values


def _get_stored_values_with_digest(row: TranslatableText) -> dict[str, Any]:
    """Return the values of a translation, and a digest of the original, by which a change of it is noticed.

    Its label wouldn't do: a published text that endangers somebody is overwritten under the same label.
    """
    return {**_get_stored_values(row), "original": sha256(repr(row.original.fields).encode()).hexdigest()}


def _form(
    desk: RequestContext,
    public_id: str,
    language: str,
    key: str,
    form_data: dict[str, Any] | None = None,
    faults: dict[str, str] | None = None,
    is_stale: bool = False,
) -> str:
    """Render the form. With `is_stale`, somebody else has saved the translation since the form was opened."""
    row = row_of(desk, public_id, language, key)
    other_save = None
    if is_stale:
        event = newest_change(row.translation) if row.translation else None
        other_save = LastSave(event.actor, event.at) if event else LastSave()
    form = merge_form(desk, _get_stored_values_with_digest(row), form_data, FIELDS, other_save)
    text_fields = [name for name in _get_stored_values(row) if name != "is_credited"]
    if not row.original.fields.ties:
        text_fields = [name for name in text_fields if name != "ties"]
    return page(
        desk,
        "editor/questions/translation.html",
        "questions",
        question=row.original.question,
        language=language,
        key=key,
        row=row,
        names=text_fields,
        fields=FIELDS,
        faults=faults or {},
        **form._asdict(),
    )


@editor.action(TEXT_URL, permission="translate")
def translation_save(slug: str, public_id: str, language: str, key: str) -> Response | tuple[str, int]:
    typed: dict[str, Any] = {}

    def fn(desk: RequestContext) -> None:
        row = locked_row_of(desk, public_id, language, key)
        typed.update(_get_submitted_values(row))
        locked_row = row.original.answer or row.original.question
        form_data = {**typed, "original": submitted_token().get("original")}
        check_form_unchanged(desk, locked_row, lambda: _get_stored_values_with_digest(row), form_data)
        translating.translate(desk.session, desk.actor, row.original, language, TranslationFields(**typed))

    text_key = (public_id, language, key)
    try:
        run_in_transaction(slug, fn)
    except MissingPrecondition as error:
        return rerender(slug, 422, _form, *text_key, typed, {"body": format_error(error)})
    except TooLong as error:
        return rerender(slug, 422, _form, *text_key, typed, {error.field: format_error(error)})
    except VersionConflict:
        return rerender(slug, 409, _form, *text_key, typed, is_stale=True)
    return to_texts(slug, public_id, language, key)


def _get_submitted_values(row: TranslatableText) -> dict[str, Any]:
    texts = {name: request.form.get(name, "").replace("\r\n", "\n").strip() for name in _get_stored_values(row)}
    return {**texts, "is_credited": "is_credited" in request.form}


def to_texts(slug: str, public_id: str, language: str, key: str) -> Response:
    url = url_for("editor.translations", slug=slug, public_id=public_id, language=language, _anchor=key)
    return redirect(url, code=303)


def _format_refusal(error: DomainError) -> str:
    return str(FAULTS.get(error.code) or format_error(error))


@editor.action(f"{TEXT_URL}/approve", permission="approve")
def translation_approve(slug: str, public_id: str, language: str, key: str) -> Response | tuple[str, int]:
    has_compared = "compared" in request.form
    reason = request.form.get("reason", "")

    def fn(desk: RequestContext) -> None:
        row = row_of(desk, public_id, language, key)
        newsroom.approve(
            desk.session,
            desk.actor,
            or_404(row.translation),
            row.original,
            compared=has_compared,
            reason=reason,
            version=submitted_version(),
        )

    try:
        save_unless_changed(slug, lambda desk: or_404(row_of(desk, public_id, language, key).translation), fn)
    except LeakDetected as error:
        return rerender(slug, 422, texts_page, public_id, language, key, _format_refusal(error), error.passages)
    except (MissingPrecondition, TooLong) as error:
        return rerender(slug, 422, texts_page, public_id, language, key, _format_refusal(error))
    return to_texts(slug, public_id, language, key)


MOVES = {"drop": newsroom.drop, "reopen": translating.reopen}
DONE = {"drop": _l("It is removed, and no longer appears anywhere."), "reopen": _l("Its approval is taken back.")}


@editor.action(f"{TEXT_URL}/<any({', '.join(MOVES)}):move>", permission={"drop": "translate", "reopen": "approve"})
def translation_move(slug: str, public_id: str, language: str, key: str, move: str) -> Response:
    def fn(desk: RequestContext) -> None:
        row = or_404(row_of(desk, public_id, language, key).translation)
        if row.version != submitted_version():
            raise VersionConflict(f"translation {row.id}")
        MOVES[move](desk.session, desk.actor, row)

    save_unless_changed(slug, lambda desk: or_404(row_of(desk, public_id, language, key).translation), fn)
    announce(str(DONE[move]))
    return to_texts(slug, public_id, language, key)


TRANSLATOR_URL = f"{TEXT_URL}/translator"
BAD_ADDRESS = _l("Nothing can be sent to this address.")


@editor.action(TRANSLATOR_URL, permission="invite")
def translator_invite(slug: str, public_id: str, language: str, key: str) -> Response | tuple[str, int]:
    name, email = request.form.get("name", ""), request.form.get("email", "")

    def fn(desk: RequestContext) -> None:
        original = locked_row_of(desk, public_id, language, key).original
        translators.invite(desk.session, desk.actor, original, language, name, email)

    try:
        run_in_transaction(slug, fn)
    except (MissingPrecondition, BadAddress, TooLong) as error:
        message = str(BAD_ADDRESS) if isinstance(error, BadAddress) else format_error(error)
        invite_errors = {error.field or "name": message}
        return rerender(slug, 422, texts_page, public_id, language, key, invite_errors=invite_errors)
    announce(_("It is on its way to %(name)s.", name=name))
    return to_texts(slug, public_id, language, key)


def _invite_again(desk: RequestContext, public_id: str, language: str, key: str) -> None:
    row = locked_row_of(desk, public_id, language, key)
    translators.invite_again(
        desk.session, desk.actor, _get_unchanged_invitation(row.invitation).translator, row.original
    )


def _withdraw(desk: RequestContext, public_id: str, language: str, key: str) -> None:
    lock_row(desk.session, require_question(desk, public_id))
    translator = _check_translator_version(_translator(desk, public_id, language, key))
    translators.withdraw(desk.session, desk.actor, translator)


def _translator(desk: RequestContext, public_id: str, language: str, key: str) -> Translator:
    """Return the last translator who was asked, even for a text or language that is no longer shown, or 404."""
    return or_404(
        translators.get_newest_translators(desk.session, require_question(desk, public_id)).get((key, language))
    )


def _use(desk: RequestContext, public_id: str, language: str, key: str) -> None:
    row = locked_row_of(desk, public_id, language, key)
    translators.use(desk.session, desk.actor, _get_unchanged_invitation(row.invitation).translator, row.original)


def _get_unchanged_invitation(invitation: Invitation | None) -> Invitation:
    """Return the invitation that the page showed. 404 if it is gone. Raises `VersionConflict` if it has changed."""
    found = or_404(invitation)
    _check_translator_version(found.translator)
    return found


def _check_translator_version(translator: Translator) -> Translator:
    if translator.version != submitted_version():
        raise VersionConflict(f"translator {translator.id}")
    return translator


TRANSLATOR_MOVES = {
    "again": (_invite_again, _l("The words are on their way, with a new link.")),
    "withdraw": (_withdraw, _l("The link is withdrawn: its page no longer shows anything.")),
    "use": (_use, _l("It is here now. Read it against the original.")),
}


@editor.action(
    f"{TRANSLATOR_URL}/<any({', '.join(TRANSLATOR_MOVES)}):move>",
    permission={"again": "invite", "withdraw": "invite", "use": "translate"},
)
def translator_move(slug: str, public_id: str, language: str, key: str, move: str) -> Response:
    verb, message = TRANSLATOR_MOVES[move]

    def load(desk: RequestContext) -> Translator:
        return _translator(desk, public_id, language, key)

    save_unless_changed(slug, load, lambda desk: verb(desk, public_id, language, key))
    announce(str(message))
    return to_texts(slug, public_id, language, key)
