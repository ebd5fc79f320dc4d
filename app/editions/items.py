"""Q&As as pieces of the house form: from the rows of a question, and from the record that was locked."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, lazyload

from ..answers.models import Answer, AnswerText, Assignment
from ..core.domain_errors import MissingPrecondition
from ..letters import contacts
from ..letters.models import Credit, Letter
from ..newsletters.models import Newsletter, NewsletterText
from ..questions.lifecycle import has_cleared_text
from ..questions.models import Question, QuestionText
from ..questions.queries import count_askers, get_cleared_texts, letters_behind_each
from ..text.clean import for_print
from ..typesetting.block import Block
from ..typesetting.house_form import ItemContent, LeadIn, Voice, has_lead_in, lead_in_text, set_block
from ..typesetting.house_languages import marks_for, phrases_for
from ..typesetting.quotation import set_plain
from ..typesetting.renderers import to_text
from .models import Correction, Edition, EditionItem, ItemTranslation


@dataclass(frozen=True)
class NameTrouble:
    """The reason why a reader's name can't be printed: `fault` is "consent" or "verified" (the name isn't)."""

    question_id: int
    headline: str
    letter_id: int
    fault: str

    @property
    def error(self) -> MissingPrecondition:
        return MissingPrecondition("name_without_consent" if self.fault == "consent" else "name_not_verified")


def _names_of(
    session: Session, newsletter: Newsletter, readers: Mapping[int, int]
) -> dict[int, tuple[str | None, str, int]]:
    """Return the name of the only reader who asked, if they want to be named, its fault and the letter ID.

    The result is keyed by question ID; `readers` is the number of readers who asked each question. Groups are never
    named, and nobody is if the newsletter prints no names. A name needs the reader's consent and a recorded check, and
    without them this returns None for it, with the fault.
    """
    lone = [key for key, number in readers.items() if number == 1]
    if not lone or not newsletter.names_readers:
        return {}
    found: dict[int, tuple[str | None, str, int]] = {}
    query = letters_behind_each(lone, Letter, Credit).join(Credit, Credit.letter_id == Letter.id)
    for key, letter, credit in session.execute(query.where(Credit.choice != "none")):
        if credit.consent_text is None:
            found[key] = (None, "consent", letter.id)
            continue
        if credit.verified_at is None:
            found[key] = (None, "verified", letter.id)
            continue
        comma = phrases_for(newsletter.language)["comma"]
        names = contacts.names_of(session, [letter], {letter.id: credit}, comma)
        found[key] = (names.get(letter.id), "", letter.id)
    return found


def own_phrases(session: Session, newsletter: Newsletter, language: str) -> dict[str, str]:
    """Return the newsletter's own wordings of sentences of the house form, keyed by kind."""
    return phrases_in(session, newsletter, {language})[language]


def phrases_in(session: Session, newsletter: Newsletter, languages: Collection[str]) -> dict[str, dict[str, str]]:
    """Return `own_phrases` for several languages, keyed by language, in one query."""
    found: dict[str, dict[str, str]] = {language: {} for language in languages}
    mine = select(NewsletterText).where(NewsletterText.newsletter_id == newsletter.id)
    for row in session.scalars(mine.where(NewsletterText.language.in_(languages))):
        if row.kind in phrases_for(row.language):
            found[row.language][row.kind] = row.body
    return found


def _voices_of(session: Session, question_ids: Sequence[int]) -> dict[int, list[Voice]]:
    """Return the approved answers to several questions in the order of print, keyed by question ID, in one query."""
    found: dict[int, list[Voice]] = {key: [] for key in question_ids}
    query = (
        select(Answer, AnswerText)
        .options(lazyload(Answer.expert))  # not needed: the approval stored the credit
        .join(AnswerText, AnswerText.id == func.coalesce(Answer.approved_text_id, Answer.text_id))
        .where(Answer.question_id.in_(found), Answer.is_approved)
        .order_by(Answer.run_position, Answer.id)
    )
    for answer, text in session.execute(query):
        found[answer.question_id].append(Voice(LeadIn(**(answer.credit or answer.assignment.credit)), text.body))
    return found


def preview_answer(
    session: Session,
    newsletter: Newsletter,
    assignment: Assignment,
    text: QuestionText,
    body: str,
    credit_line: str,
    readers: int,
) -> Block:
    """Return an expert's draft typeset as in print. `readers` is the number of askers, who are never named here."""
    question = session.get_one(Question, assignment.question_id)
    said = replace(LeadIn(**assignment.credit), credit_line=credit_line or None)
    piece = ItemContent(
        language=text.language,
        marks=newsletter.marks,
        section=newsletter.sections[question.section].name,
        headline=text.headline,
        askers=(None,) * max(readers, 1),
        question=text.body or "",
        voices=(Voice(said, body),),
    )
    return set_block(piece, newsletter.address, own_phrases(session, newsletter, text.language))


def format_lead_in(session: Session, newsletter: Newsletter, assignment: Assignment, language: str) -> str:
    """Return the line that would be printed before this expert's answer."""
    own = own_phrases(session, newsletter, language)
    return lead_in_text(language, LeadIn(**assignment.credit), newsletter.marks, own)


def piece_of(session: Session, newsletter: Newsletter, question: Question) -> tuple[ItemContent, NameTrouble | None]:
    """Return the piece for a question with its approved answers, and the trouble with a reader's name, if any."""
    return pieces_of(session, newsletter, [question])[0]


def pieces_of(
    session: Session, newsletter: Newsletter, questions: Sequence[Question]
) -> list[tuple[ItemContent, NameTrouble | None]]:
    """Return `piece_of` for several questions, in as many queries as for one."""
    if not questions:
        return []
    keys = [question.id for question in questions]
    texts, readers = get_cleared_texts(session, keys), count_askers(session, questions)
    voices = _voices_of(session, keys)
    names = _names_of(session, newsletter, readers)
    found: list[tuple[ItemContent, NameTrouble | None]] = []
    for one in questions:
        text = texts.get(one.id)  # a newer wording that isn't cleared must not be published
        name, fault, letter_id = names.get(one.id, (None, "", 0))
        piece = ItemContent(
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


def freeze_item(session: Session, newsletter: Newsletter, edition: Edition, question: Question) -> EditionItem:
    """Return the record of a picked question as it is locked.

    Raises `MissingPrecondition` if its wording isn't cleared, or if a reader's name in it may not be printed.
    """
    has_cleared_text.require(question)
    piece, trouble = piece_of(session, newsletter, question)
    if trouble:
        raise trouble.error
    return build_edition_item(newsletter, edition, question, piece, own_phrases(session, newsletter, piece.language))


def build_edition_item(
    newsletter: Newsletter, edition: Edition, question: Question, piece: ItemContent, phrases: dict[str, str]
) -> EditionItem:
    """Return the record of a piece in its question's slot. `phrases` are the newsletter's own wordings."""
    # Names are stored apart from the hashed record, so that they can be erased without breaking the hash.
    nameless = replace(piece, askers=tuple(None for _ in piece.askers))
    data = {"piece": asdict(nameless), "own": phrases}
    output = to_text(set_block(nameless, newsletter.address, phrases))
    return EditionItem(
        edition_id=edition.id,
        position=question.position,
        question_id=question.id,
        input=data,
        output=output,
        sha256=item_digest(data, output),
        credits=list(piece.askers),
    )


def item_digest(data: dict[str, Any], output: str) -> str:
    """Return the SHA-256 of a record in a form that doesn't depend on the order of keys."""
    whole = json.dumps([data, output], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(whole.encode()).hexdigest()


def edition_digest(items: Sequence[EditionItem], corrections: Sequence[Correction]) -> str:
    """Return the SHA-256 of what is locked into an edition: the hash of each Q&A with its slot, and the corrections."""
    ran = [[item.position, item.sha256] for item in items]
    whole = json.dumps(
        [ran, [[one.wrong, one.right] for one in corrections]], ensure_ascii=False, separators=(",", ":")
    )
    return hashlib.sha256(whole.encode()).hexdigest()


def piece_from(item: EditionItem | ItemTranslation) -> ItemContent:
    """Return the piece as readers' pages show it, with the names that may still be printed."""
    return _piece(item, item.piece)


def piece_as_sent(item: EditionItem) -> ItemContent:
    """Return the piece as it was locked, with the names that may still be printed."""
    return _piece(item, item.input["piece"])


def _piece(item: EditionItem | ItemTranslation, data: dict[str, Any]) -> ItemContent:
    return replace(_piece_of(data), askers=tuple(item.credits))


def _piece_of(data: dict[str, Any]) -> ItemContent:
    voices = tuple(Voice(LeadIn(**voice["lead_in"]), voice["answer"]) for voice in data["voices"])
    return ItemContent(**{**data, "voices": voices})


def build_corrected_record(
    item: EditionItem, address: str, headline: str, question: str, answers: Sequence[str]
) -> dict[str, Any]:
    """Return the record of a published Q&A with a changed text, for the column `mended`: its data and its output."""
    data = item.piece
    voices = [{**voice, "answer": answer} for voice, answer in zip(data["voices"], answers, strict=True)]
    piece = {**data, "headline": headline, "question": question, "voices": voices}
    return {"piece": piece, "output": to_text(set_block(_piece_of(piece), address, item.own))}


def headline(item: EditionItem | ItemTranslation) -> str:
    """Return the headline with the newsletter's quotation marks; it is stored as typed."""
    return _headline(item.piece)


def sent_headline(item: EditionItem) -> str:
    """Return the headline as it was locked; empty if it was erased."""
    return _headline(item.input["piece"])


def _headline(data: Mapping[str, Any]) -> str:
    return set_plain(data["headline"], marks_for(data["language"], data["marks"]))


def opening(item: EditionItem | ItemTranslation) -> str:
    """Return the first paragraph of the first answer, for lists: typesetting each entry again would be slow."""
    piece = item.piece
    question_paragraphs = re.split(r"\n\s*\n", for_print(piece["question"]))
    index = 1 + len(question_paragraphs)  # after the heading and the question
    if has_lead_in(LeadIn(**piece["voices"][0]["lead_in"])):
        index += 1
    return item.text.split("\n\n")[index].strip()


def block_from(item: EditionItem | ItemTranslation, address: str | None = None) -> Block:
    return set_block(piece_from(item), address, item.own)
