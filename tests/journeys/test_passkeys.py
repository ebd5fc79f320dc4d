"""Nora makes a passkey in a real browser, whose virtual authenticator stands for her security key, and shows it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.core.actors import Clock
from app.db.engine import Database
from app.people import sign_in
from app.people.models import Person
from tests.support.processes import run_site, start_forked
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import click_and_wait

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

KEY = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def house(database: Database, newsroom: Newsroom, tmp_path: Path) -> Iterator[str]:
    """Served under a name: passkeys belong to a domain, and an address in numbers is none."""
    with run_site(database.url, tmp_path / "mail", start_forked, host="localhost") as address:
        yield address


def comes_in(page: "Page", database: Database, newsroom: Newsroom, house: str) -> None:
    path = database.write(
        lambda session: sign_in.invite(session, Clock(), session.get_one(Person, newsroom.nora.person_id), "desk")
    )
    page.goto(house + path)
    click_and_wait(page.get_by_role("button", name="Sign in"))


def plugged_in(context: "BrowserContext", page: "Page") -> tuple["object", str]:
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    number = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})["authenticatorId"]
    return devtools, number


def test_a_passkey_is_made_shown_and_asked_for_at_each_way_in(
    chromium: "Browser", database: Database, newsroom: Newsroom, house: str
) -> None:
    from playwright.sync_api import expect

    context = chromium.new_context()
    page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    devtools, number = plugged_in(context, page)
    comes_in(page, database, newsroom, house)
    page.goto(f"{house}/signed-in/factors/passkey")
    page.get_by_label("What you call it").fill("Yellow key")
    click_and_wait(page.get_by_role("button", name="Make a passkey"))
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    assert len(re.findall(r"[a-z2-7]{4}(?:-[a-z2-7]{4}){3}", page.inner_text("main"))) == 10
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        heights = [box["height"] for code in page.locator("main code").all() if (box := code.bounding_box())]
        assert (len(heights), max(heights) < 40) == (10, True), "each code is on one line, so that it can be copied"

    comes_in(page, database, newsroom, house)
    expect(page.get_by_role("heading", name="Your second factor")).to_be_visible()
    click_and_wait(page.get_by_role("button", name="Show my passkey"))
    assert page.url == f"{house}/desk/steppe/"

    comes_in(page, database, newsroom, house)
    devtools.send("WebAuthn.clearCredentials", {"authenticatorId": number})  # type: ignore[attr-defined]
    page.get_by_role("button", name="Show my passkey").click()
    expect(page.get_by_role("status")).to_have_text("The passkey wasn’t shown. Try again, or type a code.")
    page.goto(f"{house}/desk/steppe/letters")
    expect(page.get_by_role("heading", name="Your second factor")).to_be_visible()
    assert refused == []
    context.close()


def test_without_scripts_an_app_is_offered_in_its_place(
    chromium: "Browser", database: Database, newsroom: Newsroom, house: str
) -> None:
    from playwright.sync_api import expect

    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    comes_in(page, database, newsroom, house)
    page.goto(f"{house}/signed-in/factors/passkey")
    expect(page.get_by_text("Passkeys need scripts. Without them, add an app.")).to_be_visible()
    expect(page.get_by_role("button", name="Make a passkey")).to_have_count(0)
    context.close()
