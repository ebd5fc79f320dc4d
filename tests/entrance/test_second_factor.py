"""Nora's second factor on the pages, without scripts: added, asked for, and needed where the settings say so."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
import zxingcpp
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from limits import parse_many
from sqlalchemy import text, update

from app.core.clock import utc_now
from app.db.engine import Database
from app.entrance.two_factor import CODES_TRIED
from app.people import factors
from app.people.models import BrowserSession, Membership
from app.settings.sign_in_rules import SignInRules
from tests.support.app import open_app
from tests.support.desk_people import (
    NORA,
    VERA,
    create_delta_newsletter,
    find_link,
    get_newest_mail_text,
    get_person_public_id,
    hire,
    hire_vera,
    sign_in_by_link,
    sign_in_directly,
)
from tests.support.pages import Browser
from tests.support.redis_server import start_redis
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


@pytest.mark.threat("seized editor's device")
def test_a_cookie_that_was_copied_before_the_second_factor_opens_nothing_after_it(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    """A thief of the mailbox who plants their own cookie in Nora's browser would come in with her factor."""

    def copy_cookie(browser: Browser) -> Browser:
        thief = Browser(app)
        with browser.edit_session() as ours, thief.edit_session() as theirs:
            theirs.update(ours)
        return thief

    laptop = sign_in_directly(app, database, NORA)
    before_adding = copy_cookie(laptop)
    secret, _codes = with_app(laptop)
    phone = sign_in_directly(app, database, NORA)
    before_showing = copy_cookie(phone)
    phone.open(SECOND)
    assert phone.submit(SECOND, code=later_code(secret)).status_code == 303
    assert [browser.open(DESK).status_code for browser in (laptop, phone)] == [200, 200]
    for thief in (before_adding, before_showing):
        assert thief.open(DESK).headers["Location"].startswith("/sign-in?")


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

    thief.open(SECOND)
    assert thief.press("/desk/steppe/people", name="Eve").status_code == 403
    shut = {
        f"{FACTORS}/codes": SECOND,
        f"{FACTORS}/app": SECOND,
        "/sign-in/again": SECOND,
        "/signed-in/others": "/sign-in",  # it is out then
    }
    assert {path: pressed(path) for path in shut} == shut


@pytest.mark.threat("seized editor's device")
def test_codes_are_tried_ten_times_an_hour_and_thirty_times_a_day(
    limited_client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    app = limited_client.application
    with_app(sign_in_directly(app, database, NORA))
    thief = sign_in_directly(app, database, NORA)
    thief.open(SECOND)
    assert [thief.submit(SECOND, code=f"{number:06}").status_code for number in range(11)] == [400] * 10 + [429]
    per_hour, per_day = parse_many(CODES_TRIED)
    assert (per_hour.amount, per_hour.get_expiry(), per_day.amount, per_day.get_expiry()) == (10, 3_600, 30, 86_400)
    right_at_once = 3  # the code of now, and its neighbours
    assert 365 * per_day.amount * right_at_once / 10**6 < 0.035


@pytest.mark.threat("seized editor's device")
def test_a_fault_of_the_database_is_no_failure_of_redis_after_which_codes_are_counted_anew(
    database: Database, newsroom: Newsroom, tmp_path: Path, bytecode_cache: FileSystemBytecodeCache
) -> None:
    """Whose codes are counted is a question to the database, which may be away just then."""
    with start_redis(tmp_path) as url, open_app(database, tmp_path, bytecode_cache, limits="1", redis_url=url) as app:
        with_app(sign_in_directly(app, database, NORA))
        thief = sign_in_directly(app, database, NORA)
        thief.open(SECOND)
        token = thief.get_csrf_token()

        def try_code() -> int:
            return thief.press(SECOND, code="000000", csrf_token=token).status_code

        assert [try_code() for _ in range(11)] == [400] * 10 + [429]
        rename_table(database, "sessions", "away")
        status = try_code()
        rename_table(database, "away", "sessions")
        assert (status, try_code()) == (500, 429)


def rename_table(database: Database, name: str, new_name: str) -> None:
    with database.writer.begin() as connection:
        connection.execute(text(f"ALTER TABLE {name} RENAME TO {new_name}"))


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
def set_rules(app: Flask) -> Iterator[Callable[..., None]]:
    """Set the rules of the settings for signing in, for all sessions of the database."""
    database = app.extensions["database"]

    def set_rules(**values: Any) -> None:
        for sessions in (database._write_session, database._read_session):
            sessions.kw["info"]["sign_in"] = SignInRules(**values)

    yield set_rules
    set_rules()


@pytest.mark.threat("seized editor's device")
def test_where_the_settings_say_so_an_editor_adds_one_before_the_desk_opens(
    app: Flask, database: Database, newsroom: Newsroom, set_rules: Callable[..., None]
) -> None:
    set_rules(second_factor_roles=("editor",))
    nora, ilya = sign_in_directly(app, database, NORA), sign_in_directly(app, database, "ilya@desk.example")
    assert ilya.open(DESK).status_code == 200, "an assistant, of whom nothing is asked"
    nora.open(DESK)
    nora.follow()
    nora.follow()
    assert "This desk needs a second factor" in nora.text
    with_app(nora)
    assert nora.open(DESK).status_code == 200


def leave_alone(database: Database, person_id: int) -> None:
    """Deactivate everybody else at every desk."""
    others = update(Membership).where(Membership.person_id != person_id).values(disabled_at=utc_now())
    database.write(lambda session: session.execute(others))


@pytest.mark.threat("seized editor's device")
@pytest.mark.both_databases
def test_as_soon_as_somebody_else_can_open_her_desk_vera_needs_a_factor(
    app: Flask, database: Database, newsroom: Newsroom, set_rules: Callable[..., None]
) -> None:
    set_rules(second_factor_if_shared=True)
    vera_id = hire_vera(database, newsroom).person_id
    leave_alone(database, vera_id)
    vera = sign_in_directly(app, database, VERA)
    people = "/desk/steppe/people"
    vera.open(people)
    assert "Once somebody else can open this desk, everybody who works here needs a second factor" in vera.text
    vera.submit(people, name="Eve Ro", email="eve@desk.example", role="editor")
    assert vera.open(people).status_code == 200, "whom she invites isn't a colleague yet"

    eve = sign_in_by_link(app, find_link(get_newest_mail_text(database, "eve@desk.example")))
    eve.open(DESK)
    eve.follow()
    eve.follow()
    assert (eve.heading, "This desk needs a second factor" in eve.text) == ("Your second factors", True)
    refused = vera.press("/desk/steppe/letters/new", body="Who dug the well?")
    assert (refused.status_code, vera.heading) == (403, "Confirm that it is you")
    assert "Who dug the well?" in vera.text, "what she typed is there to be copied"
    vera.open(people)
    vera.follow()
    vera.follow()
    assert "This desk needs a second factor" in vera.text
    with_app(vera)
    assert ("I have them: go on to the desk", people) in vera.page.links
    vera.open(people)
    assert (vera.heading, "Once somebody else" in vera.text) == ("People", False)

    leave_alone(database, vera_id)
    assert sign_in_directly(app, database, VERA).open(people).status_code == 303, "a factor is asked for also of one"


def test_somebody_of_another_desk_is_no_reason(
    app: Flask, database: Database, newsroom: Newsroom, set_rules: Callable[..., None]
) -> None:
    set_rules(second_factor_if_shared=True)
    leave_alone(database, newsroom.nora.person_id)
    database.write(lambda session: hire(session, create_delta_newsletter(session), "Vera Holm", VERA, "admin"))
    assert sign_in_directly(app, database, NORA).open(DESK).status_code == 200
    database.write(lambda session: hire(session, newsroom.newsletter_id, "Eve Ro", "eve@desk.example", "assistant"))
    assert sign_in_directly(app, database, NORA).open(DESK).status_code == 303


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
