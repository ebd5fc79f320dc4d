"""The form for the photo of an expert, which experts and the desk share: its fields, its file and its errors."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ..core.domain_errors import MissingPrecondition, TooLong
from ..mail import attached_files
from ..people.expert_photos import LICENCES, MAX_BYTES, ExpertPhoto, PhotoCredit, ShownPhoto
from .error_sentences import format_error

MAX_MEGABYTES = MAX_BYTES >> 20
FORM_OVERHEAD = 64 * 1024  # bytes of the other fields
TOO_BIG = _l("The file is too large. Choose one of at most 5 MB.")
# Why a file can't be used, by the reason of `attached_files.draw_portrait`.
REJECTIONS = {
    "large": _l("The picture has too many pixels. Choose one of at most 50 megapixels."),
    "small": _l("The picture is too small. Choose one of at least 150 by 150 pixels."),
    "unreadable": _l("This is no JPEG, PNG or WebP picture. Choose another file."),
    "time": _l("Reading this picture takes too long. Choose another file."),
    "broken": _l("This picture can’t be read. Choose another file."),
}


@dataclass
class PhotoForm:
    """A submitted form: the credit, the redrawn image if there is a new one, and the errors by field."""

    credit: PhotoCredit
    seen: str
    image: bytes | None = None
    errors: dict[str, str] = field(default_factory=dict)


def raise_size_limit() -> None:
    """Let the body of this request have the size of a photo."""
    request.max_content_length = MAX_BYTES + FORM_OVERHEAD


def read_photo_form() -> PhotoForm:
    """Read the submitted form, and redraw its file in a process of its own. Call it outside of a transaction.

    Raises `Busy`.
    """
    values = request.form
    credit = PhotoCredit(values.get("photographer", ""), values.get("licence", ""), values.get("terms", ""))
    form = PhotoForm(credit, values.get("seen", ""))
    try:
        form.credit = credit.get_clean_credit()
    except (MissingPrecondition, TooLong) as error:
        form.errors[error.field] = format_error(error)
    file = request.files.get("photo")
    data = file.read(MAX_BYTES + 1) if file and file.filename else b""
    if len(data) > MAX_BYTES:
        form.errors["photo"] = str(TOO_BIG)
    elif data:
        image, reason = attached_files.draw_portrait(data)
        form.image = image or None
        if reason:
            form.errors["photo"] = str(REJECTIONS[reason])
    elif not form.seen:
        form.errors["photo"] = _("Choose a picture.")
    return form


def describe_form(photo: ExpertPhoto | None, form: PhotoForm | None) -> dict[str, Any]:
    """Return the values of `macros/photo.html`: the stored credit, or the submitted one if the form was refused."""
    shown = form.credit if form else photo
    return {
        "photographer": shown.photographer if shown else "",
        "licence": shown.licence if shown else "",
        "terms": shown.terms if shown else "",
        "seen": photo.public_id if photo else "",
        "errors": form.errors if form else {},
        "licences": [("", _("Choose")), *((key, _(licence.label)) for key, licence in LICENCES.items())],
    }


def format_caption(photo: ExpertPhoto | ShownPhoto, gettext: Callable[[str], str] = _) -> str:
    """Return the caption of a photo: who took it, and under which licence it is printed."""
    licence = LICENCES[photo.licence].printed
    parts = (photo.photographer, gettext(licence) if licence else "", photo.terms)
    return gettext("Photo: %(credit)s") % {"credit": ", ".join(filter(None, parts))}


def send_image(image: bytes, cache_control: str = "") -> Response:
    """Respond with a stored image. `cache_control` is the header; "" leaves it to the view's decorator."""
    response = Response(image, mimetype="image/jpeg")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'; sandbox"
    if cache_control:
        response.headers["Cache-Control"] = cache_control
    return response
