"""Documents as experts attach them to their mails, and hostile ones."""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence

from docx import Document
from pypdf import PdfWriter

from tests.support.browsers import start_chromium

WORD_SPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
ODF_SPACES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
)


def zip_files(files: Mapping[str, str | bytes]) -> bytes:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return zipped.getvalue()


def write_docx(paragraphs: Sequence[str], items: Sequence[str] = ()) -> bytes:
    """Return a Word file, as python-docx writes it, with a list at its end."""
    document, written = Document(), io.BytesIO()
    for text in paragraphs:
        document.add_paragraph(text)
    for item in items:
        document.add_paragraph(item, style="List Bullet")
    document.save(written)
    return written.getvalue()


def write_docx_xml(body: str, prolog: str = "") -> bytes:
    """Return a Word file with this XML in its body, and `prolog` above it."""
    xml = f'<?xml version="1.0"?>{prolog}<w:document xmlns:w="{WORD_SPACE}"><w:body>{body}</w:body></w:document>'
    return zip_files({"[Content_Types].xml": "<Types/>", "word/document.xml": xml})


def write_odt(body: str, manifest: str = "<manifest/>", prolog: str = "") -> bytes:
    """Return an OpenDocument text with this XML in its body."""
    xml = f'<?xml version="1.0"?>{prolog}<office:document-content {ODF_SPACES}><office:body><office:text>{body}</office:text></office:body></office:document-content>'
    return zip_files(
        {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": xml, "META-INF/manifest.xml": manifest}
    )


def print_pdf(html: str) -> bytes:
    """Return what Chromium prints."""
    with start_chromium() as browser:
        page = browser.new_page()
        page.set_content(html)
        return page.pdf()


def write_pdf(pages: int = 1, password: str | None = None) -> bytes:
    """Return a PDF with empty pages, encrypted if there is a `password`."""
    writer, written = PdfWriter(), io.BytesIO()
    for _ in range(pages):
        writer.add_blank_page(200, 200)
    if password is not None:
        writer.encrypt(password, "the owner's", algorithm="AES-256")
    writer.write(written)
    return written.getvalue()


def write_pdf_with_content(content: bytes, entries: bytes = b"") -> bytes:
    """Return a PDF of one page with this content stream, deflated; `entries` are further ones of the page."""
    stream = zlib.compress(content, 9)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R " + entries + b">>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n" % len(stream) + stream + b"\nendstream",
    ]
    written, offsets = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(written))
        written += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return (
        written
        + b"xref\n0 5\n0000000000 65535 f \n"
        + table
        + b"trailer << /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % len(written)
    )
