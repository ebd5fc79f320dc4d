"""All that the page of a question shows, put together in one place: the rows, and what may be done with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for

from ..answers import editing
from ..answers import queries as answers
from ..answers.assigning import ASKED, suggestion_of
from ..answers.diff import Pair, compare
from ..answers.lifecycle import ANSWER, ASSIGNMENT
from ..answers.models import AnswerText, Assignment
from ..editions import desk as editions
from ..editions.models import Edition
from ..editions.standing import coming_editions
from ..letters import contacts
from ..letters.models import Credit, Letter
from ..mail.models import Inbound
from ..newsletters.models import Topic
from ..newsletters.queries import topics_of
from ..questions import queries
from ..questions.lifecycle import QUESTION
from ..questions.models import Question
from ..questions.recognise import marks, segments
from ..wording import day
from . import mailed
from .frame import Desk
from .questions import places_of
from .standing import Place, standing


@dataclass(frozen=True)
class Asker:
    """A letter behind the question, and how its writer wants to be named."""

    letter: Letter
    credit: Credit | None
    name: str | None


@dataclass(frozen=True)
class Part:
    """One expert's part with the versions of the text, and the actions that the tables leave open to the actor."""

    place: Place
    texts: list[AnswerText]
    may_assignment: frozenset[str]
    may_answer: frozenset[str]
    faults: list[str]  # what stands in the way of approving, once the whole checklist is ticked
    suggestion: str | None = None  # the colleague whom the expert named
    mails: Sequence[tuple[Letter, dict[str, Any] | None]] = ()  # what they wrote by mail, with how it can be filed
    robot: Inbound | None = None  # the newest automatic reply, an absence note for example

    @property
    def compared(self) -> tuple[AnswerText, AnswerText] | None:
        """The expert's newest own words and the desk's newest, where they are two versions."""
        own = [text for text in self.texts if text.kind == "submitted"]
        if not own or own[-1] is self.texts[-1]:
            return None
        return own[-1], self.texts[-1]

    @property
    def pairs(self) -> list[Pair]:
        two = self.compared
        return compare(two[0].body, two[1].body) if two else []


@dataclass(frozen=True)
class Dossier:
    desk: Desk
    question: Question
    lead: Question | None  # where it was merged into
    merged: list[Question]  # what was merged into it
    letters: list[Letter]
    askers: list[Asker]
    parts: list[Part]
    edition: Edition | None  # where it is picked or ran
    free: Edition | None  # the next edition with a free slot
    topics: list[Topic]
    all_topics: Sequence[Topic]
    may: frozenset[str]

    @property
    def is_cleared(self) -> bool:
        return bool(self.question.text and self.question.text.cleared_at)

    @property
    def may_ask(self) -> bool:
        return self.question.state in ("open", "seeking", "answered")

    @property
    def standing(self) -> str:
        ran = day(self.edition.runs_at) if self.edition else ""
        return standing(self.question, [part.place for part in self.parts], len(self.letters), ran)

    @property
    def wording(self) -> list[Pair]:
        """The first letter's own words against the desk's; in two languages beside each other, with nothing marked."""
        first, text = next((letter for letter in self.letters if letter.body), None), self.question.text
        if first is None or first.body is None or text is None or not text.body:
            return []
        if self.is_translated:
            return [Pair([("same", first.body)], [("same", text.body)], [("same", text.body)])]
        return compare(first.body, text.body)

    @property
    def is_translated(self) -> bool:
        """Whether the desk's wording is in another language than the first letter."""
        first, text = next((letter for letter in self.letters if letter.body), None), self.question.text
        tongues = {one.language.partition("-")[0] for one in (first, text) if one and one.language}
        return len(tongues - {"und"}) > 1

    @property
    def marked(self) -> dict[str, list[tuple[str, str | None]]]:
        """The desk's texts cut where something could make the asker recognisable."""
        text = self.question.text
        if text is None:
            return {}
        parts = {
            "headline": text.headline,
            "body": text.body or "",
            "background": text.background,
        }
        return {name: segments(words, marks(words, text.language)) for name, words in parts.items() if words}

    def at(self, endpoint: str, **values: Any) -> str:
        """The address of a page or an action of this question."""
        slug = self.desk.newsletter.slug
        return url_for(f"editor.{endpoint}", slug=slug, public_id=self.question.public_id, **values)


def dossier(desk: Desk, question: Question) -> Dossier:
    session = desk.session
    letters = queries.letters_of(session, question)
    coming = [edition for edition in coming_editions(session, desk.newsletter.id, 4) if edition.state == "planned"]
    picks = desk.may_decide and question.state == "answered"
    places = places_of(desk, [question])[question.id]
    keys = [place.assignment.id for place in places]
    mails = mailed.waiting_of_experts(session, desk.newsletter.id, keys) if keys else []
    robots = mailed.robots_on(session, desk.newsletter.id, keys) if keys else {}
    return Dossier(
        desk=desk,
        question=question,
        lead=queries.lead_of(session, question) if question.merged_into_id else None,
        merged=queries.merged_into(session, question),
        letters=letters,
        askers=_askers(desk, letters[:20]),
        parts=[_part(desk, place, mails, robots.get(place.assignment.id)) for place in places],
        edition=session.get(Edition, question.edition_id) if question.edition_id else None,
        free=next(
            (one for one in coming if len(editions.picked(session, one)) < one.slots),
            None,
        )
        if picks
        else None,
        topics=queries.topics_of(session, [question.id])[question.id],
        all_topics=topics_of(session, desk.newsletter.id),
        may=frozenset(QUESTION.open_to(desk.actor, question)),
    )


def _askers(desk: Desk, letters: list[Letter]) -> list[Asker]:
    credits = contacts.credits_of(desk.session, [letter.id for letter in letters])
    return [
        Asker(
            letter,
            credits.get(letter.id),
            contacts.named(desk.session, letter) if letter.id in credits else None,
        )
        for letter in letters
    ]


def _part(desk: Desk, place: Place, mails: Sequence[tuple[Letter, Assignment]], robot: Inbound | None) -> Part:
    may = set(ASSIGNMENT.open_to(desk.actor, place.assignment))
    if desk.may_decide and place.assignment.state in ASKED:
        may |= {"extend", "link"}
    heard = {
        "suggestion": suggestion_of(desk.session, place.assignment),
        "mails": [
            (letter, mailed.filings(desk, letter, assignment, "question"))
            for letter, assignment in mails
            if assignment.id == place.assignment.id
        ],
        "robot": robot,
    }
    if place.answer is None:
        return Part(place, [], frozenset(may), frozenset(), [], **heard)
    texts = answers.versions_of(desk.session, [place.answer.id])[place.answer.id]
    may_answer = frozenset(ANSWER.open_to(desk.actor, place.answer))
    whole = editing.CHECKLIST
    faults = editing.faults_of_approval(desk.session, place.answer, whole) if "approve" in may_answer else []
    return Part(place, texts, frozenset(may), may_answer, faults, **heard)
