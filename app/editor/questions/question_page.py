"""The page of a question: status, wording, letters, experts, answers with the checklist, and timeline."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from itertools import pairwise
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response

from ...answers.models import AnswerText, Check
from ...core.domain_errors import InvalidTransition, MissingPrecondition, TooLong, VersionConflict
from ...db.session import now
from ...editions import introductions
from ...forms.version_tokens import encode_token
from ...questions import queries
from ...questions.lifecycle import STATES
from ...questions.models import Question
from ...questions.recognise import IdentifyingSpan, find_headline_marks, find_marks
from ...questions.source_protection import (
    find_leaks,
    find_private_details,
    find_verbatim_spans,
    list_asker_letters,
    list_reader_texts,
    never_leaves,
)
from ...text.clean import single_line
from ...web.formatting import ago, moment
from ...workflows.retention.erase_published import RESTORE_PERIOD
from ...workflows.version_facts import WORDING, facts_of_question, newest_change
from ..conflict import FieldSave, abort_with_conflict, list_version_saves, note_overwritten_fields
from ..form_fields import format_local_time
from ..frame import Permissions, RequestContext, announce, editor, page, read_context, require_row, run_in_transaction
from ..letter_labels import CHANNELS, END_REASONS
from ..mail_labels import list_stoppable_lines
from ..question_labels import DECLINE_LABELS, STATE_BUTTONS
from ..rejected_forms import RejectedForm, build_rejected_form
from .next_step import get_next_step, list_chapters
from .question_detail import ExpertPart, QuestionDetail, load_question_detail
from .question_list import AssignmentStatus
from .question_look_alikes import compare_question, list_look_alikes
from .timeline import FILTERS as TIMELINE_FILTERS
from .timeline import build_timeline
from .translation_list import list_language_rows

CHECKLIST = {
    "facts": _l("Facts: names, numbers and dates are right"),
    "sources": _l("Sources: what is claimed can be traced"),
    "ties": _l("Ties: the expert’s stake is disclosed, or there is none"),
    "consent": _l("Consent: nobody is named who didn’t agree"),
    "recognisability": _l("Nobody who asked can be recognised"),
    "legal": _l("Nothing in it breaks the law"),
}
# By the code of an error about the checklist: sentences that say more than the usual ones of `error_sentences`.
APPROVAL_FAULTS = {
    "precondition.text_not_checked": _l(
        "The expert hasn’t passed this text. Send it for the check, or write down why it runs without."
    ),
    "too_long.reason": _l("The reason is too long: the limit is 400 characters."),
}
OUTCOME_LABELS = {
    "fine": _l("It is right, said %(ago)s ago"),
    "approved": _l("Approved, %(ago)s ago"),
    "silent": _l("Silence past the date, so it runs"),
    "wrong": _l("Something is wrong, said %(ago)s ago"),
    "recalled": _l("Taken back by the desk, %(ago)s ago"),
}

# By channel of a text that the desk entered in its expert's name.
TAKEN_DOWN = _l("%(name)s, taken down by the desk")
ENTERED_BY_DESK = {"mail": _l("%(name)s, by mail"), "pen": _l("%(name)s, by mail, sender not proven")}
# By kind of mark that `questions/recognise.py` finds in a text: its label.
MARK_LABELS = {"name": _l("A name"), "place": _l("A place"), "date": _l("A date"), "number": _l("A number")}
MARK_LABELS |= {"link": _l("A link"), "email": _l("An address"), "handle": _l("An account’s name")}
MARK_LABELS |= {"relation": _l("Somebody close")}


@dataclass(frozen=True)
class DeadlineBar:
    """A deadline drawn as a line."""

    heading: str
    text: str  # the time of the deadline, or when the text came
    elapsed: float = 0  # the share of the line that has passed
    deadline: float = 1  # the share of the line at which the deadline is
    is_over: bool = False  # the text is here, so the clock has stopped


@editor.app_template_global()
def version_words(text: AnswerText, name: str) -> str:
    """Return whose version a text is, and when it was written."""
    who = _("the desk") if text.kind == "edited" else name
    if text.kind == "submitted" and text.by.startswith("staff"):
        who = ENTERED_BY_DESK.get(text.channel, TAKEN_DOWN) % {"name": name}
    return _("Version %(number)d, %(who)s, %(moment)s", number=text.number, who=who, moment=moment(text.written_at))


@editor.app_template_global()
def length_words(word_count: int, target: int, slot_length: int) -> str:
    """Return the length of a text, compared with the number of words asked for and with that of a usual slot."""
    length = ngettext("%(num)d word", "%(num)d words", word_count)
    if target == slot_length:
        return _("%(said)s for a slot of %(wanted)d.", said=length, wanted=target)
    return _(
        "%(said)s; %(wanted)d were asked for, a usual slot has %(usual)d.",
        said=length,
        wanted=target,
        usual=slot_length,
    )


@editor.app_template_global()
def check_words(status: AssignmentStatus, text_id: int | None) -> str:
    """Return the state of the newest check, and whether the text has changed since; "" if there was no check."""
    check = status.check
    if check is None:
        return ""
    outcome = outcome_words(check)
    if check.outcome is None or check.text_id == text_id:
        return outcome
    return _("%(said)s; the text has changed since", said=outcome)


@editor.app_template_global()
def outcome_words(check: Check) -> str:
    """Return the outcome of a check, or the time until which it is open."""
    if check.outcome is None:
        return _("Open until %(moment)s", moment=moment(check.due_at))
    return str(OUTCOME_LABELS[check.outcome]) % {"ago": ago(check.ended_at or check.asked_at)}


def build_deadline_bars(status: AssignmentStatus, current_time: datetime) -> list[DeadlineBar]:
    """Return the running deadlines of an assignment as lines, or the last one if the text is here. A draft has none."""
    assignment = status.assignment
    if assignment.invited_at is None or assignment.reply_by is None or assignment.due_at is None:
        return []
    heading = _("To send the text")
    if assignment.is_invited:
        reply_bar = _build_deadline_bar(_("To say yes or no"), assignment.invited_at, assignment.reply_by, current_time)
        return [
            reply_bar,
            DeadlineBar(heading, _("Starts with the yes; due %(moment)s", moment=moment(assignment.due_at))),
        ]
    if assignment.received_at and assignment.has_text:
        ended_text = _("Sent %(sent)s, due %(due)s", sent=moment(assignment.received_at), due=moment(assignment.due_at))
        return [
            _build_deadline_bar(heading, assignment.invited_at, assignment.due_at, assignment.received_at, ended_text)
        ]
    return [_build_deadline_bar(heading, assignment.invited_at, assignment.due_at, current_time)]


def _build_deadline_bar(
    heading: str, start: datetime, deadline: datetime, end: datetime, ended_text: str = ""
) -> DeadlineBar:
    span = (deadline - start).total_seconds()
    passed = (end - start).total_seconds()
    length = max(span, passed, 1)
    if ended_text:
        text = ended_text
    elif passed > span:
        text = _("Ended %(moment)s", moment=moment(deadline))
    else:
        text = _("Until %(moment)s", moment=moment(deadline))
    return DeadlineBar(heading, text, max(passed, 0) / length, max(span, 0) / length, is_over=bool(ended_text))


MAX_LISTED = 12  # names, dates and numbers shown beside the checklist
MAX_MERGE_TARGETS, MAX_TARGET_TITLE_LENGTH = 50, 90  # options of the form that merges, and characters of each title
LISTED_MARKS = ("name", "place", "date", "number")
_LINK = re.compile(  # e.g. https://example.org/page or www.example.org
    r"https?://\S+|\bwww\.\S+", re.IGNORECASE
)


def collect_evidence(desk: RequestContext, detail: QuestionDetail, contribution: ExpertPart) -> dict[str, str]:
    """Return a sentence for each line of the checklist."""
    text = contribution.texts[-1]
    return {
        "facts": _list_facts(text),
        "sources": _count_links(text),
        "ties": _("Said: %(ties)s", ties=text.ties)
        if text.ties
        else _("The expert hasn’t said whether they have ties."),
        "consent": _list_named_readers(detail),
        "recognisability": _format_leaks(desk, detail, text),
    }


def _list_facts(text: AnswerText) -> str:
    marked = (mark for mark in find_marks(text.body, text.language) if mark.kind in LISTED_MARKS)
    passages = list(dict.fromkeys(text.body[mark.start : mark.end] for mark in marked))
    if not passages:
        return _("No name, date or number is found in it.")
    listed = "; ".join(passages[:MAX_LISTED])
    if len(passages) <= MAX_LISTED:
        return listed
    return ngettext(
        "%(listed)s; and one more", "%(listed)s; and %(num)d more", len(passages) - MAX_LISTED, listed=listed
    )


def _count_links(text: AnswerText) -> str:
    link_count = len(_LINK.findall(text.body))
    if not link_count:
        return _("It has no link.")
    return ngettext("It has one link.", "It has %(num)d links.", link_count)


def _list_named_readers(detail: QuestionDetail) -> str:
    names = [
        original.name
        for original in detail.originals
        if original.name and original.credit and original.credit.consent_text
    ]
    if not names:
        return _("No reader wants to be named.")
    return _("Readers who agreed to be named: %(names)s", names="; ".join(names))


def _format_leaks(desk: RequestContext, detail: QuestionDetail, text: AnswerText) -> str:
    leaks = find_leaks(desk.session, detail.question, text.body, detail.letters)
    if leaks:
        quotes = "; ".join(f"“{leak.text}”" for leak in leaks)
        return _("It has readers’ words or names: %(words)s", words=quotes)
    if not detail.question.is_cleared:
        return _("The newest wording of the question isn’t confirmed yet.")
    return _("The wording is confirmed, and no reader’s words are found in the answer.")


@dataclass(frozen=True)
class Passage:
    """A passage of a text, with the reasons why it could identify somebody."""

    text: str
    kinds: list[str]  # the labels of the marks that cover it, e.g. "A place"
    is_own: bool  # a reader wrote exactly this

    @property
    def reasons(self) -> str:
        """The reasons why the passage could identify somebody, or "" if there are none."""
        reasons = [*self.kinds]
        if self.is_own:
            reasons.append(_("The reader’s own words"))
        return "; ".join(reasons)


@dataclass(frozen=True)
class OutgoingText:
    """The texts of a question that leave the desk, with the passages that could identify a reader."""

    texts: list[tuple[str, list[Passage]]]  # each with its heading, cut into passages
    private_passages: list[str]  # repeated from the background of a letter, or a reader's name
    contact_details: list[tuple[str, str]]  # those that may never leave the desk, each after the heading of its text

    @property
    def has_own_words(self) -> bool:
        """Return whether a passage is in a reader's own words."""
        return any(passage.is_own for _heading, passages in self.texts for passage in passages)


def get_outgoing_text(desk: RequestContext, detail: QuestionDetail) -> OutgoingText:
    text = detail.question.text
    if text is None:
        return OutgoingText([], [], [])
    letters = list_asker_letters(desk.session, detail.question) if detail.letters is None else detail.letters
    reader_texts = list_reader_texts(desk.session, letters)
    private_details = find_private_details(desk.session, letters, text.full_text)
    contact_details = [passage for passage in private_details if never_leaves(passage)]
    headings = (_("Headline"), _("Question"), _("Background"))
    bodies = {heading: body for heading, body in zip(headings, text.parts, strict=True) if body}
    headline, *texts_below = text.parts
    sources = [*texts_below, *(part for letter in letters for part in (letter.body, letter.background) if part)]
    marks = {heading: find_marks(body, text.language) for heading, body in bodies.items()}
    marks[headings[0]] = find_headline_marks(headline, text.language, sources)
    return OutgoingText(
        texts=[
            (heading, list(_cut_into_passages(body, marks[heading], find_verbatim_spans(reader_texts, body))))
            for heading, body in bodies.items()
        ],
        private_passages=[passage for passage in private_details if not never_leaves(passage)],
        contact_details=[
            (heading, passage)
            for heading, body in bodies.items()
            for passage in contact_details
            if passage in single_line(body)
        ],
    )


def _cut_into_passages(text: str, marks: list[IdentifyingSpan], own_spans: list[tuple[int, int]]) -> Iterator[Passage]:
    # Cut wherever a mark or a reader's own passage begins or ends.
    cuts = {0, len(text)}.union(*((mark.start, mark.end) for mark in marks), *own_spans)
    for start, end in pairwise(sorted(cuts)):
        kinds = [str(MARK_LABELS[mark.kind]) for mark in marks if mark.start <= start < mark.end]
        is_own = any(first <= start < last for first, last in own_spans)
        yield Passage(text[start:end], kinds, is_own)


editor.add_app_template_test(never_leaves, "never_leaving")


ADDRESS = "/<slug>/questions/<public_id>"


def require_question(desk: RequestContext, public_id: str) -> Question:
    question = queries.load(desk.session, desk.actor, public_id)
    return require_row(desk, question, "editor.question", public_id, _("Back to the question"))


def redirect_to_question(slug: str, public_id: str, chapter: str | None = None) -> Response:
    """Redirect to the page of a question, with a chapter unfolded."""
    url = url_for("editor.question", slug=slug, public_id=public_id, open=chapter, _anchor=chapter)
    return redirect(url, code=303)


def question_action(
    address: str, permission: Permissions, *, chapter: str | None = None, message: Any = "", decides: bool = True
) -> Callable[[Callable[..., object]], Callable[..., Response | tuple[str, int]]]:
    """Declare an action on a question, which leads back to the question's page, at `chapter`.

    The function gets the context, the question, and the values of the URL. If a `message` is to be announced, the
    function returns the token of the undo button; otherwise it may return a message itself. If the form is rejected, it
    is shown again as typed. If the action `decides` about the question as it was shown, an edit conflict is answered
    with a page that says who was first.
    """

    def declare(fn: Callable[..., object]) -> Callable[..., Response | tuple[str, int]]:
        @wraps(fn)
        def view(slug: str, public_id: str, **values: str) -> Response | tuple[str, int]:
            try:
                result = run_in_transaction(slug, lambda desk: fn(desk, require_question(desk, public_id), **values))
            except (MissingPrecondition, TooLong) as error:
                rejected_form = build_rejected_form(error)
                with read_context(slug) as desk:
                    return question_page(desk, require_question(desk, public_id), rejected_form=rejected_form), 422
            except (VersionConflict, InvalidTransition) as error:
                if not decides:
                    raise
                abort_with_conflict(slug, lambda desk: require_question(desk, public_id), error)
            if message:
                return_url = url_for("editor.question", slug=slug, public_id=public_id)
                announce(str(message), undo=str(result), return_url=return_url)
            elif isinstance(result, str) and result:
                announce(str(result))
            return redirect_to_question(slug, public_id, chapter)

        return editor.action(address, permission)(view)

    return declare


@editor.get(ADDRESS)
def question(slug: str, public_id: str) -> str:
    """Show a question. The parameters `show` and `before` select entries of the timeline, `open` unfolds a chapter."""
    with read_context(slug) as desk:
        return question_page(desk, require_question(desk, public_id))


def question_page(
    desk: RequestContext,
    question: Question,
    rejected_form: RejectedForm = RejectedForm(),  # noqa: B008 - it is frozen
    **rejected_checklist: Any,
) -> str:
    """Render the page, after a rejection with what was submitted.

    `rejected_form` is a form and its fault. `rejected_checklist` are the values and faults of the approval's checklist.
    """
    detail = load_question_detail(desk, question)
    comparison = compare_question(desk, question, detail.topics)
    newest = newest_change(question)
    show = request.args.get("show")
    before = request.args.get("before", "")
    is_trail_open = show is not None or before != ""
    step = get_next_step(detail)
    due_chapter = step.chapter if step else ""
    colleagues = [name for key, name in detail.colleagues.items() if key != desk.actor.person_id]
    return page(
        desk,
        "editor/questions/question.html",
        "questions",
        detail=detail,
        question=question,
        overwritten=note_overwritten_fields(desk, _list_wording_saves(desk, question)),
        version_token=encode_token(
            facts_of_question(question, newest.id if newest else 0, detail.edition, detail.topics)
        ),
        step=step,
        due_chapter=due_chapter,
        due_href=step.href if step else "",
        open_chapter="trail" if is_trail_open else request.args.get("open", ""),
        chapters=list_chapters(detail, due_chapter),
        buttons=STATE_BUTTONS,
        trail=build_timeline(detail, show or "", before),
        trail_filters=TIMELINE_FILTERS,
        colleagues=colleagues,
        mention_examples=", ".join(f"@{name.split()[0]}" for name in colleagues),
        outgoing_mails=list_stoppable_lines(desk, detail.family),
        translations=list_language_rows(detail),
        similar_texts=comparison,
        look_alikes=list_look_alikes(desk, question, comparison, detail.family, detail.was_asked),
        channels=CHANNELS,
        end_reasons=END_REASONS,
        withdrawn_days=RESTORE_PERIOD.days,
        erased_on=question.state_at + RESTORE_PERIOD,
        reasons=DECLINE_LABELS,
        checklist=CHECKLIST,
        lacks_credit_line=introductions.lacks_credit_line,
        evidence=lambda part: collect_evidence(desk, detail, part),
        get_outgoing_text=lambda: get_outgoing_text(desk, detail),
        approval_faults=APPROVAL_FAULTS,
        approval_summary=rejected_checklist.get("faults", []),
        deadline_bars=lambda status: build_deadline_bars(status, now(desk.session)),
        local_time=lambda moment: format_local_time(moment, desk.newsletter.zone),
        merge_targets=_list_merge_targets(desk, question) if "merge" in detail.may else [],
        rejected_form=rejected_form,
        form_data=rejected_checklist,
    )


def _list_wording_saves(desk: RequestContext, question: Question) -> list[FieldSave]:
    if not question.takes_answers or not question.text or question.text.number == 1:
        return []
    texts = [text for text in queries.texts_of(desk.session, question) if text.language == question.text.language]
    return list_version_saves(
        [
            (f"staff:{text.written_by_id}", text.written_at, {name: getattr(text, name) for name in WORDING})
            for text in texts
        ]
    )


def _list_merge_targets(desk: RequestContext, question: Question) -> list[tuple[str, str]]:
    """Return the newest questions in work, from which to choose one to merge this one into, as (public id, title)."""
    states = STATES.which("is_in_work")
    rows = queries.list_newest_summaries(desk.session, desk.newsletter.id, states, MAX_MERGE_TARGETS)
    return [(row.public_id, row.title[:MAX_TARGET_TITLE_LENGTH]) for row in rows if row.id != question.id]
