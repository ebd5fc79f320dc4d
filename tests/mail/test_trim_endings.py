"""Below the words: signatures, telephones' lines, scanners', lawyers', lists'. To lose words is worse than to keep a signature."""

import pytest

from app.mailtext.incoming import Mail, TrimContext
from app.mailtext.trim import trim
from tests.support.reply_languages import REPLY_LANGUAGES

WORDS = "Who pays for the lamps?\n\nAnd who for the dark?"


def trim_text(text: str) -> str:
    return trim(Mail(plain=text, body=text), TrimContext()).text


ENDINGS = {
    "the standard delimiter": "-- \nTimur Bek\nHead of nothing, the Karasu district office for lamps, ropes and roads.\n+7 777 123 45 67",
    "one that lost its space": "--\nTimur Bek\nKarasu",
    "a dash": "—\nTimur Bek\nKarasu",
    "a line": "________________\nTimur Bek\nKarasu",
    "a name with telephone and page": "Timur Bek\nHead of nothing, Karasu District\nTel. +7 777 123 45 67\nwww.karasu.example",
    "a lawyer": "This e-mail and any attachments are confidential and intended solely for the addressee. If you are not the\nintended recipient please delete it and notify the sender.",
    "a Russian lawyer": "Информация в данном письме является конфиденциальной и предназначена только для адресата. Если вы не являетесь получателем, сообщите об этом отправителю и удалите письмо.",
    "a scanner": "Virus-free. www.avast.com <https://www.avast.example/sig-email>",
    "a Russian scanner": "Без вирусов. www.avast.com",
    "a list": "_______________________________________________\nSteppe mailing list\nsteppe@lists.example\nhttps://lists.example/steppe",
    "a group": '--\nYou received this message because you are subscribed to the "Steppe" group.\nTo unsubscribe from this group, send an email to x@lists.example.\nTo view this discussion on the web visit https://lists.example/x.',
    "two programs": "Sent from my iPhone\n\nVirus-free. www.avast.com",
    "a telephone's excuse": "Sent from my HTC M8 Android phone.  Please excuse typoze",
    "a telephone nobody knows": "Sent from my TI-85",
    "scraps": "ᐧ\n--\n======\n   -------",
    "an e-mail that nobody should print": "Please consider the environment before printing this e-mail",
}  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_a_program_or_an_office_writes_below_is_cut(ending: str) -> None:
    assert trim_text(f"{WORDS}\n\n{ENDINGS[ending]}\n") == WORDS


FOOTERS = [
    "Get Outlook for Android <https://aka.example/AAb9ysg>", "Outlook für Android beziehen", "Envoyé depuis mon appareil Galaxy", "Von meinem Mobilgerät gesendet", "Verzonden met BlackBerry Work",
    "Отправлено из мобильной Почты Mail.ru", "Отправлено из Яндекс.Почты для мобильных", "发自我的iPhone", "来自我的华为手机", "從我的 iPhone 傳送", "从 Windows 版邮件发送", "ارسال شده از آیفون من",
    "Sent from Mail for Windows 10", "Sent from Yahoo Mail for iPhone", "<<sent by galaxy>>", "(sent from a phone)", "Sent via mobile", "Sent with [Proton Mail](https://proton.example/) secure email.",
    "Von meinem iPhone gesendet - bitte Kürze entschuldigen", "Telefonumdan gönderildi", "Менин iPhone'умдан жөнөтүлдү", "أُرسلت من iPhone", "أُرسِلت من iPhone",
]  # fmt: skip


@pytest.mark.parametrize("footer", [*FOOTERS, *(tongue.phone_signature for tongue in REPLY_LANGUAGES.values())])
def test_a_telephones_line_is_cut_below_the_words_and_among_them(footer: str) -> None:
    assert trim_text(f"{WORDS}\n\n{footer}\n") == WORDS
    assert trim_text(f"One thing.\n\n{footer}\n\nAnd another: why?\n") == "One thing.\n\n\nAnd another: why?"


KEPT_WHOLE = [
    "Why?\n\nBest regards,\nTimur", "Why?\n\n—Timur", "Why?\n\n//Timur", "Salom!\n\nKo‘prik nega bo‘sh?\n\nRahmat,\nDilnoza",
    "My number, if you need it:\n+7 777 123 45 67\ntimur@mail.example",
    "Please credit me so:\n\nLeyla Nazarova\nMunicipal Institute\nwww.institute.example\n+1 202 555 0101",
    "First question: who pays?\n---\nSecond question: who cleans the platform in winter, and what for?",
    "Two things --\n\none, the lamps;\ntwo, the dark.", "Hello\n\n***\n\nA second thing: is the depot real?",
    "The parcels, the ministry says, were never lost, because all of them were\nsent from China by mobile post offices.",
    "Sent from my desk, is much easier than my mobile phone.", "Sent by the machine guild, it never came.", "From my point of view",
    "Confidential: my neighbour, the recipient of the grant, says that nothing was built. Who checks such grants, and where can one read the reports of the auditors?",
    "They answered \"please notify the sender and delete\" when I asked for confidential files. What can I do?",
    "Write to office@district.example or call +7 777 123 45 67, they told me, but nobody answers there. Do you know of anyone else?",
    "Here is the code:\n\n```\n# It is code\n####\nCode code\n```\n\nEnd of the letter.",
]  # fmt: skip


@pytest.mark.parametrize("text", KEPT_WHOLE)
def test_what_may_be_the_persons_words_stays(text: str) -> None:
    assert trim_text(text) == text


def test_below_a_goodbye_the_name_stays_and_the_office_goes() -> None:
    english = f"{WORDS}\n\nBest regards,\nTimur Bek"
    russian = f"{WORDS}\n\nС уважением,\nТимур Бек"
    assert trim_text(f"{english}\nHead of nothing\n+7 777 123 45 67\ntimur@mail.example\n") == english
    assert trim_text(f"{russian}\nначальник отдела\nтел.: +7 777 123 45 67\n") == russian
    assert trim_text(f"{english}\nTimur Bek\n+7 777 123 45 67\n") == english


def test_a_servers_banner_above_the_words_is_cut() -> None:
    banner = "You don't often get email from timur@mail.example. Learn why this is important"
    assert trim_text(f"{banner}\n\n{WORDS}\n") == WORDS


def test_a_signature_above_the_quote_is_cut_too() -> None:
    quote = "On Thu, May 2, 2024 at 10:14 AM Nora <nora@steppe.example> wrote:\n> old\n"
    assert trim_text(f"{WORDS}\n\n-- \nTimur Bek\nKarasu\n\n{quote}") == WORDS
    assert (
        trim_text(f"{WORDS}\n\n-- \nTimur Bek\n\n{quote}\nOne more thing: why?\n") == f"{WORDS}\n\nOne more thing: why?"
    )
