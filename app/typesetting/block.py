"""A block: a typeset Q&A of an edition, independent of the export format.

It is flat on purpose: paragraphs of runs, each run with its own emphasis. Quotation marks are set across runs, and a
flat run can be split anywhere.
"""

from dataclasses import dataclass, replace
from typing import Literal

from .quotation import ParagraphChanges

Role = Literal["heading", "question", "lead_in", "answer", "call", "correction"]


@dataclass(frozen=True)
class Run:
    """Text in one style. A newline in it is an intended line break."""

    text: str
    strong: bool = False
    emphasis: bool = False
    href: str | None = None


@dataclass(frozen=True)
class Paragraph:
    """A paragraph or list item. `marker` is "-", or a number with a full stop, for a list item; otherwise empty."""

    role: Role
    runs: tuple[Run, ...]
    marker: str = ""

    @property
    def text(self) -> str:
        return "".join(run.text for run in self.runs)


@dataclass(frozen=True)
class PrintedCorrection:
    """A correction of a published Q&A: its date ("YYYY-MM-DD"), what was wrong, and what is right."""

    date: str
    wrong: str
    right: str


@dataclass(frozen=True)
class Block:
    """A typeset Q&A. `notes` are later corrections, which the paragraphs don't include."""

    language: str
    paragraphs: tuple[Paragraph, ...]
    notes: tuple[PrintedCorrection, ...] = ()


def set_runs(runs: tuple[Run, ...], changes: ParagraphChanges) -> tuple[Run, ...]:
    """Apply the changes of a paragraph's text to its runs. The marks before and after the paragraph have no style."""
    changed_runs = list(runs)
    if changes.edits:
        chars = changes.replace_chars("".join(run.text for run in runs))
        start = 0
        for index, run in enumerate(runs):
            end = start + len(run.text)
            changed_runs[index] = replace(run, text="".join(chars[start:end]))
            start = end
    return tuple(run for run in (Run(changes.opening), *changed_runs, Run(changes.closing)) if run.text)
