"""The page of a question and the editing of an answer in a real browser: by pointer, by keyboard alone, without scripts."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, editing
from app.answers.models import Answer, AnswerText, Assignment
from app.core.actors import Clock, Reader
from app.crypto.seal import Keys
from app.db.engine import Database
from app.letters import receive
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people import sign_in
from app.people.models import Expert, Person
from app.questions import actions, notes
from app.questions.models import Question
from app.text.clean import word_count
from app.text.diff import changes
from tests.support.app import SECRETS
from tests.support.processes import run_site, start_forked
from tests.support.sample_newsroom import Newsroom, create_submitted_answer
from tests.support.user_browsers import UserBrowser
from tests.support.waiting import click_and_wait, wait_for_next_page, wait_until_page

pytestmark = pytest.mark.browser

QUESTION = "Why do ferries leave Garasu half empty while trucks wait at the gate?"
KEPT = (
    "The ferry is not empty for want of trucks. It is empty because it was sold as a train ferry. {deck} belong to rail "
    "wagons, and a wagon place may not be given to a truck until two hours before departure, when it is too late to do the "
    "papers at the gate.\n\n"
    "The second reason is the weather rule. The captain must decide six hours ahead, on a forecast that is already twelve "
    "hours old. In my last year at the port, one autumn crossing in five was cancelled on a day with a calm sea. I kept the "
    "list of those days in a small black notebook, and anybody at the port who wants to can come and look at it.{director}\n\n"
    "What would help costs almost nothing: release the wagon places a day earlier, and let the gate work at night. I proposed "
    "this in 2021. The answer was that the regulation is from 1996 and is being revised.{end}"
)
LONG = KEPT.format(
    deck="On the deck plan forty of the fifty-four places",
    director=(
        " I showed it to the director of the port and to the two men from the ministry who came that spring, and they "
        "said that it was not the business of a dispatcher to count."
    ),
    end=" Whoever wants to see the list can write to me.",
)
SHORT = KEPT.format(deck="On the deck plan 40 of the 54 places", director="", end="")
MOST_TABS = 120


@dataclass
class Desk:
    """The newsroom as it is served, for all tests of this file, and Nora's way in, who has signed in once."""

    chromium: Browser
    database: Database
    newsroom: Newsroom
    site: str
    signed_in: Any

    def nora(self, scripts: bool = True, width: int = 1280) -> UserBrowser:
        context = self.chromium.new_context(
            java_script_enabled=scripts, viewport={"width": width, "height": 900}, storage_state=self.signed_in
        )
        return UserBrowser(context, self.site, scripts)

    def question(self) -> str:
        """The page of a new question: letters in three languages, Leyla's long answer, Marek prepared to be asked."""
        return self.database.write(lambda session: ask_question(session, self.newsroom))

    def answer(self, page: str) -> str:
        with self.database.read() as session:
            question = session.scalars(select(Question).filter_by(public_id=page[-12:])).one()
            return (
                f"{page}/answers/{session.scalars(select(Answer).filter_by(question_id=question.id)).one().public_id}"
            )

    def get_newest(self, model: Any) -> Any:
        with self.database.read() as session:
            return session.scalars(select(model).order_by(model.id.desc()).limit(1)).one()


def ask_question(session: Session, newsroom: Newsroom) -> str:
    answer = create_submitted_answer(session, newsroom, QUESTION)
    text = session.get_one(AnswerText, answer.text_id)
    text.body, text.words = LONG, word_count(LONG)
    question = session.get_one(Question, answer.question_id)
    newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
    bodies = ("why the ferry go half empty when there is trucks", "چرا کشتی نیمه‌خالی می‌رود؟", "Неге паром бос кетеді?")
    letters = [
        receive.send(
            session, Reader(), newsletter, receive.Submission(body), form=receive.FormToken(f"{body} {question.id}", 1)
        )
        for body in bodies
    ]
    actions.join(session, newsroom.nora, question, letters)
    assigning.assign(session, newsroom.nora, question, session.get_one(Expert, newsroom.marek.expert_id))
    notes.note(session, newsroom.ilya, question, "@Nora the 54 places are in the leaflet, p. 4.")
    return f"/desk/steppe/questions/{question.public_id}"


@pytest.fixture(scope="module")
def room(
    chromium: Browser, sqlite_newsroom: tuple[Path, Newsroom], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("room")
    url = f"sqlite:///{shutil.copy(sqlite_newsroom[0], folder / 'newsroom.db')}"
    with run_site(url, folder / "mail", start_forked) as site:
        database, newsroom = Database(url, Keys(SECRETS), site), sqlite_newsroom[1]
        person = newsroom.nora.person_id
        link = database.write(lambda session: sign_in.invite(session, Clock(), session.get_one(Person, person), "desk"))
        context = chromium.new_context()
        page = context.new_page()
        page.goto(site + link.removeprefix(site))
        click_and_wait(page.get_by_role("button", name="Sign in"))
        yield Desk(chromium, database, newsroom, site, context.storage_state())
        context.close()
        database.close()


def pressed_by_pointer(page: Page, name: str) -> None:
    click_and_wait(page.get_by_role("button", name=name).or_(page.get_by_role("link", name=name)).first)


def pressed_by_key(page: Page, name: str) -> None:
    """Walk with the tab key to what has this name, and press Enter."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        focused = "document.activeElement.matches('a, button') ? document.activeElement.innerText : ''"
        if name in str(page.evaluate(focused)):
            with wait_for_next_page(page):
                page.keyboard.press("Enter")
            return
    raise AssertionError(f"{name} can’t be reached with the tab key")


def typed_by_key(page: Page, text: str) -> None:
    """Walk to the box and write the text in place of what stands there."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "answer":
            page.keyboard.press("Control+A")
            page.keyboard.insert_text(text)
            return
    raise AssertionError("the box can’t be reached with the tab key")


@pytest.mark.parametrize(
    ("by_key", "scripts"),
    [(False, True), (True, True), (False, False)],
    ids=["pointer", "keyboard alone", "scripts off"],
)
def test_214_words_are_cut_to_169_with_three_changes_and_sent_back_in_two_presses(room, by_key, scripts):
    assert (word_count(LONG), word_count(SHORT), len(changes(LONG, SHORT))) == (214, 169, 3)
    nora, presses = room.nora(scripts), 0
    press_it, page = (pressed_by_key if by_key else pressed_by_pointer), nora.page
    page.goto(room.site + room.question())
    press_it(page, "Edit Leyla Aydın’s answer")
    presses += 1
    if by_key:
        typed_by_key(page, SHORT)
    else:
        page.get_by_label("The text as it will run").fill(SHORT)
    if scripts:  # the count and the changes follow what is typed
        expect(page.locator("b[data-words]")).to_have_text("169")
        page.locator("#so-far del").first.wait_for()
    press_it(page, "Save and send Leyla Aydın the check")
    presses += 1
    expect(page.locator(".standing")).to_contain_text("Leyla Aydın checks the text")
    assert (room.get_newest(Answer).state, room.get_newest(AnswerText).words, room.get_newest(OutboxMail).kind, presses) == (
        "checking", 169, "expert.check", 2
    )  # fmt: skip
    nora.context.close()


def test_without_scripts_the_changes_are_shown_by_a_button_and_nothing_is_saved(room):
    nora = room.nora(scripts=False)
    nora.open(room.question())
    nora.press("Edit Leyla Aydın’s answer")
    nora.write("The text as it will run", SHORT)
    nora.press("Show the changes")
    expect(nora.page.locator(".write-bar .count")).to_contain_text("169 of about")
    expect(nora.page.locator("#so-far .apart del")).to_have_count(3)
    assert room.get_newest(AnswerText).body == LONG
    nora.context.close()


def test_a_colleague_is_called_by_one_press_and_stands_out_in_the_trail(room):
    nora = room.nora()
    nora.page.goto(room.site + room.question())
    nora.unfold("Notes, and what happened")
    nora.page.get_by_role("button", name="@Ilya Brandt").click()
    expect(nora.page.locator("#note")).to_be_focused()
    nora.page.keyboard.insert_text("can you ring them?")
    pressed_by_pointer(nora.page, "Add the note")
    expect(nora.page.locator(".called")).to_have_text(["@Ilya Brandt", "@Nora"])
    assert room.get_newest(OutboxMail).kind == "desk.mention"
    nora.context.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_every_page_of_this_part_fits_and_axe_finds_nothing(room, width):
    """In both schemes, everything unfolded; `UserBrowser.check_unfolded_page` checks them."""
    address, nora = room.question(), room.nora(width=width)
    answer, page = room.answer(address), nora.page
    brief = f"{address}/assignments/{room.get_newest(Assignment).public_id}/brief"

    page.goto(f"{room.site}{address}")
    nora.unfold("Something else with this answer")
    nora.unfold("Approve it")
    click_and_wait(page.get_by_role("button", name="Approve Leyla Aydın’s answer"))
    expect(page.get_by_text("Not ticked yet")).to_have_count(6)
    nora.check_unfolded_page()
    for path in (f"{address}/letters", brief):
        page.goto(room.site + path)
        nora.check_unfolded_page()
    page.goto(f"{room.site}{answer}/edit")
    nora.check_unfolded_page()
    box = page.get_by_label("The text as it will run")
    assert are_beside(page, ".edit-own", "#answer") is (width > 700)
    room.database.write(lambda s: editing.edit(s, room.newsroom.ilya, newest_answer(s), SHORT))
    box.fill(LONG.replace("calm", "quiet"))
    click_and_wait(page.get_by_role("button", name="Save", exact=True))
    nora.expect_heading("Ilya Brandt was faster")
    wait_until_page(page, "document.activeElement.innerText === 'Ilya Brandt was faster'")
    nora.check_unfolded_page()
    page.goto(f"{room.site}{answer}?from=1&to=2")
    nora.check_unfolded_page()
    page.goto(room.site + address)
    nora.unfold("The wording")
    nora.unfold("Change the wording")
    page.evaluate("document.querySelector('form:has([name=body]) [name=seen]').value = 'en.9'")
    page.get_by_label("Headline").fill("Ferries")
    pressed_by_pointer(page, "Save the wording")
    wait_until_page(page, "document.activeElement.tagName === 'H1'")
    nora.check_unfolded_page()
    nora.context.close()


def newest_answer(session: Session) -> Answer:
    return session.scalars(select(Answer).order_by(Answer.id.desc()).limit(1)).one()


def are_beside(page: Page, one: str, other: str) -> bool:
    """Whether two parts of a page share a line of it."""
    first, second = page.locator(one).bounding_box(), page.locator(other).bounding_box()
    assert first is not None and second is not None
    return first["y"] < second["y"] + second["height"] and second["y"] < first["y"] + first["height"]
