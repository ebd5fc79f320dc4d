"""A Q&A of a back issue as a whole: one question with all that answered it there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from itertools import groupby

from ..typesetting.renderers import markdown_of
from .finding import Block
from .issue_words import normalize_text
from .printed_names import Expert

SHORT = 100  # characters of a question that stands in for a headline


@dataclass(frozen=True)
class PrintedVoice:
    """An answer: whom the edition named, and the paragraphs."""

    expert: Expert
    answer: tuple[str, ...]

    @property
    def markdown(self) -> str:
        """The answer as the house form takes it; no sign of it is read as markup."""
        return "\n\n".join(map(markdown_of, self.answer))


@dataclass(frozen=True)
class PrintedQA:
    """A Q&A as it stood in an edition: `day` is the edition's, None where the file doesn't say it; `unsure` are
    codes of `finding.DOUBTS`.
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
        """The askers, as the house form takes them: None for each who isn't named."""
        return self.askers or ((None, None) if self.by_many else (None,))

    @property
    def title(self) -> str:
        """The headline, or where there was none how the question begins."""
        if self.headline or len(self.question) <= SHORT:
            return self.headline or " ".join(self.question.split())
        return " ".join(self.question[:SHORT].split()[:-1]) + " …"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the words, by which a Q&A that comes again is known, however its file is laid out."""
        said = [self.question, *(part for voice in self.voices for part in voice.answer)]
        return sha256(" ".join(map(normalize_text, said)).encode()).hexdigest()


def build_qas(blocks: Iterable[Block]) -> list[PrintedQA]:
    """Put the blocks of one edition together to Q&As: those that follow one another with the same question are one."""
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
