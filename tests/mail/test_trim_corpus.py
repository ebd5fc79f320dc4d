"""Real replies with the words that their writers wrote, from public test suites."""

import json
from pathlib import Path

import pytest

from bench.trim import CORPUS, count_lost_words, is_right, iter_cases, trim_with_app
from tests.support.required_programs import skip_without

ROOT = Path(__file__).parent.parent.parent
GOAL = 0.90
# Of 100. In each a corpus has it otherwise on principle: it keeps a telephone's line, a signature with its delimiter, or quotes
# between answers.
MOST_LOST = 4


@pytest.fixture(scope="module", autouse=True)
def _the_corpus() -> None:
    if not CORPUS.is_file():
        skip_without("corpus of real replies in ../shared")


def test_the_words_of_real_replies_come_out() -> None:
    rows = [case for case in iter_cases() if case.is_real and not case.is_signature_case]
    found = [(case, trim_with_app(case.mail, case.context)) for case in rows]
    assert len(rows) == len(CORPUS.read_text().splitlines()) - 6
    assert sum(is_right(case, text) for case, text in found) / len(rows) >= GOAL
    assert sum(bool(count_lost_words(case.expected, text)) for case, text in found) <= MOST_LOST
    assert [case.corpus for case, text in found if not text.strip()] == []


def test_signatures_of_real_mails_are_cut_and_no_word_above_them() -> None:
    rows = [case for case in iter_cases() if case.is_signature_case]
    found = [(case, trim_with_app(case.mail, case.context)) for case in rows]
    assert len(rows) == 6
    assert sum(is_right(case, text) for case, text in found) >= 5  # one takes "Thank you, Noam" for a signature
    assert [count_lost_words(case.expected, text) for case, text in found] == [0] * 6


def test_the_corpus_is_where_the_bench_looks_for_it() -> None:
    assert {json.loads(line)["kind"] for line in CORPUS.read_text().splitlines()} == {
        "reply",
        "reply_html",
        "signature",
    }
