"""Drafts of forms of the desk: text that was typed and not sent is stored for its author until the form is sent.

A draft belongs to one browser window: two windows with the same form have two drafts, which don't overwrite each other.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, delete, exists, or_, select
from sqlalchemy.orm import Session

from ..core.actors import Staff
from ..db.ids import new_public_id
from ..db.session import add_and_flush, get_keyring, now
from .models import FormDraft

KEPT = timedelta(days=30)  # how long a draft is kept after it was last saved
MAX_CHARACTERS = 200_000  # characters of all fields together: more than any form of the desk accepts
TYPING_WINDOW = timedelta(seconds=45)  # how long somebody counts as typing after their draft was saved
MAX_DRAFTS = 5  # of one form by one person; older drafts are deleted
Fields = Sequence[tuple[str, str]]  # names and values, as a browser sends them


@dataclass(frozen=True)
class FormState:
    """The state of a form in one window: its fields, and the names of the changed ones.

    `public_id` and `count` identify the draft in which this window last saved its state. If another window has saved
    this draft since, or it is gone, the state gets a new draft. `form_digest` is the digest of the form's idempotency
    key.
    """

    fields: Fields
    changed: Collection[str]
    form_digest: bytes
    public_id: str = ""
    count: int = 0


@dataclass(frozen=True)
class OpenDraft:
    """A draft with its fields unsealed."""

    public_id: str
    count: int
    saved_at: datetime
    fields: Fields


def save(session: Session, actor: Staff, form: str, state: FormState) -> FormDraft:
    """Save the state of a form as a draft of the actor. Return the draft."""
    own_draft = _select_drafts(actor).filter_by(public_id=state.public_id, form=form, count=state.count)
    draft = session.scalar(own_draft.with_for_update())
    if draft is None:
        _delete_oldest(session, actor, form)
        draft = FormDraft(
            public_id=new_public_id(), person_id=actor.person_id, newsletter_id=actor.newsletter_id, form=form, count=0
        )
    keyring = get_keyring(session)
    draft.count += 1
    draft.form_digest = state.form_digest
    draft.changed = " ".join(sorted(state.changed))[:400]  # the length of the column
    draft.saved_at = now(session)
    draft.sealed = keyring.seal(_seal_context(draft), json.dumps(list(state.fields), ensure_ascii=False))
    draft.key_no = keyring.newest
    return add_and_flush(session, draft)


def _delete_oldest(session: Session, actor: Staff, form: str) -> None:
    """Delete the actor's oldest drafts of a form, so that there is room for another one."""
    drafts = session.scalars(_select_drafts(actor).filter_by(form=form).order_by(FormDraft.saved_at.desc())).all()
    for draft in drafts[MAX_DRAFTS - 1 :]:
        session.delete(draft)


def has_any(person_id: int, newsletter_id: int) -> ColumnElement[bool]:
    """Return an SQL expression for whether a person has drafts, or held submissions, which are drafts too."""
    return exists().where(*_owner_clauses(person_id, newsletter_id))


def get_drafts_by_form(session: Session, actor: Staff) -> dict[str, list[FormDraft]]:
    """Return the actor's drafts, keyed by form, newest first."""
    drafts_by_form: dict[str, list[FormDraft]] = defaultdict(list)
    for draft in session.scalars(_select_drafts(actor).order_by(FormDraft.saved_at.desc(), FormDraft.id.desc())):
        drafts_by_form[draft.form].append(draft)
    return drafts_by_form


def open_draft(session: Session, draft: FormDraft) -> OpenDraft:
    fields = json.loads(get_keyring(session).open(_seal_context(draft), draft.sealed))
    return OpenDraft(draft.public_id, draft.count, draft.saved_at, [(name, value) for name, value in fields])


def find_others_typing(session: Session, actor: Staff, form: str) -> dict[int, set[str]]:
    """Return the IDs of the other people who are typing into this form, with the names of the changed fields."""
    query = select(FormDraft).where(
        FormDraft.form == form,
        FormDraft.saved_at > now(session) - TYPING_WINDOW,
        FormDraft.person_id != actor.person_id,
    )
    changed_fields: dict[int, set[str]] = defaultdict(set)
    for draft in session.scalars(query):
        changed_fields[draft.person_id].update(draft.changed.split())
    return changed_fields


def drop(session: Session, actor: Staff, public_id: str) -> bool:
    """Delete a draft that the actor discards. Return whether there was one."""
    draft = session.scalar(_select_drafts(actor).filter_by(public_id=public_id))
    if draft is None:
        return False
    session.delete(draft)
    return True


def drop_sent(session: Session, actor: Staff, public_id: str, form_digest: bytes) -> None:
    """Delete the drafts of a form that is sent: the draft with this ID, and all that the same window saved."""
    is_own = _owner_clauses(actor.person_id, actor.newsletter_id)
    is_sent = or_(FormDraft.public_id == public_id, FormDraft.form_digest == form_digest)
    session.execute(delete(FormDraft).where(*is_own, is_sent))


def erase_about(session: Session, public_ids: Collection[str]) -> None:
    """Delete everybody's drafts about the rows with these public IDs: the URLs of such forms contain the ID."""
    if public_ids:
        is_about = or_(*(FormDraft.form.contains(f"/{public_id}/", autoescape=True) for public_id in public_ids))
        session.execute(delete(FormDraft).where(is_about))


def delete_expired(session: Session) -> None:
    session.execute(delete(FormDraft).where(FormDraft.saved_at < now(session) - KEPT))


def _select_drafts(actor: Staff) -> Select[FormDraft]:
    return select(FormDraft).where(*_owner_clauses(actor.person_id, actor.newsletter_id))


def _owner_clauses(person_id: int, newsletter_id: int) -> tuple[ColumnElement[bool], ...]:
    return FormDraft.person_id == person_id, FormDraft.newsletter_id == newsletter_id


def _seal_context(draft: FormDraft) -> str:
    return f"form_drafts.sealed.{draft.public_id}"
