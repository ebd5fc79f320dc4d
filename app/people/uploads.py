"""Uploaded files between preview and import: encrypted, for their owner only, and valid for an hour."""

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..core.actors import Staff
from ..core.state_machine import must
from ..db.ids import new_public_id
from ..db.session import add_and_flush, get_keyring, now
from .models import Upload

LIFE = timedelta(hours=1)


def keep(session: Session, actor: Staff, data: bytes, act: str = "whole directory") -> Upload:
    """Store a file for the actor, in place of any earlier file. `act` is the permission that its import requires.

    Raises `PermissionDenied`.
    """
    must(actor, act)
    session.execute(delete(Upload).where(Upload.person_id == actor.person_id))
    public_id = new_public_id()
    upload = Upload(
        public_id=public_id,
        person_id=actor.person_id,
        newsletter_id=actor.newsletter_id,
        sealed=get_keyring(session).seal_bytes(_seal_context(public_id), data),
        ends_at=now(session) + LIFE,
    )
    return add_and_flush(session, upload)


def load(session: Session, actor: Staff, public_id: str, act: str = "whole directory") -> Upload | None:
    """Return a file if this actor uploaded it at this desk and it has not expired, or None.

    Raises `PermissionDenied`.
    """
    must(actor, act)
    query = select(Upload).filter_by(public_id=public_id, person_id=actor.person_id, newsletter_id=actor.newsletter_id)
    return session.scalar(query.where(Upload.ends_at > now(session)))


def bytes_of(session: Session, upload: Upload) -> bytes:
    """Return the contents of a file, decrypted."""
    return get_keyring(session).open_bytes(_seal_context(upload.public_id), upload.sealed)


def drop(session: Session, upload: Upload) -> None:
    session.delete(upload)
    session.flush()


def delete_expired(session: Session) -> None:
    """Delete files that weren't imported in time."""
    session.execute(delete(Upload).where(Upload.ends_at <= now(session)))


def _seal_context(public_id: str) -> str:
    return f"uploads.sealed.{public_id}"
