"""The firewall: finds the askers' words in a text that is to leave the house beside the desk's wording: a brief, a
letter to an expert.

It is an aid like `recognise.py`: a paraphrase is not found, and a name may be somebody else's. That is why the desk is
warned, and a person decides.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from ..actors import Actor, Staff
from ..letters import contacts
from ..letters.models import Letter
from ..lifecycle import Missing
from ..text import SIGN, WORD, single_line
from .models import Question
from .queries import cleared_text, family, letters_behind

RUN = 4  # words in a row that hardly two people choose by chance; of Han and Kana signs twice as many
SHORTEST = 3  # letters of a name that is looked for
LONG = 8  # words in a row, or twice as many signs, of a wording that was left as it came
LETTERS = 200  # letters of a question that are looked through
_TOKENS = re.compile(rf"{SIGN}|{WORD}")
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")


@dataclass(frozen=True)
class Leak:
    """Words of the text, as they stand there, and whose they are: a letter's, a reader's name, or a reader's
    address."""

    kind: Literal["words", "name", "address"]
    text: str


class Leaking(Missing):
    """A text that is to leave holds what readers wrote or are called; somebody has to look at it first."""

    def __init__(self, passages: list[str], fact: str = "a second look") -> None:
        super().__init__(fact)
        self.passages = passages


def must_be_clear(session: Session, actor: Actor, question: Question, text: str, stood: str = "") -> None:
    """Raise `Leaking` unless nothing of the askers is found in a text, or the actor has looked at all that is found.

    What was typed since the actor looked is found anew. `stood` is what was there before anything was typed.
    """
    before = [leak.text for leak in leaks(session, question, stood)]
    found = [leak.text for leak in leaks(session, question, text) if leak.text not in before]
    must_have_looked(actor, found)


def must_have_looked(actor: Actor, found: list[str], fact: str = "a second look") -> None:
    """Raise `Leaking` unless the actor has looked at all the passages that were found, on the page that they press."""
    if not set(found) <= (actor.looked_at if isinstance(actor, Staff) else frozenset()):
        raise Leaking(found, fact)


def leaks(session: Session, question: Question, text: str) -> list[Leak]:
    """Find what readers wrote or are called in a text. What an editor has cleared may be said, and so may the words of
    somebody who wants them printed as they are."""
    if not text.strip():
        return []
    letters = asker_letters(session, question)
    cleared = cleared_text(session, question.id)
    said = [cleared.headline, cleared.body or "", cleared.background] if cleared else []
    private = [part for letter in letters if not letter.verbatim for part in (letter.body, letter.background) if part]
    found = [Leak("words", passage) for passage in shared(text, private, said)]
    found += [Leak("name", name) for name in _names(session, letters, text, " ".join(said))]
    return found + [Leak("address", address) for address in _addresses(session, letters, text)]


def asker_letters(session: Session, question: Question) -> list[Letter]:
    return letters_behind(family(session, question), rising=True).page(session, None, LETTERS)


def still_theirs(letters: Sequence[Letter], text: str) -> list[tuple[int, int]]:
    """Return where a wording is still the question as a reader put it, who did not ask for word for word: a long run of
    their words, or a short wording that is nothing else. What is shorter can often not be put in another way.
    """
    bodies = [letter.body for letter in letters if letter.body and not letter.verbatim]
    least = min(LONG, _length(text))
    return [(start, end) for start, end in passages(text, bodies) if _length(text[start:end]) >= least]


def _length(text: str) -> float:
    return sum(0.5 if re.match(SIGN, word) else 1 for word in _words(text))


def said_besides(session: Session, letters: Sequence[Letter], text: str) -> list[str]:
    """Return what in a wording readers said to the desk alone: in the background field and not in the question, their
    names and their addresses. Places are marked in every wording, and a country where somebody lives stands in many.
    """
    backgrounds = [letter.background for letter in letters if letter.background and not letter.verbatim]
    found = shared(text, backgrounds, [letter.body for letter in letters if letter.body])
    return [*found, *_names(session, letters, text, with_places=False), *_addresses(session, letters, text)]


def shared(text: str, private: Sequence[str], said: Sequence[str] = ()) -> list[str]:
    """The passages of a text that stand in one of the `private` ones too, word for word, and in none that was `said`;
    each on one line, wherever the text breaks its own."""
    return [single_line(text[start:end]) for start, end in passages(text, private, said)]


def passages(text: str, private: Sequence[str], said: Sequence[str] = ()) -> list[tuple[int, int]]:
    """Return where those stand: from where to before where, in code points."""
    theirs = {run for one in private for run in _runs(_words(one))} - {
        run for one in said for run in _runs(_words(one))
    }
    tokens = list(_TOKENS.finditer(text))
    found: list[tuple[int, int]] = []
    for at, size in _places([token.group().casefold() for token in tokens], theirs):
        start, end = tokens[at].start(), tokens[at + size - 1].end()
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


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


def _names(
    session: Session, letters: Sequence[Letter], text: str, said: str = "", with_places: bool = True
) -> list[str]:
    words, known = set(_words(text)), set(_words(said))
    names = [name if with_places else name.partition(", ")[0] for name in contacts.names_of(session, letters).values()]
    parts = {part for name in names for part in _TOKENS.findall(name) if len(part) >= SHORTEST}
    return sorted(part for part in parts if part.casefold() in words - known)


def _addresses(session: Session, letters: Sequence[Letter], text: str) -> list[str]:
    """Readers' addresses are opened only where the text holds any address at all."""
    written = {found.casefold(): found for found in _ADDRESS.findall(text)}
    if not written:
        return []
    readers = {address.casefold() for address in contacts.emails_of(session, letters)}
    return [found for folded, found in written.items() if folded in readers]
