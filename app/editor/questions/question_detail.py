"""Everything that the page of a question shows: its rows, and what the actor may do with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flask import url_for

from ...answers import editing
from ...answers import queries as answers
from ...answers.assigning import suggestion_of
from ...answers.lifecycle import ANSWER, ASSIGNMENT
from ...answers.models import Answer, AnswerText, Assignment, Check
from ...editions import slots
from ...editions.models import Edition
from ...letters.models import Letter
from ...mail.inbound import MailContent
from ...mail.models import Inbound
from ...newsletters import queries as newsletters
from ...newsletters.models import Topic
from ...people.directory import list_staff
from ...questions import queries
from ...questions.lifecycle import QUESTION
from ...questions.models import Question
from ...text.diff import ParagraphPair, compare
from ...typesetting.renderers import to_styled_text
from ...workflows.retention.open_letters import ErasureNotice, get_notice
from .. import incoming_mails
from ..frame import RequestContext
from .originals import MAX_ORIGINALS, OriginalLetter, build_originals
from .question_list import (
    FINISHED_STATUSES,
    AssignmentStatus,
    day_of_run,
    format_assignment_status,
    format_question_summary,
    list_statuses,
)

SEARCHED_EDITIONS = 4  # editions that are searched for an open slot


@dataclass(frozen=True)
class ExpertPart:
    """The part of the page about one expert: the assignment and its status, the texts, and what the actor may do."""

    status: AssignmentStatus
    texts: list[AnswerText]  # all versions, oldest first
    checks: list[Check]
    may_assignment: frozenset[str]  # the actor's possible actions on the assignment
    may_answer: frozenset[str]  # and the actor's possible moves of the answer
    faults: list[str]  # codes of what prevents the approval of the answer, besides the checklist
    suggestion: str | None = None  # the colleague whom the expert suggested
    # The expert's letters, each with the values of the form that files it, and its number of attachments.
    mails: Sequence[tuple[Letter, dict[str, Any] | None, tuple[Inbound, MailContent] | None]] = ()
    robot: Inbound | None = None  # the newest automatic reply, e.g. an absence note

    @property
    def assignment(self) -> Assignment:
        return self.status.assignment

    @property
    def answer(self) -> Answer | None:
        return self.status.answer

    @property
    def name(self) -> str:
        return self.status.name

    @property
    def chapter(self) -> str:
        """The key of the page's chapter with this expert's text, or "" if there is no answer."""
        return f"answer-{self.answer.public_id}" if self.answer else ""

    @property
    def compared_texts(self) -> tuple[AnswerText, AnswerText] | None:
        """The expert's newest own version and the newest version, or None if these are the same."""
        own = [text for text in self.texts if text.kind == "submitted"]
        if not own or own[-1] is self.texts[-1]:
            return None
        return own[-1], self.texts[-1]

    @cached_property
    def pairs(self) -> list[ParagraphPair]:
        """The differences between the two versions of `compared`."""
        if self.compared_texts is None:
            return []
        own_text, newest_text = self.compared_texts
        return compare(to_styled_text(own_text.body), to_styled_text(newest_text.body))


@dataclass(frozen=True)
class QuestionDetail:
    """A question with all that its page shows."""

    desk: RequestContext
    question: Question
    lead: Question | None  # the question into which this one was merged
    merged: list[Question]  # the questions that were merged into this one
    family: list[int]  # the ids of this question and of `merged`
    readers: int  # the number of readers who ask it
    originals: list[OriginalLetter]  # at most `MAX_ORIGINALS` letters
    parts: list[ExpertPart]
    edition: Edition | None  # the edition for which it is picked, or in which it ran
    free: Edition | None  # the next edition with an open slot, if the question can be picked and the actor may pick it
    topics: list[Topic]
    all_topics: Sequence[Topic]
    erasure: ErasureNotice  # what is said about the erasure of its readers' words
    may: frozenset[str]  # the moves that the actor may make with the question

    @cached_property
    def colleagues(self) -> dict[int, str]:
        """The names of the people at the desk by id, who can be mentioned in a note."""
        return {person.id: person.name for person in list_staff(self.desk.session, self.desk.newsletter.id)}

    @property
    def was_asked(self) -> bool:
        """Return whether an expert was asked and hasn't declined, and so has to be told when the question ends."""
        return any(part.assignment.was_asked for part in self.parts)

    @property
    def letters(self) -> list[Letter] | None:
        """All letters that aren't erased, in order of arrival, or None if there may be more than were loaded."""
        if len(self.originals) >= MAX_ORIGINALS:
            return None
        return sorted(
            (original.letter for original in self.originals), key=lambda letter: (letter.received_at, letter.id)
        )

    @property
    def drafts(self) -> int:
        """The number of prepared invitations."""
        return sum(1 for part in self.parts if part.assignment.is_drafted)

    @property
    def may_ask(self) -> bool:
        return self.question.is_in_work and self.desk.may("prepare")

    def may_ask_again(self, contribution: ExpertPart) -> bool:
        """Return whether to offer to ask an expert again who declined until a later day, or is no longer asked."""
        if not self.may_ask or contribution.status.key not in ("later", "cancelled"):
            return False
        active_experts = [part.assignment.expert_id for part in self.parts if part.status.key not in FINISHED_STATUSES]
        return contribution.assignment.expert_id not in active_experts

    @property
    def standing(self) -> str:
        """Sentences on top of the page: who waits for whom."""
        statuses = [part.status for part in self.parts]
        return format_question_summary(self.question, statuses, self.readers, day_of_run(self.question, self.edition))

    def format_status(self, status: AssignmentStatus) -> str:
        return format_assignment_status(self.question, status)

    def url(self, endpoint: str, **values: Any) -> str:
        """Return the address of a page or an action of this question."""
        slug = self.desk.newsletter.slug
        return url_for(f"editor.{endpoint}", slug=slug, public_id=self.question.public_id, **values)


def next_with_room(desk: RequestContext, question: Question) -> Edition | None:
    """Return the next edition with an open slot in the question's section, even past its cut-off."""
    to_run = slots.list_editions_to_run_with_picks(desk.session, desk.newsletter.id, SEARCHED_EDITIONS)
    return slots.find_edition_with_room(desk.newsletter, to_run, question.section)


def load_question_detail(desk: RequestContext, question: Question) -> QuestionDetail:
    session = desk.session
    can_pick = desk.may("pick") and question.is_answered
    merged = queries.list_merged_questions(session, question)
    family = [question.id, *(other.id for other in merged)]
    return QuestionDetail(
        desk=desk,
        question=question,
        lead=queries.lead_of(session, question) if question.merged_into_id else None,
        merged=merged,
        family=family,
        readers=queries.count_askers(session, [question])[question.id],
        originals=build_originals(
            desk, question, queries.first_letters(session, question, family, MAX_ORIGINALS), merged
        ),
        parts=_parts(desk, question),
        edition=session.get(Edition, question.edition_id) if question.edition_id else None,
        free=next_with_room(desk, question) if can_pick else None,
        topics=queries.topics_of(session, [question.id])[question.id],
        all_topics=newsletters.topics_of(session, question.newsletter_id),
        erasure=get_notice(session, desk.newsletter, question, family),
        may=frozenset(QUESTION.list_allowed_actions(desk.actor, question)),
    )


def _parts(desk: RequestContext, question: Question) -> list[ExpertPart]:
    """Return the experts' parts, with mails, texts and checks each loaded in one query."""
    session = desk.session
    statuses = list_statuses(desk, [question])[question.id]
    assignment_ids = [status.assignment.id for status in statuses]
    if not assignment_ids:
        return []
    waiting_letters = answers.list_waiting_expert_letters(session, desk.newsletter.id, assignment_ids)
    mails_with_files = _mails_with_files(desk, [letter for letter, _assignment in waiting_letters])
    automatic_replies = answers.get_automatic_replies(session, desk.newsletter.id, assignment_ids)
    answer_ids = [status.answer.id for status in statuses if status.answer]
    texts = answers.versions_of(session, answer_ids)
    checks = answers.checks_of(session, answer_ids)
    parts = []
    for status in statuses:
        assignment, answer = status.assignment, status.answer
        may_assignment = set(ASSIGNMENT.list_allowed_actions(desk.actor, assignment))
        if desk.may("invite"):
            may_assignment |= {"extend", "link"} if assignment.is_asked else {"ladder"}
        may_answer = frozenset(ANSWER.list_allowed_actions(desk.actor, answer) if answer else ())
        faults = []
        if answer and "approve" in may_answer:
            faults = editing.faults_of_approval(
                session, answer, editing.CHECKLIST, texts=texts[answer.id], checks=checks[answer.id]
            )
        part = ExpertPart(
            status=status,
            texts=texts[answer.id] if answer else [],
            checks=checks[answer.id] if answer else [],
            may_assignment=frozenset(may_assignment),
            may_answer=may_answer,
            faults=[fault.code for fault in faults],
            suggestion=suggestion_of(session, assignment),
            mails=[
                (
                    letter,
                    incoming_mails.get_filing_form(desk, letter, assignment, "question"),
                    mails_with_files.get(letter.id),
                )
                for letter, letter_assignment in waiting_letters
                if letter_assignment.id == assignment.id
            ],
            robot=automatic_replies.get(assignment.id),
        )
        parts.append(part)
    return parts


def _mails_with_files(desk: RequestContext, letters: Sequence[Letter]) -> dict[int, tuple[Inbound, MailContent]]:
    """Return those mails of letters that have attachments, by letter id, each with its reading."""
    if not letters:
        return {}
    condition = Inbound.letter_id.in_([letter.id for letter in letters])
    mails = incoming_mails.list_mails_with_files(desk.session, condition)
    return {row.letter_id: (row, reading) for row, reading in mails if row.letter_id is not None}
