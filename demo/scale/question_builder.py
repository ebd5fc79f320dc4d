"""The builder of a question of The Long Road: it collects the rows of its letters, assignment and answer."""

from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from app.answers.models import Answer, AnswerText, Assignment, Check
from app.core.state_machine import Machine
from app.mail.kinds import KINDS
from app.mail.mail_templates import render_mail
from app.questions.models import Note, Question, QuestionText, QuestionTopic
from app.text.clean import slug, word_count

from . import mail_rows
from .bulk_writer import BulkWriter, RowValues, WeightedChoice, pick_random
from .letter_rows import Asker, LetterMove, add_letter
from .long_road import ExpertValues, LongRoadDesk
from .phrasebooks import Subject

LETTER_COUNTS = WeightedChoice({1: 70, 2: 15, 3: 7, 4: 4, 6: 2, 9: 1.5, 14: 0.5})  # letters per question
CREDIT_SHARE = 0.15  # the share of single askers who want to be named
NOTE_SHARE = 0.05  # the share of questions with a note
NOTES = (
    "Did we not have this last year?",
    "Aizada, please look whether the ministry has answered.",
    "Good, but only after the election.",
    "Two readers gave the same street. Leave it out.",
)


@dataclass(frozen=True)
class EditionSlot:
    """The slot of an edition that a question ran in."""

    edition_id: int
    position: int
    cutoff_at: datetime
    runs_at: datetime


@dataclass
class QuestionBuilder:
    """A question in progress, from its first letter at `started_at` to its last step before `ends_at`.

    The steps move `time` forward and fill the values of the rows, which `write` adds. `merge_target` is the key of the
    question that it is merged into. `states` and `state_times` are by "question", "assignment" and "answer".
    """

    writer: BulkWriter
    desk: LongRoadDesk
    subject: Subject
    started_at: datetime
    ends_at: datetime
    today: datetime
    slot: EditionSlot | None = None
    merge_target: int | None = None
    states: dict[str, str | None] = field(
        default_factory=lambda: {"question": None, "assignment": None, "answer": None}
    )
    state_times: dict[str, datetime] = field(default_factory=dict)
    askers: list[Asker] = field(default_factory=list)
    question: RowValues = field(default_factory=dict)
    text: RowValues = field(default_factory=dict)
    assignment: RowValues = field(default_factory=dict)
    answer: RowValues = field(default_factory=dict)
    answer_texts: list[RowValues] = field(default_factory=list)
    check: RowValues = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.time = self.started_at
        self.key, self.public_id = self.writer.next_key(Question), self.writer.new_public_id()
        self.keys = {"question": self.key}
        language = self.subject.phrasebook.language.partition("-")[0]
        self.expert = _pick_expert(self.writer.rng, self.desk.experts[language])

    @property
    def expert_actor(self) -> str:
        return f"expert:{self.expert.key}"

    @property
    def parent_ids(self) -> dict[str, Any]:
        """The columns of the newsletter and the question in related rows."""
        return {"newsletter_id": self.desk.newsletter.id, "question_id": self.key}

    def require_slot(self) -> EditionSlot:
        """Return the slot. Raises ValueError if there is none."""
        if self.slot is None:
            raise ValueError("the question has no slot")
        return self.slot

    def move(self, machine: Machine, action: str, actor: str, **facts: Any) -> None:
        """Make a transition of the question, its assignment or its answer, whichever the machine is for."""
        name = machine.noun
        self.states[name] = self.writer.move(
            machine,
            name,
            self.keys[name],
            action,
            self.states[name],
            self.time,
            actor,
            facts=facts or None,
            **self.parent_ids,
        )
        self.state_times[name] = self.time

    def add_letters(self, opened_at: datetime, approved_at: datetime | None, is_waiting: bool) -> None:
        """Add the letters of the question, which arrive one after the other until it is opened.

        `is_waiting` says whether their writers still wait for an answer.
        """
        rng = self.writer.rng
        count = LETTER_COUNTS.pick(rng)
        wants_credit = count == 1 and rng.random() < CREDIT_SHARE
        filing = LetterMove("file", opened_at, {"filed_as": "question", "question_id": self.key})
        for index in range(count):
            asker = add_letter(
                self.writer,
                self.desk,
                self.subject,
                self.started_at + (opened_at - self.started_at) * index / count,
                filing,
                waiting_at=self.today if is_waiting else None,
                wants_credit=wants_credit,
                verified_at=approved_at,
            )
            self.askers.append(asker)

    def add_wording(self) -> None:
        """Add the desk's wording of the question."""
        rng = self.writer.rng
        key, headline = self.writer.next_key(QuestionText), self.subject.write_headline(rng)
        self.text = {
            "id": key,
            "question_id": self.key,
            "language": self.subject.phrasebook.language,
            "number": 1,
            "headline": headline,
            "body": self.subject.write_question(rng),
            "slug": slug(headline),
            "written_at": self.time,
            "written_by_id": self.desk.assistant.person_id,
        }
        self.question["text_id"] = key
        self.record_event("question.reword", text=key)

    def record_event(self, action: str, **facts: Any) -> None:
        """Record an event of the question that is no transition."""
        actor = self.desk.editor.ref if action == "question.clear" else self.desk.assistant.ref
        self.writer.record_event(self.time, actor, action, "question", self.key, **self.parent_ids, facts=facts or None)

    def add_answer_text(self, kind: str, author: str) -> None:
        """Add a version of the answer, of the kind "submitted" or "edited".

        The edited one consists of the first paragraph and a new ending.
        """
        paragraphs = self.subject.write_answer(self.writer.rng)
        if kind != "submitted":
            first_paragraph = self.answer_texts[-1]["body"].partition("\n\n")[0]
            paragraphs = [first_paragraph, paragraphs[-1]]
        body = "\n\n".join(paragraphs)
        key = self.writer.next_key(AnswerText)
        self.answer_texts.append(
            {
                "id": key,
                "answer_id": self.keys["answer"],
                "language": self.subject.phrasebook.language,
                "number": len(self.answer_texts) + 1,
                "kind": kind,
                "body": body,
                "words": word_count(body),
                "own_words": True,
                "by": author,
                "written_at": self.time,
            }
        )
        self.answer["text_id"] = key

    @property
    def is_mail_content_kept(self) -> bool:
        """Whether mails of the current time are recent enough to still have their contents."""
        return self.today - self.time < mail_rows.CONTENT_RETENTION

    def mail_expert(self, kind: str, **values: Any) -> None:
        """Add a mail to the expert. Without `values`, or if it is old, it is a mail whose contents have been deleted.

        `values` are those of the kind's class, without the headline and the link.
        """
        message = None
        if values and self.is_mail_content_kept:
            link = mail_rows.create_page_link(self.writer, self.keys["assignment"])
            values_class: Any = KINDS[kind].values_class
            mail_values = values_class(headline=self.text["headline"], link=link, **values)
            sender = mail_rows.get_sender(self.desk)
            message = render_mail(kind, sender, self.expert.email, self.expert.name, mail_values)
        mail_rows.add_expert_mail(
            self.writer,
            self.desk,
            self.expert,
            kind,
            self.time,
            self.today,
            question_id=self.key,
            assignment_id=self.keys["assignment"],
            message=message,
        )

    def mail_desk(self, kind: str) -> None:
        """Add a mail to the editor about the assignment."""
        mail_rows.add_mail(
            self.writer,
            self.desk,
            kind,
            self.time,
            question_id=self.key,
            assignment_id=self.keys["assignment"],
            person_id=self.desk.editor.person_id,
        )

    def write(self) -> None:
        """Add all rows except those of letters and mails, which are added at once."""
        writer = self.writer
        writer.add(
            Question,
            id=self.key,
            public_id=self.public_id,
            newsletter_id=self.desk.newsletter.id,
            **self.question,
            state=self.states["question"],
            state_at=self.state_times["question"],
        )
        writer.add(QuestionText, **self.text)
        topic_ids = list(self.desk.topics.values())
        for topic_id in {self.desk.topics[self.subject.topic], pick_random(writer.rng, topic_ids)}:
            writer.add(QuestionTopic, question_id=self.key, topic_id=topic_id)
        if writer.rng.random() < NOTE_SHARE:
            self._add_note()
        self._add_row(Assignment, "assignment", self.assignment)
        self._add_row(Answer, "answer", self.answer)
        for text in self.answer_texts:
            writer.add(AnswerText, **text)
        if self.check:
            writer.add(Check, **self.check)

    def _add_note(self) -> None:
        note_id = self.writer.add(
            Note,
            question_id=self.key,
            person_id=self.desk.editor.person_id,
            body=self.writer.rng.choice(NOTES),
            written_at=self.time,
        )
        self.record_event("question.note", note=note_id)

    def _add_row(self, model: Any, name: str, values: RowValues) -> None:
        """Add the row of the assignment or answer if the question has one."""
        if values:
            self.writer.add(
                model,
                id=self.keys[name],
                **self.parent_ids,
                **values,
                state=self.states[name],
                state_at=self.state_times[name],
            )


def _pick_expert(rng: Random, experts: list[ExpertValues]) -> ExpertValues:
    """Return a random expert. The first in the list are asked far more often than the last, as in real newsrooms."""
    return experts[int(len(experts) * rng.random() ** 2.5)]
