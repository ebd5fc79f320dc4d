"""Asking experts: who fits a question and why, and the form that asks several at once or one after another."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
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
from ...editions.slots import Picks
from ...people import directory
from ...people.models import Expert
from ...questions.models import Question
from ...questions.source_protection import LeakDetected
from ...search.alike import Comparison
from ...web.error_sentences import format_error
from ...web.formatting import day, tongue
from ...web.setup import or_404
from ...workflows import invitations
from ..form_fields import parse_number
from ..frame import RequestContext, announce, editor, page, read_context, rerender, run_in_transaction
from ..question_labels import DECLINE_LABELS
from ..questions.question_detail import NEXT, QuestionDetail
from ..questions.question_page import the_question, to_question
from .invitation_page import Unfit, coming_time

BRIEF = ("name", "email", "brief", "words", "credit_line", "relation", "edition", "after", "step_at", "one_by_one")
SHOWN = 12  # experts on the page; more are found by name
OFFERED = 6  # editions to choose from
BEST = 3  # experts on the question's own page, and unfolded here


@editor.sheet("/<slug>/questions/<public_id>/ask", "prepare")
def ask(slug: str, public_id: str) -> str:
    """Show the form; `expert` in the address preselects experts."""
    with read_context(slug) as desk:
        question = the_question(desk, public_id)
        open_editions = _open_editions(desk)
        defaults = {
            "words": desk.newsletter.sections[question.section].words,
            "edition": _first_with_room(desk, question, open_editions),
        }
        return _form(desk, question, defaults, request.args.getlist("expert"), open_editions=open_editions)


def _open_editions(desk: RequestContext) -> Picks:
    """Return the editions for which experts can be asked."""
    return slots.list_editions_taking_answers_with_picks(desk.session, desk.newsletter.id, OFFERED)


def _first_with_room(desk: RequestContext, question: Question, open_editions: Picks) -> str:
    """Return the public id of the next edition that has an open slot in the question's section, or ""."""
    next_editions = dict(islice(open_editions.items(), NEXT))
    edition = slots.find_edition_with_room(desk.newsletter, next_editions, question.section)
    return edition.public_id if edition else ""


def _form(
    desk: RequestContext,
    question: Question,
    form_data: Mapping[str, Any],
    expert_ids: Sequence[str],
    unfit: Unfit | None = None,
    open_editions: Picks | None = None,
) -> str:
    """Render the form with its submitted values. The selected experts come first, in the order of `expert_ids`.

    `open_editions` can be passed if they are loaded already.
    """
    query = request.form.get("find", "").strip()
    fits, assignments = _fits(desk, question, query)
    order = {expert_id: index for index, expert_id in enumerate(expert_ids)}
    chosen = sorted((fit for fit in fits if fit.expert.public_id in order), key=lambda fit: order[fit.expert.public_id])
    others = [fit for fit in fits if fit not in chosen][: max(SHOWN - len(chosen), 0)]
    if query:  # a search by name shows all experts found, whatever language they write in
        foreign, best, more = [], others, []
    else:
        foreign = [fit for fit in others if not _writes_language_of_question(fit)]
        native = [fit for fit in others if fit not in foreign]
        best, more = native[:BEST], native[BEST:]
    predecessors = [assignment for assignment in assignments if assignment.can_stand_before]
    if open_editions is None:
        open_editions = _open_editions(desk)
    edition_options = [(edition.public_id, day(edition.runs_at)) for edition in open_editions]
    return page(
        desk,
        "editor/answers/ask.html",
        "questions",
        question=question,
        best_fits=[*chosen, *best],
        more_fits=more,
        foreign_fits=foreign,
        has_more=len(fits) > SHOWN,
        query=query,
        editions=[*edition_options, ("", _("Any later one"))],
        predecessors=[(assignment.public_id, assignment.expert.name) for assignment in predecessors],
        form_data=form_data,
        selected_ids=expert_ids,
        ladder_positions={key: request.form.get(f"place-{key}", "") for key in expert_ids},
        faults=unfit.faults if unfit else {},
        passages=unfit.passages if unfit else (),
        limits=(MIN_WORDS, MAX_WORDS),
    )


def _fits(desk: RequestContext, question: Question, name_query: str) -> tuple[list[ExpertFit], list[Assignment]]:
    """Return experts who fit a question, best first, and the assignments that it has."""
    assignments = assigning.of_question(desk.session, question)
    return rank_experts(desk.session, question, name_query, assignments=assignments), assignments


def _writes_language_of_question(candidate: ExpertFit) -> bool:
    """Return whether an expert writes the language of the question, or whether one of the two is unknown."""
    question_language = _base_language(candidate.language)
    expert_languages = [_base_language(tag) for tag in candidate.expert.languages]
    return question_language == "und" or not expert_languages or question_language in expert_languages


def _base_language(tag: str) -> str:
    """Return the language of a tag without script and region, e.g. "pt" for "pt-BR"."""
    return tag.partition("-")[0]


@editor.press("/<slug>/questions/<public_id>/ask", "prepare")
def ask_draft(slug: str, public_id: str) -> Response | str | tuple[str, int]:
    """Prepare invitations. With "send", send those that don't wait on the ladder."""
    typed = {name: request.form.get(name, "").strip() for name in BRIEF}
    ticked = _in_order(request.form)
    only_expert = request.form.get("only")  # the button beside an expert prepares just this invitation
    act = "prepare" if only_expert else request.form.get("act", "prepare")
    if act == "find":
        with read_context(slug) as desk:
            return _form(desk, the_question(desk, public_id), typed, ticked)

    def fn(desk: RequestContext) -> tuple[list[Assignment], list[Assignment]]:
        expert_ids = [only_expert] if only_expert else ticked
        drafts = _drafts(desk, the_question(desk, public_id), typed, expert_ids)
        to_send = [draft for draft in drafts if draft.after_id is None] if act == "send" else []
        invitations.invite_all(desk.session, desk.actor, to_send)
        return drafts, to_send

    try:
        drafts, sent = run_in_transaction(slug, fn)
    except (Unfit, TooLong) as error:
        unfit = error if isinstance(error, Unfit) else Unfit(**{error.field: format_error(error)})
        return rerender(slug, 422, lambda desk: _form(desk, the_question(desk, public_id), typed, ticked, unfit))
    if len(drafts) == 1 and not sent:
        href = url_for("editor.assignment", slug=slug, public_id=public_id, assignment_id=drafts[0].public_id)
        return redirect(href, code=303)
    announce(_format_sending_summary(drafts, sent))
    if not sent:
        return redirect(url_for("editor.invitations", slug=slug, public_id=public_id), code=303)
    return to_question(slug, public_id, "who")


def _in_order(form: MultiDict[str, str]) -> list[str]:
    """Return the selected experts in the order of the numbers typed beside them, then those without a number."""
    expert_ids = form.getlist("expert")
    numbers = {expert_id: parse_number(form.get(f"place-{expert_id}", "")) for expert_id in expert_ids}
    numbered = [expert_id for expert_id in expert_ids if numbers[expert_id] > 0]
    unnumbered = [expert_id for expert_id in expert_ids if numbers[expert_id] <= 0]
    return [*sorted(numbered, key=numbers.__getitem__), *unnumbered]


def _format_sending_summary(drafts: Sequence[Assignment], sent_assignments: Sequence[Assignment]) -> str:
    """Return who has been asked, and whose invitation is only prepared."""
    sent_names = ", ".join(draft.expert.name for draft in drafts if draft in sent_assignments)
    other_names = ", ".join(draft.expert.name for draft in drafts if draft not in sent_assignments)
    if not sent_assignments:
        return _("Prepared, and nothing sent: %(names)s.", names=other_names)
    sentence = _("On their way: %(names)s.", names=sent_names)
    if not other_names:
        return sentence
    return f"{sentence} {_('Next on the ladder: %(names)s.', names=other_names)}"


def _drafts(
    desk: RequestContext, question: Question, form_data: Mapping[str, str], expert_ids: Sequence[str]
) -> list[Assignment]:
    """Create an assignment for each expert and put them on the ladder if the form says so.

    Raises `Unfit`, and the errors of the verbs.
    """
    experts = _experts(desk, form_data, expert_ids)
    words = form_data["words"]
    is_word_count = words.isdigit() and MIN_WORDS <= int(words) <= MAX_WORDS
    if words and not is_word_count:
        raise Unfit(words=_("Give a number of words from 20 to 2,000"))
    try:
        step_at = coming_time(desk, "step_at")
    except MissingPrecondition:
        raise Unfit(step_at=_("Give a time that is still to come")) from None
    edition = _chosen_edition(desk, question)
    brief = Brief(form_data["brief"], int(words) if words else None)
    if len(experts) == 1:  # the form has one field each for credit line and relation
        brief = replace(brief, credit_line=form_data["credit_line"] or None, relation=form_data["relation"] or None)
    drafts = [_assign(desk, question, expert, edition.id if edition else None, brief) for expert in experts]
    _set_up(desk, question, drafts, form_data, step_at)
    return drafts


def _chosen_edition(desk: RequestContext, question: Question) -> Edition | None:
    """Return the selected edition, or None for any later one. Raises `Unfit` if it takes no more answers."""
    open_editions = _open_editions(desk)
    public_id = request.form.get("edition", _first_with_room(desk, question, open_editions))
    edition = or_404(editions.load(desk.session, desk.actor, public_id)) if public_id else None
    if edition and not editions.takes_answers(desk.session, edition):
        raise Unfit(edition=_("That edition takes no more answers. Choose a later one"))
    return edition


def _experts(desk: RequestContext, form_data: Mapping[str, str], expert_ids: Sequence[str]) -> list[Expert]:
    """Return the selected experts, and a new one if a name was typed. Raises `Unfit`."""
    chosen = [
        or_404(directory.load_expert(desk.session, desk.actor, expert_id)) for expert_id in dict.fromkeys(expert_ids)
    ]
    if not form_data["name"] and chosen:
        return chosen
    try:
        new = directory.record_expert(
            desk.session, desk.actor, form_data["name"], form_data["email"] or None, desk.newsletter.language
        )
    except directory.BadAddress:
        raise Unfit(email=_("This is no address that one can write to")) from None
    except MissingPrecondition:
        raise Unfit(name=_("Tick somebody, or write a name")) from None
    return [*(expert for expert in chosen if expert.id != new.id), new]


def _assign(
    desk: RequestContext, question: Question, expert: Expert, edition_id: int | None, brief: Brief
) -> Assignment:
    try:
        return assigning.assign(desk.session, desk.actor, question, expert, brief, edition_id)
    except LeakDetected as error:
        raise Unfit(error.passages, brief=_("Readers’ own words or names stand in it")) from error
    except InvalidTransition as error:
        if error.state != "assigned":
            raise
        raise Unfit(expert=_("%(name)s has this question already", name=expert.name)) from error


def _set_up(
    desk: RequestContext,
    question: Question,
    drafts: Sequence[Assignment],
    form_data: Mapping[str, str],
    step_at: datetime | None,
) -> None:
    """Put the drafts on the ladder: all after the assignment `after` if given, with `one_by_one` one after another."""
    first = None
    if form_data["after"]:
        first = or_404(load_assignment(desk.session, question, form_data["after"]))
    before = first
    for draft in drafts:
        if before is not None:
            ladder.put_after(desk.session, desk.actor, draft, before, step_at if before is first else None)
        if form_data["one_by_one"]:
            before = draft


@editor.app_template_global("best_experts")
def best_experts(detail: QuestionDetail, comparison: Comparison | None) -> list[ExpertFit]:
    """Return the few experts who fit best, for the question's page."""
    assignments = [part.place.assignment for part in detail.parts]
    fits = rank_experts(detail.desk.session, detail.question, comparison=comparison, assignments=assignments)
    return [fit for fit in fits if fit.here is None][:BEST]


@dataclass(frozen=True)
class Why:
    """A reason for or against an expert: `mark` is "good", "wait" (know this first), "late" (against) or "none"."""

    mark: str
    text: str
    href: str = ""
    title: str = ""


@editor.app_template_filter("whys")
def whys(candidate: ExpertFit, slug: str) -> list[Why]:
    """Return the reasons for and against an expert, in the order of `RANK_FACTS`."""
    order = list(RANK_FACTS)
    facts = sorted((fact for fact in candidate.facts if fact.code in order), key=lambda fact: order.index(fact.code))
    return [
        *_prior_outcome(candidate),
        *(RANK_FACTS[fact.code](candidate, fact.values, slug) for fact in facts),
        *_unranked_facts(candidate),
    ]


def _prior_outcome(candidate: ExpertFit) -> Iterator[Why]:
    """Yield the reason why an expert does not have this question any more."""
    assignment = candidate.here
    if assignment is None:
        return
    if not assignment.is_declined:
        yield Why("late", _("This question was taken back from them"))
        return
    reason = str(DECLINE_LABELS.get(assignment.decline_reason or "", "")).lower()
    text = _("Said no to this question: %(reason)s", reason=reason)
    if assignment.later_on:
        text += _(", free again from %(day)s", day=day(assignment.later_on, "short"))
    yield Why("late", text)


def _past_answer(candidate: ExpertFit, values: tuple[Any, ...], slug: str) -> Why:
    question_id, *shared_words = values
    question = candidate.past[question_id]
    href = url_for("editor.question", slug=slug, public_id=question.public_id)
    text = _("Has answered:")
    if shared_words:
        text = _("Has answered, with the same words (%(words)s):", words=", ".join(shared_words[:4]))
    return Why("good", text, href, question.short_title)


def _load(candidate: ExpertFit, values: tuple[Any, ...], _slug: str) -> Why:
    count = values[0]
    limit = candidate.expert.at_once
    if limit is None:
        return Why("wait", ngettext("Has %(num)s question now", "Has %(num)s questions now", count))
    text = ngettext(
        "Has %(num)s question now, and takes %(most)d at once",
        "Has %(num)s questions now, and takes %(most)d at once",
        count,
        most=limit,
    )
    return Why("late" if candidate.expert.is_full else "wait", text)


def _recent(_fit: ExpertFit, values: tuple[Any, ...], _slug: str) -> Why:
    days = values[0]
    if not days:
        return Why("wait", _("Asked today"))
    return Why("wait", ngettext("Asked %(num)s day ago", "Asked %(num)s days ago", days))


@editor.app_template_filter("replies")
def replies(history: History) -> str:
    """Return how somebody has replied to invitations so far, or "" if they have had none."""
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
RANK_FACTS: dict[str, Callable[[ExpertFit, tuple[Any, ...], str], Why]] = {
    "past": _past_answer,
    "topic": lambda _fit, values, _slug: Why("good", _("Names the topic: %(topics)s", topics=", ".join(values[:4]))),
    "language": lambda _fit, values, _slug: Why(
        "good", _("Writes %(language)s", language=tongue(values[0]) or values[0])
    ),
    "replies": lambda fit, _values, _slug: Why("good", replies(fit.history)),
    "silent": lambda fit, _values, _slug: Why("wait", replies(fit.history)),
    "away": lambda _fit, values, _slug: Why("late", _("Away until %(day)s", day=day(values[0], "short"))),
    "load": _load,
    "recent": _recent,
    "new": lambda _fit, _values, _slug: Why("none", _("Has answered nothing here yet")),
}


def _unranked_facts(candidate: ExpertFit) -> Iterator[Why]:
    """Yield facts that the ranking ignores but editors want to know."""
    codes = {fact.code for fact in candidate.facts}
    if candidate.history.asked and not codes & {"replies", "silent"}:
        yield Why("none", replies(candidate.history))
    if candidate.expert.languages and candidate.language != "und" and "language" not in codes:
        yield Why(
            "wait", _("Not known to write %(language)s", language=tongue(candidate.language) or candidate.language)
        )
    if candidate.expert.ties:
        yield Why("wait", _("Own interest: %(ties)s", ties=candidate.expert.ties[:140]))
    if not candidate.expert.verified_at:
        yield Why("wait", _("Nobody has checked yet who this is"))
    if not candidate.expert.has_address:
        yield Why("wait", _("No address: you ask them yourself"))
