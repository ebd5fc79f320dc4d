"""The edition builder page: ready questions, slots, lock warnings, preview, draft and history."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from flask import request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from markupsafe import Markup

from ...audit import Event
from ...core.clock import utc_now
from ...core.domain_errors import DomainError, VersionConflict
from ...db.session import get_many
from ...editions import handoff, history, locking, slots
from ...editions.items import NameTrouble
from ...editions.lifecycle import EDITION
from ...editions.locking import LockWarning, Preview, list_lock_warnings
from ...editions.models import Edition, HandedDraft
from ...editions.ready_questions import (
    Choice,
    QuestionFilter,
    list_expert_choices,
    list_questions_with_deadline,
    list_ready_questions,
    list_topic_choices,
    load_ready_questions,
)
from ...letters.models import Letter
from ...mail.outbox import OnItsWay
from ...mail.reply_address import address_for
from ...newsletters.sending_tool import SendingTool, of_newsletter
from ...questions.models import Question
from ...sending_tools.known_tools import TOOLS
from ...sending_tools.tool_api import FAULTS as FAULT_PASSES
from ...typesetting import whole_mail
from ...typesetting.exports import EXPORTS
from ...web.error_sentences import format_error
from ...web.formatting import day, moment
from ...workflows.back_issues import received_editions
from ...workflows.publishing import publication, skip
from ..conflict import list_events_since_opened, version_token_of
from ..event_sentences import add_question_title, describe_events
from ..frame import RequestContext, page
from ..rejected_forms import RejectedForm
from ..settings.sending_tool_page import FAULTS as TOOL_FAULTS
from ..settings.sending_tool_page import KEY_UNREADABLE

WITHDRAWN_BY_READER = _l("A reader took their question back. It is out of this edition, and its words are erased.")


def describe_changes(
    desk: RequestContext, edition: Edition, events: Sequence[Event], viewer_name: str = ""
) -> list[str]:
    """Return a sentence for each event of an edition and its slots.

    `viewer_name` replaces the name of the person who looks at them.
    """
    questions = get_many(desk.session, Question, {event.question_id for event in events if event.question_id})
    event_sentences = describe_events(desk, events, page=edition, viewer_name=viewer_name)
    sentences = []
    for event, sentence in zip(events, event_sentences, strict=True):
        question = questions.get(event.question_id or 0)
        if (event.actor, event.action) == ("reader", "question.drop"):
            sentences.append(str(WITHDRAWN_BY_READER))
        elif event.question_id:
            title = question.short_title if question else ""
            sentences.append(add_question_title(title or _("a question"), sentence))
        else:
            sentences.append(sentence)
    return sentences


def build_history(desk: RequestContext, edition: Edition, events: Sequence[Event]) -> list[tuple[datetime, str, str]]:
    """Return the history of an edition: each event's time, that time as shown, and its sentence."""
    sentences = describe_changes(desk, edition, events)
    return [(event.at, _format_event_time(event), sentence) for event, sentence in zip(events, sentences, strict=True)]


def _format_event_time(event: Event) -> str:
    if event.actor == "reader":  # only the day is stored
        return day(event.at.date())
    return moment(event.at)


def _format_day(warning: LockWarning) -> str:
    return day(warning.day, "short") if warning.day else ""


# By kind of lock warning: its text.
WARNING_TEXTS: dict[str, Callable[[LockWarning], str]] = {
    "words": lambda _warning: _("its newest words are not cleared yet: could anybody recognise the asker?"),
    "answer": lambda _warning: _("it has no approved answer."),
    "objection": lambda warning: _("%(name)s says that something in the answer is wrong.", name=warning.expert),
    "mail": lambda warning: _("%(name)s has written by mail, and nobody has filed it.", name=warning.expert),
    "asked": lambda warning: _(
        "%(name)s is still asked. If it runs without their answer, they are told, and a text that is here is kept.",
        name=warning.expert,
    ),
    "twice": lambda warning: ngettext(
        "%(name)s answers %(num)s question in it.",
        "%(name)s answers %(num)s questions in it.",
        warning.number,
        name=warning.expert,
    ),
    "late": lambda warning: _("it was to run by %(day)s, before this edition.", day=_format_day(warning)),
    "long": lambda warning: ngettext("it is one word too long.", "it is %(num)s words too long.", warning.number),
    "frame": lambda warning: _(
        "the answer of %(name)s greets or signs like a mail: “%(line)s”.", name=warning.expert, line=warning.line
    ),
    "credit": lambda warning: _("nothing says in print who %(name)s is.", name=warning.expert),
    "left out": lambda warning: _(
        "it must run by %(day)s, and the edition after this one is too late.", day=_format_day(warning)
    ),
    "open": lambda warning: ngettext("One slot is open.", "%(num)s slots are open.", warning.number),
}
# By kind of lock warning: the page on which its cause can be fixed, and the label of the link to that page.
WARNING_LINKS = {
    "words": ("question", _l("Look at the wording")),
    "answer": ("question", _l("Look at the answers")),
    "objection": ("question", _l("Look at it")),
    "mail": ("letter", _l("Read it")),
    "asked": ("question", _l("Look at it")),
    "long": ("answer", _l("Cut it")),
    "credit": ("answer", _l("Say who it is")),
    "frame": ("answer", _l("Take it out")),
    "left out": ("question", _l("Look at it")),
}


def format_lock_warning(desk: RequestContext, warning: LockWarning) -> dict[str, Any]:
    """Return a lock warning as the page shows it."""
    target, label = WARNING_LINKS.get(warning.kind, ("", ""))
    question = warning.question
    slug = desk.newsletter.slug
    href = ""
    if target == "letter":
        href = url_for("editor.letter", slug=slug, public_id=warning.letter)
    elif target and question:
        # The id of a folded part of the question's page, which `open` unfolds.
        part_id = f"answer-{warning.answer}" if target == "answer" else None
        href = url_for("editor.question", slug=slug, public_id=question.public_id, open=part_id, _anchor=part_id)
    return {
        "kind": warning.kind,
        "stops": warning.stops,
        "about": question.title if question else "",
        "says": WARNING_TEXTS[warning.kind](warning),
        "href": href,
        "label": label,
    }


def describe_moved_questions(moves: Iterable[tuple[Question, Edition | None]]) -> list[str]:
    """Return a sentence for each question that left its date because that was skipped: when it runs now."""
    return [
        _("“%(what)s” runs on %(day)s.", what=question.short_title, day=day(edition.runs_at))
        if edition
        else _("“%(what)s” is ready to run another time.", what=question.short_title)
        for question, edition in moves
    ]


def format_refusal(error: DomainError) -> str:
    if isinstance(error, VersionConflict):
        return _("This edition was changed after you opened this page, so nothing was done. This is how it is now.")
    if isinstance(error, OnItsWay):
        return _("One of its mails is being handed over at this moment. Look again in a minute.")
    return format_error(error)


def get_preview_values(preview: Preview) -> dict[str, Any]:
    """Return the template values of a preview, in the export format that the parameter "form" selects.

    For a mail the content is empty: the page loads it into a frame.
    """
    exports = {name: export for name, export in EXPORTS.items() if export.preview}
    default_export = next(iter(exports.values()))
    export = exports.get(request.args.get("form", ""), default_export)
    blocks, title = preview.blocks, preview.subject.line
    content = ""
    if blocks and export.preview != "mail":
        content = export.write(blocks, title).decode()
    return {
        "form": export,
        "preview_forms": exports.values(),
        "exports": EXPORTS.values(),
        "has_content": bool(blocks),
        # The renderer escapes every text and lets no address through but http, https and mailto.
        "preview": Markup(content) if export.preview == "page" else content,  # noqa: S704
        "size": len(EXPORTS["mail"].write(blocks, title)) / 1_000,
        "size_limit": whole_mail.MAX_KILOBYTES,
        "subject_line": title,
    }


# By `HandedDraft.said`, the code of the last attempt's outcome: what was done, or the fault.
DRAFT_OUTCOMES = {
    "made": _l("The draft is in the sending tool."),
    "brought": _l("The draft there has been brought up to date."),
    "anew": _l("The draft had been deleted there, so a new one was made."),
    "unready": _l("No draft was made: something in the edition may not leave the house as it is. See above."),
    "no tool": _l("No draft was made: the tool was removed first."),
    "sealed": KEY_UNREADABLE,
    **TOOL_FAULTS,
}
GOOD_OUTCOMES = ("made", "brought", "anew")


class DraftStatus(NamedTuple):
    """The status of the draft in the sending tool."""

    mark: str  # the tone of the sentence
    sentence: str
    draft_url: str
    tool_label: str
    next_attempt_at: datetime | None = None
    is_outdated: bool = False  # the edition has changed since the draft was made


def get_draft_status(
    desk: RequestContext, edition: Edition, tool: SendingTool | None, row: HandedDraft | None, preview: Preview
) -> dict[str, Any]:
    """Return the template values about the sending tool and the edition's draft there."""
    return {"tool_name": tool.row.label if tool else "", "handoff": _format_draft_status(preview, row) if row else None}


def _format_draft_status(preview: Preview, row: HandedDraft) -> DraftStatus:
    label = TOOLS[row.tool].label
    if row.due_at and not row.said:
        return DraftStatus("wait", _("%(tool)s is being asked.", tool=label), row.link, label)
    outcome = str(DRAFT_OUTCOMES[row.said])
    is_outdated = bool(row.digest) and row.digest != handoff.digest_of(preview)
    if row.said in GOOD_OUTCOMES:
        mark = "good"
    elif row.due_at and FAULT_PASSES.get(row.said):  # the fault may pass, so the worker tries again
        mark = "wait"
    else:
        mark = "late"
    sentence = _("%(tool)s: %(what)s", tool=label, what=outcome)
    return DraftStatus(mark, sentence, row.link, label, next_attempt_at=row.due_at, is_outdated=is_outdated)


# The filters of the ready questions, with their options. The options of "topic" and "expert" depend on the newsletter.
FILTER_OPTIONS = {
    "age": (("7", _l("over a week")), ("28", _l("over four weeks")), ("84", _l("over twelve weeks"))),
    "length": (("fits", _l("fits its slot")), ("long", _l("too long"))),
    "by": (("this", _l("by this edition")), ("any", _l("by any day"))),
    "source": (("answered", _l("answered")), ("shelf", _l("on the shelf"))),
}
FILTERS = ("topic", "expert", *FILTER_OPTIONS)
# By filter: its label, and the label of the option that selects everything.
FILTER_LABELS = {
    "topic": (_l("Topic"), _l("any")),
    "expert": (_l("Expert"), _l("anybody")),
    "age": (_l("Approved"), _l("at any time")),
    "length": (_l("Length"), _l("any")),
    "by": (_l("Must run"), _l("or need not")),
    "source": (_l("Where it is"), _l("anywhere")),
}
MAX_WITHOUT_FILTERS = 4  # with no more ready questions than these, the filters are hidden until one is used


def get_preserved_params() -> dict[str, Any]:
    """Return the query parameters for filters and preview, which all links and forms of the page pass on."""
    return {name: request.args[name] for name in (*FILTERS, "form", "language") if request.args.get(name)}


def render_edition(
    desk: RequestContext,
    edition: Edition,
    trouble: str = "",
    rejected_form: RejectedForm = RejectedForm(),  # noqa: B008 - it is frozen
) -> str:
    """Render the edition's page from its current state. `trouble` says why an action was refused."""
    session = desk.session
    sections = slots.sections_of(session, edition)
    picked = [question for section in sections for question in section.picked]
    tool = of_newsletter(session, edition.newsletter_id)
    draft = handoff.get_handed_draft(session, edition)
    locked_items = locking.get_locked_items(session, edition)
    items, corrections = locked_items
    preview = locking.preview(session, edition, request.args.get("language", ""), picked, locked_items)
    # The draft has each Q&A in its own language, whatever the preview shows.
    draft_preview = locking.preview(session, edition) if preview.language else preview
    open_slots: Sequence[int] = []
    planning_values: dict[str, Any] = {"ready_items": [], "picked_items": []}
    past_events = []
    if edition.is_planned:
        open_slots = slots.open_slots(sections)
        planning_values = _get_planning_values(desk, edition, picked, open_slots)
    else:
        past_events = build_history(desk, edition, history.events_of(session, edition))
    changes_since = []
    if trouble:
        changes_since = describe_changes(desk, edition, list_events_since_opened(desk, edition), _("You"))
    return page(
        desk,
        "editor/editions/edition.html",
        "edition",
        edition=edition,
        acts=EDITION.list_allowed_actions(desk.actor, edition),
        trouble=trouble,
        rejected_form=rejected_form,
        changes_since=changes_since,
        version_token=version_token_of(edition),
        preserved_params=get_preserved_params(),
        name_problems=[_format_name_trouble(desk, name_trouble) for name_trouble in preview.troubles],
        open_slots=open_slots,
        edition_sections=sections,
        items=items,
        approvals=history.approvals(session, items),
        hash_fits=history.item_matches_hash,
        edition_hash_fits=not items or history.edition_matches_hash(session, edition, items),
        corrections=corrections,
        events=past_events,
        moved_notes=describe_moved_questions(skip.list_moved_questions(session, edition)) if edition.is_skipped else [],
        can_recall=edition.sent_at is not None and utc_now() < edition.sent_at + publication.GRACE,
        most_slots=slots.MAX_SLOTS,
        reply_to=reply_address(desk, edition),
        changes=received_editions.changes(session, edition) if edition.arrived_at else [],
        **get_preview_values(preview),
        **get_draft_status(desk, edition, tool, draft, draft_preview),
        language=preview.language,
        untranslated=preview.untranslated_headlines,
        **planning_values,
    )


def _get_planning_values(
    desk: RequestContext, edition: Edition, picked_questions: Sequence[Question], open_slots: Sequence[int]
) -> dict[str, Any]:
    """Return the template values for planned editions: ready questions, filters and lock warnings."""
    session, newsletter = desk.session, desk.newsletter
    topics = list_topic_choices(session, newsletter)
    experts = list_expert_choices(session, newsletter)
    ready_filter, ignored_filters = _parse_filters(topics, experts, edition)
    ready_questions = list_ready_questions(session, newsletter, ready_filter)
    # Picked and ready questions are loaded together, which needs fewer queries.
    all_items = load_ready_questions(session, newsletter, [*picked_questions, *ready_questions])
    picked_items = all_items[: len(picked_questions)]
    ready_items = all_items[len(picked_questions) :]
    later_editions = slots.load_later_picks(session, edition)
    next_date = next((later.rule_date for later in later_editions), None)
    questions_with_deadline = list_questions_with_deadline(session, newsletter.id)
    lock_warnings = list_lock_warnings(session, edition, picked_items, open_slots, questions_with_deadline, next_date)
    options = {name: list(choices) for name, choices in FILTER_OPTIONS.items()}
    options["topic"] = [(topic.address, topic.name) for topic in topics]
    options["expert"] = [(expert.address, expert.name) for expert in experts]
    form = request.args.get("form")
    return {
        "picked_items": picked_items,
        "next_free": [
            slots.find_edition_with_room(newsletter, later_editions, section)
            for section in range(len(newsletter.sections))
        ],
        "ready_items": ready_items,
        "ready_filter": ready_filter,
        "ignored_filters": ignored_filters,
        "options": options,
        "filters": FILTER_LABELS,
        "shows_filters": len(ready_items) > MAX_WITHOUT_FILTERS or not ready_filter.is_all,
        "all_url": url_for(
            "editor.edition", slug=newsletter.slug, public_id=edition.public_id, form=form, _anchor="ready"
        ),
        "lock_warnings": [format_lock_warning(desk, warning) for warning in lock_warnings],
        "can_lock": not any(warning.stops for warning in lock_warnings),
    }


def _parse_filters(
    topics: Sequence[Choice], experts: Sequence[Choice], edition: Edition
) -> tuple[QuestionFilter, list[str]]:
    """Return the filter that the address asks for, and the labels of the parameters whose value is unknown."""
    values_by_filter: dict[str, dict[str, Any]] = {
        "topic": {topic.address: topic.key for topic in topics},
        "expert": {expert.address: expert.key for expert in experts},
        **{name: {value: value for value, _label in choices} for name, choices in FILTER_OPTIONS.items()},
    }
    params = {name: request.args[name] for name in FILTERS if request.args.get(name)}
    valid: dict[str, Any] = {
        name: values_by_filter[name][value] for name, value in params.items() if value in values_by_filter[name]
    }
    question_filter = QuestionFilter(
        valid.get("topic"),
        valid.get("expert"),
        int(valid["age"]) if "age" in valid else None,
        valid.get("length", ""),
        valid.get("by", ""),
        valid.get("source", ""),
        edition.rule_date,
    )
    return question_filter, [str(FILTER_LABELS[name][0]) for name in params if name not in valid]


def reply_address(desk: RequestContext, edition: Edition) -> str:
    """Return the reply address of an edition, with a token; "" without an inbox, or if the edition is skipped."""
    inbox = desk.newsletter.inbox
    if not inbox or edition.is_skipped:
        return ""
    return address_for(inbox, received_editions.reply_token(desk.session, edition))


def _format_name_trouble(desk: RequestContext, trouble: NameTrouble) -> dict[str, Any]:
    """Return the template values for a reader's name that may not be printed, with its letter and question."""
    return {
        "headline": trouble.headline,
        "fault": trouble.fault,
        "letter": desk.session.get_one(Letter, trouble.letter_id).public_id,
        "question": desk.session.get_one(Question, trouble.question_id).public_id,
    }
