"""Form submissions that are held for an hour while the person proves their identity again. All fields are sealed.

They are stored as form drafts under a prefixed URL. No form has such a URL, so they are never offered as drafts.
"""

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..core.actors import Staff
from ..db.session import now
from . import form_drafts
from .form_drafts import Fields, FormState
from .models import FormDraft

HELD = "held "  # prefix of `FormDraft.form`
KEPT = timedelta(hours=1)


def hold(session: Session, actor: Staff, address: str, fields: Fields, form_digest: bytes) -> str:
    """Store what was submitted to `address`, and return its public ID.

    It replaces an earlier held submission of the same form. `form_digest` is the digest of the form's idempotency key.
    """
    form = (HELD + address.partition("?")[0])[:200]  # the length of the column
    earlier = delete(FormDraft).where(
        FormDraft.person_id == actor.person_id,
        FormDraft.newsletter_id == actor.newsletter_id,
        FormDraft.form == form,
        FormDraft.form_digest == form_digest,
    )
    session.execute(earlier)
    # The address with its query is stored as the first field, without a name.
    state = FormState([("", address), *fields], (), form_digest)
    return form_drafts.save(session, actor, form, state).public_id


def load(session: Session, actor: Staff, public_id: str) -> tuple[str, Fields] | None:
    """Return the address and the fields of a held submission; None if it has expired or isn't the actor's own."""
    query = select(FormDraft).where(
        FormDraft.person_id == actor.person_id,
        FormDraft.newsletter_id == actor.newsletter_id,
        FormDraft.public_id == public_id,
        FormDraft.form.startswith(HELD),
        FormDraft.saved_at > now(session) - KEPT,
    )
    draft = session.scalar(query)
    if draft is None:
        return None
    (_name, address), *fields = form_drafts.open_draft(session, draft).fields
    return address, fields


def delete_expired(session: Session) -> None:
    expired = (FormDraft.form.startswith(HELD), FormDraft.saved_at <= now(session) - KEPT)
    session.execute(delete(FormDraft).where(*expired))
