"""What happens to the quotation marks that stand in a text when the text is quoted itself."""

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.typesetting.block import Run, set_runs
from app.typesetting.house_languages import LANGUAGES as ROWS
from app.typesetting.house_languages import STYLES, marks_for
from app.typesetting.quotation import quote, set_plain, set_quotation

LANGUAGES = sorted(ROWS)
SIGNS = "\"'“”„«»‹›‘’‚「」『』"

EXAMPLES = {
    "double marks become single ones": (
        'tasks such as "resolutely cracking down on crime" and video',
        "“tasks such as ‘resolutely cracking down on crime’ and video”",
    ),
    "the depth alternates": (
        'Leyla said "they call it "strike hard" there" in May',
        "“Leyla said ‘they call it “strike hard” there’ in May”",
    ),
    "any keyboard's marks": ("„one“, »two«, «three», ”four” and 'five'", "“‘one’, ‘two’, ‘three’, ‘four’ and ‘five’”"),
    "marks around the whole are the outer ones": ('"The whole answer."', "“The whole answer.”"),
    "an inner quotation at each end": ('"No" is "no"', "“‘No’ is ‘no’”"),
    "apostrophes": ("don't, l'homme, the drivers' rights", "“don’t, l’homme, the drivers’ rights”"),
    "apostrophes at the beginning": ("'tis the '90s, rock 'n' roll", "“’tis the ’90s, rock ’n’ roll”"),
    "a wrongly typed apostrophe": ("‘tis the ‘90s", "“’tis the ’90s”"),
    "a possessive inside single marks": ("'the drivers' union' met", "“‘the drivers’ union’ met”"),
    "a possessive after single marks": ("'the union' and drivers' rights", "“‘the union’ and drivers’ rights”"),
    "letters that look like marks": ("o‘zbek, oʻzbek, tog‘, ‘Abd", "“o‘zbek, oʻzbek, tog‘, ‘Abd”"),
    "feet and inches": ("5'10\" tall, a 6\" pipe, 6' deep", "“5'10\" tall, a 6\" pipe, 6' deep”"),
    "an inch inside marks": ('the "6" pipe" burst', '“the ‘6" pipe’ burst”'),
    "a year inside marks": ('"in 1990" and "in 2021"', "“‘in 1990’ and ‘in 2021’”"),
    "an opening mark without a partner": ('He said "I will come.', "“He said ’I will come.”"),
    "a closing mark without a partner": ('I will come" he said.', "“I will come’ he said.”"),
    "an opening mark left over from the whole": ('"The whole answer.', "“The whole answer.”"),
    "a name in marks with its genitive": ('"Memorial"\'s archive', "“‘Memorial’’s archive”"),
    "an empty pair": ('an "" empty pair', "“an ‘’ empty pair”"),
    "brackets and dashes": ('(“a”) -- "b"—"c"', "“(‘a’) -- ‘b’—‘c’”"),
    "nothing": ("", "“”"),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_english_curly_marks(name: str) -> None:
    text, expected = EXAMPLES[name]
    assert quote([text], "en", "typographic") == [expected]


@pytest.mark.parametrize(
    ("language", "text", "typographic", "straight"),
    [
        ("ru", '"Мемориал" закрыт', "«„Мемориал“ закрыт»", "\"'Мемориал' закрыт\""),
        ("uk", "м'яко: «так»", "«м’яко: „так“»", "\"м'яко: 'так'\""),
        ("de", 'er sagte "ja"', "„er sagte ‚ja‘“", "\"er sagte 'ja'\""),
        ("de-AT", "»ja« und „nein“", "„‚ja‘ und ‚nein‘“", "\"'ja' und 'nein'\""),
        ("de-CH", "»ja« sagte er", "«‹ja› sagte er»", "\"'ja' sagte er\""),
        ("fr", "l'« homme » dit", "«\u202fl’“homme” dit\u202f»", "\"l''homme' dit\""),
        ("zh-Hans", "他说“……好”，“坏”", "“他说‘……好’，‘坏’”", "\"他说'……好'，'坏'\""),
        ("zh-Hant", '「壞」他說"好"。', "「『壞』他說『好』。」", "\"'壞'他說'好'。\""),
        ("zh-TW", "他說『好』", "「他說『好』」", "\"他說'好'\""),
        ("fa", 'گفت "بله"', "«گفت ‹بله›»", "\"گفت 'بله'\""),
        ("ug", "ئۇ «ھەئە» دېدى", "«ئۇ ‹ھەئە› دېدى»", "\"ئۇ 'ھەئە' دېدى\""),
        ("ar", "قال «نعم» لي", "«قال ‹نعم› لي»", "\"قال 'نعم' لي\""),
        ("kk", "ол «иә» деді", "«ол „иә“ деді»", "\"ол 'иә' деді\""),
        ("es", 'dijo "así «y no» así"', "«dijo “así ‘y no’ así”»", '"dijo \'así "y no" así\'"'),
        ("pl", 'rzekł "tak"', "„rzekł «tak»”", "\"rzekł 'tak'\""),
        ("tr", "Timur'un “evet” demesi", "“Timur’un ‘evet’ demesi”", "\"Timur'un 'evet' demesi\""),
        ("xx", 'a "b"', "“a ‘b’”", "\"a 'b'\""),
    ],
)
def test_each_language_has_its_marks(language: str, text: str, typographic: str, straight: str) -> None:
    assert quote([text], language, "typographic") == [typographic]
    assert quote([text], language, "straight") == [straight]


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["“Eins", "“zwei", "“drei”"]),
        ("fr", ["«\u202fEins", "«\u202fzwei", "«\u202fdrei\u202f»"]),
        ("zh", ["“Eins", "“zwei", "“drei”"]),
        ("ru", ["«Eins", "zwei", "drei»"]),
        ("es", ["«Eins", "»zwei", "»drei»"]),
    ],
)
def test_a_quotation_that_goes_on_opens_its_paragraphs_as_the_language_does(language: str, expected: list[str]) -> None:
    assert quote(["Eins", "zwei", "drei"], language, "typographic") == expected


@pytest.mark.parametrize(
    "lines",
    [
        ['"One', '"two', '"three"'],
        ['"One', "two", 'three"'],
        ['"One"', '"two"', '"three"'],
        ["»One", "»two", "»three«"],
        ["One", "two", "three"],
        ['"One', '"two', '"three'],
    ],
)
def test_marks_that_already_wrap_the_paragraphs_are_not_doubled(lines: list[str]) -> None:
    assert quote(lines, "en", "straight") == ['"One', '"two', '"three"']


def test_a_quotation_inside_may_go_on_in_the_next_paragraph() -> None:
    typed = ['Leyla said "one.', '"Two" and left.']
    assert quote(typed, "en", "typographic") == ["“Leyla said ‘one.", "“‘Two’ and left.”"]
    assert quote(typed, "ru", "typographic") == ["«Leyla said „one.", "Two“ and left.»"]
    assert quote(typed, "en", "straight") == ["\"Leyla said 'one.", "\"'Two' and left.\""]


def test_a_paragraph_may_begin_with_a_quotation_of_its_own() -> None:
    typed = ['"They warned us.', '"Strike hard" was the name.', 'It ended."']
    assert quote(typed, "en", "straight") == ['"They warned us.', "\"'Strike hard' was the name.", '"It ended."']


def test_outside_a_quotation_the_kind_that_was_typed_stays() -> None:
    curly, russian = marks_for("en", "typographic"), marks_for("ru", "typographic")
    assert set_plain("'Strike Hard' Hits Timur's Town", curly) == "‘Strike Hard’ Hits Timur’s Town"
    assert set_plain('Leyla of "Memorial"', curly) == "Leyla of “Memorial”"
    assert set_plain('Лейла, "Мемориал"', russian) == "Лейла, «Мемориал»"
    assert set_plain("Leyla of “Memorial”", marks_for("en", "straight")) == 'Leyla of "Memorial"'


def test_hostile_text_takes_no_longer_than_its_length() -> None:
    """A deep nest is cut off, so neither stack nor search can grow with the text."""
    assert quote(["«a " * 5000], "en", "straight")[0].count("a") == 5000
    assert [text.count("a") for text in quote(['"a'] * 2000, "en", "straight")] == [1] * 2000


# A word, or a quotation of items. What is typed and what is expected are both written from it, by separate rules.
Item = str | list["Item"]
WORDS = st.sampled_from(["Leyla", "don't", "l'homme", "мир", "o‘zbek", "گفت", "no?", "yes.", "--", "м'ята", "可"])
ITEMS = st.recursive(WORDS, lambda inner: st.lists(inner, min_size=1, max_size=4), max_leaves=8)
TREES = st.lists(ITEMS, min_size=1, max_size=4)
TYPED = [
    [('"', '"')],
    [('"', '"'), ("'", "'")],
    [("“", "”")],
    [("“", "”"), ("‘", "’")],
    [("„", "“"), ("‚", "‘")],
    [("„", "”"), ("«", "»")],
    [("»", "«"), ("›", "‹")],
    [("«", "»"), ("„", "“")],
    [("« ", " »"), ("“", "”")],
    [("«", "»"), ("‹", "›")],
    [("「", "」"), ("『", "』")],
]


def write_out(items: Sequence[Item], pairs: Sequence[tuple[str, str]], depth: int = 0) -> str:
    opening, closing = pairs[depth % len(pairs)]
    return " ".join(
        item if isinstance(item, str) else opening + write_out(item, pairs, depth + 1) + closing for item in items
    )


def unwrapped(paragraphs: list[list[Item]]) -> list[list[Item]]:
    if all(len(items) == 1 and isinstance(items[0], list) for items in paragraphs):
        return [items[0] for items in paragraphs]  # type: ignore[misc]
    return paragraphs


def set_marks(paragraphs: list[list[Item]], language: str, style: str) -> list[str]:
    marks = marks_for(language, style)
    texts = [write_out(items, marks.levels, 1) for items in unwrapped(paragraphs)]
    if style == "straight":
        texts = [text.replace("‘", "'") for text in texts]
    else:
        texts = [text.replace("'", "’") for text in texts]
    openings = [marks.pair(0)[0]] + [marks.resumed(0)] * (len(texts) - 1)
    closings = [""] * (len(texts) - 1) + [marks.pair(0)[1]]
    return [a + text + b for a, text, b in zip(openings, texts, closings, strict=True)]


@given(TREES, st.sampled_from(TYPED), st.sampled_from(LANGUAGES), st.sampled_from(STYLES))
def test_every_nest_of_quotations_is_read_as_it_was_meant(
    items: list[Item], lines: list[tuple[str, str]], language: str, style: str
) -> None:
    assert quote([write_out(items, lines)], language, style) == set_marks([items], language, style)


@given(
    st.lists(TREES, min_size=2, max_size=3), st.sampled_from(TYPED), st.sampled_from(LANGUAGES), st.sampled_from(STYLES)
)
def test_paragraphs_are_read_each_for_itself(
    paragraphs: list[list[Item]], lines: list[tuple[str, str]], language: str, style: str
) -> None:
    texts = [write_out(items, lines) for items in paragraphs]
    assert quote(texts, language, style) == set_marks(paragraphs, language, style)


@given(
    st.lists(TREES, min_size=1, max_size=3), st.sampled_from(TYPED), st.sampled_from(LANGUAGES), st.sampled_from(STYLES)
)
def test_what_is_set_already_stays_as_it_is(
    paragraphs: list[list[Item]], lines: list[tuple[str, str]], language: str, style: str
) -> None:
    once = quote([write_out(items, lines) for items in paragraphs], language, style)
    assert quote(once, language, style) == once


SOUP = st.text(
    alphabet=st.sampled_from([*SIGNS, " ", " ", "a", "b", "é", "я", "语", "ب", "-", ".", "(", "\u200c", "\u00a0"])
)


def letters(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text)


@given(st.lists(SOUP, min_size=1, max_size=4), st.sampled_from(LANGUAGES), st.sampled_from(STYLES))
@example(["« a «b « c", '"'], "fr", "typographic")
def test_no_word_is_lost_or_joined_and_only_marks_and_their_spaces_change(
    texts: list[str], language: str, style: str
) -> None:
    done = quote(texts, language, style)
    assert [letters(text) for text in done] == [letters(text) for text in texts]
    rest = re.compile(rf"[{SIGNS} \u00a0\u202f]")
    assert [rest.sub("", text) for text in done] == [rest.sub("", text) for text in texts]


@given(SOUP, st.sampled_from(["ru", "fa", "zh-Hant", "ug", "kk"]))
def test_marks_balance_whatever_was_typed(text: str, language: str) -> None:
    pairs = dict(marks_for(language, "typographic").levels)
    open_marks: list[str] = []
    for char in quote([text], language, "typographic")[0]:
        if char in pairs:
            open_marks.append(pairs[char])
        elif char in pairs.values():
            assert open_marks and open_marks.pop() == char
    assert open_marks == []


@given(st.lists(SOUP, min_size=1, max_size=4), st.sampled_from(LANGUAGES))
def test_straight_output_has_no_other_marks_and_double_ones_balance(texts: list[str], language: str) -> None:
    done = quote(texts, language, "straight")
    assert set("".join(done)) & set(SIGNS) <= {'"', "'"}
    if len(done) == 1:
        assert done[0].count('"') % 2 == 0
    assert done[0].startswith('"') and done[-1].endswith('"')


@given(SOUP.filter(bool), st.lists(st.integers(0, 30)), st.sampled_from(LANGUAGES))
def test_emphasis_makes_no_difference_to_the_marks(text: str, cuts: list[int], language: str) -> None:
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    runs = tuple(Run(text[start:end], strong=number % 2 == 1) for number, (start, end) in enumerate(pairwise(places)))
    (setting,) = set_quotation([text], marks_for(language, "typographic"))
    done = set_runs(runs, setting)
    assert "".join(run.text for run in done) == setting.apply(text) == quote([text], language, "typographic")[0]
