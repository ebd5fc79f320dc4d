"""A file attached to a mail: what it is, its picture drawn anew, and the download.

What a stranger sent is never shown as it came: it is given out as bytes to be saved, which no browser takes for a page.
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
from ...mailtext.parsing.files import CLOSED, PICTURES
from ...web import errors
from ...web.setup import or_404
from .. import incoming_mails
from ..frame import RequestContext, editor, page, read_context, require_row, run_in_transaction

# What each kind is called, the ending of a name that is made up for one, and the endings that others honestly have.
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
    """Say what a file is, and where its name says otherwise."""
    known = FILE_KINDS.get(file.kind)
    if known is None:
        return _("not looked at")
    ending = ending_of(file.name)
    is_so = ending in known[2].split() or ending not in _CLAIMS
    return str(known[0]) if is_so else _("%(kind)s, whatever its name says", kind=known[0])


def ending_of(name: str) -> str:
    """Return the ending of a file's name in small letters, without its point."""
    found = re.search(r"\.(\w{1,12})\Z", name)
    return found[1].lower() if found else ""


def get_download_name(file: File, number: int) -> str:
    """Return the name under which a file is saved: its own, or one that is made up from its place and kind."""
    made = FILE_KINDS[file.kind][1] if file.kind in FILE_KINDS else ""
    return file.name or f"file-{number}{f'.{made}' if made else ''}"


ADDRESS = "/<slug>/pen/<public_id>/files/<int:number>"
# A browser that is led here runs nothing, asks for nothing and knows no cookie of ours, whatever the bytes are.
SEALED_OFF = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def _get_mail(desk: RequestContext, public_id: str) -> Inbound:
    row = inbound.load(desk.session, desk.newsletter.id, public_id)
    return require_row(desk, row, "editor.pen_mail", public_id, _("Back to the mail"))


def _get_reading_and_file(desk: RequestContext, row: Inbound, number: int) -> tuple[Reading, File]:
    """Return what was read in the mail, and the file of this number in its list, from 1; 404 once they are erased."""
    reading = or_404(incoming_mails.readings(desk.session, [row]).get(row.id))
    if not 1 <= number <= len(reading.attachments):
        abort(404)
    return reading, reading.attachments[number - 1]


def _bytes_of(slug: str, public_id: str, number: int) -> bytes:
    """Fetch the mail of a file that is listed; nothing is read in it while a transaction is open."""
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
            is_closed=file.kind == CLOSED,
            picture=url_for("editor.mail_picture", **at) if file.kind in PICTURES else "",
            download=url_for("editor.mail_file_take", **at),
            origin_link=_get_origin_link(desk, row),
            number=number,
            count=len(reading.attachments),
        )


def _get_origin_link(desk: RequestContext, row: Inbound) -> tuple[str, str]:
    """Return the address of the letter that the mail became, or of the mail, with the words of the link to it."""
    letter = desk.session.get(Letter, row.letter_id) if row.letter_id else None
    if letter and letter.newsletter_id == desk.newsletter.id:
        here = url_for("editor.letter", slug=desk.newsletter.slug, public_id=letter.public_id)
        return here, _("Back to the letter")
    return url_for("editor.pen_mail", slug=desk.newsletter.slug, public_id=row.public_id), _("Back to the mail")


@editor.sheet(f"{ADDRESS}/picture", "read")
def mail_picture(slug: str, public_id: str, number: int) -> BaseResponse:
    """Give the picture drawn anew, or say why it can't be shown."""
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
    """Give the file as it came, to be saved; who took it is noted, so it is no GET."""
    raw = _bytes_of(slug, public_id, number)
    opened = or_404(hung_files.fetch_file(raw, number - 1))
    file, data = opened
    if file.kind == CLOSED:
        abort(404)
    run_in_transaction(
        slug, lambda desk: hung_files.note_taken(desk.session, desk.actor, _get_mail(desk, public_id), number - 1)
    )
    headers = SEALED_OFF | {"Content-Disposition": disposition(get_download_name(file, number))}
    return Response(data, content_type="application/octet-stream", headers=headers)


def disposition(name: str) -> str:
    """Tell a browser to save under a name: in ASCII for old ones, and whole (RFC 6266, section 4.3, and RFC 8187)."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^\w .()+-]", "_", plain).strip(". ") or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='!#$&+-.^_`|~')}"
