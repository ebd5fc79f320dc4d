"""The parts of a Q&A are marked in the paragraphs of the edition from which they were read."""

from app.back_issues.reading_issues import read_issues
from app.back_issues.source_marks import mark_source

EDITION = """# The Steppe Letter, 3 March 2021

The ferry is back.

## Ask Leyla: The Dry Well

A reader asked: “Why is the well dry?”

Leyla Aydın, soil scientist, replied:

“It was never deep.

Why is the well dry? Ask the miller.”

## The weather

It rains.
"""


def test_each_part_is_marked_where_it_was_printed() -> None:
    [issue] = read_issues("march.md", EDITION.encode())
    [qa] = issue.qas()
    marked = ["".join(f"[{kind}:{text}]" if kind else text for text, kind in pieces) for pieces in mark_source(qa)]
    assert marked == [
        "The ferry is back.",
        "Ask Leyla: [headline:The Dry Well]",
        "A reader asked: “[question:Why is the well dry?]”",
        "[expert:Leyla Aydın], [expert:soil scientist], replied:",
        "“[answer:It was never deep.]",
        "[answer:Why is the well dry? Ask the miller.]”",
        "The weather",
        "It rains.",
    ]


def test_the_text_of_the_file_stays_as_it_is() -> None:
    [issue] = read_issues("march.md", EDITION.encode())
    [qa] = issue.qas()
    assert tuple("".join(piece.text for piece in pieces) for pieces in mark_source(qa)) == qa.source
