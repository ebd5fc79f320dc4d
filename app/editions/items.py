"""A Q&A as it ran: the data it was set from, what came out, and a hash that later readers of the record can check."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy.orm import Session

from ..core.state_machine import MissingPrecondition
from ..newsletters.models import Newsletter
from ..questions.lifecycle import cleared
from ..questions.models import Question
from ..text.clean import for_print
from ..typesetting.block import Block
from ..typesetting.house_form import LeadIn, Piece, Voice, has_lead_in, set_block
from ..typesetting.house_languages import marks_for
from ..typesetting.quotation import set_plain
from ..typesetting.renderers import to_text
from .block_data import own_phrases, piece_of
from .models import Correction, Edition, EditionItem, ItemTranslation


def freeze(session: Session, newsletter: Newsletter, edition: Edition, question: Question) -> EditionItem:
    """Set a picked question for good.

    Raises `MissingPrecondition` when its newest words are not cleared, or when a reader's name in it may not be
    printed.
    """
    if not cleared.holds(question):
        raise MissingPrecondition(cleared.name)
    piece, trouble = piece_of(session, newsletter, question)
    if trouble:
        raise MissingPrecondition("consent" if trouble.fault == "consent" else "verified name")
    return build_edition_item(newsletter, edition, question, piece, own_phrases(session, newsletter, piece.language))


def build_edition_item(
    newsletter: Newsletter, edition: Edition, question: Question, piece: Piece, phrases: dict[str, str]
) -> EditionItem:
    """Return the record of a piece in its question's slot, set with the newsletter's own house sentences."""
    # The names stand beside the hashed record, so that they can be erased without breaking it.
    nameless = replace(piece, askers=tuple(None for _ in piece.askers))
    data = {"piece": asdict(nameless), "own": phrases}
    output = to_text(set_block(nameless, newsletter.address, phrases))
    return EditionItem(
        edition_id=edition.id,
        position=question.position,
        question_id=question.id,
        input=data,
        output=output,
        sha256=digest(data, output),
        credits=list(piece.askers),
    )


def digest(data: dict[str, Any], output: str) -> str:
    """SHA-256 of the record in a form that does not depend on the order of keys."""
    whole = json.dumps([data, output], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(whole.encode()).hexdigest()


def edition_digest(items: Sequence[EditionItem], corrections: Sequence[Correction]) -> str:
    """SHA-256 of all that is locked into an edition: of the hash of each Q&A in its slot, and of the corrections of
    earlier editions that it carries.
    """
    ran = [[item.position, item.sha256] for item in items]
    whole = json.dumps(
        [ran, [[one.wrong, one.right] for one in corrections]], ensure_ascii=False, separators=(",", ":")
    )
    return hashlib.sha256(whole.encode()).hexdigest()


def piece_from(item: EditionItem | ItemTranslation) -> Piece:
    """The piece as readers' pages show it, with the names that may still be printed."""
    return _piece(item, item.piece)


def piece_as_sent(item: EditionItem) -> Piece:
    """The piece as it was locked, with the names that may still be printed."""
    return _piece(item, item.input["piece"])


def _piece(item: EditionItem | ItemTranslation, data: dict[str, Any]) -> Piece:
    return replace(_piece_of(data), askers=tuple(item.credits))


def _piece_of(data: dict[str, Any]) -> Piece:
    voices = tuple(Voice(LeadIn(**voice["lead_in"]), voice["answer"]) for voice in data["voices"])
    return Piece(**{**data, "voices": voices})


def set_again(item: EditionItem, address: str, headline: str, question: str, answers: Sequence[str]) -> dict[str, Any]:
    """Return the record of a Q&A that ran with other words in it: its data and its text, as `mended` keeps them."""
    data = item.piece
    voices = [{**voice, "answer": answer} for voice, answer in zip(data["voices"], answers, strict=True)]
    piece = {**data, "headline": headline, "question": question, "voices": voices}
    return {"piece": piece, "output": to_text(set_block(_piece_of(piece), address, item.own))}


def headline(item: EditionItem | ItemTranslation) -> str:
    """The headline with the newsletter's marks: what is stored is what was typed."""
    return _headline(item.piece)


def sent_headline(item: EditionItem) -> str:
    """The headline as it was locked; empty where it was erased."""
    return _headline(item.input["piece"])


def _headline(data: Mapping[str, Any]) -> str:
    return set_plain(data["headline"], marks_for(data["language"], data["marks"]))


def opening(item: EditionItem | ItemTranslation) -> str:
    """Return how the first answer begins: for lists, which would be slow if each entry were set again."""
    piece = item.piece
    asked = re.split(r"\n\s*\n", for_print(piece["question"]))
    led_in = has_lead_in(LeadIn(**piece["voices"][0]["lead_in"]))
    before = 1 + len(asked) + led_in  # the heading, the question's paragraphs, the lead-in
    return item.text.split("\n\n")[before].strip()


def block_from(item: EditionItem | ItemTranslation, address: str | None = None) -> Block:
    return set_block(piece_from(item), address, item.own)
