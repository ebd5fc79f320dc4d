"""The photo of an expert as experts and the desk see it: the form with its fields, file and errors, and the image."""

from dataclasses import dataclass, field
from typing import Any

from flask import abort, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..core.domain_errors import MissingPrecondition, TooLong
from ..mail import attached_files
from ..people import expert_photos
from ..people.expert_photos import LICENCES, MAX_BYTES, ExpertPhoto, PhotoCredit, ShownPhoto
from ..people.models import Expert
from .error_sentences import format_error
from .foreign_files import ISOLATING_HEADERS
from .formatting import comma

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
    """A submitted form: the redrawn image if there is a new one, and the errors by field.

    `credit` is None if the press was on a button that submits no credit.
    """

    credit: PhotoCredit | None
    seen: str
    image: bytes | None = None
    errors: dict[str, str] = field(default_factory=dict)


def read_photo_form() -> tuple[PhotoForm, PhotoCredit]:
    """Read the submitted form, and redraw its file in a process of its own. Call it outside of a transaction.

    Return the form, and its credit as it is stored if the form has no errors. Raises `Busy`.
    """
    values = request.form
    credit = PhotoCredit(values.get("photographer", ""), values.get("licence", ""), values.get("terms", ""))
    form = PhotoForm(credit, values.get("seen", ""))
    try:
        form.credit = credit = credit.get_clean_credit()
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
    return form, credit


def describe_photo(
    session: Session, expert: Expert, form: PhotoForm | None, newsletter_id: int | None = None
) -> dict[str, Any]:
    """Return the values of the templates with an expert's photo. `form` is one that was refused.

    `newsletter_id` is as in `expert_photos.has_shown_photo`.
    """
    photo = expert_photos.photo_of(session, expert)
    return {
        "photo": photo,
        "photo_form": describe_form(photo, form),
        "caption": format_caption(photo) if photo else "",
        "is_photo_shown": expert_photos.has_shown_photo(session, expert, newsletter_id),
    }


def describe_form(photo: ExpertPhoto | None, form: PhotoForm | None) -> dict[str, Any]:
    """Return the values of `macros/photo.html`: the stored credit, or the submitted one if the form was refused."""
    shown = form.credit if form and form.credit else photo
    return {
        "photographer": shown.photographer if shown else "",
        "licence": shown.licence if shown else "",
        "terms": shown.terms if shown else "",
        "seen": photo.public_id if photo else "",
        "errors": form.errors if form else {},
        "has_submitted_credit": bool(form and form.credit),
        "licences": [("", _("Choose")), *((key, _(licence.label)) for key, licence in LICENCES.items())],
    }


def format_caption(photo: ExpertPhoto | ShownPhoto) -> str:
    """Return the caption of a photo: who took it, and under which licence it is printed."""
    licence = LICENCES[photo.licence].printed
    parts = (photo.photographer, _(licence) if licence else "", photo.terms)
    return str(_("Photo: %(credit)s", credit=comma().join(filter(None, parts))))


def send_image(image: bytes) -> Response:
    """Respond with a stored image. Nobody may keep it, unless the view's decorator says otherwise."""
    return Response(image, mimetype="image/jpeg", headers=ISOLATING_HEADERS)


def send_own_image(photo: ExpertPhoto | None, digest: str) -> Response:
    """Respond with an expert's photo to them or the desk. Aborts with 404 if there is none with this digest."""
    if photo is None or photo.digest != digest:
        abort(404)
    return send_image(photo.image)
