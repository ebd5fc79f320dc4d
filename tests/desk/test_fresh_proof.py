"""What asks for a fresh proof of who presses: each row of the table, at the desk, and how often a day asks for one."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from app.core.clock import utc_now
from app.db.engine import Database
from app.editor.frame import editor
from app.editor.reauthentication import PROOFS, find_proof
from app.forms import held_presses
from app.forms.models import FormDraft
from app.people.models import BrowserSession
from tests.support.database_checks import dump_tables
from tests.support.desk_people import (
    ILYA,
    NORA,
    VERA,
    get_newest_mail_text,
    get_person_public_id,
    hire_vera,
    sign_in_directly,
)
from tests.support.pages import Browser
from tests.support.required_rows import compare_names
from tests.support.sample_newsroom import Newsroom

DESK = "/desk/steppe"
AGAIN = "/sign-in/again?next="
# Each row of the table as somebody meets it: whether it is a press, and its address; `{ilya}` is his page.
PRESSED = {
    "invite_colleague": ("POST", f"{DESK}/people"),
    **{f"press_colleague {act}": ("POST", f"{{ilya}}/{act}") for act in (
        "role", "withdraw", "remove", "deactivate", "reactivate", "factors", "account",
    )},
    "expert_address": ("POST", f"{DESK}/experts/ZZZZZZZZZZZZ/address"),
    "change_expert_address": ("POST", f"{DESK}/experts/ZZZZZZZZZZZZ/new-address"),
    "expert_addresses": ("POST", f"{DESK}/experts/duplicates/addresses"),
    "mail_address": ("POST", f"{DESK}/outbox/ZZZZZZZZZZZZ/address"),
    "pen_address": ("POST", f"{DESK}/pen/ZZZZZZZZZZZZ/address"),
    "leave_expert leave": ("POST", f"{DESK}/experts/ZZZZZZZZZZZZ/leave"),
    "expert_export": ("POST", f"{DESK}/experts/export"),
    "export_newsletter": ("POST", f"{DESK}/export"),
    "export_contacts": ("POST", f"{DESK}/export/contacts"),
    "export_letters": ("POST", f"{DESK}/letters/csv"),
    "export_questions": ("POST", f"{DESK}/questions/csv"),
    "take_trail": ("GET", f"{DESK}/trail/csv?what=letter.send"),
    "add_program": ("POST", f"{DESK}/programs"),
    "show_program_secret": ("POST", f"{DESK}/programs/ZZZZZZZZZZZZ/secret"),
    **{f"press_program {act}": ("POST", f"{DESK}/programs/ZZZZZZZZZZZZ/{act}") for act in ("renew", "resume", "remove")},
    "add_token": ("POST", f"{DESK}/tokens"),
    "show_token_secret": ("POST", f"{DESK}/tokens/ZZZZZZZZZZZZ/secret"),
    "keep_sending_tool": ("POST", f"{DESK}/settings/sending-tool"),
    "change_settings keeping": ("POST", f"{DESK}/settings/keeping"),
}  # fmt: skip


def long_ago(database: Database) -> None:
    """Let all browsers have proved who sits there this morning."""
    at = utc_now() - timedelta(hours=3)
    database.write(lambda session: session.execute(update(BrowserSession).values(stepped_up_at=at)))


@pytest.fixture
def vera(app: Flask, database: Database, newsroom: Newsroom) -> Browser:
    hire_vera(database, newsroom)
    browser = sign_in_directly(app, database, VERA)
    browser.open(f"{DESK}/people")
    long_ago(database)
    return browser


def get_next_path(browser: Browser) -> str:
    """Where the browser is to go on once it is proved who sits there; nothing where nobody asks."""
    place = browser.response.headers.get("Location", "") if browser.response else ""
    return unquote(place.removeprefix(AGAIN)) if place.startswith(AGAIN) else ""


def proves(browser: Browser, database: Database, email: str) -> None:
    browser.follow()
    browser.submit("/sign-in/again")
    browser.follow()
    code = re.search(r"^\d{4} \d{4}$", get_newest_mail_text(database, email), re.MULTILINE)
    assert code is not None
    browser.press("/sign-in/code", code=code[0])
    browser.follow()


def test_each_row_is_of_a_press_or_a_page_and_each_is_tried_here() -> None:
    found = [
        f"PROOFS of app/editor/reauthentication.py has {name!r}, and the desk has no such press or page: name its view."
        for name in PROOFS
        if f"editor.{name.partition(' ')[0]}" not in editor.permissions
    ]
    found += compare_names(
        PROOFS,
        PRESSED,
        missing="{name} asks for a fresh proof, and nothing tries it: say in PRESSED of "
        "tests/desk/test_fresh_proof.py where it "
        "is pressed.",
        surplus="PRESSED of tests/desk/test_fresh_proof.py has {name}, which asks for no fresh proof: give it its "
        "row in PROOFS of app/editor/reauthentication.py, or take it out.",
    )
    assert not found, "\n".join(found)
    found = [
        f"At {path} the row {name!r} of PROOFS is not found: the name is that of the view, and the press after a blank."
        for name, (_how, path) in PRESSED.items()
        if find_proof(f"editor.{name.split()[0]}", path.partition("?")[0]) is not PROOFS[name]
    ]
    assert not found, "\n".join(found)


@pytest.mark.threat("seized editor's device", "rogue admin")
@pytest.mark.parametrize("name", PRESSED)
def test_each_asks_and_changes_nothing_before(database: Database, newsroom: Newsroom, vera: Browser, name: str) -> None:
    how, address = PRESSED[name]
    address = address.format(ilya=f"{DESK}/people/{get_person_public_id(database, newsroom.ilya)}")
    before = dump_tables(database)
    if how == "GET":
        vera.open(address)
        assert get_next_path(vera) == f"{DESK}/trail?what=letter.send"
    else:
        vera.press(address, once="a key of this form")
        assert get_next_path(vera).startswith(f"{DESK}/go-on/")
        vera.open(f"{DESK}/people")
        vera.press(address, once="a key of this form")  # a double click waits once
    after = dump_tables(database)
    assert [table for table in after if after[table] != before[table]] == (["form_drafts"] if how == "POST" else [])
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(FormDraft)) == (how == "POST")


def test_who_may_not_hears_that_and_nobody_is_asked_for_a_proof_of_it(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    ilya = sign_in_directly(app, database, ILYA)
    ilya.open(f"{DESK}/letters")
    long_ago(database)
    assert ilya.press(f"{DESK}/people", name="Saule").status_code == 404
    ilya.open(f"{DESK}/letters")
    assert ilya.press(f"{DESK}/experts/export").status_code == 404


@pytest.mark.threat("seized editor's device")
def test_what_waits_is_done_by_one_press_more_and_once(
    app: Flask, database: Database, newsroom: Newsroom, vera: Browser
) -> None:
    ilya = f"{DESK}/people/{get_person_public_id(database, newsroom.ilya)}"
    vera.open(ilya)
    vera.submit(f"{ilya}/deactivate")
    onward = get_next_path(vera)
    nora = sign_in_directly(app, database, NORA)
    assert nora.open(onward).status_code == 303, "somebody else's"
    proves(vera, database, VERA)
    assert vera.heading == "Deactivate Ilya Brandt"
    vera.submit(f"{ilya}/deactivate")
    vera.follow()
    assert "Ilya Brandt is deactivated and signed out everywhere." in vera.text
    vera.open(onward)
    vera.follow()
    assert "isn’t kept any more" in vera.text


@pytest.mark.threat("seized editor's device")
def test_what_waits_is_gone_after_an_hour(database: Database, newsroom: Newsroom, vera: Browser) -> None:
    vera.press(f"{DESK}/people", name="Saule Bekova", email="saule@desk.example", role="editor")
    onward = get_next_path(vera)
    old = utc_now() - held_presses.KEPT
    database.write(lambda session: session.execute(update(FormDraft).values(saved_at=old)))
    assert vera.open(onward).headers["Location"] == f"{DESK}/"
    database.write(held_presses.delete_expired)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(FormDraft)) == 0


@pytest.mark.threat("seized editor's device")
def test_an_experts_address_is_shown_to_whoever_has_just_shown_who_they_are(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    nora = sign_in_directly(app, database, NORA)
    nora.open(f"{DESK}/experts?q=Leyla")
    page = nora.page.attributes(f'a[href^="{DESK}/experts/"]', "href")
    [leyla] = {path for path in page if re.fullmatch(f"{DESK}/experts/[0-9A-Z]{{12}}", path)}
    nora.open(leyla)
    nora.submit(f"{leyla}/address")
    assert nora.text.count("leyla@field.example") == 2, "the address, and where it leads"
    nora.open(leyla)
    assert "leyla@field.example" not in nora.text
    long_ago(database)
    nora.submit(f"{leyla}/address")
    proves(nora, database, NORA)
    assert ("leyla@field.example" in nora.text, nora.heading) == (False, "Show an expert’s address")
    nora.submit(f"{leyla}/address")
    assert nora.text.count("leyla@field.example") == 2


def test_a_usual_day_of_an_editor_asks_once(app: Flask, database: Database, newsroom: Newsroom) -> None:
    """Nora comes in the morning, works through the desk's pages, looks up an expert's address and takes the trail along."""
    nora, count = sign_in_directly(app, database, NORA), 0
    long_ago(database)
    seen = (
        "",
        "letters",
        "pen",
        "questions",
        "shelf",
        "experts",
        "outbox",
        "archive",
        "insights",
        "settings",
        "trail",
        "people",
    )

    def open_page(path: str) -> None:
        nonlocal count
        nora.open(f"{DESK}/{path}").get_data()
        if get_next_path(nora):
            count += 1
            proves(nora, database, NORA)

    for path in seen:
        open_page(path)
    nora.open(f"{DESK}/questions")
    pressed: list[tuple[str, dict[str, Any]]] = [
        ("letters/new", {"body": "Who built the silos?", "how": "told"}),
        ("experts", {"name": "Aigerim Sadykova", "email": "aigerim@field.example"}),
        ("settings/texts", {}),
        ("experts/export", {}),
        ("experts/export", {}),
    ]
    for path, typed in pressed:
        nora.open(f"{DESK}/letters")
        nora.press(f"{DESK}/{path}", **typed).get_data()  # a file that is read to its end
        if get_next_path(nora):
            count += 1
            proves(nora, database, NORA)
    open_page("trail/csv")
    assert count == 1
