"""Nora writes what readers in one country should know: it stands at the form, and nothing that she typed is lost."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.newsletters.models import Newsletter
from tests.support.desk import Desk, get_form_fields, get_settings_path
from tests.support.pages import Page

PAGE = get_settings_path("notes")
NOTES = (
    "Uzbekistan, 2026-10-12\nen: Wait for your own phone.\nru: Подождите своего телефона.\n\n"
    "China, 2026-11-01\nzh-Hans: 别用公司的电脑。"
)


def get_notes(nora: Desk) -> list[dict[str, object]]:
    with nora.database.read() as session:
        return session.scalars(select(Newsletter.notes)).one()


def test_a_note_is_written_at_the_desk_and_stands_at_the_readers_form(nora: Desk, client: FlaskClient) -> None:
    typed = NOTES.replace("Uzbekistan, 2026-10-12", "uz, 12.10.2026").replace("ru:", "Russian :")
    nora.press(PAGE, **get_form_fields(nora, PAGE) | {"notes": typed})
    assert get_notes(nora) == [
        {"country": "UZ", "checked_on": "2026-10-12",
         "text": {"en": "Wait for your own phone.", "ru": "Подождите своего телефона."}},
        {"country": "CN", "checked_on": "2026-11-01", "text": {"zh-Hans": "别用公司的电脑。"}},
    ]  # fmt: skip
    assert get_form_fields(nora, PAGE)["notes"] == NOTES
    page = Page(client.get("/steppe/ask").text)
    assert page.texts("form summary")[:2] == ["If you are in Uzbekistan", "If you are in China"]
    nora.press(PAGE, **get_form_fields(nora, PAGE) | {"notes": ""})
    assert get_notes(nora) == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Wait for your own phone.", "This line can’t be read: Wait for your own phone."),
        ("Atlantis, 2026-10-12\nen: Swim.", "This line can’t be read: Atlantis, 2026-10-12."),
        ("Uzbekistan, 2026-10-12", "This line can’t be read: Uzbekistan, 2026-10-12."),
        ("Uzbekistan, 2026-10-12\nWait.", "This line can’t be read: Wait."),
        ("Uzbekistan, in autumn\nen: Wait.", "Write the date like 2026-07-01"),
        ("Uzbekistan, 2026-10-12\ngibberish: Wait.", "No language has this code or name: gibberish."),
    ],
)
def test_what_can_not_be_read_is_named_and_stays_typed(value: str, message: str, nora: Desk) -> None:
    assert message in nora.press(PAGE, 422, **get_form_fields(nora, PAGE) | {"notes": value})
    assert get_notes(nora) == []
