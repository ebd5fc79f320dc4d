"""What a message says and what hangs on it: parts, charsets of texts, transfer encodings, whole or broken."""

import base64
from collections.abc import Iterable

import pytest

from app.mailtext.incoming import Attachment, Mail
from app.mailtext.parsing.parse import parse

ZWNJ = "\u200c"


def part(kind: str, content: str | bytes = "", *lines: str, charset: str = "utf-8") -> bytes:
    encoded = content if isinstance(content, bytes) else content.encode(charset)
    return "".join(f"{line}\r\n" for line in (f"Content-Type: {kind}", *lines)).encode() + b"\r\n" + encoded


def multipart(kind: str, parts: Iterable[bytes], boundary: str = "b", end: str = "--b--\r\n") -> bytes:
    joined = b"".join(f"--{boundary}\r\n".encode() + one + b"\r\n" for one in parts)
    return part(f'multipart/{kind}; boundary="{boundary}"', joined + end.replace("--b", f"--{boundary}").encode())


PLAIN = part("text/plain; charset=utf-8", "Здравствуйте!")
PAGE = part("text/html; charset=utf-8", "<p>Здравствуйте!</p>")
PICTURE = part("image/jpeg; name=a.jpg", b"\xff\xd8\xff", "Content-Disposition: inline; filename=a.jpg")
A_JPG = Attachment("a.jpg", 3, "image/jpeg")


def read(raw: bytes) -> tuple[str | None, str | None, str, tuple[Attachment, ...], tuple[str, ...]]:
    mail = parse(raw)
    return mail.plain, mail.html, mail.body, mail.attachments, mail.faults


def test_plain_text_alone() -> None:
    assert read(PLAIN) == ("Здравствуйте!", None, "Здравствуйте!", (), ())


def test_a_page_alone() -> None:
    assert read(PAGE) == (None, "<p>Здравствуйте!</p>", "Здравствуйте!", (), ())


def test_text_and_page_as_alternatives() -> None:
    assert read(multipart("alternative", [PLAIN, PAGE])) == (
        "Здравствуйте!",
        "<p>Здравствуйте!</p>",
        "Здравствуйте!",
        (),
        (),
    )


def test_a_third_form_of_the_text_is_no_file() -> None:
    assert read(multipart("alternative", [PLAIN, part("text/x-amp-html", "<p>x"), PAGE]))[2:] == (
        "Здравствуйте!",
        (),
        (),
    )


def test_an_empty_text_beside_a_page_says_nothing() -> None:
    assert read(multipart("alternative", [part("text/plain", " \r\n"), PAGE]))[::2] == (None, "Здравствуйте!", ())


def test_alternatives_with_pictures_and_files_around_them() -> None:
    related = multipart("related", [PAGE, PICTURE], "r")
    mixed = multipart(
        "mixed", [multipart("alternative", [PLAIN, related], "a"), part("application/pdf; name=b.pdf", b"1234")]
    )
    assert read(mixed) == (
        "Здравствуйте!", "<p>Здравствуйте!</p>", "Здравствуйте!", (A_JPG, Attachment("b.pdf", 4, "application/pdf")), (),
    )  # fmt: skip


def test_texts_with_pictures_between_them_are_one_text() -> None:
    mail = parse(multipart("mixed", [part("text/plain", "one\r\n"), PICTURE, part("text/plain", "\r\ntwo")]))
    assert (mail.plain, mail.body, mail.attachments) == ("one\ntwo", "one\ntwo", (A_JPG,))


def test_pages_with_files_between_them_are_one_page() -> None:
    split = multipart("mixed", [part("text/html", "<p>one"), PICTURE, part("text/html", "<p>two")], "m")
    mail = parse(multipart("alternative", [part("text/plain", "one\r\ntwo"), split]))
    assert (mail.plain, mail.html, mail.body) == ("one\ntwo", "<p>one\n<p>two", "one\ntwo")


def test_the_plain_footer_of_a_list_does_not_hide_the_page() -> None:
    mail = parse(multipart("mixed", [PAGE, part("text/plain", "List <a@b>\r\nfooter")]))
    assert (mail.plain, mail.html, mail.body) == (
        "Здравствуйте!\nList <a@b>\nfooter",
        "<p>Здравствуйте!</p>\n<div>List &lt;a@b><br>footer</div>",
        "Здравствуйте!\nList <a@b>\nfooter",
    )


def test_a_text_that_hangs_on_the_message_is_no_part_of_its_body() -> None:
    files = [
        part("text/plain", "one", "Content-Disposition: attachment"),
        part("text/plain; name=two.txt", "two"),
        part("text/html", "three", "Content-Disposition: inline; filename=three.html"),
        part("text/calendar", "four"),
    ]
    mail = parse(multipart("mixed", [PLAIN, *files]))
    assert (mail.body, mail.html, mail.attachments) == (
        "Здравствуйте!", None,
        (
            Attachment("", 3, "text/plain"), Attachment("two.txt", 3, "text/plain"),
            Attachment("three.html", 5, "text/html"), Attachment("", 4, "text/calendar"),
        ),
    )  # fmt: skip


def test_a_forwarded_message_is_listed_and_not_read() -> None:
    inner = b"Subject: =?utf-8?q?=D0=A2?=\r\n" + multipart("mixed", [part("text/plain", "secret")], "inner")
    mail = parse(multipart("mixed", [PLAIN, part("message/rfc822", inner)]))
    assert (mail.body, mail.attachments) == (
        "Здравствуйте!",
        (Attachment("Т", len(inner.replace(b"\r", b"")), "message/rfc822"),),
    )


def test_a_digest_holds_messages() -> None:
    mail = parse(multipart("digest", [b"\r\nSubject: one\r\n\r\nx", b"\r\nSubject: two\r\n\r\ny"]))
    assert ([file.name for file in mail.attachments], mail.body) == (["one", "two"], "")


def test_what_a_message_is_signed_with_is_no_file() -> None:
    signed = multipart("signed", [PLAIN, part("application/pgp-signature; name=signature.asc", "-----BEGIN")])
    assert read(signed)[2:] == ("Здравствуйте!", (), ())


def test_a_report_gives_its_parts() -> None:
    status = "Final-Recipient: rfc822; t@example.org\r\nStatus: 5.1.1"
    mail = parse(
        multipart("report; report-type=delivery-status", [
            part("text/plain", "It failed."), part("message/delivery-status", status),
            part("text/rfc822-headers", "Subject: x"),
        ])
    )  # fmt: skip
    assert (mail.body, mail.attachments, mail.report) == (
        "It failed.", (),
        (
            ("text/plain", "It failed."), ("message/delivery-status", status.replace("\r", "")),
            ("text/rfc822-headers", "Subject: x"),
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (part("application/ms-tnef", b"x"), "winmail"),
        (part("application/octet-stream; name=WINMAIL.DAT", b"x"), "winmail"),
        (multipart("encrypted", [part("application/pgp-encrypted", "Version: 1")]), "encrypted"),
        (part("application/pkcs7-mime; smime-type=enveloped-data", b"x"), "encrypted"),
        (part("text/plain", "-----BEGIN PGP MESSAGE-----\r\n\r\nabc"), "encrypted"),
    ],
)
def test_what_nobody_here_can_read_is_said(raw: bytes, fault: str) -> None:
    assert parse(raw).faults == (fault,)


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (multipart("mixed", [PLAIN, PICTURE], end=""), "Здравствуйте!"),
        (multipart("mixed", [PLAIN]).replace(b'boundary="b"', b"x=y"), "Здравствуйте!"),
        (multipart("mixed", [PLAIN]).replace(b'boundary="b"', b'boundary="wrong"'), "Здравствуйте!"),
        (multipart("mixed", [PLAIN]).replace(b'boundary="b"', b"boundary=b ; x"), "Здравствуйте!"),
        (multipart("mixed", [PLAIN]).replace(b"--b\r\n", b"--b \t\r\n"), "Здравствуйте!"),
        (multipart("mixed", [multipart("mixed", [PLAIN], "bb", end="")], "b"), "Здравствуйте!"),
        (multipart("mixed", [multipart("mixed", [PLAIN], "b", end="")], "b"), "Здравствуйте!"),
        (multipart("mixed", [b"\r\nno headers", b"no headers, no line"]), "no headers\nno headers, no line"),
        (multipart("mixed", [PLAIN]) + b"what lists add below", "Здравствуйте!"),
        (part("multipart/mixed; boundary=b", "no part at all"), "no part at all"),
        (part("multipart/mixed; boundary=b", ""), ""),
        (part("multipart/mixed; boundary=b", b"--b\r\nContent-Type: text/plain\r\n--b\r\n\r\nhello\r\n--b--"), "hello"),
        (part("text", "said badly"), "said badly"),
        (part("html", "<p>said badly"), "said badly"),
        (part("text/html charset=utf-8", "<p>тест"), "тест"),
        (part("", "said nothing"), "said nothing"),
    ],
)
def test_broken_mime_is_read(raw: bytes, body: str) -> None:
    assert parse(raw).body.rstrip("\n") == body


@pytest.mark.parametrize(
    ("text", "charset", "label", "faults"),
    [
        ("我想问一个问题：镕基", "gb18030", "gb2312", ()), ("我想问", "utf-8", "gb2312", ()), ("一", "gb18030", "gbk", ()),
        ("請問", "big5", "big5", ()), ("質問①㈱", "cp932", "shift_jis", ()), ("質問があります", "iso2022_jp", "iso-2022-jp", ()),
        ("質問", "iso2022_jp", "us-ascii", ()), ("똠방각하", "cp949", "ks_c_5601-1987", ()),
        ("Жаңа сұрақ", "kz1048", "kz-1048", ()), ("Жаңа сұрақ", "ptcp154", "pt154", ()), ("Привет", "koi8_r", "KOI8-R", ()),
        ("Привіт", "koi8_u", "koi8-u", ()), ("“quoted”", "cp1252", "iso-8859-1", ()), ("naïve", "utf-8", "us-ascii", ()),
        ("Привет, это вопрос", "utf-8", "windows-1251", ()), ("Здравствуйте, уважаемая редакция", "cp1251", "iso-8859-1", ("charset",)),
        ("Здравствуйте, уважаемая редакция", "koi8_r", "us-ascii", ("charset",)),
        (f"می{ZWNJ}خواهم بپرسم\u200f", "utf-8", "", ()), ("ئۇيغۇرچە سوئال", "utf-8", "x-unknown", ()),
        ("Здравствуйте", "cp1251", "utf-8", ("charset",)), ("café", "cp1252", "", ("charset",)), ("café", "utf-16", "utf-16", ()),
        ("<b>", "utf-7", "utf-7", ()), ("+ADw-b+AD4-", "ascii", "", ()), ("\\u0041", "ascii", "unicode_escape", ()),
    ],
)  # fmt: skip
def test_a_text_in_its_charset(text: str, charset: str, label: str, faults: tuple[str, ...]) -> None:
    encoded = base64.encodebytes(text.encode(charset))
    mail = parse(part(f"text/plain; charset={label}", encoded, "Content-Transfer-Encoding: base64"))
    assert (mail.body, mail.faults) == (text, faults)


def test_a_few_broken_bytes_do_not_spoil_a_text() -> None:
    text = "Здравствуйте, у меня вопрос о Каспии"
    mail = parse(part("text/plain; charset=utf-8", text.encode()[:-1]))
    assert (mail.body, mail.faults) == (text[:-1] + "\ufffd", ("charset",))


@pytest.mark.parametrize(
    "head", ['<meta charset="gb2312">', "<META http-equiv=Content-Type content='text/html; charset=gb2312'>"]
)
def test_a_page_may_name_its_charset_itself(head: str) -> None:
    assert parse(part("text/html", f"<head>{head}</head>问题", charset="gb18030")).body == "问题"


@pytest.mark.parametrize(
    ("encoding", "content", "body"),
    [
        ("base64", "0KHQsNC7\r\n0LXQvA==", "Салем"), ("BASE64", "0KHQsNC70LXQvA", "Салем"),
        ("base64", "0KHQ!sNC7\r\n.0LXQvA=x", "Салем"), ("base64", "YQ==\r\nYg==", "ab"),
        ("base64", "0KHQsNC70LXQvA==\r\n_____\r\nlist mailing list\r\n", "Салем"), ("base64", "this was never encoded", "this was never encoded"),
        ("base64", "0KHQ sNC70LXQvA==", "Салем"),
        ("quoted-printable", "=D0=A1=D0=\r\n=B0 =\t\r\nb", "Са b"), ("quoted-printable", "a=ZZ=\r\n=", "a=ZZ"),
        ("quoted-printable", "-- =20\r\nx=3dy", "--  \nx=y"), ("x-uuencode", "begin 644 a\r\n#86)C\r\n`\r\nend\r\n", "abc"),
        ("7bit; x", "as it is", "as it is"), ("nonsense", "as it is", "as it is"),
    ],
)  # fmt: skip
def test_transfer_encodings(encoding: str, content: str, body: str) -> None:
    assert parse(part("text/plain; charset=utf-8", content, f"Content-Transfer-Encoding: {encoding}")).body == body


def test_files_from_before_mime_are_taken_out_of_the_text() -> None:
    mail = parse(part("text/plain", "See:\r\nbegin 644 my cat.jpg\r\n#86)C\r\n`\r\nend\r\nBye\r\nbegin 100 again"))
    assert (mail.body, mail.attachments) == (
        "See:\nBye\nbegin 100 again",
        (Attachment("my cat.jpg", 3, "application/octet-stream"),),
    )


@pytest.mark.parametrize(
    ("text", "delsp", "body"),
    [
        ("one \r\ntwo\r\nthree", "", "one two\nthree"),
        ("> one \r\n> two\r\n>> three \r\nfour", "", "> one two\n>> three \nfour"),
        (" stuffed\r\n > no quote", "", "stuffed\n> no quote"),
        ("bye \r\n-- \r\nTimur", "", "bye \n-- \nTimur"),
        ("我想问 \r\n一个问题", "yes", "我想问一个问题"),
    ],
)
def test_paragraphs_that_were_sent_as_lines(text: str, delsp: str, body: str) -> None:
    assert parse(part(f"text/plain; charset=utf-8; format=Flowed; delsp={delsp}", text)).body == body


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Disposition: attachment; filename*=UTF-8''%D1%84%D0%BE%D1%82%D0%BE%201.jpg"],
        ["Content-Disposition: attachment; filename*0*=utf-8''%D1%84%D0%BE; filename*1*=%D1%82%D0%BE;", " filename*2=\" 1.jpg\""],
        ["Content-Disposition: attachment; filename*1*=%BE%D1%82%D0%BE; filename*2=\" 1.jpg\"; filename*0*=utf-8''%D1%84%D0"],
        ['Content-Disposition: attachment; filename="=?utf-8?b?0YTQvtGC?= =?utf-8?b?0L4gMS5qcGc=?="'],
        ["Content-Disposition: attachment; filename==?koi8-r?Q?=C6=CF=D4=CF_1=2Ejpg?="],
        ['Content-Disposition: attachment; filename="фото 1.jpg'],
        ["Content-Disposition: attachment; filename=photo.jpg; filename*=windows-1251'ru'%F4%EE%F2%EE%201.jpg"],
    ],
)  # fmt: skip
def test_the_name_of_a_file_in_every_form(lines: list[str]) -> None:
    assert parse(part("image/jpeg", b"\xff\xd8", *lines)).attachments == (Attachment("фото 1.jpg", 2, "image/jpeg"),)


def test_a_mail_without_anything() -> None:
    assert parse(b"") == Mail(plain="", body="")
