"""Erasing again from a restored newsroom what was erased since its backup, by the verbs that erased it then."""

from collections import Counter
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from ..actors import Clock, Reader
from ..audit import erasures
from ..db import keys
from ..letters import contacts
from ..letters.models import Contact, Credit, Letter
from ..mail import erasing
from ..mail.models import Inbound, InboundRaw
from ..mailroom import retention
from ..newsroom import forgetting, publishing, withdrawal
from ..people import staff
from ..people.models import Person
from ..questions.models import Question
from ..worker import SWEEPS


@dataclass(frozen=True)
class Again:
    """A kind of erasure: what is said of it, the rows that still have what it erased, and its verb."""

    says: str
    noun: Any
    still: ColumnElement[bool]
    erase: Callable[[Session, Any], object]


def _unname(session: Session, letter: Letter) -> None:
    withdrawal.change_credit(session, Reader(letter_id=letter.id), letter, "none", "", "", "")


AGAIN = {
    "letter": Again(
        "letters that their readers took back",
        Letter,
        Letter.erased_at.is_(None),
        lambda session, letter: withdrawal.withdraw(session, Reader(letter_id=letter.id), letter),
    ),
    "name": Again(
        "names of readers",
        Letter,
        Letter.erased_at.is_(None) & Letter.id.in_(select(Credit.letter_id).where(Credit.name_sealed.is_not(None))),
        _unname,
    ),
    "address": Again(
        "addresses of readers",
        Letter,
        Letter.id.in_(select(Contact.letter_id)),
        lambda session, letter: contacts.forget(session, Clock(), letter.id),
    ),
    "mail": Again(
        "mails that had come in",
        Inbound,
        Inbound.id.in_(select(InboundRaw.inbound_id)),
        lambda session, mail: erasing.destroy(session, [mail.id]),
    ),
    "page": Again(
        "pages that were withdrawn",
        Question,
        Question.is_published,
        lambda session, question: publishing.take_down(session, Clock(), question),
    ),
    "person": Again(
        "addresses of people whose invitation was withdrawn", Person, Person.email_mac.is_not(None), staff.forget
    ),
    "words": Again("letters that had had their time", Letter, Letter.erased_at.is_(None), forgetting.forget),
}


def erase_again(session: Session, noted: Set[bytes]) -> Counter[str]:
    """Erase all that stands in a list, and what the rules would have erased by now; how many of each kind."""
    done: Counter[str] = Counter()
    ring = keys(session)
    for kind, again in AGAIN.items():
        rows = session.execute(select(again.noun.id, again.noun.public_id).where(again.still)).all()
        for row in rows:
            if not noted.isdisjoint(erasures.hashes(ring, kind, row.public_id)):
                again.erase(session, session.get_one(again.noun, row.id))
                done[kind] += 1
        session.expire_all()
    for sweep in SWEEPS:
        sweep(session)
    while retention.destroy_old(session) or forgetting.sweep(session):
        pass
    return done
