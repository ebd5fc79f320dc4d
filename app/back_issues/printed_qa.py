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

LONGEST_TITLE = 100  # characters of a question that replaces a missing headline


@dataclass(frozen=True)
class PrintedVoice:
    """One of the answers, as `house_form.Voice` is in the house form: the expert as named in the edition, and the
    paragraphs of what they said.
    """

    expert: PrintedExpert
    answer: tuple[str, ...]

    @property
    def markdown(self) -> str:
        """The answer for the house form, escaped so that nothing in it is read as markup."""
        return "\n\n".join(map(escape_markdown, self.answer))


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
        if self.askers:
            return self.askers
        return (None, None) if self.by_many else (None,)  # two are enough for the plural

    @property
    def title(self) -> str:
        """The headline, or the beginning of the question if there is none."""
        if self.headline:
            return self.headline
        if len(self.question) <= LONGEST_TITLE:
            return " ".join(self.question.split())
        whole_words = self.question[:LONGEST_TITLE].split()[:-1]
        return " ".join(whole_words) + " …"

    @property
    def fingerprint(self) -> str:
        """A SHA-256 of the normalised text, to recognise a Q&A that is imported again, whatever its file's layout."""
        texts = [self.question, *(paragraph for voice in self.voices for paragraph in voice.answer)]
        return sha256(" ".join(map(normalize_text, texts)).encode()).hexdigest()


def build_qas(found_qas: Iterable[FoundQA]) -> list[PrintedQA]:
    """Combine the Q&As of an edition, which have one answer each, if neighbours have the same question and headline."""
    groups = groupby(found_qas, key=lambda qa: (qa.day, qa.question, qa.headline))
    return [_combine(list(group)) for _key, group in groups]


def _combine(found_qas: Sequence[FoundQA]) -> PrintedQA:
    first = found_qas[0]
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
    )
