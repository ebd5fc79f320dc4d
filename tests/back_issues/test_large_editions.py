"""The time that an edition takes grows with its length, and not with the square of it."""

from collections import Counter

import pytest

from app.back_issues import labelled_edition
from app.back_issues.reading_issues import read_issues

SECTION = """## Readers asked

**Why is well {number} dry in spring, and who measures it?**

It was never deep enough, and in the year {number} nobody had looked at it. The village dug it itself.

## The week

the council met and put off the pipe again, for the {number}th time.

"""


def test_no_paragraph_is_searched_for_a_host_again_for_each_question(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = Counter[str]()
    find_guest = labelled_edition.find_guest
    monkeypatch.setattr(
        labelled_edition, "find_guest", lambda text, lexicon: searched.update([text]) or find_guest(text, lexicon)
    )
    edition = "".join(SECTION.format(number=number) for number in range(60))
    [issue] = read_issues("edition.md", edition.encode())
    assert len(issue.found_qas) == 60
    assert {count for text, count in searched.items() if text.startswith("the council")} == {1}
