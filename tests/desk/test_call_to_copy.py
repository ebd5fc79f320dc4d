"""Nora copies the standing call with the short address and the QR code of the ask page."""

import re
from io import BytesIO

import pytest
import zxingcpp
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from selectolax.lexbor import LexborHTMLParser
from sqlalchemy.orm import Session

from app.core.actors import Clock
from app.db.engine import Database
from app.newsletters.models import Newsletter
from app.workflows.newsletters import renaming
from tests.support.desk import Desk
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom

FILES = ["svg", "png", "html", "txt"]


def newsletter(session: Session, newsroom: Newsroom) -> Newsletter:
    return session.get_one(Newsletter, newsroom.newsletter_id)


@pytest.fixture
def short(app: Flask, database: Database, newsroom: Newsroom) -> str:
    """The path of the short address."""
    with database.read() as session:
        return f"/q/{newsletter(session, newsroom).public_id[:6]}"


def picture(png: bytes) -> Image.Image:
    return Image.open(BytesIO(png)).convert("L")


def test_the_qr_code_is_read_as_the_short_address_and_leads_to_the_ask_page(
    nora: Desk, client: FlaskClient, app: Flask, short: str
) -> None:
    [code] = zxingcpp.read_barcodes(picture(nora.open("call.png").data))
    assert (code.text, code.format) == (app.config["BASE_URL"] + short, zxingcpp.BarcodeFormat.QRCode)
    led = client.get(short)
    assert (led.status_code, led.location) == (303, "/steppe/ask")
    assert "Set-Cookie" not in led.headers


def test_the_picture_for_print_can_be_scaled_and_has_its_white_around(nora: Desk) -> None:
    drawn = LexborHTMLParser(nora.open("call.svg").text)
    [svg], [title] = drawn.css("svg"), drawn.css("svg > title")
    assert (title.text(), svg.attributes["xmlns"]) == ("QR code: ask The Steppe Letter", "http://www.w3.org/2000/svg")
    modules = (svg.attributes["width"] or "").removesuffix("mm")
    assert (svg.attributes["height"], svg.attributes["viewBox"]) == (f"{modules}mm", f"0 0 {modules} {modules}")
    assert [part.attributes.get("fill") or part.attributes.get("stroke") for part in drawn.css("path")] == [
        "#fff",
        "#000",
    ]
    code = picture(nora.open("call.png").data)
    quiet, (width, height) = 4 * 20, code.size  # modules of white, in pixels
    around = (
        (0, 0, width, quiet),
        (0, 0, quiet, height),
        (0, height - quiet, width, height),
        (width - quiet, 0, width, height),
    )
    assert [code.crop(side).getextrema() for side in around] == [(255, 255)] * 4
    assert code.getpixel((quiet, quiet)) == 0  # the finder pattern begins there


def test_what_is_copied_is_the_call_and_the_line_with_the_address(nora: Desk, app: Flask, short: str) -> None:
    link = app.config["BASE_URL"] + short
    said = f"What would you like to know? Write to nora@steppe.example.\n\nAsk your question here: {link}\n"
    assert nora.open("call.txt").text == said
    copied = Page(nora.open("call.html").text)
    assert copied.texts("p") == said.strip().split("\n\n")
    assert copied.attributes("a", "href") == [link]
    page = nora.get("call")
    assert [button for button in page.buttons if button.startswith("Copy")] == ["Copy for the newsletter", "Copy"]
    assert said.split("\n\n")[0] in page.main_text


def test_the_line_is_in_the_newsletters_language_and_as_the_desk_words_it(
    nora: Desk, database: Database, newsroom: Newsroom, app: Flask, short: str
) -> None:
    link = app.config["BASE_URL"] + short

    def in_persian(session: Session) -> None:
        one = newsletter(session, newsroom)
        one.language, one.languages, one.call = "fa", ["fa"], ""

    nora.press("settings/sentences/en", ask_here="Ask us: {link}!")
    assert nora.open("call.txt").text.endswith(f"\n\nAsk us: {link}!\n")
    assert "It must have what is filled in" in nora.press("settings/sentences/en", 422, ask_here="Ask us!")
    database.write(in_persian)
    assert nora.open("call.txt").text == f"پرسش خود را اینجا بنویسید: {link}\n"
    assert Page(nora.open("call.html").text).attributes("section", "dir") == ["rtl"]
    assert "The newsletter has no standing call" in nora.get_text("call")


@pytest.mark.parametrize("ending", FILES)
def test_each_file_has_its_name_and_type(nora: Desk, ending: str) -> None:
    file = nora.open(f"call.{ending}")
    kinds = {
        "svg": "image/svg+xml",
        "png": "image/png",
        "html": "text/html; charset=utf-8",
        "txt": "text/plain; charset=utf-8",
    }
    assert (file.status_code, file.headers["Content-Type"]) == (200, kinds[ending])
    assert file.headers["Content-Disposition"] == f'attachment; filename="steppe-ask.{ending}"'


def test_the_short_address_stays_when_the_newsletter_gets_another_name(
    database: Database, newsroom: Newsroom, client: FlaskClient, short: str
) -> None:
    database.write(lambda s: renaming.rename(s, Clock(), newsletter(s, newsroom), "The Plain Letter", "plain"))
    assert client.get(short).location == "/plain/ask"


@pytest.mark.parametrize(
    "path", ["/q/", "/q/ZZZZZZ", "/q/ZZZZZZZZZZZZ", "/q/Z", "/q/ZZZZZ%25", "/q/____________", "/q/ZZZZZ%00"]
)
def test_a_guess_tells_nothing(client: FlaskClient, newsroom: Newsroom, path: str) -> None:
    strip = re.compile(r"Reference: \S+")
    nothing, guessed = client.get("/q/no/such/page"), client.get(path)
    assert (guessed.status_code, guessed.headers.get("Location")) == (404, None)
    assert strip.sub("", Page(guessed.text).main_text) == strip.sub("", Page(nothing.text).main_text)


def test_the_desk_says_that_nobody_can_ask_now(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    assert "readers can’t ask" not in nora.get_text("call")
    database.write(lambda s: setattr(newsletter(s, newsroom), "state", "paused"))
    assert "The newsletter is paused: readers can’t ask." in nora.get_text("call")


def test_it_is_found_where_editions_are_and_where_the_call_stands(nora: Desk) -> None:
    assert [words for words, href in nora.get("editions").links if href == "/desk/steppe/call"] == [
        "For the newsletter: the standing call, the short address and the QR code of the ask page"
    ]
