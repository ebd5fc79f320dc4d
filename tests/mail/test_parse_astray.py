"""Mails of programs that know no standard: unlabelled and mislabelled bytes, headers that lost their form."""

import pytest

from app.mailtext.incoming import Mailbox
from app.mailtext.origin.robots import judge
from app.mailtext.parsing.parse import parse

HEAD = b"From: Timur <timur@mail.example>\r\nSubject: x\r\n"
CHINESE = "你好，谁付钱？"
JAPANESE = "①新しい橋はなぜ空いていますか㈱"
RUSSIAN = "Почему дорога закрыта + кем?"

BODIES = {
    "GB2312 without a label": (b"\r\n" + CHINESE.encode("gb2312"), CHINESE),
    "GB2312 among Latin letters": (f"\r\nDear Nora, this is what I ask: {CHINESE} Thank you, Wang".encode("gb2312"), f"Dear Nora, this is what I ask: {CHINESE} Thank you, Wang"),
    "accents without a label": ("\r\nGrüße aus Köln, naïve Café-Besucher".encode("cp1252"), "Grüße aus Köln, naïve Café-Besucher"),
    "an unknown label over UTF-8": (b"Content-Type: text/plain; charset=x-nobody-9\r\n\r\n" + RUSSIAN.encode(), RUSSIAN),
    "cp932 under ISO-2022-JP": (b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + JAPANESE.encode("cp932"), JAPANESE),
    "a few signs of cp932 under it": (b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + "髙橋です".encode("cp932"), "髙橋です"),
    "EUC-JP under it": (b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + JAPANESE[1:-1].encode("euc_jp"), JAPANESE[1:-1]),
    "UTF-7": (b"Content-Type: text/plain; charset=utf-7\r\n\r\n" + RUSSIAN.encode("utf-7"), RUSSIAN),
    "UTF-7 under its first name": (b"Content-Type: text/plain; charset=unicode-1-1-utf-7\r\n\r\n" + RUSSIAN.encode("utf-7"), RUSSIAN),
    "no UTF-7 under its label": (b"Content-Type: text/plain; charset=utf-7\r\n\r\nrent + heat = 5 +AAA", "rent + heat = 5 +AAA"),
}  # fmt: skip


@pytest.mark.parametrize("case", BODIES)
def test_words_come_out_whatever_their_label_says(case: str) -> None:
    rest, words = BODIES[case]
    assert parse(HEAD + rest).body == words


SENDERS = {
    "raw GBK": ("王小明 <wang@mail.example>".encode("gbk"), Mailbox("王小明", "wang@mail.example")),
    "raw GBK that Cyrillic could be": ('"张伟" <wang@mail.example>'.encode("gbk"), Mailbox("张伟", "wang@mail.example")),
    "raw Latin-1": ("José Müller <jose@mail.example>".encode("cp1252"), Mailbox("José Müller", "jose@mail.example")),
    "a name torn apart at its comma": (b'"A" <>, "LTD" <ly@mail.example>', Mailbox("A, LTD", "ly@mail.example")),
    "a server without its domain": (b"MAILER-DAEMON (Mail Delivery System)", Mailbox("Mail Delivery System", "MAILER-DAEMON")),
}  # fmt: skip


@pytest.mark.parametrize("case", SENDERS)
def test_a_sender_is_named_however_the_name_is_written(case: str) -> None:
    written, box = SENDERS[case]
    assert parse(b"From: " + written + b"\r\nSubject: x\r\n\r\nhello").senders == (box,)


@pytest.mark.parametrize(
    "sender",
    ["MAILER-DAEMON (Mail Delivery System)", "MAILER-DAEMON <>", "MAILER-DAEMON", '"Mail Delivery" <MAILER-DAEMON>'],
)
def test_a_server_that_names_itself_without_a_domain_is_no_person(sender: str) -> None:
    found = judge(parse(f"From: {sender}\r\nTo: ask@steppe.example\r\nSubject: Undelivered\r\n\r\nx".encode()))
    assert (found.kind, found.reasons) == ("bounce", ("mail server",))


HEADS = {
    "a subject that lost its fold": b"From: timur@mail.example\r\nSubject: why is\r\nit closed\r\nTo: ask@steppe.example\r\n",
    "two lines that lost it": b"Received: from a by b\r\nwith ESMTP id x\r\nfor <x@y.example>; today\r\nFrom: timur@mail.example\r\nSubject: why is it closed\r\n",
    "a stray first line": b"This line is nobody's\r\nFrom: timur@mail.example\r\nSubject: why is it closed\r\n",
    "a stray first line above headers of servers": b"* 1 FETCH (BODY[] {120}\r\nX-Seen: no\r\nReceived: by b\r\nFrom: timur@mail.example\r\nSubject: why is it closed\r\n",
}  # fmt: skip


@pytest.mark.parametrize("case", HEADS)
def test_headers_are_found_beside_lines_that_are_none(case: str) -> None:
    mail = parse(HEADS[case] + b"\r\nWhy?\r\n")
    assert (mail.from_address, mail.subject, mail.body.strip()) == ("timur@mail.example", "why is it closed", "Why?")


def test_a_boundary_that_lost_its_fold_is_found() -> None:
    head = HEAD + b'Content-Type: multipart/alternative;\r\nboundary="b1"\r\nTo: ask@steppe.example\r\n\r\n'
    assert parse(head + b"--b1\r\nContent-Type: text/plain\r\n\r\nWhy?\r\n--b1--\r\n").body.strip() == "Why?"


def test_a_letter_that_begins_like_a_header_keeps_its_first_words() -> None:
    assert (
        parse(b"Dear Nora,\r\n\r\nFrom: all of us, thanks.\r\n").body.strip()
        == "Dear Nora,\n\nFrom: all of us, thanks."
    )
