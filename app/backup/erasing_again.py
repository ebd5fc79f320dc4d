"""Repetition of erasures after a restore: a backup still holds what was erased since it was made."""

from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from ..audit import erasures
from ..core.actors import Clock, Reader
from ..db.session import get_keyring
from ..editions.models import EditionItem
from ..letters import contacts
from ..letters.models import Contact, Credit, Letter
from ..mail import erasing
from ..mail.models import Inbound, InboundRaw
from ..mailroom import retention
from ..people import expert_pages, staff
from ..people.expert_pages import ExpertPage
from ..people.expert_photos import ExpertPhoto, ShownPhoto
from ..people.models import Expert, Person
from ..questions.models import Question, Translator
from ..questions.wording import erase_translators
from ..server.worker import CLEANUPS
from ..workflows.letters import withdrawal
from ..workflows.publishing import publication
from ..workflows.retention import erase_letters, erase_people, erase_published


def _list_public_ids(_session: Session, rows: Sequence[Any]) -> list[str]:
    return [row.public_id for row in rows]


@dataclass(frozen=True)
class ErasureKind:
    """A kind of erasure, and how to repeat it.

    `label` names the erased things in the report of a restore. `is_unerased` selects the rows of `model` that still
    hold what the erasure removes. `erase` erases one row, with the same function as the first time. `list_ids` returns,
    for each row, the ID that the list of erasures has for it.
    """

    label: str
    model: Any
    is_unerased: ColumnElement[bool]
    erase: Callable[[Session, Any], object]
    list_ids: Callable[[Session, Sequence[Any]], list[str]] = _list_public_ids


def _remove_name(session: Session, letter: Letter) -> None:
    reader = Reader(letter_id=letter.id)
    withdrawal.change_credit(session, reader, letter, choice="none", name="", place="", consent="")


ERASURE_KINDS = {
    "letter": ErasureKind(
        "letters that their readers took back",
        Letter,
        Letter.erased_at.is_(None),
        lambda session, letter: withdrawal.withdraw(session, Reader(letter_id=letter.id), letter),
    ),
    "translator": ErasureKind(
        "links of translators",
        Translator,
        Translator.is_open,
        lambda session, translator: erase_translators(session, Translator.id == translator.id),
    ),
    "name": ErasureKind(
        "names of readers",
        Letter,
        Letter.erased_at.is_(None) & Letter.id.in_(select(Credit.letter_id).where(Credit.name_sealed.is_not(None))),
        _remove_name,
    ),
    "address": ErasureKind(
        "addresses of readers",
        Letter,
        Letter.id.in_(select(Contact.letter_id)),
        lambda session, letter: contacts.forget(session, Clock(), letter.id),
    ),
    "mail": ErasureKind(
        "mails that had come in",
        Inbound,
        Inbound.id.in_(select(InboundRaw.inbound_id)),
        lambda session, mail: erasing.destroy(session, [mail.id]),
    ),
    "page": ErasureKind(
        "pages that were withdrawn",
        Question,
        Question.is_published,
        lambda session, question: publication.take_down(session, Clock(), question),
    ),
    "wording": ErasureKind(
        "words of what had run",
        Question,
        Question.has_run & Question.id.in_(select(EditionItem.question_id).where(EditionItem.output != "")),
        erase_published.repeat_erasure,
        erase_published.list_erasure_ids,
    ),
    "expert": ErasureKind("experts who were deleted", Expert, Expert.erased_at.is_(None), erase_people.forget_expert),
    "colleague": ErasureKind("colleagues who left", Person, Person.erased_at.is_(None), erase_people.forget_colleague),
    "expert page": ErasureKind(
        "pages of experts who took their yes back",
        ExpertPage,
        true(),  # every page, because the erasure deletes its row
        lambda session, page: expert_pages.withdraw_consent(
            session, Clock(), session.get_one(Expert, page.expert_id), page.newsletter_id
        ),
    ),
    "shown photo": ErasureKind(
        "photos that experts no longer show", ShownPhoto, true(), lambda session, photo: session.delete(photo)
    ),
    "photo": ErasureKind("photos of experts", ExpertPhoto, true(), lambda session, photo: session.delete(photo)),
    "person": ErasureKind(
        "addresses of people whose invitation was withdrawn", Person, Person.email_mac.is_not(None), staff.forget
    ),
    "words": ErasureKind("letters that had had their time", Letter, Letter.erased_at.is_(None), erase_letters.forget),
}


def erase_again(session: Session, erased_hashes: Set[bytes]) -> Counter[str]:
    """Erase the rows whose hashes are in a list of erasures, and return their counts by kind.

    Also erase what has expired since the backup, which isn't counted.
    """
    counts: Counter[str] = Counter()
    keyring = get_keyring(session)
    for kind, erasure in ERASURE_KINDS.items():
        model = erasure.model
        rows = session.execute(select(model.id, model.public_id).where(erasure.is_unerased)).all()
        for row, public_id in zip(rows, erasure.list_ids(session, rows), strict=True):
            possible_hashes = {*erasures.hashes(keyring, kind, public_id)}  # one for each key
            if possible_hashes & erased_hashes:
                erasure.erase(session, session.get_one(model, row.id))
                counts[kind] += 1
        session.expire_all()
    _erase_expired(session)
    return counts


def _erase_expired(session: Session) -> None:
    """Erase what has passed its retention period since the backup, as the worker would."""
    for delete_expired in CLEANUPS:
        delete_expired(session)
    erased_count = 1
    while erased_count:  # each function erases one batch, which may make rows of another one due
        erased_count = 0
        for erase_batch in (
            retention.destroy_old,
            erase_letters.erase_due,
            erase_people.erase_due,
            erase_published.erase_due,
        ):
            erased_count += erase_batch(session)
