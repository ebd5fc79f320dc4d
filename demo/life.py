"""The steps of a demo question, each by a function of the product, and the steps that lead to each state."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.answers import assigning, editing, expert_mails, translating, translators, writing
from app.answers.assigning import Brief
from app.answers.models import Answer, Assignment
from app.core.actors import Actor, ExpertActor, Mailroom, Reader, Staff
from app.db.session import get_keyring
from app.editions import slots
from app.editions.calendar import EVENING, in_utc
from app.editions.models import Edition
from app.letters import contacts, receive
from app.letters.models import Letter
from app.questions import actions as questions
from app.questions import wording
from app.questions.models import Question
from app.workflows import invitations
from app.workflows.letters import endings

from .house import Desk, House, Row, ago

REPLY_LATE = 4  # days since a late expert should have replied: too long ago for the worker to send a reminder
VERIFIED = "Confirmed by a reply from the address that came with the question."
WRITTEN = ("invite", "accept", "submit")
APPROVED = (*WRITTEN, "edit", "check", "settle", "approve")

# The steps of a question in each state of the content.
PATHS: dict[str, tuple[str, ...]] = {
    "open": (),
    "prepared": ("prepare",),
    "invited": ("invite",),
    "declined": ("invite", "decline"),
    "accepted": ("invite", "accept", "draft"),
    "submitted": WRITTEN,
    "edited": (*WRITTEN, "edit"),
    "checking": (*WRITTEN, "edit", "check"),
    "answered": APPROVED,
    "queued": (*APPROVED, "pick"),
    "published": (*APPROVED, "pick"),
    "shelved": ("shelve",),
    "closed": ("close",),
    "merged": ("merge",),
}


@dataclass
class Life:
    """A question in progress. `edition` is the one that it ran in or is meant for."""

    house: House
    desk: Desk
    row: Row
    edition: Edition
    letters: list[Letter] = field(default_factory=list)

    @property
    def question(self) -> Question:
        return self.house.questions[self.row["key"]]

    @property
    def asked(self) -> Row:
        """The content's row of the assignment."""
        said: Row = self.row["assignment"][0]
        return said

    @property
    def assignment(self) -> Assignment:
        return assigning.assignments_of(self.house.session, self.question)[0]

    @property
    def expert(self) -> ExpertActor:
        """The expert as an actor with the link of the assignment."""
        assignment = self.assignment
        return ExpertActor(assignment.expert_id, assignment.expert.name, assignment.id)

    @property
    def answer(self) -> Answer:
        return writing.get_or_start_answer(self.house.session, self.expert, self.assignment)

    @property
    def is_checked(self) -> bool:
        """True if the expert checks the answer: one that was edited, and any under the policy "approve"."""
        return "edited" in self.asked or self.desk.newsletter.check_policy == "approve"


def take_letter(house: House, desk: Desk, row: Row, nonce: str) -> Letter:
    """Store a letter. `nonce` is that of its form, so that the letter has the same receipt in every demo."""
    channel = row.get("channel", "web")
    actors: dict[str, Actor] = {"web": Reader(), "mail": Mailroom(), "event": desk.assistant}
    hear_back = row.get("hear_back", "once" if "email" in row else "number")
    about = desk.sent[row["about_edition_back"] - 1].id if "about_edition_back" in row else None
    ask = receive.Submission(
        row["body"],
        hear_back=hear_back,
        consent=desk.row["consent"],
        about_edition_id=about,
        **{
            name: row[name]
            for name in ("background", "language", "email", "credit", "name", "place", "verbatim")
            if name in row
        },
    )
    return receive.send(
        house.session,
        actors[channel],
        desk.newsletter,
        ask,
        form=receive.FormToken(nonce, get_keyring(house.session).newest) if channel == "web" else None,
        channel=channel,
        signs=[*filter(None, [row.get("held_reason")])],
    )


def arrive(life: Life, letter: Row, number: int) -> None:
    """Store a letter of the question, and add it to the question if that is open already."""
    nonce = f"{life.desk.newsletter.slug} {life.row['key']} {number}"
    life.letters.append(take_letter(life.house, life.desk, letter, nonce))
    if life.row["key"] in life.house.questions:
        questions.join(life.house.session, life.desk.assistant, life.question, life.letters[-1:])


def _open(life: Life) -> None:
    session, row = life.house.session, life.row
    question = questions.open_question(
        session,
        life.desk.assistant,
        life.letters,
        headline=row["headline"],
        body=row["wording"],
        background=row["background"],
        language=life.desk.newsletter.language,
    )
    life.house.questions[row["key"]] = question
    questions.set_topics(session, life.desk.assistant, question, [life.desk.topics[topic] for topic in row["topics"]])


def _clear(life: Life) -> None:
    wording.clear(life.house.session, life.desk.editor, life.question, life.question.text_id or 0)


def _show(life: Life) -> None:
    _clear(life)
    questions.show(life.house.session, life.desk.editor, life.question, True)


def _assign(life: Life, staff: Staff) -> Assignment:
    expert = life.house.experts[life.asked["expert"]]
    brief, edition = life.asked["brief"], life.edition.id
    return assigning.assign(life.house.session, staff, life.question, expert, Brief(brief), edition)


def _prepare(life: Life) -> None:
    """Let the assistant choose an expert; the editor has not approved the invitation yet."""
    _assign(life, life.desk.assistant)


def _invite(life: Life) -> None:
    _clear(life)
    assignment = _assign(life, life.desk.editor)
    evening = datetime.combine(ago(life.house.at, REPLY_LATE), EVENING)
    late = in_utc(evening, life.desk.newsletter.zone) if life.asked.get("late") else None
    invitations.invite(life.house.session, life.desk.editor, assignment, reply_by=late)


def _decline(life: Life) -> None:
    session, expert, asked = life.house.session, life.expert, life.asked
    later_on = ago(life.house.at, -asked["later_in_days"]).date()
    assigning.decline(session, expert, life.assignment, asked["decline_reason"], later_on, asked["decline_note"])
    assigning.suggest(session, expert, life.assignment, asked["suggestion"])


def _accept(life: Life) -> None:
    assigning.accept(life.house.session, life.expert, life.assignment)


def _draft(life: Life) -> None:
    writing.save_draft(
        life.house.session, life.expert, life.assignment, "page", writing.AnswerContent(life.asked["draft"]), 1
    )


def _mail(life: Life) -> None:
    """Let the assistant write to the expert; the mail is held until an editor releases it."""
    expert_mails.send_desk_letter(life.house.session, life.desk.assistant, life.assignment, life.asked["mail"])


def _submit(life: Life) -> None:
    written = writing.AnswerContent(life.asked["answer"], life.asked.get("ties", ""), own_words=True)
    writing.submit(life.house.session, life.expert, life.assignment, written)


def _edit(life: Life) -> None:
    if "edited" in life.asked:
        editing.edit(life.house.session, life.desk.editor, life.answer, life.asked["edited"])


def _check(life: Life) -> None:
    if life.is_checked:
        editing.ask_check(life.house.session, life.desk.editor, life.answer, runs_at=life.edition.runs_at)


def _settle(life: Life) -> None:
    if life.is_checked:
        outcome = {"facts": "fine", "approve": "approved"}[life.desk.newsletter.check_policy]
        editing.settle_check(life.house.session, life.expert, life.answer, outcome)


def _approve(life: Life) -> None:
    session, editor = life.house.session, life.desk.editor
    if len(life.letters) == 1 and life.letters[0].credit:  # with several askers, nobody is named
        contacts.verify_credit(session, editor, life.letters[0], VERIFIED)
    editing.approve(session, editor, life.answer, checklist=editing.CHECKLIST)


def _translate(life: Life) -> None:
    """Ask an outside translator for the answer in another language."""
    session, asked = life.house.session, life.row["translator"]
    [answer] = [one for one in translating.list_originals(session, life.question) if one.answer]
    translators.invite(session, life.desk.editor, answer, asked["language"], asked["name"], asked["email"])


def _pick(life: Life) -> None:
    slots.pick(life.house.session, life.desk.editor, life.question, life.edition)


def _shelve(life: Life) -> None:
    questions.shelve(life.house.session, life.desk.assistant, life.question)


def _close(life: Life) -> None:
    endings.close_question(life.house.session, life.desk.editor, life.question, life.row["closed_reason"])


def _merge(life: Life) -> None:
    questions.merge(
        life.house.session, life.desk.assistant, life.question, life.house.questions[life.row["merged_into"]]
    )


@dataclass(frozen=True)
class Step:
    """A step. Its time is a `share` of the time from the first letter to the edition or today, unless the content sets
    it, in the key `said` with `_days_ago` or `_hours_ago`.
    """

    do: Callable[[Life], None]
    share: float
    said: str = ""


STEPS = {
    "open": Step(_open, 0.05),
    "show": Step(_show, 0.1),
    "prepare": Step(_prepare, 0.6),
    "invite": Step(_invite, 0.15, "invited"),
    "accept": Step(_accept, 0.2),
    "draft": Step(_draft, 0.8),
    "mail": Step(_mail, 0.9, "mail"),
    "decline": Step(_decline, 0.35),
    "submit": Step(_submit, 0.45, "submitted"),
    "edit": Step(_edit, 0.52, "edited"),
    "check": Step(_check, 0.55, "checking"),
    "settle": Step(_settle, 0.6),
    "approve": Step(_approve, 0.65),
    "pick": Step(_pick, 0.75),
    "translate": Step(_translate, 0.8, "translator"),
    "shelve": Step(_shelve, 0.3),
    "close": Step(_close, 0.3),
    "merge": Step(_merge, 0.6),
}
LEAST = timedelta(minutes=10)  # between two steps


def path_of(row: Row) -> tuple[str, ...]:
    more = {"mail": any("mail" in asked for asked in row.get("assignment", ())), "translate": "translator" in row}
    last = (step for step, is_there in more.items() if is_there)
    return ("open", *(("show",) if row.get("shown") else ()), *PATHS[row["state"]], *last)
