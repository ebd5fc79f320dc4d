"""The house form: a question and its answers as a newsletter prints them."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from app.text.languages import direction
from app.typesetting.answer_text import read_answer
from app.typesetting.block import Block
from app.typesetting.house_form import PLACEHOLDERS, ItemContent, LeadIn, Voice, fill, lead_in_text, set_block
from app.typesetting.house_languages import LANGUAGES, MARK_KEYS, phrases_for
from app.typesetting.renderers import to_html, to_json, to_markdown, to_text
from tests.support.required_programs import skip_without

LEYLA = LeadIn("Leyla Aydin", "who studies rivers at the University of Baku", "and measured the lake herself")
PIECE = ItemContent(
    language="en",
    marks="straight",
    section="Ask The Steppe",
    headline="The Sea That Isn't There",
    askers=[None, None],
    question='Maps still show the "Aral Sea". Is there any water left?',
    voices=[
        Voice(
            LEYLA,
            "Yes -- in the north. Fishermen call it the *little sea*, and they're proud of it.\n\n"
            'The south is what engineers call "a lost cause": salt, dust and the ships\' hulls.',
        )
    ],
    call="What would you like to know? Write to {address}.",
)
SET = """\
Ask The Steppe: The Sea That Isn't There

Readers asked: "Maps still show the 'Aral Sea'. Is there any water left?"

To find out more, I asked Leyla Aydin, who studies rivers at the University of Baku, and measured the lake herself:

"Yes -- in the north. Fishermen call it the little sea, and they're proud of it.

"The south is what engineers call 'a lost cause': salt, dust and the ships' hulls."

What would you like to know? Write to ask@steppe.example.
"""


def paragraph(block: Block, number: int) -> str:
    return block.paragraphs[number].text


def answer(markdown: str, marks: str = "typographic") -> Block:
    return set_block(replace(PIECE, marks=marks, voices=[Voice(LEYLA, markdown)], call=None))


def test_a_block_comes_out_letter_for_letter() -> None:
    assert to_text(set_block(PIECE, address="ask@steppe.example")) == SET


def test_the_real_edition_comes_out_letter_for_letter() -> None:
    """Its answer is fed with the double marks that an expert types; the call lost its address when it was collected."""
    found = Path(__file__).resolve().parents[3] / "shared/data/expert-corner-expected.txt"
    if not found.exists():
        skip_without("block of the real edition (../shared/data)")
    expected = found.read_bytes().decode()
    heading, question, _, *paragraphs, call = expected.rstrip("\n").split("\n\n")
    section, headline = heading.split(": ")
    typed = "\n\n".join(text.strip('"') for text in paragraphs)
    typed, inner = re.subn(r"'(resolutely cracking down on crime)'", r'"\1"', typed)
    assert inner == 1
    piece = ItemContent(
        language="en",
        marks="straight",
        section=section,
        headline=headline,
        askers=[None, None],
        question=question.removeprefix("Readers asked: ").strip('"'),
        voices=[
            Voice(
                LeadIn(
                    "Laura Harth",
                    "campaign director at the Spain-based NGO Safeguard Defenders",
                    "which published the report",
                ),
                typed,
            )
        ],
        call=call,
    )
    assert to_text(set_block(piece)) == expected


def test_typographic_marks_leave_the_call_as_it_was_given() -> None:
    block = set_block(replace(PIECE, marks="typographic", call='It\'s {address}: "ask" {us}'), address="a@b.example")
    assert [paragraph(block, number) for number in (0, 1, 4, 5)] == [
        "Ask The Steppe: The Sea That Isn’t There",
        "Readers asked: “Maps still show the ‘Aral Sea’. Is there any water left?”",
        "“The south is what engineers call ‘a lost cause’: salt, dust and the ships’ hulls.”",
        'It\'s a@b.example: "ask" {us}',
    ]


def test_without_an_address_the_call_keeps_its_placeholder() -> None:
    assert paragraph(set_block(PIECE), 5) == "What would you like to know? Write to {address}."


@pytest.mark.parametrize(
    ("askers", "expected"),
    [
        ([None, None], "Readers asked: "),
        (["Timur", "Aigul"], "Readers asked: "),
        ([None], "A reader asked: "),
        (["Timur, Almaty"], "Timur, Almaty asked: "),
        (["  "], "A reader asked: "),
        (["{credit} O'Neil"], "{credit} O'Neil asked: "),
    ],
)
def test_who_asked(askers: list[str | None], expected: str) -> None:
    assert paragraph(set_block(replace(PIECE, askers=askers, question="Why?")), 1) == f'{expected}"Why?"'


@pytest.mark.parametrize(
    ("lead_in", "expected"),
    [
        (LeadIn("Leyla"), "To find out more, I asked Leyla:"),
        (LeadIn("Leyla", "a geographer"), "To find out more, I asked Leyla, a geographer:"),
        (LeadIn("Leyla", None, "who was there"), "To find out more, I asked Leyla, who was there:"),
        (LeadIn("Leyla", "", "", pattern="I put this to {name} ({credit_line}):"), "I put this to Leyla:"),
        (LeadIn("Leyla", "a geographer", pattern="{credit_line} {name} {says}:"), "a geographer Leyla {says}:"),
        (LeadIn("Leyla", "", pattern="{credit_line}, {name}, says"), "Leyla, says"),
        (LeadIn("{relation}", "a", "b"), "To find out more, I asked {relation}, a, b:"),
        (
            LeadIn("Leyla", "a geographer", additions=["by phone", "translated from Azerbaijani by Nora"]),
            "To find out more, I asked Leyla, a geographer (by phone, translated from Azerbaijani by Nora):",
        ),
        (LeadIn("Leyla", pattern="{name} says", additions=["by phone"]), "Leyla says (by phone)"),
        (LeadIn("Leyla", beside_name=[]), "To find out more, I asked Leyla:"),
        (LeadIn("Leyla", beside_name=["", " "]), "To find out more, I asked Leyla:"),
        (
            LeadIn("Leyla", "a geographer", beside_name=["she/her", "b.\u202e 1970"], additions=["by phone"]),
            "To find out more, I asked Leyla (she/her, b. 1970), a geographer (by phone):",
        ),
        (LeadIn("Leyla", pattern="“{name}” says", beside_name=["{relation}"]), '"Leyla ({relation})" says'),
        (LeadIn("Leyla", "of “Memorial”"), 'To find out more, I asked Leyla, of "Memorial":'),
        (LeadIn("Ley\u202ela\n<b>", "a"), "To find out more, I asked Leyla <b>, a:"),
    ],
)
def test_the_lead_in_leaves_out_what_is_absent(lead_in: LeadIn, expected: str) -> None:
    assert lead_in_text("en", lead_in, "straight") == expected


def test_two_answers_run_together_each_with_its_own_quotation() -> None:
    block = set_block(replace(PIECE, voices=[Voice(LEYLA, "Yes.\n\nIn the north."), Voice(LeadIn("Timur"), "No.")]))
    assert [item.text for item in block.paragraphs[2:7]] == [
        lead_in_text("en", LEYLA, "straight"),
        '"Yes.',
        '"In the north."',
        "I also asked Timur:",
        '"No."',
    ]


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("ru", ["A: B", "Читатели спрашивают: «Q»", "На вопрос отвечает N, C, R:", "«Один", "два»"]),
        ("de", ["A: B", "Leserinnen und Leser fragten: „Q“", "Darauf antwortet N, C, R:", "„Один", "„два“"]),
        (
            "fr-CA",
            [
                "A\u00a0: B",
                "Nos lectrices et lecteurs demandent\u00a0: «\u202fQ\u202f»",
                "Pour en savoir plus, j’ai interrogé N, C, R\u00a0:",
                "«\u202fОдин",
                "«\u202fдва\u202f»",
            ],
        ),
        ("zh-Hans", ["A：B", "读者问：“Q”", "为此，我请教了N，C，R：", "“Один", "“два”"]),
        ("zh-HK", ["A：B", "讀者問：「Q」", "為此，我請教了N，C，R：", "「Один", "「два」"]),
        ("fa", ["A: B", "خوانندگان پرسیدند: «Q»", "برای آگاهی بیشتر، از N، C، R پرسیدم:", "«Один", "«два»"]),
    ],
)
def test_each_language_has_its_own_sentences(language: str, expected: list[str]) -> None:
    voice = Voice(LeadIn("N", "C", "R"), "Один\n\nдва")
    piece = ItemContent(language, "typographic", "A", "B", [None, None], "Q", [voice])
    assert [item.text for item in set_block(piece).paragraphs] == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("de", "Darauf antwortet N (X, Y), C, R:"),
        ("zh", "为此，我请教了N（X，Y），C，R："),
        ("fa", "برای آگاهی بیشتر، از N (X، Y)، C، R پرسیدم:"),
    ],
)
def test_what_belongs_to_a_name_stands_after_it_in_the_brackets_of_the_language(language: str, expected: str) -> None:
    assert lead_in_text(language, LeadIn("N", "C", "R", beside_name=["X", "Y"]), "typographic") == expected


# The holes that each sentence of a language has to fill, each exactly once and in any order. Whatever a lead-in fills in
# has a hole in both of its sentences, in every language; what needs none stands in LeadIn behind the others.
HOLES = {
    "heading": {"section", "headline"}, "asked_many": set(), "asked_one": set(), "asked_credit": {"credit"},
    "lead_in": {*PLACEHOLDERS}, "also": {*PLACEHOLDERS}, "ask_here": {"link"}, "corrections": set(), "translation": {"translator"}, "comma": set(), "brackets": {"words"},
}  # fmt: skip


# What no two languages word alike; the rest are marks and holes, and "Corrections" is a word of several.
SENTENCES = ("asked_many", "asked_one", "asked_credit", "lead_in", "also", "translation", "ask_here")


def wanting(tag: str, row: dict[str, Any]) -> list[str]:
    """What a language's file lacks, each in a sentence. A variant (de-ch) takes from its language what it leaves out."""
    file = f"app/typesetting/languages/{tag}.toml"
    whole = not any("-".join(tag.split("-")[:end]) in LANGUAGES for end in range(1, tag.count("-") + 1))
    known = {*MARK_KEYS, *HOLES}
    found = [f"{file} has no {key!r}: say it as en.toml does." for key in sorted(known - row.keys()) if whole]
    found += [f"{file} has {key!r}, which no part of the house form reads." for key in sorted(row.keys() - known)]
    for kind in HOLES.keys() & row.keys():
        holes = re.findall(r"\{(\w+)\}", row[kind])
        if sorted(holes) != sorted(HOLES[kind]):
            found.append(f"{file}: {kind!r} must hold each of {sorted(HOLES[kind])} once, and holds {holes}.")
    for kind in sorted(row.keys() & {"asked_many", "asked_one", "asked_credit", "lead_in", "also"}):
        if not row[kind].endswith((":", "：")):  # what is quoted stands behind it
            found.append(f"{file}: {kind!r} must end with the colon of its language, and is {row[kind]!r}.")
    if whole and tag != "en":
        found += [
            f"{file} says {kind!r} as English does: translate it."
            for kind in SENTENCES
            if row.get(kind) == LANGUAGES["en"][kind]
        ]
    if row.get("next_paragraph", "open") not in ("open", "close", "nothing"):
        found.append(f"{file}: 'next_paragraph' is 'open', 'close' or 'nothing'.")
    if not all(len(pair) == 2 for pair in row.get("quotes", [("", "")])):
        found.append(f"{file}: 'quotes' are pairs, the outermost first.")
    return found


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_words_every_sentence_and_closes_the_gaps(language: str) -> None:
    found = wanting(language, LANGUAGES[language])
    assert not found, "\n".join(found)
    for kind in ("lead_in", "also"):
        bare = fill(phrases_for(language)[kind], {**dict.fromkeys(PLACEHOLDERS), "name": "Leyla"})
        assert re.findall(r"[{}]|[,،，]\s*[,،，:：]|\s{2}", bare) == []
        assert bare.rstrip()[-1] in ":："


def test_a_language_that_is_half_there_is_told_of_in_sentences() -> None:
    half = {key: value for key, value in LANGUAGES["de"].items() if key != "also"}
    half |= {"lead_in": "Risponde {name}:", "greeting": "Ciao", "asked_one": "Chiede una lettrice"}
    assert wanting("it", half) == [
        "app/typesetting/languages/it.toml has no 'also': say it as en.toml does.",
        "app/typesetting/languages/it.toml has 'greeting', which no part of the house form reads.",
        f"app/typesetting/languages/it.toml: 'lead_in' must hold each of {sorted(PLACEHOLDERS)} once, and holds ['name'].",
        "app/typesetting/languages/it.toml: 'asked_one' must end with the colon of its language, and is 'Chiede una lettrice'.",
    ]
    assert wanting("de-at", {"quotes": [["»", "«"]]}) == []


def test_a_language_that_is_a_copy_of_english_is_told_of_in_sentences() -> None:
    assert wanting("it", LANGUAGES["en"]) == [
        f"app/typesetting/languages/it.toml says {kind!r} as English does: translate it." for kind in SENTENCES
    ]


def test_a_newsletter_words_its_own_sentences() -> None:
    own = {"asked_many": "You asked:", "also": "And {name} says:", "lead_in": ""}
    block = set_block(replace(PIECE, voices=[Voice(LeadIn("Leyla"), "Yes."), Voice(LeadIn("Timur"), "No.")]), None, own)
    assert [paragraph(block, number) for number in (1, 2, 4)] == [
        "You asked: \"Maps still show the 'Aral Sea'. Is there any water left?\"",
        "To find out more, I asked Leyla:",
        "And Timur says:",
    ]


RICH = """\
First **bold *both* “x”** and [a "link"](https://e.example/a_b).
The same line, <https://bare.example>.

- one
- two

  still two
  1. inside

> Quoted
>
> and on

9. nine
10. ten *it "is"*

# Not a heading

Last\\
line"""


def test_an_answer_in_markdown_as_text() -> None:
    assert "\n\n".join(to_text(answer(RICH)).split("\n\n")[3:]) == (
        "“First bold both ‘x’ and a ‘link’ (https://e.example/a_b). The same line, https://bare.example.\n\n"
        "- one\n- two\n  still two\n\n1. inside\n\n“‘Quoted\n\n“‘and on’\n\n9. nine\n10. ten it ‘is’\n\n"
        "“Not a heading\n\n“Last\nline”\n"
    )


def test_an_answer_in_markdown_as_markdown() -> None:
    assert "\n\n".join(to_markdown(answer(RICH)).split("\n\n")[3:]) == (
        "“First **bold *both* ‘x’** and [a ‘link’](https://e.example/a_b). The same line, "
        "[https://bare.example](https://bare.example).\n\n"
        "- one\n- two\\\n  still two\n\n1. inside\n\n“‘Quoted\n\n“‘and on’\n\n9. nine\n10. ten *it ‘is’*\n\n"
        "“Not a heading\n\n“Last\\\nline”\n"
    )


def test_an_answer_in_markdown_as_html() -> None:
    lines = to_html(answer(RICH)).split("\n")
    assert lines[:2] == [
        '<section class="qa" lang="en" dir="ltr">',
        '<h2 class="qa-heading">Ask The Steppe: The Sea That Isn’t There</h2>',
    ]
    link = '<a href="{0}" rel="noopener noreferrer">{1}</a>'
    assert lines[4:] == [
        '<p class="qa-answer">“First <strong>bold <em>both</em> ‘x’</strong> and '
        + link.format("https://e.example/a_b", "a ‘link’")
        + ". The same line, "
        + link.format("https://bare.example", "https://bare.example")
        + ".</p>",
        '<ul class="qa-list">',
        '<li class="qa-answer">one</li>',
        '<li class="qa-answer">two<br>',
        "still two</li>",
        "</ul>",
        '<ol class="qa-list">',
        '<li class="qa-answer">inside</li>',
        "</ol>",
        '<p class="qa-answer">“‘Quoted</p>',
        '<p class="qa-answer">“‘and on’</p>',
        '<ol class="qa-list" start="9">',
        '<li class="qa-answer">nine</li>',
        '<li class="qa-answer">ten <em>it ‘is’</em></li>',
        "</ol>",
        '<p class="qa-answer">“Not a heading</p>',
        '<p class="qa-answer">“Last<br>',
        "line”</p>",
        "</section>",
        "",
    ]


def test_a_block_as_data() -> None:
    piece = ItemContent("fa", "typographic", "", "سرخط", [None], "آیا؟", [Voice(LeadIn("لیلا"), "*بله*\n\n- نه")])
    assert to_json(set_block(piece)) == {
        "language": "fa",
        "direction": "rtl",
        "paragraphs": [
            {"role": "heading", "runs": [{"text": "سرخط"}]},
            {
                "role": "question",
                "runs": [{"text": "یکی از خوانندگان پرسید: "}, {"text": "«"}, {"text": "آیا؟"}, {"text": "»"}],
            },
            {"role": "lead_in", "runs": [{"text": "برای آگاهی بیشتر، از لیلا پرسیدم:"}]},
            {"role": "answer", "runs": [{"text": "«"}, {"text": "بله", "emphasis": True}]},
            {"role": "answer", "runs": [{"text": "نه"}, {"text": "»"}], "marker": "-"},
        ],
    }


@pytest.mark.threat("hostile words")
@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("<script>alert(1)</script>", "“&lt;script&gt;alert(1)&lt;/script&gt;”"),
        ("<div>\n\ntext", '“&lt;div&gt;</p>\n<p class="qa-answer">“text”'),
        ("[x](javascript:alert(1))", "“[x](javascript:alert(1))”"),
        ("[x](JaVaScRiPt&#58;alert(1))", "“[x](JaVaScRiPt:alert(1))”"),
        ("[x](data:text/html,hi)", "“[x](data:text/html,hi)”"),
        ("[x](//evil.example)", "“x”"),
        ("[x](/desk)", "“x”"),
        ("[x](ftp://a.example)", "“x”"),
        (
            '[x](https://a.example/"onclick=1)',
            '“<a href="https://a.example/%22onclick=1" rel="noopener noreferrer">x</a>”',
        ),
        ("![pic](https://a.example/i.png)", '“<a href="https://a.example/i.png" rel="noopener noreferrer">pic</a>”'),
        ("[x](mailto:leyla@a.example)", '“<a href="mailto:leyla@a.example" rel="noopener noreferrer">x</a>”'),
        ("a & b < c &amp; d", "“a &amp; b &lt; c &amp; d”"),
        ("```\n<b>\n```", "“&lt;b&gt;”"),
        ("    four spaces", "“four spaces”"),
        ("a\n---", "“a”"),
        ("[1]: https://a.example kept", "“[1]: https://a.example kept”"),
        ("سلام", "“سلام”"),
    ],
)
def test_tricks_come_out_harmless_and_with_their_words(markdown: str, html: str) -> None:
    lines = to_html(answer(markdown)).split("\n")
    turned = ' dir="rtl"' if markdown == "سلام" else ""
    assert "\n".join(lines[4:-2]) == f'<p class="qa-answer"{turned}>{html}</p>'


@pytest.mark.threat("hostile words")
def test_tricks_in_every_other_field_come_out_harmless() -> None:
    evil = '<img src=x onerror="1">\u202e\u2066\x00'
    piece = replace(
        PIECE,
        language='en"><i>',
        section=evil,
        headline=evil,
        askers=[evil],
        question=evil,
        voices=[Voice(LeadIn(evil, evil, evil), "x")],
        call=evil,
    )
    html = to_html(set_block(piece))
    assert sorted(set(re.findall(r"<[^>]*>", html))) == [
        "</h2>",
        "</p>",
        "</section>",
        '<h2 class="qa-heading">',
        '<p class="qa-answer">',
        '<p class="qa-call">',
        '<p class="qa-lead-in">',
        '<p class="qa-question">',
        '<section class="qa" lang="en&quot;&gt;&lt;i&gt;" dir="ltr">',
    ]
    assert re.findall("[\u202a-\u202e\u2066-\u2069\x00]", html) == []
    assert html.count("&lt;img src=x onerror=") == 8


@pytest.mark.threat("hostile words")
def test_overrides_go_and_spelling_stays() -> None:
    assert paragraph(answer("می\u200cخواهم \u200f\u202eabc\u2069"), 3) == "“می\u200cخواهم \u200fabc”"


def test_direction_follows_the_script_of_the_tag_and_then_the_text() -> None:
    assert [direction(tag) for tag in ("fa", "ug-Cyrl", "kk", "kk-Arab", "zh-Hant-TW", "en", "UG", "az-Arab-IR")] == [
        "rtl",
        "ltr",
        "ltr",
        "rtl",
        "ltr",
        "ltr",
        "rtl",
        "rtl",
    ]
    piece = ItemContent("fa", "typographic", "A", "B", [None], "why?", [Voice(LeadIn("N"), "Leyla می‌گوید که بله")])
    assert re.findall(r'class="qa-(\S+)"( dir="\w+")?>', to_html(set_block(piece))) == [
        ("heading", ' dir="ltr"'),
        ("question", ""),
        ("lead-in", ""),
        ("answer", ""),
    ]


def test_lines_of_chinese_are_joined_without_a_space() -> None:
    first, second = "第一，" * 11, "第二，" * 11  # as long as a mail program lets a line become
    answer = f"{first}\n{second}\nabc"
    piece = ItemContent("zh", "typographic", "问", "答", [None], "中国\n在哪？", [Voice(LeadIn("李"), answer)])
    texts = [item.text for item in set_block(piece).paragraphs]
    assert (texts[1], texts[3]) == ("一位读者问：“中国在哪？”", f"“{first}{second} abc”")


def test_a_question_of_two_paragraphs_is_one_quotation() -> None:
    block = set_block(replace(PIECE, question='Maps show it.\n\nIs it "there"?'))
    assert [paragraph(block, 1), paragraph(block, 2)] == ['Readers asked: "Maps show it.', "\"Is it 'there'?\""]


MARKUP = st.text(alphabet=st.sampled_from([*"*_`[]()<>!#&;+-=~|\\\"'. 1aя\n"]), min_size=1)


@given(MARKUP)
def test_markdown_reads_back_as_the_text_it_was_written_from(value: str) -> None:
    """Plain fields are not Markdown: whatever signs stand in them must still be there when the export is read."""
    block = set_block(replace(PIECE, headline=f"x {value}", question=value, voices=[], call=value))
    tokens = MarkdownIt("commonmark").parse(to_markdown(block))
    inline = [token.children or [] for token in tokens if token.type == "inline"]
    plain = [
        "".join(child.content if child.type == "text" else f"<{child.type}>" for child in children)
        for children in inline
    ]
    assert plain == [item.text for item in block.paragraphs]


MARKDOWN = ["a", "*b*", "**c d**", "\n\n", "\n", "- ", "> ", "# ", "``` ", "    ", "---", "__e__", '"f"', " "]


@given(st.lists(st.sampled_from(MARKDOWN)))
def test_no_word_of_an_answer_is_lost(parts: list[str]) -> None:
    typed = "".join(parts)
    text = " ".join(item.text for item in read_answer(typed))
    assert "".join(re.findall(r"[a-z]", text)) == "".join(re.findall(r"[a-z]", typed))
