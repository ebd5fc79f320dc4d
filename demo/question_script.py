"""The script of a demo question: the steps that lead to its state, each taken by a function of the product."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.answers import assigning, editing, expert_mails, translating, translators, writing
from app.answers.assigning import Brief
from app.answers.models import Answer, Assignment
from app.answers.schedule import EVENING
from app.core.actors import Actor, ExpertActor, Mailroom, Reader, Staff
from app.db.session import get_keyring
from app.editions import slots
from app.editions.calendar import in_utc
from app.editions.models import Edition
from app.editions.schedules import plan_assignment
from app.letters import contacts, receive
from app.letters.models import Letter
from app.questions import actions as questions
from app.questions import wording
from app.questions.models import Question
from app.workflows import invitations
from app.workflows.letters import endings

from .newsroom import ContentRow, DemoDesk, DemoNewsroom, subtract_days

LATE_REPLY_DAYS = 4  # since a late expert should have replied: too long ago for the worker to send a reminder
VERIFIED_HOW = "Confirmed by a reply from the address that came with the question."
SUBMITTED = ("invite", "accept", "submit")
APPROVED = (*SUBMITTED, "edit", "check", "settle", "approve")

# The steps of a question in each state of the content.
STEPS_BY_STATE: dict[str, tuple[str, ...]] = {
    "open": (),
    "prepared": ("prepare",),
    "invited": ("invite",),
    "declined": ("invite", "decline"),
    "accepted": ("invite", "accept", "draft"),
    "submitted": SUBMITTED,
    "edited": (*SUBMITTED, "edit"),
    "checking": (*SUBMITTED, "edit", "check"),
    "answered": APPROVED,
    "queued": (*APPROVED, "pick"),
    "published": (*APPROVED, "pick"),
    "shelved": ("shelve",),
    "closed": ("close",),
    "merged": ("merge",),
}


@dataclass
class QuestionScript:
    """A question of the content while its steps are replayed. `edition` is the one that it ran in or is meant for."""

    newsroom: DemoNewsroom
    desk: DemoDesk
    row: ContentRow
    edition: Edition
    letters: list[Letter] = field(default_factory=list)

    @property
    def question(self) -> Question:
        return self.newsroom.questions[self.row["key"]]

    @property
    def assignment_row(self) -> ContentRow:
        """The content's row of the assignment."""
        row: ContentRow = self.row["assignment"][0]
        return row

    @property
    def assignment(self) -> Assignment:
        return assigning.assignments_of(self.newsroom.session, self.question)[0]

    @property
    def expert(self) -> ExpertActor:
        """The expert as an actor with the link of the assignment."""
        assignment = self.assignment
        return ExpertActor(assignment.expert_id, assignment.expert.name, assignment.id)

    @property
    def answer(self) -> Answer:
        return writing.get_or_start_answer(self.newsroom.session, self.expert, self.assignment)

    @property
    def needs_check(self) -> bool:
        """Whether the expert checks the answer: one that was edited, and any under the policy "approve"."""
        return "edited" in self.assignment_row or self.desk.newsletter.check_policy == "approve"


def receive_letter(newsroom: DemoNewsroom, desk: DemoDesk, row: ContentRow, nonce: str) -> Letter:
    """Store a letter of the content. `nonce` is that of its form, so that its receipt is the same in every demo."""
    session = newsroom.session
    channel = row.get("channel", "web")
    actors: dict[str, Actor] = {"web": Reader(), "mail": Mailroom(), "event": desk.assistant}
    names = ("background", "language", "email", "credit", "name", "place", "verbatim")
    about_edition = desk.get_past_edition(row["about_edition_back"]) if "about_edition_back" in row else None
    submission = receive.Submission(
        row["body"],
        hear_back=row.get("hear_back", "once" if "email" in row else "number"),
        consent=desk.row["consent"],
        about_edition_id=about_edition.id if about_edition else None,
        **{name: row[name] for name in names if name in row},
    )
    return receive.send(
        session,
        actors[channel],
        desk.newsletter,
        submission,
        form=receive.FormToken(nonce, get_keyring(session).newest) if channel == "web" else None,
        channel=channel,
        signs=[row["held_reason"]] if "held_reason" in row else [],
    )


def receive_question_letter(script: QuestionScript, row: ContentRow, number: int) -> None:
    """Store a letter of the question, and add it to the question if that is open already."""
    nonce = f"{script.desk.newsletter.slug} {script.row['key']} {number}"
    letter = receive_letter(script.newsroom, script.desk, row, nonce)
    script.letters.append(letter)
    if script.row["key"] in script.newsroom.questions:
        questions.join(script.newsroom.session, script.desk.assistant, script.question, [letter])


def _open(script: QuestionScript) -> None:
    session, desk, row = script.newsroom.session, script.desk, script.row
    question = questions.open_question(
        session,
        desk.assistant,
        script.letters,
        headline=row["headline"],
        body=row["wording"],
        background=row["background"],
        language=desk.newsletter.language,
    )
    script.newsroom.questions[row["key"]] = question
    questions.set_topics(session, desk.assistant, question, [desk.topics[topic] for topic in row["topics"]])


def _clear(script: QuestionScript) -> None:
    question = script.question
    wording.clear(script.newsroom.session, script.desk.editor, question, question.text_id or 0)


def _show(script: QuestionScript) -> None:
    """Show the question to readers before it is answered."""
    _clear(script)
    questions.show(script.newsroom.session, script.desk.editor, script.question, True)


def _assign(script: QuestionScript, staff: Staff) -> Assignment:
    row = script.assignment_row
    expert = script.newsroom.experts[row["expert"]]
    brief = Brief(row["brief"])
    return assigning.assign(script.newsroom.session, staff, script.question, expert, brief, script.edition.id)


def _prepare(script: QuestionScript) -> None:
    """Let the assistant choose an expert; the editor has not approved the invitation yet."""
    _assign(script, script.desk.assistant)


def _invite(script: QuestionScript) -> None:
    _clear(script)
    editor = script.desk.editor
    assignment = _assign(script, editor)
    plan = plan_assignment(script.newsroom.session, assignment)
    if script.assignment_row.get("late"):
        day = subtract_days(script.newsroom.loaded_at, LATE_REPLY_DAYS)
        reply_by = in_utc(datetime.combine(day, EVENING), script.desk.newsletter.zone)
        plan = plan._replace(schedule=replace(plan.schedule, reply_by=reply_by))
    invitations.invite(script.newsroom.session, editor, assignment, plan)


def _decline(script: QuestionScript) -> None:
    session, expert, row = script.newsroom.session, script.expert, script.assignment_row
    later_on = (script.newsroom.loaded_at + timedelta(row["later_in_days"])).date()
    assigning.decline(session, expert, script.assignment, row["decline_reason"], later_on, row["decline_note"])
    assigning.suggest(session, expert, script.assignment, row["suggestion"])


def _accept(script: QuestionScript) -> None:
    assigning.accept(script.newsroom.session, script.expert, script.assignment)


def _draft(script: QuestionScript) -> None:
    content = writing.AnswerContent(script.assignment_row["draft"])
    writing.save_draft(script.newsroom.session, script.expert, script.assignment, "page", content, 1)


def _mail(script: QuestionScript) -> None:
    """Let the assistant write to the expert; the mail is held until an editor releases it."""
    text = script.assignment_row["mail"]
    expert_mails.send_desk_letter(script.newsroom.session, script.desk.assistant, script.assignment, text)


def _submit(script: QuestionScript) -> None:
    row = script.assignment_row
    content = writing.AnswerContent(row["answer"], row.get("ties", ""), own_words=True)
    writing.submit(script.newsroom.session, script.expert, script.assignment, content)


def _edit(script: QuestionScript) -> None:
    if "edited" in script.assignment_row:
        text = script.assignment_row["edited"]
        editing.edit(script.newsroom.session, script.desk.editor, script.answer, text)


def _check(script: QuestionScript) -> None:
    if script.needs_check:
        invitations.ask_check(script.newsroom.session, script.desk.editor, script.answer)


def _settle(script: QuestionScript) -> None:
    if script.needs_check:
        outcome = {"facts": "fine", "approve": "approved"}[script.desk.newsletter.check_policy]
        editing.settle_check(script.newsroom.session, script.expert, script.answer, outcome)


def _approve(script: QuestionScript) -> None:
    session, editor, letters = script.newsroom.session, script.desk.editor, script.letters
    if len(letters) == 1 and letters[0].credit:  # with several askers, nobody is named
        contacts.verify_credit(session, editor, letters[0], VERIFIED_HOW)
    editing.approve(session, editor, script.answer, checklist=editing.CHECKLIST)


def _translate(script: QuestionScript) -> None:
    """Invite an outside translator to translate the answer."""
    session, row = script.newsroom.session, script.row["translator"]
    [answer] = [original for original in translating.list_originals(session, script.question) if original.answer]
    translators.invite(session, script.desk.editor, answer, row["language"], row["name"], row["email"])


def _pick(script: QuestionScript) -> None:
    slots.pick(script.newsroom.session, script.desk.editor, script.question, script.edition)


def _shelve(script: QuestionScript) -> None:
    questions.shelve(script.newsroom.session, script.desk.assistant, script.question)


def _close(script: QuestionScript) -> None:
    reason = script.row["closed_reason"]
    endings.close_question(script.newsroom.session, script.desk.editor, script.question, reason)


def _merge(script: QuestionScript) -> None:
    target = script.newsroom.questions[script.row["merged_into"]]
    questions.merge(script.newsroom.session, script.desk.assistant, script.question, target)


@dataclass(frozen=True)
class Step:
    """A step of a script, and when it is taken.

    The content can set the time in a key that begins with `time_prefix` and ends in "_days_ago" or "_hours_ago".
    Otherwise it is after a `share` of the time from the first letter to the edition or today.
    """

    run: Callable[[QuestionScript], None]
    share: float
    time_prefix: str = ""


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


def list_steps(row: ContentRow) -> list[str]:
    """Return the names of a question's steps, in the order in which they are taken."""
    names = ["open"]
    if row.get("shown"):
        names.append("show")
    names += STEPS_BY_STATE[row["state"]]
    if any("mail" in assignment for assignment in row.get("assignment", ())):
        names.append("mail")
    if "translator" in row:
        names.append("translate")
    return names
