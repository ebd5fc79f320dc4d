"""The next step of a question: the one primary button of its page, and the order of the chapters."""

from collections.abc import Callable
from dataclasses import dataclass, field

from flask import url_for
from flask_babel import gettext as _

from ...answers.editing import NOT_CHECKED
from ...db.session import now
from ...web.formatting import day, zone
from ..conflict import token_of
from ..question_labels import STATE_LABELS
from .question_detail import Part, QuestionDetail
from .question_list import OVER


@dataclass(frozen=True)
class Step:
    """The next step of a question.

    `chapter` is unfolded for it. Without an `href` the chapter holds the button, if there is one; otherwise the step is
    a link on top of the page, or with `posts` a button.
    """

    chapter: str = ""
    label: str = ""
    href: str = ""
    posts: bool = False
    values: dict[str, str | int] = field(default_factory=dict)


def _first(dossier: QuestionDetail, *keys: str) -> Part | None:
    return next((part for part in dossier.parts if part.place.key in keys), None)


def _confirm(dossier: QuestionDetail) -> Step | None:
    """Return the step to write a headline or to confirm the wording."""
    text = dossier.question.text
    if dossier.question.is_cleared or text is None:
        return None
    return Step("wording") if dossier.desk.may("clear" if text.headline else "word") else None


def _mail(dossier: QuestionDetail) -> Step | None:
    """Return the step to file an expert's letter. It comes first, since the other steps depend on the letter."""
    waits = any(part.mails for part in dossier.parts)
    return Step("mailed") if waits and dossier.desk.may("take letters") else None


def _approve(key: str) -> Callable[[QuestionDetail], Step | None]:
    """Return a step for the first answer at the place `key`, if the actor may approve it."""

    def step(dossier: QuestionDetail) -> Step | None:
        part = _first(dossier, key)
        return Step(part.chapter) if part and "approve" in part.may_answer else None

    return step


def _edit(*keys: str) -> Callable[[QuestionDetail], Step | None]:
    def step(dossier: QuestionDetail) -> Step | None:
        part = _first(dossier, *keys)
        if part is None or part.place.answer is None or "edit" not in part.may_answer:
            return None
        href = dossier.url("answer_edit", answer_id=part.place.answer.public_id)
        return Step(part.chapter, _("Edit %(name)s’s answer", name=part.place.name), href)

    return step


def _check(dossier: QuestionDetail) -> Step | None:
    part = _first(dossier, "edited")
    if part is None or part.place.answer is None or "check" not in part.may_answer or NOT_CHECKED not in part.faults:
        return None
    href = dossier.url("answer_check", answer_id=part.place.answer.public_id)
    label = _("Send %(name)s the quote check", name=part.place.name)
    return Step(part.chapter, label, href, posts=True, values={"seen": token_of(part.place.answer)})


def _invitation(dossier: QuestionDetail) -> Step | None:
    """Return the step to send an invitation. Those that wait on a ladder are sent automatically."""
    waits = (one for one in dossier.parts if one.place.key == "drafted" and one.place.assignment.after_id is None)
    part = next(waits, None)
    if part is None or "invite" not in part.may_assignment:
        return None
    href = dossier.url("assignment", assignment_id=part.place.assignment.public_id)
    return Step("", _("Read and send the invitation to %(name)s", name=part.place.name), href)


def _ask(dossier: QuestionDetail) -> Step | None:
    if not dossier.may_ask or any(part.place.key not in OVER for part in dossier.parts):
        return None
    return Step("who", _("Ask an expert"), dossier.url("ask"))


def _ask_again(dossier: QuestionDetail) -> Step | None:
    """Return the step to ask an expert again who had no time until now."""
    today = now(dossier.desk.session).astimezone(zone()).date()
    part = _first(dossier, "later")
    if part is None or (part.place.assignment.later_on or today) > today or _ask(dossier) is None:
        return None
    href = dossier.url("ask", expert=part.place.assignment.expert.public_id)
    return Step("who", _("Ask %(name)s again", name=part.place.name), href)


def _ask_instead(dossier: QuestionDetail) -> Step | None:
    """Return the step to ask somebody else if an invited expert hasn't replied in time."""
    late = _first(dossier, "invited")
    asks = dossier.may_ask and late and late.place.is_late
    return Step("who", _("Ask someone else"), dossier.url("ask")) if asks else None


def _pick(dossier: QuestionDetail) -> Step | None:
    if dossier.free is None:
        return None
    label = _("Pick it for %(day)s", day=day(dossier.free.runs_at))
    return Step("", label, dossier.url("question_pick"), posts=True, values={"edition": dossier.free.public_id})


def _edition(dossier: QuestionDetail) -> Step | None:
    if dossier.edition is None:
        return None
    slug, public_id = dossier.desk.newsletter.slug, dossier.edition.public_id
    label = _("Look at the edition of %(day)s", day=day(dossier.edition.runs_at))
    return Step("", label, url_for("editor.edition", slug=slug, public_id=public_id))


def _move(action: str, label: str) -> Callable[[QuestionDetail], Step | None]:
    def step(dossier: QuestionDetail) -> Step | None:
        href = dossier.url("question_move", move=action)
        return Step("", str(label), href, posts=True) if action in dossier.may else None

    return step


def _wait(dossier: QuestionDetail) -> Step | None:
    """Return the step without a button: an expert has to act."""
    return Step("who") if any(part.place.key not in OVER for part in dossier.parts) else None


WITH_A_TEXT = (_mail, _edit("objected", "submitted"), _check, _approve("edited"), _approve("passed"))
IN_WORK = (*WITH_A_TEXT, _confirm, _invitation, _pick, _ask_again, _ask, _ask_instead, _wait)


def next_step(dossier: QuestionDetail) -> Step | None:
    """Return the first step that applies, or None if nobody has to act."""
    question, own = dossier.question, STATE_LABELS[str(dossier.question.state)].step
    steps = IN_WORK if question.is_in_work else (_edition,) if question.is_queued else (_move(*own),) if own else ()
    return next((step for make in steps if (step := make(dossier)) is not None), None)


@dataclass(frozen=True)
class Chapter:
    """A chapter of the page: its key, which is its anchor, and the expert's part whose texts it holds, if any."""

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
