"""Looking at somebody's address: who looks is in the trail before they see it, and whose it was; never the address."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Staff
from ..core.state_machine import must
from .directory import email_of
from .models import Expert, Person


def note(session: Session, actor: Staff, person: Person) -> None:
    """Note that somebody at the desk looks at an address of a person: an expert, or a colleague whom a mail went to.

    The event names them by their public id, too, as files of the trail have no other.
    """
    must(actor, "read")
    expert = session.scalar(select(Expert).filter_by(person_id=person.id))
    if expert is not None:
        audit.record(session, actor, "expert.look", expert, facts={"whose": expert.public_id})
    else:
        facts = {"whose": person.public_id, "person": person.id}
        audit.record(session, actor, "membership.look", person, facts=facts)


def address_of(session: Session, actor: Staff, person: Person) -> str | None:
    """Return a person's address, if there is one, and note who looks at it."""
    if (email := email_of(session, person)) is not None:
        note(session, actor, person)
    return email
