"""A complete Q&A of a back issue: one question with all of its answers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from itertools import groupby

from ..typesetting.renderers import escape_markdown
from .finding import FoundQA
from .issue_words import normalize_text
from .printed_names import PrintedExpert

MAX_TITLE_LENGTH = 100  # characters of a question that replaces a missing headline


@dataclass(frozen=True)
class PrintedVoice:
    """One of the answers: the expert as named in the edition, and the paragraphs of their answer.

    It becomes a `house_form.Voice` in the house form.
    """

    expert: PrintedExpert
    answer: tuple[str, ...]

    @property
    def markdown(self) -> str:
        """The answer for the house form, escaped so that nothing in it is read as markup."""
        return "\n\n".join(map(escape_markdown, self.answer))


@dataclass(frozen=True)
class PrintedQA:
    """A Q&A as printed in an edition.

    - day: that of the edition, or None if unknown.
    - by_many: whether the edition says that several readers asked.
    - unsure: codes of `finding.DOUBTS`.
    - source: the paragraphs of the edition around it, in order.
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
    source: tuple[str, ...] = ()

    @property
    def credits(self) -> tuple[str | None, ...]:
        """The askers' credits for the house form, in which None stands for an unnamed reader."""
        if self.askers:
            return self.askers
        return (None, None) if self.by_many else (None,)  # two unnamed readers are enough for the plural

    @property
    def title(self) -> str:
        """The headline, or the beginning of the question if there is none."""
        if self.headline:
            return self.headline
        if len(self.question) <= MAX_TITLE_LENGTH:
            return " ".join(self.question.split())
        complete_words = self.question[:MAX_TITLE_LENGTH].split()[:-1]
        return " ".join(complete_words) + " …"

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the normalised text, by which a repeated import is recognised even from another format."""
        texts = [self.question, *(paragraph for voice in self.voices for paragraph in voice.answer)]
        return sha256(" ".join(map(normalize_text, texts)).encode()).hexdigest()


def build_qas(found_qas: Iterable[FoundQA]) -> list[PrintedQA]:
    """Combine adjacent Q&As with the same question and headline, which are the answers of several experts."""
    groups = groupby(found_qas, key=lambda qa: (qa.day, qa.question, qa.headline))
    return [_combine(list(group)) for _key, group in groups]


def _combine(found_qas: Sequence[FoundQA]) -> PrintedQA:
    first = found_qas[0]
    source = dict(sorted(paragraph for qa in found_qas for paragraph in qa.source))
    return PrintedQA(
        day=first.day,
        language=first.language,
        section=first.section,
        headline=first.headline,
        question="\n\n".join(first.question),
        askers=first.askers,
        voices=tuple(PrintedVoice(qa.expert, qa.answer) for qa in found_qas),
        unsure=tuple(dict.fromkeys(code for qa in found_qas for code in qa.unsure)),
        by_many=first.by_many,
        source=tuple(source.values()),
    )
