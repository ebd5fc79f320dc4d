"""An expert's own photo: upload, credit, removal, and the yes to show it to readers."""

from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..core.domain_errors import VersionConflict
from ..newsletters.queries import all_newsletters
from ..people import expert_photos
from ..web import photo_form
from ..web.body_limits import FORM_OVERHEAD, UPLOADS, Upload
from ..web.photo_form import PhotoForm
from ..web.setup import db
from .access import expert, get_actor, get_signed_in_expert, has_expert_session
from .profile import rerender_photo_form

UPLOADS["expert.save_photo"] = Upload(
    expert_photos.MAX_BYTES + FORM_OVERHEAD, has_expert_session, lambda: str(photo_form.TOO_BIG)
)


@expert.get("/expert/photo/<digest>.jpg")
def own_photo(digest: str) -> Response:
    with db.read() as session:
        return photo_form.send_own_image(expert_photos.photo_of(session, get_signed_in_expert(session)), digest)


@expert.post("/expert/photo")
def save_photo() -> Response:
    """Store a new photo, or another credit of the one that is there."""
    form, credit = photo_form.read_photo_form()
    if form.errors:
        return rerender_photo_form(form, 400)

    def save(session: Session) -> None:
        expert_row = get_signed_in_expert(session)
        expert_photos.save_photo(session, get_actor(session), expert_row, form.seen, credit, form.image)

    return _write(save, _("Your photo is saved."), form)


@expert.post("/expert/photo/<any(remove, show, hide):act>")
def change_photo(act: str) -> Response:
    seen = request.form.get("seen", "")

    def change(session: Session) -> None:
        expert_row, actor = get_signed_in_expert(session), get_actor(session)
        if act == "remove":
            expert_photos.remove_photo(session, actor, expert_row, seen)
        elif act == "hide":
            expert_photos.hide_photo(session, actor, expert_row)
        else:
            newsletter_ids = [newsletter.id for newsletter in all_newsletters(session)]
            expert_photos.show_photo(session, actor, expert_row, seen, newsletter_ids)

    notices = {
        "remove": _("Your photo is erased."),
        "show": _("Readers see your photo now."),
        "hide": _("Readers don’t see your photo any more."),
    }
    return _write(change, notices[act])


def _write(fn: Any, notice: str, form: PhotoForm | None = None) -> Response:
    try:
        db.write(fn)
    except VersionConflict:
        form = form or PhotoForm(None, "")
        form.errors["photo"] = _("The photo has changed in the meantime: look at the one above, then press again.")
        return rerender_photo_form(form, 409)
    flash(notice)
    return redirect(url_for("expert.profile", _anchor="photo-part"), code=303)
