"""Leyla's answer, before and after Nora's pencil."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text.diff import Change, ParagraphPair, changes, compare, has_changes, split_paragraphs
from tests.support.timing import limit_cpu_time

FERRY = (
    "The ferry is not empty because there are no trucks. It is empty because it was sold as a train ferry. On our deck "
    "plan forty of the fifty-four places belong to rail wagons, when nobody at the gate can do the papers anymore."
)
FERRY_EDITED = (
    "The ferry is not empty for want of trucks. It is empty because it was sold as a train ferry. On the deck "
    "plan 40 of the 54 places belong to rail wagons, when it is too late to do the papers at the gate."
)
LEYLA = """A number of governments had not been informed.

In Ireland the station was closed after the ministry asked for it, and nobody knows where its people went.

These accounts come from agents, and from local media."""
NORA = """Governments or local authorities in the targeted countries had not been informed.

These accounts come from the overseas organizations linked to the operations, and from local media."""

TEXTS = st.lists(
    st.sampled_from(
        ["port", "Port", "the", "ferry", "买", "了", "می\u200cکند", ",", ".", "**", " ", "  ", "\n", "\n\n", "é"]
    ),
    max_size=60,
).map("".join) | st.text(max_size=80)


def draw_changes(pair: ParagraphPair) -> str:
    marks = {"same": "{}", "del": "[-{}-]", "ins": "[+{}+]"}
    return "".join(marks[op].format(text) for op, text in pair.merged)


def test_a_diff_reads_as_a_person_marks_it() -> None:
    (pair,) = compare(FERRY, FERRY_EDITED)
    assert draw_changes(pair) == (
        "The ferry is not empty [-because there are no -][+for want of +]trucks. It is empty because it was sold as a "
        "train ferry. On [-our -][+the +]deck plan [-forty of the fifty-four -][+40 of the 54 +]places belong to rail "
        "wagons, when [-nobody at the gate can -][+it is too late to +]do the papers [-anymore-][+at the gate+]."
    )


def test_the_letter_to_the_expert_lists_three_changes() -> None:
    assert changes(LEYLA, NORA) == [
        Change("A number of governments", "Governments or local authorities in the targeted countries", "changed"),
        Change(LEYLA.split("\n\n")[1], "", "cut"),
        Change("agents", "the overseas organizations linked to the operations", "changed"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("One, two and three.", "One two, and three.", ["marks", "marks"]),
        ("Ports are built.", "Ports are slowly being built.", ["added"]),
        ("Ports are slowly being built.", "Ports are built.", ["removed"]),
        ("First about ports.", "First about ports.\n\nThen about railways.", ["new"]),
        ("Ports are open.", "Ports are open.", []),
        ("Ports  are\nopen.", "Ports are open.", []),
    ],
)
def test_each_change_has_its_kind(old: str, new: str, expected: list[str]) -> None:
    assert [change.kind for change in changes(old, new)] == expected


def test_an_insertion_is_shown_with_the_words_around_it() -> None:
    assert changes(
        "Some time ago the new ports were built here.", "Some time ago the new ports were slowly built here."
    ) == [Change("new ports were built here", "new ports were slowly built here", "added")]


def test_a_split_paragraph_stays_one_pair() -> None:
    old = "First we look at the ports here. Then we look at the railways there.\n\nLast."
    new = "First we look at the ports here.\n\nThen we look at the railways there.\n\nLast."
    assert [draw_changes(pair) for pair in compare(old, new)] == [
        "First we look at the ports here.[+\n\n+]Then we look at the railways there.",
        "Last.",
    ]
    assert [draw_changes(pair) for pair in compare(new, old)][1] == "Last."
    assert [change.kind for change in changes(old, new)] == ["marks"]


def test_an_edited_paragraph_is_found_behind_a_new_one() -> None:
    old = "The ports are owned by the state.\n\nThe railways were sold in March."
    new = "Nobody has asked before.\n\nThe ports are owned by one man.\n\nThe railways were sold in May."
    assert [draw_changes(pair) for pair in compare(old, new)] == [
        "[+Nobody has asked before.+]",
        "The ports are owned by [-the state-][+one man+].",
        "The railways were sold in [-March-][+May+].",
    ]


def test_a_cut_at_the_end_of_a_sentence_does_not_touch_the_word_before() -> None:
    (pair,) = compare(
        "I was there for three years before the clinic. They asked me, often.",
        "I was there for three years. They asked, often.",
    )
    assert (
        "".join(text for _, text in pair.merged)
        == "I was there for three years before the clinic. They asked me, often."
    )


def test_chinese_is_compared_sign_by_sign() -> None:
    assert [draw_changes(pair) for pair in compare("中国在塞尔维亚买了什么?", "中国在塞尔维亚买了哪些矿山?")] == [
        "中国在塞尔维亚买了[-什么-][+哪些矿山+]?"
    ]


@given(TEXTS, TEXTS)
def test_no_character_is_lost_on_either_side(old: str, new: str) -> None:
    pairs = compare(old, new)
    assert "\n\n".join("".join(text for _, text in pair.old) for pair in pairs if pair.old) == "\n\n".join(
        split_paragraphs(old)
    )
    assert "\n\n".join("".join(text for _, text in pair.new) for pair in pairs if pair.new) == "\n\n".join(
        split_paragraphs(new)
    )
    for pair in pairs:
        assert [run for run in pair.merged if run[0] != "del"] == pair.new
        cut = [text for op, text in pair.old if op == "del"]
        assert [text.lstrip() for op, text in pair.merged if op == "del"] == [text.lstrip() for text in cut]
        assert pair.old or pair.new


@given(TEXTS, TEXTS)
def test_what_changed_has_changes(old: str, new: str) -> None:
    assert has_changes(old, new) == any(op != "same" for pair in compare(old, new) for op, _ in pair.merged)
    assert has_changes(old, new) == bool(changes(old, new))
    assert not has_changes(old, old)


def _answer(seed: int, vocabulary: list[str]) -> str:
    dice = random.Random(seed)
    return "\n\n".join(" ".join(dice.choices(vocabulary, k=75)) for _ in range(40))


VOCABULARY = [f"word{number}" for number in range(400)] + ["the", "of", "and"] * 30


def test_a_long_answer_is_compared_at_once() -> None:
    old = _answer(1, VOCABULARY)
    dice = random.Random(2)
    edited = "\n\n".join(
        " ".join(word if dice.random() > 0.2 else dice.choice(VOCABULARY) for word in part.split())
        for part in old.split("\n\n")
    )
    with limit_cpu_time(1.5):  # 0.07 s on a quiet machine.
        assert len(compare(old, edited)) == 40


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x " * 10_000, "y " + "x " * 9_000 + "y"),
        ("x y " * 5_000, "y y x " * 3_300),
        ("x\n\n" * 10_000, "y\n\n" + "x\n\n" * 9_000 + "y"),
        (" ".join(map(str, range(10_000))), " ".join(map(str, range(10_000, 0, -1)))),
        (" ".join(f"old{n} {n:04d}" for n in range(5_000)), " ".join(f"fresh{n} {n:04d}" for n in range(5_000))),
        ("(" * 200_000, ")" * 200_000),
        ("a'" * 50_000, "b'" * 50_000),
    ],
    ids=["equal words", "two words", "equal paragraphs", "reversed", "islands", "marks", "joiners"],
)
def test_a_hostile_text_is_bounded(old: str, new: str) -> None:
    with limit_cpu_time(3):  # Below 0.2 s on a quiet machine.
        assert changes(old, new)
