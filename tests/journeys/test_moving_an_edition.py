"""Nora looks at the calendar in a real browser, moves an edition to another day, sees it there, and takes it back."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from icalendar import Calendar
from playwright.sync_api import Browser, expect

from app.db.engine import Database
from app.editions.queries import list_editions_to_run
from tests.support.sample_newsroom import Newsroom
from tests.support.user_browsers import UserBrowsers

pytestmark = pytest.mark.browser


@pytest.fixture
def browsers(
    chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path
) -> Iterator[UserBrowsers]:
    made = UserBrowsers(chromium, database, site, tmp_path / "mail", True)
    yield made
    made.close()


@pytest.mark.usefixtures("one_minute_undo")
@pytest.mark.parametrize("width", [390, 1280])
def test_nora_moves_an_edition_and_the_calendars_follow(browsers: UserBrowsers, newsroom: Newsroom, width: int) -> None:
    with browsers.database.read() as session:
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        before, address = datetime.fromisoformat(edition.local_at), f"/desk/steppe/editions/{edition.public_id}"
    after = before + timedelta(days=3)
    nora = browsers.sign_in_staff(width=width)
    nora.open("/desk/steppe/editions")
    nora.follow(nora.page.get_by_role("link", name="Calendar"))
    nora.expect_heading("Calendar")
    expect(nora.page.locator(f"td:has(time[datetime='{before:%Y-%m-%d}']) .on--edition")).to_be_visible()
    nora.follow(nora.page.locator(f"td:has(time[datetime='{before:%Y-%m-%d}']) a", has_text="Edition"))
    assert nora.page.url.endswith(address)
    nora.unfold("Move it to another day")
    nora.check_unfolded_page()
    nora.write("When it runs", after.isoformat(timespec="minutes"))
    nora.press("Move the edition")
    expect(nora.page.get_by_text("The edition runs on").first).to_be_visible()
    moments = Calendar.from_ical(nora.context.request.get(f"{browsers.site}/steppe/calendar.ics").body()).events
    with browsers.database.read() as session:
        moved = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        assert (moved.local_at, moments[0]["DTSTART"].dt) == (after.isoformat(timespec="minutes"), moved.runs_at)
    nora.open(f"/desk/steppe/editions/calendar?month={after:%Y-%m}")
    expect(nora.page.locator(f"td:has(time[datetime='{after:%Y-%m-%d}']) .on--edition")).to_be_visible()
