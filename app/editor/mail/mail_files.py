"""A file attached to a mail: its kind, a redrawn picture, the text of a document, and the download.

A stranger's file is never shown as it came. It is served as a download, in a form that no browser renders.
"""

import re
import unicodedata
from typing import Any, NamedTuple
from urllib.parse import quote

from flask import Response, abort, redirect, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as BaseResponse

from ...answers import mailed_answers
from ...answers.queries import answers_of
from ...letters.models import Letter
from ...mail import attached_files, inbound
from ...mail.inbound import MailContent
from ...mail.models import Inbound
from ...mailtext.incoming import AttachedFile
from ...mailtext.parsing.documents import READABLE_KINDS
from ...mailtext.parsing.files import CLOSED_KIND, PICTURES
from ...text.clean import word_count
from ...web import errors
from ...web.foreign_files import ISOLATING_HEADERS
from ...web.setup import or_404
from .. import incoming_mails
from ..conflict import check_unchanged, save_unless_changed
from ..frame import RequestContext, announce, editor, page, read_context, require_row, run_in_transaction


class FileKind(NamedTuple):
    label: Any
    default_extension: str  # for a file without a name; "" for none
    usual_extensions: str  # separated by spaces


FILE_KINDS: dict[str, FileKind] = {
    "jpeg": FileKind(_l("JPEG picture"), "jpg", "jpg jpeg jpe jfif"),
    "png": FileKind(_l("PNG picture"), "png", "png apng"),
    "gif": FileKind(_l("GIF picture"), "gif", "gif"),
    "webp": FileKind(_l("WebP picture"), "webp", "webp"),
    "picture": FileKind(
        _l("picture of a kind that isn’t shown here"), "", "heic heif avif tif tiff bmp dng psd nef cr2 arw"
    ),
    "pdf": FileKind(_l("PDF document"), "pdf", "pdf ai"),
    "office": FileKind(
        _l("Word, Excel or another office file"),
        "",
        "doc docx docm dot dotx xls xlsx xlsm ppt pptx odt ods odp rtf msg pages wps",
    ),
    "archive": FileKind(
        _l("archive, which is not unpacked here"),
        "",
        "zip rar 7z gz tgz bz2 xz zst tar cab docx xlsx pptx odt pages numbers key epub jar apk",
    ),
    "sound": FileKind(_l("sound"), "", "mp3 ogg oga opus flac wav amr m4a aac"),
    "film": FileKind(_l("film"), "", "mp4 m4v m4a mov 3gp webm mkv avi mpg mpeg flv heic"),
    "program": FileKind(_l("program"), "", "exe dll com scr msi so sh py pl elf bin lnk class"),
    "encrypted": FileKind(_l("encrypted, to be opened elsewhere"), "", "pgp gpg asc age enc"),
    "page": FileKind(_l("web page"), "", "html htm xhtml svg xml mht"),
    "mail": FileKind(_l("mail, which stays closed"), "eml", "eml mht"),
    "text": FileKind(_l("text"), "txt", "txt md csv tsv log asc ics vcf json xml yaml srt sig key pem gpx kml tex rtf"),
    "other": FileKind(_l("of no kind that is known here"), "", ""),
}
_KNOWN_EXTENSIONS = {extension for kind in FILE_KINDS.values() for extension in kind.usual_extensions.split()}
DOCUMENT_FAULTS = {
    "encrypted": _l("It is encrypted. Ask for it without a password."),
    "large": _l("It is longer than what is read here: 60 pages, or 20,000 characters."),
    "unreadable": _l("It is damaged, or not the kind of document it claims to be."),
    "empty": _l("It has no words, perhaps only pictures of them."),
    "unknown": _l("Only Word (.docx), OpenDocument (.odt), RTF and PDF can be read here."),
    "time": _l("It takes too long to be read."),
    "broken": _l("It couldn’t be read."),
}
PICTURE_FAULTS = {
    "large": _l("It is too large to be shown here."),
    "unreadable": _l("It is damaged, or not the kind of picture it claims to be."),
    "time": _l("It takes too long to be drawn."),
    "broken": _l("It couldn’t be drawn."),
}


@editor.app_template_filter("file_kind")
def describe_kind(file: AttachedFile) -> str:
    """Return the label of a file's kind, with a remark if the extension of its name belongs to another kind."""
    file_kind = FILE_KINDS.get(file.kind)
    if file_kind is None:
        return _("not looked at")
    extension = get_extension(file.name)
    if extension in file_kind.usual_extensions.split() or extension not in _KNOWN_EXTENSIONS:
        return str(file_kind.label)
    return _("%(kind)s, despite its name", kind=file_kind.label)


def get_extension(name: str) -> str:
    """Return the extension of a file name in lower case, without its dot, or ""."""
    match = re.search(r"\.(\w{1,12})\Z", name)
    return match[1].lower() if match else ""


def get_download_name(file: AttachedFile, number: int) -> str:
    """Return the name for a download: the file's own, or else one made from its number and kind."""
    if file.name:
        return file.name
    extension = FILE_KINDS[file.kind].default_extension if file.kind in FILE_KINDS else ""
    return f"file-{number}.{extension}" if extension else f"file-{number}"


FILE_RULE = "/<slug>/pen/<public_id>/files/<int:number>"


def _get_mail(desk: RequestContext, public_id: str) -> Inbound:
    row = inbound.load(desk.session, desk.newsletter.id, public_id)
    return require_row(desk, row, "editor.pen_mail", public_id, _("Back to the mail"))


def _get_reading_and_file(desk: RequestContext, mail: Inbound, number: int) -> tuple[MailContent, AttachedFile]:
    """Return the reading of a mail, and its file with this number, counted from 1.

    Aborts with 404 if the mail has no such file, or can't be read any more, e.g. because it is erased.
    """
    reading = or_404(incoming_mails.load_readings(desk.session, [mail]).get(mail.id))
    if not 1 <= number <= len(reading.attachments):
        abort(404)
    return reading, reading.attachments[number - 1]


def _load_raw_mail(slug: str, public_id: str, number: int) -> bytes:
    """Return the raw mail that holds a file, to be parsed outside of a transaction, since that can take seconds."""
    with read_context(slug) as desk:
        mail = _get_mail(desk, public_id)
        _get_reading_and_file(desk, mail, number)
        return inbound.get_raw(desk.session, mail)


@editor.restricted_page(FILE_RULE, permission="read")
def mail_file(slug: str, public_id: str, number: int) -> str:
    return _render_file(slug, public_id, number)


def _render_file(slug: str, public_id: str, number: int, text: str = "", fault: str = "") -> str:
    """Render the page of a file, with the text that was read from it, or the reason why it couldn't be read."""
    with read_context(slug) as desk:
        mail = _get_mail(desk, public_id)
        reading, file = _get_reading_and_file(desk, mail, number)
        letter = _get_letter(desk, mail)
        url_params: dict[str, Any] = {"slug": slug, "public_id": public_id, "number": number}
        return page(
            desk,
            "editor/mail/file.html",
            "letters" if mail.is_letter else "pen",
            file=file,
            kind=describe_kind(file),
            is_closed=file.kind == CLOSED_KIND,
            picture=url_for("editor.mail_picture", **url_params) if file.kind in PICTURES else "",
            download=url_for("editor.mail_file_take", **url_params),
            origin_link=_get_origin_link(desk, mail, letter),
            has_text=file.kind in READABLE_KINDS,
            text_url=url_for("editor.mail_file_text", **url_params),
            text=text,
            word_count=word_count(text),
            fault=DOCUMENT_FAULTS[fault] if fault else "",
            answer_form=_get_answer_form(desk, letter) if text and letter else None,
            answer_url=url_for("editor.mail_file_answer", **url_params),
            number=number,
            count=len(reading.attachments),
        )


def _get_letter(desk: RequestContext, mail: Inbound) -> Letter | None:
    """Return the letter that the mail became at this newsletter, or None."""
    letter = desk.session.get(Letter, mail.letter_id) if mail.letter_id else None
    return letter if letter and letter.newsletter_id == desk.newsletter.id else None


def _get_answer_form(desk: RequestContext, letter: Letter) -> dict[str, Any] | None:
    """Return the template values of the form that files an expert's letter, if it may be filed as the answer."""
    assignment = incoming_mails.load_subjects(desk.session, [letter]).get_assignment(letter)
    form = incoming_mails.get_filing_form(desk, letter, assignment) if assignment else None
    return form if form and "answer" in form["accepted_kinds"] else None


def _get_origin_link(desk: RequestContext, mail: Inbound, letter: Letter | None) -> tuple[str, str]:
    """Return the address of the letter that the mail became, or else of the mail, and the label of the link to it."""
    if letter:
        letter_url = url_for("editor.letter", slug=desk.newsletter.slug, public_id=letter.public_id)
        return letter_url, _("Back to the letter")
    return url_for("editor.pen_mail", slug=desk.newsletter.slug, public_id=mail.public_id), _("Back to the mail")


@editor.restricted_page(f"{FILE_RULE}/picture", permission="read")
def mail_picture(slug: str, public_id: str, number: int) -> BaseResponse:
    """Return the redrawn picture, or an error page that says why it can't be shown."""
    raw = _load_raw_mail(slug, public_id, number)
    content_type, data = attached_files.redraw_picture(raw, number - 1)
    if content_type:
        return Response(data, mimetype=content_type, headers=ISOLATING_HEADERS)
    fault_code = data.decode()
    message = errors.ErrorMessage(
        _("This picture can’t be shown"),
        str(PICTURE_FAULTS.get(fault_code, PICTURE_FAULTS["broken"])),
        _("Go back and download it, and open it where a bad file does no harm."),
    )
    return errors.render_error(422, message=message)


@editor.restricted_page(f"{FILE_RULE}/text", permission="read")
def mail_file_text(slug: str, public_id: str, number: int) -> str | tuple[str, int]:
    """Show the text of an attached document beside the file."""
    text, fault = attached_files.read_document(_load_raw_mail(slug, public_id, number), number - 1)
    rendered = _render_file(slug, public_id, number, text, fault)
    return (rendered, 422) if fault else rendered


@editor.action(f"{FILE_RULE}/answer", permission="take letters")
def mail_file_answer(slug: str, public_id: str, number: int) -> BaseResponse | tuple[str, int]:
    """File the letter that a mail became as its expert's answer, with the text of an attached document."""
    text, fault = attached_files.read_document(_load_raw_mail(slug, public_id, number), number - 1)
    if fault:
        return _render_file(slug, public_id, number, fault=fault), 422

    def load(desk: RequestContext) -> Letter:
        return or_404(_get_letter(desk, _get_mail(desk, public_id)))

    def file(desk: RequestContext) -> tuple[str, str]:
        letter = load(desk)
        assignment = or_404(incoming_mails.load_subjects(desk.session, [letter]).get_assignment(letter))
        check_unchanged(desk, letter)
        details = mailed_answers.FilingDetails(document=text)
        mailed_answers.file(desk.session, desk.actor, letter, "answer", details)
        answer = answers_of(desk.session, [assignment.question_id])[assignment.id]
        values: dict[str, Any] = {
            "slug": slug,
            "public_id": assignment.question.public_id,
            "answer_id": answer.public_id,
        }
        frame = mailed_answers.split_answer(text, assignment.expert)
        return url_for("editor.answer_edit", **values), incoming_mails.describe_left_out(frame)

    next_url, left_out = save_unless_changed(slug, load, file)
    announce(f"{_('The text of the file is the answer now. The file stays with the mail.')} {left_out}".strip())
    return redirect(next_url, code=303)


@editor.action(FILE_RULE, permission="read")
def mail_file_take(slug: str, public_id: str, number: int) -> BaseResponse:
    """Return the file as it came, as a download. The download is recorded, and is therefore a POST."""
    raw = _load_raw_mail(slug, public_id, number)
    file, data = or_404(attached_files.fetch_file(raw, number - 1))
    if file.kind == CLOSED_KIND:
        abort(404)

    def record(desk: RequestContext) -> None:
        attached_files.record_download(desk.session, desk.actor, _get_mail(desk, public_id), number - 1)

    run_in_transaction(slug, record)
    headers = ISOLATING_HEADERS | {"Content-Disposition": content_disposition(get_download_name(file, number))}
    return Response(data, content_type="application/octet-stream", headers=headers)


def content_disposition(name: str) -> str:
    """Return a Content-Disposition header with an ASCII name and the full one (RFC 6266, section 4.3, and RFC 8187)."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    ascii_name = re.sub(r"[^\w .()+-]", "_", ascii_name).strip(". ") or "file"
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='!#$&+-.^_`|~')}"
