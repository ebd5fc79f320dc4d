"""The mail against what Outlook, Gmail, Apple Mail and Yahoo Mail are known to show."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import html5lib
import pytest
from selectolax.lexbor import LexborHTMLParser

from app.typesetting.whole_mail import mail
from tests.support.sample_edition import SAMPLE_EDITION, build_persian_block

TABLE = tomllib.loads(Path(__file__).with_name("mail_programs.toml").read_text("utf-8"))
KINDS = ("css", "at", "element", "attribute")
ROWS = {(kind, name): row for kind in KINDS for name, row in TABLE[kind].items()}
Use = tuple[str, str, str, str]  # kind, name, the element that it stands on, its value


def declarations(style: str) -> list[tuple[str, str]]:
    pairs = [one.partition(":") for one in style.split(";") if one.strip()]
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def uses(html: str) -> Iterator[Use]:
    """Everything that a mail is written with."""
    tree = LexborHTMLParser(html)
    assert tree.root is not None
    for node in tree.root.traverse():
        yield "element", str(node.tag), str(node.tag), ""
        for name, value in node.attributes.items():
            yield "attribute", name, str(node.tag), value or ""
        for name, value in declarations(node.attributes.get("style") or ""):
            yield "css", name, str(node.tag), value
    for sheet in tree.css("style"):
        for query in re.findall(r"@[^{]*", sheet.text()):
            yield "at", (re.search(r"\(([\w-]+)", query) or [query, query])[1], "style", query
        for name, value in re.findall(r"([\w-]+): ([^;{}]*);", sheet.text()):
            yield "css", name, "style", value.removesuffix(" !important")
            if "!" in value:
                yield "at", "!" + value.partition("!")[2], "style", value


def fault(use: Use, beside: list[tuple[str, str]]) -> str:
    """What is wrong with it by its row, or nothing."""
    kind, name, element, value = use
    row: dict[str, Any] | None = ROWS.get((kind, name))
    if row is None:
        return f"{kind} {name} has no row in mail_programs.toml"
    in_sheet, nothing = element == "style", kind == "css" and set(value.split()) <= {"0", "0px"}
    if (
        not in_sheet
        and not nothing
        and (element in row.get("not_on", ()) or element not in row.get("only_on", [element]))
    ):
        return f"{kind} {name} is not known on <{element}>: {row['note']}"
    if not nothing and not re.fullmatch(row.get("values", ".*"), value, re.DOTALL):
        return f"{kind} {name} may not be {value!r}: {row['note']}"
    if "beside" in row and tuple(row["beside"].split(": ")) not in beside:
        return f"{kind} {name} needs {row['beside']} beside it"
    return ""


def faults(html: str) -> list[str]:
    tree, found = LexborHTMLParser(html), []
    assert tree.root is not None
    for node in tree.root.traverse():
        beside = declarations(node.attributes.get("style") or "")
        found += [fault(("css", name, str(node.tag), value), beside) for name, value in beside]
    found += [fault(use, []) for use in uses(html) if use[0] != "css" or use[2] == "style"]
    return sorted({one for one in found if one})


@pytest.mark.parametrize("blocks", [SAMPLE_EDITION, [build_persian_block()]], ids=["all scripts", "Persian"])
def test_a_mail_is_written_with_what_the_programs_know(blocks: list[Any]) -> None:
    assert faults(mail(blocks, "The Steppe")) == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('<div style="display: flex">', "css display has no row in mail_programs.toml"),
        ("<section></section>", "element section has no row in mail_programs.toml"),
        ('<p style="padding: 3px">', "css padding is not known on <p>: In Word on the cells of tables alone."),
        ('<p style="margin: -3px">', "css margin may not be '-3px': Nothing negative; in Word no auto either, and none on <span> and <body>."),
        ('<p style="line-height: 20px">', "css line-height needs mso-line-height-rule: exactly beside it"),
        ('<td lang="fa">', "attribute lang is not known on <td>: Not on <td> in Yahoo."),
        ("<style>@import 'a.css';</style>", "at @import 'a.css'; has no row in mail_programs.toml"),
    ],
)  # fmt: skip
def test_what_a_program_would_not_show_is_found(source: str, message: str) -> None:
    table = f"<table><tbody><tr>{source}</td></tr></tbody></table>" if source.startswith("<td") else source
    assert faults(f"<html><head></head><body>{table}</body></html>") == [message]


def test_every_row_is_used_and_says_where_it_was_looked_up() -> None:
    used = {(kind, name) for kind, name, _, _ in uses(mail(SAMPLE_EDITION, "The Steppe"))}
    assert ROWS.keys() - used == set()
    for (kind, name), row in ROWS.items():
        levels = {row[program] for program in TABLE["programs"]}
        is_feature = "tested" in row
        assert is_feature or row["from"] in TABLE["sources"], (
            f"{kind} {name}: its source is neither a feature nor listed"
        )
        assert levels <= set("yanu"), f"{kind} {name}: {levels}"
        assert bool(levels & set("nu")) == bool(row.get("without")), f"{kind} {name}: what is there without it?"
        assert "a" not in levels or row.get("note"), f"{kind} {name}: in which part?"


def test_the_sheet_is_written_as_outlook_and_gmail_read_it() -> None:
    [sheet] = LexborHTMLParser(mail(SAMPLE_EDITION, "The Steppe")).css("style")
    important = re.findall(r".?![^;}]*", sheet.text())
    assert (len(important) > 0, set(important)) == (True, {" !important"})
    assert "!important" not in "".join(
        node.attributes["style"] or "" for node in LexborHTMLParser(mail(SAMPLE_EDITION, "x")).css("[style]")
    )


def test_outlook_holds_the_column_by_a_table_of_its_own() -> None:
    comments = re.findall(r"<!--(.*?)-->", mail(SAMPLE_EDITION, "The Steppe"))
    opening, closing = comments
    assert [re.findall(r"</?\w+", part) for part in (opening, closing)] == [
        ["<table", "<tr", "<td"],
        ["</td", "</tr", "</table"],
    ]
    assert (opening.startswith("[if mso]>"), 'width="600"' in opening, closing.startswith("[if mso]>")) == (
        True,
        True,
        True,
    )


@pytest.mark.parametrize("blocks", [SAMPLE_EDITION, [build_persian_block()]], ids=["all scripts", "Persian"])
def test_the_html_has_no_parse_error(blocks: list[Any]) -> None:
    """By the algorithm of the HTML standard, section 13.2, which names each error that it meets."""
    parser = html5lib.HTMLParser(strict=False)
    parser.parse(mail(blocks, "The Steppe"))
    assert parser.errors == []
