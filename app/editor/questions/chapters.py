"""The chapters of a question's page, in the order in which they are read: the one that is due first."""

from dataclasses import dataclass

from .dossier import Part, QuestionDetail


@dataclass(frozen=True)
class Chapter:
    """A chapter by its key, which is its place in the page's address, and the template that shows it, where there is
    anything to show; `part` is the expert's part whose text it holds.
    """

    key: str
    part: Part | None = None

    @property
    def template(self) -> str:
        return f"editor/questions/_{'answer' if self.part else self.key}.html"


BEFORE, BEHIND = ("mailed", "wording"), ("who", "alike", "about", "end", "trail")


def chapters(detail: QuestionDetail, due_chapter: str) -> list[Chapter]:
    answers = [Chapter(part.chapter, part) for part in detail.parts if part.texts]
    whole = [*map(Chapter, BEFORE), *answers, *map(Chapter, BEHIND)]
    return sorted(whole, key=lambda one: one.key != due_chapter)
