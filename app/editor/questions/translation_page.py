"""Translations of a question and its answers: written beside the original, approved, or requested from a translator."""

from hashlib import sha256
from typing import Any, NamedTuple

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...answers import translating, translators
from ...answers.translating import Original, Words
from ...core.domain_errors import DomainError, MissingPrecondition, TooLong, VersionConflict
from ...db.session import lock_row
from ...people.directory import BadAddress
from ...questions.models import Question, Translation, Translator
from ...questions.source_protection import LeakDetected
from ...text.clean import clean, for_print, single_line
from ...text.diff import Pair, compare
from ...text.languages import direction
from ...web.error_sentences import format_error
from ...web.formatting import day
from ...web.setup import or_404
from ...workflows.publishing import translations as newsroom
from ...workflows.version_facts import newest_change
from ..conflict import Saved, check_form_unchanged, merge_form, number_shown, save_unless_changed, submitted_token
from ..frame import RequestContext, announce, editor, page, read_context, rerender, run_in_transaction
from .question_page import ADDRESS, the_question
from .translation_list import list_target_languages

TRANSLATION_STATES = {"draft": _l("written, not approved"), "approved": _l("approved"), "dropped": _l("taken away")}
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
# By the code of an error, if the page says more than the sentence of the code.
FAULTS = {
    "too_long.reason": _l("The reason is too long."),
    "leak.reader_words": _l("Readers’ own words or names stand in it. Look at them, and tick that they may be known."),
    "leak.private_details": _l(
        "Readers’ own words stand in it, or what they told the desk alone. Look at it, and tick that it may be known."
    ),
}


class Asked(NamedTuple):
    """The last translator who was asked for a text.

    `words` is the text that they handed in, if the current translation differs from it, or their newest draft, if the
    original is gone.
    """

    translator: Translator
    is_current: bool
    words: Words | None

    @property
    def standing(self) -> str:
        one = self.translator
        words = str(TRANSLATOR_STATES[one.state or ""]) % {"name": one.name, "day": day(one.state_at)}
        late = one.is_open and not self.is_current
        return f"{words} {_('The words have changed since: their page shows none.')}" if late else words


def get_translator_status(desk: RequestContext, outside: Translator, current: Translation | None) -> Asked:
    """Return the status of a translator; `current` is the stored translation if it is up to date."""
    original = translators.original_of(desk.session, outside, desk.session.get_one(Question, outside.question_id))
    words = translators.get_handed_in_text(desk.session, outside) if outside.is_handed_in else None
    if words and current and current.is_written:
        same = (current.body, current.headline) == (
            for_print(clean(words.body)),
            for_print(single_line(words.headline)),
        )
        words = None if same else words  # the translation has it already
    if outside.is_invited and original is None and (drafts := translators.list_drafts(desk.session, outside)):
        words = translators.parse_translation(drafts[0].words)
    return Asked(outside, original is not None, words)


IN_LANGUAGE = f"{ADDRESS}/translations/<language>"
ONE = f"{IN_LANGUAGE}/<key>"
OF_A_WORDING = ("headline", "body", "translator", "is_credited")
OF_AN_ANSWER = ("name", "credit_line", "relation", "body", "ties", "translator", "is_credited")


class Row(NamedTuple):
    """A text to translate, its translation if any, and the translator who was asked for it."""

    original: Original
    one: Translation | None
    is_current: bool
    faults: list[str]  # codes
    changed: list[Pair]
    asked: Asked | None

    @property
    def runs(self) -> bool:
        return bool(self.one and self.one.is_approved and self.is_current)

    @property
    def can_be_asked_for(self) -> bool:
        """Return whether a translator can be asked for it."""
        with_somebody = self.asked is not None and self.asked.translator.is_open
        there = self.one is not None and self.one.is_written and self.is_current
        return self.original.is_approved and not with_somebody and not there

    @property
    def standing(self) -> str:
        if self.one is None or self.one.is_dropped:
            return _("not translated yet")
        return (
            str(TRANSLATION_STATES[self.one.state or ""])
            if self.is_current
            else _("out of date: the original has changed")
        )

    @property
    def title(self) -> str:
        answer = self.original.answer
        return _("The answer of %(name)s", name=answer.expert.name) if answer else _("The question")


def _rows(desk: RequestContext, question: Question, language: str) -> list[Row]:
    made, session = translating.get_translations(desk.session, question), desk.session
    asked = translators.get_newest_translators(session, question)
    rows = []
    for original in translating.originals(session, question):
        one = made.get((original.key, language))
        current = bool(one and translating.is_current(session, one, original))
        faults = translating.faults_of_approval(session, one, original, has_compared=True) if one else []
        then = translating.get_original_version(session, one).body or "" if one and not current else ""
        changed = compare(then, original.words.body) if then else []
        outside = asked.get((original.key, language))
        rows.append(
            Row(
                original,
                one,
                current,
                [fault.code for fault in faults],
                changed,
                get_translator_status(desk, outside, one if current else None) if outside else None,
            )
        )
    return rows


def _without_text(desk: RequestContext, question: Question, language: str, rows: list[Row]) -> list[tuple[str, Asked]]:
    """Return open invitations for texts that no longer exist, by the key of the text."""
    there = {row.original.key for row in rows}
    found = translators.get_newest_translators(desk.session, question).items()
    return [
        (key, Asked(one, False, None))
        for (key, tag), one in found
        if tag == language and one.is_open and key not in there
    ]


def _get_translatable_question(desk: RequestContext, public_id: str, language: str) -> Question:
    question = the_question(desk, public_id)
    or_404(language if language in list_target_languages(desk, question) and not question.has_ended else None)
    return question


def row_of(desk: RequestContext, public_id: str, language: str, key: str) -> Row:
    question = _get_translatable_question(desk, public_id, language)
    return or_404(next((row for row in _rows(desk, question, language) if row.original.key == key), None))


def locked_row_of(desk: RequestContext, public_id: str, language: str, key: str) -> Row:
    """Return a text after locking its question, for an action. 404 if the text is gone.

    An action that had to wait for a rewording must not use the text that this erased.
    """
    lock_row(desk.session, the_question(desk, public_id))
    desk.session.expire_all()
    return row_of(desk, public_id, language, key)


@editor.get(IN_LANGUAGE)
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
    asking: dict[str, str] | None = None,
) -> str:
    """Render the texts. `fault` is why the one with `key` can't be approved, `passages` what has to be looked at, and
    `asking` the faults of the form that invites a translator.
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
        orphaned_invitations=_without_text(desk, question, language, rows),
        rejected_key=key,
        fault=fault,
        passages=passages,
        reason=request.form.get("reason", ""),
        invite_errors=asking or {},
        refusals=[(f"{name}-{key}", words) for name, words in (asking or {}).items()],
        form_data={name: request.form.get(name, "") for name in ("name", "email")},
    )


@editor.sheet(ONE, "translate")
def translation(slug: str, public_id: str, language: str, key: str) -> str:
    with read_context(slug) as desk:
        return _form(desk, public_id, language, key)


def _get_current_values(row: Row) -> dict[str, Any]:
    """Return the values of a translation. A new one starts with the expert's name and credit line from the original."""
    names = OF_AN_ANSWER if row.original.answer else OF_A_WORDING
    if row.one and row.one.is_written:
        return {name: getattr(row.one, name) for name in names}
    first = row.original.words if row.original.answer else Words("")
    kept = {name: getattr(first, name) for name in ("name", "credit_line", "relation")}
    return {name: kept.get(name, False if name == "is_credited" else "") for name in names}


def _get_form_values(row: Row) -> dict[str, Any]:
    """Return the values of a translation and a digest of the original, to notice that it has changed. Its label would
    not tell: published texts that endanger somebody are overwritten.
    """
    return {**_get_current_values(row), "original": sha256(repr(row.original.words).encode()).hexdigest()}


def _form(
    desk: RequestContext,
    public_id: str,
    language: str,
    key: str,
    form_data: dict[str, Any] | None = None,
    faults: dict[str, str] | None = None,
    stale: bool = False,
) -> str:
    row = row_of(desk, public_id, language, key)
    event = newest_change(row.one) if stale and row.one else None
    first = (Saved(event.actor, event.at) if event else Saved()) if stale else None
    form = merge_form(desk, _get_form_values(row), form_data, FIELDS, first)
    return page(
        desk,
        "editor/questions/translation.html",
        "questions",
        question=row.original.question,
        language=language,
        key=key,
        row=row,
        names=[
            name
            for name in _get_current_values(row)
            if name != "is_credited" and (name != "ties" or row.original.words.ties)
        ],
        fields=FIELDS,
        faults=faults or {},
        **form._asdict(),
    )


@editor.press(ONE, "translate")
def translation_save(slug: str, public_id: str, language: str, key: str) -> Response | tuple[str, int]:
    typed: dict[str, Any] = {}

    def fn(desk: RequestContext) -> None:
        row = locked_row_of(desk, public_id, language, key)
        typed.update(_get_form_data(row))
        of_what = {"original": submitted_token().get("original")}
        check_form_unchanged(
            desk, row.original.answer or row.original.question, lambda: _get_form_values(row), {**typed, **of_what}
        )
        translating.translate(desk.session, desk.actor, row.original, language, Words(**typed))

    here = (public_id, language, key)
    try:
        run_in_transaction(slug, fn)
    except MissingPrecondition as error:
        return rerender(slug, 422, _form, *here, typed, {"body": format_error(error)})
    except TooLong as error:
        return rerender(slug, 422, _form, *here, typed, {error.field: format_error(error)})
    except VersionConflict:
        return rerender(slug, 409, _form, *here, typed, stale=True)
    return to_texts(slug, public_id, language, key)


def _get_form_data(row: Row) -> dict[str, Any]:
    texts = {name: request.form.get(name, "").replace("\r\n", "\n").strip() for name in _get_current_values(row)}
    return {**texts, "is_credited": "is_credited" in request.form}


def to_texts(slug: str, public_id: str, language: str, key: str) -> Response:
    here = url_for("editor.translations", slug=slug, public_id=public_id, language=language, _anchor=key)
    return redirect(here, code=303)


def _format_refusal(error: DomainError) -> str:
    return str(FAULTS.get(error.code) or format_error(error))


@editor.press(f"{ONE}/approve", "approve")
def translation_approve(slug: str, public_id: str, language: str, key: str) -> Response | tuple[str, int]:
    compared, reason = "compared" in request.form, request.form.get("reason", "")

    def fn(desk: RequestContext) -> None:
        row = row_of(desk, public_id, language, key)
        newsroom.approve(
            desk.session,
            desk.actor,
            or_404(row.one),
            row.original,
            compared=compared,
            reason=reason,
            version=number_shown(),
        )

    try:
        save_unless_changed(slug, lambda desk: or_404(row_of(desk, public_id, language, key).one), fn)
    except LeakDetected as leaking:
        return rerender(slug, 422, texts_page, public_id, language, key, _format_refusal(leaking), leaking.passages)
    except (MissingPrecondition, TooLong) as refused:
        return rerender(slug, 422, texts_page, public_id, language, key, _format_refusal(refused))
    return to_texts(slug, public_id, language, key)


MOVES = {"drop": newsroom.drop, "reopen": translating.reopen}
DONE = {"drop": _l("It is taken away, and stands nowhere any more."), "reopen": _l("Its approval is taken back.")}


@editor.press(f"{ONE}/<any({', '.join(MOVES)}):move>", {"drop": "translate", "reopen": "approve"})
def translation_move(slug: str, public_id: str, language: str, key: str, move: str) -> Response:
    def fn(desk: RequestContext) -> None:
        one = or_404(row_of(desk, public_id, language, key).one)
        if one.version != number_shown():
            raise VersionConflict(f"translation {one.id}")
        MOVES[move](desk.session, desk.actor, one)

    save_unless_changed(slug, lambda desk: or_404(row_of(desk, public_id, language, key).one), fn)
    announce(str(DONE[move]))
    return to_texts(slug, public_id, language, key)


OF_IT = f"{ONE}/translator"
BAD_ADDRESS = _l("Nothing can be sent to this address.")


@editor.press(OF_IT, "invite")
def translator_invite(slug: str, public_id: str, language: str, key: str) -> Response | tuple[str, int]:
    name, email = request.form.get("name", ""), request.form.get("email", "")

    def fn(desk: RequestContext) -> None:
        original = locked_row_of(desk, public_id, language, key).original
        translators.invite(desk.session, desk.actor, original, language, name, email)

    try:
        run_in_transaction(slug, fn)
    except (MissingPrecondition, BadAddress, TooLong) as refused:
        fault = str(BAD_ADDRESS) if isinstance(refused, BadAddress) else format_error(refused)
        asking = {refused.field or "name": fault}
        return rerender(slug, 422, texts_page, public_id, language, key, asking=asking)
    announce(_("It is on its way to %(name)s.", name=name))
    return to_texts(slug, public_id, language, key)


def _invite_again(desk: RequestContext, public_id: str, language: str, key: str) -> None:
    row = locked_row_of(desk, public_id, language, key)
    translators.invite_again(desk.session, desk.actor, _get_unchanged_invitation(row.asked).translator, row.original)


def _withdraw(desk: RequestContext, public_id: str, language: str, key: str) -> None:
    lock_row(desk.session, the_question(desk, public_id))
    translators.withdraw(
        desk.session, desk.actor, _check_translator_version(_translator(desk, public_id, language, key))
    )


def _translator(desk: RequestContext, public_id: str, language: str, key: str) -> Translator:
    """Return the last translator who was asked, even for a text or language that is no longer shown, or 404."""
    return or_404(translators.get_newest_translators(desk.session, the_question(desk, public_id)).get((key, language)))


def _use(desk: RequestContext, public_id: str, language: str, key: str) -> None:
    row = locked_row_of(desk, public_id, language, key)
    translators.use(desk.session, desk.actor, _get_unchanged_invitation(row.asked).translator, row.original)


def _get_unchanged_invitation(invitation: Asked | None) -> Asked:
    """Return the invitation that the page showed, or 404. Raises `VersionConflict` if it has changed."""
    one = or_404(invitation)
    _check_translator_version(one.translator)
    return one


def _check_translator_version(translator: Translator) -> Translator:
    if translator.version != number_shown():
        raise VersionConflict(f"translator {translator.id}")
    return translator


TRANSLATOR_MOVES = {
    "again": (_invite_again, _l("The words are on their way, with a new link.")),
    "withdraw": (_withdraw, _l("The link is withdrawn: its page shows nothing any more.")),
    "use": (_use, _l("It stands here now. Read it against the original.")),
}


@editor.press(
    f"{OF_IT}/<any({', '.join(TRANSLATOR_MOVES)}):move>", {"again": "invite", "withdraw": "invite", "use": "translate"}
)
def translator_move(slug: str, public_id: str, language: str, key: str, move: str) -> Response:
    verb, said = TRANSLATOR_MOVES[move]

    def load(desk: RequestContext) -> Translator:
        return _translator(desk, public_id, language, key)

    save_unless_changed(slug, load, lambda desk: verb(desk, public_id, language, key))
    announce(str(said))
    return to_texts(slug, public_id, language, key)
