"""Trimming takes linear time, whatever somebody sends."""

import time
from collections.abc import Callable

import pytest

from app.mailtext.incoming import Mail, TrimContext
from app.mailtext.trim import trim
from tests.support.hostile_mails import HOSTILE_MAILS, html_mail, numbered_lines, plain_mail
from tests.support.reply_mails import EDITION, INVITATION, NEWSLETTER_ADDRESS
from tests.support.timing import without_garbage_collection

LIMIT = 3.0  # seconds of processor time, on a machine that does other things too; the bench has the figures
KNOWN = TrimContext(frozenset({NEWSLETTER_ADDRESS}), (EDITION * 20, INVITATION))


def seconds(mail: Mail, context: TrimContext) -> float:
    """Of the processor, for one trim."""
    with without_garbage_collection():
        start = time.process_time()
        trim(mail, context)
        return time.process_time() - start


@pytest.mark.parametrize("hostile", HOSTILE_MAILS)
@pytest.mark.parametrize("context", [TrimContext(), KNOWN], ids=["we know nothing", "we know much"])
def test_no_mail_keeps_the_trimmer_busy(hostile: str, context: TrimContext) -> None:
    assert any(seconds(HOSTILE_MAILS[hostile], context) < LIMIT for _ in range(2))


GROWING: dict[str, Callable[[int], Mail]] = {
    "lines": lambda size: plain_mail(numbered_lines(lambda n: f"line {n} of a letter that goes on\n", size)),
    "introductions": lambda size: plain_mail(numbered_lines(lambda n: f"On 2 May 2024 at 10:14, {n} <n@x.example> wrote:\n> x\ny\n", size // 3)),
    "headings": lambda size: plain_mail(numbered_lines(lambda n: f"From: {n}\nTo: {n}\n", size // 2)),
    "signatures": lambda size: plain_mail(numbered_lines(lambda n: f"{n}\n--\n", size // 2)),
    "paragraphs": lambda size: html_mail(numbered_lines(lambda n: f"<p>paragraph {n}</p>", size)),
    "blockquotes": lambda size: html_mail(numbered_lines(lambda n: f"<blockquote>{n}</blockquote>", size)),
}  # fmt: skip


@pytest.mark.parametrize("shape", GROWING)
def test_twice_the_mail_takes_less_than_three_times_as_long(shape: str) -> None:
    small, large = GROWING[shape](8_000), GROWING[shape](16_000)
    assert any(seconds(large, KNOWN) < 3 * seconds(small, KNOWN) for _ in range(5))


def test_a_mail_longer_than_any_letter_loses_nothing() -> None:
    text = numbered_lines(lambda n: f"line {n} of a very long letter\n", 60_000)
    assert trim(plain_mail(text)).text == text.strip()
    quoted = f"Why?\n\nOn 2 May 2024 at 10:14, Nora <nora@steppe.example> wrote:\n{numbered_lines(lambda n: f'> {n}' + chr(10), 60_000)}"
    found = trim(plain_mail(quoted))
    assert (found.text, found.rest.count("\n> ")) == ("Why?", 60_000)


def test_of_a_thousand_answers_the_first_four_hundred_lose_the_telephones_line() -> None:
    answers = numbered_lines(lambda n: f"Word {n}.\n\nSent from my iPhone\n> quoted\n", 1_000)
    found = trim(plain_mail(answers)).text
    assert [found.count(words) for words in ("Word", "Sent from my iPhone")] == [1_000, 600]


def test_of_a_thousand_lines_that_announce_a_quote_four_hundred_are_believed() -> None:
    found = trim(plain_mail("-----Original Message-----\n" * 1_000))
    assert [text.count("Original") for text in (found.text, found.rest)] == [600, 400]
