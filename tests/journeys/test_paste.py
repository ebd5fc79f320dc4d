"""Leyla wrote in Word or in Google Docs and pastes: paragraphs, line breaks, lists, links, bold and italics are still there, also in the proof.

The pages in `pasted/` have the shape in which these programs put a text on the clipboard, with words of our own.
"""

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.assignments import ExpertAssignment

pytestmark = pytest.mark.browser
PASTED = Path(__file__).parent / "pasted"
TEXT = """\
Nobody is told to. We put up salt plates in 2009, and [their figures](https://station.example/plates) are kept at the station.

Karakum Field Station  
Box 7, Nukus

A village can ask for:

- the daily figures
- and those of the year
- the maps

In this order:

1. write
2. wait

The list is short."""  # noqa: W291 - two blanks break a line in Markdown
PASTE = """
([html, plain]) => {
  const data = new DataTransfer();
  if (html) data.setData("text/html", html);
  data.setData("text/plain", plain);
  const box = document.getElementById("text");
  box.focus();
  return box.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}
"""


@pytest.fixture
def page(phone: BrowserContext, address: str) -> Page:
    page = phone.new_page()
    page.goto(address)
    return page


@pytest.mark.parametrize("program", ["word", "google-docs"])
def test_what_is_pasted_keeps_its_paragraphs_breaks_lists_and_links(
    salt: ExpertAssignment, page: Page, program: str
) -> None:
    page.evaluate(PASTE, [(PASTED / f"{program}.html").read_text(), "All in one line"])
    expect(page.locator("#text")).to_have_value(TEXT)
    expect(page.locator("#text-count [data-words]")).to_have_text("49")
    page.get_by_role("button", name="See it as it will run").click()
    expect(page.locator("#preview p.lede")).to_have_text(
        [
            "A reader asked: “Who measures the salt in the wind, and can a village ask for the figures?”",
            "To find out more, I asked Leyla Aydın, soil scientist at the Karakum Field Station:",
            "“Nobody is told to. We put up salt plates in 2009, and their figures are kept at the station.",
            "“Karakum Field StationBox 7, Nukus",
            "“A village can ask for:",
            "- the daily figures",
            "- and those of the year",
            "- the maps",
            "“In this order:",
            "1. write",
            "2. wait",
            "“The list is short.”",
        ]
    )
    expect(page.locator("#preview p.lede", has_text="Box 7").locator("br")).to_have_count(1)
    expect(page.locator("#preview a")).to_have_attribute("href", "https://station.example/plates")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<div>One</div><div><br></div><div>Two</div>", "One\n\nTwo"),  # a mail program
        ("<p>One<br><br>Two</p>", "One\n\nTwo"),
        ('<span>of </span><a href="https://a.example/x_(y)">a page</a>', "of [a page](https://a.example/x_%28y%29)"),
        ('<a href="https://a.example/">https://a.example/</a>', "<https://a.example/>"),
        ('<p><a href="javascript:alert(1)">harmless</a></p><script>alert(1)</script>', "harmless"),
        ("<ol start=3><li><p>three</p><p>still three</p></li><li>four</li></ol>", "3. three\n\nstill three\n\n4. four"),
        ("<p>یک<br>دو</p>", "یک  \nدو"),
        ("<p>It is <b>salt</b> <b>alone</b>, <i>not</i> dust.</p>", "It is **salt alone**, *not* dust."),
        ("<p>It is <strong> <em>salt</em> </strong>alone.</p>", "It is ***salt*** alone."),
        ('<p>It is <span style="font-weight:700">salt</span><b style="font-weight:400">.</b></p>', "It is **salt**."),
        ('<p style="font-style:italic">Not <span style="font-style:normal">dust</span></p>', "*Not* dust"),
        ("<p><b>One<br><br>Two</b></p>", "**One**\n\n**Two**"),
        ("<h2><b>Salt</b></h2><p>Dust</p>", "**Salt**\n\nDust"),
    ],
)
def test_other_pages_are_pasted_alike(page: Page, html: str, text: str) -> None:
    page.evaluate(PASTE, [html, "plain"])
    expect(page.locator("#text")).to_have_value(text)


def test_what_has_no_form_is_left_to_the_browser_and_a_paste_can_be_undone(page: Page) -> None:
    assert page.evaluate(PASTE, ["", "plain"]) is True
    page.fill("#text", "Before. ")
    page.keyboard.press("Control+End")
    assert page.evaluate(PASTE, ["<p>After.</p>", "After."]) is False
    expect(page.locator("#text")).to_have_value("Before. After.")
    page.keyboard.press("Control+z")
    expect(page.locator("#text")).to_have_value("Before. ")
