"""From the rows of a question to the data that the house form sets. Asks for consent before it gives a name away."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..answers.editing import approved_of
from ..answers.models import Answer, AnswerText, Assignment
from ..letters import contacts
from ..letters.models import Credit, Letter
from ..newsletters.models import Newsletter, NewsletterText
from ..questions.models import Question, QuestionText
from ..questions.queries import cleared_text, letters_of
from ..typesetting.block import Block
from ..typesetting.house_form import LeadIn, Piece, Voice, lead_in_text, set_block
from ..typesetting.house_languages import phrases_for


@dataclass(frozen=True)
class NameTrouble:
    """The reason why a reader's name can't be printed: `fault` is "consent" or "verified"."""

    question_id: int
    headline: str
    letter_id: int
    fault: str


def credits_of(session: Session, newsletter: Newsletter, letters: list[Letter]) -> tuple[list[str | None], str | None]:
    """The credit of each asker, and what is wrong with the one that would be printed.

    A group is never named, nor is anybody where the newsletter leaves names out. A name needs the reader's consent and
    a recorded check; without them it does not leave this function.
    """
    if len(letters) != 1 or not newsletter.names_readers:
        return [None] * max(len(letters), 1), None
    credit = session.scalar(select(Credit).filter_by(letter_id=letters[0].id))
    if credit is None or credit.choice == "none":
        return [None], None
    if credit.consent_text is None:
        return [None], "consent"
    if credit.verified_at is None:
        return [None], "verified"
    return [contacts.named(session, letters[0], phrases_for(newsletter.language)["comma"])], None


def own_phrases(session: Session, newsletter: Newsletter, language: str) -> dict[str, str]:
    """The house sentences that the newsletter words its own way."""
    rows = session.scalars(select(NewsletterText).filter_by(newsletter_id=newsletter.id, language=language))
    known = phrases_for(language)
    return {row.kind: row.body for row in rows if row.kind in known}


def _voice(session: Session, answer: Answer) -> Voice:
    text = session.get_one(AnswerText, answer.approved_text_id or answer.text_id)
    assignment = session.get_one(Assignment, answer.assignment_id)
    return Voice(_lead_in(assignment, answer.credit), text.body)


def as_it_would_run(
    session: Session, newsletter: Newsletter, assignment: Assignment, text: QuestionText, body: str, credit_line: str
) -> Block:
    """Return what an expert is writing, set as print would have it. Readers are not named, whatever they agreed to."""
    question = session.get_one(Question, assignment.question_id)
    readers = len(letters_of(session, question))
    said = replace(_lead_in(assignment), credit_line=credit_line or None)
    piece = Piece(
        language=text.language,
        marks=newsletter.marks,
        section=newsletter.sections[question.section].name,
        headline=text.headline,
        askers=(None,) * max(readers, 1),
        question=text.body or "",
        voices=(Voice(said, body),),
    )
    return set_block(piece, newsletter.address, own_phrases(session, newsletter, text.language))


def _lead_in(assignment: Assignment, credit: dict[str, Any] | None = None) -> LeadIn:
    return LeadIn(**(credit or assignment.credit))


def lead_in(session: Session, newsletter: Newsletter, assignment: Assignment, language: str) -> str:
    """The line that would run before this expert's answer."""
    own = own_phrases(session, newsletter, language)
    return lead_in_text(language, _lead_in(assignment), newsletter.marks, own)


def piece_of(session: Session, newsletter: Newsletter, question: Question) -> tuple[Piece, NameTrouble | None]:
    """The piece that a question makes with its approved answers, and what is wrong with its credit."""
    letters = letters_of(session, question)
    credits, fault = credits_of(session, newsletter, letters)
    text = cleared_text(session, question.id)  # newer words, which nobody has looked at yet, leave the house nowhere
    piece = Piece(
        language=text.language if text else newsletter.language,
        marks=newsletter.marks,
        section=newsletter.sections[question.section].name,
        headline=text.headline if text else "",
        askers=tuple(credits),
        question=(text.body or "") if text else "",
        voices=tuple(_voice(session, answer) for answer in approved_of(session, question.id)),
    )
    return piece, NameTrouble(question.id, question.headline, letters[0].id, fault) if fault else None
