"""Vera the admin in a real browser: she invites, gives a role, reads who may what and the trail, and looks at her sessions."""

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import update

from app.core.actors import Clock
from app.core.clock import utc_now
from app.db.engine import Database
from app.people import sign_in
from app.people.models import BrowserSession, Person
from tests.support.desk_people import get_person_public_id, hire_vera, list_roles
from tests.support.sample_newsroom import Newsroom
from tests.support.user_browsers import PressFunction, UserBrowsers, press_by_keyboard, press_by_pointer, type_text

pytestmark = pytest.mark.browser

PEOPLE = "/desk/steppe/people"


@pytest.mark.parametrize(
    ("press", "scripts", "width"),
    [(press_by_pointer, True, 1440), (press_by_keyboard, True, 390), (press_by_pointer, False, 1440)],
    ids=["pointer", "keyboard alone", "scripts off"],
)
def test_vera_sees_to_the_people_of_the_desk(
    chromium: Browser,
    database: Database,
    newsroom: Newsroom,
    site: str,
    tmp_path: Path,
    press: PressFunction,
    scripts: bool,
    width: int,
) -> None:
    staff, browsers = hire_vera(database, newsroom), UserBrowsers(chromium, database, site, tmp_path / "mail", scripts)
    vera = browsers.open_browser(width)
    vera.open(database.write(lambda s: sign_in.invite(s, Clock(), s.get_one(Person, staff.person_id), "desk")))
    press(vera, "Sign in")
    if width < 1024:  # there the sections are one line that unfolds
        vera.page.get_by_role("button", name="all sections").press("Enter")
    press(vera, "Settings")
    press(vera, "People")
    type_text(vera, press, "Name", "Saule Bekova")
    type_text(vera, press, "E-mail address", "saule@desk.example")
    press(vera, "Send the invitation")
    expect(vera.page.get_by_text("The invitation is on its way to Saule Bekova.")).to_be_visible()

    saule = browsers.open_browser(width)
    saule.open(browsers.wait_for_mailed_link("saule@desk.example", "Your place at the desk"))
    press(saule, "Sign in")
    assert saule.page.url == f"{site}/desk/steppe/"

    press(vera, "Ilya Brandt")
    vera.page.get_by_label("Role", exact=True).select_option("editor")
    press(vera, "Give this role")
    expect(vera.page.get_by_text("Ilya Brandt has a new role.")).to_be_visible()
    press(vera, "Deactivate")
    assert list_roles(database, newsroom.newsletter_id) == {
        "Vera Holm": ("admin", "here"),
        "Nora Lind": ("editor", "here"),
        "Ilya Brandt": ("editor", "out"),
        "Saule Bekova": ("editor", "here"),
    }
    press(vera, "Reactivate them")

    # An hour later it takes a proof, and what was pressed waits for it.
    before = utc_now() - timedelta(hours=1)
    database.write(lambda session: session.execute(update(BrowserSession).values(stepped_up_at=before)))
    vera.open(f"{PEOPLE}/{get_person_public_id(database, newsroom.ilya)}")
    press(vera, "Deactivate")
    press(vera, "Mail me a code")
    vera.open(browsers.wait_for_mailed_link("vera@desk.example", "Your sign-in link"))
    press(vera, "Sign in")
    vera.expect_heading("Deactivate Ilya Brandt")
    press(vera, "Do it now")
    expect(vera.page.get_by_role("button", name="Reactivate them")).to_be_visible()

    vera.open(PEOPLE)
    press(vera, "Who may what")
    approving = vera.page.get_by_role("row", name="Approve an answer").get_by_role("cell")
    expect(approving).to_have_text(["yes", "yes", "no"])
    vera.open("/desk/steppe/trail")
    vera.page.get_by_label("What").select_option("membership.deactivate")
    press(vera, "Show")
    expect(vera.page.locator(".trail bdi")).to_have_text(["Vera Holm deactivated Ilya Brandt."] * 2)
    vera.open("/signed-in")
    expect(vera.page.get_by_text("This browser, Chrome on Linux")).to_be_visible()
    press(vera, "Sign out everywhere")
    vera.expect_heading("Sign in")
