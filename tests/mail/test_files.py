"""Files that hang on a mail: found again by number, named without harm, told by their bytes, and never unpacked."""

import io
import zipfile
from collections.abc import Iterator
from email.message import EmailMessage

import psutil
import pytest
from PIL import Image

from app.mail import attached_files
from app.mail.reading import ParserClient
from app.mailtext.incoming import AttachedFile
from app.mailtext.parsing import files
from app.mailtext.parsing.files import kind_of, sanitize_file_name
from app.mailtext.parsing.mime import MOST_PARTS
from app.mailtext.parsing.pictures import LONGEST_SIDE, NoPicture, redraw_picture
from tests.support.incoming_mails import mail
from tests.support.pictures import METADATA_SECRETS, build_decompression_bomb, draw_picture, draw_picture_with_metadata
from tests.support.timing import limit_cpu_time

JPEG = draw_picture()
DEEP = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(5_000))


def with_type(kind: bytes, body: bytes) -> bytes:
    return b"From: timur@post.example\r\nContent-Type: " + kind + b"\r\n\r\n" + body


@pytest.fixture
def reading() -> Iterator[ParserClient]:
    with ParserClient(cpu=attached_files.CPU, memory=attached_files.MEMORY) as opened:
        yield opened


def zipped(name: str, content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return made.getvalue()


NAMES = {
    "../../etc/passwd": "passwd",
    "C:\\Windows\\notepad.exe": "notepad.exe",
    "/media/Шағала/сурет.jpg": "сурет.jpg",
    'a.jpg"\r\nSet-Cookie: desk=1': "a.jpg_ Set-Cookie_ desk=1",
    "photo\u202egpj.exe": "photogpj.exe",
    "photo\u200f\u2066.jpg\u2069": "photo.jpg",
    "مقاله\u200cها.pdf": "مقاله\u200cها.pdf",
    "x" * 10_000 + ".jpeg": "x" * 115 + ".jpeg",
    "ф" * 10_000 + ".jpeg": "ф" * 97 + ".jpeg",
    "a.exe" + " " * 200 + ".jpg": "a.exe.jpg",
    "con.txt": "_con.txt",
    ".bashrc": "bashrc",
    "a%2e%2e.jpg ...": "a_2e_2e.jpg",
    "<b>x</b>": "b_",
    " .. ": "",
    "": "",
}


@pytest.mark.threat("hostile mail")
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_no_place_and_no_order(name: str) -> None:
    assert sanitize_file_name(name) == NAMES[name]


KINDS = {
    "jpeg": [JPEG, JPEG + b"<script>alert(1)</script>"],
    "png": [draw_picture(form="PNG")],
    "gif": [draw_picture(form="GIF"), b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)//"],
    "webp": [draw_picture(form="WEBP")],
    "picture": [b"II*\0" + bytes(20), bytes(3) + b"\x18ftypheic" + bytes(20)],
    "pdf": [b"%PDF-1.7\n", b"\n%PDF-1.4<script>"],
    "office": [zipped("[Content_Types].xml", b"<Types/>"), zipped("word/document.xml", b"x"), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"{\\rtf1"],
    "archive": [zipped("a.txt", b"x"), b"Rar!\x1a\x07\0", b"7z\xbc\xaf\x27\x1c\0", b"\x1f\x8b\x08\0"],
    "program": [b"MZ\x90\0" + bytes(60), b"\x7fELF\x02", b"#!/bin/sh\n"],
    "page": [b"<!DOCTYPE html><p>x", b"<!-- x -->\n<script>1</script>", b"<?xml version='1.0'?><svg onload='alert(1)'/>", b"<!---->" * 500 + b"<html>"],
    "mail": [b"Received: from x\n\tby y\nFrom: a@b.example\n\nx", b"From: Zarina <z@post.example>\r\nTo: x\r\n\r\nhello"],
    "encrypted": [b"-----BEGIN PGP MESSAGE-----\n\nhQ=="],
    "text": [b"Dear all,\nFrom: here on it rains.", "Сәлем".encode(), "Привет".encode("cp1251"), b""],
    "other": [b"\0\1\2\3"],
}  # fmt: skip


@pytest.mark.threat("hostile mail")
@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_told_by_the_bytes(kind: str) -> None:
    assert [kind_of(data) for data in KINDS[kind]] == [kind] * len(KINDS[kind])


def test_files_are_found_again_by_their_numbers() -> None:
    hung = [
        ("road.jpg", JPEG),
        ("../plates.docx", zipped("word/document.xml", b"x")),
        ("фото.jpg", b"<html><script>"),
        ("", b"\0x"),
    ]
    raw = mail(html="<p>x</p>", attachments=hung)
    listed, has_more = files.list_files(raw)
    assert (listed, has_more) == (
        [AttachedFile(name, len(data), kind) for (_, data), name, kind in zip(
            hung, ("road.jpg", "plates.docx", "фото.jpg", ""), ("jpeg", "office", "page", "other"), strict=True,
        )],
        False,
    )  # fmt: skip
    assert [files.get_file(raw, number) for number in range(-1, 5)] == [
        None, *zip(listed, [data for _, data in hung], strict=True), None,
    ]  # fmt: skip


@pytest.mark.threat("hostile mail")
def test_nothing_is_unpacked() -> None:
    bombed = zipped("a.txt", bytes(50_000_000))
    with limit_cpu_time(1.0):
        assert files.get_file(mail(attachments=[("a.zip", bombed)]), 0) == (
            AttachedFile("a.zip", len(bombed), "archive"),
            bombed,
        )


def test_a_file_that_was_written_into_a_text_is_one_too() -> None:
    raw = b"Subject: x\r\n\r\nhello\r\nbegin 644 plan.txt\r\n#86)C\r\n`\r\nend\r\n"
    assert (files.list_files(raw), files.get_file(raw, 0)) == (
        ([AttachedFile("plan.txt", 3, "text")], False), (AttachedFile("plan.txt", 3, "text"), b"abc"),
    )  # fmt: skip


def mail_with(*hung: bytes, subject: str = "outer") -> bytes:
    """A mail on which other mails hang, as a program forwards them, and a picture."""
    made = EmailMessage()
    made["From"], made["Subject"] = "Zarina <zarina@post.example>", subject
    made.set_content("see below")
    made.add_attachment(JPEG, "image", "jpeg", filename=f"of {subject}.jpg")
    whole = made.as_bytes()
    end = whole.rindex(b"--==")
    edge = whole[end:].strip().removesuffix(b"--")
    parts = b"".join(edge + b"\nContent-Type: message/rfc822\n\n" + one + b"\n" for one in hung)
    return whole[:end] + parts + whole[end:]


def test_a_mail_that_hangs_on_a_mail_stays_closed_and_its_files_are_listed_to_one_level() -> None:
    raw = mail_with(mail_with(mail_with(subject="inmost"), subject="inner"))
    listed, has_more = files.list_files(raw)
    assert ([(file.name, file.kind) for file in listed], has_more) == (
        [("of outer.jpg", "jpeg"), ("inner", "mail"), ("of inner.jpg", "jpeg"), ("inmost", "mail")],
        False,
    )
    opened = [files.get_file(raw, number) for number in range(5)]
    assert [one and one[1] for one in opened] == [JPEG, b"", JPEG, b"", None]


@pytest.mark.parametrize("kind", ["application/octet-stream", "text/plain", "application/pgp-keys"])
def test_a_mail_by_another_name_stays_closed_too(kind: str) -> None:
    part = f"Content-Type: {kind}; name=x.bin\r\n\r\nFrom: z@post.example\r\nReceived: by us\r\n\r\nx\r\n".encode()
    raw = with_type(b"multipart/mixed; boundary=b", b"--b\r\n" + part + b"--b--\r\n")
    found = files.get_file(raw, 0)
    assert found and (found[0].name, found[0].kind, found[1]) == ("x.bin", "mail", b"")


def test_what_is_encrypted_is_given_out_as_it_is() -> None:
    secret = b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQ==\r\n-----END PGP MESSAGE-----"
    raw = with_type(
        b"multipart/encrypted; protocol=application/pgp-encrypted; boundary=b",
        b"--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\n"
        b"Content-Type: application/octet-stream; name=encrypted.asc\r\n\r\n" + secret + b"\r\n--b--\r\n",
    )
    assert files.get_file(raw, 1) == (
        AttachedFile("encrypted.asc", len(secret.replace(b"\r", b"")), "encrypted"), secret.replace(b"\r", b""),
    )  # fmt: skip


@pytest.mark.threat("hostile mail")
def test_of_a_thousand_files_no_more_are_listed_than_parts_are_read(reading: ParserClient) -> None:
    raw = mail(attachments=[(f"{number}.jpg", JPEG) for number in range(1_000)])
    found = reading.files(raw)
    assert found is not None
    read = MOST_PARTS - 2  # beside the whole and its words
    assert (len(found[0]), found[1]) == (read, True)
    assert (reading.file(raw, read - 1), reading.file(raw, read)) == (
        (AttachedFile(f"{read - 1}.jpg", len(JPEG), "jpeg"), JPEG), None,
    )  # fmt: skip


@pytest.mark.threat("hostile mail")
@pytest.mark.parametrize("raw", [DEEP, mail_with(*[mail_with(mail_with())] * 300)], ids=["deep", "many mails in mails"])
def test_what_is_nested_without_end_comes_to_an_end(reading: ParserClient, raw: bytes) -> None:
    found = reading.files(raw)
    assert found is not None and len(found[0]) <= MOST_PARTS and found[1]


@pytest.mark.threat("hostile mail")
def test_mails_within_mails_without_end_are_one_closed_file(reading: ParserClient) -> None:
    raw = b"Content-Type: message/rfc822\r\n\r\n" * 10_000 + b"hello"
    found = reading.files(raw)
    assert found is not None
    assert ([file.kind for file in found[0]], found[1]) == (["mail", "mail"], False)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP"])
def test_nothing_of_the_metadata_is_left_in_a_picture(form: str) -> None:
    planted = draw_picture_with_metadata(form)
    assert [one for one in METADATA_SECRETS if one in planted] != []
    kind, drawn = redraw_picture(planted)
    assert [one for one in METADATA_SECRETS if one in drawn] == []
    with Image.open(io.BytesIO(drawn)) as image:
        turned = {"JPEG": (24, 32), "PNG": (24, 32), "WEBP": (24, 32), "GIF": (32, 24)}[form]
        assert (kind, image.size, dict(image.getexif()), image.info.keys() & {"exif", "xmp", "icc_profile", "comment"}) == (
            "image/jpeg", turned, {}, set(),
        )  # fmt: skip


def test_what_is_transparent_stays_so() -> None:
    kind, drawn = redraw_picture(draw_picture(form="PNG", mode="RGBA"))
    with Image.open(io.BytesIO(drawn)) as image:
        assert (kind, image.mode, image.size) == ("image/png", "RGBA", (32, 24))


@pytest.mark.threat("hostile mail")
def test_a_polyglot_is_only_a_picture_afterwards() -> None:
    script = b"<script>alert(document.domain)</script>"
    for planted in (draw_picture() + script, draw_picture(form="GIF", comment=b"*/=1;" + script)):
        assert script in planted
        assert script not in redraw_picture(planted)[1]


def test_a_large_photo_is_made_smaller() -> None:
    with Image.open(io.BytesIO(redraw_picture(draw_picture((4_000, 3_000)))[1])) as image:
        assert image.size == (LONGEST_SIDE, LONGEST_SIDE * 3 // 4)


@pytest.mark.threat("hostile mail")
@pytest.mark.parametrize(("data", "reason"), [
    (build_decompression_bomb(), "large"), (build_decompression_bomb(10_000, 5_001), "large"),
    (b"\xff\xd8\xff", "unreadable"), (JPEG[:300], "unreadable"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unreadable"), (draw_picture(form="TIFF"), "unreadable"),
    (draw_picture(form="BMP"), "unreadable"), (b"", "unreadable"),
])  # fmt: skip
def test_what_is_no_picture_or_too_large_is_not_drawn(data: bytes, reason: str) -> None:
    with limit_cpu_time(1.0), pytest.raises(NoPicture, match=f"^{reason}$"):
        redraw_picture(data)


@pytest.mark.threat("hostile mail")
def test_a_picture_is_drawn_in_a_process_of_its_own_with_little_memory(reading: ParserClient) -> None:
    raw = mail(attachments=[("a.jpg", draw_picture_with_metadata("JPEG")), ("b.png", build_decompression_bomb())])
    assert (reading.picture(raw, 0)[0], reading.picture(raw, 1), reading.picture(raw, 2)) == (
        "image/jpeg", ("", b"large"), ("", b"unreadable"),
    )  # fmt: skip
    assert reading._process is not None
    assert psutil.Process(reading._process.pid).rlimit(psutil.RLIMIT_AS) == (attached_files.MEMORY,) * 2


def test_a_photo_of_the_largest_telephones_is_shown_within_these_limits(reading: ParserClient) -> None:
    kind, drawn = reading.picture(mail(attachments=[("a.jpg", draw_picture((8_064, 6_048), mode="L"))]), 0)
    with Image.open(io.BytesIO(drawn)) as image:
        assert (kind, image.size) == ("image/jpeg", (LONGEST_SIDE, LONGEST_SIDE * 3 // 4))


@pytest.mark.threat("hostile mail")
def test_a_process_that_dies_over_a_file_gives_none() -> None:
    with ParserClient(seconds=1) as reading:
        reading.parse(b"")
        assert reading._process is not None
        psutil.Process(reading._process.pid).suspend()
        assert reading.file(mail(attachments=[("a.jpg", JPEG)]), 0) is None


def test_the_largest_mail_that_is_taken_is_opened_whole(reading: ParserClient) -> None:
    large = JPEG + bytes(range(256)) * 71_000  # 18 MB, 25 as a mail carries it
    raw = mail(attachments=[("road.jpg", large)])
    assert reading.files(raw) == ((AttachedFile("road.jpg", len(large), "jpeg"),), False)
    assert reading.file(raw, 0) == (AttachedFile("road.jpg", len(large), "jpeg"), large)
    assert reading.picture(raw, 0)[0] == "image/jpeg"
