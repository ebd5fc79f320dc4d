"""The main job as its people press it in their browsers, from two letters at a desk to an sent edition, which the readers' receipts tell."""

import re

from playwright.sync_api import expect

from tests.support.town import Visit

DESK = "/desk/steppe"
QUESTION = "You wrote that the salt reaches the orchards. Who measures it, and can a village ask for the figures?"
FIRST = (
    'Nobody is told to. We put up "salt plates" in 2009 and count what falls on them.\n\n'
    "A village can ask, and they're often surprised how short the list is.\n\n"
    "What would help is a plate in every school yard. It costs less than the fence."
)
SECOND = FIRST.replace("We put up", "My station put up").replace(" It costs less than the fence.", "")


def the_desk_words_it(nora: Visit, desk: str = DESK) -> None:
    nora.open(f"{desk}/letters")
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


def question_page(nora: Visit, desk: str = DESK) -> None:
    nora.open(f"{desk}/questions")
    nora.follow(nora.page.locator("main a[href*='/questions/']", has_text="The Salt Wind"))


def the_editor_edits_and_sends_the_check(nora: Visit, desk: str = DESK) -> None:
    question_page(nora, desk)
    nora.follow(nora.page.get_by_role("link", name=re.compile("^Edit ")))  # one press
    nora.page.locator("textarea[name=answer]").fill(SECOND)
    nora.press("Save and send Laura Venter the check")  # two
    expect(nora.page.locator("main")).to_contain_text("My station")


def the_expert_agrees(laura: Visit, link: str) -> None:
    laura.open(link)
    laura.shows("Is this still what you say?")
    assert "My station" in " ".join(laura.page.locator("ins").all_inner_texts())
    laura.press("Looks right")


def the_editor_approves(nora: Visit, desk: str = DESK) -> None:
    question_page(nora, desk)
    nora.press("Note a check")  # the browser unfolds what this leads to, also without scripts
    nora.write("What you did", "Called the station's switchboard.")
    nora.press("Note the check")
    for box in nora.page.locator("input[name=checked]").all():
        box.check()
    nora.press("Approve Laura Venter’s answer")


def the_edition_is_built(nora: Visit, desk: str = DESK) -> str:
    """Pick the answer for the coming edition; gives the address of its page."""
    nora.open(f"{desk}/")
    nora.follow(nora.page.locator(".coming a"))
    edition = nora.page.url
    nora.page.get_by_role("button", name=re.compile("^Put in slot 1")).click()
    expect(nora.page.locator("#slot-list .head")).to_have_count(1)
    nora.look()
    return edition


def the_edition_is_locked_and_sent(nora: Visit) -> None:
    nora.follow(nora.page.get_by_role("button", name="Lock the edition"))
    nora.press("Mark as sent")


def the_receipt_says_so(reader: Visit, receipt: str, newsletter: str = "/steppe") -> None:
    reader.open(f"{newsletter}/receipt")
    in_persian = receipt.translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"))
    reader.page.locator("input[name=receipt]").fill(in_persian)
    reader.follow(reader.page.locator("main form button"))
    reader.follow(reader.page.locator("main a[href*='/q/']"))
    reader.shows("The Salt Wind")
    expect(reader.page.locator("main")).to_contain_text(QUESTION)
