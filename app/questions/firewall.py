"""What of the askers stands in a text that is to leave the house beside the desk's wording: a brief, a letter to an expert.

It is an aid like `recognise.py`: a paraphrase is not found, and a name may be somebody else's. That is why the desk is
warned, and a person decides.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from ..letters import contacts
from ..letters.models import Letter
from ..text import SIGN, WORD
from .models import Question
from .queries import cleared_text, family, some_letters

RUN = 4  # words in a row that hardly two people choose by chance; of Han and Kana signs twice as many
SHORTEST = 3  # letters of a name that is looked for
LETTERS = 200  # letters of a question that are looked through
_TOKENS = re.compile(rf"{SIGN}|{WORD}")
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")


@dataclass(frozen=True)
class Leak:
    """Words of the text, as they stand there, and whose they are: a letter's, a reader's name, or a reader's address."""

    kind: Literal["words", "name", "address"]
    text: str


def leaks(session: Session, question: Question, text: str) -> list[Leak]:
    """Find what readers wrote or are called in a text. What an editor has cleared may be said, and so may the words of
    somebody who wants them printed as they are."""
    if not text.strip():
        return []
    letters = some_letters(session, family(session, question), LETTERS)
    cleared = cleared_text(session, question.id)
    said = [cleared.headline, cleared.body or "", cleared.background] if cleared else []
    private = [part for letter in letters if not letter.verbatim for part in (letter.body, letter.background) if part]
    found = [Leak("words", passage) for passage in shared(text, private, said)]
    found += [Leak("name", name) for name in _names(session, letters, text, " ".join(said))]
    return found + [Leak("address", address) for address in _addresses(session, letters, text)]


def shared(text: str, private: Sequence[str], said: Sequence[str] = ()) -> list[str]:
    """The passages of a text that stand in one of the `private` ones too, word for word, and in none that was `said`."""
    theirs = {run for one in private for run in _runs(_words(one))} - {
        run for one in said for run in _runs(_words(one))
    }
    tokens = list(_TOKENS.finditer(text))
    passages: list[tuple[int, int]] = []
    for at, size in _places([token.group().casefold() for token in tokens], theirs):
        start, end = tokens[at].start(), tokens[at + size - 1].end()
        if passages and start <= passages[-1][1]:
            passages[-1] = (passages[-1][0], max(end, passages[-1][1]))
        else:
            passages.append((start, end))
    return [text[start:end] for start, end in passages]


def _words(text: str) -> list[str]:
    return [match.group().casefold() for match in _TOKENS.finditer(text)]


def _size(words: Sequence[str]) -> int:
    signs = sum(bool(re.match(SIGN, word)) for word in words[: 2 * RUN])
    return 2 * RUN if signs > RUN else RUN


def _runs(words: list[str]) -> Iterator[tuple[str, ...]]:
    for at in range(len(words)):
        size = _size(words[at:])
        if at + size <= len(words):
            yield tuple(words[at : at + size])


def _places(words: list[str], runs: set[tuple[str, ...]]) -> Iterator[tuple[int, int]]:
    for at in range(len(words)):
        for size in (2 * RUN, RUN):
            run = tuple(words[at : at + size])
            if run in runs:
                yield at, len(run)
                break


def _names(session: Session, letters: Sequence[Letter], text: str, said: str) -> list[str]:
    words, known = set(_words(text)), set(_words(said))
    names = contacts.names_of(session, letters).values()
    parts = {part for name in names for part in _TOKENS.findall(name) if len(part) >= SHORTEST}
    return sorted(part for part in parts if part.casefold() in words - known)


def _addresses(session: Session, letters: Sequence[Letter], text: str) -> list[str]:
    """Readers' addresses are opened only where the text holds any address at all."""
    written = {found.casefold(): found for found in _ADDRESS.findall(text)}
    if not written:
        return []
    readers = {address.casefold() for address in contacts.emails_of(session, letters)}
    return [found for folded, found in written.items() if folded in readers]
