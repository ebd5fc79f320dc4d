"""Comparing texts takes little work, and what is left out of it changes nothing of what is found."""

import random
import re
from datetime import date

import pytest

from app.db.engine import Database
from app.search import DESK, expert_ranking
from app.search.alike import Probe, find_matches
from app.search.expert_ranking import WEIGHTS, Candidate, PastAnswer, QuestionProfile, rank
from app.search.index import NewDoc, index_documents
from app.search.scoring import Counts, TextTerms, WeightedText, max_similarity, similarity
from app.search.terms import Cut, fold, units
from bench.question_model import InventedLanguage
from tests.support.database_checks import record_statements
from tests.support.sample_newsroom import Newsroom

WRITTEN = (
    "L’eau d'ici n’est pas la même qu’à Nora's, dit-on: 14.5 %, ou ١٤٫٥؟",
    "Ёлка Её ИНФЛЯЦИЯ й й straße STRASSE ﬁne ĳs ı İ œuvre æther þing",
    "که می\u200cخواهد كتاب ٱلْكِتَاب ه ۀ ى ئ \u0640",
    "हिन्दी में क्या पानी साफ़ है १२३",
    "a\u0301\u0300b \u0301c d\u200d\u2019e \u200c \u00ad soft\u00adhyphen 1,000.50 ,5. ² Ⅷ ﷺ",
    "中国人 kostet 3人 ไทย한국어 x",
    "",
    "’ ’ ’",
)


@pytest.mark.parametrize("text", WRITTEN)
def test_a_text_that_is_cut_in_one_piece_gives_what_its_words_give(text: str) -> None:
    """Folded all at once, a sentence gives the terms that each of its words gives alone, in the same order."""
    signs = any(unit.is_sign for unit in units(text))
    assert {unit.term for unit in units(text)} <= {*Cut(text).terms}
    if not signs:
        alone = [term for unit in units(text) for term in Cut(text[unit.start : unit.end]).terms]
        assert Cut(text).terms == alone
        assert Cut(text).search_terms == list(dict.fromkeys(alone))


def test_lines_are_folded_each_by_itself() -> None:
    words = [word for text in WRITTEN for word in text.split()]
    assert fold("\n".join(words)).split("\n") == [fold(word) for word in words]


def _texts(number: int) -> list[str]:
    drawn = random.Random(4)
    language_model = InventedLanguage(drawn, "latin")
    return [language_model.draw_pair()[0] for _ in range(number)] + [text for text in WRITTEN if text]


def test_what_is_left_out_as_too_far_is_never_nearer_than_it_was_held_for() -> None:
    words = [TextTerms(text) for text in _texts(80)]
    counts = Counts(len(words), 20.0, {})
    asked = [WeightedText(one, counts) for one in words]
    pairs = [(one, other) for one in asked[::9] for other in words]
    real = [similarity(one, WeightedText(other, counts), counts) for one, other in pairs]
    held_for = [max_similarity(one, other, counts) for one, other in pairs]
    assert [pair for pair in zip(held_for, real, strict=True) if pair[0] < pair[1]] == []
    assert sum(most < WEIGHTS.min_similarity for most in held_for) > len(pairs) / 4, "nothing is left out"


def test_ranking_weighs_only_what_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order and the reasons are those of weighing all; most of it is not weighed."""
    texts = _texts(120)
    experts = [Candidate(n, past=(PastAnswer(text, n),), answered=1) for n, text in enumerate(texts)]
    weighed: list[str] = []

    class Noted(WeightedText):
        def __init__(self, words: TextTerms, counts: Counts) -> None:
            weighed.append(words.text)
            super().__init__(words, counts)

    monkeypatch.setattr(expert_ranking, "WeightedText", Noted)
    today = date(2026, 11, 29)
    few = [rank(QuestionProfile(text), experts, today=today) for text in texts[:5]]
    number = len(weighed)
    monkeypatch.setattr(expert_ranking, "max_similarity", lambda *_: 1.0)
    assert few == [rank(QuestionProfile(text), experts, today=today) for text in texts[:5]]
    assert number < (len(weighed) - number) / 2


def test_look_alikes_ask_five_times(database: Database, newsroom: Newsroom) -> None:
    """For the rarity of the probe's words, the documents, the rarity of their words, what the desk decided, and what it
    told apart from this one."""
    texts = [f"Why is the water of the {name} canal brown in spring?" for name in ("upper", "lower", "old")]
    docs = [NewDoc(newsroom.newsletter_id, "letter", n, text) for n, text in enumerate(texts, 1)]
    database.write(lambda session: index_documents(session, DESK, docs))
    with database.read() as session, record_statements(database) as statements:
        found = find_matches(session, DESK, newsroom.newsletter_id, Probe(texts[0], "letter", 1))
    assert {one.noun_id for one in found} == {2, 3}
    assert len([one for one in statements if not re.match("BEGIN|SET", one)]) == 5
