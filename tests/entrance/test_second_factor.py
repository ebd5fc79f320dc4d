"""Nora's second factor on the pages, without scripts: added, asked for, and needed where the settings say so."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pyotp
import pytest
import zxingcpp
from flask import Flask
from sqlalchemy import update

from app.core.clock import utc_now
from app.db.engine import Database
from app.people import factors
from app.people.models import BrowserSession
from app.settings.sign_in_rules import SignInRules
from tests.support.desk_people import NORA, get_newest_mail_text, get_person_public_id, hire_vera, sign_in_directly
from tests.support.pages import Browser
from tests.support.sample_newsroom import Newsroom

DESK, FACTORS, SECOND = "/desk/steppe/letters", "/signed-in/factors", "/sign-in/second"


def with_app(browser: Browser) -> tuple[str, list[str]]:
    """Add an app on its page. Returns its secret, and the recovery codes that are shown."""
    browser.open(f"{FACTORS}/app")
    secret = browser.value("secret")
    browser.submit(f"{FACTORS}/app", code=pyotp.TOTP(secret).now(), name="Phone")
    return secret, re.findall(r"\b[a-z2-7]{4}(?:-[a-z2-7]{4}){3}\b", browser.text)


def later_code(secret: str) -> str:
    """The next code: the one of now may be used already."""
    return pyotp.TOTP(secret).at(utc_now() + timedelta(seconds=30))


@pytest.mark.threat("seized editor's device")
def test_nora_adds_an_app_and_from_then_on_her_mail_alone_opens_nothing(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    laptop = sign_in_directly(app, database, NORA)
    secret, codes = with_app(laptop)
    assert (laptop.heading, len(codes)) == ("Your second factors", factors.CODE_COUNT)
    assert laptop.open(DESK).status_code == 200
    phone = sign_in_directly(app, database, NORA)
    assert phone.open(DESK).headers["Location"] == f"{SECOND}?next={DESK}"
    assert phone.open("/signed-in").status_code == 303
    phone.open(FACTORS)
    phone.follow()
    assert phone.heading == "Your second factor"
    assert phone.submit(SECOND, code="123 456").status_code == 400
    assert phone.open(DESK).status_code == 303
    phone.open(f"{SECOND}?next={DESK}")
    assert phone.submit(SECOND, code=later_code(secret)).headers["Location"] == DESK
    assert phone.open(DESK).status_code == 200


def squares(drawing: str) -> memoryview:
    """The picture that an SVG of segno draws, four pixels a square: its path of strokes, read by hand."""
    side = int(re.findall(r'viewBox="0 0 (\d+) ', drawing)[0])
    rows = [bytearray(b"\xff" * side) for _ in range(side)]
    x = y = 0
    for mark, first, second in re.findall(
        r"([Mmh])(-?\d+)(?: ?(-?\d+)(?:\.5)?)?", re.findall(r'stroke="#000" d="([^"]+)"', drawing)[0]
    ):
        if mark == "h":
            rows[y][x : x + int(first)] = bytes(int(first))
            x += int(first)
        else:
            x, y = (int(first), int(second)) if mark == "M" else (x + int(first), y + int(second))
    large = b"".join(bytes(one for one in row for _ in range(4)) * 4 for row in rows)
    return memoryview(large).cast("B", (side * 4, side * 4))


def test_the_picture_beside_the_key_says_the_same_to_a_camera(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    nora = sign_in_directly(app, database, NORA)
    nora.open(f"{FACTORS}/app")
    [drawing] = re.findall(r"<svg.*?</svg>", nora.text, re.DOTALL)
    assert re.findall(r"style|<script|href", drawing) == []
    [seen] = zxingcpp.read_barcodes(squares(drawing))
    app_of_hers = pyotp.parse_uri(seen.text)
    secret = nora.value("secret")
    assert (app_of_hers.secret, app_of_hers.name, app_of_hers.issuer) == (secret, "Nora Lind", "Readers Asked")
    assert nora.page.texts("main code") == [" ".join(secret[at : at + 4] for at in range(0, 32, 4))]
    nora.submit(f"{FACTORS}/app", code="000000")
    assert [one.text for one in zxingcpp.read_barcodes(squares(re.findall(r"<svg.*?</svg>", nora.text)[0]))] == [
        seen.text
    ]


@pytest.mark.threat("seized editor's device")
def test_a_half_signed_in_browser_presses_nothing(app: Flask, database: Database, newsroom: Newsroom) -> None:
    with_app(sign_in_directly(app, database, NORA))
    thief = sign_in_directly(app, database, NORA)

    def pressed(path: str) -> str:
        thief.open(SECOND)
        return thief.press(path).headers.get("Location", "").partition("?")[0]

    shut = {
        "/desk/steppe/people": SECOND,
        f"{FACTORS}/codes": SECOND,
        f"{FACTORS}/app": SECOND,
        "/sign-in/again": SECOND,
        "/signed-in/others": "/sign-in",  # it is out then
    }
    assert {path: pressed(path) for path in shut} == shut


@pytest.mark.threat("seized editor's device")
def test_whoever_has_a_factor_proves_by_it_and_not_by_a_mail(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    nora = sign_in_directly(app, database, NORA)
    secret, _ = with_app(nora)
    long_ago = utc_now() - timedelta(minutes=11)
    database.write(lambda s: s.execute(update(BrowserSession).values(stepped_up_at=long_ago)))
    assert nora.open(FACTORS).status_code == 303
    nora.follow()
    nora.follow()
    assert nora.heading == "Your second factor"
    assert nora.submit(SECOND, code=later_code(secret)).headers["Location"] == FACTORS
    nora.follow()
    assert nora.heading == "Your second factors"


def test_a_factor_is_renamed_and_removed(app: Flask, database: Database, newsroom: Newsroom) -> None:
    nora = sign_in_directly(app, database, NORA)
    with_app(nora)
    with database.read() as session:
        [one] = factors.list_factors(session, newsroom.nora.person_id)
    nora.open(FACTORS)
    nora.press(f"{FACTORS}/{one.public_id}/rename", name="Old phone")
    nora.follow()
    assert "Old phone" in nora.page.values("name")
    nora.press(f"{FACTORS}/{one.public_id}/remove")
    nora.follow()
    assert nora.page.values("name") == []
    assert sign_in_directly(app, database, NORA).open(DESK).status_code == 200


@pytest.fixture
def editors_need_one(app: Flask) -> Iterator[None]:
    info = app.extensions["database"]._write_session.kw["info"], app.extensions["database"]._read_session.kw["info"]
    for one in info:
        one["sign_in"] = SignInRules(second_factor_roles=("editor",))
    yield
    for one in info:
        one["sign_in"] = SignInRules()


@pytest.mark.threat("seized editor's device")
def test_where_the_settings_say_so_an_editor_adds_one_before_the_desk_opens(
    app: Flask, database: Database, newsroom: Newsroom, editors_need_one: None
) -> None:
    nora, ilya = sign_in_directly(app, database, NORA), sign_in_directly(app, database, "ilya@desk.example")
    assert ilya.open(DESK).status_code == 200, "an assistant, of whom nothing is asked"
    nora.open(DESK)
    nora.follow()
    nora.follow()
    assert "Your role needs a second factor" in nora.text
    with_app(nora)
    assert nora.open(DESK).status_code == 200


def test_an_admin_removes_the_factors_of_somebody_who_lost_them(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    hire_vera(database, newsroom)
    nora, vera = sign_in_directly(app, database, NORA), sign_in_directly(app, database, "vera@desk.example")
    with_app(nora)
    page = f"/desk/steppe/people/{get_person_public_id(database, newsroom.nora)}"
    vera.open(page)
    vera.submit(f"{page}/factors")
    vera.follow()
    assert "The second factors of Nora Lind are removed" in vera.text
    assert nora.open(DESK).headers["Location"].startswith("/sign-in?")
    assert sign_in_directly(app, database, NORA).open(DESK).status_code == 200


def test_an_expert_has_no_second_factors(app: Flask, database: Database, newsroom: Newsroom) -> None:
    leyla = Browser(app)
    leyla.open("/sign-in?to=expert")
    leyla.press("/sign-in", email="leyla@field.example", to="expert")
    leyla.follow()
    code = re.search(r"^\d{4} \d{4}$", get_newest_mail_text(database, "leyla@field.example"), re.MULTILINE)
    assert code is not None
    leyla.press("/sign-in/code", code=code[0])
    assert leyla.open(FACTORS).headers["Location"].startswith("/sign-in?")
    leyla.open("/signed-in")
    assert FACTORS not in leyla.text
