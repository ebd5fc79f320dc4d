"""Browsers that are signed in: proving once more who sits there, when they were last seen, and each way out."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select, update

from app.core.clock import utc_now
from app.db.engine import Database
from app.entrance.login import describe_browser
from app.forms.version_tokens import encode_token
from app.people.models import BrowserSession
from app.questions import actions
from app.settings.sign_in_rules import SignInRules
from tests.support.database_checks import dump_tables
from tests.support.desk_people import (
    ILYA,
    NORA,
    VERA,
    find_link,
    get_newest_mail_text,
    get_person_public_id,
    hire_vera,
    list_roles,
    request_code,
    sign_in_directly,
    type_code,
)
from tests.support.pages import Browser
from tests.support.sample_newsroom import Newsroom

DESK = "/desk/steppe/"
PEOPLE = f"{DESK}people"
SAULE = {"name": "Saule Bekova", "email": "saule@desk.example", "role": "assistant"}
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def get_past_time(**length: float) -> datetime:
    return utc_now() - timedelta(**length)


def update_sessions(database: Database, **columns: Any) -> None:
    """Let what the sessions say have happened some time ago."""
    database.write(lambda session: session.execute(update(BrowserSession).values(**columns)))


def list_sessions(database: Database) -> list[BrowserSession]:
    with database.read() as session:
        return list(session.scalars(select(BrowserSession).order_by(BrowserSession.id)))


@pytest.fixture
def vera(app: Flask, database: Database, newsroom: Newsroom) -> Browser:
    """Vera, who signed in this morning."""
    hire_vera(database, newsroom)
    browser = sign_in_directly(app, database, VERA)
    update_sessions(database, stepped_up_at=get_past_time(hours=3), began_at=get_past_time(hours=3))
    return browser


@pytest.mark.threat("rogue admin", "seized editor's device")
def test_roles_need_a_fresh_proof_and_what_was_typed_is_not_lost(
    database: Database, newsroom: Newsroom, vera: Browser
) -> None:
    vera.open(PEOPLE)
    assert "You will be asked to show that it is you" in vera.text
    before = dump_tables(database)
    vera.submit(PEOPLE, **SAULE)
    asked = vera.response and vera.response.headers["Location"]
    assert asked is not None and asked.startswith(f"/sign-in/again?next={DESK}go-on/")
    ilya = f"{PEOPLE}/{get_person_public_id(database, newsroom.ilya)}"
    for act, form in {
        "role": {"role": "admin", "seen": encode_token({"role": "assistant"})},
        "deactivate": {},
        "remove": {},
    }.items():
        vera.open(PEOPLE)
        assert vera.press(f"{ilya}/{act}", **form).headers["Location"].startswith(f"/sign-in/again?next={DESK}go-on/")
    after = dump_tables(database)
    assert [table for table in after if after[table] != before[table]] == ["form_drafts"]
    assert SAULE["email"].encode() not in repr(after["form_drafts"]).encode(), "sealed"

    vera.open(asked)
    vera.submit("/sign-in/again")
    vera.follow()
    type_code(vera, database, VERA)
    vera.follow()
    assert (vera.heading, vera.page.values("email")) == ("Invite somebody to this desk", [SAULE["email"]])
    assert list_roles(database, newsroom.newsletter_id).keys() == {"Nora Lind", "Ilya Brandt", "Vera Holm"}
    vera.submit(PEOPLE)
    assert list_roles(database, newsroom.newsletter_id)["Saule Bekova"] == ("assistant", "invited")
    assert vera.open(asked.partition("next=")[2]).status_code == 303, "it waits no more"


@pytest.mark.parametrize("by", ["code", "link"])
def test_vera_proves_it_by_mail_in_the_same_browser_and_goes_on(
    app: Flask, database: Database, newsroom: Newsroom, vera: Browser, by: str
) -> None:
    with vera.edit_session() as cookie:
        old = dict(cookie)
    vera.open(f"/sign-in/again?next={PEOPLE}")
    vera.press("/sign-in/again", next=PEOPLE)
    vera.follow()
    if by == "code":
        stranger = Browser(app)
        request_code(stranger, "nobody@desk.example")
        type_code(stranger, database, VERA)
        assert stranger.response is not None and stranger.response.status_code == 400
        type_code(vera, database, VERA)
    else:
        link = find_link(get_newest_mail_text(database, VERA))
        vera.open(link)
        vera.press(link)
    assert vera.response is not None
    assert vera.response.headers["Location"] == PEOPLE
    vera.follow()
    assert vera.press(PEOPLE, **SAULE).status_code == 303
    assert list_roles(database, newsroom.newsletter_id)["Saule Bekova"] == ("assistant", "invited")
    [only] = list_sessions(database)
    assert only.stepped_up_at is not None
    assert (only.began_at < get_past_time(hours=2), only.stepped_up_at > get_past_time(minutes=1)) == (True, True)
    thief = Browser(app)
    with thief.edit_session() as cookie:
        cookie.update(old)
    assert thief.open(PEOPLE).status_code == 303, "the cookie from before the proof opens nothing any more"


@pytest.mark.threat("rogue admin")
def test_the_directory_leaves_the_house_only_after_a_proof_and_the_way_back_keeps_what_was_looked_for(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    nora, export = sign_in_directly(app, database, NORA), "Export the directory"
    update_sessions(database, stepped_up_at=get_past_time(hours=3))
    files = f"{DESK}experts/files?q=Leyla&show=work"
    nora.open(f"{DESK}experts?q=Leyla&show=work")
    assert f'href="{files}"' in nora.text
    nora.open(files)
    assert (export in nora.text, "You will be asked to show that it is you" in nora.text) == (True, True)
    assert (
        nora.submit(f"{DESK}experts/export?q=Leyla&show=work", form_action=f"{DESK}experts/export").status_code == 303
    )
    nora.follow()
    nora.submit("/sign-in/again")
    nora.follow()
    type_code(nora, database, NORA)
    nora.follow()
    assert nora.heading == export
    assert (
        nora.submit(f"{DESK}experts/export?q=Leyla&show=work", form_action=f"{DESK}experts/export").mimetype
        == "text/csv"
    )
    assert "marek@water.example" in nora.text


def test_a_proof_of_a_clock_that_ran_ahead_is_none(database: Database, newsroom: Newsroom, vera: Browser) -> None:
    update_sessions(database, stepped_up_at=get_past_time(days=-300))
    vera.open(PEOPLE)
    assert vera.press(PEOPLE, **SAULE).headers["Location"].startswith("/sign-in/again?")


@pytest.mark.threat("seized editor's device")
def test_a_code_proves_once_and_nothing_for_a_browser_that_was_signed_out_meanwhile(
    app: Flask, database: Database, newsroom: Newsroom, vera: Browser
) -> None:
    def asks_again() -> None:
        vera.open(f"/sign-in/again?next={PEOPLE}")
        vera.press("/sign-in/again", next=PEOPLE)
        vera.follow()

    asks_again()
    with vera.edit_session() as cookie:
        before = dict(cookie)
    type_code(vera, database, VERA)
    update_sessions(database, stepped_up_at=get_past_time(hours=3))
    twin = Browser(app)
    with twin.edit_session() as cookie:
        cookie.update(before)
    twin.open("/sign-in/code")
    type_code(twin, database, VERA)
    assert twin.response is not None and twin.response.status_code == 400
    [session] = list_sessions(database)
    assert session.stepped_up_at is not None and session.stepped_up_at < get_past_time(hours=2)

    asks_again()
    nora = sign_in_directly(app, database, NORA)
    nora.open(f"{DESK}letters")
    database.write(lambda rows: rows.execute(delete(BrowserSession).where(BrowserSession.id == session.id)))
    type_code(vera, database, VERA)
    assert vera.response is not None and vera.response.status_code == 400
    assert vera.open(PEOPLE).status_code == 303


def test_who_proves_as_herself_presses_as_nobody_else(
    app: Flask, database: Database, newsroom: Newsroom, vera: Browser
) -> None:
    vera.open(f"/sign-in/again?next={PEOPLE}")
    vera.press("/sign-in/again", next=PEOPLE)
    request_code(vera, ILYA)  # in the same browser, before her code is typed
    type_code(vera, database, ILYA)
    assert vera.open(PEOPLE).status_code == 200
    vera.open(f"{DESK}letters")
    assert vera.press(PEOPLE, **SAULE).status_code == 404  # an assistant, freshly proved as himself
    vera.open("/sign-in/code")
    type_code(vera, database, VERA)
    assert vera.open(PEOPLE).status_code == 200
    assert [row.person_id for row in list_sessions(database)] == [newsroom.ilya.person_id]


@pytest.mark.threat("seized editor's device")
@pytest.mark.parametrize("variant", ["signed out elsewhere", "shut out"])
def test_an_open_page_of_whoever_was_signed_out_presses_nothing_and_gives_back_what_was_typed(
    app: Flask, database: Database, newsroom: Newsroom, vera: Browser, variant: str
) -> None:
    question = database.write(lambda session: actions.open_question(session, newsroom.nora, [], body="Who?").public_id)
    ilya = sign_in_directly(app, database, ILYA)
    ilya.open(f"{DESK}questions/{question}")
    update_sessions(database, stepped_up_at=get_past_time(minutes=1))
    page = f"{PEOPLE}/{get_person_public_id(database, newsroom.ilya)}"
    vera.open(page)
    assert vera.press(f"{page}/{'out' if variant == 'signed out elsewhere' else 'deactivate'}").status_code == 303
    before = dump_tables(database)
    refused = ilya.press(f"{DESK}questions/{question}/note", note="I rang the field station.")
    assert (refused.status_code, ilya.heading, "I rang the field station.</textarea>" in ilya.text) == (
        403, "You aren’t signed in any more", True,
    )  # fmt: skip
    assert dump_tables(database) == before


def test_signing_a_colleague_out_cant_wait_for_a_proof(
    app: Flask, database: Database, newsroom: Newsroom, vera: Browser
) -> None:
    ilya, page = sign_in_directly(app, database, ILYA), f"{PEOPLE}/{get_person_public_id(database, newsroom.ilya)}"
    vera.open(page)
    assert vera.press(f"{page}/out").status_code == 303
    assert ilya.open(f"{DESK}letters").status_code == 303


def test_being_seen_is_noted_once_in_five_minutes_and_is_all_that_a_page_writes(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    nora = sign_in_directly(app, database, NORA)
    before = dump_tables(database)
    nora.open(f"{DESK}letters")
    assert dump_tables(database) == before
    update_sessions(database, seen_at=get_past_time(minutes=6))
    before = dump_tables(database)
    nora.open(f"{DESK}letters")
    after = dump_tables(database)
    assert [table for table in after if after[table] != before[table]] == ["sessions"]
    [seen] = list_sessions(database)
    assert seen.seen_at is not None and seen.seen_at > get_past_time(minutes=1)
    nora.open(f"{DESK}questions")
    assert dump_tables(database) == after


def test_of_an_expert_neither_browser_nor_hour_is_kept(app: Flask, database: Database, newsroom: Newsroom) -> None:
    leyla = Browser(app)
    leyla.client.environ_base["HTTP_USER_AGENT"] = FIREFOX
    request_code(leyla, "leyla@field.example", door="expert")
    type_code(leyla, database, "leyla@field.example")
    assert leyla.open("/expert/").status_code == 200
    assert [(row.browser, row.seen_at) for row in list_sessions(database)] == [("", None)]
    leyla.open("/signed-in")
    assert ("Firefox" in leyla.text, "last seen" in leyla.text) == (False, False)


@pytest.mark.threat("seized editor's device")
def test_nora_sees_her_browsers_and_signs_one_or_all_others_out(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    laptop, phone, tablet = (sign_in_directly(app, database, NORA) for _ in range(3))
    database.write(lambda session: session.execute(update(BrowserSession).values(browser=describe_browser(FIREFOX))))
    ilya = sign_in_directly(app, database, ILYA)
    laptop.open("/signed-in")
    assert (laptop.text.count("This browser"), laptop.text.count("Another browser")) == (1, 2)
    assert laptop.text.count("Firefox on Linux") == 3
    first, second, _third, of_ilya = list_sessions(database)
    laptop.press(f"/signed-in/{second.public_id}/end")
    laptop.follow()
    laptop.press(f"/signed-in/{of_ilya.public_id}/end")  # somebody else's
    assert [one.open(f"{DESK}letters").status_code for one in (laptop, phone, tablet, ilya)] == [200, 303, 200, 200]
    laptop.open("/signed-in")
    laptop.press("/signed-in/others")
    assert [one.open(f"{DESK}letters").status_code for one in (laptop, tablet, ilya)] == [200, 303, 200]
    assert [row.public_id for row in list_sessions(database)] == [first.public_id, of_ilya.public_id]


def test_whoever_signs_in_again_in_a_browser_leaves_no_second_session(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    nora = sign_in_directly(app, database, NORA)
    request_code(nora, NORA)
    type_code(nora, database, NORA)
    assert len(list_sessions(database)) == 1
    assert nora.open(f"{DESK}letters").status_code == 200


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15", "Safari on Mac"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 FxiOS/127.0 Mobile/15E148", "Firefox on iPhone"),
        ("curl/8.9.1", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_a_browser_is_named_by_its_kind_or_not_at_all(user_agent: str, name: str) -> None:
    assert describe_browser(user_agent) == name


@pytest.mark.threat("seized editor's device")
def test_a_browser_that_rests_for_a_day_is_signed_out_and_so_is_any_after_two_weeks(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    nora = sign_in_directly(app, database, NORA)
    nora.open("/signed-in")
    assert "for 24 hours is signed out by itself, and any after 14 days." in " ".join(nora.text.split())
    update_sessions(database, seen_at=get_past_time(hours=23, minutes=50))
    assert nora.open(f"{DESK}letters").status_code == 200
    update_sessions(database, seen_at=get_past_time(hours=24))
    assert nora.open(f"{DESK}letters").status_code == 303
    [row] = list_sessions(database)
    assert row.ends_at - row.began_at == timedelta(days=14)
    update_sessions(database, seen_at=get_past_time(minutes=1), ends_at=get_past_time(minutes=1))
    assert nora.open(f"{DESK}letters").status_code == 303


def test_settings_say_for_how_long_somebody_stays_and_the_mail_says_so(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    info = app.extensions["database"]._write_session.kw["info"]
    info["sign_in"] = SignInRules(timedelta(hours=1), timedelta(days=2))
    try:
        nora = Browser(app)
        request_code(nora, NORA)
        assert (
            "You stay signed in for 2 days at most. A browser that asks for nothing for 1 hour is signed out before."
            in " ".join(get_newest_mail_text(database, NORA).split())
        )
        type_code(nora, database, NORA)
        [row] = list_sessions(database)
        assert row.ends_at - row.began_at == timedelta(days=2)
    finally:
        info["sign_in"] = SignInRules()
