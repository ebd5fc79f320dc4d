"""Form submissions that are held while the person proves their identity again: sealed, with all fields, for an hour.

They are stored as drafts of forms, under a URL that no form has, so that none is offered as a draft.
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


def hold(session: Session, actor: Staff, address: str, fields: Fields, key: bytes) -> str:
    """Store what was sent to `address`, once per `key` however often the form is sent. Return the public ID.

    `key` is the digest of the form's idempotency key.
    """
    form = (HELD + address.partition("?")[0])[:200]
    mine = (FormDraft.person_id == actor.person_id, FormDraft.newsletter_id == actor.newsletter_id)
    session.execute(delete(FormDraft).where(*mine, FormDraft.form == form, FormDraft.form_digest == key))
    return form_drafts.save(session, actor, form, FormState([("", address), *fields], (), key)).public_id


def load(session: Session, actor: Staff, public_id: str) -> tuple[str, Fields] | None:
    """Return the address and the fields of a held submission; None if it has expired or is somebody else's."""
    whose = {"person_id": actor.person_id, "newsletter_id": actor.newsletter_id, "public_id": public_id}
    recent = (FormDraft.form.startswith(HELD), FormDraft.saved_at > now(session) - KEPT)
    draft = session.scalar(select(FormDraft).filter_by(**whose).where(*recent))
    if draft is None:
        return None
    (_none, address), *sent = form_drafts.open_draft(session, draft).fields
    return address, sent


def sweep(session: Session) -> None:
    old = (FormDraft.form.startswith(HELD), FormDraft.saved_at <= now(session) - KEPT)
    session.execute(delete(FormDraft).where(*old))
