"""Marking the parts of a Q&A in the paragraphs from which it was read, to compare both."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .printed_qa import PrintedQA

# The parts, by the order in which they are marked: a part of an earlier kind isn't searched for in later ones.
KINDS = ("answer", "question", "headline", "asker", "expert")


class MarkedText(NamedTuple):
    """A piece of a paragraph, and the part of the Q&A that it is: one of `KINDS`, or "" for none."""

    text: str
    kind: str


def mark_source(qa: PrintedQA) -> list[list[MarkedText]]:
    """Return the paragraphs of `qa.source` in pieces, with the parts of the Q&A marked at their first occurrence.

    A part that was printed with other spaces or across paragraphs is not found, and not marked.
    """
    spans: list[list[tuple[int, int, str]]] = [[] for _paragraph in qa.source]
    for kind, text in _iter_parts(qa):
        _mark_first(qa.source, spans, kind, text)
    return [_split(text, sorted(found)) for text, found in zip(qa.source, spans, strict=True)]


def _iter_parts(qa: PrintedQA) -> Iterator[tuple[str, str]]:
    """Yield the parts with their kinds, in the order of `KINDS`; answers from the longest paragraph to the shortest."""
    texts = {
        "answer": sorted((text for voice in qa.voices for text in voice.answer), key=len, reverse=True),
        "question": qa.question.split("\n\n"),
        "headline": [qa.headline],
        "asker": list(qa.askers),
        "expert": [
            text for voice in qa.voices for text in (voice.expert.name, voice.expert.credit_line, voice.expert.relation)
        ],
    }
    for kind in KINDS:
        yield from ((kind, text.strip()) for text in texts[kind] if text.strip())


def _mark_first(paragraphs: Sequence[str], spans: list[list[tuple[int, int, str]]], kind: str, text: str) -> None:
    """Add the first occurrence of a text that overlaps no other part to the spans of its paragraph."""
    pattern = re.compile(r"\s+".join(map(re.escape, text.split())))
    for paragraph, found in zip(paragraphs, spans, strict=True):
        for match in pattern.finditer(paragraph):
            start, end = match.span()
            if all(end <= other_start or start >= other_end for other_start, other_end, _kind in found):
                found.append((start, end, kind))
                return


def _split(text: str, spans: Sequence[tuple[int, int, str]]) -> list[MarkedText]:
    pieces = []
    position = 0
    for start, end, kind in spans:
        pieces += [MarkedText(text[position:start], ""), MarkedText(text[start:end], kind)]
        position = end
    return [piece for piece in [*pieces, MarkedText(text[position:], "")] if piece.text]
