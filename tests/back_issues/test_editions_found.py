"""Back issues in many layouts and nine languages: each beside what stands in it, and the words of nobody else."""

import json
import re
from pathlib import Path

import pytest

from app.back_issues.finding import to_json_dict
from app.back_issues.reading_issues import read_issues
from app.typesetting.house_form import ItemContent, LeadIn, Voice, set_block
from app.typesetting.renderers import to_text
from tests.support.required_programs import skip_without
from tests.support.source import ROOT

EDITIONS = ROOT / "tests" / "support" / "back_issues"
NAMES = sorted(path.name.removesuffix(".json") for path in EDITIONS.glob("*.*.json"))
SHARED = ROOT.parent / "shared" / "data"
HEADINGS = ("section", "headline", "question")


def find_qas(path: Path) -> list[dict[str, object]]:
    return [
        to_json_dict(qa, path.name) for issue in read_issues(path.name, path.read_bytes()) for qa in issue.found_qas
    ]


@pytest.mark.parametrize("name", NAMES)
def test_an_edition_gives_its_questions_and_answers_word_for_word(name: str) -> None:
    expected = json.loads((EDITIONS / f"{name}.json").read_text())
    found = find_qas(EDITIONS / name)
    for block in found:
        del block["unsure"]
    assert found == expected


@pytest.mark.parametrize("name", ["b-twoexperts.txt", "p2.txt", "decoy-toc.txt"])
def test_an_edition_that_breaks_off_after_a_label_gives_what_stands_before_it(name: str) -> None:
    """A file that was cut off, or the label of a question that was never asked."""
    whole = (EDITIONS / name).read_bytes()
    found = [list(issue.found_qas) for issue in read_issues(name, whole)]
    cut_off = [list(issue.found_qas) for issue in read_issues(name, whole + b"\n\nQuestion:\n")]
    assert cut_off == found


def test_there_are_enough_of_them() -> None:
    """At least twenty layouts and eight languages, and editions with nothing to find."""
    expected = {name: json.loads((EDITIONS / f"{name}.json").read_text()) for name in NAMES}
    assert len([name for name, blocks in expected.items() if blocks]) >= 45
    assert len([name for name, blocks in expected.items() if not blocks]) >= 10
    assert {name.rpartition(".")[2] for name in NAMES} == {"txt", "md", "html", "eml", "mbox"}


def split_words(text: str) -> list[str]:
    return re.findall(r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+", text)


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith((".txt", ".md", ".html"))])
def test_nothing_is_invented(name: str) -> None:
    source = set(split_words(re.sub(r"&amp;", "&", (EDITIONS / name).read_text().replace("&nbsp;", " "))))
    for block in find_qas(EDITIONS / name):
        lead_in = block["lead_in"]
        assert isinstance(lead_in, dict)
        said = json.dumps(
            [*(block[key] for key in HEADINGS), block["askers"], [*lead_in.values()], block["answer"]],
            ensure_ascii=False,
        )
        assert set(split_words(said.replace("\\n", " "))) - source - {"null"} == set()


def test_the_edition_of_november_gives_its_block_back_letter_for_letter() -> None:
    if not SHARED.is_dir():
        skip_without("edition that the house form was learned from")
    (block,) = find_qas(SHARED / "edition-2022-11-02.txt")
    lead_in, answer = block["lead_in"], block["answer"]
    assert isinstance(lead_in, dict)
    assert isinstance(answer, list)
    assert (block["edition_date"], block["askers"], block["unsure"]) == ("2022-11-02", [], [])
    expected = (SHARED / "expert-corner-expected.txt").read_text()
    piece = ItemContent(
        "en", "straight", str(block["section"]), str(block["headline"]), (None, None), str(block["question"]),
        (Voice(LeadIn(**lead_in), "\n\n".join(answer)),), expected.strip().rpartition("\n\n")[2],
    )  # fmt: skip
    assert to_text(set_block(piece)).strip() == expected.strip()
