"""Erase from a restored newsroom what was erased since its backup, with the verbs that erased it then."""

from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
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
from ..people.models import Expert, Person
from ..questions.models import Question, Translator
from ..questions.wording import erase_translators
from ..server.worker import SWEEPS
from ..workflows.letters import withdrawal
from ..workflows.publishing import publication
from ..workflows.retention import erase_letters, erase_people, erase_published


@dataclass(frozen=True)
class ErasureKind:
    """A kind of erasure: its label, the rows that still hold what it erased, its verb, and the names noted for them."""

    says: str
    noun: Any
    still: ColumnElement[bool]
    erase: Callable[[Session, Any], object]
    names: Callable[[Session, Sequence[Any]], list[str]] = lambda _session, rows: [row.public_id for row in rows]


def _remove_name(session: Session, letter: Letter) -> None:
    withdrawal.change_credit(session, Reader(letter_id=letter.id), letter, "none", "", "", "")


AGAIN = {
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
        lambda session, one: erase_translators(session, Translator.id == one.id),
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
        erase_published.forget_again,
        erase_published.names_of_erasures,
    ),
    "expert": ErasureKind("experts who were deleted", Expert, Expert.erased_at.is_(None), erase_people.forget_expert),
    "colleague": ErasureKind("colleagues who left", Person, Person.erased_at.is_(None), erase_people.forget_colleague),
    "expert page": ErasureKind(
        "pages of experts who took their yes back",
        ExpertPage,
        ExpertPage.id.is_not(None),
        lambda session, page: expert_pages.take_back(
            session, Clock(), session.get_one(Expert, page.expert_id), page.newsletter_id
        ),
    ),
    "person": ErasureKind(
        "addresses of people whose invitation was withdrawn", Person, Person.email_mac.is_not(None), staff.forget
    ),
    "words": ErasureKind("letters that had had their time", Letter, Letter.erased_at.is_(None), erase_letters.forget),
}


def erase_again(session: Session, erased_hashes: Set[bytes]) -> Counter[str]:
    """Erase everything in a list, and what the retention rules would have erased by now. Return counts by kind."""
    done: Counter[str] = Counter()
    ring = get_keyring(session)
    for kind, again in AGAIN.items():
        rows = session.execute(select(again.noun.id, again.noun.public_id).where(again.still)).all()
        for row, name in zip(rows, again.names(session, rows), strict=True):
            if not erased_hashes.isdisjoint(erasures.hashes(ring, kind, name)):
                again.erase(session, session.get_one(again.noun, row.id))
                done[kind] += 1
        session.expire_all()
    for sweep in SWEEPS:
        sweep(session)
    forgets = (retention.destroy_old, erase_letters.sweep, erase_people.sweep, erase_published.sweep)
    while any(sweep(session) for sweep in forgets):
        pass
    return done
