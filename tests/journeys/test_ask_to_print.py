"""The main job in a real browser, with scripts on and off, on SQLite and PostgreSQL, against the product as it runs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import func, select

from app.db import Database
from app.letters.models import Letter
from app.text import digits
from app.typesetting.exports import EXPORTS
from tests.support.town import Town, Visit

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize(
        ("database_url", "scripts"),
        [("sqlite", True), ("postgresql", False)],
        ids=["sqlite, scripts on", "postgresql, scripts off"],
        indirect=["database_url"],
    ),
]

QUESTION = "You wrote that the salt reaches the orchards. Who measures it, and can a village ask for the figures?"
FIRST = (
    'Nobody is told to. We put up "salt plates" in 2009 and count what falls on them.\n\n'
    "A village can ask, and they're often surprised how short the list is.\n\n"
    "What would help is a plate in every school yard. It costs less than the fence."
)
SECOND = FIRST.replace("We put up", "My station put up").replace(" It costs less than the fence.", "")
BLOCK = """\
Ask The Steppe: The Salt Wind

Readers asked: “You wrote that the salt reaches the orchards. Who measures it, and can a village ask for the figures?”

To find out more, I asked Laura Venter, who reads the gauges at the Aral Station, which publishes them:

“Nobody is told to. My station put up ‘salt plates’ in 2009 and count what falls on them.

“A village can ask, and they’re often surprised how short the list is.

“What would help is a plate in every school yard.”

What would you like to know? Write to nora@steppe.example.
"""


@pytest.fixture
def town(chromium: Browser, database: Database, site: str, tmp_path: Path, scripts: bool) -> Iterator[Town]:
    made = Town(chromium, database, site, tmp_path / "mail", scripts)
    yield made
    made.close()


def test_from_a_readers_question_to_the_editions_block(town: Town) -> None:
    timur, dana = town.visit(390), town.visit(390)
    first_receipt, second_receipt = two_readers_ask(timur, dana)
    nora = town.editor()
    the_desk_words_it(nora)
    the_desk_invites(nora)
    laura = town.visit(390)
    the_expert_answers(laura, town.mailed_link("laura@aral.example", "150"))
    the_editor_edits_and_sends_the_check(nora)
    the_expert_agrees(laura, town.mailed_link("laura@aral.example", "Your answer"))
    the_editor_approves(nora)
    the_edition_is_built_and_sent(nora, town)
    for reader, receipt in ((timur, first_receipt), (dana, second_receipt)):
        the_receipt_says_so(reader, receipt)
    laura.open(laura.page.url)
    expect(laura.page.locator("main a[href*='/q/']")).to_have_count(1)
    assert [context.cookies() for context in (timur.context, dana.context)] == [[], []]


def two_readers_ask(timur: Visit, dana: Visit) -> tuple[str, str]:
    timur.open("/steppe/")
    timur.write("Your question", "who measures the salt that falls on our orchards?")
    timur.press("Send my question")
    first = timur.receipt()
    dana.open("/steppe/ask")
    dana.write("Your question", "Can our village ask for the salt figures?")
    dana.unfold("Or by e-mail")
    dana.page.get_by_label("One e-mail, then forget me").check()
    dana.page.locator("input[type=email]:visible").first.fill("dana@post.example")
    dana.press("Send my question")
    second = dana.receipt()
    assert (len(first), len(second), first != second) == (20, 20, True)
    assert not any(
        receipt in visit.page.url + visit.page.title() for receipt in (first, second) for visit in (timur, dana)
    )
    return first, second


def the_desk_words_it(nora: Visit) -> None:
    nora.open("/desk/steppe/letters")
    boxes = nora.page.locator(".row input[type=checkbox]")
    expect(boxes).to_have_count(2)
    for box in boxes.all():
        box.check()
    nora.press("Make one question of them")
    nora.unfold("Change the wording")
    nora.write("Headline", "The Salt Wind")
    nora.write("The question, as it leaves the house", QUESTION)
    nora.page.locator("select[name=language]:visible").select_option("en")
    nora.press("Save the wording")
    nora.press("Nobody can be recognised in it")


def the_desk_invites(nora: Visit) -> None:
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


def the_expert_answers(laura: Visit, link: str) -> None:
    laura.open(link)
    expect(laura.page.locator("main")).to_contain_text(QUESTION)
    laura.page.locator("textarea[name=answer]").fill(FIRST)
    laura.page.locator("input[name=own_words]").check()
    laura.press("Send to Nora Lind")
    expect(laura.page.locator("main")).to_contain_text("It costs less than the fence.”")


def question_page(nora: Visit) -> None:
    nora.open("/desk/steppe/questions")
    nora.page.locator("main a[href*='/questions/']", has_text="The Salt Wind").first.click()
    nora.page.wait_for_load_state()
    nora.look()


def the_editor_edits_and_sends_the_check(nora: Visit) -> None:
    question_page(nora)
    nora.page.get_by_role("link", name=re.compile("^Edit ")).first.click()  # one press
    nora.page.wait_for_load_state()
    nora.page.locator("textarea[name=answer]").fill(SECOND)
    nora.press("Save and send Laura Venter the check")  # two
    expect(nora.page.locator("main")).to_contain_text("My station")


def the_expert_agrees(laura: Visit, link: str) -> None:
    laura.open(link)
    laura.shows("Is this still what you say?")
    assert "My station" in " ".join(laura.page.locator("ins").all_inner_texts())
    laura.press("Looks right")


def the_editor_approves(nora: Visit) -> None:
    question_page(nora)
    nora.press("Note a check")  # the browser unfolds what this leads to, also without scripts
    nora.write("What you did", "Called the station's switchboard.")
    nora.press("Note the check")
    for box in nora.page.locator("input[name=checked]").all():
        box.check()
    nora.press("Approve Laura Venter’s answer")


def the_edition_is_built_and_sent(nora: Visit, town: Town) -> None:
    nora.open("/desk/steppe/")
    nora.page.locator(".coming a").click()
    nora.page.wait_for_load_state()
    edition = nora.page.url
    nora.page.get_by_role("button", name=re.compile("^Put in slot 1")).click()
    nora.page.wait_for_load_state()
    nora.look()
    for export in EXPORTS.values():
        expect(nora.page.locator(f"a[href$='/export.{export.suffix}']")).to_have_count(1)
    exported = nora.context.request.get(f"{edition}/export.txt")
    assert (exported.status, exported.text()) == (200, BLOCK)
    nora.page.get_by_role("button", name="Lock the edition").click()
    nora.page.wait_for_load_state()
    nora.look()
    nora.press("Mark as sent")
    assert nora.context.request.get(f"{edition}/export.txt").text() == BLOCK


def the_receipt_says_so(reader: Visit, receipt: str) -> None:
    reader.open("/steppe/receipt")
    in_persian = receipt.translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"))
    reader.page.locator("input[name=receipt]").fill(in_persian)
    reader.page.locator("main form button").first.click()
    reader.page.wait_for_load_state()
    reader.look()
    reader.page.locator("main a[href*='/q/']").first.click()
    reader.page.wait_for_load_state()
    reader.look()
    reader.shows("The Salt Wind")
    expect(reader.page.locator("main")).to_contain_text(QUESTION)


def test_a_lost_connection_at_send_makes_one_letter_and_the_same_receipt(town: Town) -> None:
    reader = town.visit(390)
    reader.open("/steppe/")
    reader.write("Your question", "中国在塞尔维亚买了什么?")
    lost: list[str] = []

    def lose(route: Any) -> None:
        if lost:
            route.continue_()
            return
        # The request arrives and is stored; the answer gets lost on its way back.
        lost.append(route.fetch().text())
        route.abort("connectionreset")

    reader.page.route("**/*", lambda route: lose(route) if route.request.method == "POST" else route.continue_())
    with reader.page.expect_event("requestfailed"):
        reader.page.get_by_role("button", name="Send my question").click(no_wait_after=True)
    reader.page.wait_for_url("chrome-error://**")
    reader.page.reload()  # "Try again" on the browser's own error page sends the form once more
    reader.page.wait_for_load_state()
    shown = re.search(r'class="code"[^>]*>(.*?)</(?:p|ol|ul|div)>', lost[0], re.DOTALL)
    assert shown is not None and reader.receipt() == digits(re.sub(r"<[^>]+>", "", shown[1]))
    with town.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Letter)) == 1
