"""An edition as a whole HTML mail: the same words, a style that needs no sheet, and nothing from elsewhere."""

import re

import pytest
from selectolax.lexbor import LexborHTMLParser

from app.typesetting.block import Block, Paragraph, Run
from app.typesetting.renderers import to_html
from app.typesetting.whole_mail import MAX_KILOBYTES, mail, page

WELL = Block(
    "en",
    (
        Paragraph("heading", (Run("Ask The Steppe: Wells & <salt>"),)),
        Paragraph("question", (Run("Readers asked: “Who measures it?”"),)),
        Paragraph("answer", (Run("“First of all, "), Run("nobody", strong=True), Run(":")), "-"),
        Paragraph("answer", (Run("see "), Run("the list", href="https://steppe.example/a?b=1&c=2")), "-"),
        Paragraph("call", (Run("Write to "), Run("nora@steppe.example", href="mailto:nora@steppe.example"))),
    ),
)
HEATER = Block("fa", (Paragraph("heading", (Run("بخاری گازی"),)), Paragraph("call", (Run("بنویسید"),))))
BARE = {"div", "strong", "em", "br", "tbody", "tr", "li", "-comment"}  # what needs no style of its own
PLAIN = re.compile(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*\s*\}")


def list_texts(html: str) -> list[str]:
    return [part.text() for part in LexborHTMLParser(html).css("h2, p, li")]


def test_the_words_are_those_of_the_page_letter_for_letter() -> None:
    assert list_texts(mail([WELL, HEATER], "The Steppe")) == list_texts(to_html(WELL) + to_html(HEATER))
    assert list_texts(page([WELL, HEATER], "The Steppe", "/static/mail.css")) == list_texts(
        to_html(WELL) + to_html(HEATER)
    )


def test_each_element_has_its_style_and_the_sheet_keeps_the_dark_scheme_only() -> None:
    made = LexborHTMLParser(mail([WELL], "The Steppe"))
    assert made.body is not None
    without = {node.tag for node in made.body.traverse() if not (node.attributes or {}).get("style")}
    assert without - BARE - {"td"} == set()
    [sheet] = made.css("style")
    assert PLAIN.sub("", sheet.text()).strip() == ""
    assert "prefers-color-scheme: dark" in sheet.text()


def test_nothing_is_loaded_from_anywhere() -> None:
    made = mail([WELL], "The Steppe")
    assert re.findall(r"""(?:src|background|srcset)\s*=|url\(|@import|<link|<script""", made) == []
    assert re.findall(r'href="([^"]*)"', made) == ["https://steppe.example/a?b=1&amp;c=2", "mailto:nora@steppe.example"]


def test_it_is_a_page_in_the_language_of_its_first_block_and_each_section_has_its_own_direction() -> None:
    made = LexborHTMLParser(mail([HEATER, WELL], "نفس & Co"))
    [root], [title] = made.css("html"), made.css("title")
    assert (root.attributes["lang"], root.attributes["dir"], title.text()) == ("fa", "rtl", "نفس & Co")
    assert [cell.attributes["dir"] for cell in made.css("td.section")] == ["rtl", "ltr"]
    slants = [re.search(r"font-style: (\w+)", call.attributes["style"] or "") for call in made.css(".qa-call")]
    assert [slant and slant[1] for slant in slants] == ["normal", "italic"]  # Persian letters have no italic


@pytest.mark.parametrize("block", [WELL, HEATER], ids=["Latin", "Persian"])
def test_ten_long_answers_fit_in_what_gmail_shows(block: Block) -> None:
    answer = Paragraph("answer", (Run("Nobody has measured it since 2009. " * 40),))  # 240 words
    long = Block(block.language, (*block.paragraphs, answer))
    assert len(mail([long] * 10, "The Steppe").encode()) < MAX_KILOBYTES * 1_000
