"""An answer that was pasted or mailed by somebody who knows no Markdown: bullets are a list, ended lines are lines."""

import pytest

from app.typesetting.answer_text import read_answer
from app.typesetting.block import Block
from app.typesetting.renderers import to_html, to_text

LONG = "Nobody is told to, and nobody has to: the plates have stood on the plain since 2009, and whoever asks for the figures gets them."
MAILED = """\
Nobody is told to, and nobody has to: the plates have stood on the
plain since 2009, and whoever asks for the figures gets them in a
week.
Dr Leyla Aydin
Nukus"""


def lines(answer: str) -> list[str]:
    """The paragraphs and items of an answer; `/` is a line break."""
    return [f"{one.marker} {one.text}".strip().replace("\n", " / ") for one in read_answer(answer)]


@pytest.mark.parametrize("bullet", ["•\t", "• ", " \t•  ", "·\u00a0\u00a0", "\uf0b7 ", "▪ ", "● ", "- ", "* "])
def test_lines_with_bullets_are_a_list(bullet: str) -> None:
    pasted = f"A village can ask for:\n{bullet}the figures\n{bullet}the maps\nThe list is short."
    assert lines(pasted) == ["A village can ask for:", "- the figures", "- the maps", "The list is short."]


def test_the_list_stands_in_the_proof() -> None:
    block = Block("en", tuple(read_answer("Ask for:\n•\tthe figures\n•\tthe maps")))
    assert to_text(block) == "Ask for:\n\n- the figures\n- the maps\n"
    assert '<ul class="qa-list">\n<li class="qa-answer">the figures</li>' in to_html(block)


def test_a_bullet_within_a_line_is_a_sign_and_so_is_one_without_a_blank() -> None:
    assert lines("Salt • wind • dust") == ["Salt • wind • dust"]
    assert lines("·hac is a name") == ["·hac is a name"]


@pytest.mark.parametrize(
    ("html", "read"),
    [
        ("Karakum Field Station\nBox 7\nNukus", ["Karakum Field Station / Box 7 / Nukus"]),
        (f"{LONG}\n{LONG}", [f"{LONG} / {LONG}"]),  # Word's plain text: a line for each paragraph
        ("没有人被告知。\n村庄可以要求数据。", ["没有人被告知。 / 村庄可以要求数据。"]),
        ("One\n\nTwo", ["One", "Two"]),
        ("One\\\nTwo", ["One / Two"]),
        ("1.\tone\n2.\ttwo\nAnd then?", ["1. one", "2. two", "And then?"]),
        ("- one\n  still one\n- two", ["- one still one", "- two"]),
        ("> Quoted\n> on", ["“Quoted on”"]),
        ("# Heading\nText", ["Heading", "Text"]),
    ],
)
def test_a_line_that_its_writer_ended_is_a_line(html: str, read: list[str]) -> None:
    assert lines(html) == read


def test_lines_that_a_mail_program_broke_are_one_and_the_others_are_lines() -> None:
    broken = " ".join(MAILED.split("\n")[:3])
    assert lines(MAILED) == [f"{broken} / Dr Leyla Aydin / Nukus"]


def test_an_item_that_a_mail_program_broke_stays_whole() -> None:
    item = "• the figures of each of the plates, which have stood on the plain\nsince 2009 and are read\n• the maps"
    assert lines(item) == [
        "- the figures of each of the plates, which have stood on the plain since 2009 and are read",
        "- the maps",
    ]
