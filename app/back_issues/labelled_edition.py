"""An edition whose segments have labels, with the persons that it names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

from . import segment_labels as labels
from .credited_names import count_words, find_repeated_name
from .edition_outline import Scope
from .edition_persons import find_first_person, find_signer, find_writer, list_persons
from .issue_paragraph import Para
from .issue_words import Lexicon
from .lead_ins import find_guest, find_host, parse_lead_in
from .printed_names import PrintedExpert
from .segment_labels import Model
from .segments import Segment

MAX_SIGNATURES = 8  # segments at the end of an edition in which it is signed


@dataclass
class LabelledEdition:
    """An edition whose segments have labels.

    - scores: of each label for each segment.
    - borders: the kind of border above each segment.
    - scopes: of each paragraph, the innermost, or None above the first heading.
    - experts: those found so far, by name, as first mentioned.
    - guesses: the names of those who may only be the writer of the edition.
    - last_expert: the last of them, with the scope of their answer.
    """

    paras: Sequence[Para]
    lexicon: Lexicon
    segments: list[Segment]
    model: Model
    scores: list[list[float]]
    borders: list[str]
    labels: list[str]
    scopes: list[Scope | None] = field(default_factory=list)
    experts: dict[str, PrintedExpert] = field(default_factory=dict)
    guesses: set[str] = field(default_factory=set)
    last_expert: tuple[Scope | None, PrintedExpert] | None = None

    @cached_property
    def announced_hosts(self) -> dict[int, PrintedExpert]:
        """The experts that segments outside of Q&As announce as guest or host, by the indexes of these segments."""
        found = {}
        for index, text in self.iter_outside():
            if expert := find_guest(text, self.lexicon) or find_host(text, self.lexicon):
                found[index] = expert
        return found

    @cached_property
    def named_hosts(self) -> dict[int, PrintedExpert]:
        """The persons whom segments with the label of a host name, by the indexes of these segments."""
        hosts = {index: text for index, text in self.iter_outside() if self.labels[index] == labels.HOST}
        names = {
            index: find_first_person(self.segments[index].text, self.lexicon) or find_first_person(text, self.lexicon)
            for index, text in hosts.items()
        }
        announced = {index: self.announced_hosts.get(index) or self._read_lead_in(index) for index in hosts}
        return {index: announced[index] or PrintedExpert(name) for index, name in names.items() if name}

    def _read_lead_in(self, index: int) -> PrintedExpert | None:
        lead_in = parse_lead_in(self.segments[index].text, self.lexicon)
        return lead_in[0] if lead_in else None

    @cached_property
    def persons(self) -> list[str]:
        """The names of two words or more that the edition prints."""
        return list_persons((para.text for para in self.paras), self.lexicon)

    @cached_property
    def repeated_names(self) -> dict[int, PrintedExpert]:
        """The persons that segments outside of Q&As name and other paragraphs too, by the indexes of these segments."""
        words = count_words("\n".join(para.text for para in self.paras))
        found = {}
        for index, text in self.iter_outside():
            lead_in = self._read_lead_in(index)
            if lead_in and not lead_in.name.isupper():
                found[index] = lead_in
            elif name := find_repeated_name(text, words, self.lexicon):
                found[index] = PrintedExpert(name)
        return found

    @cached_property
    def writer(self) -> str:
        """The writer of the edition, as its text says ("by Maria Silva") or as it is signed at the end; or ""."""
        outside = [self.segments[index].text for index, _text in self.iter_outside()]
        writers = (find_writer(text, self.lexicon) for text in outside)
        signers = (find_signer(text, self.lexicon) for text in reversed(outside[-MAX_SIGNATURES:]))
        return next(filter(None, chain(writers, signers)), "")

    def iter_outside(self) -> Iterator[tuple[int, str]]:
        """Yield the index of each segment that may name a host, and the text of its paragraph."""
        for index, label in enumerate(self.labels):
            if label in (labels.OTHER, labels.HOST, labels.AUTHOR_BELOW):
                yield index, self.segments[index].para.text
