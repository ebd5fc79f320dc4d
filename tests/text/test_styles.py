"""Bold and italics of an answer are shown wherever it is shown, compared or printed, and no star or underscore is."""

import pytest

from app.text.diff import changes, compare
from app.text.styles import drop_styles, styled_html
from app.typesetting.renderers import to_styled_text

STYLED = {
    "It is *not* salt.": "It is <em>not</em> salt.",
    "It is _not_ **sea salt**.": "It is <em>not</em> <strong>sea salt</strong>.",
    "***Both*** of <them>": "<strong><em>Both</em></strong> of &lt;them&gt;",
    "2 * 3 * 4": "2 * 3 * 4",
    r"\*no\*": "*no*",
    "See [the **list**](https://station.example/plates).": (
        "See <strong>the list</strong> (https://station.example/plates)."
    ),
    "**盐风**很大": "<strong>盐风</strong>很大",
    "**نمک** باد": "<strong>نمک</strong> باد",
    "- *one*\n- two": "- <em>one</em>\n- two",
    "Forged \U0010fff0marks\U0010fff1": "Forged marks",
}


@pytest.mark.parametrize("markdown", STYLED)
def test_a_page_shows_the_style_and_not_its_signs(markdown: str) -> None:
    html = styled_html(to_styled_text(markdown))
    assert html == STYLED[markdown].replace("<strong>the list</strong>", "the <strong>list</strong>")


def test_plain_text_has_the_words_alone() -> None:
    assert drop_styles(to_styled_text("It is _not_ **sea salt**.\n\nBut *dust*.")) == "It is not sea salt.\n\nBut dust."


def test_a_change_within_bold_words_keeps_them_bold() -> None:
    [pair] = compare(
        to_styled_text("We put up **salt plates** there."), to_styled_text("We put up **salt bowls** there.")
    )
    assert [(op, styled_html(text)) for op, text in pair.merged] == [
        ("same", "We put up <strong>salt</strong> "),
        ("del", "<strong>plates</strong> "),
        ("ins", "<strong>bowls</strong> "),
        ("same", "there."),
    ]


def test_a_word_that_becomes_bold_is_a_change() -> None:
    [change] = changes(to_styled_text("Nobody is told to do it."), to_styled_text("Nobody *is* told to do it."))
    assert (drop_styles(change.before) == drop_styles(change.after), change.kind) == (True, "marks")
    assert "<em>is</em>" in styled_html(change.after)
