"""Who wrote, about what and when: headers in every script, as they are really sent."""

import unicodedata
from datetime import UTC, datetime
from email.header import Header
from email.utils import formataddr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mailtext.incoming import Mail, Mailbox
from app.mailtext.parsing.parse import parse

ZWNJ = "\u200c"
NAMES = {
    "ru": "Тимур Аҳмедов",
    "kk": "Әйгерім Қоңырбаева",
    "kk-Arab": "ايگەرىم",
    "ug": "ئايگۈل مەمەت",
    "fa": f"لیلا می{ZWNJ}خواهد",
    "zh": "陈小鹏",
    "ja": "佐藤 花子",
    "ko": "김민수",
    "fr": "Zoë Lefèvre",
}


def mail(*lines: str | bytes) -> Mail:
    return parse(b"\r\n".join(line if isinstance(line, bytes) else line.encode() for line in (*lines, "", "text")))


def subject(value: str | bytes) -> str:
    return mail(b"Subject: " + (value if isinstance(value, bytes) else value.encode())).subject


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
def test_a_name_arrives_as_it_is_spelled(name: str, charset: str) -> None:
    read = mail("From: " + formataddr((name, "a@Example.ORG"), charset), "Subject: " + Header(name, charset).encode())
    assert (read.senders, read.subject, read.faults) == ((Mailbox(name, "a@example.org"),), name, ())


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_in_bare_utf8_needs_no_label(name: str) -> None:
    read = mail(f'From: "{name}" <a@example.org>', f"Subject: {name}")
    assert (read.from_name, read.subject, read.faults) == (name, name, ())


SPELLED = st.text(
    st.sampled_from('Сәлем Қалайсың, می‌خواهم؟ 你好吗 ئۇيغۇرچە 東京 e\u0301 «a» :;()<>@"\\=?_ &'),
    min_size=1,
    max_size=200,
)


@settings(max_examples=300, deadline=None)
@given(text=SPELLED)
def test_what_python_composes_is_read_as_it_was(text: str) -> None:
    """Long subjects are cut into many words, on several lines."""
    written = unicodedata.normalize("NFC", " ".join(text.split()))
    assert subject(Header(written, "utf-8", header_name="Subject", maxlinelen=50).encode(linesep="\r\n")) == written


@settings(max_examples=300, deadline=None)
@given(text=SPELLED)
def test_a_name_is_read_as_it_was_written_whatever_signs_are_in_it(text: str) -> None:
    written = unicodedata.normalize("NFC", " ".join(text.split()))
    assert mail("From: " + formataddr((written, "a@example.org"))).senders == (Mailbox(written, "a@example.org"),)


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("=?utf-8?q?=D0=A1=D0=B0=D0?= =?utf-8?q?=BB=D0=B5=D0=BC?=", "Салем"),
        ("=?UTF-8?B?0KHQsA==?=\r\n\t=?utf-8?b?0LvQtdC8?=", "Салем"),
        ("=?utf-8?B?0KHQ?= =?utf-8?Q?=B0=D0=BB?= =?utf-8?b?0LXQvA?=", "Салем"),
        ("=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
        ("=?utf-8?q?a?==?utf-8?q?b?=", "ab"),
        ("Re: =?utf-8*ru?q?=D0=A1?=", "Re: С"),
        ("=?gb2312?B?xOO6w6O/?=", "你好？"),
        ("=?gb2312?Q?=C2=AB?=", "芦"),
        ("=?GB2312?B?6YCJ6aKY5bey57uP56Gu5a6a?=", "选题已经确定"),
        ("=?big5?B?p0Gmbg==?=", "你好"),
        ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?= =?iso-2022-jp?B?GyRCOGwbKEI=?=", "日本語"),
        ("=?iso-2022-jp?B?GyRCLSEbKEI=?=", "①"),
        ("=?ks_c_5601-1987?B?vsiz5w==?=", "안녕"),
        ("=?koi8-r?Q?=F0=D2=C9=D7=C5=D4?=", "Привет"),
        ("=?windows-1251?Q?=CF=F0=E8=E2=E5=F2?=", "Привет"),
        ("=?windows-1256?Q?=D3=E1=C7=E3?=", "سلام"),
        ("=?kz-1048?Q?=BC=9D?=", "әқ"),
        ("=?iso-8859-1?Q?=93caf=E9=94?=", "“café”"),
        ("=?utf-7?Q?+ADw-script+AD4-?=", "<script>"),
        ("=?utf-8?Q?a_question_of_time=3F?=", "a question of time?"),
        ("=?utf-8?Q?Really? Yes?=", "Really? Yes"),
        ("=?utf-8?q?one=0D=0ABcc:_x?=", "one Bcc: x"),
        ("=?utf-8?b?4pyT!!?=", "✓"),
        ("=?nobody-knows?q?plain?=", "plain"),
        ("=?utf-8?q?never closed", "=?utf-8?q?never closed"),
        ("folded\r\n  here\r\n\tthere", "folded here there"),
        ("e\u0301 \ufeff\u200e\u200fx", "é \u200e\u200fx"),
    ],
)  # fmt: skip
def test_a_subject_is_decoded(source: str, read: str) -> None:
    assert subject(source) == read


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("Вопрос о Каспии", "koi8_r"), ("Вопрос о Каспии", "cp1251"), ("编辑您好，有一个问题", "gb18030"), ("Zoë fragt", "cp1252"),
    ],
)  # fmt: skip
def test_bytes_without_a_label_are_guessed_and_it_is_said(source: str, read: str) -> None:
    guessed = mail(b"Subject: " + source.encode(read))
    assert (guessed.subject, guessed.faults) == (source, ("charset",))


def test_bare_bytes_in_a_header_are_in_the_charset_of_the_message() -> None:
    read = mail(
        b"Subject: " + "سلام دنیا".replace("ی", "ي").encode("cp1256"), "Content-Type: text/plain; charset=windows-1256"
    )
    assert read.subject == "سلام دنيا"


def test_the_language_of_the_message_helps_to_guess() -> None:
    read = mail(b"Subject: " + "質問".encode("cp932"), "Content-Language: ja, en")
    assert (read.subject, read.language) == ("質問", "ja")


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("timur@example.org", [("", "timur@example.org")]),
        ("Timur <Timur@Example.ORG>", [("Timur", "Timur@example.org")]),
        ('"Timur, from Almaty" <t@example.org>', [("Timur, from Almaty", "t@example.org")]),
        ('"Timur \\"T\\" A" <t@example.org>', [('Timur "T" A', "t@example.org")]),
        ("t@example.org (Timur (of \\) Almaty))", [("Timur (of ) Almaty)", "t@example.org")]),
        ("Timur t@example.org", [("Timur", "t@example.org")]),
        ("timur @ example.org", [("", "timur@example.org")]),
        ('"timur of almaty"@example.org', [("", '"timur of almaty"@example.org')]),
        ('<"a,b"@example.org>', [("", '"a,b"@example.org')]),
        ("Timur <@relay.example,@b:t@example.org>", [("Timur", "t@example.org")]),
        ("Friends: a@example.org, B <b@example.org>; c@example.org",
         [("", "a@example.org"), ("B", "b@example.org"), ("", "c@example.org")]),
        ("undisclosed-recipients:;", []),
        ("Re: Timur <t@example.org>", [("Re: Timur", "t@example.org")]),
        ("=?utf-8?q?Timur, =D0=A2?= <t@example.org>", [("Timur, Т", "t@example.org")]),
        ('"=?utf-8?q?=D0=A2?=" <t@example.org>', [("Т", "t@example.org")]),
        ("=?utf-8?q?nora=40example=2Eorg?= <t@evil.example>", [("nora@example.org", "t@evil.example")]),
        ('"nora@example.org" <t@evil.example>', [("nora@example.org", "t@evil.example")]),
        ("Nora <nora@example.org> <t@evil.example>", [("Nora", "nora@example.org"), ("", "t@evil.example")]),
        ("nora@example.org, t@evil.example", [("", "nora@example.org"), ("", "t@evil.example")]),
        ("T <t@xn--e1afmkfd.example>, U <u@пример.EXAMPLE>", [("T", "t@xn--e1afmkfd.example"), ("U", "u@пример.example")]),
        ('"Timur <t@example.org>', [("Timur", "t@example.org")]),
        ("MAILER-DAEMON", [("MAILER-DAEMON", "")]),
        ("<>", [("", "")]),
        (",;, ,", []),
    ],
)  # fmt: skip
def test_a_line_of_addresses(line: str, read: list[tuple[str, str]]) -> None:
    assert mail(f"From: {line}").senders == tuple(Mailbox(*box) for box in read)


def test_a_second_from_is_seen() -> None:
    read = mail("From: Nora <nora@example.org>", "To: a@example.org", "FROM : Nora <t@evil.example>")
    assert read.senders == (Mailbox("Nora", "nora@example.org"), Mailbox("Nora", "t@evil.example"))


def test_every_header_is_kept_in_its_order() -> None:
    read = mail(
        "Received: one\r\n two", "X-a: =?utf-8?q?=D0=A2?=", "Received: three", "To: A <a@x>", "Cc: b@x", "Reply-To: c@x"
    )
    assert read.headers == (
        ("Received", "one two"), ("X-a", "Т"), ("Received", "three"), ("To", "A <a@x>"), ("Cc", "b@x"), ("Reply-To", "c@x"),
    )  # fmt: skip
    assert (read.all("received"), read.to, read.cc, read.reply_to) == (
        ["one two", "three"], (Mailbox("A", "a@x"),), (Mailbox("", "b@x"),), (Mailbox("", "c@x"),),
    )  # fmt: skip


def test_where_servers_say_that_it_went() -> None:
    read = mail(
        "Return-Path: <t@example.org>",
        "Delivered-To: ask+t0k@example.org",
        "X-Original-To: <ask@Example.org>",
        "Envelope-To: x@y",
    )
    assert (read.return_path, read.delivered_to) == ("t@example.org", ("ask+t0k@example.org", "ask@example.org", "x@y"))


@pytest.mark.parametrize(
    ("lines", "path"), [([], None), (["Return-Path: <>"], ""), (["Return-Path: <A@B.org>"], "A@b.org")]
)
def test_the_null_path_is_no_missing_path(lines: list[str], path: str | None) -> None:
    assert mail("Subject: x", *lines).return_path == path


def test_the_ids_that_tie_mails_together() -> None:
    read = mail(
        "Message-ID: <1@example.org>", "In-Reply-To: Your mail of <2@x> (yes)", "References: <3@x>\r\n\t<2@x><3@x> junk"
    )
    assert (read.message_id, read.in_reply_to, read.references) == ("<1@example.org>", ("<2@x>",), ("<3@x>", "<2@x>"))
    assert mail("Message-ID: 1@example.org").message_id == "<1@example.org>"


@pytest.mark.parametrize(
    ("line", "date"),
    [
        ("Tue, 21 Jul 2026 10:00:00 +0600", datetime(2026, 7, 21, 4, tzinfo=UTC)),
        ("21 Jul 2026 10:00 -0000", datetime(2026, 7, 21, 10, tzinfo=UTC)),
        ("Tue, 21 Jul 2026 10:00:00 GMT (a comment)", datetime(2026, 7, 21, 10, tzinfo=UTC)),
        ("yesterday", None), ("", None), ("Mon, 99 Foo 99999 99:99:99 +9999", None), ("1 Jan 0 00:00:00 +1400", datetime(1999, 12, 31, 10, tzinfo=UTC)),
        ("31 Dec 9999 23:59:59 -1200", None), ("Tue, 21 Jul 2026 10:00:00 +99999999999", None), ("1" * 100_000, None),
    ],
)  # fmt: skip
def test_dates_are_in_utc_or_none(line: str, date: datetime | None) -> None:
    assert mail(f"Date: {line}").date == date


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (b"", ("", "")),
        (b"no header at all", ("", "no header at all")),
        (b"\r\n\r\nSubject: x\r\n\r\nbody", ("x", "body")),
        (b"\xef\xbb\xbfSubject: x\r\n\r\nbody", ("x", "body")),
        (b"From timur Tue Jul 21 10:00:00 2026\nSubject: x\n\nbody", ("x", "body")),
        (b"Subject: x\rTo: y\r\rbody", ("x", "body")),
        (b"Subject: x\r\r\nTo: y\r\r\n\r\r\nbody", ("x", "body")),
        (b"Subject: x\rBcc: y\r\n\r\nbody", ("x Bcc: y", "body")),
        (b"Subject: a long one\nthat was broken\nMIME-Version: 1.0\n\nbody", ("a long one that was broken", "body")),
        (b"Subject: x\nthe body begins at once", ("x", "the body begins at once")),
        (b"Subject:x\r\n\r\n", ("x", "")),
        (b"Subject: \0a\0\r\n\r\nb\0c", ("a", "bc")),
    ],
)  # fmt: skip
def test_where_headers_end(raw: bytes, read: tuple[str, str]) -> None:
    mail = parse(raw)
    assert (mail.subject, mail.body) == read
