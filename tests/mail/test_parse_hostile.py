"""Bytes that are meant to break a parser: none raises, and each is read in less than a second."""

import base64
from collections.abc import Callable
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from app.mailtext.incoming import Attachment, Mail, Mailbox
from app.mailtext.parsing.html_text import convert_to_text
from app.mailtext.parsing.mime import MOST_DEPTH, MOST_PARTS
from app.mailtext.parsing.parse import MAX_PARSED, parse, parse_or_raise
from tests.support.timing import limit_cpu_time

LONGEST = 3.0  # seconds of the processor, on a machine that does other things too; the bench has the figures
SENDER = b"From: Timur <timur@example.org>\r\nSubject: x\r\n"


def strings(value: object) -> list[str]:
    """Every str in what was read."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, tuple):
        return [text for one in value for text in strings(one)]
    if isinstance(value, Mail | Mailbox | Attachment):
        return [text for one in fields(value) for text in strings(getattr(value, one.name))]
    return []


def assert_storable(mail: Mail) -> None:
    found = strings(mail)
    assert [text for text in found if "\0" in text or "\r" in text or text.encode().decode() != text] == []
    assert "broken" not in mail.faults


def nested(depth: int, inner: bytes = b"\r\nhello\r\n") -> bytes:
    opening = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))
    return SENDER + opening + b"Content-Type: text/plain\r\n" + inner


def with_type(kind: bytes, body: bytes, more: bytes = b"") -> bytes:
    return SENDER + b"Content-Type: " + kind + b"\r\n" + more + b"\r\n" + body


def repeat(fragment: bytes, size: int = 1_000_000) -> bytes:
    return (fragment * (size // len(fragment) + 1))[:size]


def page(fragment: str, size: int = 1_000_000) -> bytes:
    return with_type(b"text/html; charset=utf-8", repeat(fragment.encode(), size))


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a content type of 16 kB": lambda: with_type(b"text/plain; a=" + b'"x\\" ;' * 2_700, b"hello"),
    "16 kB of semicolons": lambda: with_type(b"text/plain" + b";=" * 8_000, b"hello"),
    "types of 1 MB": lambda: with_type(
        b"multipart/mixed; boundary=b",
        b"".join(b"--b\r\nContent-Type: a/b" + repeat(b";a=1") + b"\r\n\r\n" for _ in range(9)),
    ),
    "16 kB of continued parameters": lambda: with_type(
        b"text/plain" + b"".join(b"; name*%d*=%%41" % n for n in range(1_000)), b"hello"
    ),
    "multiparts 5,000 deep": lambda: nested(5_000),
    "multiparts 5,000 deep of 10 MB": lambda: nested(5_000, b"\r\n" + repeat(b"hello\r\n", 9_500_000)),
    "multiparts 20 deep, each line nearly their delimiter": lambda: (
        b"".join(
            b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n" % (b"a" * n, b"a" * n) for n in range(1, 20)
        )
        + b"\r\n" + repeat(b"--aaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 9_900_000)
    ),
    "100,000 headers": lambda: SENDER + b"".join(b"X-Header-%d: value\r\n" % n for n in range(100_000)) + b"\r\nhello",
    "a header line of 1 MB": lambda: SENDER + b"X-Long: " + repeat(b"word ") + b"\r\n\r\nhello",
    "a subject of encoded words, 1 MB": lambda: b"Subject: " + repeat(b"=?utf-8?q?a?= ") + b"\r\n\r\nhello",
    "encoded words that never end": lambda: b"Subject: " + repeat(b"=?utf-8?q?a") + b"\r\n\r\nhello",
    "questions and equals": lambda: b"From: " + repeat(b"=?") + b"\r\n\r\nhello",
    "one character cut into words": lambda: b"Subject: " + b"\r\n ".join([b"=?utf-8?b?4w==?="] * 50_000) + b"\r\n\r\nhello",
    "10,000 addresses": lambda: SENDER + b"To: " + b", ".join(
        b'"Reader %d" <reader%d@example.org>' % (n, n) for n in range(10_000)
    ) + b"\r\n\r\nhello",
    "brackets that nobody closes": lambda: b"From: " + repeat(b"(") + b"\r\nTo: " + repeat(b"<") + b"\r\n\r\nhello",
    "quotes that nobody closes": lambda: b"From: " + repeat(b'"\\') + b"\r\nTo: " + repeat(b'"\\"x') + b"\r\n\r\nhello",
    "closing brackets": lambda: b"From: " + repeat(b")") + b"\r\nTo: " + repeat(b">@") + b"\r\n\r\nhello",
    "commas": lambda: b"From: " + repeat(b", ") + b"\r\nTo: " + repeat(b"a,") + b"\r\n\r\nhello",
    "10 MB of empty brackets": lambda: b"From: " + repeat(b"<>", 9_900_000) + b"\r\n\r\nhello",
    "references without end": lambda: SENDER + b"References: " + repeat(b"<a@b> <") + b"\r\n\r\nhello",
    "a million delimiters": lambda: with_type(b"multipart/mixed; boundary=b", b"--b\r\n" * 1_000_000),
    "a million delimiters that are none": lambda: with_type(b"multipart/mixed; boundary=b", b"--bb\r\n" * 1_000_000),
    "a wrong boundary": lambda: with_type(b"multipart/mixed; boundary=no", b"--b\r\nContent-x\r\n" * 500_000),
    "10 MB of CR": lambda: SENDER + b"\r" * 9_000_000 + b"\n",
    "10 MB of line ends": lambda: SENDER + b"\n" * 9_900_000,
    "10 MB of text": lambda: with_type(b"text/plain; charset=utf-8", repeat("Сәлем! ".encode(), 9_900_000)),
    "10 MB flowed": lambda: with_type(b"text/plain; format=flowed", repeat(b">> > a \r\n", 9_900_000)),
    "base64 of padding": lambda: with_type(
        b"text/plain", repeat(b"A=", 9_000_000), b"Content-Transfer-Encoding: base64\r\n"
    ),
    "quoted-printable of equals": lambda: with_type(
        b"text/plain", repeat(b"= \t", 9_000_000), b"Content-Transfer-Encoding: quoted-printable\r\n"
    ),
    "uuencoded again and again": lambda: with_type(b"text/plain", repeat(b"begin 644 a\n#ABCD\n", 5_000_000)),
    "marks on one letter": lambda: with_type(b"text/plain; charset=utf-8", b"a" + "\u0301\u0316".encode() * 1_000_000),
    "escapes": lambda: with_type(b"text/plain; charset=iso-2022-jp", repeat(b"\x1b$B\x7f\x1b(I", 3_000_000)),
    "a divs' tower": lambda: page("<div>"),
    "a quotes' tower": lambda: page("<blockquote>x"),
    "lists in lists": lambda: page("<ul><li>"),
    "paragraphs in fonts": lambda: page("<font color=a><p>x"),
    "ends without a beginning": lambda: page("<span></b>"),
    "less-than signs": lambda: page("<"),
    "tags that nobody closes": lambda: page("<a "),
    "quotes in tags": lambda: page("<a b=\"<a b='"),
    "comments": lambda: page("<!--"),
    "styles": lambda: page("<style>"),
    "attributes": lambda: with_type(
        b"text/html", b"<a " + b" ".join(b"a%d=1" % n for n in range(110_000)) + b">hello</a>"
    ),
    "entities": lambda: page("&amp"),
    "a number too long": lambda: with_type(b"text/html", b"<p>&#" + b"1" * 900_000 + b";hello"),
    "hidden in hidden": lambda: page("<div style=display:none>x"),
    "200 pages": lambda: with_type(
        b"multipart/mixed; boundary=b",
        (b"--b\r\nContent-Type: text/html\r\n\r\n" + repeat(b"<b>x<br>", 45_000) + b"\r\n") * 199,
    ),
    "a picture in the page": lambda: with_type(
        b"text/html", b'<p>hello<img src="data:image/png;base64,' + repeat(b"iVBOR", 9_000_000) + b'"></p>'
    ),
    "all bytes": lambda: bytes(range(256)) * 30_000,
    "zeros": lambda: b"\0" * 9_900_000,
    "100 MB": lambda: SENDER + b"\r\n" + b"x" * 100_000_000,
}  # fmt: skip


@pytest.mark.threat("hostile mail")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_is_read_in_time(name: str) -> None:
    raw = HOSTILE[name]()
    with limit_cpu_time(LONGEST):
        mail = parse(raw)
    assert_storable(mail)


@pytest.mark.threat("hostile mail")
def test_of_a_message_over_10_mb_the_first_10_are_read() -> None:
    head = (
        SENDER
        + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nWhy?\r\n--b\r\nContent-Type: image/jpeg; "
    )
    photo = (
        head
        + b"name=road.jpg\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + b"QUFB" * (MAX_PARSED // 4)
        + b"\r\n--b--\r\n"
    )
    mail = parse(photo)
    assert (mail.from_address, mail.subject, mail.body.strip(), mail.faults) == (
        "timur@example.org", "x", "Why?", ("bytes",),
    )  # fmt: skip
    assert [one.name for one in mail.attachments] == ["road.jpg"]


@pytest.mark.threat("hostile mail")
def test_no_more_than_200_parts_are_read() -> None:
    part = b"--b\r\nContent-Type: application/pdf\r\n\r\nx\r\n"
    fits, over = (parse(with_type(b"multipart/mixed; boundary=b", part * n)) for n in (MOST_PARTS - 1, MOST_PARTS))
    assert (len(fits.attachments), fits.faults) == (199, ())
    assert (len(over.attachments), over.faults) == (199, ("parts",))


@pytest.mark.threat("hostile mail")
def test_no_part_is_read_that_lies_deeper_than_20() -> None:
    fits, over = parse(nested(MOST_DEPTH)), parse(nested(MOST_DEPTH + 1))
    assert (fits.body.strip(), fits.faults) == ("hello", ())
    assert (over.body, over.faults) == ("", ("depth",))


@pytest.mark.threat("hostile mail")
def test_a_page_that_would_break_a_tree_is_left_as_its_text() -> None:
    mail = parse(page("<div>", 50_000) + b"hello")
    assert (mail.body, mail.html) == ("hello", "<pre>hello</pre>")


PAGES = {
    "divs": "<div>" * 200_000,
    "ends without a beginning": "<span>" * 80_000 + "</b>" * 80_000,
    "cells that keep an end from its beginning": "<b><table><tr><td></b></table>" * 30_000,
    "what goes on in each paragraph": "<p>" + "".join(f"<b a={n}>" for n in range(100)) + "</p>" + "<p>x</p>" * 100_000,
    "attributes": ("<a " + " ".join(f"a{n}=1" for n in range(5_000)) + ">") * 20 + "<br>" * 500,
    "as deep as is let through": "<div>" * 490 + "<p>x" * 200_000,
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_a_tree_of_what_is_left_of_a_page_is_built_within_a_second(name: str) -> None:
    mail = parse(page(PAGES[name], len(PAGES[name])))
    with limit_cpu_time(LONGEST):
        assert LexborHTMLParser(mail.html or "").body is not None


def test_an_honest_page_is_left_alone() -> None:
    table = "<table><tr>" + "<td><b>x</b><p>one<td><a href=x>y</a>" * 5 + "</table>"
    html = "<div>" * 100 + ("<p><font color=a>Hello</p>" + table) * 100
    assert parse(page(html, len(html))).html == html


def test_a_page_is_cut_at_a_million_characters() -> None:
    mail = parse(page("word ", 1_200_000))
    assert (len(mail.html or ""), mail.faults) == (1_000_000, ("bytes",))


PIECES = st.sampled_from([
    b"From: ", b"To: ", b"Subject: ", b"Date: ", b"Content-Type: ", b"Content-Transfer-Encoding: base64", b"\r\n", b"\n",
    b"\r", b"\r\n\r\n", b"multipart/mixed", b"multipart/alternative", b"multipart/report", b"multipart/signed",
    b"text/plain", b"text/html", b"message/rfc822", b"; boundary=b", b'; boundary="', b"--b", b"--b--", b"; charset=",
    b"utf-8", b"utf-7", b"utf-16", b"gb2312", b"iso-2022-jp", b"windows-1256", b"koi8-r", b"=?utf-8?b?", b"=?gb2312?Q?",
    b"?=", b"=E4=B8", b"; filename*0*=utf-8''%e4", b"; format=flowed; delsp=yes", b"quoted-printable", b"x-uuencode",
    b"begin 644 a\n", b"end\n", b"<blockquote>", b"<p hidden>", b"</p>", b"<ul><li>", b"&#xD800;", b"<!--", b"\0", b" ",
    b"<timur@example.org>", b'"', b"(", b"\xff\xfe", b"\x1b$B", b"\xe2\x80\x8c", b"Content-Disposition: attachment",
    b"\xed\xa0\x80", b"Mon, 99 Foo 99999 99:99:99 +9999", b"Return-Path: <>", b"References: <",
])  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(st.binary(max_size=3000), st.lists(st.one_of(PIECES, st.binary(max_size=8)), max_size=60).map(b"".join))
)
def test_any_bytes_are_a_mail(raw: bytes) -> None:
    """Through `read`, which has no net under it."""
    mail = parse_or_raise(raw)
    assert_storable(mail)
    assert sum(map(len, strings(mail))) <= 30 * len(raw) + 1000


@settings(max_examples=300, deadline=None)
@given(
    label=st.sampled_from(["", "utf-8", "gb2312", "iso-2022-jp", "utf-7", "utf-16", "big5", "hz", "x-nobody-knows"]),
    data=st.binary(max_size=400), kind=st.sampled_from(["text/plain; format=flowed", "text/html"]),
)  # fmt: skip
def test_any_text_in_any_charset_is_readable(label: str, data: bytes, kind: str) -> None:
    raw = with_type(
        f"{kind}; charset={label}".encode(), base64.encodebytes(data), b"Content-Transfer-Encoding: base64\r\n"
    )
    assert_storable(parse_or_raise(raw))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_a_page(html: str) -> None:
    assert convert_to_text(html).encode().decode() == convert_to_text(html)
