"""On a phone, above its keyboard, and at 400 % zoom the box to write in has at least half of what is visible."""

import pytest
from playwright.sync_api import Browser
from sqlalchemy.orm import Session

from app.newsletters.models import Newsletter
from app.text.languages import interface_languages
from tests.support.assignments import ExpertAssignment

pytestmark = pytest.mark.browser
LONG = "Miloslava Ştefănescu-Hradilová"  # with whom the button to send is long
# How many rows of pixels of what is visible show the box, and how many there are.
SHOWN = """
() => {
  const box = document.getElementById("text"), middle = box.getBoundingClientRect().left + box.clientWidth / 2;
  const rows = [...Array(innerHeight).keys()];
  return [rows.filter((y) => document.elementFromPoint(middle, y) === box).length, innerHeight];
}
"""
WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
# The longest of what the page may have to say about what is saved.
SAYS_MOST = """
() => {
  const { here, other, ...words } = document.getElementById("answer").dataset;
  const said = [`${here} ${other}`, ...Object.values(words)].sort((a, b) => b.length - a.length)[0];
  document.querySelector("#answer [data-status]").textContent = said;
}
"""


@pytest.mark.parametrize("language", sorted(interface_languages()))
@pytest.mark.parametrize(
    ("width", "height"), [(320, 640), (360, 640), (390, 844), (390, 400), (320, 256), (768, 500), (1280, 800)]
)
def test_the_box_has_at_least_half_of_what_is_visible(
    salt: ExpertAssignment, address: str, chromium: Browser, width: int, height: int, language: str
) -> None:
    def set_up(session: Session) -> None:
        newsletter = session.get_one(Newsletter, salt.newsroom.newsletter_id)
        newsletter.editor, newsletter.language = LONG, language

    salt.database.write(set_up)
    device = chromium.new_context(viewport={"width": width, "height": height})
    page = device.new_page()
    page.goto(address)
    assert page.evaluate(WIDER) == 0
    box = page.locator("#text")
    box.click()
    page.keyboard.insert_text("Nobody is told to. A village can ask.\n\n" * 12)
    page.evaluate(SAYS_MOST)
    for key in ("Control+End", "Control+Home"):
        page.keyboard.press(key)
        page.keyboard.type("x")
        rows, visible = page.evaluate(SHOWN)
        assert rows >= visible / 2, (key, rows, visible)
    send = page.locator("#answer .btn--next")
    send.scroll_into_view_if_needed()
    assert send.evaluate("button => button.offsetHeight") <= 80  # not one letter a line
    device.close()
