"""The words that a reader wrote, out of the mail that their program made of them (PRODUCT M2)."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mailtext.incoming import Mail, TrimContext, Trimmed
from app.mailtext.trim import trim
from tests.support.reply_languages import REPLY_LANGUAGES
from tests.support.reply_mails import (
    EDITION,
    INVITATION,
    NEWSLETTER_ADDRESS,
    NEWSLETTER_NAME,
    REPLY_PROGRAMS,
    Reply,
    list_replies,
    quote_lines,
)

OURS = TrimContext(frozenset({NEWSLETTER_ADDRESS}), (EDITION, INVITATION))
REPLIES = list(list_replies())


def flat(text: str) -> str:
    return " ".join(text.split())


def of_text(text: str, context: TrimContext = OURS) -> str:
    return flat(trim(Mail(plain=text, body=text), context).text)


def test_every_program_speaks_every_language() -> None:
    assert len(REPLIES) == len(REPLY_PROGRAMS) * len(REPLY_LANGUAGES)
    assert len(REPLY_LANGUAGES) >= 40


@pytest.mark.parametrize("program", [program.__name__ for program in REPLY_PROGRAMS])
@pytest.mark.parametrize("knows", [True, False], ids=["we know what was answered", "we know nothing"])
def test_the_words_come_out_of_every_program_in_every_language(program: str, knows: bool) -> None:
    def trim_reply(reply: Reply) -> str:
        return flat(trim(reply.mail, reply.trim_context if knows else TrimContext()).text)

    mine = [reply for reply in REPLIES if reply.name.startswith(f"{program}-")]
    wrong = {reply.name: trim_reply(reply) for reply in mine if trim_reply(reply) != flat(reply.own_text)}
    assert (len(mine), wrong) == (len(REPLY_LANGUAGES), {})


WORDS = "Who pays for the lamps?\n\nAnd who for the dark?"
FULL = f"{NEWSLETTER_NAME} <{NEWSLETTER_ADDRESS}>"
QUOTE = quote_lines(EDITION)

KEPT_WHOLE = [
    'On 12 March the minister wrote:\n\n"We will open the bridge."\n\nIs that true?',
    "I took the train.\n\nFrom: Almaty\nTo: Bishkek\nDate: 5 May\n\nIt never came. Why?",
    "I asked Anna <anna@mail.example> and she wrote:\n\nNobody knows.\n\nSo who does?",
    "On the road to Sarybulak at 10:30 we saw no lamps at all. Leyla wrote:\nthe district pays.\nBut does it?",
    "Mr. Bek, deputy mayor, told me on 3.05.2024 at 12:30 in his office: no lamps.\n\nIs he right?",
    "My sister's letter of 5 May 2024, 10:30:\n\nThey took the lamps away.\n\nWhat should we do?",
    "He said: wait until Monday 10:30, then ask again at the office, and bring 5 copies:\n\nsame answer.",
    "In your letter you wrote:\n> We sweep the platform\n\nIs that true?",
    "> this is no quote, my telephone does that\n\nWhy is the road closed?",
    "| year | lamps |\n| 2020 | 14 |\n| 2021 | 0 |\n\nWhat happened?",
    ">>> LOOK HERE <<<\nWhy is the road closed?",
    'You write:\n\n"We sweep the platform every morning," says the stationmaster.\n\nIs that true?',
    "I read this in your letter: https://steppe.example/14\n\nIs there a second depot?",
    "Re: the bridge. Subject: none. To whom it may concern: why?",
    "- Who pays?\n- Who sweeps?",
    "Why?",
]


@pytest.mark.parametrize("text", KEPT_WHOLE)
def test_what_only_looks_like_a_quote_stays(text: str) -> None:
    assert (of_text(text), of_text(text, TrimContext())) == (flat(text), flat(text))


INTRODUCTIONS = {
    "wrapped behind the comma": f"On Mon, Feb 1, 2016 at 7:50 AM,\n{FULL}\nwrote:\n\n{QUOTE}",
    "in no language": f"TTTT 2 qqq 2024 zzz 10:14 {FULL} blorbed:\n\n{QUOTE}",
    "in stars": f"*On Thu, May 2, 2024 at 10:14 AM {FULL} wrote:*\n\n{EDITION}",
    "with the quote on its line": f"On Thu, May 2, 2024 at 10:14 AM {FULL} wrote: Good morning. The floods came.\nAnd more.\n",
    "Zoho": f"---- On Thu, 02 May 2024 10:14:00 +0500 {FULL} wrote ---\n\n{EDITION}",
    "QQ": f'------------------\u00a0原始邮件\u00a0------------------\n发件人: "{NEWSLETTER_NAME}" <{NEWSLETTER_ADDRESS}>;\n发送时间: 2024年5月2日 10:14\n收件人: "Timur";\n主题: 14\n\n{EDITION}',
    "163": f'在 2024-05-02 10:14:00，"{NEWSLETTER_NAME}" <{NEWSLETTER_ADDRESS}> 写道：\n\n{EDITION}',
    "163 in English": f'At 2024-05-02 10:14:00, "{NEWSLETTER_NAME}" <{NEWSLETTER_ADDRESS}> wrote:\n\n{EDITION}',
    "Mail.ru": f">Четверг, 2 мая 2024, 10:14 +03:00 от {FULL}:\n>\n{QUOTE}",
    "Mail.ru's application": f"--\nТимур Бек\nОтправлено из Mail для Android\n \nЧетверг, 2 мая 2024 г., 10:14 +03:00 от {NEWSLETTER_NAME} {NEWSLETTER_ADDRESS}:\n \n{QUOTE}",
    "Yandex": f'02.05.2024, 10:14, "{NEWSLETTER_NAME}" <{NEWSLETTER_ADDRESS}>:\n\n{QUOTE}',
    "Proton": f"Sent with Proton Mail secure email.\n\nOn Thursday, May 2nd, 2024 at 10:14, {FULL} wrote:\n\n{QUOTE}",
    "Proton's application": f"-------- Original Message --------\nOn May 2, 2024, 10:14, {NEWSLETTER_NAME} < {NEWSLETTER_ADDRESS}> wrote:\n\n{QUOTE}",
    "K-9": f"-- \nSent from my Android device with K-9 Mail. Please excuse my brevity.\n\nOn May 2, 2024 10:14:00 AM GMT+05:00, {FULL} wrote:\n{QUOTE}",
    "Roundcube": f"Am 2024-05-02 10:14, schrieb {NEWSLETTER_NAME}:\n{QUOTE}",
    "Thunderbird in Russian": f"02.05.2024 10:14, {NEWSLETTER_NAME} пишет:\n{QUOTE}",
    "Thunderbird in French": f"Le 02/05/2024 à 10:14, {NEWSLETTER_NAME} a écrit :\n{QUOTE}",
    "a day and a name": f"On Monday {NEWSLETTER_NAME} wrote:\n{QUOTE}",
    "a name": f"Nora Lind schrieb:\n{QUOTE}",
    "Gnus": f"{FULL} writes:\n\n{QUOTE}",
    "Outlook on a Mac": f"From: {FULL}\nDate: Thursday, 2 May 2024 at 10:14\nTo: Timur <timur@mail.example>\nSubject: Edition 14\n{EDITION}",
    "Outlook on a telephone": f"Get Outlook for iOS<https://aka.example/o0ukef>\n{'_' * 32}\nFrom: {FULL}\nSent: Thursday, May 2, 2024 10:14:00 AM\nTo: Timur\nSubject: 14\n\n{EDITION}",
    "GMX": f'Gesendet: Donnerstag, 02. Mai 2024 um 10:14 Uhr\nVon: "{NEWSLETTER_NAME}" <{NEWSLETTER_ADDRESS}>\nAn: timur@mail.example\nBetreff: 14\n\n{EDITION}',
    "Notes": f"From:\t{FULL}\nTo:\tTimur\nDate:\t02.05.2024 10:14\nSubject:\tEdition 14\n\n\n\n{EDITION}",
    "Zimbra": f"----- On May 2, 2024, at 10:14 AM, {NEWSLETTER_NAME} {NEWSLETTER_ADDRESS} wrote:\n\n{QUOTE}",
    "Tutanota": f"May 2, 2024, 10:14 by {NEWSLETTER_ADDRESS}:\n\n{QUOTE}",
    "headings in another order": f"-----Ursprüngliche Nachricht-----\nBetreff: 14\nDatum: 2024-05-02T10:14:00+0500\nVon: {FULL}\nAn: timur@mail.example\n\n{EDITION}",
    "bars": f"2 May 2024, {FULL}:\n\n| old text\n| older text\n",
    "an address broken over lines": f"On Thu, 2 May 2024 at 10:14 {NEWSLETTER_NAME}\n\n<\nmailto:{FULL}\n> wrote:"
    f"\n\n\n{EDITION}",
    "a helpdesk": f"##- Please type your reply above this line -##\n\n{EDITION}",
}  # fmt: skip


@pytest.mark.parametrize("introduction", INTRODUCTIONS)
def test_a_quote_ends_the_words_however_it_is_introduced(introduction: str) -> None:
    text = f"{WORDS}\n\n{INTRODUCTIONS[introduction]}"
    assert (of_text(text), of_text(text, TrimContext())) == (flat(WORDS), flat(WORDS))


def test_an_answer_below_the_quote_is_the_answer() -> None:
    for introduction in (
        f"On 5/2/24 10:14 AM, {NEWSLETTER_NAME} wrote:",
        f"{FULL} writes:",
        f"At 10:14 AM 5/2/2024, {NEWSLETTER_NAME} wrote:",
    ):
        text = f"{introduction}\n{QUOTE}\n\n{WORDS}\n\n-- \nTimur Bek\nKarasu\n"
        assert (of_text(text), of_text(text, TrimContext())) == (flat(WORDS), flat(WORDS))


def test_answers_between_quotes_stay_without_the_quotes() -> None:
    answers = "> 1. Which office signs?\n\nThe third department.\n\n> 2. Has it refused?\n\nTwice.\n"
    introduced = f"On Thu, May 2, 2024 at 10:14 AM {FULL} wrote:\n\n{answers}\n> About 150 words by Tuesday\n"
    assert [of_text(text, TrimContext()) for text in (answers, introduced)] == ["The third department. Twice."] * 2


def test_initials_before_an_arrow_are_a_quote() -> None:
    quoted = "NL> old text\nNL> older text\n\nAnd now?"
    text = f"{WORDS}\n\nOn Thursday, 2 May 2024, 10:14:00, {NEWSLETTER_NAME} wrote:\n\n{quoted}"
    assert of_text(text) == flat(f"{WORDS} And now?")


FORWARDED = "From: Anna <anna@mail.example>\nDate: Thu, May 2, 2024 at 10:14 AM\nSubject: lamps that\ngo out\nTo: Timur\n\n\nThe lamps went out.\n"


def test_a_note_above_a_forwarded_mail_is_the_text_and_else_the_forwarded_mail_is() -> None:
    bare, with_note = f"---------- Forwarded message ---------\n{FORWARDED}", "Is this true?"
    apple = f"Sent from my iPhone\n\nBegin forwarded message:\n\n{quote_lines(FORWARDED)}"
    assert of_text(bare) == "The lamps went out."
    assert of_text(quote_lines(bare)) == "The lamps went out."
    assert of_text(apple) == "The lamps went out."
    assert of_text(f"{with_note}\n\n{bare}") == with_note
    assert of_text(f"{with_note}\n\n{apple}") == with_note


def test_what_was_cut_is_kept_apart() -> None:
    text = f"{WORDS}\n\nOn Thu, May 2, 2024 at 10:14 AM {FULL} wrote:\n> old\n\n-- \nTimur\n"
    cut = f"On Thu, May 2, 2024 at 10:14 AM {FULL} wrote:\n> old\n\n--\nTimur"
    assert trim(Mail(plain=text, body=text)) == Trimmed(WORDS, cut)


def test_never_empty_where_there_is_text() -> None:
    assert of_text("> Only a quote.") == "> Only a quote."
    assert of_text("-- \nTimur") == "-- Timur"
    assert of_text("Sent from my iPhone") == "Sent from my iPhone"
    assert of_text(EDITION) == flat(EDITION)
    assert of_text("") == ""
    assert of_text(" \n>\n") == ">"


LINES = [
    "Why?", "> old", ">> older", "-- ", "--", "Timur", "Sent from my iPhone", f"On 2 May 2024 at 10:14 {FULL} wrote:", "From: a@b.example", "Sent: 2 May 2024",
    "To: x", "Subject: y", "", "", "-----Original Message-----", "---------- Forwarded message ---------", "She wrote:", "+7 777 777 77 77", "| bar", "NL> x", "Почему?",
    "新しい橋", "<", "> wrote:", "Best regards,", "_____", "The depot at Tastak has had a roof, a clock and forty-two employees.",
]  # fmt: skip
TAGS = [
    "<blockquote>",
    "</blockquote>",
    "<div class=gmail_quote>",
    "</div>",
    "<br>",
    "<hr tabindex=-1>",
    "<p>",
    "<div id=Signature>",
    "<pre>",
]
TEXT = st.sampled_from(LINES) | st.text(max_size=40)
# What a parser of pages changes by its rules (NUL, references, tags) is not our matter.
SEEN = st.sampled_from([*TAGS, *(line.replace("<", "(") for line in LINES)]) | st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="<&"), max_size=40
)


def split_words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


@settings(max_examples=400, deadline=None)
@given(st.lists(TEXT, max_size=14).map("\n".join), st.booleans())
def test_any_text_leaves_words_and_only_its_own(body: str, knows: bool) -> None:
    text = trim(Mail(plain=body, body=body), OURS if knows else TrimContext()).text
    assert bool(re.search(r"[^\W\d_]", body)) <= bool(re.search(r"[^\W_]", text))
    assert split_words(text) <= split_words(body)


@settings(max_examples=200, deadline=None)
@given(st.lists(SEEN, max_size=14).map("\n".join))
def test_any_page_leaves_words_and_only_its_own(page: str) -> None:
    body = re.sub(r"<[^>\n]*>", " ", page)
    text = trim(Mail(html=page, body=body)).text
    assert split_words(text) <= split_words(page)
    assert bool(re.search(r"[^\W\d_]", body)) <= bool(text.strip())
