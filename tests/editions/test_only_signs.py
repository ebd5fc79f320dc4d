"""What may be mended in silence after it was sent: signs between words, and nothing that could mean something else."""

import time

import pytest

from app.editions.typos import MAX_CHANGED_CHARACTERS, MAX_MISSPELT_WORDS, find_typos

MEND = [
    ("We asked the mill, then left", "We asked the mill then left"),
    ("At the end.Next came salt", "At the end. Next came salt"),
    ("Two  spaces , here", "Two spaces, here"),
    ("a – b", "a — b"),
    ("The end\n\nAnd on", "The end.\n\nAnd on"),
    ("中国在塞尔维亚,买了什么", "中国在塞尔维亚，买了什么"),
    ("او, می‌داند", "او، می‌داند"),
]
TELL = {
    "a word": ("ofthe", "of the"),
    "another cut of words": ("the therapist", "the the rapist"),
    "a capital, which makes a name": ("the march", "the March"),
    "a number": ("It cost 15 m", "It cost 1.5 m"),
    "a sign of thousands": ("1.500 people", "1,500 people"),
    "a minus": ("It was -5 degrees", "It was 5 degrees"),
    "a range": ("8-10 plates", "8–10 plates"),
    "a question": ("He knows.", "He knows?"),
    "who says it": ("he said “yes”", "he said yes"),
    "an apostrophe": ("it’s salt", "its salt"),
    "a hyphen": ("they re-sign", "they resign"),
    "an address": ("see example.org now", "see example org now"),
    "a link": ("see [it](https://a.example/b)", "see [it](https://a.example/b.)"),
    "a paragraph": ("It ends. It goes on", "It ends.\n\nIt goes on"),
    "a sign beside a no": ("No, change it", "No change it"),
    "a sign that decides": ("казнить нельзя помиловать", "казнить нельзя, помиловать"),
    "a sign beside a no in Chinese": ("他不知道，我们知道", "他不知道我们知道"),
    "a sign beside a no in Persian": ("نه، می‌رود", "نه می‌رود"),
    "a sign beside a short no": ("They don’t, know", "They don’t know"),
    "many signs": ("one, two, three, four, five, six, seven", "one two three four five six seven"),
}


@pytest.mark.parametrize(("before", "after"), MEND)
def test_a_sign_may_be_mended_in_silence(before: str, after: str) -> None:
    assert (find_typos(before, after), find_typos(after, before)) == ("signs", "signs")


@pytest.mark.parametrize("name", TELL)
def test_readers_are_told_of_anything_else(name: str) -> None:
    before, after = TELL[name]
    assert (find_typos(before, after), find_typos(after, before)) == ("more", "more")


def test_as_many_signs_as_are_said_and_no_more() -> None:
    text = " ".join(f"word{number}" for number in range(50))
    assert [
        find_typos(text, text.replace(" ", ", ", many)) for many in (MAX_CHANGED_CHARACTERS, MAX_CHANGED_CHARACTERS + 1)
    ] == ["signs", "more"]


def test_a_long_answer_is_compared_in_a_moment() -> None:
    text = "salt, wind. " * 20_000
    began = time.process_time()
    assert (find_typos(text, text[:-2]), find_typos(text, text + "x")) == ("signs", "more")
    assert time.process_time() - began < 5


RESPELL = [
    ("The goverment of Nukus", "The government of Nukus"),
    ("they recieve salt", "they receive salt"),
    ("the commitee, then", "the committee then"),
    ("a naive plan", "a naïve plan"),
    ("“Plattes” are there", "“Plates” are there"),
    ("the **goverment**", "the **government**"),
    ("правительсво города", "правительство города"),
    ("the re-openning", "the re-opening"),
]
ANOTHER_WORD = {
    "a short word": ("It is now", "It is not"),
    "a first letter": ("he was billed", "he was killed"),
    "a prefix": ("it is legal", "it is illegal"),
    "a negation within a Turkic word": ("onlar geldiler", "onlar gelmediler"),
    "a negation": ("nothing there", "nothin there"),
    "a suffix": ("a hopeful plan", "a hopeless plan"),
    "a capital": ("the march began", "the March began"),
    "a digit": ("plate A4000", "plate A4001"),
    "an address": ("see example.org now", "see exomple.org now"),
    "a Chinese sign": ("塞尔维亚买了什么", "塞尔维业买了什么"),
    "a word more": ("the goverment", "the new government"),
}


@pytest.mark.parametrize(("before", "after"), RESPELL)
def test_a_letter_within_a_word_is_a_typo_too(before: str, after: str) -> None:
    assert (find_typos(before, after), find_typos(after, before)) == ("letters", "letters")


@pytest.mark.parametrize("name", ANOTHER_WORD)
def test_another_word_is_no_typo(name: str) -> None:
    before, after = ANOTHER_WORD[name]
    assert (find_typos(before, after), find_typos(after, before)) == ("more", "more")


def test_in_as_many_words_as_are_said_and_no_more() -> None:
    text = " ".join(["goverment"] * 10)
    found = [find_typos(text, text.replace("rm", "rnm", many)) for many in (MAX_MISSPELT_WORDS, MAX_MISSPELT_WORDS + 1)]
    assert found == ["letters", "more"]
