"""Nora says which tool sends, tries its key, and has a draft of the edition made: in a real browser, and with the real Ghost."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.editions import slots
from app.editions.queries import list_editions_to_run
from app.sending_tools import ghost as api
from app.sending_tools.known_tools import TOOLS, hand_over
from app.sending_tools.tool_api import Account, DraftError, EditionDraft
from tests.support import real_ghost
from tests.support.processes import run_site, start_forked
from tests.support.required_programs import skip_without
from tests.support.sample_newsroom import Newsroom, create_answered_question
from tests.support.sending_tools import KEYS, run_tool_server
from tests.support.source import ROOT
from tests.support.user_browsers import UserBrowser, UserBrowsers
from tests.support.waiting import wait_until

QUESTIONS = ("Who measures the salt?", "Where does the wind come from?")
PICTURE = ROOT / "build" / "draft-in-ghost.png"  # a smaller one stands in docs/pictures


@pytest.fixture
def browsers(chromium: Browser, database: Database, newsroom: Newsroom, tmp_path: Path) -> Iterator[UserBrowsers]:
    with run_site(database.url, tmp_path / "mail", start_forked, OWN_HOSTS="127.0.0.1") as site:
        made = UserBrowsers(chromium, database, site, tmp_path / "mail", True)
        yield made
        made.close()


def edition_page(database: Database, newsroom: Newsroom) -> str:
    """The page of the coming edition, with two questions in it."""

    def fill(session: Session) -> str:
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        for words in QUESTIONS:
            slots.pick(session, newsroom.nora, create_answered_question(session, newsroom, words), edition)
        return f"/desk/steppe/editions/{edition.public_id}"

    return database.write(fill)


def hands_over(nora: UserBrowser, page: str, address: str, key: str) -> str:
    """From the settings to the draft; gives where the edition's page says that it is."""
    nora.open("/desk/steppe/settings/sending-tool")
    nora.page.get_by_label("Ghost", exact=True).check()
    nora.write("Address", address)
    nora.page.locator("#key").fill(key)
    nora.check_page()
    nora.press("Keep it")
    nora.press("Try it")
    expect(nora.page.get_by_text("Ghost replied and accepted the key.")).to_be_visible()
    nora.open(page)
    nora.press("Make the draft in Ghost")
    link = nora.page.get_by_role("link", name="Open it in Ghost")

    def is_draft_linked() -> bool:
        nora.page.reload()
        return link.count() > 0

    wait_until(is_draft_linked, "the draft")
    expect(nora.page.get_by_text("Ghost: The draft is in the sending tool.")).to_be_visible()
    nora.check_page()
    return link.get_attribute("href") or ""


@pytest.mark.browser
def test_nora_hands_an_edition_to_the_tool_that_sends(browsers: UserBrowsers, newsroom: Newsroom) -> None:
    page = edition_page(browsers.database, newsroom)
    with run_tool_server("ghost") as ghost:
        led = hands_over(browsers.sign_in_staff(width=390), page, ghost.origin, KEYS["ghost"])
        assert led == f"{ghost.origin}/ghost/#/editor/post/{ghost.only_draft.id}"
        assert [words in ghost.only_draft.html for words in QUESTIONS] == [True, True]
        assert ghost.sending_paths == []


@pytest.fixture(scope="module")
def ghost(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real_ghost.Ghost]:
    try:
        real_ghost.install_ghost()
    except real_ghost.GhostUnavailable as why:
        skip_without(f"real Ghost: {why}")
    with real_ghost.run_ghost(tmp_path_factory.mktemp("ghost")) as running:
        yield running


@pytest.mark.ghost
@pytest.mark.browser
def test_the_draft_stands_in_the_real_ghost(
    browsers: UserBrowsers, newsroom: Newsroom, ghost: real_ghost.Ghost
) -> None:
    page = edition_page(browsers.database, newsroom)
    led = hands_over(browsers.sign_in_staff(width=1280), page, ghost.url, ghost.key)
    theirs = browsers.chromium.new_context(viewport={"width": 1280, "height": 800}).new_page()
    theirs.goto(f"{ghost.url}/ghost/")
    theirs.get_by_label("Email address").fill(real_ghost.OWNER["email"])
    theirs.get_by_label("Password").fill(real_ghost.OWNER["password"])
    theirs.get_by_role("button", name="Sign in").click()
    expect(theirs.get_by_label("Password")).to_have_count(0)
    theirs.goto(led)
    for words in QUESTIONS:
        expect(theirs.locator("h2", has_text=words).first).to_be_visible()
    PICTURE.parent.mkdir(exist_ok=True)
    theirs.screenshot(path=PICTURE)
    theirs.context.close()


DRAFT = EditionDraft(
    "The Steppe Letter, Nora's",
    "Who measures it?",
    "<h2>One</h2><p>First words.</p>",
    "First words.\n",
    "readers-asked-x",
)


@pytest.mark.ghost
def test_the_real_ghost_answers_as_the_one_of_the_tests(ghost: real_ghost.Ghost) -> None:
    tool, account = TOOLS["ghost"], Account(ghost.url, ghost.key, own_hosts={"127.0.0.1"})
    made, _ = hand_over(tool, account, DRAFT)
    later = DRAFT._replace(html="<p>Later words.</p>")
    assert hand_over(tool, account, later, made.id) == (made, False), "the same draft"
    assert hand_over(tool, account, later) == (made, False), "found again, though nobody remembers it"
    stands = api.fetch_draft(account, made.id)
    with pytest.raises(DraftError, match="meanwhile"):
        api.update_draft(account, stands | {"updated_at": "2022-01-01T00:00:00.000Z"}, DRAFT)
    api._call_api(account, f"{made.id}/", {"status": "published", "updated_at": stands["updated_at"]}, "PUT")
    with pytest.raises(DraftError, match="sent"):
        hand_over(tool, account, DRAFT, made.id)
    [post] = api._call_api(account, f"{made.id}/", formats="html")
    assert (post["status"], post["html"]) == ("published", "<p>Later words.</p>")
    gone, was_gone = hand_over(tool, account, DRAFT, "0" * 24)
    assert (gone.id == made.id, was_gone) == (False, True)
    for wrong in (ghost.key[:-2] + ("00" if ghost.key[-2:] != "00" else "11"), f"{'0' * 24}:{'0' * 64}"):
        with pytest.raises(DraftError, match="key"):
            hand_over(tool, Account(ghost.url, wrong, own_hosts={"127.0.0.1"}), DRAFT)
