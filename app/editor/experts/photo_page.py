"""The photo of an expert on their page at the desk."""

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...core.domain_errors import VersionConflict
from ...people import directory, expert_photos
from ...web import photo_form
from ...web.setup import or_404
from ..form_fields import allow_upload
from ..frame import RequestContext, announce, editor, read_context, rerender, run_in_transaction
from .directory_page import load_and_render_expert

PHOTO_RULE = "/<slug>/experts/<public_id>/photo"
CHANGED = _l("The photo has changed in the meantime: look at the one above, then choose again.")

allow_upload("save_expert_photo", expert_photos.MAX_BYTES, lambda: str(photo_form.TOO_BIG))


@editor.get(f"{PHOTO_RULE}/<digest>.jpg")
def expert_photo(slug: str, public_id: str, digest: str) -> Response:
    with read_context(slug) as desk:
        expert = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        return photo_form.send_own_image(expert_photos.photo_of(desk.session, expert), digest)


@editor.action(PHOTO_RULE, permission="directory")
def save_expert_photo(slug: str, public_id: str) -> Response | tuple[str, int]:
    """Store a new photo, or another credit of the one that is there."""
    form, credit = photo_form.read_photo_form()
    if form.errors:
        return rerender(slug, 422, load_and_render_expert, public_id, photo_form=form)

    def fn(desk: RequestContext) -> None:
        expert = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        expert_photos.save_photo(desk.session, desk.actor, expert, form.seen, credit, form.image)

    try:
        run_in_transaction(slug, fn)
    except VersionConflict:
        form.errors["photo"] = str(CHANGED)
        return rerender(slug, 409, load_and_render_expert, public_id, photo_form=form)
    announce(_("The photo is saved."))
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)


@editor.action(f"{PHOTO_RULE}/remove", permission="directory")
def remove_expert_photo(slug: str, public_id: str) -> Response | tuple[str, int]:
    seen = request.form.get("seen", "")

    def fn(desk: RequestContext) -> None:
        expert = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        expert_photos.remove_photo(desk.session, desk.actor, expert, seen)

    try:
        run_in_transaction(slug, fn)
    except VersionConflict:
        form = photo_form.PhotoForm(None, seen, errors={"photo": str(CHANGED)})
        return rerender(slug, 409, load_and_render_expert, public_id, photo_form=form)
    announce(_("The photo is erased."))
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)
