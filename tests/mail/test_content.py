"""Timur's mail comes five times and is one; a mail that only looks like his is another."""

from base64 import encodebytes
from dataclasses import replace
from quopri import encodestring

import pytest

from app.mail.fingerprint import canonical
from app.mailtext.incoming import Mail
from app.mailtext.parsing.parse import parse
from tests.support.timing import limit_cpu_time

WORDS = "Why did they close the school in Жаркент?\r\nپاسخ را با نام من ننویسید.\r\n\r\nTimur\r\n"
HTML = "<p>Why did they close the school in <b>Жаркент</b>?</p>\r\n"
HEAD = {
    "From": "Timur Saparov <timur@mail.example>",
    "To": "ask@steppe.example",
    "Date": "Fri, 11 Nov 2022 18:20:03 +0500",
    "Subject": "Re: A school on the border",
    "Message-ID": "<a1@mail.example>",
    "In-Reply-To": "<edition-41@steppe.example>",
}
ENCODED = {
    "8bit": lambda words: words.encode(),
    "base64": lambda words: encodebytes(words.encode()),
    "quoted-printable": lambda words: encodestring(words.encode()),
}


def mail(words: str = WORDS, encoding: str = "8bit", trace: str = "", photo: bytes = b"", **changed: str) -> bytes:
    """The mail with the headers of its way in front; `changed` has headers by their names with _ for -."""
    fields = HEAD | {name.replace("_", "-"): value for name, value in changed.items()}
    head = trace + "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    body = b"".join(
        f"--cut\r\nContent-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
        + ENCODED[encoding](text)
        + b"\r\n"
        for text, kind in ((words, "plain"), (HTML, "html"))
    )
    if photo:
        body += (
            b"--cut\r\nContent-Type: image/jpeg\r\nContent-Disposition: attachment; filename=school.jpg\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n" + encodebytes(photo)
        )
    head += (
        f'MIME-Version: 1.0\r\nContent-Type: multipart/{"mixed" if photo else "alternative"}; boundary="cut"\r\n\r\n'
    )
    return head.encode() + body + b"--cut--\r\n"


def get_canonical(raw: bytes) -> str:
    return canonical(raw, parse(raw))


DELIVERIES = (
    "",
    "Received: from mail.example by mx.steppe.example; Fri, 11 Nov 2022 14:20:09 +0100\r\n",
    "Return-Path: <timur@mail.example>\r\nDelivered-To: ask@steppe.example\r\nX-Spam-Score: 1.2\r\n",
    "ARC-Seal: i=1; a=rsa-sha256; b=abc\r\nAuthentication-Results: mx.steppe.example; dkim=pass\r\n",
    "DKIM-Signature: v=1; d=mail.example; b=abc\r\nReceived: by second.example; Fri, 11 Nov 2022 15:00:00 +0100\r\n",
)


def test_five_deliveries_of_one_mail_are_one() -> None:
    assert len(DELIVERIES) == 5
    assert {get_canonical(mail(trace=trace)) for trace in DELIVERIES} == {get_canonical(mail())}


def test_another_transfer_encoding_or_other_line_ends_make_no_other_mail() -> None:
    forms = {get_canonical(mail(encoding=encoding)) for encoding in ENCODED}
    assert forms | {get_canonical(mail().replace(b"\r\n", b"\n"))} == {get_canonical(mail())}


def test_a_store_that_marks_from_lines_makes_no_other_mail() -> None:
    line = "From here the road goes on.\r\n"
    assert get_canonical(mail(WORDS + ">" + line)) == get_canonical(mail(WORDS + line))


OTHERS = {
    "one word": mail(WORDS.replace("close", "open")),
    "one letter of HTML": mail().replace(b"<b>", b"<i>"),
    "another writer": mail(From="Timur Saparov <timur@mai1.example>"),
    "another date": mail(Date="Fri, 11 Nov 2022 18:20:04 +0500"),
    "another subject": mail(Subject="Re: A school on the river"),
    "another Message-ID": mail(Message_ID="<a2@mail.example>"),
    "no Message-ID": mail(Message_ID=""),
    "answer to another mail": mail(In_Reply_To="<edition-40@steppe.example>"),
    "with a photo": mail(photo=b"x" * 1000),
    "with a longer photo": mail(photo=b"x" * 1001),
}


def test_nobody_suppresses_a_mail_by_its_message_id() -> None:
    forms = {get_canonical(raw) for raw in OTHERS.values()} | {get_canonical(mail())}
    assert len(forms) == len(OTHERS) + 1


def test_values_do_not_run_into_each_other() -> None:
    assert get_canonical(mail(Subject="a b", Message_ID="<c@x>")) != get_canonical(
        mail(Subject="a", Message_ID="<b c@x>")
    )


BROKEN = b"From: timur@mail.example\r\nDate: Fri, 11 Nov 2022 18:20:03 +0500\r\nMessage-ID: <a1@mail.example>\r\n"


@pytest.mark.parametrize("fault", ["broken", "bytes", "parts", "depth", "time", "charset"])
def test_a_mail_that_cannot_be_read_is_known_by_its_bytes(fault: str) -> None:
    def get_canonical_with_fault(raw: bytes) -> str:
        return canonical(raw, replace(parse(raw), faults=(fault,)))

    raw = BROKEN + b"Content-Type: multipart/mixed; boundary\r\n\r\n\xff\xfe\x00 words"
    again = b"Received: by mx.steppe.example; now\r\nX-Spam: no\r\n" + raw
    assert get_canonical_with_fault(again) == get_canonical_with_fault(raw)
    assert get_canonical_with_fault(raw.replace(b"\r\n", b"\n")) == get_canonical_with_fault(raw)
    assert (
        len(
            {
                get_canonical_with_fault(raw),
                get_canonical_with_fault(raw + b"!"),
                get_canonical_with_fault(raw.replace(b"timur@", b"marek@")),
                get_canonical_with_fault(raw.replace(b":03", b":04")),
            }
        )
        == 4
    )


def test_canonical_takes_any_bytes_and_no_time() -> None:
    hostile = (b"", b"\n", b"\0" * 100, b"a:" * 2_000_000, b">" * 4_000_000, b"From: x\n\n" + b"<" * 4_000_000)
    words = "a " * 2_000_000
    with limit_cpu_time(3):
        forms = {canonical(raw, Mail(faults=("broken",))) for raw in hostile} | {
            canonical(b"", Mail(plain=words, html=words))
        }
    assert len(forms) == len(hostile)  # no bytes at all and one empty line are the same nothing
