"""Q&As as pieces of the house form: from the rows of a question, and from the record that was locked."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

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
    """A reader's name that can't be printed. `fault` is "consent" if the reader's consent is missing, or "verified" if
    nobody has recorded a check of the name.
    """

    question_id: int
    headline: str
    letter_id: int
    fault: str

    @property
    def error(self) -> MissingPrecondition:
        return MissingPrecondition("name_without_consent" if self.fault == "consent" else "name_not_verified")


class PrintedExpert(NamedTuple):
    """The name and credit line in the lead-in of an answer. Answers of the desk itself have no name."""

    name: str
    credit_line: str


class _AskerName(NamedTuple):
    """The printed name of the reader who asked a question, or None and the `fault` of a `NameTrouble`."""

    letter_id: int
    name: str | None
    fault: str = ""


def _get_asker_names(session: Session, newsletter: Newsletter, readers: Mapping[int, int]) -> dict[int, _AskerName]:
    """Return the names of readers who asked a question alone and want to be named, keyed by question ID.

    `readers` is the number of readers who asked each question. Groups are never named, and nobody is if the newsletter
    prints no names. A name needs the reader's consent and a recorded check.
    """
    question_ids = [question_id for question_id, number in readers.items() if number == 1]
    if not question_ids or not newsletter.names_readers:
        return {}
    asker_names: dict[int, _AskerName] = {}
    query = letters_behind_each(question_ids, Letter, Credit).join(Credit, Credit.letter_id == Letter.id)
    for question_id, letter, credit in session.execute(query.where(Credit.choice != "none")):
        if credit.consent_text is None:
            asker_names[question_id] = _AskerName(letter.id, None, "consent")
            continue
        if credit.verified_at is None:
            asker_names[question_id] = _AskerName(letter.id, None, "verified")
            continue
        comma = phrases_for(newsletter.language)["comma"]
        names = contacts.names_of(session, [letter], {letter.id: credit}, comma)
        asker_names[question_id] = _AskerName(letter.id, names.get(letter.id))
    return asker_names


def own_phrases(session: Session, newsletter: Newsletter, language: str) -> dict[str, str]:
    """Return the newsletter's own wordings of sentences of the house form, keyed by kind."""
    return phrases_in(session, newsletter, {language})[language]


def phrases_in(session: Session, newsletter: Newsletter, languages: Collection[str]) -> dict[str, dict[str, str]]:
    """Return `own_phrases` for several languages, keyed by language, in one query."""
    phrases: dict[str, dict[str, str]] = {language: {} for language in languages}
    query = select(NewsletterText).where(
        NewsletterText.newsletter_id == newsletter.id, NewsletterText.language.in_(languages)
    )
    for text in session.scalars(query):
        if text.kind in phrases_for(text.language):
            phrases[text.language][text.kind] = text.body
    return phrases


def _get_voices(session: Session, question_ids: Sequence[int]) -> dict[int, list[Voice]]:
    """Return the approved answers to several questions in the order of print, keyed by question ID, in one query."""
    voices: dict[int, list[Voice]] = {question_id: [] for question_id in question_ids}
    query = (
        select(Answer, AnswerText)
        .options(lazyload(Answer.expert))  # not needed: the approval stored the credit
        .join(AnswerText, AnswerText.id == func.coalesce(Answer.approved_text_id, Answer.text_id))
        .where(Answer.question_id.in_(voices), Answer.is_approved)
        .order_by(Answer.run_position, Answer.id)
    )
    for answer, text in session.execute(query):
        lead_in = LeadIn(**(answer.credit or answer.assignment.credit))
        voices[answer.question_id].append(Voice(lead_in, text.body))
    return voices


def preview_answer(
    session: Session, newsletter: Newsletter, assignment: Assignment, text: QuestionText, body: str, credit_line: str
) -> Block:
    """Return an expert's draft typeset as in print, with unnamed askers, as many as readers are told."""
    question = session.get_one(Question, assignment.question_id)
    lead_in = replace(LeadIn(**assignment.credit), credit_line=credit_line or None)
    piece = ItemContent(
        language=text.language,
        marks=newsletter.marks,
        section=newsletter.sections[question.section].name,
        headline=text.headline,
        askers=(None,) * max(question.asker_level, 1),
        question=text.body or "",
        voices=(Voice(lead_in, body),),
    )
    return set_block(piece, newsletter.address, own_phrases(session, newsletter, text.language))


def format_lead_in(session: Session, newsletter: Newsletter, assignment: Assignment, language: str) -> str:
    """Return the line that would be printed before this expert's answer."""
    phrases = own_phrases(session, newsletter, language)
    return lead_in_text(language, LeadIn(**assignment.credit), newsletter.marks, phrases)


def piece_of(session: Session, newsletter: Newsletter, question: Question) -> tuple[ItemContent, NameTrouble | None]:
    """Return the piece for a question with its approved answers, and the trouble with a reader's name, if any."""
    return pieces_of(session, newsletter, [question])[0]


def pieces_of(
    session: Session, newsletter: Newsletter, questions: Sequence[Question]
) -> list[tuple[ItemContent, NameTrouble | None]]:
    """Return `piece_of` for several questions, in as many queries as for one."""
    if not questions:
        return []
    question_ids = [question.id for question in questions]
    texts = get_cleared_texts(session, question_ids)
    readers = count_askers(session, questions)
    voices = _get_voices(session, question_ids)
    asker_names = _get_asker_names(session, newsletter, readers)
    pieces: list[tuple[ItemContent, NameTrouble | None]] = []
    for question in questions:
        text = texts.get(question.id)  # a newer wording that isn't cleared must not be published
        asker = asker_names.get(question.id)
        name = asker.name if asker else None
        piece = ItemContent(
            language=text.language if text else newsletter.language,
            marks=newsletter.marks,
            section=newsletter.sections[question.section].name,
            headline=text.headline if text else "",
            askers=(name,) * max(readers[question.id], 1),
            question=(text.body or "") if text else "",
            voices=tuple(voices[question.id]),
        )
        trouble = None
        if asker and asker.fault:
            trouble = NameTrouble(question.id, question.headline, asker.letter_id, asker.fault)
        pieces.append((piece, trouble))
    return pieces


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
    """Return the SHA-256 of a record; it doesn't depend on the order of keys."""
    canonical_json = json.dumps([data, output], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical_json.encode()).hexdigest()


def edition_digest(items: Sequence[EditionItem], corrections: Sequence[Correction]) -> str:
    """Return the SHA-256 of what is locked into an edition: the hash of each Q&A with its slot, and the corrections."""
    contents = [
        [[item.position, item.sha256] for item in items],
        [[correction.wrong, correction.right] for correction in corrections],
    ]
    canonical_json = json.dumps(contents, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical_json.encode()).hexdigest()


def piece_from(item: EditionItem | ItemTranslation) -> ItemContent:
    """Return the piece as readers' pages show it, with the names that may still be printed."""
    return replace(_build_piece(item.piece), askers=tuple(item.credits))


def piece_as_sent(item: EditionItem) -> ItemContent:
    """Return the piece as it was locked, with the names that may still be printed."""
    return replace(_build_piece(item.input["piece"]), askers=tuple(item.credits))


def _build_piece(data: dict[str, Any]) -> ItemContent:
    """Return the piece that `build_edition_item` stored as `data`, without names of askers."""
    voices = tuple(Voice(LeadIn(**voice["lead_in"]), voice["answer"]) for voice in data["voices"])
    return ItemContent(**{**data, "voices": voices})


def build_corrected_record(
    item: EditionItem,
    address: str,
    headline: str,
    question: str,
    answers: Sequence[str],
    experts: Sequence[PrintedExpert],
) -> dict[str, Any]:
    """Return the value of the column `mended` for a published Q&A with a changed text: its data and output."""
    data = item.piece
    voices = [
        {"lead_in": {**voice["lead_in"], **expert._asdict()}, "answer": answer}
        for voice, answer, expert in zip(data["voices"], answers, experts, strict=True)
    ]
    piece = {**data, "headline": headline, "question": question, "voices": voices}
    return {"piece": piece, "output": to_text(set_block(_build_piece(piece), address, item.own))}


def list_printed_experts(data: Mapping[str, Any]) -> tuple[PrintedExpert, ...]:
    """Return the experts of a stored piece, in the order of its answers."""
    lead_ins = [voice["lead_in"] for voice in data["voices"]]
    return tuple(PrintedExpert(lead_in["name"], lead_in["credit_line"] or "") for lead_in in lead_ins)


def headline(item: EditionItem | ItemTranslation) -> str:
    """Return the headline with the newsletter's quotation marks. It is stored with the marks that were typed."""
    return _typeset_headline(item.piece)


def sent_headline(item: EditionItem) -> str:
    """Return the headline as it was locked; empty if it was erased."""
    return _typeset_headline(item.input["piece"])


def _typeset_headline(data: Mapping[str, Any]) -> str:
    return set_plain(data["headline"], marks_for(data["language"], data["marks"]))


def opening(item: EditionItem | ItemTranslation) -> str:
    """Return the first paragraph of the first answer, for lists.

    The paragraph comes from the stored text, as typesetting each entry of a list again would be slow.
    """
    piece = item.piece
    question_paragraphs = re.split(r"\n\s*\n", for_print(piece["question"]))
    index = 1 + len(question_paragraphs)  # after the heading and the question
    if has_lead_in(LeadIn(**piece["voices"][0]["lead_in"])):
        index += 1
    return item.text.split("\n\n")[index].strip()


def list_printed_texts(item: EditionItem | ItemTranslation) -> tuple[str, str, str]:
    """Return what a search finds of a Q&A as readers see it: its headline, the question, and all else.

    That is its answers with the names and credit lines of the experts, and the names of readers that are printed.
    """
    piece = piece_from(item)
    comma = phrases_for(piece.language)["comma"]
    texts = []
    for voice in piece.voices:
        lead_in = voice.lead_in
        names = comma.join(filter(None, (lead_in.name, lead_in.credit_line, lead_in.relation)))
        texts.append(f"{names}: {voice.answer}" if names else voice.answer)
    return piece.headline, piece.question, "\n".join((*texts, *filter(None, piece.askers)))


def block_from(item: EditionItem | ItemTranslation, address: str | None = None) -> Block:
    return set_block(piece_from(item), address, item.own)
