"""One edition, every form, the same words: each form is read by something that knows it, and gives the words of the blocks."""

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from email import message_from_bytes, policy
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import jsonschema
import pytest
from docx import Document
from docx.oxml.ns import qn
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser

import app
from app.text.languages import direction
from app.typesetting.block import Block, PrintedCorrection, Role
from app.typesetting.exports import EXPORTS
from app.typesetting.house_form import ItemContent, Voice, set_block
from app.typesetting.whole_mail import MAX_KILOBYTES
from tests.support.required_rows import RequiredRows, compare_names
from tests.support.sample_edition import LEYLA, PERSIAN_ANSWER, SAMPLE_EDITION, build_english_block, build_persian_block

TITLE = "The Steppe, 2026-12-02"
STATIC = Path(app.__file__).parent / "static"


def split_words(blocks: Sequence[Block]) -> list[str]:
    return " ".join(paragraph.text for block in blocks for paragraph in block.paragraphs).split()


def from_text(data: bytes, blocks: Sequence[Block]) -> list[str]:
    """Text says an address after its link, and begins an item with its sign or number."""
    text = data.decode()
    for href in {run.href for block in blocks for paragraph in block.paragraphs for run in paragraph.runs if run.href}:
        text = text.replace(f" ({href})", "")
    markers = {paragraph.marker for block in blocks for paragraph in block.paragraphs if paragraph.marker}
    listed = "|".join(map(re.escape, markers))
    return (re.sub(rf"^(?:{listed}) ", "", text, flags=re.MULTILINE) if markers else text).split()


def from_html(data: bytes, _blocks: Sequence[Block]) -> list[str]:
    return " ".join(part.text() for part in LexborHTMLParser(data.decode()).css("h2, p, li")).split()


def from_markdown(data: bytes, _blocks: Sequence[Block]) -> list[str]:
    return from_html(MarkdownIt("commonmark").render(data.decode()).encode(), ())


def from_json(data: bytes, _blocks: Sequence[Block]) -> list[str]:
    paragraphs = [paragraph for block in json.loads(data) for paragraph in block["paragraphs"]]
    return " ".join("".join(run["text"] for run in paragraph["runs"]) for paragraph in paragraphs).split()


def from_draft(data: bytes, blocks: Sequence[Block]) -> list[str]:
    message = message_from_bytes(data, policy=policy.default)
    text, html = (part.get_content().encode() for part in message.iter_parts())
    assert from_text(text, blocks) == from_html(html, blocks)
    return from_html(html, blocks)


def from_docx(data: bytes, _blocks: Sequence[Block]) -> list[str]:
    return " ".join(paragraph.text for paragraph in Document(BytesIO(data)).paragraphs).split()


READ: RequiredRows[Callable[[bytes, Sequence[Block]], list[str]]] = RequiredRows(
    "Nothing reads the form of export {name}: say in READ of tests/typesetting/test_same_words.py what gives its "
    "words back.",
    {
        "html": from_html,
        "mail": from_html,
        "text": from_text,
        "markdown": from_markdown,
        "draft": from_draft,
        "word": from_docx,
        "json": from_json,
    },
)


def test_each_form_is_read_here() -> None:
    found = compare_names(
        EXPORTS,
        READ,
        missing=READ.advice,
        surplus="READ of tests/typesetting/test_same_words.py reads {name}, which is no form of export: take it out.",
    )
    assert not found, "\n".join(found)


def test_the_docs_have_a_row_for_each_form() -> None:
    text = (STATIC.parents[1] / "docs/exports.md").read_text("utf-8")
    lines = text.partition("| Record | ")[0].splitlines()  # below is the table of the newsletter's export
    rows = [[cell.strip() for cell in line.strip("|").split("|")][:2] for line in lines if line.startswith("| ")]
    forms, described = (
        [f"{form.name} | .{form.suffix}" for form in EXPORTS.values()],
        [" | ".join(row) for row in rows[1:]],
    )
    found = compare_names(
        forms,
        described,
        missing="The table of docs/exports.md has no row that begins with {name}: say there what the form is for.",
        surplus="The table of docs/exports.md has a row {name}, which is no form of export: take it out.",
    )
    assert not found, "\n".join(found)
    assert described == forms, "The table of docs/exports.md has its rows in another order than EXPORTS."


@pytest.mark.parametrize("form", EXPORTS)
@pytest.mark.parametrize(
    "blocks", [SAMPLE_EDITION, [build_persian_block()], [build_english_block()]], ids=["all", "Persian", "English"]
)
def test_every_form_has_the_words_of_the_edition_in_their_order(form: str, blocks: list[Block]) -> None:
    assert READ[form](EXPORTS[form].write(blocks, TITLE), blocks) == split_words(blocks)


# What people write: letters of several scripts, Markdown's own signs, marks, addresses and ends of lines.
SIGNS = st.text(alphabet="abZ éßş1۲ نمک‌قø鹽。 \n\n*_`[]()<>&#+-.!\\|~\"'“»:/@“?", max_size=80)
PIECES = st.builds(
    lambda language, headline, question, answers, call: set_block(
        ItemContent(language, "typographic", "Ask", f"h {headline}", [None], f"q {question}", [Voice(LEYLA, f"a {one}") for one in answers], call),
        "a@b.example",
    ),
    st.sampled_from(["en", "fa", "fr", "zh"]), SIGNS, SIGNS, st.lists(SIGNS, min_size=1, max_size=2), st.none() | SIGNS,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=2))
@pytest.mark.parametrize("form", [form for form in EXPORTS if form not in ("text", "draft")])
def test_whatever_was_written_every_form_has_the_same_words(form: str, blocks: list[Block]) -> None:
    assert READ[form](EXPORTS[form].write(blocks, TITLE), blocks) == split_words(blocks)


@pytest.mark.parametrize("form", EXPORTS)
def test_an_answer_of_forty_thousand_words_is_written_in_a_moment_and_whole(form: str) -> None:
    block = build_english_block(answer="\n\n".join(["Nobody has **measured** it since 2009, they said."] * 5_000))
    began = time.process_time()
    written = EXPORTS[form].write([block], TITLE)
    assert time.process_time() - began < 20
    found = READ[form](written, [block])
    assert (len(found) > 40_000, found) == (True, split_words([block]))


@pytest.mark.parametrize("form", EXPORTS)
def test_the_same_edition_gives_the_same_bytes(form: str) -> None:
    assert EXPORTS[form].write(SAMPLE_EDITION, TITLE) == EXPORTS[form].write(SAMPLE_EDITION, TITLE)


# --- The draft ---


def test_a_draft_opens_to_be_written_on_and_has_nobody_in_it() -> None:
    message = message_from_bytes(EXPORTS["draft"].write(SAMPLE_EDITION, "The Steppe:\n نفس"), policy=policy.default)
    headers = {name: str(value) for name, value in message.items() if name != "Content-Type"}
    assert headers == {
        "Subject": "The Steppe: نفس",
        "X-Unsent": "1",
        "X-Uniform-Type-Identifier": "com.apple.mail-draft",
        "MIME-Version": "1.0",
        "Content-Language": "en, fa, zh-Hant",
    }
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert message.defects == []


def test_a_draft_is_plain_ascii_in_short_lines() -> None:
    lines = EXPORTS["draft"].write(SAMPLE_EDITION, TITLE).split(b"\r\n")
    assert max(map(len, lines)) <= 78  # RFC 5322, section 2.1.1
    assert b"\n" not in b"".join(lines)
    assert all(line.isascii() for line in lines)


@pytest.mark.parametrize(
    "block",
    [build_english_block(answer="Nobody has measured it since 2009. " * 40), build_persian_block(PERSIAN_ANSWER * 4)],
    ids=["en", "fa"],
)
def test_three_answers_of_a_full_slot_are_a_draft_below_what_gmail_cuts(block: Block) -> None:
    assert len(EXPORTS["draft"].write([block] * 3, TITLE)) < MAX_KILOBYTES * 1_000


# --- The JSON ---


def schema() -> dict[str, object]:
    return json.loads((STATIC / EXPORTS["json"].schema).read_text("utf-8"))  # type: ignore[no-any-return]


def test_the_json_is_what_its_schema_says() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(json.loads(EXPORTS["json"].write(SAMPLE_EDITION, TITLE)))


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=2))
def test_whatever_was_written_the_json_is_what_its_schema_says(blocks: list[Block]) -> None:
    jsonschema.Draft202012Validator(schema()).validate(json.loads(EXPORTS["json"].write(blocks, TITLE)))


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("language",), "x y"),
        (("direction",), "up"),
        (("paragraphs",), []),
        (("paragraphs", 0, "role"), "credit"),
        (("paragraphs", 0, "runs"), []),
        (("paragraphs", 0, "runs", 0, "href"), "javascript:alert(1)"),
        (("paragraphs", 0, "runs", 0, "strong"), False),
        (("letter",), "what a reader wrote"),
    ],
)
def test_the_schema_refuses_what_is_no_edition(path: tuple[str | int, ...], wrong: object) -> None:
    data = json.loads(EXPORTS["json"].write([build_english_block()], TITLE))
    place = data[0]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = wrong
    assert not jsonschema.Draft202012Validator(schema()).is_valid(data)


def test_the_json_says_what_was_corrected_since_and_no_other_form_does() -> None:
    block = build_english_block()
    since = replace(block, notes=(PrintedCorrection("2026-12-03", "We wrote “2008”.", "It was 2009."),))
    [row] = json.loads(EXPORTS["json"].write([since], TITLE))
    jsonschema.Draft202012Validator(schema()).validate([row])
    assert row.pop("corrections") == [{"date": "2026-12-03", "wrong": "We wrote “2008”.", "right": "It was 2009."}]
    assert [row] == json.loads(EXPORTS["json"].write([block], TITLE))
    others = [form for name, form in EXPORTS.items() if name != "json"]
    assert [form.write([since], TITLE) for form in others] == [form.write([block], TITLE) for form in others]


def test_the_schema_knows_each_role() -> None:
    defs = schema()["$defs"]
    assert isinstance(defs, dict)
    assert tuple(defs["paragraph"]["properties"]["role"]["enum"]) == Role.__args__  # type: ignore[attr-defined]


# --- The Word file ---


def test_a_word_file_has_a_style_for_each_kind_of_paragraph() -> None:
    document = Document(BytesIO(EXPORTS["word"].write([build_english_block(call="Write.")], TITLE)))
    styles = [paragraph.style.name for paragraph in document.paragraphs if paragraph.style]
    assert styles == [
        "Heading 1", "Question", "Lead-in", "Answer", "Answer", "List Bullet", "List Bullet", "Answer", "List Number", "List Number",
        "Answer", "Call",
    ]  # fmt: skip


def test_a_word_file_reads_from_right_to_left_where_its_words_do() -> None:
    document = Document(BytesIO(EXPORTS["word"].write([build_persian_block()], TITLE)))
    whole = {paragraph.text: paragraph._p.find(f".//{qn('w:bidi')}") is not None for paragraph in document.paragraphs}
    assert [text for text, is_rtl in whole.items() if not is_rtl] == ["Wait a week»"]
    assert document.sections[0]._sectPr.find(qn("w:bidi")) is not None
    runs = [run for paragraph in document.paragraphs for run in paragraph._p.iter(qn("w:r"))]
    letters = {(run.find(f"{qn('w:rPr')}/{qn('w:rtl')}") is not None, run.text) for run in runs}
    assert {text for is_rtl, text in letters if re.search("[A-Za-z]", text) and is_rtl} == set()
    assert {text for is_rtl, text in letters if re.search("[آ-ی]", text) and not is_rtl} == set()
    latin = {text for is_rtl, text in letters if not is_rtl}
    assert latin == {
        "Aral",
        "Karakum",
        "Karakum Field Station (Nukus)",
        "Leyla Aydın",
        "everywhere",
        "Wait a week",
        "»",
    }


@pytest.mark.parametrize(("block", "family", "tag"), [(0, "val", "en"), (1, "bidi", "fa"), (2, "eastAsia", "zh-Hant")])
def test_a_word_file_says_in_which_language_its_words_are(block: int, family: str, tag: str) -> None:
    document = Document(BytesIO(EXPORTS["word"].write([SAMPLE_EDITION[block]], TITLE)))
    said = {tuple(element.attrib.items()) for element in document.element.iter(qn("w:lang"))}
    assert said == {((qn(f"w:{family}"), tag),)}
    assert document.core_properties.language == tag
    assert direction(tag) == ("rtl" if family == "bidi" else "ltr")


def test_each_numbered_list_of_a_word_file_begins_with_its_own_number() -> None:
    block = build_english_block(answer="1. one\n2. two\n\nThen:\n\n3. three\n\n- dot\n\n1. one")
    document = Document(BytesIO(EXPORTS["word"].write([block], TITLE)))
    numbering = document.part.numbering_part.element
    starts = {one.numId: one.find(f".//{qn('w:startOverride')}") for one in numbering.num_lst}
    used = [paragraph._p.pPr.numPr.numId.val for paragraph in document.paragraphs if paragraph._p.pPr.numPr is not None]
    assert len(used) == 4
    assert used[0] == used[1]
    assert [starts[key].get(qn("w:val")) for key in used] == ["1", "1", "3", "1"]


def test_links_of_a_word_file_lead_where_they_say_and_nothing_else_is_loaded() -> None:
    document = Document(BytesIO(EXPORTS["word"].write([build_english_block()], TITLE)))
    links = [link for paragraph in document.paragraphs for link in paragraph.hyperlinks]
    assert [(link.text, link.url) for link in links] == [("the list", "https://steppe.example/a?b=1&c=2")]
    assert [one.target_ref for one in document.part.rels.values() if one.is_external] == [
        "https://steppe.example/a?b=1&c=2"
    ]


def test_a_word_file_names_no_person_no_program_no_machine_and_no_hour() -> None:
    with ZipFile(BytesIO(EXPORTS["word"].write(SAMPLE_EDITION, TITLE))) as packed:
        names = packed.namelist()
        assert {part.date_time for part in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        about = packed.read("docProps/core.xml").decode()
    assert re.findall(r"<(?:dc|cp|dcterms):(\w+)", about) == ["coreProperties", "title", "language"]
    assert [name for name in names if "thumbnail" in name or "app.xml" in name or "customXml" in name] == []
    assert "Leyla" not in about
