"""The pages of other programs: added, tried, paused, told again, removed, by an admin; and what the desk is told of one that fails."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from app.core.clock import utc_now
from app.db.engine import Database
from app.doctor import machines
from app.doctor.findings import CheckContext
from app.editor.settings.programs_page import WHY
from app.programs.models import Program
from tests.support.desk import Desk, combine_version_tokens
from tests.support.fake_servers import (
    ALLOWED_HOSTS,
    CannedResponse,
    WebhookReceiver,
    add_program,
    deliver_messages,
    webhook_receiver,
)
from tests.support.letters import create_letter
from tests.support.processes import reserve_port
from tests.support.reader_pages import answer_letters, lock_edition
from tests.support.sample_newsroom import Newsroom


@pytest.fixture
def site(app: Flask) -> Iterator[WebhookReceiver]:
    """A program in the newsroom's own network, whose host is named in the settings."""
    app.config["OWN_HOSTS"] = ALLOWED_HOSTS
    with webhook_receiver() as server:
        yield server


def add_by_form(vera: Desk, site: WebhookReceiver, kind: str = "webhook") -> str:
    return vera.post("programs", kind=kind, name="The site", address=site.address)


def secret_on(vera: Desk, page: str) -> str:
    [secret] = vera.post(f"{page}/secret", 200).texts("code")
    return str(secret)


def lines(vera: Desk, page: str) -> list[list[str]]:
    """What, how it stands, and what was answered, without how long it took."""
    return [[*row[:2], row[2].partition(" in ")[0]] for row in vera.get(page).rows[1:]]


@pytest.mark.threat("inward requests")
@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("https://127.0.0.1/hooks", "it leads into a network that is not public"),
        ("https://169.254.169.254/latest/meta-data", "it leads into a network that is not public"),
        ("http://93.184.215.14/hooks", "its address doesn't begin with https://"),
        ("https://nobody.invalid/hooks", "nothing has that name"),
        ("hooks", "its address doesn't begin with https://"),
        ("https://[", "it is no address"),
    ],
)
def test_an_address_that_can_not_be_used_is_told_and_what_was_typed_stays(vera: Desk, address: str, fault: str) -> None:
    page = vera.post("programs", 422, kind="matrix", name="Our chat", address=address)
    assert page.texts("p.error") == [str(WHY[fault])]
    assert (page.value("name"), page.value("address")) == ("Our chat", address)
    assert page.texts("option[selected]") == ["Matrix (hookshot)"]
    assert "No program gets events yet." in vera.get_text("programs")


def test_what_is_missing_is_told(vera: Desk, site: WebhookReceiver) -> None:
    assert vera.post("programs", 422, kind="webhook", address=site.address).texts("p.error") == [
        "Say what it is called."
    ]
    assert vera.post("programs", 422, kind="webhook", name="x").texts("p.error") == ["Say where events go."]
    too_long = vera.post("programs", 422, kind="webhook", name="x" * 81, address=site.address).texts("p.error")
    assert too_long == ["This is too long: the limit is 80 characters."]


def test_a_program_is_tried_paused_told_again_and_removed(
    vera: Desk, database: Database, newsroom: Newsroom, site: WebhookReceiver
) -> None:
    page = add_by_form(vera, site)
    assert vera.get("programs").rows[1][:3] == ["The site", "webhook", "no events yet"]
    assert vera.get(vera.post(f"{page}/test")).notice == "The test has arrived: it answered 204."
    site.response = CannedResponse(b"words of its own", 500)
    assert vera.get(vera.post(f"{page}/test")).notice == "The test hasn’t arrived: it answered 500."
    assert lines(vera, page) == [["A test", "didn’t arrive", "500"], ["A test", "arrived", "204"]]
    site.response = CannedResponse(b"", 200)
    answer_letters(database, newsroom, [create_letter(database, newsroom, "Who built the silos?")])
    lock_edition(database, newsroom)
    assert lines(vera, page)[0] == ["An edition was locked", "waits", ""]
    vera.post_action(page, "pause")
    assert lines(vera, page)[0] == ["An edition was locked", "not sent", ""]
    assert deliver_messages(database) == {}
    vera.post(f"{page}/pause", 409)
    vera.post_action(page, "resume")
    [again] = vera.get(page).attributes('form[action$="/again"]', "action")
    assert vera.get(vera.post(again)).notice == "It is sent again in a moment."
    assert deliver_messages(database) == {"arrived": 1}
    assert lines(vera, page)[0] == ["An edition was locked", "arrived", "200"]
    vera.post(again)
    assert deliver_messages(database) == {"arrived": 1}
    assert (site.types[2:], site.ids[2] == site.ids[3]) == (["edition.locked"] * 2, True)
    assert "words of its own" not in vera.get_text(page)
    assert vera.get(vera.post_action(page, "remove")).notice == "The site is removed, with its address and its secret."
    vera.get(page, 404)


def test_the_secret_is_shown_once_and_made_anew(vera: Desk, site: WebhookReceiver) -> None:
    page = add_by_form(vera, site)
    secret = secret_on(vera, page)
    assert secret.startswith("whsec_") and secret not in vera.open(page).text
    vera.post(f"{page}/secret", 409)
    seen = combine_version_tokens(vera.get(page))
    vera.post(f"{page}/renew", seen=seen)
    vera.post(f"{page}/renew", 409, seen=seen)
    assert secret_on(vera, page) != secret
    chat = add_by_form(vera, site, "slack")
    vera.post(f"{chat}/secret", 409)
    assert site.address.rpartition("/")[2] not in vera.open(chat).text, "whoever has it can write there"


def test_a_program_that_is_away_is_told_as_that(vera: Desk, site: WebhookReceiver) -> None:
    site.server_close()
    page = vera.post("programs", kind="slack", name="The chat", address=f"http://127.0.0.1:{reserve_port()}/")
    assert vera.get(vera.post(f"{page}/test")).notice == "The test hasn’t arrived. It can’t be reached."
    assert lines(vera, page) == [["A test", "didn’t arrive", "It can’t be reached."]]


@pytest.mark.threat("rogue assistant", "another desk")
def test_an_admin_alone_sees_them(nora: Desk, vera: Desk, site: WebhookReceiver) -> None:
    page = add_by_form(vera, site)
    for path in ("programs", page):
        nora.get(path, 404)
    for press in ("test", "pause", "secret", "remove"):
        nora.post(f"{page}/{press}", 404)
    assert "Other programs" not in nora.get_text("settings")
    assert "Other programs" in vera.get_text("settings")


def test_the_desk_and_the_operator_are_told_of_one_that_fails(
    app: Flask, nora: Desk, vera: Desk, database: Database, newsroom: Newsroom, site: WebhookReceiver
) -> None:
    def doctor() -> list[tuple[str, str]]:
        return [(one.state, one.message) for one in machines.check_programs(CheckContext(database, app.config))]

    add_program(database, newsroom, site.address)
    assert (vera.get("").texts(".alarm b"), doctor()) == ([], [])
    began = utc_now() - timedelta(days=2)
    database.write(lambda s: s.execute(update(Program).values(failing_since=began)) and None)
    said = ["“The site” has accepted nothing for 2 days."]
    assert (nora.get("").texts(".alarm b"), vera.get("").texts(".alarm b")) == (said, said)
    assert (len(nora.get("").texts(".alarm a")), len(vera.get("").texts(".alarm a"))) == (0, 1)
    assert doctor() == [("fault", "a program of steppe has failed for 2 days")]
    database.write(lambda s: s.execute(update(Program).values(paused_at=began, paused_by="failed")) and None)
    assert nora.get("").texts(".alarm b") == ["“The site” no longer gets events."]
    assert doctor() == [("note", "a program of steppe is no longer notified, because it failed for days or is gone")]
