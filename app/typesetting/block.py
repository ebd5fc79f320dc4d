"""A block: a Q&A as it stands in an edition, before anybody decides how it is written down.

It is a flat tree on purpose: paragraphs of runs, each run with its own emphasis. Quotation marks are set across runs,
and a flat run can be cut anywhere.
"""

from dataclasses import dataclass, replace
from typing import Literal

from .quotation import Setting

Role = Literal["heading", "question", "lead_in", "answer", "call", "correction"]


@dataclass(frozen=True)
class Run:
    """Text of one kind. A newline in it is a line break that the writer asked for."""

    text: str
    strong: bool = False
    emphasis: bool = False
    href: str | None = None


@dataclass(frozen=True)
class Paragraph:
    """`marker` is "-" or a number with a point for an item of a list, and empty elsewhere."""

    role: Role
    runs: tuple[Run, ...]
    marker: str = ""

    @property
    def text(self) -> str:
        return "".join(run.text for run in self.runs)


@dataclass(frozen=True)
class Note:
    """A correction of what ran: on which day ("YYYY-MM-DD") it was made, what was wrong, and what is right."""

    on: str
    wrong: str
    right: str


@dataclass(frozen=True)
class Block:
    """`notes` are the corrections that were made to it since; the paragraphs are without them, as it was set."""

    language: str
    paragraphs: tuple[Paragraph, ...]
    notes: tuple[Note, ...] = ()


def set_runs(runs: tuple[Run, ...], setting: Setting) -> tuple[Run, ...]:
    """Set the marks of a paragraph's text in its runs. What opens and closes it carries no emphasis."""
    if not setting.edits:
        return tuple(run for run in (Run(setting.opening), *runs, Run(setting.closing)) if run.text)
    done, at = [Run(setting.opening)], 0
    signs = setting.edited("".join(run.text for run in runs))
    for run in runs:
        end = at + len(run.text)
        done.append(replace(run, text="".join(signs[at:end])))
        at = end
    done.append(Run(setting.closing))
    return tuple(run for run in done if run.text)
