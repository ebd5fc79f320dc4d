"""What of a wording is still the asker's: measured on rewordings of this house, of the demo's desk, and in any script."""

import tomllib

import pytest

from app.questions.source_protection import find_verbatim_spans, list_quoted_passages
from tests.support.source import ROOT

# A letter, what is left of it where somebody only mends it, and how a desk puts it.
REWORDED = {
    "en": (
        "My brother drives a truck to the port every night and says nobody checks what is in the barrels. Who should?",
        "My brother drives a lorry to the port every night and says nobody checks what is in the barrels. Who should?",
        "Drivers say that barrels reach the port unchecked. Whose task are such checks?",
    ),
    "en, many words changed": (
        "I was told at the clinic that the vaccine has run out in our district and will come only after new year, is it so?",
        "I was told in the clinic that the vaccine has run out for our district and will come only after new year, isn’t it?",
        "A clinic tells patients to wait for vaccine until January. Has it run out across the region?",
    ),
    "ru": (
        "Нам на заводе третий месяц задерживают зарплату и говорят, что так решили в министерстве. Правда ли это?",
        "Нам на заводе третий месяц задерживают зарплату и говорят, что так решило министерство. Правда ли это?",
        "Рабочие ждут зарплаты с августа. Могло ли министерство распорядиться не платить?",
    ),
    "fa": (
        "مادرم می‌گوید آب شهر ما از دو سال پیش شور شده است و هیچ کس به ما نمی‌گوید چرا این طور است؟",
        "مادرم ميگويد آب شهر ما از دو سال پيش شور شده است و هيچ كس به ما نميگويد چرا اين طور است؟",
        "چرا در بعضی شهرها آب لوله‌کشی شورتر شده و مسئولان توضیحی نمی‌دهند؟",
    ),
    "ug": (
        "بىزنىڭ مەھەللىدىكى مەكتەپ نېمە ئۈچۈن تاقالدى ۋە بالىلىرىمىز ئەمدى قايسى مەكتەپكە بارىدۇ دەپ سورىماقچىمەن",
        "بىزنىڭ مەھەللىدىكى مەكتەپ نېمە ئۈچۈن تاقالدى، ۋە بالىلىرىمىز ئەمدى قايسى مەكتەپكە بارىدۇ دەپ سورايمەن",
        "مەكتەپلەر تاقالغاندا ئوقۇغۇچىلار نەدە ئوقۇيدۇ؟",
    ),
    "zh": (
        "我们村的果园里的盐是谁测量的,为什么从来没有人公布过这些数字?",
        "我们村的果园里的盐是谁测量的？为什么一直没有人公布过这些数字？",
        "果园盐分由哪个部门负责检测?结果是否公开?",
    ),
    "th": (
        "ทำไมโรงงานในหมู่บ้านของเราถึงปล่อยน้ำเสียลงแม่น้ำทุกคืนโดยไม่มีใครตรวจสอบ",
        "ทำไมโรงงานใกล้หมู่บ้านของเราถึงปล่อยน้ำเสียลงแม่น้ำทุกคืนโดยไม่มีใครตรวจสอบ",
        "หน่วยงานใดมีหน้าที่ตรวจน้ำทิ้งของโรงงาน และผลตรวจเปิดเผยหรือไม่",
    ),
}  # fmt: skip


@pytest.mark.threat("curious expert")
@pytest.mark.parametrize("of", REWORDED)
def test_a_letter_that_is_only_mended_is_still_the_readers_and_one_put_anew_is_the_desks(of: str) -> None:
    letter, mended, anew = REWORDED[of]
    found = [bool(find_verbatim_spans([letter], wording)) for wording in (letter, mended, anew)]
    assert found == [True, True, False]


@pytest.mark.threat("curious expert")
def test_the_desks_words_of_the_demo_are_never_taken_for_a_readers_and_the_letters_always_are() -> None:
    """All 181 texts of the demo's desk, in English and Persian, each against the letters behind it, and each letter
    that is long enough to be put in another way."""
    texts = letters = 0
    for path in sorted((ROOT / "demo/content").glob("questions-*.toml")):
        for question in tomllib.loads(path.read_text())["question"]:
            own = [letter["body"] for letter in question.get("letter", ()) if not letter.get("verbatim")]
            said = (
                [question[part] for part in ("headline", "wording", "background") if question.get(part)] if own else []
            )
            texts, letters = texts + len(said), letters + len(own)
            assert [text for text in said if find_verbatim_spans(own, text)] == []
            assert [body for body in own if not find_verbatim_spans(own, body)] == []
    assert (texts, letters) == (181, 121)


def test_what_every_question_shares_is_nobodys() -> None:
    letters = ["Who should we ask about the plates?", "Is it true that nobody weighs the salt, and if so, why is that?"]
    assert find_verbatim_spans(letters, "Who weighs the salt?") == []
    assert (
        find_verbatim_spans(letters, "Is it true that a village can ask for the figures of the station by the sea?")
        == []
    )
    assert find_verbatim_spans(letters, letters[0]) == [(0, len(letters[0]) - 1)]


@pytest.mark.threat("curious expert")
@pytest.mark.parametrize(
    ("letter", "text", "results"),
    [
        ("Is it worth keeping my savings in tenge?", "Is it worth keeping dollars? Is it worth keeping a house?", []),
        ("Is it worth keeping my savings in tenge?", "Is it worth keeping my savings?", ["Is it worth keeping my savings"]),
        ("What can we do about it? I have no idea.", "What can we do about wells? Have no fear.", []),
        ("They took my son at night, and why?", "Did they take him? They took my son at night.", ["They took my son at night"]),
        ("I have been in the camp for two years.", "Some have been there. I have been in the camp.", ["I have been in the camp"]),
    ],
)  # fmt: skip
def test_common_words_alone_are_nobodys_and_what_somebody_lived_through_is_theirs(
    letter: str, text: str, results: list[str]
) -> None:
    assert list_quoted_passages(text, [letter]) == results
