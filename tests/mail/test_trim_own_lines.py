"""Lines of a person's own that look like quotes, headers or dividers stay: no word goes unless a quote is proved."""

import pytest

from app.mailtext.incoming import Mail, TrimContext
from app.mailtext.trim import trim
from tests.support.reply_mails import EDITION, INVITATION, NEWSLETTER_ADDRESS, NEWSLETTER_NAME, quote_lines

KNOWN = TrimContext(frozenset({NEWSLETTER_ADDRESS}), (INVITATION,), (EDITION,))
LINE = f"On Thu, May 2, 2024 at 10:14 AM {NEWSLETTER_NAME} <{NEWSLETTER_ADDRESS}> wrote:"
HEADS = f"From: {NEWSLETTER_NAME} <{NEWSLETTER_ADDRESS}>\nSent: Thursday, May 2, 2024 10:14 AM\nTo: Timur\nSubject: 14"
BELOW = {
    "nothing": "",
    "a quote": f"\n\n{LINE}\n{quote_lines(EDITION)}",
    "Apple's quote": f"\n\n> {LINE}\n>\n{quote_lines(EDITION)}",
    "headers": f"\n\n{HEADS}\n\n{EDITION}",
    "a line and headers": f"\n\n{'_' * 32}\n{HEADS}\n\n{EDITION}",
    "a separator": f"\n\n-----Original Message-----\n{EDITION}",
}
OWN = [
    "> my telephone does that\n\nWhy is the road closed?",
    "> Why is the road closed?\nAnd who pays for it?",
    ">Why is the road closed?\n\n>And who pays for it?\n\nPlease tell me.",
    ">> why is the road closed?\n\nthanks",
    "Dear Nora,\n> 3 lamps are broken in our street\nWhy?",
    "Why is it closed?\n\nFrom: all of our choir, thanks.",
    "From: all of our choir, thanks.\n\nWhy is it closed?",
    "From: all of our choir, thanks.\nWhy is it closed?\nTo: whom it may concern, this matters.",
    "To: the editor\nFrom: Timur, Tastak\nSubject: lamps\n\nWhy is it closed?",
    "Question for Leyla\nFrom: Timur\nDate: 5 May\nSubject: the lamps\n\nWhy is it closed?",
    "Date: 5 May\nTo: Sarybulak\nFrom: Tastak\nthe bus never came. Why?",
    "Почему дорога закрыта?\n\nОт: всего нашего хора\nКому: редакции\nДата: сегодня",
    "Two questions.\n----------\nWho pays for the lamps\n----------\nWho owns the road",
    "Two questions\n\n---\n\nWho pays for the lamps\n\n---\n\nWho owns the road",
    "First part of it\n\n_____\n\nSecond part of it",
    "First part\n=====\nthe lamps are out",
    "I read:\n--\nwho pays for the lamps in our village\n--\nand why",
    "Первый вопрос\n-----\nпочему нет света",
    "سؤال اول\n-----\nچرا جاده بسته است و چه کسی می‌داند",
]  # fmt: skip


@pytest.mark.parametrize("knows", [True, False], ids=["we know what was answered", "we know nothing"])
@pytest.mark.parametrize("next_line", BELOW)
def test_own_lines_that_look_like_a_programs_stay(next_line: str, knows: bool) -> None:
    found = {}
    for own in OWN:
        text = own + BELOW[next_line]
        found[own] = " ".join(trim(Mail(plain=text, body=text), KNOWN if knows else TrimContext()).text.split())
    assert {own: text for own, text in found.items() if text != " ".join(own.split())} == {}


def test_a_line_marked_by_hand_is_all_that_was_written() -> None:
    for below in ("a quote", "Apple's quote", "headers", "a separator"):
        text = f"> Why is the road closed?{BELOW[below]}"
        assert trim(Mail(plain=text, body=text)).text in ("> Why is the road closed?", "Why is the road closed?")


def test_a_quote_of_an_older_quote_is_no_line_of_their_own() -> None:
    text = f"> No lamps, she says.\n>\n> {LINE}\n{quote_lines(quote_lines(EDITION))}\n\nSo who pays?"
    assert trim(Mail(plain=text, body=text)).text == "So who pays?"


def test_a_signature_below_a_drawn_line_is_still_cut() -> None:
    for below in (
        "Timur Aliev\nTastak",
        "+7 777 777 77 77",
        "Best regards,\nTimur",
        "timur@mail.example",
        "Sent from my iPhone",
    ):
        for drawn in ("--", "---", "______", "—"):
            text = f"Why is the road closed?\n\n{drawn}\n{below}"
            assert (drawn, trim(Mail(plain=text, body=text)).text) == (drawn, "Why is the road closed?")
