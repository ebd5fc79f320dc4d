"""Asking a question: the form, the preview before it is sent, and the button that joins a question of other readers.

A draft is compared with published answers and questions shown by the desk, never with the inbox. It is not stored: the
preview carries it in hidden fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from babel import Locale
from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from ..core.actors import Reader
from ..core.clock import utc_now
from ..core.domain_errors import MissingPrecondition
from ..editions import archive
from ..editions.models import Edition
from ..letters.models import Letter
from ..letters.receive import FormToken, NotTaking, Submission, find_sent_letter, must_take, send
from ..letters.spam_filter import SpamEvidence, weigh_signs
from ..newsletters.models import Newsletter
from ..questions import queries as questions
from ..questions.me_too import ask_too, shown_question
from ..questions.models import Question
from ..search import PUBLIC
from ..search.alike import Probe, find_matches
from ..web import errors
from ..web.error_sentences import format_error
from ..web.formatting import autonym, language
from ..web.setup import or_404
from . import form_token
from .page_frame import ReaderContext, languages_of, open_context, reader, with_form
from .receipt import send_once
from .stories import Story, stories_by_question
from .submission import (
    SubmissionResult,
    consent,
    find_spam_signals,
    format_errors,
    get_submission_traits,
    has_no_capacity,
)

MATCHES_SHOWN = 3
PREVIEW_FIELDS = ("form", "then", "notes", "leave_empty")  # fields that the preview's form sets itself


@dataclass(frozen=True)
class PublicMatch:
    """A published answer, or an open question with the number of its askers, that is similar to the draft. `words` are
    those that it shares with the draft.
    """

    words: tuple[str, ...]
    story: Story | None = None
    question: Question | None = None
    askers: int = 0


@dataclass(frozen=True)
class PreviewStep:
    """The step between a form and its receipt: similar answers and questions, and the notes for single countries."""

    matches: list[PublicMatch]
    notes: list[dict[str, Any]]


def preview_page(
    context: ReaderContext, form_values: Mapping[str, str], submission: Submission, step: PreviewStep
) -> str:
    editions = archive.sent_editions(context.newsletter).page(context.session, None, 30)
    about_edition = next((edition for edition in editions if edition.id == submission.about_edition_id), None)
    return context.page(
        "reader/preview.html",
        "ask",
        submission=submission,
        edition=about_edition,
        step=step,
        is_requested=form_values.get("then") == "look",
        hidden_fields=[(name, value) for name, value in form_values.items() if name not in PREVIEW_FIELDS and value],
        form_token=form_values.get("form"),
        language_name=autonym(submission.language) if submission.language else "",
        credit=format_credit(submission),
    )


def format_credit(submission: Submission) -> str:
    """Return the reader's name as it would be printed; empty if they don't want to be named."""
    if submission.credit == "first":
        return _("%(name)s, %(place)s", name=submission.name, place=submission.place)
    return submission.name


def find_public_matches(context: ReaderContext, text: str) -> list[PublicMatch]:
    """Return the published answers and open questions that are likely to match a text, best first."""
    session, newsletter = context.session, context.newsletter
    matches = find_matches(session, PUBLIC, newsletter.id, Probe(text), limit=MATCHES_SHOWN)
    likely_matches = [match for match in matches if match.likely]
    question_ids = [match.noun_id for match in likely_matches]
    if not question_ids:
        return []
    stories = stories_by_question(newsletter, archive.get_published_items(session, newsletter, question_ids))
    open_questions = {
        question.id: question
        for question in questions.list_public_questions_by_id(session, newsletter.id, question_ids)
    }
    askers = questions.count_askers(session, list(open_questions.values())) if open_questions else {}
    public_matches = []
    for match in likely_matches:
        question_id = match.noun_id
        # The index may be a second behind, so drop what is no longer public.
        if question_id not in stories and question_id not in open_questions:
            continue
        public_matches.append(
            PublicMatch(
                words=next((reason.values for reason in match.reasons if reason.code == "words"), ()),
                story=stories.get(question_id),
                question=open_questions.get(question_id),
                askers=askers.get(question_id, 0),
            )
        )
    return public_matches


EDITIONS_OFFERED = 6
# The fields in the collapsed part of the form, which is expanded if one of them is filled in or has an error.
COLLAPSED_FIELDS = ("background", "edition", "credit", "first", "name", "place", "verbatim", "language")


@dataclass(frozen=True)
class Draft:
    """A form that was not accepted: its fields, their faults, its token, and the result if it was sent before."""

    typed: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    token: str | None = None
    before: SubmissionResult | None = None


@reader.get("/<slug>/ask")
@with_form
def ask(slug: str) -> str:
    with open_context(slug) as context:
        if not context.newsletter.takes_questions:
            return resting_page(context)
        return form_page(context, Draft({"edition": request.args.get("edition", "")}))


@reader.get("/<slug>/send")
def back_to_form(slug: str) -> ResponseReturnValue:
    """Redirect to the form, for example when a browser reopens a closed tab with a receipt, whose URL this is."""
    with open_context(slug):
        return redirect(url_for("reader.ask", slug=slug), code=303)


@reader.post("/<slug>/send")
@reader.post("/<slug>/ask", endpoint="ask_send_before")  # forms that were opened before an update
def ask_send(slug: str) -> ResponseReturnValue:
    """Accept the form. Its URL differs from the form's own: browsers drop the entry of a page that is posted to its own
    URL from their history, and if the connection is lost, "back" would skip the form.
    """
    with open_context(slug) as context:
        typed = request.form.to_dict()
        form = form_token.read(typed.get("form", ""), context.newsletter)
        token = typed["form"] if form else None
        must_take(context.session, context.newsletter, form)
        if typed.get("then") == "choices":
            return form_page(context, Draft(typed, token=token))
        submission = parse_submission(context, typed)
        faults = submission.faults | ({} if form else {"form": "old"})
        if form is None or faults:
            return form_page(context, Draft(typed, faults, token)), 400
        if step := _get_preview_step(context, typed, submission, form):
            return preview_page(context, typed, submission, step)
        if has_no_capacity(context, form):
            return form_page(context, Draft(typed, {"form": "full"}, token)), 503
        spam_signals = find_spam_signals(context, typed, form, submission.body)
    submission.precompute()

    def make(session: Session, newsletter: Newsletter) -> Letter:
        must_take(session, newsletter, form)
        return send(session, Reader(), newsletter, submission, form=form, signs=spam_signals)

    return send_once(slug, form, make, lambda context, result: form_page(context, Draft(typed, before=result)))


def _get_preview_step(
    context: ReaderContext, form_values: Mapping[str, str], submission: Submission, form: FormToken
) -> PreviewStep | None:
    """Return the step that a reader sees before their question is sent, or None if it goes straight to the receipt.

    A form that was sent before skips the step, so that sending it again shows the same number.
    """
    then = form_values.get("then")
    if then == "send":
        return None
    step = PreviewStep(
        find_public_matches(context, submission.body),
        [] if form_values.get("notes") == "seen" else country_notes(context.newsletter),
    )
    is_shown = then == "look" or step.matches or step.notes
    return step if is_shown and not find_sent_letter(context.session, form) else None


def parse_submission(context: ReaderContext, form_values: Mapping[str, str]) -> Submission:
    """Return a reader's submission, without the fields of options that they didn't choose."""
    hear_back = form_values.get("hear_back") or "number"
    credit = (form_values.get("credit") or "none") if context.newsletter.names_readers else "none"
    language_code = form_values.get("language", "")
    edition = _get_offered_edition(context, form_values.get("edition"))
    return Submission(
        body=form_values.get("body", ""),
        background=form_values.get("background", ""),
        language=language_code if language_code in languages_of(context.newsletter) else "",
        hear_back=hear_back,
        email=form_values.get(f"email_{hear_back}", "") if hear_back in ("once", "while") else "",
        credit=credit,
        name=form_values.get("first" if credit == "first" else "name", ""),
        place=form_values.get("place", "") if credit == "first" else "",
        consent=consent(context.newsletter),
        verbatim=bool(form_values.get("verbatim")),
        about_edition_id=edition.id if edition else None,
    )


def _list_offered_editions(context: ReaderContext) -> list[Edition]:
    return archive.sent_editions(context.newsletter).page(context.session, None, EDITIONS_OFFERED)


def _get_offered_edition(context: ReaderContext, public_id: str | None) -> Edition | None:
    if not public_id:
        return None
    for edition in _list_offered_editions(context):
        if edition.public_id == public_id:
            return edition
    return None


def resting_page(context: ReaderContext, text: str = "") -> str:
    """Return the ask page of a newsletter that takes no questions, with the text of a form opened before, if any."""
    return context.page("reader/resting.html", "", text=text)


@reader.errorhandler(NotTaking)
def handle_not_taking(error: NotTaking) -> ResponseReturnValue:
    """Answer a form that was opened before the newsletter paused or ended. The page shows the reader their text."""
    with open_context(str((request.view_args or {})["slug"])) as context:
        texts = (request.form.get(name, "").strip() for name in ("body", "background"))
        return resting_page(context, "\n\n".join(filter(None, texts))), 409


def form_page(context: ReaderContext, draft: Draft) -> str:
    newsletter = context.newsletter
    errors = format_errors(draft.faults)
    return context.page(
        "reader/ask.html",
        "" if draft.before else "ask",  # with a receipt number, the page needs the receipt's style sheet
        form_data=draft.typed,
        errors=errors,
        summary=[(_field_id(name, draft.typed), message) for name, message in errors.items()],
        form_token=draft.token,
        earlier_submission=draft.before,
        is_expanded=_is_expanded(draft),
        editions=_list_offered_editions(context),
        language_codes=languages_of(newsletter),
        consent=consent(newsletter),
        upcoming_dates=context.coming(),
        address_expires_on=utc_now() + timedelta(days=newsletter.keep_days),
        notes=country_notes(newsletter),
    )


def _is_expanded(draft: Draft) -> bool:
    """Return whether a collapsed field is filled in or has an error."""
    return any(
        name in draft.faults or draft.typed.get(name) not in (None, "", "none")  # "none" is the default credit
        for name in COLLAPSED_FIELDS
    )


def _field_id(name: str, form_values: Mapping[str, str]) -> str:
    """Return the ID of the control that the error summary links to for a fault."""
    field_ids = {
        "form": "send",
        "email": f"email_{form_values.get('hear_back')}",
        "hear_back": "hear_back-number",
        "credit": "credit-none",
        "name": "first" if form_values.get("credit") == "first" else "name",
    }
    return field_ids.get(name, name)


def country_notes(newsletter: Newsletter) -> list[dict[str, Any]]:
    """Return the newsletter's notes for readers in single countries, each with its texts, that in the page's language
    first, and the day it was checked.

    A stored note is `{"country": "UZ", "checked_on": "2026-10-12", "text": {"en": "...", "ru": "..."}}`.
    """
    territories = (get_locale() or Locale("en")).territories
    return [
        {
            "country": str(territories.get(note["country"], note["country"])),
            "checked_on": datetime.fromisoformat(note["checked_on"]).date(),
            "texts": sorted(note["text"].items(), key=lambda text: text[0] != language()),
        }
        for note in newsletter.notes
    ]


@reader.post("/<slug>/ask/<public_id>")
def join(slug: str, public_id: str) -> ResponseReturnValue:
    with open_context(slug) as context:
        form = form_token.read(request.form.get("form", ""), context.newsletter)
        must_take(context.session, context.newsletter, form)
        question = shown_question(context.session, context.newsletter, public_id)
        if form is None:
            # The form is filled with the question, and gets a fresh token.
            return form_page(context, Draft({"body": or_404(question).wording}, {"form": "old"})), 400
        if has_no_capacity(context, form):
            return form_page(context, Draft({"body": or_404(question).wording}, {"form": "full"})), 503
        wording = question.wording if question else ""
        traits = get_submission_traits(context.newsletter, request.form, form)
        spam_signals = weigh_signs(SpamEvidence(wording, (), traits))

    def make(session: Session, newsletter: Newsletter) -> Letter:
        must_take(session, newsletter, form)
        if spam_signals and wording:
            return send(session, Reader(), newsletter, Submission(wording), form=form, signs=spam_signals)
        return ask_too(session, Reader(), newsletter, public_id, form)

    try:
        return send_once(
            slug, form, make, lambda context, result: form_page(context, Draft({"body": wording}, before=result))
        )
    except MissingPrecondition as error:
        return errors.render_error(409, happened=format_error(error))
