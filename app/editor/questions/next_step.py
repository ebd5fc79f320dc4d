"""The next step of a question: the one primary button of its page, and the order of the chapters."""

from collections.abc import Callable
from dataclasses import dataclass, field

from flask import url_for
from flask_babel import gettext as _

from ...answers.editing import NOT_CHECKED
from ...db.session import now
from ...web.formatting import day, zone
from ..conflict import version_token_of
from ..question_labels import STATE_LABELS
from .question_detail import ExpertPart, QuestionDetail
from .question_list import FINISHED_STATUSES


@dataclass(frozen=True)
class NextStep:
    """The next step of a question: a link or button on top of the page, or one inside a chapter."""

    chapter: str = ""  # the chapter to unfold
    label: str = ""
    href: str = ""  # empty if the chapter itself holds the button, or if somebody else has to act
    posts: bool = False  # it is a button that posts to `href`, instead of a link
    values: dict[str, str | int] = field(default_factory=dict)  # the hidden fields of the button


def _find_part(detail: QuestionDetail, *keys: str) -> ExpertPart | None:
    return next((part for part in detail.parts if part.status.key in keys), None)


def _confirm_wording(detail: QuestionDetail) -> NextStep | None:
    """Return the step to write the headline, or if there is one, to confirm the wording."""
    text = detail.question.text
    if detail.question.is_cleared or text is None:
        return None
    required_act = "clear" if text.headline else "word"
    return NextStep("wording") if detail.desk.may(required_act) else None


def _file_letters(detail: QuestionDetail) -> NextStep | None:
    """Return the step to file an expert's letter. It comes first, since the other steps depend on the letter."""
    has_letters = any(part.mails for part in detail.parts)
    return NextStep("mailed") if has_letters and detail.desk.may("take letters") else None


def _approve(key: str) -> Callable[[QuestionDetail], NextStep | None]:
    """Return a function for the step to approve the first answer with the status `key`, if the actor may."""

    def step(detail: QuestionDetail) -> NextStep | None:
        part = _find_part(detail, key)
        return NextStep(part.chapter) if part and "approve" in part.may_answer else None

    return step


def _edit(*keys: str) -> Callable[[QuestionDetail], NextStep | None]:
    def step(detail: QuestionDetail) -> NextStep | None:
        part = _find_part(detail, *keys)
        if part is None or part.answer is None or "edit" not in part.may_answer:
            return None
        href = detail.url("answer_edit", answer_id=part.answer.public_id)
        return NextStep(part.chapter, _("Edit %(name)s’s answer", name=part.name), href)

    return step


def _send_check(detail: QuestionDetail) -> NextStep | None:
    part = _find_part(detail, "edited")
    if part is None or part.answer is None or "check" not in part.may_answer or NOT_CHECKED not in part.faults:
        return None
    if part.status.contact.key == "bounced":  # the button beside the text asks whether to send it all the same
        return NextStep("who")
    href = detail.url("answer_check", answer_id=part.answer.public_id)
    label = _("Send %(name)s the quote check", name=part.name)
    return NextStep(part.chapter, label, href, posts=True, values={"seen": version_token_of(part.answer)})


def _send_invitation(detail: QuestionDetail) -> NextStep | None:
    """Return the step to send an invitation. Those that wait on a ladder are sent automatically."""
    drafted = (part for part in detail.parts if part.status.key == "drafted")
    part = next((part for part in drafted if part.assignment.after_id is None), None)
    if part is None or "invite" not in part.may_assignment:
        return None
    href = detail.url("assignment", assignment_id=part.assignment.public_id)
    return NextStep("", _("Read and send the invitation to %(name)s", name=part.name), href)


def _ask(detail: QuestionDetail) -> NextStep | None:
    if not detail.may_ask or any(part.status.key not in FINISHED_STATUSES for part in detail.parts):
        return None
    return NextStep("who", _("Ask an expert"), detail.url("ask"))


def _ask_again(detail: QuestionDetail) -> NextStep | None:
    """Return the step to ask an expert again who declined until a day that has come."""
    today = now(detail.desk.session).astimezone(zone()).date()
    part = _find_part(detail, "later")
    if part is None or _ask(detail) is None:
        return None
    later_on = part.assignment.later_on
    if later_on is not None and later_on > today:
        return None
    href = detail.url("ask", expert=part.assignment.expert.public_id)
    return NextStep("who", _("Ask %(name)s again", name=part.name), href)


def _ask_instead(detail: QuestionDetail) -> NextStep | None:
    """Return the step to ask somebody else if an invited expert hasn't replied in time."""
    part = _find_part(detail, "invited")
    if not detail.may_ask or part is None or not part.status.is_late or part.status.is_unreached:
        return None
    return NextStep("who", _("Ask someone else"), detail.url("ask"))


def _pick(detail: QuestionDetail) -> NextStep | None:
    if detail.free is None:
        return None
    label = _("Pick it for %(day)s", day=day(detail.free.runs_at))
    return NextStep("", label, detail.url("question_pick"), posts=True, values={"edition": detail.free.public_id})


def _open_edition(detail: QuestionDetail) -> NextStep | None:
    if detail.edition is None:
        return None
    slug, public_id = detail.desk.newsletter.slug, detail.edition.public_id
    label = _("Look at the edition of %(day)s", day=day(detail.edition.runs_at))
    return NextStep("", label, url_for("editor.edition", slug=slug, public_id=public_id))


def _move(action: str, label: str) -> Callable[[QuestionDetail], NextStep | None]:
    def step(detail: QuestionDetail) -> NextStep | None:
        href = detail.url("question_move", move=action)
        return NextStep("", str(label), href, posts=True) if action in detail.may else None

    return step


def _wait_for_expert(detail: QuestionDetail) -> NextStep | None:
    """Return a step without a button: only experts have to act."""
    return NextStep("who") if any(part.status.key not in FINISHED_STATUSES for part in detail.parts) else None


# In order of precedence: the first step that applies is shown.
STEPS_WITH_TEXT = (_file_letters, _edit("objected", "submitted"), _send_check, _approve("edited"), _approve("passed"))
STEPS_IN_WORK = (
    *STEPS_WITH_TEXT,
    _confirm_wording,
    _send_invitation,
    _pick,
    _ask_again,
    _ask,
    _ask_instead,
    _wait_for_expert,
)


def get_next_step(detail: QuestionDetail) -> NextStep | None:
    """Return the first step that applies, or None."""
    question = detail.question
    if question.is_in_work:
        steps = (get_step(detail) for get_step in STEPS_IN_WORK)
        return next((step for step in steps if step is not None), None)
    if question.is_queued:
        return _open_edition(detail)
    move = STATE_LABELS[str(question.state)].step
    return _move(*move)(detail) if move else None


@dataclass(frozen=True)
class Chapter:
    """A chapter of the page: its key, which is its anchor, and the expert's part whose texts it holds, if any."""

    key: str
    part: ExpertPart | None = None

    @property
    def template(self) -> str:
        return f"editor/questions/_{'answer' if self.part else self.key}.html"


BEFORE_ANSWERS = ("mailed", "wording")
AFTER_ANSWERS = ("who", "alike", "about", "end", "trail")


def list_chapters(detail: QuestionDetail, due_chapter: str) -> list[Chapter]:
    """Return the chapters of the page, that of the next step first."""
    answers = [Chapter(part.chapter, part) for part in detail.parts if part.texts]
    all_chapters = [*map(Chapter, BEFORE_ANSWERS), *answers, *map(Chapter, AFTER_ANSWERS)]
    return sorted(all_chapters, key=lambda chapter: chapter.key != due_chapter)
