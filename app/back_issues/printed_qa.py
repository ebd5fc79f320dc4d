"""A complete Q&A of a back issue: one question with all of its answers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from itertools import groupby

from ..typesetting.renderers import markdown_of
from .finding import Block
from .issue_words import normalize_text
from .printed_names import Expert

SHORT = 100  # characters of a question that replaces a missing headline


@dataclass(frozen=True)
class PrintedVoice:
    """An answer: the expert as named in the edition, and the paragraphs."""

    expert: Expert
    answer: tuple[str, ...]

    @property
    def markdown(self) -> str:
        """The answer for the house form, escaped so that nothing in it is read as markup."""
        return "\n\n".join(map(markdown_of, self.answer))


@dataclass(frozen=True)
class PrintedQA:
    """A Q&A as printed in an edition. `day` is that of the edition, or None if unknown; `unsure` lists codes of
    `finding.DOUBTS`.
    """

    day: date | None
    language: str
    section: str
    headline: str
    question: str
    askers: tuple[str, ...]
    voices: tuple[PrintedVoice, ...]
    unsure: tuple[str, ...] = ()
    by_many: bool = False

    @property
    def credits(self) -> tuple[str | None, ...]:
        """The askers' credits for the house form: None for each who isn't named."""
        return self.askers or ((None, None) if self.by_many else (None,))

    @property
    def title(self) -> str:
        """The headline, or the beginning of the question if there is none."""
        if self.headline or len(self.question) <= SHORT:
            return self.headline or " ".join(self.question.split())
        return " ".join(self.question[:SHORT].split()[:-1]) + " …"

    @property
    def fingerprint(self) -> str:
        """A SHA-256 of the normalised text, to recognise a Q&A that is imported again, whatever its file's layout."""
        said = [self.question, *(part for voice in self.voices for part in voice.answer)]
        return sha256(" ".join(map(normalize_text, said)).encode()).hexdigest()


def build_qas(blocks: Iterable[Block]) -> list[PrintedQA]:
    """Combine the blocks of an edition into Q&As, merging neighbours with the same question and headline."""
    made = []
    for _key, group in groupby(blocks, key=lambda block: (block.day, block.question, block.headline)):
        some = list(group)
        first = some[0]
        made.append(
            PrintedQA(
                first.day,
                first.language,
                first.section,
                first.headline,
                "\n\n".join(first.question),
                first.askers,
                tuple(PrintedVoice(block.expert, block.answer) for block in some),
                tuple(dict.fromkeys(code for block in some for code in block.unsure)),
                first.by_many,
            )
        )
    return made
