"""Of a flood of 2,000 letters with 44 of readers among them, 40 stand among the first 60 that are read."""

import time
from collections.abc import Callable
from random import Random

import pytest

from app.letters.flood_ranking import (
    COMPARED_CHARACTERS,
    HIGHEST_SINGLE_RANK,
    LOWEST_RANK,
    TYPICAL_FUNCTION_WORD_SHARE,
    function_word_share,
    rank_letters,
)
from tests.support.floods import FLOOD_KINDS, list_demo_letters, make_flood, mixed_text

READERS, FIRST, FOUND = 44, 60, 40


@pytest.mark.threat("flood")
@pytest.mark.parametrize("fragment", ["a-", "1-", "-a", "a.", "www", "https", "x"])
def test_no_text_takes_time_with_the_square_of_its_length(fragment: str) -> None:
    """The worker ranks up to 5,000 held letters a minute."""

    def measure(length: int) -> float:
        texts = [(fragment * length)[: length - 2] + f"{number:02}" for number in range(10)]
        start = time.process_time()
        rank_letters(texts)
        return time.process_time() - start

    shorter, longer = (min(measure(length) for _ in range(3)) for length in (500, COMPARED_CHARACTERS))
    assert longer < 10 * shorter + 0.005  # four times the length; its square takes sixteen times as long


@pytest.mark.threat("flood")
@pytest.mark.parametrize("make", [*FLOOD_KINDS.values(), mixed_text], ids=[*FLOOD_KINDS, "mixed"])
def test_readers_stand_first_in_any_flood(make: Callable[[Random], str]) -> None:
    texts, readers = make_flood(make, 2_000, READERS)
    found = rank_letters(texts)
    order = sorted(range(len(texts)), key=lambda at: (found[at].rank, found[at].crowd or 0, at))
    assert len(readers.intersection(order[:FIRST])) >= FOUND
    alone = [at for at in order if found[at].crowd is None]
    assert len(alone) <= 2 * READERS  # the rest are some crowds, each of which is one press
    assert len({one.crowd for one in found}) <= 8


@pytest.mark.threat("flood")
def test_readers_letters_without_a_flood_are_no_crowd() -> None:
    found = rank_letters(list_demo_letters())
    crowds = [text for text, one in zip(list_demo_letters(), found, strict=True) if one.crowd is not None]
    assert len(crowds) < 0.05 * len(found)
    assert all(one.rank >= LOWEST_RANK for one in found)


def test_a_few_letters_stay_in_their_order_and_three_that_are_alike_are_a_crowd() -> None:
    assert rank_letters([]) == []
    three = ["Why is the bridge over the canal closed?"] * 3
    found = rank_letters(["Who weighs the salt in the orchards?", *three, "中国在塞尔维亚买了什么?"])
    assert [one.crowd for one in found] == [None, 1, 1, 1, None]
    assert {one.rank for one in found[1:4]} == {HIGHEST_SINGLE_RANK + 3}
    assert found[0].rank == found[4].rank == LOWEST_RANK


def test_small_words_are_looked_for_at_the_beginning_of_a_letter() -> None:
    said, noise = "Who of the people in the village weighs the salt? ", "Salt weighs village people. "
    times = COMPARED_CHARACTERS // len(said)
    whole = (said * (times + 1))[:COMPARED_CHARACTERS]
    assert function_word_share(whole + noise * 1_000) == function_word_share(whole) > TYPICAL_FUNCTION_WORD_SHARE
