"""From the rows of a question to the data that the house form sets. Asks for consent before it gives a name away."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session, lazyload

from ..answers.models import Answer, AnswerText, Assignment
from ..letters import contacts
from ..letters.models import Credit, Letter
from ..newsletters.models import Newsletter, NewsletterText
from ..questions.models import Question, QuestionText
from ..questions.queries import askers, get_cleared_texts, letters_behind_each
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


def _names_of(
    session: Session, newsletter: Newsletter, readers: Mapping[int, int]
) -> dict[int, tuple[str | None, str, int]]:
    """Return by question the name of its only reader where they want to be named, what is wrong with it, and the
    letter; `readers` is how many ask each.

    A group is never named, nor is anybody where the newsletter leaves names out. A name needs the reader's consent and
    a recorded check; without them it does not leave this function.
    """
    lone = [key for key, number in readers.items() if number == 1]
    if not lone or not newsletter.names_readers:
        return {}
    found: dict[int, tuple[str | None, str, int]] = {}
    query = letters_behind_each(lone, Letter, Credit).join(Credit, Credit.letter_id == Letter.id)
    for key, letter, credit in session.execute(query.where(Credit.choice != "none")):
        fault = "consent" if credit.consent_text is None else "verified" if credit.verified_at is None else ""
        comma = phrases_for(newsletter.language)["comma"]
        names = {} if fault else contacts.names_of(session, [letter], {letter.id: credit}, comma)
        found[key] = (names.get(letter.id), fault, letter.id)
    return found


def own_phrases(session: Session, newsletter: Newsletter, language: str) -> dict[str, str]:
    """The house sentences that the newsletter words its own way."""
    return phrases_in(session, newsletter, {language})[language]


def phrases_in(session: Session, newsletter: Newsletter, languages: Collection[str]) -> dict[str, dict[str, str]]:
    """The same in several languages, in one query."""
    found: dict[str, dict[str, str]] = {language: {} for language in languages}
    mine = select(NewsletterText).where(NewsletterText.newsletter_id == newsletter.id)
    for row in session.scalars(mine.where(NewsletterText.language.in_(languages))):
        if row.kind in phrases_for(row.language):
            found[row.language][row.kind] = row.body
    return found


def _voices_of(session: Session, question_ids: Sequence[int]) -> dict[int, list[Voice]]:
    """Return the approved answers to several questions as they run, in one query."""
    found: dict[int, list[Voice]] = {key: [] for key in question_ids}
    query = (
        select(Answer, AnswerText)
        .options(lazyload(Answer.expert))  # the approval keeps how they are named
        .join(AnswerText, AnswerText.id == func.coalesce(Answer.approved_text_id, Answer.text_id))
        .where(Answer.question_id.in_(found), Answer.is_approved)
        .order_by(Answer.run_position, Answer.id)
    )
    for answer, text in session.execute(query):
        found[answer.question_id].append(Voice(LeadIn(**(answer.credit or answer.assignment.credit)), text.body))
    return found


def as_it_would_run(
    session: Session,
    newsletter: Newsletter,
    assignment: Assignment,
    text: QuestionText,
    body: str,
    credit_line: str,
    readers: int,
) -> Block:
    """Return what an expert is writing, set as print would have it. `readers` is how many asked; they are not named,
    whatever they agreed to."""
    question = session.get_one(Question, assignment.question_id)
    said = replace(LeadIn(**assignment.credit), credit_line=credit_line or None)
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


def lead_in(session: Session, newsletter: Newsletter, assignment: Assignment, language: str) -> str:
    """The line that would run before this expert's answer."""
    own = own_phrases(session, newsletter, language)
    return lead_in_text(language, LeadIn(**assignment.credit), newsletter.marks, own)


def piece_of(session: Session, newsletter: Newsletter, question: Question) -> tuple[Piece, NameTrouble | None]:
    """The piece that a question makes with its approved answers, and what is wrong with its credit."""
    return pieces_of(session, newsletter, [question])[0]


def pieces_of(
    session: Session, newsletter: Newsletter, questions: Sequence[Question]
) -> list[tuple[Piece, NameTrouble | None]]:
    """The same of several questions, in as many queries as for one."""
    if not questions:
        return []
    keys = [question.id for question in questions]
    texts, readers, voices = get_cleared_texts(session, keys), askers(session, questions), _voices_of(session, keys)
    names = _names_of(session, newsletter, readers)
    found: list[tuple[Piece, NameTrouble | None]] = []
    for one in questions:
        text = texts.get(one.id)  # newer words, which nobody has looked at yet, leave the house nowhere
        name, fault, letter_id = names.get(one.id, (None, "", 0))
        piece = Piece(
            language=text.language if text else newsletter.language,
            marks=newsletter.marks,
            section=newsletter.sections[one.section].name,
            headline=text.headline if text else "",
            askers=(name,) * max(readers[one.id], 1),
            question=(text.body or "") if text else "",
            voices=tuple(voices[one.id]),
        )
        found.append((piece, NameTrouble(one.id, one.headline, letter_id, fault) if fault else None))
    return found
