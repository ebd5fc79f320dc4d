"""Strangers ask in Nora's name, and behind the same exit as she: her devices get in."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.core.clock import unix_time, utc_now
from app.db.engine import Database
from app.entrance import devices, login
from app.mail.models import OutboxMail
from app.people.models import SignIn
from app.web.setup import limiter
from tests.support.desk_people import (
    NORA,
    VERA,
    get_newest_mail_text,
    hire_vera,
    request_code,
    sign_in_by_code,
    type_code,
)
from tests.support.pages import Browser
from tests.support.sample_newsroom import Newsroom


def mails(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(OutboxMail).filter_by(kind="sign_in")) or 0


@pytest.mark.threat("stranger at the door")
def test_the_device_on_which_nora_was_signed_in_gets_its_mail_at_once_through_a_flood(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    laptop = sign_in_by_code(app, database, NORA)
    laptop.open("/signed-in")
    laptop.press("/sign-out")
    for _ in range(30):
        request_code(Browser(app), NORA)
    before = mails(database)
    began = utc_now()
    request_code(laptop, NORA)
    with database.read() as session:
        mail = session.scalars(select(OutboxMail).order_by(OutboxMail.id.desc())).first()
        assert mail is not None
        assert mail.due_at - began < timedelta(seconds=30)
    assert mails(database) == before + 1
    type_code(laptop, database, NORA)
    assert laptop.open("/desk/steppe/").status_code == 200


@pytest.mark.threat("stranger at the door")
def test_a_known_device_of_somebody_else_is_a_strangers(app: Flask, database: Database, newsroom: Newsroom) -> None:
    hire_vera(database, newsroom)
    hers = sign_in_by_code(app, database, VERA)
    for _ in range(5):
        request_code(Browser(app), NORA)
    request_code(hers, NORA)
    with database.read() as session:
        last = session.scalars(select(SignIn).order_by(SignIn.id.desc())).first()
        assert last is not None
        assert (last.is_known, last.mail_due_at > utc_now()) == (False, True)  # type: ignore[operator]


@pytest.mark.threat("stranger at the door")
def test_the_devices_cookie_is_sealed_of_the_desk_alone_and_no_way_in(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    nora = sign_in_by_code(app, database, NORA)
    cookie = nora.client.get_cookie("__Host-known", domain="ask.newsroom.example")
    assert cookie is not None
    assert (cookie.secure, cookie.http_only, cookie.path, cookie.same_site) == (True, True, "/", "Lax")
    nora.open("/signed-in")
    nora.press("/sign-out")
    assert nora.open("/desk/steppe/").status_code == 303
    thief = Browser(app)
    thief.client.set_cookie("__Host-known", cookie.value[:-4] + "AAAA", domain="ask.newsroom.example", secure=True)
    request_code(thief, NORA)
    with database.read() as session:
        assert [row.is_known for row in session.scalars(select(SignIn).order_by(SignIn.id))][-1] is False

    leyla = Browser(app)
    request_code(leyla, "leyla@field.example", door="expert")
    type_code(leyla, database, "leyla@field.example")
    assert leyla.open("/expert/").status_code == 200
    assert leyla.client.get_cookie("__Host-known", domain="ask.newsroom.example") is None


@pytest.fixture
def counting(app: Flask, limited_client: FlaskClient) -> Callable[[], Browser]:
    """Browsers of an app that counts tries, all behind one exit."""
    assert limiter.enabled
    return lambda: Browser(limited_client.application)


def browser_at(counting: Callable[[], Browser], address: str) -> Browser:
    """A new browser in the network of an address."""
    browser = counting()
    browser.client.environ_base["REMOTE_ADDR"] = address
    return browser


def newest_mail_waits(database: Database) -> bool:
    with database.read() as session:
        mail = session.scalars(select(OutboxMail).order_by(OutboxMail.id.desc())).first()
        assert mail is not None
        return mail.due_at > utc_now()


@pytest.mark.threat("stranger at the door")
def test_a_new_laptop_in_another_network_gets_its_mail_at_once_through_a_flood(
    app: Flask, database: Database, newsroom: Newsroom, counting: Callable[[], Browser]
) -> None:
    for number in range(40):
        request_code(browser_at(counting, f"198.51.100.{number % 4}"), NORA)
    assert newest_mail_waits(database)
    before, laptop = mails(database), browser_at(counting, "203.0.113.7")
    request_code(laptop, NORA)
    assert (mails(database), newest_mail_waits(database)) == (before + 1, False)
    type_code(laptop, database, NORA)
    assert laptop.open("/desk/steppe/").status_code == 200


@pytest.mark.threat("stranger at the door")
def test_strangers_in_many_networks_fill_no_mailbox(
    app: Flask, database: Database, newsroom: Newsroom, counting: Callable[[], Browser]
) -> None:
    for number in range(50):
        request_code(browser_at(counting, f"198.51.100.{number}"), NORA)
    assert mails(database) == login.PROMPT_MAILS.amount + 1  # the last one waits, and works for all the others


@pytest.mark.threat("stranger at the door")
def test_a_mail_for_which_a_stranger_asked_lets_nora_in_on_the_laptop_where_she_asked_too(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    strangers, laptop = [Browser(app) for _ in range(8)], Browser(app)
    for stranger in strangers[:3]:
        request_code(stranger, NORA)
    [link] = re.findall(r"/sign-in/\S+", get_newest_mail_text(database, NORA))
    laptop.open(link)
    assert laptop.heading == "This link was requested in another browser"
    for stranger in strangers[3:]:
        request_code(stranger, NORA)
    request_code(laptop, NORA)
    assert newest_mail_waits(database)
    laptop.open(link)
    laptop.press(link)
    assert laptop.open("/desk/steppe/").status_code == 200
    assert {stranger.open(link).status_code for stranger in strangers} == {410}


@pytest.mark.threat("stranger at the door")
def test_behind_a_flooded_exit_a_known_device_asks_at_once_and_a_new_one_after_a_minute_that_is_said(
    database: Database, newsroom: Newsroom, counting: Callable[[], Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop, stranger, phone = counting(), counting(), counting()
    request_code(laptop, NORA)
    type_code(laptop, database, NORA)
    laptop.open("/signed-in")
    laptop.press("/sign-out")
    statuses = []
    for _ in range(20):
        stranger.open("/sign-in")
        statuses.append(stranger.press("/sign-in", email="x@else.example").status_code)
    assert statuses[-5:] == [429] * 5

    laptop.open("/sign-in")
    assert laptop.press("/sign-in", email=NORA).status_code == 303
    phone.open("/sign-in")
    assert phone.press("/sign-in", email=NORA).status_code == 429
    assert (phone.heading, "Wait for a minute" in phone.text) == ("Too many attempts from your network", True)
    monkeypatch.setattr(devices, "unix_time", lambda: unix_time() + devices.WAIT)
    phone.open("/sign-in")
    assert phone.press("/sign-in", email=NORA).status_code == 303
    assert get_newest_mail_text(database, NORA)
