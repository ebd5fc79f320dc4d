"""The sections of an edition: one path to what they are called, how long an answer is and how many slots there are."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from app.editions.item_translations import translate_piece
from app.editions.models import Edition
from app.editions.slots import build_sections, open_slots, shares
from app.editor.settings.sentences import OF_TRANSLATIONS
from app.newsletters.models import Newsletter, Section
from app.questions.models import Question
from tests.support.source import APP, list_code, parse_module, relative_name

# What the settings keep of a section. `Newsletter.sections` reads them, of itself; nobody else does.
COLUMNS = ("section", "words", "slots")


def reads(path: Path) -> set[str]:
    """The columns that a module reads of a newsletter, in queries too, or a template in what it prints or asks."""
    if path.suffix == ".py":
        attributes = [node for node in ast.walk(parse_module(path)) if isinstance(node, ast.Attribute)]
        return {node.attr for node in attributes if re.search(r"\bnewsletter$", ast.unparse(node.value), re.IGNORECASE)}
    said = re.findall(r"\{[{%].*?[%}]\}", path.read_text(), re.DOTALL)
    return {name for one in said for name in re.findall(r"\bnewsletter\.(\w+)", one, re.IGNORECASE)}


@pytest.mark.parametrize("column", COLUMNS)
def test_the_sections_of_a_newsletter_are_read_in_one_place(column: str) -> None:
    pages = [path for path in list_code(".py", ".html", ".txt") if APP in path.parents]
    assert [
        f"{relative_name(path)} reads newsletter.{column}: take it from the question's own section "
        "(`newsletter.sections[question.section]`), so that an edition can have another one"
        for path in pages
        if column in reads(path)
    ] == []


def test_the_slots_of_an_edition_are_counted_in_one_place() -> None:
    assert [
        f"{relative_name(path)}:{node.lineno} writes the slots of an edition: call `share_out` of "
        "app/editions/slots.py, which knows each section's"
        for path in list_code(".py")
        if APP in path.parents and path != APP / "editions" / "slots.py"
        for node in ast.walk(parse_module(path))
        if writes_slots(node)
    ] == []


def writes_slots(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        return node.attr == "slots"
    return (
        isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "Edition"
        and any(keyword.arg == "slots" for keyword in node.keywords)
    )


def places_of_sections(number: int) -> list[str]:
    """What knows of fewer or more sections than a newsletter has, each in a sentence."""
    worded = [kind for kind in OF_TRANSLATIONS if kind.startswith("translated_section")]
    found = []
    if len(shares(Edition(slots=1))) != number:
        found.append("app/editions/slots.py: let `shares` and `share_out` read and write the slots of each section.")
    if number > 1 and "section" not in Question.__table__.columns:
        found.append("app/questions/models.py: let `Question.section` be a column.")
    if len(worded) != number:
        found.append("app/editor/settings/sentences.py: let OF_TRANSLATIONS name each section in another language.")
    if number > 1 and 'newsletter, "section"' in inspect.getsource(translate_piece):
        found.append(
            "app/editions/item_translations.py: let `translate_piece` take the name of the question's own section."
        )
    return found


def test_every_place_knows_each_section_of_a_newsletter() -> None:
    found = places_of_sections(len(Newsletter().sections))
    assert not found, "\n".join(found)


def test_one_section_more_is_missed_where_nothing_knows_it() -> None:
    missed = {sentence.partition(":")[0] for sentence in places_of_sections(len(Newsletter().sections) + 1)}
    assert {"app/editions/slots.py", "app/editor/settings/sentences.py"} <= missed


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("verb.py", "words = brief.words or newsletter.words"),
        ("page.py", "typed = desk.newsletter.words"),
        ("query.py", "select(func.sum(AnswerText.words) - Newsletter.words)"),
        ("page.html", "{% if newsletter.words != wanted %}"),
        ("mail.txt", "{{ length_words(wanted, newsletter.words) }}"),
    ],
)
def test_the_reader_of_columns_sees_every_way(name: str, line: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(line)
    assert "words" in reads(tmp_path / name)


def test_the_numbers_of_slots_go_on_from_one_section_to_the_next() -> None:
    usual = (Section("Expert Corner", 250, 2), Section("Letters", 120, 3))
    corner, letters = build_sections(usual, [2, 3], [Question()])
    assert (list(corner.open), list(letters.open)) == ([2], [3, 4, 5])
    assert open_slots([corner, letters]) == [2, 3, 4, 5]


def test_what_an_undo_put_back_beyond_the_slots_is_counted_on() -> None:
    usual = (Section("Expert Corner", 250, 1), Section("Letters", 120, 1))
    corner, letters = build_sections(usual, [1, 1], [Question(), Question()])
    assert (list(corner.open), list(letters.open)) == ([], [3])


def test_a_section_without_slots_has_none_open() -> None:
    (corner,) = build_sections((Section("Expert Corner", 300, 3),), [0], [])
    assert list(corner.open) == []
