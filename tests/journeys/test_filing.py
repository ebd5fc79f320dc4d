"""Task T1 in a real browser: twenty letters filed by keyboard alone; the same lists by pointer, on a phone, without scripts."""

import time
from pathlib import Path
from statistics import median

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from app.core.actors import Reader
from app.db.engine import Database
from app.letters import receive
from app.letters.models import Letter
from app.newsletters.models import Newsletter, Topic
from app.questions import actions
from app.questions.models import Question
from app.workflows.indexing import index_due
from tests.support.reader_pages import publish_answer
from tests.support.sample_newsroom import Newsroom
from tests.support.user_browsers import UserBrowser, UserBrowsers
from tests.support.waiting import wait_until_page

pytestmark = pytest.mark.browser

# What the desk makes of each, by the key that it presses.
LETTERS = (
    ("n", "Please take me off your list, I have moved."),
    ("q", "Why did the river turn white below the plant in May?"),
    ("q", "Who owns the pumping station at the old harbour now?"),
    ("q", "Do the new wells reach the same water as the old ones?"),
    ("q", "What became of the fishermen's pensions from the collective?"),
    ("q", "Is the dust from the dry sea bed radioactive?"),
    ("q", "How far does a salt storm carry in a night?"),
    ("m", "Who measures the salt that falls on our orchards?"),
    ("m", "Who measures the salt that the wind drops on the orchards?"),
    ("m", "Who measures how much salt falls on an orchard?"),
    ("c", "Thank you for the piece about my grandmother's town."),
    ("c", "I read you on the bus every second week."),
    ("c", "Your map had the wrong colours, but never mind."),
    ("t", "Look at who won the tender for the canal."),
    ("t", "My cousin kept the log books of the ferry."),
    ("s", "Cheap gloves from our factory, write to us today."),
    ("s", "You have won a prize, confirm your parcel today."),
    ("a", "Can a village ask for the figures of the gauges?"),
    ("a", "May a village ask to see the gauges' figures?"),
    ("q", "ئۇ يەردە شامال قاچان توختايدۇ؟"),
)
MOST_PRESSES = 45


def write(database: Database, newsroom: Newsroom, bodies: list[str]) -> None:
    def fn(session):
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        for number, body in enumerate(bodies):
            receive.send(
                session, Reader(), newsletter, receive.Submission(body), form=receive.FormToken(f"form {number}", 1)
            )

    database.write(fn)
    while index_due(database):
        pass


@pytest.fixture(autouse=True)
def published_answer(database: Database, newsroom: Newsroom) -> str:
    return publish_answer(
        database, newsroom, [], headline="Figures", body="Can a village ask for the figures of the gauges?"
    )


def at_desk(chromium, database: Database, site: str, tmp_path: Path, scripts: bool = True) -> UserBrowser:
    return UserBrowsers(chromium, database, site, tmp_path / "mail", scripts).sign_in_staff()


def count_filed(database: Database) -> dict[str, int]:
    """How many letters were filed as what, and how many ended."""
    with database.read() as session:
        query = select(func.coalesce(Letter.end_reason, Letter.filed_as, Letter.state), func.count())
        rows = session.execute(query.group_by(func.coalesce(Letter.end_reason, Letter.filed_as, Letter.state)))
        return {what: number for what, number in rows}  # noqa: C416 - dict() would take it for a mapping


def get_letter_text(page: Page) -> str:
    letter = page.locator(".pane .asked")
    return letter.inner_text() if letter.count() else ""


class Keys:
    """The keyboard alone; every press counts."""

    def __init__(self, page: Page) -> None:
        self.page, self.presses, self.painted = page, 0, []

    def press(self, key: str) -> None:
        self.presses += 1
        self.page.keyboard.press(key)

    def file(self, key: str) -> None:
        """Press a key and wait until something else stands there to be read."""
        before, start = get_letter_text(self.page), time.perf_counter()
        self.press(key)
        wait_until_page(
            self.page,
            "before => !document.documentElement.hasAttribute('data-busy')"
            " && document.querySelector('.pane .asked')?.innerText !== before",
            arg=before,
        )
        self.painted.append((time.perf_counter() - start) * 1000)


def test_twenty_letters_are_filed_by_keyboard_in_forty_five_presses(
    chromium, database, newsroom, site, tmp_path, record_property
):
    write(database, newsroom, [body for _key, body in LETTERS])
    nora = at_desk(chromium, database, site, tmp_path)
    nora.open("/desk/steppe/letters")
    page, wanted = nora.page, {body: key for key, body in LETTERS}
    page.evaluate("window.here = true")  # gone if a page is loaded anew
    keys = Keys(page)
    keys.press("j")
    keys.file("Enter")
    while body := get_letter_text(page):
        assert page.evaluate("document.activeElement.tagName") == "H1"
        keys.file(wanted.pop(body))
    assert page.evaluate("window.here")
    expect(page.locator("main")).to_contain_text("No letters are waiting.")
    assert count_filed(database) == {"question": 10, "comment": 3, "tip": 2, "unsubscribe": 1, "spam": 2, "answered": 2}
    with database.read() as session:
        behind = (
            select(func.count()).select_from(Letter).where(Letter.question_id.is_not(None)).group_by(Letter.question_id)
        )
        assert sorted(session.scalars(behind)) == [1] * 7 + [3]
    assert keys.presses <= MOST_PRESSES
    record_property("presses", keys.presses)
    record_property("next letter painted, ms, median", round(median(keys.painted)))
    print(
        f"\n{keys.presses} presses; the next letter painted in {median(keys.painted):.0f} ms, at most {max(keys.painted):.0f}"
    )
    nora.context.close()


def test_keys_tick_merge_undo_and_search_and_none_fires_while_one_types(chromium, database, newsroom, site, tmp_path):
    write(database, newsroom, [body for _key, body in LETTERS[:4]])
    nora = at_desk(chromium, database, site, tmp_path)
    nora.open("/desk/steppe/letters")
    page = nora.page
    for key in "jxjjx":
        page.keyboard.press(key)
    expect(page.get_by_text("2 selected:")).to_have_count(1)
    page.keyboard.press("m")
    page.locator(".done").wait_for()
    expect(page.locator(".row")).to_have_count(2)
    expect(page.locator(".unseen[role=status]")).to_contain_text("2 letters belong to one question now.")
    page.keyboard.press("u")
    page.get_by_text("Undone.").first.wait_for()
    expect(page.locator(".row")).to_have_count(4)
    page.keyboard.press("Control+c")
    page.keyboard.press("/")
    page.keyboard.type("csmu station")
    expect(page.locator(".row")).to_have_count(4)
    page.locator("#find").fill("station")
    page.keyboard.press("Enter")
    page.locator("mark").wait_for()
    expect(page.locator(".row")).to_have_count(1)
    expect(page.locator("mark")).to_have_text("station")
    page.go_back()
    page.locator("mark").wait_for(state="detached")
    page.keyboard.press("?")
    assert page.locator(".keys-help dt").count() > 10
    page.get_by_role("button", name="Turn the keys off").click()
    page.keyboard.press("j")
    page.keyboard.press("o")
    expect(page.locator(".row")).to_have_count(4)
    assert page.url.endswith("/letters")
    assert count_filed(database) == {"received": 4}
    nora.context.close()


def test_a_key_is_meant_of_the_row_where_one_is_and_escape_leaves_what_a_key_led_to(
    chromium, database, newsroom, site, tmp_path
):
    write(database, newsroom, [body for _key, body in LETTERS[:4]])
    nora = at_desk(chromium, database, site, tmp_path)
    nora.open("/desk/steppe/letters")
    page, focused = nora.page, lambda: nora.page.evaluate("document.activeElement.innerText.trim().split('\\n')[0]")
    for key in "jj":
        page.keyboard.press(key)
    second = focused()
    page.keyboard.press("c")
    page.locator(".done").wait_for()
    assert count_filed(database) == {"received": 3, "comment": 1}
    expect(page.locator(".row", has_text=second)).to_have_count(0)
    third = focused()  # and the next one is where the filed one stood
    assert page.locator(".row .text").nth(1).inner_text().startswith(third)
    for key, field in (("/", "find"), ("e", "")):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.matches('input, select')")
        assert not field or page.evaluate("document.activeElement.id") == field
        page.keyboard.press("Escape")
        assert (focused(), page.locator(".box input:checked").count()) == (third, 0)
    page.keyboard.press("Enter")
    page.locator(".pane h1").wait_for()
    before = page.url
    page.keyboard.press("m")  # nothing looks like it, and nothing is ticked
    wait_until_page(page, "!document.documentElement.hasAttribute('data-busy')")
    page.keyboard.press("?")
    assert (page.url, page.locator(".done").count()) == (before, 0)
    last = page.locator(".keys-help dt").last.bounding_box()
    assert last and last["y"] + last["height"] <= page.viewport_size["height"]
    assert count_filed(database) == {"received": 3, "comment": 1}
    nora.context.close()


def test_j_and_k_go_on_from_page_to_page_and_back(chromium, database, newsroom, site, tmp_path):
    bodies = [f"Who counts the salt on plate {number}?" for number in range(43)]
    write(database, newsroom, bodies)

    def asks(session) -> None:
        for body in bodies[:32]:
            actions.open_question(session, newsroom.nora, [], headline=body, body=body, language="en")

    database.write(asks)
    nora = at_desk(chromium, database, site, tmp_path)
    page, here = nora.page, "document.activeElement.innerText === "
    for path, last, first in (("letters", bodies[3], bodies[2]), ("questions", bodies[2], bodies[1])):
        nora.open(f"/desk/steppe/{path}")
        page.locator(".text").last.focus()
        page.keyboard.press("j")
        page.wait_for_url("**before=*")
        wait_until_page(page, f"{here} `{first}`")
        page.keyboard.press("k")
        page.wait_for_url(f"**/{path}")
        wait_until_page(page, f"{here} `{last}`")
    nora.open("/desk/steppe/letters")
    page.locator(".text").last.click()
    for key, body in (("j", bodies[2]), ("j", bodies[1]), ("k", bodies[2]), ("k", bodies[3])):
        page.locator(".pane .asked").wait_for()
        page.keyboard.press(key)
        wait_until_page(page, "body => document.querySelector('.pane .asked').innerText === body", arg=body)
        expect(page.locator(".row.is-open .text")).to_have_text(body)
    nora.context.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["pointer", "scripts off"])
def test_the_same_by_pointer(chromium, database, newsroom, site, tmp_path, scripts):
    write(database, newsroom, [body for _key, body in LETTERS[:6]])
    nora = at_desk(chromium, database, site, tmp_path, scripts)
    nora.open("/desk/steppe/letters")
    page = nora.page
    if scripts:
        page.locator(".row input").nth(1).click()
        page.locator(".row input").nth(3).click(modifiers=["Shift"])
        expect(page.locator(".row input:checked")).to_have_count(3)
    page.get_by_role("link", name="Select all on this page").click()
    expect(page.locator(".row input:checked")).to_have_count(6)
    page.locator(".bulk").get_by_role("button", name="Spam").click()
    page.get_by_text("6 letters are done.").first.wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Undone.").first.wait_for()
    assert count_filed(database) == {"received": 6}
    page.get_by_role("link", name=LETTERS[5][1]).click()
    page.locator(".pane .asked").wait_for()
    page.locator(".pane").get_by_role("button", name="Tip").click()
    page.get_by_text("Filed as: Tip.").first.wait_for()
    expect(page.locator(".pane .asked")).to_have_text(LETTERS[4][1])
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Undone.").first.wait_for()
    expect(page.locator(".pane .asked")).to_have_text(LETTERS[5][1])
    page.get_by_label("Search the letters").fill("harbour")
    page.get_by_role("button", name="Search").click()
    page.locator("mark").wait_for()
    page.get_by_text("Narrow the list").first.click()
    page.get_by_label("Came by").select_option("mail")
    page.get_by_role("button", name="Show these").click()
    page.get_by_text("Nothing was found.").wait_for()
    assert "q=harbour&channel=mail" in page.url
    nora.context.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_every_list_and_letter_fits_and_axe_finds_nothing(
    chromium, database, newsroom, site, published_answer, tmp_path, width
):
    """In both schemes; `UserBrowser.check_unfolded_page` checks them."""
    write(database, newsroom, [body for _key, body in LETTERS] + ["?! ?! …12345678 1"])

    def add_topic(session) -> str:
        session.add(Topic(newsletter_id=newsroom.newsletter_id, slug="water", name="Water"))
        rows = session.scalars(select(Letter).order_by(Letter.received_at, Letter.id)).all()
        shelved, _open = (actions.open_question(session, newsroom.nora, [row]) for row in rows[:2])
        actions.shelve(session, newsroom.nora, shelved)
        return next(row.public_id for row in rows if row.body == LETTERS[17][1])

    letter = database.write(add_topic)
    nora = at_desk(chromium, database, site, tmp_path)
    nora.page.set_viewport_size({"width": width, "height": 900})
    for path in ("letters", f"letters/{letter}", "letters?q=salt&state=all", "letters?channel=pigeon",
                 "questions?state=all", "shelf"):  # fmt: skip
        nora.page.goto(f"{site}/desk/steppe/{path}")
        box = nora.page.locator(".box input").first
        if box.count() and box.is_visible():
            box.check()  # what is done with the ticked shows then
        nora.check_unfolded_page()
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Question)) == 3
    nora.context.close()
