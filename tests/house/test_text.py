"""What readers type, and what becomes of it: every script, every kind of dirt."""

import re
import time
import unicodedata

import pytest
from babel import Locale
from babel.localedata import locale_identifiers
from hypothesis import given
from hypothesis import strategies as st

from app.text.clean import (
    clean,
    digits,
    fault_of_question,
    for_print,
    group_digits,
    held_reason,
    is_long_enough,
    length,
    parse_receipt,
    single_line,
    slug,
    word_count,
)
from app.text.languages import direction, guess_language, script_of
from tests.support.source import APP, list_code, relative_name
from tests.support.timing import limit_cpu_time

PARISA_ASKS = "چرا چین در ایران سرمایه\u200cگذاری می\u200cکند؟"
RECEIPT = "12345678901234567890"
ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=200)

HONEST = {
    "en": "Did governments not know about these before?",
    "ru": "Почему Китай строит дороги в Кыргызстане?",
    "uk": "Чому Китай не засуджує війну?",
    "kk": "Қытай Қазақстаннан не сатып алды?",
    "ky": "Кытай Кыргызстанда эмне үчүн жол курат?",
    "fa": PARISA_ASKS,
    "ug": "خىتاي نېمىشقا بۇ يەرگە كەلدى؟",
    "ar": "لماذا تستثمر الصين في آسيا الوسطى؟",
    "zh-Hans": "中国在塞尔维亚买了什么?",
    "zh-Hant": "中國在塞爾維亞買了什麼?",
    "ja": "中国はなぜ鉄道を建設しているのですか",
    "ko": "중국은 왜 철도를 건설합니까?",
    "ka": "რატომ აშენებს ჩინეთი გზებს?",
    "hy": "Ինչու է Չինաստանը ճանապարհներ կառուցում",
    "tr": "Çin neden Türkiye'de liman alıyor?",
    "az": "Çin niyə Azərbaycanda liman alır?",
    "uz": "Xitoy nega O'zbekistonda zavod qurmoqda?",
    "de": "Warum kauft China Häfen in Europa?",
    "fr": "Pourquoi la Chine achète-t-elle des ports?",
    "es": "¿Por qué China compra puertos?",
    "sr": "Шта је Кина купила у Србији?",
    "sr-Latn": "Šta je Kina kupila u Srbiji?",
    "pl": "Dlaczego Chiny kupują porty w Europie?",
    "kk-Arab": "قىتاي نەگە قازاقستاندا ٴۇي سالادى؟",
    "kk-Latn": "Qytai nege Qazaqstannan mūnai satyp aldy?",
}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("  one\r\ntwo\rthree\u2028four\u2029five\x0bsix\x85seven \n", "one\ntwo\nthree\nfour\nfive\nsix\nseven"),
        ("nu\x00ll, be\x07ll, ta\tb", "null, bell, ta\tb"),
        ("one\n\n \n\t\n\ntwo\n \nthree", "one\n\ntwo\n\nthree"),
        ("e\u0301", "é"),
        ("broken \ud83d pair", "broken \ufffd pair"),
        ("\ufeffmark\u200bs", "marks"),
        ("ភាសា\u200bខ្មែរ", "ភាសា\u200bខ្មែរ"),
        ("flag \U000e0067\U000e007f", "flag"),
        (PARISA_ASKS + "\u200f!", PARISA_ASKS + "\u200f!"),
        ("family 👨\u200d👩\u200d👧", "family 👨\u200d👩\u200d👧"),
        ("over\u202eride", "over\u202eride"),
    ],
)
def test_a_text_is_cleaned_and_its_spelling_kept(value: str, kept: str) -> None:
    assert clean(value) == kept


def test_our_own_text_loses_overrides_and_nothing_else() -> None:
    assert for_print("\u202aa\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069b \u200eme\u200f می\u200cکند") == (
        "ab \u200eme\u200f می\u200cکند"
    )


def test_what_can_be_printed_has_nothing_in_it_that_is_cleaned_away() -> None:
    """So it need not be looked through for that."""
    printable = [*filter(str.isprintable, map(chr, range(0x110000)))]
    assert len(printable) > 100_000
    assert [
        char for char in printable if clean(f"a{char}b\n", False) != unicodedata.normalize("NFC", f"a{char}b")
    ] == []


@given(ANY_TEXT)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    once = clean(text)
    assert clean(once) == once == unicodedata.normalize("NFC", once)
    assert for_print(for_print(text)) == for_print(text)
    once.encode("utf-8")
    assert not set(once) & {chr(code) for code in [*range(9), *range(11, 32), *range(127, 160)]}


def test_a_name_is_one_line() -> None:
    assert single_line(" Laura\n\u202e  Harth\u2028 ") == "Laura Harth"


def test_length_is_what_a_person_counts() -> None:
    texts = ("e\u0301é", "👨\u200d👩\u200d👧👍🏽", "🇨🇿🇰🇿", "می\u200cکند", "a b\n", "")
    assert [length(text) for text in texts] == [2, 2, 2, 5, 4, 0]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("… — !", 0),
        ("Don't count police-station, 10,000 or 3.5 twice", 7),
        ("**Bold** and _it_ # [a link](https://example.org/long/path)", 5),
        ("1. one\n2) two", 2),
        ("see https://example.org/a-b-c now", 3),
        (PARISA_ASKS, 6),
        ("中国在塞尔维亚买了什么?", 6),
        ("中国 bought 2 ports", 4),
        ("มีคำถาม", 2),
        ("क्षेत्र में", 2),
    ],
)
def test_words_are_counted_in_any_script(text: str, count: int) -> None:
    assert word_count(text) == count


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "empty"),
        (" \u200c\u200e\n\u3164", "short"),
        ("\u200c \u200f", "empty"),
        ("Why?", "short"),
        ("🙂" * 9, "short"),
        ("?!?!?!?! ....", "short"),
        ("Why them?", None),
        ("Whatabout", None),
        ("谁买港口?", None),
        ("中国在塞尔维亚买了什么?", None),
        ("why " * 500, None),
        ("why " * 500 + "not?", "long"),
        ("e\u0301" * 2000, None),
        ("why us" + "\u0327" * 9000, "long"),
    ],
)
def test_a_question_is_as_short_and_as_long_as_the_form_says(text: str, fault: str | None) -> None:
    assert fault_of_question(text) == fault


@pytest.mark.parametrize("question", HONEST.values(), ids=HONEST.keys())
def test_an_honest_question_is_enough_and_never_held(question: str) -> None:
    assert (is_long_enough(question), fault_of_question(question), held_reason(question)) == (True, None, None)


@pytest.mark.parametrize(("language", "question"), HONEST.items(), ids=HONEST.keys())
def test_a_language_is_suggested(language: str, question: str) -> None:
    assert guess_language(question) == language


def test_no_letters_suggest_no_language() -> None:
    assert (guess_language("12345 ?!"), script_of("12345 ?!"), guess_language("Xyzzy")) == ("und", "Zyyy", "und")


@pytest.mark.parametrize(
    "value",
    [
        RECEIPT,
        " 1234-5678 9012–3456\n7890 ",
        "۱۲۳۴ ۵۶۷۸\u200e ۹۰۱۲ ۳۴۵۶ ۷۸۹۰",
        "١٢٣٤٥٦٧٨٩٠١٢٣٤٥٦٧٨٩٠",
        "１２３４ ５６７８ ９０１２ ३४५६ 7890.",
    ],
)
def test_a_receipt_is_read_in_any_scripts_digits(value: str) -> None:
    assert parse_receipt(value) == RECEIPT


@pytest.mark.parametrize("value", ["", RECEIPT[1:], RECEIPT + "1", RECEIPT[1:] + "x", "²" * 20, "number " + RECEIPT])
def test_what_is_not_a_receipt_is_none(value: str) -> None:
    assert parse_receipt(value) is None


@given(st.integers(0, 10**20 - 1))
def test_a_receipt_shown_is_a_receipt_read(number: int) -> None:
    receipt = f"{number:020}"
    assert parse_receipt(group_digits(receipt)) == receipt
    assert [len(group) for group in group_digits(receipt).split(" ")] == [4, 4, 4, 4, 4]


def test_digits_leave_letters_alone() -> None:
    assert digits("No. ۱۲-a") == "No12a"


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        *[
            (tag, "rtl")
            for tag in (
                "fa",
                "ar-EG",
                "ug",
                "he",
                "ur",
                "ps",
                "ckb_IQ",
                "kk-Arab",
                "kk-CN",
                "uz-Arab-AF",
                "prs",
                "pnb",
                "arz",
                "aeb",
                "ku-IQ",
                "tk_AF",
                "yi",
            )
        ],
        *[
            (tag, "ltr")
            for tag in (
                "en",
                "ru",
                "kk",
                "kk-Latn",
                "ug-Latn",
                "ug-Cyrl-KZ",
                "zh-Hans",
                "uz",
                "sd-Deva",
                "sd-IN",
                "ug-KZ",
                "tg",
                "und",
                "",
            )
        ],
    ],
)
def test_direction_follows_the_script(language: str, expected: str) -> None:
    assert direction(language) == expected


def test_direction_is_that_of_the_orthography_in_every_language_that_has_tables() -> None:
    # Mongolian letters run down, in columns from left to right; where they lie on their side they are Latin's way round.
    tags = {re.sub("_[A-Z]{2}$", "", tag).replace("_", "-") for tag in locale_identifiers()} - {"mn-Mong"}
    assert len(tags) > 300
    assert [tag for tag in tags if direction(tag) != Locale.parse(tag, sep="-").text_direction] == []


SAYS_DIRECTION = re.compile(r"def direction\b|\.text_direction\b|right_to_left")


def test_one_function_says_in_which_direction_a_language_is_written() -> None:
    says = [path for path in list_code(".py") if APP in path.parents and SAYS_DIRECTION.search(path.read_text())]
    assert [relative_name(path) for path in says] == ["app/text/languages.py"]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Expert Corner: China's Overseas Policing", "expert-corner-chinas-overseas-policing"),
        ("Łódź, Straße & Əliyev", "lodz-strasse-eliyev"),
        ("Почему Китай?", "почему-китай"),
        ("می\u200cکند", "می-کند"),
        ("중국은 왜", "중국은-왜"),
        ("?!", "q"),
        ("word " * 40, "-".join(["word"] * 12)),
        ("x" * 99, "x" * 60),
    ],
)
def test_an_address_can_be_read(text: str, address: str) -> None:
    assert slug(text) == address


@given(ANY_TEXT)
def test_an_address_is_never_empty_and_safe(text: str) -> None:
    address = slug(text)
    assert 0 < len(address) <= 60
    assert not set(address) & set(" /?#%&.<>\"'\\\n")
    assert not (address.startswith("-") or address.endswith("-"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("12345678 !!! 🙂", "no text"),
        ("buy buy BUY buy", "no question"),
        ("aaaaaaaa aaaaaaaa", "no question"),
        ("See http://a.example https://b.example www.c.example", "links"),
        ("why why", None),
        ("谁?", None),
        ("Is https://a.example true?", None),
        (
            "I read https://a.example, http://b.example and http://c.example. "
            + "What do they mean for people here? " * 5,
            None,
        ),
    ],
)
def test_only_content_holds_a_letter(text: str, reason: str | None) -> None:
    assert held_reason(text) == reason


def test_ten_megabytes_take_seconds_and_no_more() -> None:
    with limit_cpu_time(15):
        for text in (" " * 10_000_000, "a \n" * 3_000_000, "\u0327" * 5_000_000):
            assert fault_of_question(text) in {"empty", "long"}


def test_a_tower_of_marks_costs_no_time() -> None:
    """Sorting marks takes quadratic time; thirty on one letter are more than any language writes (UAX #15)."""
    tower = "z" + "\u0301\u0327" * 40_000
    began = time.process_time()
    assert len(clean(tower)) <= 32
    assert time.process_time() - began < 1
