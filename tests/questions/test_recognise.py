"""Timur writes more than is good for him; Nora is shown where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.questions.recognise import IdentifyingSpan, find_headline_marks, find_marks, split_at_marks
from tests.support.timing import limit_cpu_time


def marked(text: str, language: str) -> list[tuple[str, str]]:
    return [(piece, kind) for piece, kind in split_at_marks(text, find_marks(text, language)) if kind]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "en",
            (
                "My brother Timur works at the port. Mail timur.k@mail.kz or @timurk. On 14 February 2021 the police "
                "came to our village near Zharkent, see https://t.me/x/1 and example.org/a."
            ),
            [
                ("My brother", "relation"),
                ("Timur", "name"),
                ("timur.k@mail.kz", "email"),
                ("@timurk", "handle"),
                ("14 February 2021", "date"),
                ("our village", "relation"),
                ("Zharkent", "place"),
                ("https://t.me/x/1", "link"),
                ("example.org/a", "link"),
            ],
        ),
        (
            "en",
            "Leyla said that Dr. Ahmet Yildiz knows. I'm a nurse. I work at Uzen. Call +7 701 123 45 67, 12.03.2019.",
            [
                ("Leyla", "name"),
                ("Dr. Ahmet Yildiz", "name"),
                ("I'm a nurse", "relation"),
                ("I work at", "relation"),
                ("Uzen", "place"),
                ("+7 701 123 45 67", "number"),
                ("12.03.2019", "date"),
            ],
        ),
        (
            "ru",
            "Мой брат Тимур с 12 марта 2019 года в Актау. Почему Китай молчит? Я живу в Жаркенте, ул. Абая 15.",
            [
                ("Мой брат", "relation"),
                ("Тимур", "name"),
                ("12 марта 2019", "date"),
                ("Актау", "place"),
                ("Китай", "name"),
                ("Я живу", "relation"),
                ("Жаркенте", "place"),
                ("ул. Абая", "place"),
                ("15", "number"),
            ],
        ),
        (
            "kk",
            "Менің ағам Ақтауда тұрады. Біздің ауылда 2019 жылы не болды? Жұмыс істеймін.",
            [
                ("ағам", "relation"),
                ("Ақтауда", "place"),
                ("Біздің ауылда", "relation"),
                ("2019", "date"),
                ("Жұмыс істеймін", "relation"),
            ],
        ),
        (
            "fa",
            "برادرم در روستای کندوان، ۱۲ اسفند ۱۴۰۰ با آقای رضایی. شماره ۰۹۱۲۳۴۵۶۷۸۹",
            [
                ("برادرم", "relation"),
                ("روستای کندوان", "place"),
                ("۱۲ اسفند ۱۴۰۰", "date"),
                ("آقای رضایی", "name"),
                ("۰۹۱۲۳۴۵۶۷۸۹", "number"),
            ],
        ),
        ("ug", "ئاكام قەشقەر شەھىرىدە.", [("ئاكام", "relation"), ("قەشقەر شەھىرىدە", "place")]),
        (
            "zh-Hans",
            "我哥哥2017年3月被带走，我叫王小明，我在县医院上班。电话13912345678",
            [
                ("我哥哥", "relation"),
                ("2017年3月", "date"),
                ("我叫王小明", "name"),
                ("我在县医院上班", "relation"),
                ("13912345678", "number"),
            ],
        ),
        (
            "de",
            "Warum kauft die Regierung in Hamburg? Mein Bruder Ali ist seit März 2020 dort.",
            [("Hamburg", "place"), ("Mein Bruder", "relation"), ("Ali", "name"), ("März 2020", "date")],
        ),
    ],
)
def test_what_points_to_the_asker_is_marked(language: str, text: str, expected: list[tuple[str, str]]) -> None:
    assert marked(text, language) == expected


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Did governments not know before? Last edition, you had one. I miss the doctor, and they may march on."),
        ("ru", "Почему правительства не знали об этом раньше? Что изменилось?"),
        ("fa", "چرا دولت‌ها از این خبر نداشتند؟"),
        ("zh-Hans", "中国在塞尔维亚买了什么?"),
        ("de", "Warum wussten die Regierungen das nicht?"),
        ("en", ""),
    ],
)
def test_a_general_question_has_no_marks(language: str, text: str) -> None:
    assert marked(text, language) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Nobody knows. Don’t ask. Go there. Sign nothing.", []),
        ("Никто не знает. Ничего нет.", []),
        ("Don knows. Ali knows. Sign here, Timur. Go's here.", ["Don", "Ali", "Timur", "Go's"]),
    ],
)
def test_a_plain_word_that_opens_a_sentence_is_no_name_and_a_name_is(text: str, names: list[str]) -> None:
    assert [piece for piece, _kind in marked(text, "en")] == names


def test_may_and_march_are_months_within_a_sentence_and_beside_a_day_or_year() -> None:
    text = "May I ask? They came in May, and left. March on. May 3 or March 2020. It may be. Last april, June."
    assert [piece for piece, kind in marked(text, "en") if kind == "date"] == [
        "May", "May 3", "March 2020", "april", "June.",
    ]  # fmt: skip
    assert marked("May we go there?", "en") == []


BELOW = "Why do salt storms hit Nukus so often, and who pays for the wells? Timur asked in May 2020."


@pytest.mark.parametrize(
    ("headline", "results"),
    [
        ("Is It Worth Keeping a Bank Account?", []),
        ("Why Would They Leave", []),
        ("Salt Storms Hit Nukus", [("Nukus", "name")]),
        ("Who Pays for Timur’s Wells in Aktau?", [("Timur’s", "name"), ("Aktau", "place")]),
        ("Growing Up Under Salt Storms", []),
        ("Salt storms hit Nukus", [("Nukus", "name")]),
        ("Timur storms ahead", [("Timur", "name")]),
        ("Gulnara Bek", [("Gulnara Bek", "name")]),
        ("Wells by 12 March 2020", [("12 March 2020", "date")]),
        ("", []),
    ],
)
def test_in_a_headline_the_texts_below_tell_names_from_capitals(headline: str, results: list[tuple[str, str]]) -> None:
    marks = find_headline_marks(headline, "en", [BELOW])
    assert [(headline[mark.start : mark.end], mark.kind) for mark in marks] == results


def test_a_headline_in_another_language_has_no_such_capitals() -> None:
    assert find_headline_marks("Соль в Актау", "ru", [BELOW]) == find_marks("Соль в Актау", "ru")


def test_marks_tell_where() -> None:
    assert find_marks("Is it Aktau?", "en") == [IdentifyingSpan(6, 11, "name")]


PIECES = [
    "My brother ",
    "Timur ",
    "in ",
    "a@b.cz",
    "@t",
    "12.3.2020",
    " ",
    ".",
    "我在",
    "村",
    "Мой ",
    "брат",
    "https://",
    "آقای ",
    "۱",
]


@given(
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=100),
    st.sampled_from(["en", "de", "zh"]),
)
def test_marks_stand_in_order_and_nothing_is_lost(text: str, language: str) -> None:
    found = find_marks(text, language)
    assert "".join(piece for piece, _ in split_at_marks(text, found)) == text
    ends = [0, *(mark.end for mark in found)]
    assert all(end <= mark.start < mark.end for end, mark in zip(ends, found, strict=False))
    assert [text[mark.start : mark.end] for mark in found] == [
        piece for piece, kind in split_at_marks(text, found) if kind
    ]


@pytest.mark.threat("hostile words")
@pytest.mark.parametrize(
    "unit", ["a", "a.", "A ", "1 ", "@", "我", "my ", "я ", "1-1-", "http://", "آقای ", "a\u200c", "我在", "г. "]
)
def test_a_hostile_text_is_bounded(unit: str) -> None:
    text = unit * (20_000 // len(unit))
    with limit_cpu_time(3):  # Below 0.2 s on a quiet machine.
        assert "".join(piece for piece, _ in split_at_marks(text, find_marks(text, "en"))) == text
