"""The status of a question in words: who has it, until when, who waits. Tables, one line for each case."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from ...answers.editing import PASSED
from ...answers.models import Answer, Assignment, Check
from ...editions.models import Edition
from ...questions.models import Question
from ...web.formatting import ago, day, is_past
from ..choices import EditionChoice
from .question_states import WORDS


@dataclass(frozen=True)
class Words:
    """Words for the time before a date and, where `late` says anything, for the time after it."""

    mark: str
    on_time: str
    late: str = ""


# In the order in which they press: the first one speaks for the question in a list.
PLACES = {
    "objected": Words("late", _l("%(name)s says that something in the text is wrong")),
    "submitted": Words("new", _l("%(name)s’s text is here, for you to edit")),
    "edited": Words("new", _l("%(name)s’s text is edited and hasn’t gone back yet")),
    "passed": Words("good", _l("%(name)s has passed the text, it waits for approval")),
    "checking": Words(
        "wait",
        _l("%(name)s checks the text, until %(day)s"),
        _l("%(name)s has the text for the check; the time was up %(ago)s ago"),
    ),
    "returned": Words(
        "wait",
        _l("%(name)s has the text once more, due %(day)s"),
        _l("%(name)s has the text once more; it was due %(ago)s ago"),
    ),
    "accepted": Words("wait", _l("%(name)s has it, due %(day)s"), _l("%(name)s has it; it was due %(ago)s ago")),
    "invited": Words(
        "wait",
        _l("%(name)s is asked and has until %(day)s to say yes or no"),
        _l("%(name)s hasn’t replied; the time was up %(ago)s ago"),
    ),
    "drafted": Words("none", _l("%(name)s isn’t asked yet")),
    "approved": Words("good", _l("%(name)s’s answer may run")),
    "held over": Words("none", _l("%(name)s’s text is kept for a later edition")),
    "later": Words("none", _l("%(name)s has no time now, but can from %(day)s on")),
    "declined": Words("none", _l("%(name)s can’t")),
    "cancelled": Words("none", _l("%(name)s isn’t asked any more")),
}
RANK = list(PLACES)
OVER = ("held over", "later", "declined", "cancelled")


@dataclass(frozen=True)
class Place:
    """One expert's part of a question: the assignment, what came of it, the newest check, and where it stands."""

    assignment: Assignment
    answer: Answer | None
    check: Check | None
    key: str

    @property
    def name(self) -> str:
        return self.assignment.expert.name

    @property
    def due_at(self) -> date | None:
        """The clock that runs now, or the day from which there would be time."""
        if self.key == "later":
            return self.assignment.later_on
        if self.key == "checking" and self.check:
            return self.check.due_at
        return self.assignment.reply_by if self.key == "invited" else self.assignment.due_at

    @property
    def is_late(self) -> bool:
        return bool(PLACES[self.key].late and isinstance(self.due_at, datetime) and is_past(self.due_at))

    @property
    def mark(self) -> str:
        return "late" if self.is_late else PLACES[self.key].mark

    @property
    def words(self) -> str:
        said, due = PLACES[self.key], self.due_at
        values = {"name": self.name, "day": day(due, "short") if due else ""}
        if isinstance(due, datetime):
            values["ago"] = ago(due)
        return str(said.late if self.is_late else said.on_time) % values


def place_of(assignment: Assignment, answer: Answer | None, check: Check | None) -> Place:
    key = "later" if assignment.is_declined and assignment.later_on else str(assignment.state)
    if answer and (assignment.has_text or answer.is_held_over):
        key = str(answer.state)
    if key == "edited" and answer and check and check.text_id == answer.text_id:
        key = "passed" if check.outcome in PASSED else "objected" if check.outcome == "wrong" else key
    return Place(assignment, answer, check, key)


def find_most_urgent(places: Sequence[Place]) -> Place | None:
    return min(places, key=lambda place: RANK.index(place.key), default=None)


def format_status(question: Question, status: Place) -> str:
    """Return where an expert's part stands; what ran isn't said to wait for it."""
    if status.key == "approved" and question.has_run:
        return _("%(name)s’s answer ran", name=status.name)
    return status.words


def says_who_has_it(question: Question, places: Sequence[Place]) -> str:
    """Say in a few words, for a row of a list, who has the question."""
    place = find_most_urgent([place for place in places if place.key not in OVER])
    if place:
        return place.words
    if not question.is_cleared:
        return _("You: the wording is to be confirmed")
    if places:
        return _("Nobody any more: %(words)s", words=places[-1].words)
    return _("Nobody yet")


def day_of_run(question: Question, edition: Edition | EditionChoice | None) -> str:
    """Return the day on which a question is to run, or ran, which may have been before the edition's own."""
    return day(edition.ran_at if question.has_run else edition.runs_at) if edition else ""


def format_question_summary(question: Question, places: Sequence[Place], readers: int, edition_day: str) -> str:
    """Say who waits for whom, in the sentences on top of the question's page."""
    said = []
    if says := WORDS[str(question.state)].says:
        said.append(_("%(words)s.", words=str(says) % {"edition": edition_day}))
    elif not question.is_cleared:
        said.append(_("Nobody has confirmed yet that the asker can’t be recognised in the wording."))
    live = sorted((place for place in places if place.key not in OVER), key=lambda place: RANK.index(place.key))
    said += [_("%(words)s.", words=format_status(question, place)) for place in live[:3]]
    if not live and question.is_open:
        said.append(
            _("%(words)s. Nobody has it now.", words=places[-1].words) if places else _("No expert has it yet.")
        )
    if question.is_settled:
        return " ".join(said)
    waiting = ngettext("One reader is waiting.", "%(num)s readers are waiting.", readers)
    return " ".join([*said, waiting if readers else _("No reader waits for it.")])
