"""Asking experts: who fits a question and why, and the form that asks several at once or one after another."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
        question, open_editions = the_question(desk, public_id), _open_editions(desk)
        room = _first_with_room(desk, question, open_editions)
        typed = {"words": desk.newsletter.sections[question.section].words, "edition": room}
        return _form(desk, question, typed, request.args.getlist("expert"), open_editions=open_editions)


def _open_editions(desk: RequestContext) -> Picks:
    """Return the editions for which experts can be asked."""
    return slots.list_editions_taking_answers_with_picks(desk.session, desk.newsletter.id, OFFERED)


def _first_with_room(desk: RequestContext, question: Question, open_editions: Picks) -> str:
    """Return the public id of the next edition that has an open slot in the question's section, or ""."""
    free = slots.find_edition_with_room(desk.newsletter, dict(islice(open_editions.items(), NEXT)), question.section)
    return free.public_id if free else ""


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
    sought = request.form.get("find", "").strip()
    fits, here = _fits(desk, question, sought)
    order = {key: place for place, key in enumerate(expert_ids)}
    chosen = sorted((fit for fit in fits if fit.expert.public_id in order), key=lambda fit: order[fit.expert.public_id])
    others = [fit for fit in fits if fit not in chosen][: max(SHOWN - len(chosen), 0)]
    # A search by name shows experts whatever they write in.
    foreign = [] if sought else [fit for fit in others if not _writes_it(fit)]
    near = [fit for fit in others if fit not in foreign]
    few = len(near) if sought else BEST
    before = [row for row in here if row.can_stand_before]
    open_editions = _open_editions(desk) if open_editions is None else open_editions
    return page(
        desk,
        "editor/answers/ask.html",
        "questions",
        question=question,
        best_fits=[*chosen, *near[:few]],
        more_fits=near[few:],
        foreign_fits=foreign,
        has_more=len(fits) > SHOWN,
        query=sought,
        editions=[*((one.public_id, day(one.runs_at)) for one in open_editions), ("", _("Any later one"))],
        predecessors=[(row.public_id, row.expert.name) for row in before],
        form_data=form_data,
        selected_ids=expert_ids,
        ladder_positions={key: request.form.get(f"place-{key}", "") for key in expert_ids},
        faults=unfit.faults if unfit else {},
        passages=unfit.passages if unfit else (),
        limits=(MIN_WORDS, MAX_WORDS),
    )


def _fits(desk: RequestContext, question: Question, sought: str) -> tuple[list[ExpertFit], list[Assignment]]:
    """Return experts who fit a question, best first, and the assignments that it has."""
    here = assigning.of_question(desk.session, question)
    return rank_experts(desk.session, question, sought, assignments=here), here


def _writes_it(candidate: ExpertFit) -> bool:
    """Return whether an expert writes the language of the question, or whether that is unknown."""
    wanted, *rest = (tag.partition("-")[0] for tag in (candidate.language, *candidate.expert.languages))
    return wanted in ("und", *rest) or not rest


@editor.press("/<slug>/questions/<public_id>/ask", "prepare")
def ask_draft(slug: str, public_id: str) -> Response | str | tuple[str, int]:
    """Prepare invitations. With "send", send those that don't wait on the ladder."""
    typed, ticked = {name: request.form.get(name, "").strip() for name in BRIEF}, _in_order(request.form)
    only, act = request.form.get("only"), request.form.get("act", "prepare")
    if act == "find" and not only:
        with read_context(slug) as desk:
            return _form(desk, the_question(desk, public_id), typed, ticked)

    def fn(desk: RequestContext) -> tuple[list[Assignment], list[Assignment]]:
        drafts = _drafts(desk, the_question(desk, public_id), typed, [only] if only else ticked)
        now_ = [one for one in drafts if one.after_id is None] if act == "send" and not only else []
        invitations.invite_all(desk.session, desk.actor, now_)
        return drafts, now_

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
    ticked = form.getlist("expert")
    places = {key: parse_number(form.get(f"place-{key}", "")) for key in ticked}
    return sorted(ticked, key=lambda key: places[key] if places[key] > 0 else len(ticked) + MAX_WORDS)


def _format_sending_summary(drafts: Sequence[Assignment], sent_assignments: Sequence[Assignment]) -> str:
    """Return who has been asked, and whose invitation is only prepared."""
    asked, others = (
        ", ".join(one.expert.name for one in drafts if (one in sent_assignments) is was) for was in (True, False)
    )
    if not sent_assignments:
        return _("Prepared, and nothing sent: %(names)s.", names=others)
    sentence = _("On their way: %(names)s.", names=asked)
    return f"{sentence} {_('Next on the ladder: %(names)s.', names=others)}" if others else sentence


def _drafts(
    desk: RequestContext, question: Question, form_data: Mapping[str, str], expert_ids: Sequence[str]
) -> list[Assignment]:
    """Create an assignment for each expert and put them on the ladder if the form says so.

    Raises `Unfit`, and the errors of the verbs.
    """
    experts, words = _experts(desk, form_data, expert_ids), form_data["words"]
    if words and not (words.isdigit() and MIN_WORDS <= int(words) <= MAX_WORDS):
        raise Unfit(words=_("Give a number of words from 20 to 2,000"))
    try:
        step_at = coming_time(desk, "step_at")
    except MissingPrecondition:
        raise Unfit(step_at=_("Give a time that is still to come")) from None
    edition = _chosen_edition(desk, question)
    printed = (form_data[name] or None if len(experts) == 1 else None for name in ("credit_line", "relation"))
    brief = Brief(form_data["brief"], int(words) if words else None, *printed)
    drafts = [_assign(desk, question, one, edition.id if edition else None, brief) for one in experts]
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
    chosen = [or_404(directory.load_expert(desk.session, desk.actor, key)) for key in dict.fromkeys(expert_ids)]
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
    return [*(one for one in chosen if one.id != new.id), new]


def _assign(
    desk: RequestContext, question: Question, expert: Expert, edition_id: int | None, brief: Brief
) -> Assignment:
    try:
        return assigning.assign(desk.session, desk.actor, question, expert, brief, edition_id)
    except LeakDetected as leaking:
        raise Unfit(leaking.passages, brief=_("Readers’ own words or names stand in it")) from leaking
    except InvalidTransition as illegal:
        if illegal.state != "assigned":
            raise
        raise Unfit(expert=_("%(name)s has this question already", name=expert.name)) from illegal


def _set_up(
    desk: RequestContext,
    question: Question,
    drafts: Sequence[Assignment],
    form_data: Mapping[str, str],
    step_at: datetime | None,
) -> None:
    """Put the drafts on the ladder: all after the assignment `after` if given, with `one_by_one` one after another."""
    before = first = or_404(load_assignment(desk.session, question, form_data["after"])) if form_data["after"] else None
    for draft in drafts:
        if before is not None:
            ladder.put_after(desk.session, desk.actor, draft, before, step_at if before is first else None)
        if form_data["one_by_one"]:
            before = draft


@editor.app_template_global("best_experts")
def best_experts(detail: QuestionDetail, comparison: Comparison | None) -> list[ExpertFit]:
    """Return the few experts who fit best, for the question's page."""
    here = [part.place.assignment for part in detail.parts]
    return [
        fit
        for fit in rank_experts(detail.desk.session, detail.question, comparison=comparison, assignments=here)
        if fit.here is None
    ][:BEST]


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
    facts = sorted(
        (fact for fact in candidate.facts if fact.code in RANK_FACTS),
        key=lambda fact: list(RANK_FACTS).index(fact.code),
    )
    return [
        *_prior_outcome(candidate),
        *(RANK_FACTS[fact.code](candidate, fact.values, slug) for fact in facts),
        *_unranked_facts(candidate),
    ]


def _prior_outcome(candidate: ExpertFit) -> Iterator[Why]:
    """Yield the reason why an expert does not have this question any more."""
    if candidate.here is None:
        return
    if candidate.here.is_declined:
        said = str(DECLINE_LABELS.get(candidate.here.decline_reason or "", "")).lower()
        later = candidate.here.later_on
        words = _("Said no to this question: %(reason)s", reason=said)
        yield Why("late", words + (_(", free again from %(day)s", day=day(later, "short")) if later else ""))
    else:
        yield Why("late", _("This question was taken back from them"))


def _past_answer(candidate: ExpertFit, values: tuple[Any, ...], slug: str) -> Why:
    key, *words = values
    question = candidate.past[key]
    href = url_for("editor.question", slug=slug, public_id=question.public_id)
    said = _("Has answered:")
    if words:
        said = _("Has answered, with the same words (%(words)s):", words=", ".join(words[:4]))
    return Why("good", said, href, question.short_title)


def _load(candidate: ExpertFit, values: tuple[Any, ...], _slug: str) -> Why:
    have = values[0]
    most = candidate.expert.at_once
    if most is None:
        return Why("wait", ngettext("Has %(num)s question now", "Has %(num)s questions now", have))
    words = ngettext(
        "Has %(num)s question now, and takes %(most)d at once",
        "Has %(num)s questions now, and takes %(most)d at once",
        have,
        most=most,
    )
    return Why("late" if candidate.expert.is_full else "wait", words)


def _recent(_fit: ExpertFit, values: tuple[Any, ...], _slug: str) -> Why:
    days = values[0]
    return Why("wait", ngettext("Asked %(num)s day ago", "Asked %(num)s days ago", days) if days else _("Asked today"))


@editor.app_template_filter("replies")
def replies(history: History) -> str:
    """Return how somebody has replied to invitations so far, or "" if they have had none."""
    if not history.asked:
        return ""
    said = ngettext(
        "Replied to %(replied)d of %(num)s invitation",
        "Replied to %(replied)d of %(num)s invitations",
        history.asked,
        replied=history.replied,
    )
    days = history.median_days
    if days is None:
        return said
    return said + ngettext(
        ", with a text usually within %(num)s day", ", with a text usually within %(num)s days", days
    )


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
