"""Documents that experts attach: their text is read in a process of its own, and hostile ones end with a clear reason."""

import zipfile
from collections.abc import Iterator
from io import BytesIO

import pytest

from app.answers.writing import MAX_ANSWER_LENGTH
from app.mail import attached_files
from app.mail.reading import ParserClient
from app.mailtext.parsing.documents import MAX_CHARACTERS, MAX_PAGES, MAX_XML_BYTES, UnreadableDocument, read_document
from tests.support.documents import (
    print_pdf,
    write_docx,
    write_docx_xml,
    write_odt,
    write_pdf,
    write_pdf_with_content,
    zip_files,
)
from tests.support.incoming_mails import mail

SALT = "We put up salt plates in 2009 and count what falls on them. Each plate is weighed every month, and what the wind brings is more than what the river took."


def test_the_words_of_a_word_file_come_out_in_paragraphs() -> None:
    assert (
        read_document(write_docx([SALT, "", "Best,\nDarius"], ["Salt", "Dust"]))
        == f"{SALT}\n\nBest,\nDarius\n\n- Salt\n- Dust"
    )
    tracked = (
        '<w:p><w:pPr><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr><w:r><w:t>We weigh</w:t><w:tab/><w:t>it.</w:t></w:r>'
        "<w:del><w:r><w:delText>No.</w:delText></w:r></w:del><w:ins><w:r><w:t xml:space='preserve'> Yes.</w:t></w:r></w:ins></w:p>"
        "<w:p><w:r><w:instrText>HYPERLINK</w:instrText></w:r></w:p>"
    )
    assert read_document(write_docx_xml(tracked)) == "We weigh it. Yes."


def test_the_words_of_an_opendocument_text_come_out_in_paragraphs() -> None:
    body = (
        "<text:tracked-changes><text:p>Deleted</text:p></text:tracked-changes>"
        '<text:h>Salt</text:h><text:p>We <text:span>weigh</text:span><text:s text:c="2"/>it<text:note><text:p>A note</text:p></text:note>,'
        "<text:line-break/>all of it.</text:p>"
        "<text:list><text:list-item><text:p>Salt</text:p></text:list-item><text:list-item><text:p>Dust</text:p></text:list-item></text:list>"
    )
    assert read_document(write_odt(body)) == "Salt\n\nWe weigh it,\nall of it.\n\n- Salt\n- Dust"


def test_the_words_of_an_rtf_file_come_out_in_paragraphs() -> None:
    rtf = rb"{\rtf1\ansi\ansicpg1251{\fonttbl{\f0\fcharset204 Times;}}{\*\generator Writer;}\f0 \'d1\'ee\'eb\'fc\par Caf\u233? \u-10179?\u-8704?}"
    assert read_document(rtf) == "Соль\n\nCafé 😀"


@pytest.mark.browser
def test_the_words_of_a_pdf_come_out_in_paragraphs_and_in_reading_order() -> None:
    english = f"<body style='font: 12pt serif'><h1>On salt</h1><p>{SALT}<p>Best,<br>Darius"
    assert read_document(print_pdf(english)) == f"On salt\n\n{SALT}\n\nBest,\nDarius"
    persian = "از سال ۲۰۰۹ نمک را با دستگاه Aral Station وزن کردند (هر ماه)."
    assert (
        read_document(print_pdf(f"<body dir=rtl style='font: 12pt serif'><p>{persian}<p>بند دوم."))
        == f"{persian}\n\nبند دوم."
    )


def refusal(data: bytes) -> str:
    with pytest.raises(UnreadableDocument) as refused:
        read_document(data)
    return str(refused.value)


def test_no_text_is_read_that_an_answer_would_cut_off() -> None:
    assert MAX_CHARACTERS == MAX_ANSWER_LENGTH


def test_what_has_no_words_or_is_something_else_says_so() -> None:
    assert refusal(write_pdf()) == "empty"  # as a scan is
    assert refusal(write_docx([""])) == "empty"
    assert [
        refusal(data)
        for data in (zip_files({"xl/workbook.xml": "<x/>"}), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"Dear all")
    ] == ["unknown"] * 3


@pytest.fixture(scope="module")
def parser() -> Iterator[ParserClient]:
    with ParserClient(cpu=attached_files.CPU, memory=attached_files.MEMORY) as opened:
        yield opened


LAUGHS = (
    "<!DOCTYPE x [<!ENTITY a 'ha'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 9)).replace("&a0;", "&a;")
    + "]>"
)
SECRET = "<!DOCTYPE x [<!ENTITY s SYSTEM 'file:///etc/passwd'>]>"
BOMB = "<w:p><w:r><w:t>" + "salt " * (MAX_XML_BYTES // 5) + "</w:t></w:r></w:p>"


def lie(data: bytes) -> bytes:
    """Say in the directory of the archive that its files are small."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        size = archive.getinfo("word/document.xml").file_size
    return data.replace(size.to_bytes(4, "little"), (9).to_bytes(4, "little"))


HOSTILE = {
    "a zip bomb": (write_docx_xml(BOMB), "large"),
    "a zip bomb that lies": (lie(write_docx_xml(BOMB)), "unreadable"),
    "a bomb of entities": (write_docx_xml("<w:p><w:r><w:t>&a8;</w:t></w:r></w:p>", LAUGHS), "unreadable"),
    "a bomb of entities in ODT": (write_odt("<text:p>&a8;</text:p>", prolog=LAUGHS), "unreadable"),
    "a file of ours": (write_docx_xml("<w:p><w:r><w:t>&s;</w:t></w:r></w:p>", SECRET), "unreadable"),
    "a book": (write_docx_xml("<w:p><w:r><w:t>salt</w:t></w:r></w:p>" * MAX_CHARACTERS), "large"),
    "a deep document": (write_docx_xml("<w:p>" * 300_000 + "</w:p>" * 300_000), "empty"),
    "a broken document": (write_docx([SALT])[:-200], "unreadable"),
    "broken XML": (write_docx_xml("<w:p><w:r><w:t>salt"), "unreadable"),
    "an encrypted Word file": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
    "an encrypted ODT": (write_odt("", "<manifest:encryption-data/>"), "encrypted"),
    "an encrypted PDF": (write_pdf(password="secret"), "encrypted"),
    "ten thousand pages": (write_pdf(10_000), "large"),
    "one page too many": (write_pdf(MAX_PAGES + 1), "large"),
    "a broken PDF": (write_pdf(3)[:300], "unreadable"),
    "a bomb of a page": (write_pdf_with_content(bytes(300_000_000)), "unreadable"),
    "a bomb of letters": (write_pdf_with_content(b"BT (x) Tj ET " * 2_000_000), ("time", "large")),
    "an endless field": (b"{\\rtf1 " + b"{\\field{\\*\\fldinst{HYPERLINK \"" * 200_000, "time"),
}  # fmt: skip


@pytest.mark.threat("hostile mail")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_ends_with_a_reason_and_the_next_one_is_read(parser: ParserClient, name: str) -> None:
    data, reason = HOSTILE[name]
    reasons = (reason,) if isinstance(reason, str) else reason  # a machine may reach either limit first
    assert parser.document(mail(attachments=[("answer.docx", data)]), 0) in [("", reason) for reason in reasons]
    assert parser.document(mail(attachments=[("answer.docx", write_docx([SALT]))]), 0) == (SALT, "")
