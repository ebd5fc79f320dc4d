"""A translator's page: the original, a form that saves drafts while they type, and buttons to hand in or decline."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from flask import Blueprint, g, jsonify, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..answers import translators, writing
from ..answers.leftovers import count_paragraphs, is_untransliterated
from ..answers.translators import TranslationTask
from ..core.actors import TranslatorActor
from ..core.domain_errors import InvalidTransition, MissingPrecondition, TooLong, VersionConflict
from ..crypto import signing
from ..questions.models import TranslatorDraft, join_fields
from ..text.languages import direction
from ..text.translation import clock
from ..web import errors
from ..web.draft_counts import get_known_counts, get_submitted_count
from ..web.error_sentences import format_error
from ..web.formatting import clock_time, language
from ..web.setup import csrf, db, limit_requests

translator = Blueprint("translator", __name__)
csrf.exempt(translator)  # because links work without cookies; `check_form_token` protects all requests
PURPOSE = "the forms of a translator's link"  # the purpose of their CSRF tokens (see `crypto.signing`)
GOOD_FOR = 90  # days for which these tokens are valid
PAGE = "/a/<token>/translation"
LABELS = {
    "headline": _l("Headline"),
    "name": _l("The expert’s name in this language"),
    "credit_line": _l("Printed after the name"),
    "relation": _l("What links them to it"),
    "body": _l("The translation"),
    "ties": _l("What readers should know of their interests"),
    "translator": _l("Your name, as it should be printed"),
}
TASK_ENDED = errors.ErrorMessage(
    _l("No translation is needed any more"),
    _l("The desk has what it needs, or withdrew the link. What you wrote was not passed on."),
    errors.PAGES[409].todo,
)
EXPERT_FIELDS = ("name", "credit_line", "relation")
STAGES_WITH_DRAFTS = ("write", "changed", "handed in")
OTHER_TEXTS = _l("You wrote a different text on another page: it is at the end. Hand in again to send the text here.")
# Messages after an action. Their keys are in the URL, since translators have no cookie.
NOTICES = {"beside": _l("You wrote a different text on another page. It is at the end of this page.")}
T = TypeVar("T")


@dataclass(frozen=True)
class TranslatorContext:
    """The context of a translator's request: the session, the actor, and the task that their link opens."""

    session: Session
    actor: TranslatorActor
    task: TranslationTask

    @property
    def drafts(self) -> list[TranslatorDraft]:
        return translators.list_drafts(self.session, self.task.translator)


@dataclass(frozen=True)
class TranslationForm:
    """The texts in the form, and what the page needs to save them as a draft.

    `tab` names the draft of this page, and `count` is the number of its next save. `source` is the tab from whose draft
    the texts come, or "". `known_counts` has the counts of the drafts that the page shows or has shown, by tab.
    """

    words: Mapping[str, str]
    tab: str
    count: int
    source: str
    known_counts: Mapping[str, int]
    saved_at: datetime | None = None

    @property
    def knows(self) -> str:
        """The value of the form's field `knows` (see `draft_counts.get_known_counts`)."""
        return json.dumps(dict(self.known_counts))


@translator.before_request
def check_form_token() -> Response | None:
    """Create the CSRF token for the page's forms. Answer a POST without a valid one with 400."""
    token = (request.view_args or {})["token"]
    g.form_proof = signing.create_token(PURPOSE, token)
    if request.method != "POST":
        return None
    if signing.read_token(request.form.get("csrf_token", ""), PURPOSE, token, GOOD_FOR) is not None:
        return None
    with read_context(token):  # aborts with 404 if the link is unknown
        return errors.render_error(400)


def _load_context(session: Session, token: str) -> TranslatorContext:
    """Load the task of a link. Set the language, time zone and link of error pages for this request."""
    actor, task = errors.or_lost_link(translators.load_task_by_link(session, token))
    g.language, g.zone = task.newsletter.language, task.newsletter.zone
    g.back = (url_for("translator.translation", token=token), _("Back to the translation"))
    return TranslatorContext(session, actor, task)


@contextmanager
def read_context(token: str) -> Iterator[TranslatorContext]:
    """Yield the context of a link, for reading. Aborts with 404 if the link is unknown or has ended."""
    with db.read() as session:
        yield _load_context(session, token)


def run_in_transaction(token: str, fn: Callable[[TranslatorContext], T]) -> T:
    """Run `fn` in a write transaction and return its result.

    After a conflict with another transaction `fn` runs again, so it must have no side effects outside the session.
    """
    return db.write(lambda session: fn(_load_context(session, token)))


def _form_values() -> dict[str, str]:
    form = request.form
    return {name: form.get(name, "").replace("\r\n", "\n") for name in translators.DRAFT_FIELDS}


def _load_form_state(context: TranslatorContext, tab: str | None) -> TranslationForm:
    """Return the state of a form with the draft of `tab`, or else the newest draft, or else the initial values.

    A page that shows the draft of another tab saves its own draft under a new tab.
    """
    drafts = context.drafts
    if not drafts:
        return TranslationForm(_initial_values(context.task), secrets.token_hex(4), count=0, source="", known_counts={})
    draft = next((draft for draft in drafts if draft.tab == tab), drafts[0])
    is_own_draft = draft.tab == tab
    return TranslationForm(
        draft.words,
        tab=draft.tab if is_own_draft else secrets.token_hex(4),
        count=draft.count + 1 if is_own_draft else 0,
        source=draft.tab,
        known_counts=draft.known_counts if is_own_draft else {draft.tab: draft.count},
        saved_at=draft.saved_at,
    )


def _initial_values(task: TranslationTask) -> dict[str, str]:
    """Return the initial values: the names of the translator and of the expert. All else is to be translated."""
    return {"translator": task.translator.name, "name": task.original.fields.name if task.original else ""}


def _submitted_form_state(context: TranslatorContext) -> TranslationForm:
    """Return the state of a form with the submitted texts. It knows the unseen drafts too: the page unfolds them."""
    tab = request.form.get("tab", "") or secrets.token_hex(4)
    shown_counts = {draft.tab: draft.count for draft in _unseen_drafts(context, _form_values())}
    known_counts = {**get_known_counts(), **shown_counts}
    return TranslationForm(_form_values(), tab, get_submitted_count() + 1, source=tab, known_counts=known_counts)


def _render_page(
    context: TranslatorContext,
    status: int = 200,
    form_state: TranslationForm | None = None,
    faults: dict[str, str] | None = None,
    note: str = "",
) -> Response:
    """Render the page by the stage of the task. `note` is the submitted note of somebody who declines."""
    task = context.task
    form_state = form_state or _load_form_state(context, request.args.get("tab"))
    original = task.original.fields if task.original else None
    handed_in = None
    if task.stage == "handed in":
        handed_in = translators.get_handed_in_draft(context.session, task.translator)
    shown_text = join_fields(handed_in.words if handed_in else form_state.words)
    html = render_template(
        "translator/translation.html",
        newsletter=task.newsletter,
        expert_name=context.actor.name,
        signed_in=False,
        editor_name=task.newsletter.editor,
        clock=clock(language(), task.newsletter.zone),
        url_params=request.view_args,
        task=task,
        tag=task.translator.language,
        direction=direction(task.translator.language),
        original=original,
        names=_field_names(task) if original else [],
        labels=LABELS,
        sheet=form_state,
        is_name_untransliterated=is_untransliterated(form_state.words.get("name", ""), task.translator.language),
        paragraph_counts=_count_paragraphs(task, form_state),
        handed_in_text=handed_in.words if handed_in else None,
        other_drafts=[draft for draft in context.drafts if draft.body not in ("", shown_text)],
        unseen_tabs=[draft.tab for draft in _unseen_drafts(context, form_state.words)] if request.form else [],
        faults=faults or {},
        note=note,
        notice=NOTICES.get(request.args.get("said", "")),
    )
    return make_response(html, status)


def _count_paragraphs(task: TranslationTask, form_state: TranslationForm) -> tuple[int, int] | None:
    """Return the number of paragraphs in the original and in the form, or None if nothing is wrong with them."""
    body = form_state.words.get("body", "")
    if not task.original or not body.strip():
        return None
    counts = count_paragraphs(task.original.fields.body), count_paragraphs(body)
    return counts if counts[0] != counts[1] else None


def _field_names(task: TranslationTask) -> list[str]:
    """Return the names of the form's fields in their order, without those that the original lacks."""
    is_question = task.translator.answer_id is None
    if is_question:
        return ["headline", "body", "translator"]
    original = task.original.fields if task.original else None
    expert_fields = [name for name in EXPERT_FIELDS if getattr(original, name)]
    ties = ["ties"] if original and original.ties else []
    return [*expert_fields, "body", *ties, "translator"]


@translator.get(PAGE)
def translation(token: str) -> Response:
    with read_context(token) as context:
        return _render_page(context)


def redirect_to_page(token: str, **query: Any) -> Response:
    return redirect(url_for("translator.translation", token=token, **query), code=303)


@translator.get(f"{PAGE}/<any(draft, send, decline):verb>")
def back(token: str, verb: str) -> Response:
    """Redirect a GET of a form's URL to the page. Browsers that restore a tab request the URL of its last POST."""
    with read_context(token):
        return redirect_to_page(token)


def _unseen_drafts(context: TranslatorContext, values: Mapping[str, str]) -> list[TranslatorDraft]:
    """Return the drafts with texts other than `values` that were saved after the submitted page was opened."""
    return writing.unseen_drafts(context.drafts, request.form.get("tab", ""), get_known_counts(), join_fields(values))


def _save_draft(context: TranslatorContext) -> TranslatorDraft:
    tab, count = request.form.get("tab", ""), get_submitted_count()
    known_counts = get_known_counts()
    return translators.save_draft(context.session, context.task.translator, _form_values(), tab, count, known_counts)


@translator.post(f"{PAGE}/draft")
@limit_requests("90 per minute")
def draft(token: str) -> Response:
    """Save a draft of the form. Scripts get a status as JSON; forms of browsers without scripts are redirected.

    In the status, `kept` is false if a later save was stored already, `open` says whether the task can still be handed
    in, and `beside` whether another tab has saved other texts.
    """

    def save(context: TranslatorContext) -> tuple[str, dict[str, object]]:
        saved = _save_draft(context)
        return saved.tab, {
            "at": clock_time(saved.saved_at),
            "kept": saved.count == get_submitted_count(),
            "open": context.task.stage == "write",
            "beside": bool(_unseen_drafts(context, saved.words)),
        }

    tab, status = run_in_transaction(token, save)
    if request.accept_mimetypes.best == "application/json":
        return jsonify(status)
    return redirect_to_page(token, tab=tab, said="beside" if status["beside"] else None)


class UnseenText(Exception):
    """Raised when another tab of this translator has saved other texts since the submitted page was opened."""


@translator.post(f"{PAGE}/send")
@limit_requests("90 per minute")
def send(token: str) -> Response:
    def hand_in(context: TranslatorContext) -> None:
        if context.task.stage == "write" and _unseen_drafts(context, _form_values()):
            raise UnseenText
        translators.hand_in(context.session, context.actor, context.task.translator, _form_values())

    try:
        run_in_transaction(token, hand_in)
    except UnseenText:
        return _save_and_rerender(token, 409, {"body": str(OTHER_TEXTS)})
    except MissingPrecondition as error:
        return _rerender(token, 400, {"body": format_error(error)})
    except TooLong as error:
        return _rerender(token, 400, {error.field: format_error(error)})
    except (VersionConflict, InvalidTransition):
        return _save_and_rerender(token, 409)
    return redirect_to_page(token)


@translator.post(f"{PAGE}/decline")
@limit_requests("90 per minute")
def decline(token: str) -> Response:
    note = request.form.get("note", "")

    def decline_task(context: TranslatorContext) -> None:
        translators.decline(context.session, context.actor, context.task.translator, note)

    try:
        run_in_transaction(token, decline_task)
    except TooLong as error:
        with read_context(token) as context:
            return _render_page(context, 400, faults={"note": format_error(error)}, note=note)
    except InvalidTransition:
        return errors.render_error(409, message=TASK_ENDED)
    return redirect_to_page(token)


def _rerender(token: str, status: int, faults: dict[str, str]) -> Response:
    with read_context(token) as context:
        return _render_page(context, status, _submitted_form_state(context), faults)


def _save_and_rerender(token: str, status: int, faults: dict[str, str] | None = None) -> Response:
    """Save the submitted texts as a draft, and show them on the page of the task's present stage."""
    try:
        run_in_transaction(token, _save_draft)
    except InvalidTransition:
        return errors.render_error(409, message=TASK_ENDED)
    with read_context(token) as context:
        if context.task.stage not in STAGES_WITH_DRAFTS:
            return errors.render_error(409, message=TASK_ENDED)
        return _render_page(context, status, _submitted_form_state(context), faults)
