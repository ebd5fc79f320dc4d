"""The tool that sends, at the desk: which one it is, its key, a try, and how a draft stands on the edition's page."""

import logging
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from app.audit import Event
from app.db.engine import Database
from app.editions import handoff
from app.newsletters.sending_tool import SendingTool
from app.sending_tools.known_tools import TOOLS
from tests.support.database_checks import dump_tables
from tests.support.desk import FIRST_QUESTION, SECOND_QUESTION, ComingEdition, Desk, get_version_token
from tests.support.fake_servers import CannedResponse
from tests.support.sample_newsroom import Newsroom
from tests.support.sending_tools import ADDRESSES, AUDIENCES, KEYS, ToolServer, run_tool_server

PAGE = "settings/sending-tool"


@pytest.fixture
def ghost(app: Flask) -> Iterator[ToolServer]:
    app.config["OWN_HOSTS"] = frozenset({"127.0.0.1"})
    with run_tool_server("ghost") as server:
        yield server
        assert server.sending_paths == []


@pytest.fixture
def coming_edition(nora: Desk, newsroom: Newsroom) -> ComingEdition:
    return ComingEdition(nora, newsroom)


def fill_in(server: ToolServer, **other: str) -> dict[str, str]:
    usual = {
        "tool": server.name,
        "address": server.origin,
        "key": KEYS[server.name],
        "audience": AUDIENCES.get(server.name, ""),
    }
    return usual | other


def list_tools(database: Database) -> list[SendingTool]:
    with database.read() as session:
        return list(session.scalars(select(SendingTool)))


def keep(nora: Desk, status: int = 303, /, **form: str) -> str:
    """Send the form of the page as it stands now."""
    return nora.press(PAGE, status, **form, seen=get_version_token(nora.get(PAGE), "sending-tool"))


def make_draft(nora: Desk, coming_edition: ComingEdition, app: Flask) -> str:
    """Press, let the worker work, and look at the part of the page about the draft."""
    nora.press(f"{coming_edition.page}/draft")
    handoff.process_due_handoffs(nora.database, app.config["OWN_HOSTS"])
    return nora.get(coming_edition.page).part('section[aria-labelledby="draft"]').main_text


def test_nora_sets_up_ghost_tries_it_and_makes_a_draft(
    nora: Desk, coming_edition: ComingEdition, ghost: ToolServer, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert "none yet: it gets drafts of your editions" in nora.get_text("settings")
    [question] = coming_edition.create_questions(FIRST_QUESTION)
    coming_edition.press("pick", question=question)
    assert "say which sends this newsletter" in nora.get_text(coming_edition.page)
    keep(nora, **fill_in(ghost, address=f"{ghost.origin}/ghost/#/dashboard"))
    assert [(one.tool, one.address, one.tried_at) for one in list_tools(nora.database)] == [
        ("ghost", ghost.origin, None)
    ]
    assert "Ghost hasn’t accepted this key yet." in nora.get_text(PAGE)
    assert KEYS["ghost"] not in nora.open(PAGE).text
    led = nora.post(f"{PAGE}/try")
    assert "Ghost replied and accepted the key." in nora.get_text(led)
    assert [one.tried_at for one in list_tools(nora.database)] != [None]
    assert "Make the draft in Ghost" in nora.get_text(coming_edition.page)
    assert "Ghost is being asked." in nora.get_text(nora.post(f"{coming_edition.page}/draft"))
    handoff.process_due_handoffs(nora.database, app.config["OWN_HOSTS"])
    page = nora.get(coming_edition.page).part('section[aria-labelledby="draft"]')
    assert "Ghost: The draft is in the sending tool." in page.main_text
    assert page.attributes("a[rel]", "href") == [f"{ghost.origin}/ghost/#/editor/post/{ghost.only_draft.id}"]
    assert (FIRST_QUESTION in ghost.only_draft.html, "salt plates" in ghost.only_draft.html) == (True, True)
    secret = KEYS["ghost"].partition(":")[2]
    assert [line for line in caplog.messages if secret in line or "salt plates" in line] == []


def list_steps(nora: Desk, coming_edition: ComingEdition) -> list[tuple[str, bool]]:
    """Return the buttons of the draft and of "Mark as sent" in their order, and whether each is the one to press next."""
    page = nora.get(coming_edition.page)
    buttons = [
        (button.text(strip=True), "btn--next" in (button.attributes["class"] or ""))
        for button in page.tree.css("main button")
    ]
    return [(name, is_next) for name, is_next in buttons if "draft" in name or name == "Mark as sent"]


def test_the_draft_of_a_locked_edition_comes_before_mark_as_sent(
    nora: Desk, coming_edition: ComingEdition, ghost: ToolServer, app: Flask
) -> None:
    coming_edition.press("pick", question=coming_edition.create_questions(FIRST_QUESTION)[0])
    coming_edition.press("lock", version=coming_edition.version())
    assert list_steps(nora, coming_edition) == [("Mark as sent", True)]
    keep(nora, **fill_in(ghost))
    assert list_steps(nora, coming_edition) == [("Make the draft in Ghost", True), ("Mark as sent", False)]
    make_draft(nora, coming_edition, app)
    assert list_steps(nora, coming_edition) == [("Bring the draft up to date", False), ("Mark as sent", True)]
    coming_edition.press("send", version=coming_edition.version())
    assert list_steps(nora, coming_edition) == []


def test_without_its_tool_a_draft_that_was_not_made_does_not_come_first(
    nora: Desk, coming_edition: ComingEdition, ghost: ToolServer
) -> None:
    coming_edition.press("pick", question=coming_edition.create_questions(FIRST_QUESTION)[0])
    coming_edition.press("lock", version=coming_edition.version())
    keep(nora, **fill_in(ghost))
    nora.press(f"{coming_edition.page}/draft")
    nora.press(f"{PAGE}/forget", seen=get_version_token(nora.get(PAGE), "forget"))
    assert list_steps(nora, coming_edition) == [("Mark as sent", True)]


def test_the_page_says_that_the_words_are_others_by_now(
    nora: Desk, coming_edition: ComingEdition, ghost: ToolServer, app: Flask
) -> None:
    first, second = coming_edition.create_questions(FIRST_QUESTION, SECOND_QUESTION)
    coming_edition.press("pick", question=first)
    keep(nora, **fill_in(ghost))
    old = "The words here have changed since"
    assert old not in make_draft(nora, coming_edition, app)
    assert old not in nora.get_text(f"{coming_edition.page}?language=fa"), "whichever language is looked at"
    coming_edition.press("pick", question=second)
    assert (old in nora.get_text(coming_edition.page), SECOND_QUESTION in ghost.only_draft.html) == (True, False), (
        "nothing follows by itself"
    )
    assert old not in make_draft(nora, coming_edition, app)
    assert SECOND_QUESTION in ghost.only_draft.html


def test_what_the_tool_says_stands_on_the_page(
    nora: Desk, coming_edition: ComingEdition, ghost: ToolServer, app: Flask
) -> None:
    coming_edition.press("pick", question=coming_edition.create_questions(FIRST_QUESTION)[0])
    keep(nora, **fill_in(ghost))
    for answer, says in (
        (CannedResponse({}, 403), "Ghost: It rejects the key, or the key isn’t allowed to do this."),
        (
            CannedResponse({}, 500),
            "Ghost: It can’t be reached, is too slow, or has a fault of its own. It is tried again automatically,",
        ),
        (
            CannedResponse(b"<html>"),
            "Ghost: Nothing at this address answers like the tool. Check the address in the settings.",
        ),
    ):
        ghost.responses = [answer]
        assert says in make_draft(nora, coming_edition, app)
    make_draft(nora, coming_edition, app)
    ghost.only_draft.status = "published"
    assert "Ghost: It has been sent there already, or is about to be: nothing was touched." in make_draft(
        nora, coming_edition, app
    )
    ghost.drafts.clear()
    assert "Ghost: The draft had been deleted there, so a new one was made." in make_draft(nora, coming_edition, app)


def test_a_try_says_what_is_wrong(nora: Desk, ghost: ToolServer) -> None:
    keep(nora, **fill_in(ghost, key=f"{'1' * 24}:{'1' * 64}"))
    assert "Ghost: It rejects the key, or the key isn’t allowed to do this." in nora.get_text(nora.post(f"{PAGE}/try"))
    assert [one.tried_at for one in list_tools(nora.database)] == [None]


WRONG = {
    "no tool": ({"tool": "substack"}, "“substack” can’t be used here."),
    "no key": ({"key": ""}, "This can’t be empty."),
    "a key of another tool": ({"key": "abcdef"}, "This doesn’t look like a key of this tool."),
    "in the clear": ({"address": "http://ghost.example"}, "Write the address like https://ghost.example"),
    "with a password": ({"address": "https://a:b@ghost.example"}, "Write the address like https://ghost.example"),
    "no web address": ({"address": "javascript:alert(1)"}, "Write the address like https://ghost.example"),
    "no address": ({"address": ""}, "This can’t be empty."),
    "no list": ({"tool": "listmonk", "key": KEYS["listmonk"], "audience": ""}, "This can’t be empty."),
    "a list by its name": (
        {"tool": "mailchimp", "key": KEYS["mailchimp"], "audience": "Readers"},
        "“Readers” can’t be used here.",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cant_be_kept_changes_nothing_and_the_key_is_not_shown_again(
    nora: Desk, ghost: ToolServer, case: str
) -> None:
    other, says = WRONG[case]
    before = dump_tables(nora.database)
    said = nora.send(PAGE, fill_in(ghost, **other) | {"version": "0"})
    assert (said.status_code, says in said.text) == (422, True)
    assert [key for key in KEYS.values() if f'value="{key}"' in said.text] == []
    after = dump_tables(nora.database)
    assert [table for table in after if after[table] != before[table]] == []


@pytest.mark.parametrize("name", TOOLS)
def test_each_tool_can_be_kept_with_its_own_address(nora: Desk, ghost: ToolServer, name: str) -> None:
    more = {
        "tool": name,
        "address": "https://news.example/admin/",
        "key": KEYS[name],
        "audience": AUDIENCES.get(name, ""),
    }
    keep(nora, **more)
    address = ADDRESSES[name][0] if TOOLS[name].get_api_url else "https://news.example"
    assert [one.address for one in list_tools(nora.database)] == [address]
    assert TOOLS[name].label in nora.get_text("settings")


@pytest.mark.threat("seized editor's device")
def test_a_kept_key_goes_to_no_other_address(nora: Desk, ghost: ToolServer) -> None:
    keep(nora, **fill_in(ghost))
    thiefs = fill_in(ghost, address="https://thief.example", key="")
    assert "Type the key again" in keep(nora, 422, **thiefs)
    assert "Type the key again" in keep(nora, 422, **fill_in(ghost, tool="buttondown", key=""))
    keep(nora, **fill_in(ghost, key=""))
    assert [one.address for one in list_tools(nora.database)] == [ghost.origin]


def test_a_forgotten_tool_leaves_nothing_behind_but_its_trail(nora: Desk, ghost: ToolServer) -> None:
    keep(nora, **fill_in(ghost))
    nora.press(f"{PAGE}/forget", seen=get_version_token(nora.get(PAGE), "forget"))
    assert list_tools(nora.database) == []
    with nora.database.read() as session:
        events = list(session.scalars(select(Event).where(Event.action.like("newsletter.%tool")).order_by(Event.id)))
    assert [(event.action, event.facts) for event in events] == [
        ("newsletter.tool", None),
        ("newsletter.no_tool", None),
    ]


def test_an_assistant_sees_which_it_is_and_changes_nothing(
    nora: Desk, ilya: Desk, coming_edition: ComingEdition, ghost: ToolServer
) -> None:
    coming_edition.press("pick", question=coming_edition.create_questions(FIRST_QUESTION)[0])
    keep(nora, **fill_in(ghost))
    page = ilya.get(PAGE)
    assert ("An editor can change them." in page.main_text, 'name="key"' in str(page)) == (True, False)
    assert "Make the draft in Ghost" not in ilya.get_text(coming_edition.page)
    assert ilya.send(f"{coming_edition.page}/draft", {}).status_code == 404


def test_what_may_not_leave_the_house_makes_no_draft(
    nora: Desk, coming_edition: ComingEdition, ghost: ToolServer
) -> None:
    keep(nora, **fill_in(ghost))
    assert "A draft can be made once something is picked" in nora.get_text(coming_edition.page)
    assert "Nothing is picked for this edition yet." in nora.press(f"{coming_edition.page}/draft", 409)


def test_the_second_of_two_who_change_it_is_told(nora: Desk, ghost: ToolServer) -> None:
    open_in_both = get_version_token(nora.get(PAGE), "sending-tool")
    keep(nora, **fill_in(ghost))
    said = nora.press(PAGE, 409, **fill_in(ghost, address="https://other.example"), seen=open_in_both)
    assert "It has changed in the meantime" in said
    assert [one.address for one in list_tools(nora.database)] == [ghost.origin]


def test_a_double_click_asks_once_and_is_told_the_same(
    nora: Desk, coming_edition: ComingEdition, ghost: ToolServer
) -> None:
    coming_edition.press("pick", question=coming_edition.create_questions(FIRST_QUESTION)[0])
    keep(nora, **fill_in(ghost))
    for press in (f"{PAGE}/try", f"{coming_edition.page}/draft"):
        once = {"once": f"a key of {press}"}
        led, asked = nora.post(press, **once), len(ghost.requests)
        before = dump_tables(nora.database)["handed_drafts"]
        assert (nora.post(press, **once), len(ghost.requests)) == (led, asked)
        assert dump_tables(nora.database)["handed_drafts"] == before
