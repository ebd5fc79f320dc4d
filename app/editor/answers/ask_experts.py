"""Asking experts: who fits a question and why, and the form that asks several at once or one after another."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from ...answers import assigning, ladder
from ...answers.assigning import MAX_WORDS, MIN_WORDS, Brief
from ...answers.candidates import ExpertFit, History, rank_experts
from ...answers.models import Assignment
from ...answers.queries import load_assignment
from ...core.domain_errors import InvalidTransition, MissingPrecondition, TooLong
from ...editions import queries as editions
from ...editions import slots
from ...editions.models import Edition
from ...editions.schedules import list_editions_taking_answers
from ...people import directory
from ...people.models import Expert
from ...questions.models import Question
from ...questions.source_protection import LeakDetected
from ...search.alike import Comparison
from ...web.error_sentences import format_error
from ...web.formatting import day, format_language
from ...web.setup import or_404
from ...workflows import invitations
from ..form_fields import parse_number
from ..frame import RequestContext, announce, editor, page, read_context, rerender, run_in_transaction
from ..question_labels import DECLINE_LABELS
from ..questions.question_detail import SEARCHED_EDITIONS, QuestionDetail
from ..questions.question_page import redirect_to_question, require_question
from .invitation_page import OFFERED_EDITIONS, FormRejected, format_edition_options, parse_future_time

FORM_FIELDS = (
    "name",
    "email",
    "brief",
    "words",
    "credit_line",
    "relation",
    "edition",
    "after",
    "step_at",
    "one_by_one",
)
MAX_EXPERTS = 12  # experts listed on the page, unless more are selected; a search finds the others
MAX_SHOWN_VALUES = 4  # topics or words that a reason lists
MAX_TIES_LENGTH = 140  # characters shown of an expert's ties
MAX_BEST_FITS = 3  # experts shown on the question's page, and unfolded on this one


@editor.restricted_page("/<slug>/questions/<public_id>/ask", permission="prepare")
def ask(slug: str, public_id: str) -> str:
    """Show the form. `?expert=` preselects an expert, and may be repeated."""
    with read_context(slug) as desk:
        question = require_question(desk, public_id)
        open_editions = list_editions_taking_answers(desk.session, desk.newsletter, OFFERED_EDITIONS)
        defaults = {
            "words": desk.newsletter.sections[question.section].words,
            "edition": _get_default_edition(desk, question, open_editions),
        }
        return _render_form(desk, question, defaults, request.args.getlist("expert"), open_editions=open_editions)


def _get_default_edition(desk: RequestContext, question: Question, open_editions: Sequence[Edition]) -> str:
    """Return the public id of the first of the next editions with an open slot in the question's section, or ""."""
    questions = slots.get_questions_by_edition(desk.session, open_editions[:SEARCHED_EDITIONS])
    next_editions = {edition: questions[edition.id] for edition in open_editions[:SEARCHED_EDITIONS]}
    edition = slots.find_edition_with_room(desk.newsletter, next_editions, question.section)
    return edition.public_id if edition else ""


def _render_form(
    desk: RequestContext,
    question: Question,
    form_data: Mapping[str, Any],
    expert_ids: Sequence[str],
    rejection: FormRejected | None = None,
    open_editions: Sequence[Edition] | None = None,
) -> str:
    """Render the form with its submitted values. The selected experts come first, in the order of `expert_ids`.

    `open_editions` can be passed if they are loaded already.
    """
    query = request.form.get("find", "").strip()
    fits, assignments = _rank_experts(desk, question, query)
    positions = {expert_id: index for index, expert_id in enumerate(expert_ids)}
    selected_fits = sorted(
        (fit for fit in fits if fit.expert.public_id in positions), key=lambda fit: positions[fit.expert.public_id]
    )
    others = [fit for fit in fits if fit not in selected_fits][: max(MAX_EXPERTS - len(selected_fits), 0)]
    if query:  # experts found by a search are shown together, whatever language they write in
        foreign_fits, best_fits, more_fits = [], others, []
    else:
        foreign_fits = [fit for fit in others if not _writes_language_of_question(fit)]
        native_fits = [fit for fit in others if fit not in foreign_fits]
        best_fits, more_fits = native_fits[:MAX_BEST_FITS], native_fits[MAX_BEST_FITS:]
    predecessors = [assignment for assignment in assignments if assignment.can_stand_before]
    if open_editions is None:
        open_editions = list_editions_taking_answers(desk.session, desk.newsletter, OFFERED_EDITIONS)
    return page(
        desk,
        "editor/answers/ask.html",
        "questions",
        question=question,
        best_fits=[*selected_fits, *best_fits],
        more_fits=more_fits,
        foreign_fits=foreign_fits,
        has_more=len(fits) > MAX_EXPERTS,
        query=query,
        editions=format_edition_options(desk, open_editions),
        predecessors=[(assignment.public_id, assignment.expert.name) for assignment in predecessors],
        form_data=form_data,
        selected_ids=expert_ids,
        ladder_positions={key: request.form.get(f"place-{key}", "") for key in expert_ids},
        faults=rejection.faults if rejection else {},
        passages=rejection.passages if rejection else (),
        limits=(MIN_WORDS, MAX_WORDS),
    )


def _rank_experts(
    desk: RequestContext, question: Question, name_query: str
) -> tuple[list[ExpertFit], list[Assignment]]:
    """Return experts who fit a question, best first, and the question's assignments."""
    assignments = assigning.assignments_of(desk.session, question)
    return rank_experts(desk.session, question, name_query, assignments=assignments), assignments


def _writes_language_of_question(candidate: ExpertFit) -> bool:
    """Return whether an expert writes the question's language. Also true if either of the two is unknown."""
    question_language = _base_language(candidate.language)
    expert_languages = [_base_language(tag) for tag in candidate.expert.languages]
    return question_language == "und" or not expert_languages or question_language in expert_languages


def _base_language(tag: str) -> str:
    """Return the language of a tag without script and region, e.g. "pt" for "pt-BR"."""
    return tag.partition("-")[0]


@editor.action("/<slug>/questions/<public_id>/ask", permission="prepare")
def ask_draft(slug: str, public_id: str) -> Response | str | tuple[str, int]:
    """Prepare invitations to the selected experts.

    With the button "send", also send those that don't wait on the ladder; with "find", only search for experts.
    """
    form_data = {name: request.form.get(name, "").strip() for name in FORM_FIELDS}
    selected_ids = _get_selected_ids(request.form)
    only_expert = request.form.get("only")  # the button beside an expert prepares just this invitation
    button = "prepare" if only_expert else request.form.get("act", "prepare")
    if button == "find":
        with read_context(slug) as desk:
            return _render_form(desk, require_question(desk, public_id), form_data, selected_ids)

    def fn(desk: RequestContext) -> tuple[list[Assignment], list[Assignment]]:
        expert_ids = [only_expert] if only_expert else selected_ids
        drafts = _create_drafts(desk, require_question(desk, public_id), form_data, expert_ids)
        to_send = [draft for draft in drafts if draft.after_id is None] if button == "send" else []
        invitations.invite_all(desk.session, desk.actor, to_send)
        return drafts, to_send

    try:
        drafts, sent = run_in_transaction(slug, fn)
    except (FormRejected, TooLong) as error:
        rejection = error if isinstance(error, FormRejected) else FormRejected(**{error.field: format_error(error)})
        return rerender(
            slug,
            422,
            lambda desk: _render_form(desk, require_question(desk, public_id), form_data, selected_ids, rejection),
        )
    if len(drafts) == 1 and not sent:
        href = url_for("editor.assignment", slug=slug, public_id=public_id, assignment_id=drafts[0].public_id)
        return redirect(href, code=303)
    announce(_format_sending_summary(drafts, sent))
    if not sent:
        return redirect(url_for("editor.invitations", slug=slug, public_id=public_id), code=303)
    return redirect_to_question(slug, public_id, "who")


def _get_selected_ids(form: MultiDict[str, str]) -> list[str]:
    """Return the selected experts in the order of the numbers typed beside them, then those without a number."""
    expert_ids = form.getlist("expert")
    numbers = {expert_id: parse_number(form.get(f"place-{expert_id}", "")) for expert_id in expert_ids}
    numbered = [expert_id for expert_id in expert_ids if numbers[expert_id] > 0]
    unnumbered = [expert_id for expert_id in expert_ids if numbers[expert_id] <= 0]
    return [*sorted(numbered, key=numbers.__getitem__), *unnumbered]


def _format_sending_summary(drafts: Sequence[Assignment], sent_assignments: Sequence[Assignment]) -> str:
    """Return a message that names the experts who have been asked, and those whose invitation is only prepared."""
    sent_names = ", ".join(draft.expert.name for draft in drafts if draft in sent_assignments)
    other_names = ", ".join(draft.expert.name for draft in drafts if draft not in sent_assignments)
    if not sent_assignments:
        return _("Prepared, and nothing sent: %(names)s.", names=other_names)
    sentence = _("On their way: %(names)s.", names=sent_names)
    if not other_names:
        return sentence
    return f"{sentence} {_('Next on the ladder: %(names)s.', names=other_names)}"


def _create_drafts(
    desk: RequestContext, question: Question, form_data: Mapping[str, str], expert_ids: Sequence[str]
) -> list[Assignment]:
    """Create an assignment for each expert, and put the assignments on the ladder if the form says so.

    Raises `FormRejected` if a field has a fault, and the other errors of the verbs, such as `TooLong`.
    """
    experts = _load_selected_experts(desk, form_data, expert_ids)
    word_count_text = form_data["words"]
    is_word_count = word_count_text.isdigit() and MIN_WORDS <= int(word_count_text) <= MAX_WORDS
    if word_count_text and not is_word_count:
        raise FormRejected(words=_("Give a number of words from 20 to 2,000"))
    try:
        step_at = parse_future_time(desk, "step_at")
    except MissingPrecondition:
        raise FormRejected(step_at=_("Give a time that is still to come")) from None
    edition = _get_selected_edition(desk, question)
    brief = Brief(form_data["brief"], int(word_count_text) if word_count_text else None)
    if len(experts) == 1:  # the form has one field each for credit line and relation
        brief = replace(brief, credit_line=form_data["credit_line"] or None, relation=form_data["relation"] or None)
    drafts = [_assign(desk, question, expert, edition.id if edition else None, brief) for expert in experts]
    _put_on_ladder(desk, question, drafts, form_data, step_at)
    return drafts


def _get_selected_edition(desk: RequestContext, question: Question) -> Edition | None:
    """Return the selected edition, or None for any later one. Raises `FormRejected` if it takes no more answers."""
    open_editions = list_editions_taking_answers(desk.session, desk.newsletter, OFFERED_EDITIONS)
    public_id = request.form.get("edition", _get_default_edition(desk, question, open_editions))
    edition = or_404(editions.load(desk.session, desk.actor, public_id)) if public_id else None
    if edition and edition not in open_editions:
        raise FormRejected(edition=_("That edition takes no more answers. Choose a later one"))
    return edition


def _load_selected_experts(
    desk: RequestContext, form_data: Mapping[str, str], expert_ids: Sequence[str]
) -> list[Expert]:
    """Return the selected experts, and the one whose name was typed, who is added to the directory.

    Raises `FormRejected` if nobody was selected or named, or if the typed e-mail address is none.
    """
    selected = [
        or_404(directory.load_expert(desk.session, desk.actor, expert_id)) for expert_id in dict.fromkeys(expert_ids)
    ]
    if not form_data["name"] and selected:
        return selected
    try:
        new_expert = directory.record_expert(
            desk.session, desk.actor, form_data["name"], form_data["email"] or None, desk.newsletter.language
        )
    except directory.BadAddress:
        raise FormRejected(email=_("This isn’t a valid e-mail address")) from None
    except directory.ExpertRemoved as error:
        raise FormRejected(email=format_error(error)) from None
    except MissingPrecondition:
        raise FormRejected(name=_("Tick somebody, or write a name")) from None
    return [*(expert for expert in selected if expert.id != new_expert.id), new_expert]


def _assign(
    desk: RequestContext, question: Question, expert: Expert, edition_id: int | None, brief: Brief
) -> Assignment:
    try:
        return assigning.assign(desk.session, desk.actor, question, expert, brief, edition_id)
    except LeakDetected as error:
        raise FormRejected(error.passages, brief=_("It has readers’ own words or names")) from error
    except InvalidTransition as error:
        if error.state != "assigned":
            raise
        raise FormRejected(expert=_("%(name)s has this question already", name=expert.name)) from error


def _put_on_ladder(
    desk: RequestContext,
    question: Question,
    drafts: Sequence[Assignment],
    form_data: Mapping[str, str],
    step_at: datetime | None,
) -> None:
    """Put the drafts on the ladder, if the form says so.

    With `one_by_one`, each draft waits for the one before it, and the first for the assignment `after`, if given.
    Without, all of them wait for `after`. `step_at` is when the expert of `after` loses their turn by silence.
    """
    start = None
    if form_data["after"]:
        start = or_404(load_assignment(desk.session, question, form_data["after"]))
    predecessor = start
    for draft in drafts:
        if predecessor is not None:
            ladder.put_after(desk.session, desk.actor, draft, predecessor, step_at if predecessor is start else None)
        if form_data["one_by_one"]:
            predecessor = draft


@editor.app_template_global("best_experts")
def best_experts(detail: QuestionDetail, comparison: Comparison | None) -> list[ExpertFit]:
    """Return the few experts who fit best, except those who have had the question before."""
    assignments = [part.assignment for part in detail.parts]
    fits = rank_experts(detail.desk.session, detail.question, comparison=comparison, assignments=assignments)
    return [fit for fit in fits if fit.earlier_assignment is None][:MAX_BEST_FITS]


@dataclass(frozen=True)
class FitReason:
    """A reason for or against an expert: `mark` is "good", "wait" (know this first), "late" (against) or "none"."""

    mark: str
    text: str
    href: str = ""
    title: str = ""


@editor.app_template_filter("fit_reasons_of")
def list_fit_reasons(candidate: ExpertFit, slug: str) -> list[FitReason]:
    """Return the reasons for and against an expert.

    An earlier assignment for the question comes first, then the facts of the ranking in the order of `RANK_FACTS`, then
    facts that the ranking ignores.
    """
    order = list(RANK_FACTS)
    facts = sorted((fact for fact in candidate.facts if fact.code in order), key=lambda fact: order.index(fact.code))
    return [
        *_prior_outcome(candidate),
        *(RANK_FACTS[fact.code](candidate, fact.values, slug) for fact in facts),
        *_unranked_facts(candidate),
    ]


def _prior_outcome(candidate: ExpertFit) -> Iterator[FitReason]:
    """Yield a reason if the expert has had this question before: they declined it, or it was taken back."""
    assignment = candidate.earlier_assignment
    if assignment is None:
        return
    if not assignment.is_declined:
        yield FitReason("late", _("This question was taken back from them"))
        return
    reason = str(DECLINE_LABELS.get(assignment.decline_reason or "", "")).lower()
    text = _("Said no to this question: %(reason)s", reason=reason)
    if assignment.later_on:
        text += _(", free again from %(day)s", day=day(assignment.later_on, "short"))
    yield FitReason("late", text)


def _describe_past_answer(candidate: ExpertFit, values: tuple[Any, ...], slug: str) -> FitReason:
    question_id, *shared_words = values
    question = candidate.past_questions[question_id]
    href = url_for("editor.question", slug=slug, public_id=question.public_id)
    text = _("Has answered:")
    if shared_words:
        text = _("Has answered, with the same words (%(words)s):", words=", ".join(shared_words[:MAX_SHOWN_VALUES]))
    return FitReason("good", text, href, question.short_title)


def _describe_load(candidate: ExpertFit, values: tuple[Any, ...], _slug: str) -> FitReason:
    count = values[0]
    limit = candidate.expert.at_once
    if limit is None:
        return FitReason("wait", ngettext("Has %(num)s question now", "Has %(num)s questions now", count))
    text = ngettext(
        "Has %(num)s question now, and takes %(most)d at once",
        "Has %(num)s questions now, and takes %(most)d at once",
        count,
        most=limit,
    )
    return FitReason("late" if candidate.expert.is_full else "wait", text)


def _describe_last_invitation(_fit: ExpertFit, values: tuple[Any, ...], _slug: str) -> FitReason:
    days = values[0]
    if not days:
        return FitReason("wait", _("Asked today"))
    return FitReason("wait", ngettext("Asked %(num)s day ago", "Asked %(num)s days ago", days))


@editor.app_template_filter("replies")
def replies(history: History) -> str:
    """Return how often and how fast an expert has replied to invitations, or "" if they have had none."""
    if not history.asked:
        return ""
    reply_rate = ngettext(
        "Replied to %(replied)d of %(num)s invitation",
        "Replied to %(replied)d of %(num)s invitations",
        history.asked,
        replied=history.replied,
    )
    median_days = history.median_days
    if median_days is None:
        return reply_rate
    return reply_rate + ngettext(
        ", with a text usually within %(num)s day", ", with a text usually within %(num)s days", median_days
    )


# By the code of a fact of the ranking: the function that turns its values into a reason.
RANK_FACTS: dict[str, Callable[[ExpertFit, tuple[Any, ...], str], FitReason]] = {
    "past": _describe_past_answer,
    "topic": lambda _fit, values, _slug: FitReason(
        "good", _("Names the topic: %(topics)s", topics=", ".join(values[:MAX_SHOWN_VALUES]))
    ),
    "language": lambda _fit, values, _slug: FitReason(
        "good", _("Writes %(language)s", language=format_language(values[0]) or values[0])
    ),
    "replies": lambda fit, _values, _slug: FitReason("good", replies(fit.history)),
    "silent": lambda fit, _values, _slug: FitReason("wait", replies(fit.history)),
    "away": lambda _fit, values, _slug: FitReason("late", _("Away until %(day)s", day=day(values[0], "short"))),
    "load": _describe_load,
    "recent": _describe_last_invitation,
    "new": lambda _fit, _values, _slug: FitReason("none", _("Has answered nothing here yet")),
}


def _unranked_facts(candidate: ExpertFit) -> Iterator[FitReason]:
    """Yield facts that the ranking ignores but editors want to know."""
    codes = {fact.code for fact in candidate.facts}
    if candidate.history.asked and not codes & {"replies", "silent"}:
        yield FitReason("none", replies(candidate.history))
    if candidate.expert.languages and candidate.language != "und" and "language" not in codes:
        yield FitReason(
            "wait",
            _("Not known to write %(language)s", language=format_language(candidate.language) or candidate.language),
        )
    if candidate.expert.ties:
        yield FitReason("wait", _("Own interest: %(ties)s", ties=candidate.expert.ties[:MAX_TIES_LENGTH]))
    if not candidate.expert.verified_at:
        yield FitReason("wait", _("Nobody has checked yet who this is"))
    if not candidate.expert.has_address:
        yield FitReason("wait", _("No address: you ask them yourself"))
