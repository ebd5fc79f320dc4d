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
from ..answers.translators import Task
from ..core.actors import Translator as Outside
from ..core.domain_errors import InvalidTransition, MissingPrecondition, TooLong, VersionConflict
from ..crypto import signing
from ..questions.models import TranslatorDraft, join_fields
from ..text.languages import direction
from ..text.translation import city
from ..web import errors
from ..web.draft_counts import get_known_counts, get_submitted_count
from ..web.error_sentences import format_error
from ..web.formatting import clock_time, language
from ..web.setup import csrf, db, limiter, or_404

translator = Blueprint("translator", __name__)
csrf.exempt(translator)  # links need no cookie, so there is none that a forged request could use
PURPOSE = "the forms of a translator's link"
GOOD_FOR = 90  # days
PAGE = "/a/<token>/translation"
LABELS = {
    "headline": _l("Headline"),
    "name": _l("The expert’s name in this language"),
    "credit_line": _l("What stands after the name"),
    "relation": _l("What connects them with it"),
    "body": _l("The translation"),
    "ties": _l("What readers should know of their interests"),
    "translator": _l("Your name, as it would be printed"),
}
OVER = errors.ErrorMessage(
    _l("No translation needed any more"),
    _l("The desk has what it needs, or took the link back. What you wrote was not passed on."),
    errors.PAGES[409].todo,
)
EXPERT_FIELDS = ("name", "credit_line", "relation")
STAGES_WITH_DRAFTS = ("write", "changed", "handed in")
OTHER_TEXTS = _l("Another page of yours has other words: they stand at the end. Hand in again, and these here count.")
SAID = {"beside": _l("Another page of yours has other words. They stand at the end of this page.")}
T = TypeVar("T")


@dataclass(frozen=True)
class Visit:
    """A request of a translator: the session, the actor for the verbs, and the task that their link opens."""

    session: Session
    actor: Outside
    task: Task

    @property
    def drafts(self) -> list[TranslatorDraft]:
        return translators.list_drafts(self.session, self.task.translator)


@dataclass(frozen=True)
class Sheet:
    """The texts in the form.

    `tab` and `count` identify the draft of this page, and `source` the tab from which the texts come. `knows` has the
    count of each draft when the page was opened, as JSON by tab.
    """

    words: Mapping[str, str]
    tab: str
    count: int
    source: str
    knows: str
    saved_at: datetime | None = None


@translator.before_request
def only_from_its_own_page() -> Response | None:
    token = (request.view_args or {})["token"]
    g.form_proof = signing.create_token(PURPOSE, token)
    sent = request.form.get("csrf_token", "") if request.method == "POST" else g.form_proof
    if signing.read_token(sent, PURPOSE, token, GOOD_FOR) is not None:
        return None
    with visit(token):  # 404 first if there is no such link
        return errors.render_error(400)


def _enter(session: Session, token: str) -> Visit:
    actor, task = or_404(translators.by_link(session, token))
    g.language, g.zone = task.newsletter.language, task.newsletter.zone
    g.back = (url_for("translator.translation", token=token), _("Back to the translation"))
    return Visit(session, actor, task)


@contextmanager
def visit(token: str) -> Iterator[Visit]:
    """Yield the task behind a link, for reading. Aborts with 404 if the link is unknown or has ended."""
    with db.read() as session:
        yield _enter(session, token)


def change(token: str, fn: Callable[[Visit], T]) -> T:
    """Run one change in a write transaction.

    After a lost race `fn` runs again, so it must have no other side effects.
    """
    return db.write(lambda session: fn(_enter(session, token)))


def _form_values() -> dict[str, str]:
    form = request.form
    return {name: form.get(name, "").replace("\r\n", "\n") for name in translators.DRAFT_FIELDS}


def _draft_counts_json(drafts: list[TranslatorDraft]) -> str:
    return json.dumps({draft.tab: draft.count for draft in drafts})


def _sheet(context: Visit, tab: str | None) -> Sheet:
    """Return the newest draft, or the one of `tab`. A page that didn't save it continues it in a draft of its own."""
    drafts = context.drafts
    if not drafts:
        return Sheet(_initial_values(context.task), tab=secrets.token_hex(4), count=0, source="", knows="{}")
    draft = next((draft for draft in drafts if draft.tab == tab), drafts[0])
    is_own_draft = draft.tab == tab
    return Sheet(
        draft.words,
        tab=draft.tab if is_own_draft else secrets.token_hex(4),
        count=draft.count + 1 if is_own_draft else 0,
        source=draft.tab,
        knows=_draft_counts_json(drafts),
        saved_at=draft.saved_at,
    )


def _initial_values(task: Task) -> dict[str, str]:
    """Return the initial values of the form: the expert's name and credit as in the original, and the translator."""
    values = {"translator": task.translator.name}
    if task.original:
        values |= {name: getattr(task.original.words, name) for name in EXPERT_FIELDS}
    return values


def _sent_sheet(context: Visit) -> Sheet:
    """Return the submitted texts, for a page that shows them again together with all other drafts."""
    tab = request.form.get("tab", "") or secrets.token_hex(4)
    knows = _draft_counts_json(context.drafts)
    return Sheet(_form_values(), tab=tab, count=get_submitted_count() + 1, source=tab, knows=knows)


def _page(
    context: Visit, status: int = 200, sheet: Sheet | None = None, faults: dict[str, str] | None = None, note: str = ""
) -> Response:
    task = context.task
    sheet = sheet or _sheet(context, request.args.get("tab"))
    original = task.original.words if task.original else None
    handed_in = None
    if task.stage == "handed in":
        handed_in = translators.get_handed_in_draft(context.session, task.translator)
    shown_text = join_fields(handed_in.words if handed_in else sheet.words)
    html = render_template(
        "translator/translation.html",
        newsletter=task.newsletter,
        expert_name=context.actor.name,
        signed_in=False,
        editor_name=task.newsletter.editor,
        city=city(language(), task.newsletter.zone),
        url_params=request.view_args,
        task=task,
        tag=task.translator.language,
        direction=direction(task.translator.language),
        original=original,
        names=_field_names(task) if original else [],
        labels=LABELS,
        sheet=sheet,
        handed_in_text=handed_in.words if handed_in else None,
        other_drafts=[draft for draft in context.drafts if draft.body not in ("", shown_text)],
        faults=faults or {},
        note=note,
        notice=SAID.get(request.args.get("said", "")),
    )
    return make_response(html, status)


def _field_names(task: Task) -> list[str]:
    """Return the fields of the form in the order of the page, without those that the original lacks."""
    if task.translator.answer_id is None:  # a question
        return ["headline", "body", "translator"]
    words = task.original.words if task.original else None
    names = [name for name in EXPERT_FIELDS if getattr(words, name)]
    names.append("body")
    if words and words.ties:
        names.append("ties")
    names.append("translator")
    return names


@translator.get(PAGE)
def translation(token: str) -> Response:
    with visit(token) as context:
        return _page(context)


def to_page(token: str, **query: Any) -> Response:
    return redirect(url_for("translator.translation", token=token, **query), code=303)


@translator.get(f"{PAGE}/<any(draft, send, decline):verb>")
def back(token: str, verb: str) -> Response:
    """Redirect to the page. Browsers that restore a tab request the address of its last POST."""
    with visit(token):
        return to_page(token)


def _unseen_drafts(context: Visit, values: Mapping[str, str]) -> list[TranslatorDraft]:
    """Return the drafts with other texts that the submitting page can't have known."""
    return writing.unseen_drafts(context.drafts, request.form.get("tab", ""), get_known_counts(), join_fields(values))


def _save_draft(context: Visit) -> TranslatorDraft:
    tab, count = request.form.get("tab", ""), get_submitted_count()
    return translators.save_draft(context.session, context.task.translator, _form_values(), tab, count)


@translator.post(f"{PAGE}/draft")
@limiter.limit("90 per minute")
def draft(token: str) -> Response:
    """Save a draft of the form. A script gets its status as JSON, a form is redirected to its page."""

    def save(visit: Visit) -> tuple[TranslatorDraft, dict[str, object]]:
        saved = _save_draft(visit)
        return saved, {
            "at": clock_time(saved.saved_at),
            "kept": saved.count == get_submitted_count(),
            "open": visit.task.stage == "write",
            "beside": bool(_unseen_drafts(visit, saved.words)),
        }

    saved, state = change(token, save)
    if request.accept_mimetypes.best == "application/json":
        return jsonify(state)
    return to_page(token, tab=saved.tab, said="beside" if state["beside"] else None)


class UnseenText(Exception):
    """Another page of this translator has a text that the submitting page can't have known."""


@translator.post(f"{PAGE}/send")
@limiter.limit("90 per minute")
def send(token: str) -> Response:
    def hand_in(visit: Visit) -> None:
        if visit.task.stage == "write" and _unseen_drafts(visit, _form_values()):
            raise UnseenText
        translators.hand_in(visit.session, visit.actor, visit.task.translator, _form_values())

    try:
        change(token, hand_in)
    except UnseenText:
        return _save_and_rerender(token, 409, {"body": str(OTHER_TEXTS)})
    except MissingPrecondition as error:
        return _rerender(token, 400, {"body": format_error(error)})
    except TooLong as error:
        return _rerender(token, 400, {error.field: format_error(error)})
    except (VersionConflict, InvalidTransition):
        return _save_and_rerender(token, 409)
    return to_page(token)


@translator.post(f"{PAGE}/decline")
@limiter.limit("90 per minute")
def decline(token: str) -> Response:
    note = request.form.get("note", "")
    try:
        change(token, lambda visit: translators.decline(visit.session, visit.actor, visit.task.translator, note))
    except TooLong as error:
        with visit(token) as context:
            return _page(context, 400, faults={"note": format_error(error)}, note=note)
    except InvalidTransition:
        return errors.render_error(409, message=OVER)
    return to_page(token)


def _rerender(token: str, status: int, faults: dict[str, str]) -> Response:
    with visit(token) as context:
        return _page(context, status, _sent_sheet(context), faults)


def _save_and_rerender(token: str, status: int, faults: dict[str, str] | None = None) -> Response:
    """Save the submitted texts as a draft, and show the page as it is now."""
    try:
        change(token, _save_draft)
    except InvalidTransition:
        return errors.render_error(409, message=OVER)
    with visit(token) as context:
        if context.task.stage not in STAGES_WITH_DRAFTS:
            return errors.render_error(409, message=OVER)
        return _page(context, status, _sent_sheet(context), faults)
