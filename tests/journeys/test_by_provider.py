"""Nora comes in by the newsroom's own account in a real browser, from a real provider at another address; and the picture
of an app's key is read off her screen."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyotp
import pytest
import zxingcpp

from app.core.actors import Clock
from app.db.engine import Database
from app.people import sign_in
from app.people.models import Person
from tests.support.oidc_provider import CALLBACK_PATH, OidcProvider, run_oidc_provider
from tests.support.processes import run_site, start_forked
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import click_and_wait

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PIXELS = """async (picture) => {
  const image = new Image();
  image.src = `data:image/png;base64,${picture}`;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height), pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  const all = pen.getImageData(0, 0, image.width, image.height).data;
  return [image.width, image.height, Array.from(all.filter((_, at) => at % 4 === 1))];
}"""


@pytest.fixture
def house(database: Database, newsroom: Newsroom, tmp_path: Path) -> Iterator[tuple[str, OidcProvider]]:
    with run_oidc_provider("") as provider:
        provider.asks_consent = True
        with run_site(database.url, tmp_path / "mail", start_forked, **provider.get_settings()) as address:
            provider.callback_url = address + CALLBACK_PATH
            yield address, provider


def test_nora_presses_the_button_and_is_led_there_and_back(
    chromium: "Browser", database: Database, newsroom: Newsroom, house: tuple[str, OidcProvider]
) -> None:
    from playwright.sync_api import expect

    address, _provider = house
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/desk/steppe/letters")
    page.get_by_role("link", name="Sign in with the Daily’s account").click()
    expect(page.get_by_role("heading", name="The Daily")).to_be_visible()
    click_and_wait(page.get_by_role("link", name="Go on as Nora"))
    assert page.url == f"{address}/desk/steppe/letters"
    expect(page.get_by_role("heading", name="Letters", exact=True)).to_be_visible()
    page.goto(f"{address}/signed-in")
    page.get_by_role("button", name="Sign out here").click()
    expect(page.get_by_role("link", name="Sign in with the Daily’s account")).to_be_visible()
    page.get_by_role("textbox", name="Your address").fill("nora@desk.example")
    page.get_by_role("button", name="Mail me a sign-in link").click()
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    context.close()


def seen_by_a_camera(page: "Page", blank: "Page") -> list[str]:
    """What is read off the screen."""
    picture = base64.b64encode(page.screenshot(full_page=True)).decode()
    width, height, grey = blank.evaluate(PIXELS, picture)
    return [one.text for one in zxingcpp.read_barcodes(memoryview(bytes(grey)).cast("B", (height, width)))]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_of_the_key_is_read_off_the_screen(
    chromium: "Browser", database: Database, newsroom: Newsroom, house: tuple[str, OidcProvider], scheme: str
) -> None:
    address, _provider = house
    way = database.write(lambda s: sign_in.invite(s, Clock(), s.get_one(Person, newsroom.nora.person_id), "desk"))
    context = chromium.new_context(color_scheme=scheme, viewport={"width": 390, "height": 760})
    page, blank = context.new_page(), context.new_page()
    page.goto(address + way)
    click_and_wait(page.get_by_role("button", name="Sign in"))
    page.goto(f"{address}/signed-in/factors/app")
    [text] = seen_by_a_camera(page, blank)
    assert pyotp.parse_uri(text).secret == page.locator("input[name=secret]").input_value()
    context.close()
