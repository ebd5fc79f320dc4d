"""Renaming a newsletter or changing its slug; former slugs redirect to it for good."""

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

NAMED = {"name": SETTINGS["name"]}


def rename(session: Session, actor: Staff | Clock, newsletter: Newsletter, name: str, slug: str) -> bool:
    """Set the name and the slug of a newsletter, and return whether either has changed.

    Raises `InvalidSettings` and `PermissionDenied`.
    """
    must(actor, "newsletters", "upkeep")
    lock_row(session, newsletter)
    values, wrong = read_form(NAMED, {"name": name})
    faults, old = dict(wrong), newsletter.slug
    try:
        slug = validate_free_slug(session, slug, newsletter)
    except FieldError as fault:
        faults["slug"] = fault
    if faults:
        raise InvalidSettings(faults)
    if (newsletter.name, old) == (values["name"], slug):
        return False
    newsletter.name, newsletter.slug = values["name"], slug
    session.flush()
    if slug != old:
        former_names.save_former_name(session, newsletter.id, old, slug)
        _move_drafts(session, newsletter, old)
    audit.record(session, actor, "newsletter.rename", newsletter)
    return True


def _move_drafts(session: Session, newsletter: Newsletter, old_slug: str) -> None:
    """Move the desk's form drafts to the new URLs, since a draft is found by the URL of its form."""
    before, after = f"/desk/{old_slug}/", f"/desk/{newsletter.slug}/"
    drafts = select(FormDraft).where(FormDraft.newsletter_id == newsletter.id)
    for draft in session.scalars(drafts.where(FormDraft.form.startswith(before, autoescape=True))):
        draft.form = after + draft.form.removeprefix(before)
