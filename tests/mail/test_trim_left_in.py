"""What programs and offices put around the words, in forms of their own, is not left in a letter."""

import re

import pytest

from app.mailtext.incoming import Mail, TrimContext
from app.mailtext.trim import trim
from tests.support.reply_mails import EDITION, NEWSLETTER_ADDRESS, NEWSLETTER_NAME, quote_lines

WORDS = "Who pays for the lamps in our street?\n\nAnd who for the dark?"
FULL = f"{NEWSLETTER_NAME} <{NEWSLETTER_ADDRESS}>"
LINE = f"On Thu, May 2, 2024 at 10:14 AM {FULL} wrote"
QUOTE = quote_lines(EDITION)
HEADS = f"From: {FULL}\nSent: Thursday, May 2, 2024 10:14 AM\nTo: Timur\nSubject: 14"
QQ = (
    f'From: "{NEWSLETTER_NAME}"<{NEWSLETTER_ADDRESS}>;\nDate: Thu, May 2, 2024 10:14 AM\n'
    'To: "Timur"<t@qq.example>;\nSubject: Edition 14'
)
NETEASE = (
    f"| From | {NEWSLETTER_NAME}<{NEWSLETTER_ADDRESS}> |\n| Date | 05/02/2024 10:14 |\n"
    "| To | Timur<t@163.example> |\n| Subject | 14 |"
)

BELOW = {
    "an office's signature, with a site": f"Timur Aliev\nChief Engineer\nDepartment of Roads, City of Tastak\nwww.roads.example\n\n{LINE}:\n{QUOTE}",
    "an office's signature, without": f"Timur Aliev\nHead of Department\nKazGUU University\n\n{HEADS}\n\n{EDITION}",
    "an office's signature in Russian": f"Тимур Алиев\nначальник отдела\nООО «Дороги»\n\n{LINE}:\n{QUOTE}",
    "a signature below a telephone's line": f"Sent from my iPhone\nTimur Aliev\nRoads Ltd\n+7 777 777 77 77\n\n{LINE}:\n{QUOTE}",
    "Yandex": f"{'-' * 16}\nКому: Timur (t@yandex.example);\nТема: Edition 14;\n02.05.2024, 10:14, \"{NEWSLETTER_NAME}\" <{NEWSLETTER_ADDRESS}>:\n\n{EDITION}",
    "mutt": f"----- Forwarded message from {FULL} -----\n\n{EDITION}\n----- End forwarded message -----",
    "QQ": f"{'-' * 18} Original {'-' * 18}\n{QQ}\n\n{EDITION}",
    "QQ with the spaces of a page": f"{'-' * 18}&nbsp;Original&nbsp;{'-' * 18}\n{QQ.replace(': ', ': &nbsp;')}\n\n{EDITION}",
    "QQ with spaces between": f"- - - - - - Original - - - - - -\n{EDITION}",
    "NetEase": f"| |\nTimur\n|\n|\nt@163.example\n|\n签名由网易邮箱大师定制\n\n\n---- Replied Message ----\n{NETEASE}\n{EDITION}",
    "Discourse": f"Previous Replies\n\n{EDITION}",
    "no colon": f"{LINE}\n\n{EDITION}",
    "no colon in Russian": f"Чт, 2 мая 2024 г. в 10:14, {FULL} написал\n\n{EDITION}",
}  # fmt: skip
SMALL_PRINT = {
    "kk": "Бұл хабарлама құпия ақпаратты қамтуы мүмкін және тек көрсетілген алушыға арналған. Егер сіз бұл хабарламаны қателесіп алсаңыз, жіберушіге хабарлап, оны жойыңыз.",
    "uk": "Інформація, що міститься у цьому листі, є конфіденційною та призначена лише для особи, якій вона адресована.",
    "tg": "Ин паём ва замимаҳои он махфӣ буда, танҳо барои гирандаи номбаршуда пешбинӣ шудаанд. Агар шумо ин паёмро иштибоҳан гирифта бошед, ба фиристанда хабар диҳед.",
    "tr": "Bu e-posta mesajı ve ekleri gizlidir ve yalnızca gönderildiği kişiye özeldir. Mesajı yanlışlıkla aldıysanız lütfen gönderene bildiriniz ve siliniz.",
    "uz": "Ushbu xabar va unga ilova qilingan fayllar maxfiy bo'lib, faqat oluvchi uchun mo'ljallangan. Agar xabarni xato olgan bo'lsangiz, yuboruvchini xabardor qiling.",
}  # fmt: skip


def of_text(text: str) -> str:
    return trim(Mail(plain=text, body=text), TrimContext(frozenset({NEWSLETTER_ADDRESS}))).text


@pytest.mark.parametrize("program", BELOW)
def test_the_forms_of_programs_and_offices_are_known(program: str) -> None:
    assert of_text(f"{WORDS}\n\n{BELOW[program]}") == WORDS


@pytest.mark.parametrize("language", SMALL_PRINT)
def test_a_lawyers_paragraph_is_known_in_the_languages_of_our_readers(language: str) -> None:
    assert of_text(f"{WORDS}\n\n{SMALL_PRINT[language]}") == WORDS
    assert of_text(f"{WORDS}\n\n{SMALL_PRINT[language]}\n\n{LINE}:\n{QUOTE}") == WORDS


def test_a_quote_whose_wrapped_lines_lost_their_sign_is_one_quote() -> None:
    torn = re.sub(r"(> [^\n]{40,60}) ([a-z][^\n]*)", r"\1\n\2", QUOTE)
    assert torn.count("\n") > QUOTE.count("\n") + 4
    assert of_text(f"{WORDS}\n\n{LINE}:\n{torn}") == WORDS


def test_an_answer_between_quoted_lines_is_no_wrapped_one() -> None:
    quoted = f"{LINE}:\n> Which office signs the contract for the lamps, and when?\nthe third department\n> And has the province ever refused to pay for them,\nTwice.\n> or was it late?"
    assert of_text(quoted).split("\n\n") == ["the third department", "Twice."]


def test_a_link_that_outlook_wrote_twice_stands_once() -> None:
    written = "See https://a.example/x<https://a.example/x>, www.b.example<http://www.b.example/>, t@a.example<mailto:t@a.example>, our page<https://a.example/y>."
    once = "See https://a.example/x, www.b.example, t@a.example, our page<https://a.example/y>."
    assert (of_text(written), of_text(f"{written}\n\n{HEADS}\n\n{EDITION}")) == (once, once)


def test_what_is_written_below_a_telephones_line_stays() -> None:
    text = f"Why is it closed?\n\nSent from my iPhone\n\nAnd one more: who pays for it?\n\n{HEADS}\n\n{EDITION}"
    assert of_text(text).split("\n\n", 1) == ["Why is it closed?", "\nAnd one more: who pays for it?"]


@pytest.mark.parametrize("text", [
    "Whom should I ask?\n\nLeyla Nazarova\nor the director of the plant\nat the mine",
    "The three who signed it:\n\nTimur Aliev\nHead of Department\nKazGUU University",
    "Ask them all\n\nthe director\nthe engineer\nthe ministry",
    "My previous replies got lost.\n\nOriginal\n\nWhy?",
    "She wrote\n\nnothing at all to us, and he sent\n\nnothing either.",
])  # fmt: skip
def test_words_that_only_resemble_them_stay(text: str) -> None:
    assert of_text(text) == text


def test_a_greeting_and_a_name_above_an_office_stay() -> None:
    signed = "Best regards,\nTimur Aliev\nSenior Lecturer\nKazGUU University"
    assert of_text(f"{WORDS}\n\n{signed}\n\n{LINE}:\n{QUOTE}") == f"{WORDS}\n\nBest regards,\nTimur Aliev"
