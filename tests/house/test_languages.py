"""The guess of a language, on a hundred questions in each language of `bench/sample_questions`, none of which it has read."""

import pytest

from app.text import languages
from app.text.languages import function_words, guess_language, guessable_languages, script_of
from tests.support.required_rows import compare_names
from tests.support.source import APP

ASKED = {
    path.stem: path.read_text("utf-8").splitlines()
    for path in (APP.parent / "bench" / "sample_questions").glob("*.txt")
}


def test_there_are_a_hundred_questions_in_each_of_more_than_twenty_five_languages() -> None:
    assert len(ASKED) > 25
    assert {tag: len(set(sentences)) for tag, sentences in ASKED.items()} == dict.fromkeys(ASKED, 100)
    unknown = sorted(set(ASKED) - set(guessable_languages()))
    assert not unknown, (
        f"bench/sample_questions has questions in {', '.join(unknown)}, which nothing guesses: take them out."
    )


@pytest.mark.parametrize("language", sorted(ASKED))
def test_at_least_95_of_100_questions_are_of_the_language_that_is_guessed(language: str) -> None:
    guesses = [guess_language(sentence) for sentence in ASKED[language]]
    assert guesses.count(language) >= 95, {guess: guesses.count(guess) for guess in guesses}


def test_no_question_is_measured_that_the_guess_has_read() -> None:
    read = [path.read_text("utf-8") for path in (APP / "text" / "declarations").glob("*.txt")]
    read += [" ".join(words) for words in function_words().values()]
    assert [
        one for sentences in ASKED.values() for one in sentences if any(one.rstrip("?. ") in text for text in read)
    ] == []


def test_each_language_of_small_words_has_a_declaration() -> None:
    found = compare_names(
        function_words(),
        [path.stem for path in (APP / "text" / "declarations").glob("*.txt")],
        missing="There is no declaration in {name}: put it into app/text/declarations, from which its likelihoods "
        "are learned.",
        surplus="app/text/declarations has {name}, which has no row in app/text/function_words.toml.",
    )
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "und"),
        ("12345 ?!", "und"),
        ("Xyzzy", "und"),
        ("Salt", "und"),
        ("Salt wind", "und"),
        ("Ferries", "und"),
        ("Paid in Yarn", "und"),
        ("Соль", "und"),
        ("Почему?", "ru"),
        ("Tətil bitdi?", "az"),
        ("Näme üçin suw ýok?", "tk"),
        ("Эмне үчүн суу жок?", "ky"),
        ("Нега сув йўқ?", "uz-Cyrl"),
        ("Чаро об нест?", "tg"),
        ("Нигә су юк?", "tt"),
        ("为什么没有水?", "zh-Hans"),
        ("為什麼沒有水?", "zh-Hant"),
        ("なぜ水がないのですか", "ja"),
    ],
)
def test_short_ones_are_guessed_and_where_nothing_tells_nothing_is(text: str, language: str) -> None:
    assert guess_language(text) == language


def test_a_long_letter_is_guessed_by_its_first_words() -> None:
    assert guess_language("Why is there no water? " * 30 + "Почему нет воды? " * 10) == "en"


def test_the_sums_of_all_languages_have_room_beside_one_another() -> None:
    """Of the longest text that is looked at, whatever is in it: one that ran over would count for the next language."""
    most_parts = languages.MAX_NGRAM_SIZE * languages.MAX_NGRAM_CHARS
    for script in {script_of(" ".join(words)) for words in function_words().values()}:
        learned = languages._load_model(script)
        numbers = {learned.unseen, *learned.ngrams.values()}
        highest = max(languages._unpack_score(one, place) for one in numbers for place in range(len(learned.languages)))
        assert 0 < highest * most_parts < 1 << languages.BITS_PER_LANGUAGE
        assert all(one < 1 << (languages.BITS_PER_LANGUAGE * len(learned.languages)) for one in numbers)


def test_the_likelihoods_are_those_of_each_language_by_itself() -> None:
    parts = languages._ngrams(languages._normalize_words("Why is there no water? Xyzzy!"))
    scores = languages._load_model("Latn").scores(parts)
    for language in ("en", "de", "az"):
        known = languages._likelihoods(language)
        alone = sum(known.get(part, languages.UNSEEN_LOG_LIKELIHOOD) for part in parts)
        assert scores[language] == pytest.approx(alone, abs=len(parts) / languages.FIXED_POINT_ONE)
        assert [part for part in parts if languages._load_model("Latn").knows(part, language)] == [
            part for part in parts if part in known
        ]


@pytest.mark.parametrize(
    ("text", "script"),
    [("", "Zyyy"), ("12 + 3?", "Zyyy"), ("7 wells", "Latn"), ("Où est l’eau ?", "Latn"), ("Вода, H2O", "Cyrl"),
     (f"{'1 ' * languages.MAX_EXAMINED_CHARS} water", "Zyyy")],
)  # fmt: skip
def test_the_script_of_most_letters_is_that_of_a_text(text: str, script: str) -> None:
    assert script_of(text) == script


def test_letters_of_no_other_script_stand_in_ascii() -> None:
    """So what has no other signs needs no look for them."""
    letters = [one for one in map(chr, range(128)) if one.isalpha()]
    assert {name for name, found in languages._scripts().items() for one in letters if found.search(one)} == {"Latn"}
    assert all(languages._scripts()["Latn"].search(one) for one in letters)
    assert not any(
        found.search(chr(one))
        for found in languages._scripts().values()
        for one in range(128)
        if not chr(one).isalpha()
    )
