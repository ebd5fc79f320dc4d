"""A file attached to a mail: its kind, a redrawn picture, and the download.

A stranger's file is never shown as it came. It is served as a download, in a form that no browser renders.
"""

import re
import unicodedata
from typing import Any
from urllib.parse import quote

from flask import Response, abort, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as BaseResponse

from ...letters.models import Letter
from ...mail import hung_files, inbound
from ...mail.inbound import Reading
from ...mail.models import Inbound
from ...mailtext.incoming import File
from ...mailtext.parsing.files import CLOSED_KIND, PICTURES
from ...web import errors
from ...web.setup import or_404
from .. import incoming_mails
from ..frame import RequestContext, editor, page, read_context, require_row, run_in_transaction

# By kind: its label, the extension of an invented file name, and the extensions that such files usually have.
FILE_KINDS: dict[str, tuple[Any, str, str]] = {
    "jpeg": (_l("JPEG picture"), "jpg", "jpg jpeg jpe jfif"),
    "png": (_l("PNG picture"), "png", "png apng"),
    "gif": (_l("GIF picture"), "gif", "gif"),
    "webp": (_l("WebP picture"), "webp", "webp"),
    "picture": (_l("picture of a kind that isn’t shown here"), "", "heic heif avif tif tiff bmp dng psd nef cr2 arw"),
    "pdf": (_l("PDF document"), "pdf", "pdf ai"),
    "office": (
        _l("Word, Excel or another office file"),
        "",
        "doc docx docm dot dotx xls xlsx xlsm ppt pptx odt ods odp rtf msg pages wps",
    ),
    "archive": (
        _l("archive, which is not unpacked here"),
        "",
        "zip rar 7z gz tgz bz2 xz zst tar cab docx xlsx pptx odt pages numbers key epub jar apk",
    ),
    "sound": (_l("sound"), "", "mp3 ogg oga opus flac wav amr m4a aac"),
    "film": (_l("film"), "", "mp4 m4v m4a mov 3gp webm mkv avi mpg mpeg flv heic"),
    "program": (_l("program"), "", "exe dll com scr msi so sh py pl elf bin lnk class"),
    "encrypted": (_l("encrypted, to be opened elsewhere"), "", "pgp gpg asc age enc"),
    "page": (_l("web page"), "", "html htm xhtml svg xml mht"),
    "mail": (_l("mail, which stays closed"), "eml", "eml mht"),
    "text": (_l("text"), "txt", "txt md csv tsv log asc ics vcf json xml yaml srt sig key pem gpx kml tex rtf"),
    "other": (_l("of no kind that is known here"), "", ""),
}
_CLAIMS = {ending for _label, _made, endings in FILE_KINDS.values() for ending in endings.split()}
PICTURE_FAULTS = {
    "large": _l("It is too large to be shown here."),
    "unreadable": _l("It is damaged, or not the kind of picture that it says."),
    "time": _l("It takes too long to be drawn."),
    "broken": _l("It couldn’t be drawn."),
}


@editor.app_template_filter("file_kind")
def kind_words(file: File) -> str:
    """Return what kind a file is, and whether its name claims another."""
    known = FILE_KINDS.get(file.kind)
    if known is None:
        return _("not looked at")
    ending = ending_of(file.name)
    is_so = ending in known[2].split() or ending not in _CLAIMS
    return str(known[0]) if is_so else _("%(kind)s, whatever its name says", kind=known[0])


def ending_of(name: str) -> str:
    """Return the extension of a file name in lower case, without its dot, or ""."""
    found = re.search(r"\.(\w{1,12})\Z", name)
    return found[1].lower() if found else ""


def get_download_name(file: File, number: int) -> str:
    """Return the name for a download: the file's own, or one made from its number and kind."""
    made = FILE_KINDS[file.kind][1] if file.kind in FILE_KINDS else ""
    return file.name or f"file-{number}{f'.{made}' if made else ''}"


ADDRESS = "/<slug>/pen/<public_id>/files/<int:number>"
# A browser that opens such a response runs no script, loads nothing and gives it no access to our cookies.
SEALED_OFF = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def _get_mail(desk: RequestContext, public_id: str) -> Inbound:
    row = inbound.load(desk.session, desk.newsletter.id, public_id)
    return require_row(desk, row, "editor.pen_mail", public_id, _("Back to the mail"))


def _get_reading_and_file(desk: RequestContext, row: Inbound, number: int) -> tuple[Reading, File]:
    """Return the reading of a mail, and its file with this number, from 1. 404 once they are erased."""
    reading = or_404(incoming_mails.load_readings(desk.session, [row]).get(row.id))
    if not 1 <= number <= len(reading.attachments):
        abort(404)
    return reading, reading.attachments[number - 1]


def _bytes_of(slug: str, public_id: str, number: int) -> bytes:
    """Return the raw mail of a listed file. It is parsed after the transaction has ended."""
    with read_context(slug) as desk:
        row = _get_mail(desk, public_id)
        _get_reading_and_file(desk, row, number)
        return inbound.raw_of(desk.session, row)


@editor.sheet(ADDRESS, "read")
def mail_file(slug: str, public_id: str, number: int) -> str:
    with read_context(slug) as desk:
        row = _get_mail(desk, public_id)
        reading, file = _get_reading_and_file(desk, row, number)
        at: dict[str, Any] = {"slug": slug, "public_id": public_id, "number": number}
        return page(
            desk,
            "editor/mail/file.html",
            "letters" if row.is_letter else "pen",
            file=file,
            kind=kind_words(file),
            is_closed=file.kind == CLOSED_KIND,
            picture=url_for("editor.mail_picture", **at) if file.kind in PICTURES else "",
            download=url_for("editor.mail_file_take", **at),
            origin_link=_get_origin_link(desk, row),
            number=number,
            count=len(reading.attachments),
        )


def _get_origin_link(desk: RequestContext, row: Inbound) -> tuple[str, str]:
    """Return the address of the letter that the mail became, or else of the mail, and the label of the link to it."""
    letter = desk.session.get(Letter, row.letter_id) if row.letter_id else None
    if letter and letter.newsletter_id == desk.newsletter.id:
        here = url_for("editor.letter", slug=desk.newsletter.slug, public_id=letter.public_id)
        return here, _("Back to the letter")
    return url_for("editor.pen_mail", slug=desk.newsletter.slug, public_id=row.public_id), _("Back to the mail")


@editor.sheet(f"{ADDRESS}/picture", "read")
def mail_picture(slug: str, public_id: str, number: int) -> BaseResponse:
    """Return the redrawn picture, or an error page that says why it can't be shown."""
    raw = _bytes_of(slug, public_id, number)
    kind, data = hung_files.redraw_picture(raw, number - 1)
    if kind:
        return Response(data, mimetype=kind, headers=SEALED_OFF)
    why = errors.ErrorMessage(
        _("This picture can’t be shown"),
        str(PICTURE_FAULTS.get(data.decode(), PICTURE_FAULTS["broken"])),
        _("Go back and download it, and open it where a bad file does no harm."),
    )
    return errors.render_error(422, message=why)


@editor.press(ADDRESS, "read")
def mail_file_take(slug: str, public_id: str, number: int) -> BaseResponse:
    """Return the file as it came, as a download. It takes a POST because the download is recorded."""
    raw = _bytes_of(slug, public_id, number)
    opened = or_404(hung_files.fetch_file(raw, number - 1))
    file, data = opened
    if file.kind == CLOSED_KIND:
        abort(404)
    run_in_transaction(
        slug, lambda desk: hung_files.record_download(desk.session, desk.actor, _get_mail(desk, public_id), number - 1)
    )
    headers = SEALED_OFF | {"Content-Disposition": disposition(get_download_name(file, number))}
    return Response(data, content_type="application/octet-stream", headers=headers)


def disposition(name: str) -> str:
    """Return a Content-Disposition header with an ASCII name and the full one (RFC 6266, section 4.3, and RFC 8187)."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^\w .()+-]", "_", plain).strip(". ") or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='!#$&+-.^_`|~')}"
