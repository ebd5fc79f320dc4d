"""Renaming a newsletter or changing its slug; former slugs redirect to it permanently."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ... import audit
from ...core.actors import Clock, Staff
from ...core.fields import FieldError, read_form
from ...core.state_machine import must
from ...db.session import lock_row
from ...forms.models import FormDraft
from ...newsletters import former_names
from ...newsletters.models import SETTINGS, Newsletter
from ...newsletters.settings import InvalidSettings
from .founding import validate_free_slug

FIELDS = {"name": SETTINGS["name"]}


def rename(session: Session, actor: Staff | Clock, newsletter: Newsletter, name: str, slug: str) -> bool:
    """Set the name and the slug of a newsletter, and return whether either has changed.

    Raises `InvalidSettings` and `PermissionDenied`.
    """
    must(actor, "newsletters", "upkeep")
    lock_row(session, newsletter)
    values, field_errors = read_form(FIELDS, {"name": name})
    errors = dict(field_errors)
    try:
        slug = validate_free_slug(session, slug, newsletter)
    except FieldError as error:
        errors["slug"] = error
    if errors:
        raise InvalidSettings(errors)
    old_slug = newsletter.slug
    if (newsletter.name, old_slug) == (values["name"], slug):
        return False
    newsletter.name, newsletter.slug = values["name"], slug
    session.flush()
    if slug != old_slug:
        former_names.save_former_name(session, newsletter.id, old_slug, slug)
        _move_drafts(session, newsletter, old_slug)
    audit.record(session, actor, "newsletter.rename", newsletter)
    return True


def _move_drafts(session: Session, newsletter: Newsletter, old_slug: str) -> None:
    """Change the URLs of the desk's form drafts, since a draft is found by the URL of its form."""
    old_prefix, new_prefix = f"/desk/{old_slug}/", f"/desk/{newsletter.slug}/"
    drafts = select(FormDraft).where(FormDraft.newsletter_id == newsletter.id)
    for draft in session.scalars(drafts.where(FormDraft.form.startswith(old_prefix, autoescape=True))):
        draft.form = new_prefix + draft.form.removeprefix(old_prefix)
