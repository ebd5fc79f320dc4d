"""A question of the big newsletter: its fate, and the rows of its letters, assignment and answer."""

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

from . import mails
from .book import Book, Chances, any_of
from .letters import NAMED, letter
from .people import Known, Room
from .words import Matter

SUBMITTED = ("clear", "draft", "invite", "accept", "submit")
APPROVED = (*SUBMITTED, "edit", "check", "settle", "approve")
PUBLISHED = (*APPROVED, "pick", "publish")
LETTERS = Chances({1: 70, 2: 15, 3: 7, 4: 4, 6: 2, 9: 1.5, 14: 0.5})  # letters per question
NOTES = (
    "Did we not have this last year?",
    "Aizada, please look whether the ministry has answered.",
    "Good, but only after the election.",
    "Two readers gave the same street. Leave it out.",
)


Row = dict[str, Any]


@dataclass(frozen=True)
class Fate:
    """The steps of a question, and the weight of this fate among old questions and among those of the last weeks."""

    steps: tuple[str, ...]
    old: float
    fresh: float


FATES = {
    "open": Fate((), 14, 30),
    "cleared": Fate(("clear",), 4, 8),
    "drafted": Fate(("clear", "draft"), 0.1, 3),
    "invited": Fate(("clear", "draft", "invite"), 0.1, 9),
    "declined": Fate(("clear", "draft", "invite", "decline"), 3, 4),
    "accepted": Fate(("clear", "draft", "invite", "accept", "save"), 0.2, 8),
    "submitted": Fate(SUBMITTED, 0.2, 5),
    "returned": Fate((*SUBMITTED, "return"), 0.1, 2),
    "edited": Fate((*SUBMITTED, "edit"), 0.2, 4),
    "checking": Fate((*SUBMITTED, "edit", "check"), 0.02, 4),
    "objected": Fate((*SUBMITTED, "edit", "check", "object"), 0.1, 1),
    "answered": Fate(APPROVED, 1.5, 5),
    "unchanged": Fate((*SUBMITTED, "approve"), 0.5, 2),
    "taken back": Fate((*SUBMITTED, "withdraw"), 0.4, 0.5),
    "kept": Fate((*APPROVED, "shelve"), 2, 0.5),
    "shelved": Fate(("shelve",), 22, 5),
    "closed": Fate(("close",), 33, 5),
    "called off": Fate(("clear", "draft", "invite", "close"), 3, 1),
    "merged": Fate(("merge",), 12, 3),
    "published": Fate(PUBLISHED, 0, 0),  # as many as the editions have room for
    "retracted": Fate((*PUBLISHED, "retract"), 0, 0),
}
RETRACTED = 0.03  # the share of published questions that are retracted


@dataclass(frozen=True)
class Slot:
    """The slot of an edition that a question ran in."""

    edition_id: int
    position: int
    cutoff_at: datetime
    runs_at: datetime


@dataclass
class Life:
    """A question in progress, from its first letter at `began` to its last step before `until`."""

    book: Book
    room: Room
    matter: Matter
    began: datetime
    until: datetime
    today: datetime
    slot: Slot | None = None
    lead: int | None = None
    states: dict[str, str | None] = field(default_factory=lambda: dict.fromkeys(("question", "assignment", "answer")))
    state_at: dict[str, datetime] = field(default_factory=dict)
    askers: list[tuple[int, str, str | None]] = field(default_factory=list)
    question: Row = field(default_factory=dict)
    text: Row = field(default_factory=dict)
    assignment: Row = field(default_factory=dict)
    answer: Row = field(default_factory=dict)
    texts: list[Row] = field(default_factory=list)
    check: Row = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.at, self.key, self.public_id = self.began, self.book.key(Question), self.book.public_id()
        self.keys = {"question": self.key}
        language = self.matter.tongue.language.partition("-")[0]
        self.expert = _often(self.book.rng, self.room.experts[language])

    @property
    def where(self) -> dict[str, Any]:
        return {"newsletter_id": self.room.newsletter.id, "question_id": self.key}

    def move(self, machine: Machine, action: str, actor: str, to: str | None = None, **why: Any) -> None:
        noun = machine.noun
        self.states[noun] = self.book.move(
            machine,
            noun,
            self.keys[noun],
            action,
            self.states[noun],
            self.at,
            actor,
            to=to,
            why=why or None,
            **self.where,
        )
        self.state_at[noun] = self.at

    def take_letters(self, opened: datetime, approved: datetime | None, waits: bool) -> None:
        """Add the letters of the question, which arrive one after the other until it is opened."""
        rng = self.book.rng
        number = LETTERS.drawn(rng)
        named = number == 1 and rng.random() < NAMED
        for index in range(number):
            came = self.began + (opened - self.began) * index / number
            filed = {"filed_as": "question", "question_id": self.key}
            self.askers.append(
                letter(
                    self.book,
                    self.room,
                    self.matter,
                    came,
                    (("file", opened, filed),),
                    question_id=self.key,
                    waits_until=self.today if waits else None,
                    named=named,
                    verified_at=approved,
                )
            )

    def word(self) -> None:
        """Add the desk's wording of the question."""
        rng = self.book.rng
        key, headline = self.book.key(QuestionText), self.matter.headline(rng)
        self.text = {
            "id": key,
            "question_id": self.key,
            "language": self.matter.tongue.language,
            "number": 1,
            "headline": headline,
            "body": self.matter.question(rng),
            "slug": slug(headline),
            "written_at": self.at,
            "written_by_id": self.room.assistant.person_id,
        }
        self.question["text_id"] = key
        self.tell("question.reword", "question", self.key, text=key)

    def tell(self, action: str, noun: str, key: int, **facts: Any) -> None:
        actor = self.room.editor.ref if action == "question.clear" else self.room.assistant.ref
        self.book.tell(self.at, actor, action, noun, key, **self.where, facts=facts or None)

    def add_text(self, kind: str, by: str) -> None:
        """Add a version of the answer. An edited one has another ending, and lacks a paragraph."""
        body = self.matter.answer(self.book.rng)
        joined = "\n\n".join(body if kind == "submitted" else [self.texts[-1]["body"].partition("\n\n")[0], body[-1]])
        key = self.book.key(AnswerText)
        self.texts.append(
            {
                "id": key,
                "answer_id": self.keys["answer"],
                "language": self.matter.tongue.language,
                "number": len(self.texts) + 1,
                "kind": kind,
                "body": joined,
                "words": word_count(joined),
                "own_words": True,
                "by": by,
                "written_at": self.at,
            }
        )
        self.answer["text_id"] = key

    def mail(self, kind: str, **values: Any) -> None:
        """Add a mail to the expert. Old mails have no content any more."""
        message = None
        if values and self.today - self.at < mails.KEPT:
            link = mails.open_link(self.book, self.keys["assignment"])
            about: Any = KINDS[kind].values_class
            filled = about(headline=self.text["headline"], link=link, **values)
            message = render_mail(kind, mails.sender(self.room), self.expert.email, self.expert.name, filled)
        mails.to_expert(
            self.book,
            self.room,
            self.expert,
            kind,
            self.at,
            self.today,
            question_id=self.key,
            assignment_id=self.keys["assignment"],
            message=message,
        )

    def write(self) -> None:
        book, room = self.book, self.room
        book.add(
            Question,
            id=self.key,
            public_id=self.public_id,
            newsletter_id=room.newsletter.id,
            **self.question,
            state=self.states["question"],
            state_at=self.state_at["question"],
        )
        book.add(QuestionText, **self.text)
        for topic_id in {room.topics[self.matter.topic], any_of(book.rng, list(room.topics.values()))}:
            book.add(QuestionTopic, question_id=self.key, topic_id=topic_id)
        if book.rng.random() < 0.05:
            note = book.add(
                Note,
                question_id=self.key,
                person_id=room.editor.person_id,
                body=book.rng.choice(NOTES),
                written_at=self.at,
            )
            self.tell("question.note", "question", self.key, note=note)
        for model, noun, rest in ((Assignment, "assignment", self.assignment), (Answer, "answer", self.answer)):
            if rest:
                book.add(
                    model,
                    id=self.keys[noun],
                    **self.where,
                    **rest,
                    state=self.states[noun],
                    state_at=self.state_at[noun],
                )
        for text in self.texts:
            book.add(AnswerText, **text)
        if self.check:
            book.add(Check, **self.check)


def _often(rng: Random, experts: list[Known]) -> Known:
    """Return a random expert. The first in the list are asked far more often than the last, as in real newsrooms."""
    return experts[int(len(experts) * rng.random() ** 2.5)]
