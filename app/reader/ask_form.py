"""Asking a question: the form, the preview before it is sent, and the button that joins a question of other readers.

A draft is compared only with published answers and with questions that the desk shows, never with the inbox. It isn't
stored: the preview has it in hidden fields.
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
from ..letters.spam_filter import MOMENT_SIGNS, SpamEvidence, weigh_signs
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
from .copies import is_rendering_for_cache
from .page_frame import ReaderContext, languages_of, open_context, reader, with_form
from .receipt import cache_page, send_once
from .stories import Story, list_stories_by_question
from .submission import consent, count_form, find_spam_signs, format_errors, has_no_capacity

MATCHES_SHOWN = 3
EDITIONS_OFFERED = 6
EDITIONS_SEARCHED = 30  # newest editions among which the preview looks for the chosen one
PREVIEW_FIELDS = ("form", "then", "notes", "leave_empty")  # fields that the preview's form sets itself
# The fields in the collapsed part of the form, which is expanded if one of them is filled in or has an error.
COLLAPSED_FIELDS = ("background", "edition", "credit", "first", "name", "place", "verbatim", "language")


@dataclass(frozen=True)
class RejectedQuestion:
    """The contents of a form that is shown again: fields, faults by field, token, and whether it was sent before."""

    values: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    token: str | None = None
    was_sent_before: bool = False


@dataclass(frozen=True)
class PublicMatch:
    """A published answer (`story`) or an open question that is similar to the draft."""

    words: tuple[str, ...]  # words that also occur in the draft
    story: Story | None = None
    question: Question | None = None


@dataclass(frozen=True)
class PreviewStep:
    """The step between the form and the receipt: similar answers and questions, and notes for countries."""

    matches: list[PublicMatch]
    notes: list[dict[str, Any]]


def preview_page(
    context: ReaderContext, form_values: Mapping[str, str], submission: Submission, step: PreviewStep
) -> str:
    editions = archive.sent_editions(context.newsletter).page(context.session, None, EDITIONS_SEARCHED)
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
    stories = list_stories_by_question(context, archive.get_published_items(session, newsletter, question_ids))
    open_questions = {
        question.id: question
        for question in questions.list_public_questions_by_id(session, newsletter.id, question_ids)
    }
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
            )
        )
    return public_matches


@reader.get("/<slug>/ask")
@with_form
def ask(slug: str) -> str:
    with open_context(slug) as context:
        if not context.newsletter.takes_questions:
            return resting_page(context)
        if is_rendering_for_cache():
            cache_page(context)
        return form_page(context, RejectedQuestion({"edition": request.args.get("edition", "")}))


@reader.get("/<slug>/send")
def back_to_form(slug: str) -> ResponseReturnValue:
    """Redirect to the form. The page with a receipt has this URL, and a browser that reopens its closed tab gets it."""
    with open_context(slug):
        return redirect(url_for("reader.ask", slug=slug), code=303)


@reader.post("/<slug>/send")
@reader.post("/<slug>/ask", endpoint="ask_send_before")  # forms that were opened before an update
def ask_send(slug: str) -> ResponseReturnValue:
    """Accept the form.

    The URL isn't that of the form: if a page is posted to its own URL, browsers drop it from the history, and when the
    connection is lost, "back" would skip the form.
    """
    with open_context(slug) as context:
        form_values = request.form.to_dict()
        form = form_token.read(form_values.get("form", ""), context.newsletter)
        token = form_values["form"] if form else None
        must_take(context.session, context.newsletter, form)
        submission = parse_submission(context, form_values)
        page = _get_page_before_sending(context, form_values, submission, form)
        # A form that was sent before skips these pages: sending it again shows the same receipt, and not the words of a
        # page that somebody found by going back.
        if page and not (form and find_sent_letter(context.session, form)):
            return page
        if form is None or has_no_capacity(context, form, form_values, submission.stored_body):
            return form_page(context, RejectedQuestion(form_values, {"form": "full"}, token)), 503
        spam_signs = find_spam_signs(context, form_values, form, submission.body)
    submission.precompute()

    def make(session: Session, newsletter: Newsletter) -> Letter:
        must_take(session, newsletter, form)
        return send(session, Reader(), newsletter, submission, form=form, signs=spam_signs)

    def render_duplicate(context: ReaderContext) -> str:
        return form_page(context, RejectedQuestion(form_values, was_sent_before=True))

    return send_once(slug, form, make, render_duplicate)


def _get_page_before_sending(
    context: ReaderContext, form_values: Mapping[str, str], submission: Submission, form: FormToken | None
) -> str | tuple[str, int] | None:
    """Return the full form, the form with its faults, or the preview; None if the question is sent at once."""
    token = form_values["form"] if form else None
    if form_values.get("then") == "choices":  # from the front page, or back from the preview
        return form_page(context, RejectedQuestion(form_values, token=token))
    if faults := submission.faults | ({} if form else {"form": "old"}):
        return form_page(context, RejectedQuestion(form_values, faults, token)), 400
    step = _get_preview_step(context, form_values, submission)
    return preview_page(context, form_values, submission, step) if step else None


def _get_preview_step(
    context: ReaderContext, form_values: Mapping[str, str], submission: Submission
) -> PreviewStep | None:
    """Return the step that a reader sees before their question is sent, or None if it is sent at once."""
    then = form_values.get("then")
    if then == "send":
        return None
    has_seen_notes = form_values.get("notes") == "seen"
    step = PreviewStep(
        matches=find_public_matches(context, submission.body),
        notes=[] if has_seen_notes else country_notes(context.newsletter),
    )
    return step if then == "look" or step.matches or step.notes else None


def parse_submission(context: ReaderContext, form_values: Mapping[str, str]) -> Submission:
    """Return a reader's submission, without the fields of options that they didn't choose."""
    hear_back = form_values.get("hear_back") or "number"
    has_email = hear_back in ("once", "while")
    credit = (form_values.get("credit") or "none") if context.newsletter.names_readers else "none"
    language_code = form_values.get("language", "")
    edition = _get_offered_edition(context, form_values.get("edition"))
    return Submission(
        body=form_values.get("body", ""),
        background=form_values.get("background", ""),
        language=language_code if language_code in languages_of(context.newsletter) else "",
        hear_back=hear_back,
        email=form_values.get(f"email_{hear_back}", "") if has_email else "",
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
    """Return the ask page of a newsletter that takes no questions, with the text of a form that was opened before."""
    return context.page("reader/resting.html", "", text=text)


@reader.errorhandler(NotTaking)
def handle_not_taking(error: NotTaking) -> ResponseReturnValue:
    """Respond to a form that was opened before the newsletter paused or ended, with the reader's text."""
    with open_context(str((request.view_args or {})["slug"])) as context:
        texts = (request.form.get(name, "").strip() for name in ("body", "background"))
        return resting_page(context, "\n\n".join(filter(None, texts))), 409


def form_page(context: ReaderContext, draft: RejectedQuestion) -> str:
    newsletter = context.newsletter
    messages = format_errors(draft.faults)
    return context.page(
        "reader/ask.html",
        "ask",
        form_data=draft.values,
        errors=messages,
        summary=[(_field_id(name, draft.values), message) for name, message in messages.items()],
        form_token=draft.token,
        was_sent_before=draft.was_sent_before,
        is_expanded=_is_expanded(draft),
        editions=_list_offered_editions(context),
        language_codes=languages_of(newsletter),
        consent=consent(newsletter),
        upcoming_dates=context.list_upcoming_dates(),
        address_expires_on=utc_now() + timedelta(days=newsletter.keep_days),
        notes=country_notes(newsletter),
    )


def _is_expanded(draft: RejectedQuestion) -> bool:
    """Return whether a collapsed field is filled in or has an error."""
    empty_values = (None, "", "none")  # "none" is the default credit
    return any(name in draft.faults or draft.values.get(name) not in empty_values for name in COLLAPSED_FIELDS)


def _field_id(name: str, form_values: Mapping[str, str]) -> str:
    """Return the ID of the input that the error summary links to for a field."""
    field_ids = {
        "form": "send",
        "email": f"email_{form_values.get('hear_back')}",
        "hear_back": "hear_back-number",
        "credit": "credit-none",
        "name": "first" if form_values.get("credit") == "first" else "name",
    }
    return field_ids.get(name, name)


def country_notes(newsletter: Newsletter) -> list[dict[str, Any]]:
    """Return the newsletter's notes for readers in particular countries.

    Each has the country's name, the day on which it was checked, and its texts by language, the page's language first.
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
    """Ask the same as other readers: send a letter that is filed to their question, unless it looks like spam."""
    with open_context(slug) as context:
        form = form_token.read(request.form.get("form", ""), context.newsletter)
        must_take(context.session, context.newsletter, form)
        question = shown_question(context.session, context.newsletter, public_id)
        if form is None:  # show the ask form with the question and a new token
            return form_page(context, RejectedQuestion({"body": or_404(question).wording}, {"form": "old"})), 400
        if has_no_capacity(context, form, request.form):
            return form_page(context, RejectedQuestion({"body": or_404(question).wording}, {"form": "full"})), 503
        wording = question.wording if question else ""
        # Nobody has to read a press. If a flood of presses were held, those of readers among them would be marked.
        delivery_signals = count_form(context.newsletter, request.form, form) - MOMENT_SIGNS
        spam_signs = weigh_signs(SpamEvidence(wording, (), delivery_signals))

    def make(session: Session, newsletter: Newsletter) -> Letter:
        must_take(session, newsletter, form)
        if spam_signs and wording:
            return send(session, Reader(), newsletter, Submission(wording), form=form, signs=spam_signs)
        return ask_too(session, Reader(), newsletter, public_id, form)

    def render_duplicate(context: ReaderContext) -> str:
        return form_page(context, RejectedQuestion({"body": wording}, was_sent_before=True))

    try:
        return send_once(slug, form, make, render_duplicate)
    except MissingPrecondition as error:
        return errors.render_error(409, happened=format_error(error))
