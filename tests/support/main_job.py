"""One Q&A from two readers’ letters to its edition, step by step: with function calls (`MainJob`), or in browsers."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from playwright.sync_api import expect
from sqlalchemy import select

from app.answers import assigning, editing, writing
from app.answers.models import Answer, Assignment
from app.core.actors import Clock, ExpertActor, Reader, Staff
from app.db.engine import Database
from app.editions import locking, planning, slots
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.letters import queries as letters
from app.letters import receive
from app.newsletters.models import Newsletter
from app.people import directory
from app.questions import actions as questions
from app.questions import wording
from app.questions.models import Question
from app.workflows import invitations
from app.workflows.publishing import publication
from tests.support.user_browsers import UserBrowser

START = datetime(2022, 10, 20, 9, tzinfo=UTC)  # a Thursday; the next edition is Wednesday 2 November
STORY = {
    "newsletter": {"name": "The Steppe Letter", "section": "Ask The Steppe", "marks": "typographic",
                   "call": "What would you like to know? Write to {address}.", "address": "nora@steppe.example"},
    "headline": "The Salt Wind",
    "question": "You wrote that the salt reaches the orchards. Who measures it, and can a village ask for the figures?",
    "expert": ("Leyla Aydın", "soil scientist at the Karakum Field Station", "which keeps the gauges"),
    "answer": 'Nobody is told to. We put up "salt plates" in 2009 and count what falls on them.\n\n'
              "A village can ask, and they're often surprised how short the list is.",
    "expected": """\
Ask The Steppe: The Salt Wind

Readers asked: “You wrote that the salt reaches the orchards. Who measures it, and can a village ask for the figures?”

To find out more, I asked Leyla Aydın, soil scientist at the Karakum Field Station, which keeps the gauges:

“Nobody is told to. We put up ‘salt plates’ in 2009 and count what falls on them.

“A village can ask, and they’re often surprised how short the list is.”

What would you like to know? Write to nora@steppe.example.
""",
}  # fmt: skip


class MainJob:
    """Drives one Q&A from the letters to the edition. Each step is a method, with its own transactions and time."""

    def __init__(self, database: Database, story: dict[str, Any]) -> None:
        self.database, self.story = database, story
        self.newsletter_id, self.editor = database.write(self._create_newsroom, START)

    def _create_newsroom(self, session: Any) -> tuple[int, Staff]:
        newsletter = Newsletter(
            slug="letter", publisher="Meridian", editor="Nora Lind", language="en", languages=["en"], zone="Europe/Prague",
            rule="FREQ=MONTHLY;BYDAY=1WE,3WE", rule_start=date(2022, 1, 1), at="09:00", **self.story["newsletter"],
        )  # fmt: skip
        session.add(newsletter)
        session.flush()
        nora = directory.add_person(session, Clock(), "Nora Lind", "nora@desk.example")
        directory.give_role(session, Clock(), nora, newsletter.id, "editor")
        planning.plan_newsletter(session, Clock(), newsletter)
        actor = directory.staff_actor(session, nora.id, newsletter.id)
        assert actor is not None
        return newsletter.id, actor

    def run_at(self, days: float, step: Any) -> Any:
        """Run a transaction so many days after `START`."""
        return self.database.write(step, START + timedelta(days=days))

    def send_letters(self) -> None:
        def ask(session: Any) -> None:
            newsletter = session.get_one(Newsletter, self.newsletter_id)
            receive.send(
                session,
                Reader(),
                newsletter,
                receive.Submission("did they not know about this before"),
                form=TIMUR_FORM,
            )
            dana = receive.Submission("who knew of it?", hear_back="once", email="dana@post.example")
            receive.send(session, Reader(), newsletter, dana, form=DANA_FORM)

        self.run_at(0, ask)

    def invite_expert(self) -> None:
        def invite(session: Any) -> None:
            received = letters.listing(self.newsletter_id, ("received",)).page(session, None, 10)[::-1]
            question = questions.open_question(
                session,
                self.editor,
                received,
                headline=self.story["headline"],
                body=self.story["question"],
                language="en",
            )
            wording.clear(session, self.editor, question, question.text_id)
            name, credit_line, relation = self.story["expert"]
            expert = directory.record_expert(
                session, self.editor, name, "expert@field.example", credit_line=credit_line, relation=relation
            )
            directory.verify_expert(session, self.editor, expert, "called the switchboard")
            edition = list_editions_to_run(session, self.newsletter_id, 1)[0]
            assignment = assigning.assign(session, self.editor, question, expert, for_edition_id=edition.id)
            invitations.invite(session, self.editor, assignment)

        self.run_at(0.1, invite)

    def submit_answer(self) -> None:
        def submit(session: Any) -> None:
            assignment = session.scalars(select(Assignment)).one()
            actor = ExpertActor(assignment.expert_id, assignment.expert.name, assignment.id)
            body = self.story["answer"] + "\n\nThis paragraph is too long for the slot."
            writing.submit(session, actor, assignment, writing.AnswerContent(body, own_words=True))

        self.run_at(2, submit)

    def edit_and_check_answer(self) -> None:
        def edit(session: Any) -> None:
            answer = session.scalars(select(Answer)).one()
            editing.edit(session, self.editor, answer, self.story["answer"])
            editing.ask_check(session, self.editor, answer)

        def agree(session: Any) -> None:
            answer = session.scalars(select(Answer)).one()
            editing.settle_check(session, ExpertActor(answer.expert_id, "-", answer.assignment_id), answer, "fine")

        self.run_at(3, edit)
        self.run_at(3.5, agree)

    def approve_and_pick(self) -> None:
        def approve(session: Any) -> None:
            answer = session.scalars(select(Answer)).one()
            editing.approve(session, self.editor, answer, checklist=editing.CHECKLIST, version=answer.version)
            edition = list_editions_to_run(session, self.newsletter_id, 1)[0]
            slots.pick(session, self.editor, session.get_one(Question, answer.question_id), edition)

        self.run_at(4, approve)

    def lock_and_send(self) -> None:
        def send(session: Any) -> None:
            edition = session.scalars(select(Edition).order_by(Edition.runs_at)).first()
            locking.lock_edition(session, self.editor, edition, edition.version)
            publication.send(session, self.editor, edition)

        self.run_at(12.95, send)

    def run_all(self) -> None:
        self.send_letters()
        self.invite_expert()
        self.submit_answer()
        self.edit_and_check_answer()
        self.approve_and_pick()
        self.lock_and_send()


TIMUR_FORM, DANA_FORM = receive.FormToken("timur's form", 1), receive.FormToken("dana's form", 1)


DESK_PATH = "/desk/steppe"
QUESTION_TEXT = "You wrote that the salt reaches the orchards. Who measures it, and can a village ask for the figures?"
FIRST_ANSWER = (
    'Nobody is told to. We put up "salt plates" in 2009 and count what falls on them.\n\n'
    "A village can ask, and they're often surprised how short the list is.\n\n"
    "What would help is a plate in every school yard. It costs less than the fence."
)
EDITED_ANSWER = FIRST_ANSWER.replace("We put up", "My station put up").replace(" It costs less than the fence.", "")


def word_question(nora: UserBrowser, desk: str = DESK_PATH) -> None:
    nora.open(f"{desk}/letters")
    checkboxes = nora.page.locator(".row input[type=checkbox]")
    expect(checkboxes).to_have_count(2)
    for checkbox in checkboxes.all():
        checkbox.check()
    nora.press("Make one question of them")
    nora.unfold("Change the wording")
    nora.write("Headline", "The Salt Wind")
    nora.write("The question, as it leaves the house", QUESTION_TEXT)
    nora.page.locator("select[name=language]:visible").select_option("en")
    nora.press("Save the wording")
    nora.press("Nobody can be recognised in it")


def invite_new_expert(nora: UserBrowser) -> None:
    nora.press("Ask an expert")
    nora.unfold("Or somebody new")
    nora.page.locator("input[name=name]").fill("Laura Venter")
    nora.page.locator("input[name=email]").fill("laura@aral.example")
    nora.page.locator("textarea[name=brief]").fill("For people who know orchards, not gauges.")
    nora.page.locator("input[name=words]").fill("150")
    nora.unfold("How one expert is named in print")
    nora.page.locator("input[name=credit_line]").fill("who reads the gauges at the Aral Station")
    nora.page.locator("input[name=relation]").fill("which publishes them")
    nora.press("Look at the invitations")
    nora.press("Send it to Laura Venter")


def write_answer(laura: UserBrowser, link: str) -> None:
    laura.open(link)
    expect(laura.page.locator("main")).to_contain_text(QUESTION_TEXT)
    laura.page.locator("textarea[name=answer]").fill(FIRST_ANSWER)
    laura.page.locator("input[name=own_words]").check()
    laura.press("Send to Nora Lind")
    expect(laura.page.locator("main")).to_contain_text("It costs less than the fence.”")


def open_question_page(nora: UserBrowser, desk: str = DESK_PATH) -> None:
    nora.open(f"{desk}/questions")
    nora.follow(nora.page.locator("main a[href*='/questions/']", has_text="The Salt Wind"))


def edit_and_send_check(nora: UserBrowser, desk: str = DESK_PATH) -> None:
    open_question_page(nora, desk)
    nora.follow(nora.page.get_by_role("link", name=re.compile("^Edit ")))  # one click
    nora.page.locator("textarea[name=answer]").fill(EDITED_ANSWER)
    nora.press("Save and send Laura Venter the check")  # two clicks
    expect(nora.page.locator("main")).to_contain_text("My station")


def accept_edited_answer(laura: UserBrowser, link: str) -> None:
    laura.open(link)
    laura.expect_heading("Is this still what you say?")
    assert "My station" in " ".join(laura.page.locator("ins").all_inner_texts())
    laura.press("Looks right")


def approve_answer(nora: UserBrowser, desk: str = DESK_PATH) -> None:
    open_question_page(nora, desk)
    nora.press("Note a check")  # opens the form that it links to, also without scripts
    nora.write("What you did", "Called the station's switchboard.")
    nora.press("Note the check")
    for checkbox in nora.page.locator("input[name=checked]").all():
        checkbox.check()
    nora.press("Approve Laura Venter’s answer")


def build_edition(nora: UserBrowser, desk: str = DESK_PATH) -> str:
    """Pick the answer for the coming edition, and return the URL of its page."""
    nora.open(f"{desk}/")
    nora.follow(nora.page.locator(".coming section a"))
    edition = nora.page.url
    nora.page.get_by_role("button", name=re.compile("^Put in slot 1")).click()
    expect(nora.page.locator("#slot-list .head")).to_have_count(1)
    nora.check_page()
    return edition


def lock_and_send_edition(nora: UserBrowser) -> None:
    nora.follow(nora.page.get_by_role("button", name="Lock the edition"))
    nora.press("Mark as sent")


def follow_receipt_to_answer(reader: UserBrowser, receipt: str, newsletter: str = "/steppe") -> None:
    reader.open(f"{newsletter}/receipt")
    in_persian = receipt.translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"))
    reader.page.locator("input[name=receipt]").fill(in_persian)
    reader.follow(reader.page.locator("main form button"))
    reader.follow(reader.page.locator("main a[href*='/q/']"))
    reader.expect_heading("The Salt Wind")
    expect(reader.page.locator("main")).to_contain_text(QUESTION_TEXT)
