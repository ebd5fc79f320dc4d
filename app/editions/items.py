"""A Q&A as it ran: the data it was set from, what came out, and a hash that later readers of the record can check."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy.orm import Session

from ..lifecycle import Missing
from ..newsletters.models import Newsletter
from ..questions.lifecycle import cleared
from ..questions.models import Question
from ..text import for_print
from ..typesetting.block import Block
from ..typesetting.house_form import LeadIn, Piece, Voice, set_block
from ..typesetting.house_languages import marks_for
from ..typesetting.quotation import set_plain
from ..typesetting.renderers import to_text
from .block_data import own_phrases, piece_of
from .models import Edition, EditionItem


def freeze(session: Session, newsletter: Newsletter, edition: Edition, question: Question) -> EditionItem:
    """Set a picked question for good.

    Raises `Missing` when its newest words are not cleared, or when a reader's name in it may not be printed.
    """
    if not cleared.holds(question):
        raise Missing(cleared.name)
    piece, trouble = piece_of(session, newsletter, question)
    if trouble:
        raise Missing("consent" if trouble.fault == "consent" else "verified name")
    # The names stand beside the hashed record, so that they can be erased without breaking it.
    nameless = replace(piece, askers=tuple(None for _ in piece.askers))
    own = own_phrases(session, newsletter, piece.language)
    data = {"piece": asdict(nameless), "own": own}
    output = to_text(set_block(nameless, newsletter.address, own))
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


def piece_from(item: EditionItem) -> Piece:
    """The piece as it was locked, with the names that may still be printed."""
    data = item.input["piece"]
    voices = tuple(Voice(LeadIn(**voice["lead_in"]), voice["answer"]) for voice in data["voices"])
    return Piece(**{**data, "voices": voices, "askers": tuple(item.credits)})


def headline(item: EditionItem) -> str:
    """The headline as it ran, with the newsletter's marks: what is stored is what was typed."""
    piece = item.input["piece"]
    return set_plain(piece["headline"], marks_for(piece["language"], piece["marks"]))


def opening(item: EditionItem) -> str:
    """Return how the first answer begins, as it ran: for lists, which would be slow if each entry were set again."""
    asked = re.split(r"\n\s*\n", for_print(item.input["piece"]["question"]))
    before = 2 + len(asked)  # the heading, the question's paragraphs, the lead-in
    return item.output.split("\n\n")[before].strip()


def block_from(item: EditionItem, address: str | None = None) -> Block:
    return set_block(piece_from(item), address, item.input["own"])


def blocks_of_run(
    session: Session, newsletter: Newsletter, picked: Sequence[Piece], items: Sequence[EditionItem]
) -> list[Block]:
    """The edition's blocks in order, the standing call once at the end.

    What is locked comes as it was locked; what is only picked comes as it would run now, with no name that may not run.
    """
    if items:
        pieces = [(piece_from(item), item.input["own"]) for item in items]
    else:
        pieces = [(piece, own_phrases(session, newsletter, piece.language)) for piece in picked]
    if pieces and newsletter.call:
        last, own = pieces[-1]
        pieces[-1] = (replace(last, call=newsletter.call), own)
    return [set_block(piece, newsletter.address, own) for piece, own in pieces]
