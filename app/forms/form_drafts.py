"""Drafts of forms of the desk: what was typed and not sent is stored for its author, and deleted once it is sent.

A draft belongs to one browser window: two windows with the same form have two drafts, and neither overwrites the other.
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

KEPT = timedelta(days=30)  # after it was last saved
MOST = 200_000  # characters of a form, more than any form of the desk accepts
NOW = timedelta(seconds=45)  # how long somebody counts as typing after their draft was saved
MOST_OF_ONE = 5  # drafts per person and form; older ones are deleted
Fields = Sequence[tuple[str, str]]  # as a browser sends them


@dataclass(frozen=True)
class FormState:
    """The state of a form in one window, which was last saved as the draft `public_id` with this `count`.

    If that draft was saved from another window since, or is gone, this state gets a draft of its own. `key` is the
    digest of the form's idempotency key.
    """

    fields: Fields
    changed: Collection[str]
    key: bytes
    public_id: str = ""
    count: int = 0


@dataclass(frozen=True)
class OpenDraft:
    """A draft with its fields unsealed."""

    public_id: str
    count: int
    saved_at: datetime
    fields: Fields


def save(session: Session, actor: Staff, form: str, typing: FormState) -> FormDraft:
    """Save the state of a form as a draft of the actor, and return the draft."""
    known = {"public_id": typing.public_id, "form": form, "count": typing.count}
    draft = session.scalar(_select_drafts(actor).filter_by(**known).with_for_update())
    if draft is None:
        _make_room(session, actor, form)
        whose = {"person_id": actor.person_id, "newsletter_id": actor.newsletter_id}
        draft = FormDraft(public_id=new_public_id(), **whose, form=form, count=0)
    draft.count += 1
    draft.form_digest, draft.changed, draft.saved_at = typing.key, " ".join(sorted(typing.changed))[:400], now(session)
    draft.sealed = get_keyring(session).seal(_place(draft), json.dumps(list(typing.fields), ensure_ascii=False))
    draft.key_no = get_keyring(session).newest
    return add_and_flush(session, draft)


def _make_room(session: Session, actor: Staff, form: str) -> None:
    old = session.scalars(_select_drafts(actor).filter_by(form=form).order_by(FormDraft.saved_at.desc()))
    for draft in old.all()[MOST_OF_ONE - 1 :]:
        session.delete(draft)


def has_any(person_id: int, newsletter_id: int) -> ColumnElement[bool]:
    """Return a column that tells whether a person has drafts."""
    return exists().where(*_owner_clauses(person_id, newsletter_id))


def get_drafts_by_form(session: Session, actor: Staff) -> dict[str, list[FormDraft]]:
    """Return the actor's drafts, keyed by form, newest first."""
    found: dict[str, list[FormDraft]] = defaultdict(list)
    for draft in session.scalars(_select_drafts(actor).order_by(FormDraft.saved_at.desc(), FormDraft.id.desc())):
        found[draft.form].append(draft)
    return found


def open_draft(session: Session, draft: FormDraft) -> OpenDraft:
    fields = json.loads(get_keyring(session).open(_place(draft), draft.sealed))
    return OpenDraft(draft.public_id, draft.count, draft.saved_at, [(name, text) for name, text in fields])


def find_others_typing(session: Session, actor: Staff, form: str) -> dict[int, set[str]]:
    """Return the IDs of other people who are typing into this form now, with the names of the changed fields."""
    since = now(session) - NOW
    rows = session.scalars(
        select(FormDraft).where(
            FormDraft.form == form, FormDraft.saved_at > since, FormDraft.person_id != actor.person_id
        )
    )
    found: dict[int, set[str]] = {}
    for row in rows:
        found.setdefault(row.person_id, set()).update(row.changed.split())
    return found


def drop(session: Session, actor: Staff, public_id: str) -> bool:
    """Delete a draft that the actor discards. Return whether there was one."""
    draft = session.scalar(_select_drafts(actor).filter_by(public_id=public_id))
    if draft is not None:
        session.delete(draft)
    return draft is not None


def drop_sent(session: Session, actor: Staff, public_id: str, key: bytes) -> None:
    """Delete the drafts of a form that is sent: the one that it names, and those saved from the same window."""
    mine = _owner_clauses(actor.person_id, actor.newsletter_id)
    session.execute(delete(FormDraft).where(*mine, or_(FormDraft.public_id == public_id, FormDraft.form_digest == key)))


def erase_about(session: Session, public_ids: Collection[str]) -> None:
    """Delete all drafts about these rows: those of forms whose URL contains one of the public IDs."""
    if public_ids:
        named = or_(*(FormDraft.form.contains(f"/{one}/", autoescape=True) for one in public_ids))
        session.execute(delete(FormDraft).where(named))


def sweep(session: Session) -> None:
    session.execute(delete(FormDraft).where(FormDraft.saved_at < now(session) - KEPT))


def _select_drafts(actor: Staff) -> Select[FormDraft]:
    return select(FormDraft).where(*_owner_clauses(actor.person_id, actor.newsletter_id))


def _owner_clauses(person_id: int, newsletter_id: int) -> tuple[ColumnElement[bool], ...]:
    return FormDraft.person_id == person_id, FormDraft.newsletter_id == newsletter_id


def _place(draft: FormDraft) -> str:
    return f"form_drafts.sealed.{draft.public_id}"
