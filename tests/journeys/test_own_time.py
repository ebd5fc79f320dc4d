"""Leyla sits in Tashkent: next to the newsroom's deadlines, the page says them by her clock; in Prague it says them once."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from app.answers.models import Check
from tests.support.assignments import ExpertAssignment

pytestmark = pytest.mark.browser


def list_times(browser: Browser, address: str, zone: str) -> list[str]:
    context = browser.new_context(timezone_id=zone)
    page = context.new_page()
    page.goto(address)
    notes = page.locator("[data-zone]")
    expect(notes.first).to_be_attached()
    texts = [note.inner_text().strip() for note in notes.all() if note.is_visible()]
    context.close()
    return texts


def format_time(time: datetime, zone: str) -> str:
    local = time.astimezone(ZoneInfo(zone))
    return f"({local:%A} {local.day} {local:%B} at {local:%H:%M} where you are)"


def test_deadlines_are_said_in_the_experts_own_time_too(
    chromium: Browser, salt: ExpertAssignment, address: str
) -> None:
    with salt.database.read() as session:
        due_at = salt.assignment(session).due_at
    assert list_times(chromium, address, "Asia/Tashkent")[0] == format_time(due_at, "Asia/Tashkent")
    assert list_times(chromium, address, "Europe/Prague") == []
    salt.send()
    salt.edit()
    salt.send_to_check()
    with salt.database.read() as session:
        check_due_at = session.scalars(select(Check)).one().due_at
    assert list_times(chromium, address, "America/New_York") == [format_time(check_due_at, "America/New_York")]
    assert list_times(chromium, address, "Europe/Prague") == []
