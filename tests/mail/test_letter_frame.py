"""Greeting and closing of a letter: told from its text in many languages, and never more than that."""

import pytest

from app.mailtext.trim.letter_frame import split_letter
from bench.trim import CORPUS, iter_cases
from tests.support.required_programs import skip_without

SALT = "Salt is weighed.\n\nEvery month."
FRAMES = [
    ("Dear Anna,", "Best,\nDarius"),
    ("Hi Anna and all!", "Best\n\nDarius Novak\nHead of the gauges\n+7 727 555 01 23"),
    ("Hello Anna", "Many thanks"),
    ("", "– Darius"),
    ("Dear Anna,", "Best, Darius"),
    ("", "Darius Novak\nHead of the gauges"),
    ("Sehr geehrte Frau Lind,", "Mit freundlichen Grüßen\nDarius Novak"),
    ("Уважаемая Анна!", "С уважением, Дариус"),
    ("Құрметті Анна,", "Құрметпен\nДариус"),
    ("سلام آنا،", "با احترام،\nداریوش"),
    ("尊敬的编辑：", "此致"),
    ("", ""),
]
TEXTS = [
    "Good morning is what they say there.\n\nAnd so on.",
    "Dear readers, this goes on in the same line.\n\nYes.",
    "Hi, I think so.\nIt is salt.",
    "It is so.\n\nMany thanks are due to the station,\nwhich weighs it.",
    "Thanks",
    "Dear Anna,",
    "Hello?\n\nNobody asked.",
    "Best is what the station has. Worst is what it lacks.",
    "It is salt.\n\nBest\n\n- the station\n- the lake",
    "Dearth of water is the cause\n\nof all of it.",
]


@pytest.mark.parametrize(("greeting", "closing"), FRAMES)
def test_greeting_and_closing_are_told_from_the_text(greeting: str, closing: str) -> None:
    letter = "\n\n".join(filter(None, (greeting, SALT, closing)))
    assert split_letter(letter, "Darius Novak") == (greeting, SALT, closing)
    joined = "\n".join(filter(None, (greeting, SALT)))
    if greeting != "Hello Anna":  # a line without a mark greets only above a blank line
        assert split_letter(joined, "Darius Novak") == (greeting, SALT, "")


@pytest.mark.parametrize("text", TEXTS)
def test_words_of_the_text_are_never_left_out(text: str) -> None:
    assert split_letter(text, "Darius Novak") == ("", text, "")


def test_of_real_letters_nothing_is_left_out_but_greetings_and_closings() -> None:
    if not CORPUS.is_file():
        skip_without("corpus of real replies in ../shared")
    frames = [split_letter(case.expected) for case in iter_cases() if case.is_real]
    left_out = {" ".join(part.split()) for frame in frames for part in (frame.greeting, frame.closing) if part}
    assert left_out == {
        "Hello", "Hi Erlend,", "Hi Erlend Sogge Heggen,", "Hi Neil,", "Olá,", "Hi everyone!", "Thanks, Alex",
        "Best regards, //Jef", "Thanks, Some One", "thanks", "Thank you!", "Cheers", "Best Regards", "Best regards Some One",
    }  # fmt: skip
