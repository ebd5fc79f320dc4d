"""The sections of an edition: one path to what they are called, how long an answer is and how many slots there are."""

import ast

import pytest

from app.editions.slots import Section
from tests.support.source import APP, named, tree

# Who may read these columns, and why: everybody else asks `slots.sections_of` or `slots.usual_sections`.
READS = {
    "section": {"app/editions/slots.py"},
    "words": {"app/editions/slots.py", "app/editions/ready_to_run.py", "app/answers/assigning.py",
              "app/editor/answers/ask_experts.py"},  # what an expert is asked for
    "slots": {"app/editions/slots.py"},
}  # fmt: skip


@pytest.mark.parametrize("column", sorted(READS))
def test_the_sections_of_a_newsletter_are_read_in_one_place(column: str) -> None:
    found = {
        named(path)
        for path in APP.rglob("*.py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr == column
        if ast.unparse(node.value).split(".")[-1] == "newsletter"
    }
    assert found == READS[column], (
        f"{sorted(found - READS[column])} reads newsletter.{column}: take it from the section (`slots.section_of`), "
        "so that an edition can have another one."
    )


def test_a_section_counts_its_own_open_slots() -> None:
    assert list(Section("Expert Corner", 300, 3).open) == [1, 2, 3]
    assert list(Section("Expert Corner", 300, 0).open) == []
